"""What a task leaves out is neither computed nor sent, proves nothing, and is never an error."""

from __future__ import annotations

import os

import pytest

from integrity.checksums import encode
from integrity.digests import USUAL, Algorithm, digest_of
from integrity.evidence import CheckName, Outcome
from integrity.layouts import Layout
from migrator.engine.buffers import MemoryPart
from migrator.engine.errors import LocalMemoryCorruption
from migrator.engine.stores import WriteHeaders
from migrator.engine.writing import Target, put_object
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS, TwoStores

BODY = os.urandom(100_000)
MD5, SHA256 = Algorithm.MD5, Algorithm.SHA256
CRCS = {Algorithm.CRC32, Algorithm.CRC32C, Algorithm.CRC64NVME}
PUT = {"side": "destination", "operation": "PutObject", "key": "photo"}
PART = {"side": "destination", "operation": "UploadPart", "key": "film"}
SMALL_PARTS = {"small_parts": True}
UNSTATED = {"checksums": [], "default_checksum": ""}


def digest_headers(pair: TwoStores, operation: str) -> set[str]:
    """The digests that went with these requests to the destination."""
    sent = [set(entry.headers) for entry in pair.dest.log if entry.operation == operation]
    assert sent
    names = set.union(*sent)
    return {name for name in names if name == "content-md5" or name.startswith("x-amz-checksum-")} - {
        "x-amz-checksum-mode",
        "x-amz-checksum-type",
    }


@pytest.mark.parametrize("left_out", [{MD5}, {SHA256}, CRCS, {MD5, SHA256}, {MD5, Algorithm.CRC64NVME}])
@pytest.mark.parametrize("part_size", [0, 40_000])
def test_right_bytes_are_verified_by_what_is_left(two_stores: Make, left_out: set[Algorithm], part_size: int) -> None:
    pair = two_stores(source_traits={"default_checksum": "CRC32"}, dest_traits=SMALL_PARTS)
    pair.seed("photo", BODY, algorithm="CRC32", checksum_type="FULL_OBJECT", part_size=part_size)

    settled = pair.copy_one(leave_out_digests=left_out, limits=TINY_PARTS)

    assert settled.verdict == "verified"
    assert {name for name in USUAL if settled.finding.digests and settled.finding.digests.raw(name) is None} == left_out
    assert set(settled.notes) == {f"{name.lower()}_left_out" for name in left_out}


@pytest.mark.parametrize("part_size", [0, 40_000])
def test_with_everything_left_out_the_copy_arrives_and_nothing_is_claimed(two_stores: Make, part_size: int) -> None:
    pair = two_stores(dest_traits=SMALL_PARTS)
    pair.seed("photo", BODY, part_size=part_size)

    settled = pair.copy_one(leave_out_digests=USUAL, limits=TINY_PARTS)

    assert (settled.verdict, settled.grades, settled.reason) == ("unverified", "S1/D1", "not_requested")
    assert pair.dest_bytes("photo") == BODY
    assert not [check for check in settled.finding.checks if check.outcome is Outcome.MISMATCH]
    assert {settled.outcome(name) for name in (CheckName.SOURCE_ETAG, CheckName.SOURCE_CHECKSUM)} == {"not_requested"}


def test_without_md5_no_content_md5_is_sent(two_stores: Make) -> None:
    pair = two_stores(dest_traits=SMALL_PARTS)
    pair.seed("photo", BODY)
    pair.seed("film", BODY, part_size=40_000)

    pair.copy(leave_out_digests={MD5}, limits=TINY_PARTS)

    assert digest_headers(pair, "PutObject") == {"x-amz-checksum-crc64nvme"}
    assert digest_headers(pair, "UploadPart") == {"x-amz-checksum-crc64nvme"}


def test_the_next_checksum_is_sent_where_the_first_is_left_out(two_stores: Make) -> None:
    pair = two_stores(dest_traits=SMALL_PARTS)
    pair.seed("photo", BODY)
    pair.seed("film", BODY, part_size=40_000)

    settled = pair.copy(leave_out_digests={Algorithm.CRC64NVME}, limits=TINY_PARTS)

    assert {each.grades for each in settled.values()} == {"S3/D3"}
    assert digest_headers(pair, "PutObject") == {"content-md5", "x-amz-checksum-crc32"}
    assert digest_headers(pair, "UploadPart") == {"content-md5", "x-amz-checksum-crc32"}


def test_without_md5_a_source_that_states_nothing_else_is_unverified(two_stores: Make) -> None:
    pair = two_stores(source_traits=UNSTATED)
    pair.seed("photo", BODY)

    settled = pair.copy_one(leave_out_digests={MD5})

    assert (settled.verdict, settled.reason, settled.grades) == ("unverified", "not_requested", "S1/D3")
    assert settled.outcome(CheckName.DEST_ETAG) == "not_requested"


@pytest.mark.parametrize("fault", [PUT, PART])
def test_without_md5_bytes_spoiled_on_arrival_are_refused_and_sent_again(
    two_stores: Make, fault: dict[str, object]
) -> None:
    pair = two_stores({**fault, "calls": "1", "action": "corrupt_before_hash"}, dest_traits=SMALL_PARTS)
    pair.seed(str(fault["key"]), BODY, part_size=40_000 if fault is PART else 0)

    settled = pair.copy_one(leave_out_digests={MD5, SHA256}, limits=TINY_PARTS)

    assert (settled.verdict, settled.attempts) == ("verified", [""])


def test_without_md5_a_flipped_byte_still_differs_from_the_checksum(two_stores: Make) -> None:
    pair = two_stores({"side": "source", "operation": "GetObject", "calls": "all", "action": "flip", "at_byte": 9})
    pair.seed("photo", BODY)

    settled = pair.copy_one(leave_out_digests={MD5})

    assert settled.code == "source_checksum_mismatch"
    assert pair.dest.keys(DEST) == []


def test_a_second_reading_that_could_not_be_compared_is_not_made(two_stores: Make) -> None:
    pair = two_stores(source_traits={"sse": "kms", **UNSTATED})
    pair.seed("secret", BODY)

    settled = pair.copy_one(leave_out_digests={SHA256}, double_read=True)

    assert (settled.verdict, settled.outcome(CheckName.SOURCE_REREAD)) == ("unverified", "not_requested")
    assert sum(entry.operation == "GetObject" for entry in pair.source.log) == 1


@pytest.mark.parametrize("left_out", [set(), {MD5}, {MD5, SHA256}])
def test_row_77_a_buffer_that_changed_is_found_by_a_digest_that_exists(
    two_stores: Make, left_out: set[Algorithm]
) -> None:
    pair = two_stores()
    pair.learn()
    digests = digest_of(BODY, [Layout.single(len(BODY))], USUAL - left_out)
    part = MemoryPart(len(BODY))
    part.write(memoryview(b"x" + BODY[1:]))
    target = Target(pair.dest_store, DEST, "photo", pair.dest_profile, WriteHeaders(), left_out=frozenset(left_out))

    with pytest.raises(LocalMemoryCorruption):
        put_object(target, part, digests, lambda: False)
    assert pair.dest.keys(DEST) == []


def test_a_buffer_that_is_as_it_was_is_sent_again(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "1-3", "action": "corrupt_before_hash"})
    pair.seed("photo", BODY)

    settled = pair.copy_one(leave_out_digests={MD5})

    assert settled.verdict == "verified"
    assert pair.requests("PutObject") == 4
    assert encode(digest_of(BODY).raw("CRC64NVME") or b"") in {
        entry.headers.get("x-amz-checksum-crc64nvme") for entry in pair.dest.log
    }
