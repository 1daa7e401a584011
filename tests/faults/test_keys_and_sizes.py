"""Rows 67 and 68: odd keys and boundary sizes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from integrity.evidence import CheckName
from integrity.layouts import GIB, MIB, Limits
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, SOURCE, TINY_PARTS, Told

FILES = Path("/proc/self/fd")
ON_LINUX = pytest.mark.skipif(not FILES.exists(), reason="files without a name are found in /proc")
ODD_KEYS = [
    "caf\u00e9-nfc",
    "cafe\u0301-nfc",
    "a//b",
    "/leading",
    "..",
    "../up",
    "a/./b",
    "plus+plus",
    "per%cent%41",
    "trailing/",
    "bell\x07",
    "return\rreturn",
    "emoji \U0001f600",
    "   ",
    "<script>alert(1)</script>",
    "=cmd()",
    "question?mark#hash",
    "quote\"and'and&",
    "\u202egnp.exe",
    "k" * 1024,
]
# A store writes them as they are, or as references, both of which no reader of XML takes.
SIGNS_THAT_XML_FORBIDS = ["nul\x00", "one\x01", "escape\x1bescape", "last\x1f", "none\ufffe", "none\uffff"]


class Watched(Told):
    """Looks at the spool folder with each piece that was read."""

    def __init__(self, spool_dir: Path) -> None:
        super().__init__()
        self.spool_dir = spool_dir
        self.most_spooled = 0

    def moved(self, n: int) -> None:
        super().moved(n)
        self.look()

    def look(self, *_: object) -> None:
        self.most_spooled = max(self.most_spooled, self.spooled())

    def spooled(self) -> int:
        """Bytes in the files there; they have no name."""
        total = 0
        for file in FILES.iterdir():
            with suppress(OSError):
                total += file.stat().st_size if file.readlink().is_relative_to(self.spool_dir) else 0
        return total


def test_row_67_every_legal_key_is_verified_and_distinct(two_stores: Make) -> None:
    pair = two_stores()
    for number, key in enumerate(ODD_KEYS):
        pair.seed(key, f"body {number}".encode())

    settled = pair.copy()

    assert {key: each.verdict for key, each in settled.items()} == dict.fromkeys(ODD_KEYS, "verified")
    assert pair.dest.keys(DEST) == sorted(ODD_KEYS)


def test_row_67_every_legal_key_is_verified_in_parts_too(two_stores: Make) -> None:
    pair = two_stores(source_traits={"small_parts": True}, dest_traits={"small_parts": True})
    keys = [key for key in (*ODD_KEYS, *SIGNS_THAT_XML_FORBIDS) if key not in ("..", "../up")]
    for key in keys:
        pair.seed(key, key.encode() * 5, part_size=9)

    settled = pair.copy(limits=TINY_PARTS)

    assert {key: each.verdict for key, each in settled.items()} == dict.fromkeys(keys, "verified")
    assert {each.finding.dest_layout.count > 1 for each in settled.values()} == {True}  # type: ignore[union-attr]


def test_row_67_a_key_that_becomes_too_long_fails_before_anything_is_read(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("k" * 1024, b"body")
    item = pair.begin()[0]
    longer = [type(item)(**{**_fields(item), "dest_key": "x" + item.key})]

    settled = pair.copy_items(longer)

    pair.check_invariants(settled)
    assert [each.code for each in settled.values()] == ["key_too_long"]
    assert not [entry for entry in pair.source.log if entry.operation == "GetObject"]


def test_row_67_a_key_that_is_no_text_is_key_invalid(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("k", b"body")
    item = pair.begin()[0]
    odd = [type(item)(**{**_fields(item), "key": "\udcff", "dest_key": "\udcff"})]

    settled = pair.copy_items(odd)

    pair.check_invariants(settled)
    assert [each.code for each in settled.values()] == ["key_invalid"]


@pytest.mark.parametrize("operation", ["PutObject", "CreateMultipartUpload", "CompleteMultipartUpload"])
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "ObjectParentIsFile"),
        (409, "ExistingObjectIsDirectory"),
        (400, "XMinioParentIsObject"),
        (400, "DirectoryObjectContainsData"),
    ],
)
def test_row_67_a_key_that_would_be_a_file_and_a_folder_is_key_invalid(
    two_stores: Make, operation: str, status: int, code: str
) -> None:
    refused = {"status": status, "code": code}
    pair = two_stores({"side": "destination", "operation": operation, "action": "status", "value": refused})
    pair.seed("folder/photo", os.urandom(100_000), part_size=0 if operation == "PutObject" else 40_000)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.code, settled.attempts) == ("key_invalid", ["key_invalid"])
    assert "no file can be a folder too" in settled.finding.error_message


@pytest.mark.parametrize("size", [0, 1, 1_000, 33_000, MIB, 5 * MIB, 6 * MIB, 11 * MIB, 16 * MIB, 16 * MIB + 1])
def test_row_68_sizes_around_the_borders_are_verified(two_stores: Make, size: int) -> None:
    pair = two_stores()
    pair.seed("photo", os.urandom(size))

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.finding.calculated_etag == settled.finding.dest.etag.strip('"')  # type: ignore[union-attr]
    assert pair.requests("CreateMultipartUpload") == 0


@pytest.mark.parametrize(("size", "parts"), [(16 * MIB, 1), (16 * MIB + 1, 2)])
def test_row_68_where_every_payload_must_be_signed_large_objects_go_in_parts(
    two_stores: Make, size: int, parts: int
) -> None:
    pair = two_stores()
    pair.seed("photo", os.urandom(size))
    planned = pair.begin()
    pair.believe(unsigned_payload=False)

    settled = pair.copy_items(planned)

    pair.check_invariants(settled)
    assert settled["photo"].verdict == "verified"
    assert settled["photo"].finding.dest_layout.count == parts  # type: ignore[union-attr]
    signed = {entry.headers["x-amz-content-sha256"] for entry in pair.dest.log if entry.operation == "UploadPart"}
    assert "UNSIGNED-PAYLOAD" not in signed


@pytest.mark.parametrize("parts", [[5 * MIB, 1], [5 * MIB, 5 * MIB], [6 * MIB, 5 * MIB, 7], [7 * MIB]])
def test_row_68_the_parts_of_other_clients_are_mirrored(two_stores: Make, parts: list[int]) -> None:
    pair = two_stores()
    pair.seed("film", os.urandom(sum(parts)), part_sizes=parts)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.finding.source_layout == settled.finding.dest_layout
    assert settled.outcome(CheckName.PAIR_DIGEST) == "match"


@ON_LINUX
def test_row_68_parts_above_the_memory_budget_are_spooled(two_stores: Make, tmp_path: Path) -> None:
    pair = two_stores()
    pair.told = watched = Watched(tmp_path / "spool")
    pair.room = {"spool_dir": watched.spool_dir}
    pair.seed("film", os.urandom(60 * MIB), part_size=50 * MIB)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.finding.dest_layout.largest_part == 50 * MIB  # type: ignore[union-attr]
    assert 40 * MIB < watched.most_spooled <= 50 * MIB
    assert watched.spooled() == 0


@ON_LINUX
@pytest.mark.parametrize(("quota", "most"), [(100_000, 100_000), (10_000, 40_000)])
def test_what_is_spooled_stays_within_its_quota_and_a_larger_part_takes_all_of_it(
    two_stores: Make, tmp_path: Path, quota: int, most: int
) -> None:
    slowly = {"side": "destination", "operation": "UploadPart", "calls": "all", "action": "drip", "value": 400_000}
    pair = two_stores(slowly, dest_traits={"small_parts": True})
    pair.told = watched = Watched(tmp_path / "spool")
    pair.room = {"buffer_budget": 1_000, "spool_dir": watched.spool_dir, "spool_quota": quota}
    pair.dest.on_fired(watched.look)
    for number in range(6):
        pair.seed(f"film-{number}", os.urandom(180_000), part_size=40_000)

    settled = pair.copy(limits=TINY_PARTS)

    assert {each.verdict for each in settled.values()} == {"verified"}
    assert 0 < watched.most_spooled <= most
    assert watched.spooled() == 0


def test_row_68_what_the_destination_does_not_take_is_object_too_large(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("film", os.urandom(2_000))

    settled = pair.copy_one(limits=Limits(largest_object=1_999))

    assert settled.code == "object_too_large"
    assert "2,000 bytes" in settled.finding.error_message


def test_row_68_a_folder_marker_is_an_object(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("photos/", b"")

    assert pair.copy_one().verdict == "verified"
    assert pair.dest.keys(DEST) == ["photos/"]


def _fields(item: object) -> dict[str, object]:
    return {name: getattr(item, name) for name in item.__dataclass_fields__}  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.longest
def test_row_68_more_than_5_gib_is_verified(two_stores: Make) -> None:
    pair = two_stores()
    pair.source.seed_sparse(SOURCE, "film", 5 * GIB + 1, part_size=16 * MIB)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.finding.bytes_read == 5 * GIB + 1


@pytest.mark.slow
def test_as_many_parts_as_an_upload_may_have_are_mirrored(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"small_parts": True})
    pair.seed("film", os.urandom(10_000 * 1_024 - 7), part_size=1_024)

    settled = pair.copy_one(limits=TINY_PARTS, threshold=1_024)

    assert settled.verdict == "verified"
    assert settled.finding.dest_layout.count == 10_000  # type: ignore[union-attr]
    assert settled.outcome(CheckName.PAIR_DIGEST) == "match"


@pytest.mark.slow
def test_row_68_one_put_of_the_largest_size_goes_on_in_parts(two_stores: Make) -> None:
    pair = two_stores()
    pair.source.seed_sparse(SOURCE, "film", GIB + 1)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.finding.dest_layout.count == 65  # type: ignore[union-attr]
