"""Rows 71 to 73: what travels beside the bytes, and what a copy is stored as."""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping

import pytest

from integrity.evidence import CheckName
from integrity.layouts import MIB
from integrity.verdicts import Policy
from migrator.engine.verifying import Depth
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS, Settled, TwoStores

REQUIRED = Policy(fidelity="required")  # type: ignore[arg-type]
EXACTLY: dict[str, object] = {"policy": REQUIRED, "tags": True}
METADATA, HEADERS = CheckName.USER_METADATA, CheckName.CONTENT_HEADERS
CLASS, ENCRYPTION = CheckName.STORAGE_CLASS, CheckName.ENCRYPTION
PUT = {"side": "destination", "operation": "PutObject", "calls": "all"}
UNPROVEN = {"checksums": [], "content_md5": "ignores", "payload_sha256": "ignores"}
ZOE_AS_WE_READ_IT = "Zo\u00c3\u00ab"
ZOE_IN_RFC_2047 = "=?UTF-8?Q?Zo=C3=AB?="
LOST = {
    "letters beyond ASCII": ({"author": ZOE_AS_WE_READ_IT}, f'{{"author":"{ZOE_AS_WE_READ_IT}"}}', "{}"),
    "one of two": ({"a": "1", "b": ZOE_AS_WE_READ_IT}, f'{{"a":"1","b":"{ZOE_AS_WE_READ_IT}"}}', '{"a":"1"}'),
    "2 KB + 1": ({"a": "x" * 2048}, f'{{"a":"{"x" * 2048}"}}', "{}"),
    "names that collapse": ({"Author": "A", "author": "B"}, '{"author":"A, B"}', '{"author":"B"}'),
    "the same value twice": ({"author": "A", "Author": "A"}, '{"author":"A, A"}', '{"author":"A"}'),
}
KEPT = {
    "RFC 2047": ({"author": ZOE_IN_RFC_2047}, {"author": ZOE_IN_RFC_2047}),
    "a newline in RFC 2047": ({"a": "=?UTF-8?Q?one=0Atwo?="}, {"a": "=?UTF-8?Q?one=0Atwo?="}),
    "a folded line": ({"a": "one\r\n\tcontent-length: 9"}, {"a": "one content-length: 9"}),
    "2 KB": ({"a": "x" * 2047}, {"a": "x" * 2047}),
    "capitals": ({"Author": "Ann"}, {"author": "Ann"}),
    "blanks inside": ({"a": "one  two"}, {"a": "one  two"}),
}


@pytest.mark.parametrize("case", LOST)
@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
def test_row_71_metadata_that_is_lost_is_named_and_the_bytes_are_verified(
    request: pytest.FixtureRequest, way: str, case: str
) -> None:
    pair: TwoStores = request.getfixturevalue(way)()
    metadata, expected, observed = LOST[case]
    pair.seed("note", b"text", metadata=metadata)

    settled = pair.copy_one()

    assert (settled.verdict, settled.grades) == ("verified", "S3/D3")
    assert stated(settled, METADATA) == ("mismatch", expected, observed)


@pytest.mark.parametrize("case", LOST)
def test_row_71_where_fidelity_is_required_lost_metadata_fails_by_name(two_stores: Make, case: str) -> None:
    pair = two_stores()
    pair.seed("note", b"text", metadata=LOST[case][0])

    assert pair.copy_one(**EXACTLY).code == "user_metadata_mismatch"


@pytest.mark.parametrize("case", KEPT)
def test_row_71_metadata_that_can_be_sent_arrives_as_it_was(two_stores: Make, case: str) -> None:
    pair = two_stores()
    seeded, arrived = KEPT[case]
    pair.seed("note", b"text", metadata=seeded)

    settled = pair.copy_one(**EXACTLY)

    assert (settled.verdict, settled.outcome(METADATA)) == ("verified", "match")
    assert pair.dest_store.head(DEST, "note").metadata == arrived


@pytest.mark.parametrize("case", KEPT)
def test_row_71_in_a_crowd_it_arrives_too_and_nobody_claims_to_have_compared_it(two_stores: Make, case: str) -> None:
    pair = two_stores()
    seeded, arrived = KEPT[case]
    pair.seed("note", b"text", metadata=seeded)

    settled = pair.copy_one()

    assert (settled.verdict, settled.outcome(METADATA), pair.requests("HeadObject")) == ("verified", "not_requested", 0)
    assert pair.dest_store.head(DEST, "note").metadata == arrived


@pytest.mark.parametrize(
    ("policy", "verdict", "reason"),
    [(Policy(), "verified", None), (REQUIRED, "unverified", "incomplete_at_source")],
    ids=["report", "required"],
)
def test_row_71_metadata_that_the_source_holds_back_is_never_called_equal(
    two_stores: Make, policy: Policy, verdict: str, reason: str | None
) -> None:
    missing = {"set": {"x-amz-missing-meta": "2"}}
    pair = two_stores(
        {"side": "source", "operation": "GetObject", "calls": "all", "action": "header", "value": missing}
    )
    pair.seed("note", b"text", metadata={"a": "1"})

    settled = pair.copy_one(policy=policy)

    assert (settled.verdict, settled.reason) == (verdict, reason)
    assert settled.outcome(METADATA) == "incomplete_at_source"


def test_row_71_a_store_that_drops_metadata_is_found_out_where_fidelity_is_required(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"metadata": "dropped"})
    pair.seed("note", b"text", metadata={"a": "1"})

    assert pair.copy_one(**EXACTLY).code == "user_metadata_mismatch"


def test_headers_metadata_and_tags_are_carried_and_compared(two_stores: Make) -> None:
    pair = two_stores()
    headers = {"content-type": "text/plain", "cache-control": "no-store", "expires": "not really a date"}
    pair.seed("note", b"text", headers=headers, metadata={"author": "Ann  B"}, tags={"kind": "a note", "n": "1"})

    settled = pair.copy_one(**EXACTLY)

    assert settled.verdict == "verified"
    assert settled.outcome(HEADERS) == "match"
    assert settled.outcome(METADATA) == "match"
    assert settled.outcome(CheckName.TAGS) == "match"
    assert pair.dest_store.get_tags(DEST, "note") == {"kind": "a note", "n": "1"}


@pytest.mark.parametrize(
    ("policy", "verdict", "tags", "asked"),
    [
        (Policy(), "verified", ("not_requested", "{}", ""), 0),
        (REQUIRED, "failed", ("mismatch", "{}", '{"a":"b"}'), 1),
    ],
    ids=["report", "required"],
)
def test_tags_of_which_the_destination_states_no_count_are_not_taken_for_none(
    two_stores: Make, policy: Policy, verdict: str, tags: tuple[str, str, str], asked: int
) -> None:
    silent = {"operation": "HeadObject", "action": "header", "value": {"remove": ["x-amz-tagging-count"]}}
    pair = two_stores({"side": "destination", "calls": "all", **silent})
    pair.seed("note", b"text")
    pair.dest.seed(DEST, "note", b"text", tags={"a": "b"})

    settled = pair.verify(proven=True, policy=policy, tags=True)["note"]

    assert (settled.verdict, stated(settled, CheckName.TAGS)) == (verdict, tags)
    assert pair.requests("GetObjectTagging") == asked


@pytest.mark.parametrize(
    ("trait", "verdict", "tags"),
    [("supported", "verified", "match"), ("not_supported", "unverified", "not_supported")],
)
def test_where_fidelity_is_required_a_copy_without_tags_is_asked_for_them(
    two_stores: Make, trait: str, verdict: str, tags: str
) -> None:
    pair = noted(two_stores(dest_traits={"tagging": trait}))
    planned = pair.begin()
    # As if the probe had not found out whether the store knows tags.
    pair.believe(tagging=None)

    settled = pair.copy_items(planned, **EXACTLY)["note"]

    assert (settled.verdict, settled.outcome(CheckName.TAGS)) == (verdict, tags)
    assert pair.requests("GetObjectTagging") == 1


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
@pytest.mark.parametrize("policy", [Policy(), REQUIRED])
def test_a_store_that_says_of_an_object_that_it_has_no_set_of_tags_has_said_that_it_has_none(
    request: pytest.FixtureRequest, way: str, policy: Policy
) -> None:
    traits = {"tagging": "no_set"}
    pair = noted(request.getfixturevalue(way)(source_traits=traits, dest_traits=traits))
    pair.seed("tagged", b"text", tags={"kind": "a note"})

    settled = pair.copy(policy=policy, tags=True)

    assert pair.source_profile.tagging is True
    assert {each.verdict for each in settled.values()} == {"verified"}
    assert settled["tagged"].outcome(CheckName.TAGS) == "match"
    assert settled["note"].outcome(CheckName.TAGS) == ("match" if policy is REQUIRED else "not_requested")


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
def test_where_fidelity_is_only_reported_no_copy_without_tags_is_asked_for_them(
    request: pytest.FixtureRequest, way: str
) -> None:
    pair = noted(request.getfixturevalue(way)())

    settled = pair.copy_one(tags=True)

    assert (settled.verdict, settled.outcome(CheckName.TAGS)) == ("verified", "not_requested")
    assert pair.requests("GetObjectTagging") == 0


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
@pytest.mark.parametrize("trait", ["not_supported", "refused"])
@pytest.mark.parametrize(("policy", "verdict"), [(Policy(), "verified"), (REQUIRED, "unverified")])
def test_a_store_without_tags_gets_the_object_and_the_record_says_that_they_are_not_there(
    request: pytest.FixtureRequest, way: str, trait: str, policy: Policy, verdict: str
) -> None:
    pair = request.getfixturevalue(way)(dest_traits={"tagging": trait})
    pair.seed("note", b"text", tags={"kind": "a note"})

    settled = pair.copy_one(policy=policy, tags=True)

    assert (settled.verdict, stated(settled, CheckName.TAGS)) == (verdict, ("not_supported", '{"kind":"a note"}', ""))
    assert pair.requests("GetObjectTagging") == 0
    assert "x-amz-tagging" not in put_headers(pair)


def test_a_store_that_loses_the_tags_it_took_is_found_out(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"tagging": "dropped"})
    pair.seed("note", b"text", tags={"kind": "a note"})

    settled = pair.copy_one(**EXACTLY)

    assert (settled.code, stated(settled, CheckName.TAGS)) == (
        "tags_mismatch",
        ("mismatch", '{"kind":"a note"}', "{}"),
    )


def put_headers(pair: TwoStores) -> Mapping[str, str]:
    """The headers of the only PUT that the destination got."""
    (written,) = [entry for entry in pair.dest.log if entry.operation == "PutObject"]
    return written.headers


def test_where_the_destination_cannot_be_asked_for_tags_nobody_asks(two_stores: Make) -> None:
    pair = noted(two_stores(dest_traits={"tagging": "not_supported"}))

    settled = pair.copy_one(**EXACTLY)

    assert (settled.verdict, settled.outcome(CheckName.TAGS)) == ("unverified", "not_supported")
    assert pair.requests("GetObjectTagging") == 0


def test_headers_of_an_object_in_parts_are_carried_at_create(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed(
        "film", os.urandom(6 * MIB), part_size=5 * MIB, headers={"content-type": "video/mp4"}, metadata={"a": "b"}
    )

    settled = pair.copy_one()

    assert settled.outcome(HEADERS) == "match"
    assert settled.outcome(METADATA) == "match"


def test_row_72_a_packed_object_is_carried_as_its_bytes(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("page", gzip.compress(b"text" * 999), headers={"Content-Encoding": "gzip"})

    settled = pair.copy_one(**EXACTLY)

    assert (settled.verdict, settled.outcome(HEADERS)) == ("verified", "match")
    assert pair.dest_bytes("page") == pair.source_bytes("page")
    assert pair.dest_store.head(DEST, "page").content_headers["content-encoding"] == "gzip"


def test_row_72_an_object_that_is_unpacked_on_the_way_is_not_stored(two_stores: Make) -> None:
    pair = two_stores(source_traits={"gzip": "unpacked"})
    pair.seed("page", gzip.compress(b"text" * 999), headers={"Content-Encoding": "gzip"})

    settled = pair.copy_one()

    assert settled.code == "transcoded_by_store"
    assert pair.dest.keys(DEST) == []


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
def test_row_72_each_body_is_asked_for_without_a_coding(request: pytest.FixtureRequest, way: str) -> None:
    broken = {"side": "source", "operation": "GetObject", "key": "film", "action": "reset", "at_byte": 6 * MIB}
    pair: TwoStores = request.getfixturevalue(way)(broken)
    pair.seed("page", b"text")
    pair.seed("film", os.urandom(7 * MIB), part_size=5 * MIB)

    pair.copy(read_back_percent=100)

    bodies = [entry for sandbox in (pair.source, pair.dest) for entry in sandbox.log if entry.operation == "GetObject"]
    assert [entry.headers.get("accept-encoding") for entry in bodies] == ["identity"] * 5
    assert sum("range" in entry.headers for entry in bodies) == 1


@pytest.mark.parametrize(("coding", "carried"), [("aws-chunked", None), ("gzip,aws-chunked", "gzip")])
def test_row_72_the_framing_of_an_upload_is_not_carried(two_stores: Make, coding: str, carried: str | None) -> None:
    pair = two_stores(dest_traits={"aws_chunked": "stored"})
    pair.seed("page", gzip.compress(b"text"), headers={"Content-Encoding": coding})

    settled = pair.copy_one(**EXACTLY)

    assert (settled.verdict, settled.outcome(HEADERS)) == ("verified", "match")
    assert pair.dest_store.head(DEST, "page").content_headers.get("content-encoding") == carried


def test_a_website_redirect_is_carried_where_the_source_states_one(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("old", b"", headers={"x-amz-website-redirect-location": "/new"})

    settled = pair.copy_one(**EXACTLY)

    assert (settled.verdict, settled.outcome(HEADERS)) == ("verified", "match")
    assert pair.dest_store.head(DEST, "old").content_headers["x-amz-website-redirect-location"] == "/new"


def test_a_website_redirect_that_the_destination_ignores_is_named(two_stores: Make) -> None:
    pair = two_stores({**PUT, "action": "ignore", "value": "x-amz-website-redirect-location"})
    pair.seed("old", b"", headers={"x-amz-website-redirect-location": "/new"})

    assert pair.copy_one(**EXACTLY).code == "content_headers_mismatch"


# Row 73: storage classes


@pytest.mark.parametrize(
    ("of_source", "classes", "compared"),
    [
        ("STANDARD_IA", {"STANDARD_IA": "GLACIER_IR"}, ("match", "GLACIER_IR", "GLACIER_IR")),
        ("STANDARD_IA", {"*": "GLACIER_IR"}, ("match", "GLACIER_IR", "GLACIER_IR")),
        ("STANDARD_IA", {"STANDARD_IA": "STANDARD", "*": "GLACIER_IR"}, ("match", "STANDARD", "STANDARD")),
        ("STANDARD", {"*": "GLACIER_IR"}, ("match", "GLACIER_IR", "GLACIER_IR")),
        ("STANDARD", {"STANDARD_IA": "GLACIER_IR"}, ("match", "STANDARD", "STANDARD")),
        ("STANDARD_IA", {"*": "default"}, ("not_copied", "STANDARD_IA", "STANDARD")),
        ("STANDARD_IA", {"GLACIER_IR": "STANDARD", "*": "default"}, ("not_copied", "STANDARD_IA", "STANDARD")),
    ],
)
def test_row_73_a_class_goes_where_the_map_says(
    two_stores: Make, of_source: str, classes: Mapping[str, str], compared: tuple[str, str, str]
) -> None:
    pair = two_stores()
    pair.seed("note", b"text", storage_class=of_source)

    settled = pair.copy_one(storage_class_map=classes)

    assert settled.verdict == "verified"
    assert stated(settled, CLASS) == compared


def test_row_73_a_class_of_an_object_in_parts_is_asked_for_at_create(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("film", os.urandom(6 * MIB), part_size=5 * MIB, storage_class="STANDARD_IA")

    settled = pair.copy_one(storage_class_map={"STANDARD_IA": "ONEZONE_IA"}, **EXACTLY)

    assert (settled.verdict, settled.outcome(CLASS)) == ("verified", "match")
    assert pair.dest_store.head(DEST, "film").storage_class == "ONEZONE_IA"


def test_row_73_a_class_that_the_map_does_not_name_fails_before_anything_is_read(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("note", b"text", storage_class="STANDARD_IA")

    settled = pair.copy_one(storage_class_map={"GLACIER_IR": "STANDARD"})

    assert (settled.code, settled.attempts) == ("dest_config", ["dest_config"])
    assert "STANDARD_IA" in settled.finding.error_message
    assert (pair.source.log, pair.dest.log) == ([], [])


def test_row_73_a_class_that_only_the_reply_shows_is_not_written_by_default_either(two_stores: Make) -> None:
    cold = {"set": {"x-amz-storage-class": "COLD"}}
    pair = two_stores({"side": "source", "operation": "GetObject", "calls": "all", "action": "header", "value": cold})
    pair.seed("note", b"text")

    settled = pair.copy_one(storage_class_map={"GLACIER_IR": "STANDARD"})

    assert settled.code == "dest_config"
    assert pair.dest.keys(DEST) == []


def test_row_73_a_class_that_the_destination_does_not_know_is_dest_config(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("note", b"text", storage_class="STANDARD_IA")

    settled = pair.copy_one(storage_class_map={"*": "LUKEWARM"})

    assert (settled.code, settled.attempts) == ("dest_config", ["dest_config"])
    assert settled.finding.error_message.startswith("The destination does not take the storage class")
    assert pair.dest.keys(DEST) == []


@pytest.mark.parametrize("operation", ["PutObject", "CreateMultipartUpload"])
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("MetadataTooLarge", "What describes this object (its metadata) is longer than the destination takes."),
        ("InvalidTag", 'The destination does not take the tags of this object. It says "Not so."'),
    ],
)
def test_what_describes_an_object_and_is_refused_is_said_so(
    two_stores: Make, operation: str, code: str, words: str
) -> None:
    refused = {"status": 400, "code": code, "message": "Not so."}
    pair = two_stores({"side": "destination", "operation": operation, "action": "status", "value": refused})
    pair.seed("note", os.urandom(100_000), part_size=0 if operation == "PutObject" else 40_000)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.code, settled.attempts) == ("dest_config", ["dest_config"])
    assert settled.finding.error_message.startswith(words)
    assert pair.dest.keys(DEST) == []


def test_row_73_a_store_that_ignores_the_class_is_found_out(two_stores: Make) -> None:
    ignore = {**PUT, "action": "ignore", "value": "x-amz-storage-class"}
    pair = two_stores(ignore)
    pair.seed("note", b"text")

    settled = pair.copy_one(storage_class_map={"*": "GLACIER_IR"}, **EXACTLY)

    assert settled.code == "storage_class_mismatch"
    assert stated(settled, CLASS) == ("mismatch", "GLACIER_IR", "STANDARD")


@pytest.mark.parametrize(
    ("policy", "verdict", "heads"), [(Policy(), "verified", 0), (REQUIRED, "unverified", 1)], ids=["report", "required"]
)
def test_row_73_without_a_map_a_class_is_not_carried_and_said_so(
    two_stores: Make, policy: Policy, verdict: str, heads: int
) -> None:
    pair = two_stores()
    pair.seed("note", b"text", storage_class="STANDARD_IA")

    settled = pair.copy_one(policy=policy, tags=policy is REQUIRED)

    assert (settled.verdict, settled.outcome(CLASS)) == (verdict, "not_copied")
    assert pair.requests("HeadObject") == heads
    assert pair.dest_store.head(DEST, "note").storage_class is None


# Row 73: encryption


@pytest.mark.parametrize("word", ["AES256", "aws:kms", "aws:kms:dsse"])
@pytest.mark.parametrize("size", [5, 6 * MIB])
def test_the_encryption_asked_for_is_there_and_the_checksum_proves_the_bytes(
    two_stores: Make, word: str, size: int
) -> None:
    pair = two_stores()
    pair.seed("note", os.urandom(size), **({"part_size": 5 * MIB} if size > 5 else {}))

    settled = pair.copy_one(encryption=word)

    assert (settled.verdict, settled.grades) == ("verified", "S3/D3")
    assert stated(settled, ENCRYPTION) == ("match", word, word)
    assert settled.outcome(CheckName.DEST_ETAG) == ("match" if word == "AES256" else "sse_kms")


@pytest.mark.parametrize("word", ["", "AES256"])
@pytest.mark.parametrize("operation", ["PutObject", "CompleteMultipartUpload"])
def test_an_answer_that_was_lost_leaves_the_encryption_to_what_was_seen_first(
    two_stores: Make, operation: str, word: str
) -> None:
    pair = two_stores({**PUT, "operation": operation, "calls": "1", "action": "drop_reply"})
    in_parts = operation == "CompleteMultipartUpload"
    noted(pair, os.urandom(6 * MIB if in_parts else 5), **({"part_size": 5 * MIB} if in_parts else {}))

    settled = pair.copy_one(encryption=word, **EXACTLY)

    assert (settled.verdict, settled.notes) == ("verified", ("recovered",) if in_parts else ("already_there",))
    assert stated(settled, ENCRYPTION) == ("match", word or "none", word or "none")


@pytest.mark.parametrize(
    ("policy", "compared"),
    [(Policy(), ("not_requested", "", "sse_s3")), (REQUIRED, ("match", "sse_s3", "sse_s3"))],
    ids=["report", "required"],
)
@pytest.mark.parametrize("operation", ["PutObject", "CompleteMultipartUpload"])
def test_an_answer_to_a_write_that_leaves_the_encryption_out_is_not_taken_for_none(
    two_stores: Make, operation: str, policy: Policy, compared: tuple[str, str, str]
) -> None:
    silent = {"remove": ["x-amz-server-side-encryption"]}
    pair = two_stores({**PUT, "operation": operation, "action": "header", "value": silent}, dest_traits={"sse": "s3"})
    in_parts = operation == "CompleteMultipartUpload"
    noted(pair, os.urandom(6 * MIB if in_parts else 5), **({"part_size": 5 * MIB} if in_parts else {}))

    settled = pair.copy_one(policy=policy, tags=policy is REQUIRED, read_back_percent=100)

    assert (settled.verdict, settled.grades) == ("verified", "S3/D4")
    if in_parts or policy is REQUIRED:
        assert stated(settled, ENCRYPTION) == compared


def test_an_encryption_that_is_gone_at_the_second_look_is_named(two_stores: Make) -> None:
    silent = {"remove": ["x-amz-server-side-encryption"]}
    pair = two_stores(
        {**PUT, "action": "header", "value": silent},
        {**PUT, "operation": "HeadObject", "calls": "2", "action": "header", "value": silent},
        dest_traits={"sse": "s3"},
    )

    settled = noted(pair).copy_one(**EXACTLY)

    assert (settled.code, stated(settled, ENCRYPTION)) == ("encryption_mismatch", ("mismatch", "sse_s3", "none"))


@pytest.mark.parametrize("sse", ["none", "s3", "kms"])
def test_the_encryption_of_an_object_that_was_there_is_the_one_seen_first(two_stores: Make, sse: str) -> None:
    pair = noted(two_stores(dest_traits={"sse": sse}))
    pair.dest.seed(DEST, "note", b"text")

    settled = pair.copy_one(read_back_percent=100, **EXACTLY)

    encryption = sse if sse == "none" else f"sse_{sse}"
    assert (settled.verdict, settled.notes) == ("verified", ("already_there",))
    assert stated(settled, ENCRYPTION) == ("match", encryption, encryption)
    assert pair.verify(policy=REQUIRED, tags=True)["note"].verdict == "verified"


def test_an_object_that_changes_its_encryption_while_it_is_compared_is_named(two_stores: Make) -> None:
    sealed = {"set": {"x-amz-server-side-encryption": "AES256"}}
    head = {"side": "destination", "operation": "HeadObject", "calls": "2", "action": "header", "value": sealed}
    pair = noted(two_stores(head))
    pair.dest.seed(DEST, "note", b"text")

    settled = pair.verify(Depth.SOURCE, proven=True, policy=REQUIRED, tags=True)["note"]

    assert (settled.code, stated(settled, ENCRYPTION)) == ("encryption_mismatch", ("mismatch", "none", "sse_s3"))


def test_the_key_asked_for_is_compared_too(two_stores: Make) -> None:
    settled = noted(two_stores()).copy_one(encryption="aws:kms", kms_key_id="key-1", **EXACTLY)

    assert settled.verdict == "verified"
    assert stated(settled, ENCRYPTION) == ("match", "aws:kms key-1", "aws:kms key-1")


@pytest.mark.parametrize(
    ("key_id", "ignored", "observed"),
    [
        ("key-1", "x-amz-server-side-encryption-aws-kms-key-id", "aws:kms arn:"),
        ("", "x-amz-server-side-encryption", "none"),
    ],
)
def test_another_key_or_no_encryption_is_named(two_stores: Make, key_id: str, ignored: str, observed: str) -> None:
    pair = noted(two_stores({**PUT, "action": "ignore", "value": ignored}))

    settled = pair.copy_one(encryption="aws:kms", kms_key_id=key_id, **EXACTLY)

    assert settled.code == "encryption_mismatch"
    assert stated(settled, ENCRYPTION)[2].startswith(observed)


def test_a_body_that_could_pass_straight_through_goes_in_parts_to_a_key_service(two_stores: Make) -> None:
    pair = noted(two_stores(), os.urandom(17 * MIB))

    settled = pair.copy_one(encryption="aws:kms")

    assert (settled.grades, pair.requests("UploadPart")) == ("S3/D3", 2)


def test_parts_that_do_not_state_their_encryption_raise_no_false_alarm(two_stores: Make) -> None:
    silent = {"remove": ["x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"]}
    pair = two_stores({**PUT, "operation": "UploadPart", "action": "header", "value": silent})
    noted(pair, os.urandom(6 * MIB), part_size=5 * MIB)

    settled = pair.copy_one(encryption="aws:kms")

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D3", [""])


def test_a_key_service_behind_a_store_that_proves_nothing_is_unverified_unless_read_back(two_stores: Make) -> None:
    pair = noted(two_stores(dest_traits=UNPROVEN))

    settled = pair.copy_one(encryption="aws:kms")

    assert (settled.verdict, settled.grades, settled.reason) == ("unverified", "S3/D1", "sse_kms")


def test_reading_back_proves_what_lies_encrypted_in_a_store_that_proves_nothing(two_stores: Make) -> None:
    pair = noted(two_stores(dest_traits=UNPROVEN))

    settled = pair.copy_one(encryption="aws:kms", read_back_percent=100)

    assert (settled.verdict, settled.grades) == ("verified", "S3/D4")


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ({"status": 400, "code": "KMS.DisabledException"}, "(disabled)"),
        ({"status": 400, "code": "KMS.NotFoundException"}, "(not found)"),
        (
            {"status": 403, "code": "AccessDenied", "message": "not authorized to perform: kms:GenerateDataKey"},
            "(not allowed)",
        ),
    ],
)
def test_row_73_a_key_that_is_refused_is_access_denied(
    two_stores: Make, refusal: Mapping[str, object], words: str
) -> None:
    pair = noted(two_stores({**PUT, "action": "status", "value": refusal}))

    settled = pair.copy_one(encryption="aws:kms", kms_key_id="key-1")

    assert (settled.code, settled.attempts) == ("access_denied", ["access_denied"])
    assert settled.finding.error_message.startswith(f"The encryption key of this object cannot be used {words}")
    assert pair.dest.keys(DEST) == []


def test_row_73_a_store_without_encryption_is_dest_config(two_stores: Make) -> None:
    pair = noted(two_stores({**PUT, "action": "status", "value": {"status": 501, "code": "NotImplemented"}}))

    assert pair.copy_one(encryption="aws:kms").code == "dest_config"


def noted(pair: TwoStores, body: bytes = b"text", **described: object) -> TwoStores:
    pair.seed("note", body, **described)
    return pair


def stated(settled: Settled, name: CheckName) -> tuple[str, str, str]:
    """The outcome or reason of a check, and its two values."""
    check = next(check for check in settled.finding.checks if check.name is name)
    return (check.reason or check.outcome).value, check.expected or "", check.observed or ""


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize("action", ["html_200", "empty_200", "error_in_200"])
def test_tags_that_are_not_told_for_once_are_asked_for_again(
    request: pytest.FixtureRequest, way: str, side: str, action: str
) -> None:
    hollow = {"side": side, "operation": "GetObjectTagging", "key": "note", "calls": "1", "action": action}
    pair = request.getfixturevalue(way)(hollow)
    pair.seed("note", b"-", tags={"kind": "a note"})

    settled = pair.copy_one(tags=True)

    assert settled.verdict == "verified"
    assert settled.outcome(CheckName.TAGS) == "match"
    assert pair.dest_store.get_tags(DEST, "note") == {"kind": "a note"}
