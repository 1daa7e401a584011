"""Row 77: a buffer that changes in memory between hashing and sending."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from integrity.evidence import CheckName, EtagMeaning, Proof
from migrator.engine.errors import Stopped
from tests.bad_memory import change_each_part, change_each_spooled_part
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS, Settled, TwoStores

BODY = os.urandom(100_000)
# Of a part such a store checks the signed hash and nothing else.
HASH_ALONE = {
    "small_parts": True,
    "content_md5": "ignores",
    "etag_multipart": "random",
    "checksums": [],
    "default_checksum": "",
}
BUSY_ONCE = {
    "side": "destination",
    "operation": "UploadPart",
    "part": 1,
    "calls": "1",
    "action": "status",
    "value": 503,
}


@pytest.mark.parametrize(("operation", "part_size"), [("PutObject", 0), ("UploadPart", 40_000)])
def test_row_77_after_a_buffer_that_changed_nothing_else_of_the_batch_is_begun(
    streamed_stores: Make, operation: str, part_size: int
) -> None:
    fault = {"side": "destination", "operation": operation, "key": "b", "calls": "1", "action": "corrupt_before_hash"}
    pair = streamed_stores(fault, dest_traits={"small_parts": True})
    for key in "abcd":
        pair.seed(key, BODY, part_size=part_size)
    planned = pair.begin()
    pair.dest.on_fired(change_each_part)
    settled: dict[str, Settled] = {}

    with pytest.raises(Stopped):
        pair.copy_items(planned, into=settled, concurrency=1, limits=TINY_PARTS)

    assert {key: each.code or each.verdict for key, each in settled.items()} == {
        "a": "verified",
        "b": "local_memory_corruption",
    }
    assert settled["b"].attempts == ["local_memory_corruption"]
    assert {entry.key for entry in pair.source.log if entry.operation == "GetObject"} == {"a", "b"}
    assert pair.dest.keys(DEST) == ["a"]
    assert not pair.dest.open_uploads()


def checked_by_hash_alone(two_stores: Make, algorithm: str) -> TwoStores:
    """A store of that kind, and a source in parts with composite checksums; the first part is asked for again."""
    pair = two_stores(BUSY_ONCE, dest_traits=HASH_ALONE)
    pair.seed("film", BODY, part_size=60_000, algorithm=algorithm)
    return pair


def test_row_77_a_part_is_never_signed_as_what_its_buffer_has_become(two_stores: Make) -> None:
    pair = checked_by_hash_alone(two_stores, "SHA256")
    pair.dest.on_fired(change_each_part)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.code == "local_memory_corruption"
    assert pair.dest.keys(DEST) == []


def test_row_77_nor_as_what_it_has_become_on_disk(two_stores: Make, tmp_path: Path) -> None:
    pair = checked_by_hash_alone(two_stores, "SHA256")
    pair.room = {"buffer_budget": 1_000, "spool_dir": tmp_path / "spool", "spool_quota": 60_000}
    pair.dest.on_fired(change_each_spooled_part)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.code == "local_memory_corruption"
    assert pair.dest.keys(DEST) == []


@pytest.mark.parametrize(
    ("algorithm", "outcome", "grade"), [("SHA256", "match", "D2"), ("SHA1", "store_unproven", "D1")]
)
def test_row_77_a_hash_that_was_made_for_the_signature_alone_proves_nothing(
    two_stores: Make, algorithm: str, outcome: str, grade: str
) -> None:
    pair = checked_by_hash_alone(two_stores, algorithm)

    settled = pair.copy_one(limits=TINY_PARTS)

    profile = pair.dest_profile
    assert (profile.payload_sha256, profile.content_md5) == (Proof.REJECTS, Proof.IGNORES)
    assert profile.etag_multipart is EtagMeaning.OPAQUE
    assert (settled.outcome(CheckName.WRITE_DIGEST), settled.judgement.dest_grade) == (outcome, grade)
