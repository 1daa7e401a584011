"""Row 77: a buffer that changes in memory between hashing and sending."""

from __future__ import annotations

import os

import pytest

from migrator.engine.errors import Stopped
from tests.bad_memory import change_each_part
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS, Settled

BODY = os.urandom(100_000)


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
