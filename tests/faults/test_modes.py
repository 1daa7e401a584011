"""Every kind of store, as source and as destination: right bytes are no alarm, a wrong byte is no proof.

Each row names what an object of one PUT (`photo`) and one in parts (`film`) end as, with right bytes and with one byte
wrong on its way. The oracle reads both disks: what is verified is equal there, whatever the row says.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from tests.faults.conftest import Make
from tests.faults.two_stores import TINY_PARTS, Settled, TwoStores

pytestmark = pytest.mark.slow

BODY = os.urandom(100_000)
NO_SUMS: Mapping[str, object] = {"checksums": [], "default_checksum": ""}
# What a store needs to prove nothing at all.
BLIND = {"content_md5": "ignores", "payload_sha256": "ignores", **NO_SUMS}

# What a row says, in short.
PROVEN, PARTS_ONLY, ON_ARRIVAL = "verified S3/D3", "verified S2/D3", "verified S3/D2"
WRONG_ETAG, WRONG_SUM = "failed source_etag_mismatch", "failed source_checksum_mismatch"
REJECTED, DEST_ETAG, PART_ETAG = "failed digest_rejected", "failed dest_etag_mismatch", "failed part_etag_mismatch"
KMS, UNKNOWN = "unverified sse_kms S1/D3", "unverified etag_semantics_unknown S1/D3"
DISPROVED, NO_LAYOUT = "unverified etag_semantics_disproved S1/D3", "unverified layout_unknown S1/D3"


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of source: how photo and film end with right bytes, and with one byte flipped at every read.

    `others`: so many more objects of that kind show what an ETag means. `folder`: there is an empty one besides,
    whose ETag is the MD5 of no bytes. `parts`: how the film was uploaded.
    """

    name: str
    traits: Mapping[str, object]
    photo: str
    photo_flipped: str
    film: str
    film_flipped: str
    others: int = 0
    folder: bool = False
    parts: Sequence[int] = (40_000, 40_000, 20_000)


@dataclass(frozen=True, slots=True)
class Dest:
    """One kind of destination: how photo and film end with right bytes, and with one byte spoiled at every write."""

    name: str
    traits: Mapping[str, object]
    photo: str
    photo_spoiled: str
    film: str
    film_spoiled: str


SOURCES = [
    # Encryption: where the reply shows it, no ETag is compared; a checksum decides, or nothing does.
    Source("plain", {}, PROVEN, WRONG_ETAG, PROVEN, WRONG_ETAG),
    Source("plain, no checksum", NO_SUMS, PROVEN, WRONG_ETAG, PROVEN, WRONG_ETAG),
    Source("SSE-S3", {"sse": "s3"}, PROVEN, WRONG_ETAG, PROVEN, WRONG_ETAG),
    Source("SSE-KMS", {"sse": "kms"}, PROVEN, WRONG_SUM, PROVEN, WRONG_SUM),
    Source("SSE-KMS, no checksum", {"sse": "kms", **NO_SUMS}, KMS, KMS, KMS, KMS),
    Source("SSE-KMS, composite CRC32", {"sse": "kms", "default_checksum": "CRC32"},
           PROVEN, WRONG_SUM, PARTS_ONLY, WRONG_SUM),
    Source("SSE-KMS, composite SHA-256", {"sse": "kms", "default_checksum": "SHA256"},
           PROVEN, WRONG_SUM, PARTS_ONLY, WRONG_SUM),
    Source("SSE-KMS, SHA-1 of the whole or composite", {"sse": "kms", "default_checksum": "SHA1"},
           PROVEN, WRONG_SUM, PARTS_ONLY, WRONG_SUM),
    Source("SSE-KMS, checksums not on HEAD", {"sse": "kms", "checksum_on_head": False},
           PROVEN, WRONG_SUM, PROVEN, WRONG_SUM),
    Source("DSSE", {"sse": "dsse"}, PROVEN, WRONG_SUM, PROVEN, WRONG_SUM),
    Source("DSSE, no checksum", {"sse": "dsse", **NO_SUMS}, KMS, KMS, KMS, KMS),
    # ETags of single PUTs that are made of something else.
    Source("opaque ETags", {"etag_single": "opaque"}, PROVEN, WRONG_SUM, PROVEN, WRONG_ETAG),
    Source("opaque ETags, no checksum", {"etag_single": "opaque", **NO_SUMS}, UNKNOWN, UNKNOWN, PROVEN, WRONG_ETAG),
    Source("opaque ETags seen in 20 objects", {"etag_single": "opaque", **NO_SUMS},
           DISPROVED, DISPROVED, PROVEN, WRONG_ETAG, others=20),
    Source("opaque ETags beside a folder", {"etag_single": "opaque", **NO_SUMS},
           UNKNOWN, UNKNOWN, PROVEN, WRONG_ETAG, folder=True),
    Source("constant ETags", {"etag_single": "constant"}, PROVEN, WRONG_SUM, PROVEN, WRONG_ETAG),
    Source("constant ETags beside a folder", {"etag_single": "constant"},
           PROVEN, WRONG_SUM, PROVEN, WRONG_ETAG, folder=True),
    Source("constant ETags, no checksum", {"etag_single": "constant", **NO_SUMS},
           UNKNOWN, UNKNOWN, PROVEN, WRONG_ETAG),
    Source("constant ETags, no checksum, beside a folder", {"etag_single": "constant", **NO_SUMS},
           DISPROVED, DISPROVED, PROVEN, WRONG_ETAG, others=20, folder=True),
    # ETags of objects in parts that are made of something else.
    Source("random in parts", {"etag_multipart": "random"}, PROVEN, WRONG_ETAG, PROVEN, WRONG_SUM),
    Source("random in parts, no checksum", {"etag_multipart": "random", **NO_SUMS},
           PROVEN, WRONG_ETAG, UNKNOWN, UNKNOWN),
    Source("random in parts, composite SHA-256", {"etag_multipart": "random", "default_checksum": "SHA256"},
           PROVEN, WRONG_ETAG, PARTS_ONLY, WRONG_SUM),
    Source("over hex text, no checksum", {"etag_multipart": "hex", **NO_SUMS}, PROVEN, WRONG_ETAG, UNKNOWN, UNKNOWN),
    Source("constant in parts", {"etag_multipart": "constant"}, PROVEN, WRONG_ETAG, PROVEN, WRONG_SUM),
    Source("constant in parts, no checksum", {"etag_multipart": "constant", **NO_SUMS},
           PROVEN, WRONG_ETAG, UNKNOWN, UNKNOWN),
    Source("MD5 of the whole in parts, no checksum", {"etag_multipart": "md5", **NO_SUMS},
           PROVEN, WRONG_ETAG, PROVEN, WRONG_ETAG),
    # Part sizes: told by the store, inferred from common ones, or not known at all.
    Source("uneven parts", NO_SUMS, PROVEN, WRONG_ETAG, PROVEN, WRONG_ETAG, parts=(40_000, 50_000, 10_000)),
    Source("one part", NO_SUMS, PROVEN, WRONG_ETAG, PROVEN, WRONG_ETAG, parts=(100_000,)),
    Source("part numbers ignored, parts in the attributes",
           {"part_number": "ignored", "attributes_parts": "all", **NO_SUMS}, PROVEN, WRONG_ETAG, PROVEN, WRONG_ETAG),
    Source("attributes answered with the object", {"part_number": "ignored", "attributes": "object", **NO_SUMS},
           PROVEN, WRONG_ETAG, PROVEN, NO_LAYOUT, parts=(25_000,) * 4),
    Source("layout not told, even parts", {"part_number": "refused", "attributes": "not_supported", **NO_SUMS},
           PROVEN, WRONG_ETAG, PROVEN, NO_LAYOUT, parts=(25_000,) * 4),
    Source("layout not told, odd parts", {"part_number": "refused", "attributes": "not_supported", **NO_SUMS},
           PROVEN, WRONG_ETAG, NO_LAYOUT, NO_LAYOUT),
    Source("layout ignored, odd parts", {"part_number": "ignored", "attributes": "not_supported", **NO_SUMS},
           PROVEN, WRONG_ETAG, NO_LAYOUT, NO_LAYOUT),
    Source("layout not told, a checksum", {"part_number": "refused", "attributes": "not_supported"},
           PROVEN, WRONG_ETAG, PROVEN, WRONG_SUM),
    # What else a source can be like.
    Source("other ETags in listings", {"listing_etag": "other"}, PROVEN, WRONG_ETAG, PROVEN, WRONG_SUM),
    Source("other ETags in listings, no checksum", {"listing_etag": "other", **NO_SUMS},
           PROVEN, WRONG_ETAG, PROVEN, UNKNOWN),
    Source("other ETags in listings, conditions ignored", {"listing_etag": "other", "if_match": "ignored"},
           PROVEN, WRONG_ETAG, PROVEN, WRONG_SUM),
    Source("conditions ignored", {"if_match": "ignored"}, PROVEN, WRONG_ETAG, PROVEN, WRONG_ETAG),
    Source("ranges ignored", {"range": "ignored"}, PROVEN, WRONG_ETAG, PROVEN, WRONG_ETAG),
    Source("checksum headers refused", {"checksums": [], "checksum_others": "refused"},
           PROVEN, WRONG_ETAG, PROVEN, WRONG_ETAG),
    Source("no tags", {"tagging": "not_supported"}, PROVEN, WRONG_ETAG, PROVEN, WRONG_ETAG),
    Source("keys not encoded", {"encoding_type": "ignored"}, PROVEN, WRONG_ETAG, PROVEN, WRONG_ETAG),
    Source("versioned", {"versioned": True}, PROVEN, WRONG_ETAG, PROVEN, WRONG_ETAG),
]  # fmt: skip

SEEN_D1, OPAQUE_D1 = "unverified store_unproven S3/D1", "unverified etag_opaque S3/D1"
KMS_D1 = "unverified sse_kms S3/D1"

DESTS = [
    Dest("plain", {}, PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("plain, no checksum", NO_SUMS, PROVEN, REJECTED, ON_ARRIVAL, REJECTED),
    Dest("SSE-S3", {"sse": "s3"}, PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("SSE-KMS", {"sse": "kms"}, PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("SSE-KMS, no checksum", {"sse": "kms", **NO_SUMS}, ON_ARRIVAL, REJECTED, ON_ARRIVAL, REJECTED),
    Dest("SSE-KMS, checksums not on HEAD", {"sse": "kms", "checksum_on_head": False},
         ON_ARRIVAL, REJECTED, ON_ARRIVAL, REJECTED),
    Dest("SSE-KMS, SHA-256 only", {"sse": "kms", "checksums": ["SHA256"]}, ON_ARRIVAL, REJECTED, ON_ARRIVAL, REJECTED),
    Dest("SSE-KMS, Complete checks nothing", {"sse": "kms", "complete_checksum": "ignores"},
         PROVEN, REJECTED, ON_ARRIVAL, REJECTED),
    Dest("SSE-KMS, blind", {"sse": "kms", **BLIND}, KMS_D1, KMS_D1, KMS_D1, KMS_D1),
    Dest("SSE-KMS, blind, refuses Content-MD5", {"sse": "kms", **BLIND, "content_md5": "refuses"},
         KMS_D1, KMS_D1, KMS_D1, KMS_D1),
    Dest("DSSE", {"sse": "dsse"}, PROVEN, REJECTED, PROVEN, REJECTED),
    # ETags that are no digest of the bytes.
    Dest("opaque ETags", {"etag_single": "opaque"}, PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("opaque ETags, no checksum", {"etag_single": "opaque", **NO_SUMS},
         ON_ARRIVAL, REJECTED, ON_ARRIVAL, REJECTED),
    Dest("constant ETags", {"etag_single": "constant", "etag_multipart": "constant"},
         PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("constant ETags, no checksum", {"etag_single": "constant", "etag_multipart": "constant", **NO_SUMS},
         ON_ARRIVAL, REJECTED, ON_ARRIVAL, REJECTED),
    Dest("constant ETags, blind", {"etag_single": "constant", "etag_multipart": "constant", **BLIND},
         OPAQUE_D1, OPAQUE_D1, OPAQUE_D1, OPAQUE_D1),
    Dest("random in parts", {"etag_multipart": "random"}, PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("random in parts, no checksum", {"etag_multipart": "random", **NO_SUMS},
         PROVEN, REJECTED, ON_ARRIVAL, REJECTED),
    Dest("over hex text, no checksum", {"etag_multipart": "hex", **NO_SUMS}, PROVEN, REJECTED, ON_ARRIVAL, REJECTED),
    Dest("MD5 of the whole in parts, no checksum", {"etag_multipart": "md5", **NO_SUMS},
         PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("the ETag of Complete does not last", {"etag_stable": False, **NO_SUMS}, PROVEN, REJECTED, PROVEN, REJECTED),
    # Digests that are not looked at, or only repeated.
    Dest("Content-MD5 ignored", {"content_md5": "ignores"}, PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("Content-MD5 refused, no checksum", {"content_md5": "refuses", **NO_SUMS},
         PROVEN, REJECTED, ON_ARRIVAL, REJECTED),
    Dest("Content-MD5 refused, payload ignored, no checksum",
         {"content_md5": "refuses", "payload_sha256": "ignores", **NO_SUMS}, PROVEN, DEST_ETAG, ON_ARRIVAL, PART_ETAG),
    Dest("payload ignored", {"payload_sha256": "ignores"}, PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("no digest looked at, honest ETags", BLIND, PROVEN, DEST_ETAG, ON_ARRIVAL, PART_ETAG),
    Dest("checksums ignored, blind, opaque",
         {"checksum_values": "ignores", "etag_single": "opaque", "etag_multipart": "random", "content_md5": "ignores",
          "payload_sha256": "ignores"}, OPAQUE_D1, "failed dest_checksum_mismatch", OPAQUE_D1,
         "failed dest_checksum_mismatch"),
    Dest("checksums repeated, blind, opaque",
         {"checksum_values": "echoes", "etag_single": "opaque", "etag_multipart": "random", "content_md5": "ignores",
          "payload_sha256": "ignores", "default_checksum": ""}, OPAQUE_D1, OPAQUE_D1, OPAQUE_D1, OPAQUE_D1),
    Dest("checksum headers refused", {"checksums": [], "checksum_others": "refused"},
         PROVEN, REJECTED, ON_ARRIVAL, REJECTED),
    Dest("Content-MD5 repeated as ETag", {"etag_single": "echo", **BLIND},
         SEEN_D1, SEEN_D1, SEEN_D1, "unverified etag_semantics_unknown S3/D1"),
    Dest("Content-MD5 repeated as ETag, random in parts", {"etag_single": "echo", "etag_multipart": "random", **BLIND},
         SEEN_D1, SEEN_D1, OPAQUE_D1, OPAQUE_D1),
    Dest("Content-MD5 repeated as ETag, payload looked at",
         {"etag_single": "echo", "content_md5": "ignores", **NO_SUMS}, ON_ARRIVAL, REJECTED, SEEN_D1, REJECTED),
    Dest("blind and opaque", {"etag_single": "opaque", "etag_multipart": "random", **BLIND},
         OPAQUE_D1, OPAQUE_D1, OPAQUE_D1, OPAQUE_D1),
    # What else a destination can be like.
    Dest("Complete checks nothing", {"complete_checksum": "ignores", "complete_size": "ignores"},
         PROVEN, REJECTED, ON_ARRIVAL, REJECTED),
    Dest("layout not told", {"part_number": "refused", "attributes": "not_supported"},
         PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("conditions ignored", {"if_match": "ignored", "if_match_put": "ignored", "if_none_match": "ignored"},
         PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("other ETags in listings", {"listing_etag": "other"}, PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("other sizes in listings", {"listing_size": "other"}, PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("metadata dropped", {"metadata": "dropped"}, PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("framing stored", {"aws_chunked": "stored"}, PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("Complete answered twice", {"repeated_complete": "answered"}, PROVEN, REJECTED, PROVEN, REJECTED),
    Dest("versioned", {"versioned": True}, PROVEN, REJECTED, PROVEN, REJECTED),
]  # fmt: skip

FLIPPED = [
    {"side": "source", "operation": "GetObject", "key": key, "calls": "all", "action": "flip", "at_byte": 77_777}
    for key in ("photo", "film")
]
SPOILED = [
    {"side": "destination", "operation": operation, "key": key, "calls": "all", "action": "corrupt_before_hash"}
    for operation, key in (("PutObject", "photo"), ("UploadPart", "film"))
]

each_source = pytest.mark.parametrize("mode", SOURCES, ids=lambda mode: mode.name)
each_dest = pytest.mark.parametrize("mode", DESTS, ids=lambda mode: mode.name)


@each_source
def test_right_bytes_of_this_source_are_no_alarm(two_stores: Make, mode: Source) -> None:
    pair = two_stores(source_traits=mode.traits, dest_traits={"small_parts": True})

    settled = seeded(pair, mode).copy(limits=TINY_PARTS)

    assert (said(settled["photo"]), said(settled["film"])) == (mode.photo, mode.film)


@each_source
def test_a_flipped_byte_of_this_source_is_no_proof(two_stores: Make, mode: Source) -> None:
    pair = two_stores(*FLIPPED, source_traits=mode.traits, dest_traits={"small_parts": True})

    settled = seeded(pair, mode).copy(limits=TINY_PARTS)

    assert (said(settled["photo"]), said(settled["film"])) == (mode.photo_flipped, mode.film_flipped)


@each_dest
def test_right_bytes_at_this_destination_are_no_alarm(two_stores: Make, mode: Dest) -> None:
    pair = two_stores(dest_traits={"small_parts": True, **mode.traits})

    settled = seeded(pair).copy(limits=TINY_PARTS)

    assert (said(settled["photo"]), said(settled["film"])) == (mode.photo, mode.film)


@each_dest
def test_a_byte_spoiled_by_this_destination_is_no_proof(two_stores: Make, mode: Dest) -> None:
    pair = two_stores(*SPOILED, dest_traits={"small_parts": True, **mode.traits})

    settled = seeded(pair).copy(limits=TINY_PARTS)

    assert (said(settled["photo"]), said(settled["film"])) == (mode.photo_spoiled, mode.film_spoiled)


@pytest.mark.parametrize("mode", [mode for mode in DESTS if "unverified" in mode.photo], ids=lambda mode: mode.name)
def test_reading_back_settles_what_this_destination_cannot_show(two_stores: Make, mode: Dest) -> None:
    pair = two_stores(dest_traits={"small_parts": True, **mode.traits})

    settled = seeded(pair).copy(limits=TINY_PARTS, read_back_percent=100)

    assert {said(each) for each in settled.values()} == {"verified S3/D4"}


@pytest.mark.parametrize("mode", [mode for mode in DESTS if "unverified" in mode.photo], ids=lambda mode: mode.name)
def test_reading_back_finds_what_this_destination_hides(two_stores: Make, mode: Dest) -> None:
    pair = two_stores(*SPOILED, dest_traits={"small_parts": True, **mode.traits})

    settled = seeded(pair).copy(limits=TINY_PARTS, read_back_percent=100)

    assert {each.verdict for each in settled.values()} == {"failed"}


def test_a_listing_of_other_sizes_is_an_alarm_at_the_source(two_stores: Make) -> None:
    pair = two_stores(source_traits={"listing_size": "other"})

    settled = seeded(pair).copy()

    # Row 9: the plan promised so many bytes, and so many did not come.
    assert {said(each) for each in settled.values()} == {"failed source_size_mismatch"}


def seeded(pair: TwoStores, mode: Source | None = None) -> TwoStores:
    """Put the objects into the source."""
    mode = mode or SOURCES[0]
    pair.seed("photo", BODY)
    pair.seed("film", BODY, part_sizes=mode.parts)
    for number in range(mode.others):
        pair.seed(f"other-{number:02}", os.urandom(50))
    if mode.folder:
        usual = pair.source.traits.etag_single
        pair.source.change_traits(etag_single="md5")
        pair.seed("folder/", b"")
        pair.source.change_traits(etag_single=usual)
    return pair


def said(settled: Settled) -> str:
    """Return verdict, cause and, where the object was copied, the grades."""
    words = [settled.verdict, settled.code or settled.reason, "" if settled.code else settled.grades]
    return " ".join(word for word in words if word)
