"""A body whose MD5 the source states: it passes straight through in one PUT."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

import pytest

from integrity.evidence import CheckName
from migrator.engine.pacing import Pace
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, IMPATIENT, TINY_PARTS, Told

LARGE = os.urandom(900_000)
GET = {"side": "source", "operation": "GetObject"}
PUT = {"side": "destination", "operation": "PutObject"}
HEAD = {"side": "destination", "operation": "HeadObject"}
STRAIGHT = {"threshold": 100_000}
TOO_LARGE = {"calls": "all", "action": "status", "value": {"status": 413, "code": "EntityTooLarge"}}


class Counting(Told):
    """Remembers how much passed each time."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[int] = []

    def moved(self, n: int) -> None:
        super().moved(n)
        self.pieces.append(n)


def test_a_body_whose_md5_is_known_passes_straight_through_in_one_put(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("film", LARGE + LARGE)

    settled = pair.copy_one(**STRAIGHT)

    assert (settled.verdict, settled.grades) == ("verified", "S3/D3")
    assert pair.requests("CreateMultipartUpload") == 0
    assert settled.outcome(CheckName.WRITE_DIGEST) == "match"


def test_under_a_speed_limit_a_body_passes_through_piece_by_piece_and_not_with_long_silences(two_stores: Make) -> None:
    pair = two_stores()
    pair.told = told = Counting()
    pair.seed("film", LARGE)

    settled = pair.copy_one(**STRAIGHT, bytes_per_s=800_000)

    assert settled.verdict == "verified"
    # An eighth of a second's worth: many share a limit, and a destination leaves whom it has not heard for a while.
    assert max(told.pieces) == 100_000


def test_a_body_is_not_sent_with_an_etag_that_only_looks_like_its_md5(two_stores: Make) -> None:
    pair = two_stores(source_traits={"etag_single": "opaque"}, dest_traits={"small_parts": True})
    for key in ("film-1", "film-2"):
        pair.seed(key, LARGE + LARGE)

    settled = pair.copy(**STRAIGHT, limits=TINY_PARTS, concurrency=1)

    assert {(each.verdict, tuple(each.attempts)) for each in settled.values()} == {("verified", ("",))}
    # The first one has shown it before its last piece went out, and on a busy machine before its first one did.
    assert pair.requests("PutObject") <= 1
    assert pair.requests("CreateMultipartUpload") == 2


def test_a_body_that_is_refused_for_its_size_goes_in_parts(two_stores: Make) -> None:
    pair = two_stores({**PUT, **TOO_LARGE}, dest_traits={"small_parts": True})
    for key in ("film-1", "film-2"):
        pair.seed(key, LARGE + LARGE)

    settled = pair.copy(**STRAIGHT, limits=TINY_PARTS, concurrency=1)

    assert {(each.verdict, tuple(each.attempts)) for each in settled.values()} == {("verified", ("",))}
    # The first one has shown it.
    assert (pair.requests("PutObject"), pair.requests("CreateMultipartUpload")) == (1, 2)


def test_a_body_whose_parts_are_too_large_as_well_is_too_large(two_stores: Make) -> None:
    pair = two_stores(
        {**PUT, **TOO_LARGE}, {**PUT, "operation": "UploadPart", **TOO_LARGE}, dest_traits={"small_parts": True}
    )
    pair.seed("film", LARGE + LARGE)

    settled = pair.copy_one(**STRAIGHT, limits=TINY_PARTS)

    assert (settled.code, settled.attempts) == ("object_too_large", ["object_too_large"])


def test_row_14_a_body_that_passes_straight_through_is_read_again_in_the_same_attempt(two_stores: Make) -> None:
    slow_down = {"status": 503, "code": "SlowDown"}
    pair = two_stores({**PUT, "calls": "1-4", "action": "status", "value": slow_down})
    pair.seed("film", LARGE + LARGE)

    settled = pair.copy_one(**STRAIGHT)

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D3", [""])
    (repeat,) = settled.finding.attempts[0].repeats
    assert (repeat.side, repeat.operation, repeat.reason, repeat.count) == ("destination", "PutObject", "throttled", 4)
    assert pair.requests("PutObject") == 5
    assert settled.finding.bytes_read == len(LARGE + LARGE)


def test_row_15_a_body_that_is_never_taken_fails_throttled(two_stores: Make) -> None:
    slow_down = {"status": 503, "code": "SlowDown"}
    pair = two_stores({**PUT, "calls": "all", "action": "status", "value": slow_down})
    pair.seed("film", LARGE + LARGE)

    settled = pair.copy_one(**STRAIGHT, most_attempts=2)

    assert (settled.code, settled.attempts) == ("throttled", ["throttled"] * 2)
    assert pair.requests("PutObject") == 2 * IMPATIENT.tries


@pytest.mark.parametrize("fault", [{"action": "status", "value": 500}, {"action": "drop_reply"}])
def test_a_body_that_may_have_been_taken_is_not_sent_again_unseen(two_stores: Make, fault: dict[str, object]) -> None:
    pair = two_stores({**PUT, "calls": "1", **fault})
    pair.seed("film", LARGE + LARGE)

    settled = pair.copy_one(**STRAIGHT)

    assert settled.verdict == "verified"
    assert len(settled.attempts) == 2


def test_a_body_is_not_sent_again_unseen_where_only_the_look_at_it_was_refused(two_stores: Make) -> None:
    unnamed = {**PUT, "calls": "1", "action": "header", "value": {"remove": ["etag"]}}
    # The first HEAD sees that the key is free.
    busy = {**HEAD, "calls": f"2-{1 + IMPATIENT.tries}", "action": "status", "value": 503}
    pair = two_stores(unnamed, busy, dest_traits={"versioned": True, "if_none_match": "ignored"})
    pair.seed("film", LARGE + LARGE)

    settled = pair.copy_one(**STRAIGHT)

    assert (settled.verdict, settled.attempts) == ("verified", ["throttled", ""])
    assert "already_there" in settled.notes
    assert len(pair.dest.version_ids(DEST, "film")) == 1


def test_a_flip_on_the_way_in_stores_nothing_though_it_passes_straight_through(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "all", "action": "flip", "at_byte": 1_500_000})
    pair.seed("film", LARGE + LARGE)

    settled = pair.copy_one(**STRAIGHT)

    assert settled.code == "source_etag_mismatch"
    assert pair.dest.keys(DEST) == []


def test_a_flip_on_the_way_out_is_refused_and_read_again(two_stores: Make) -> None:
    spoilt = {"side": "destination", "operation": "PutObject", "calls": "1", "action": "corrupt_before_hash"}
    pair = two_stores(spoilt)
    pair.seed("film", LARGE + LARGE)

    settled = pair.copy_one(**STRAIGHT)

    assert settled.verdict == "verified"
    assert settled.attempts == ["digest_rejected", ""]


def test_an_object_sealed_by_a_key_service_goes_in_parts(two_stores: Make) -> None:
    pair = two_stores(source_traits={"sse": "kms"}, dest_traits={"small_parts": True})
    pair.seed("film", LARGE + LARGE)

    pair.copy(**STRAIGHT, limits=TINY_PARTS)

    assert pair.requests("CreateMultipartUpload") == 1
    assert sum(entry.operation == "GetObject" for entry in pair.source.log) == 1


def test_a_broken_source_is_resumed_while_its_body_passes_through(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "1", "action": "reset", "at_byte": 900_000})
    pair.seed("film", LARGE + LARGE)

    settled = pair.copy_one(**STRAIGHT)

    assert (settled.verdict, settled.notes) == ("verified", ("resumed",))


def test_an_answer_lost_after_a_body_passed_through_is_found_already_there(two_stores: Make) -> None:
    pair = two_stores({"side": "destination", "operation": "PutObject", "calls": "1", "action": "drop_reply"})
    pair.seed("film", LARGE + LARGE)

    settled = pair.copy_one(**STRAIGHT)

    assert (settled.verdict, settled.notes) == ("verified", ("already_there",))


@pytest.mark.parametrize(
    ("fault", "traits"),
    [({**GET, "calls": "1", "action": "reset", "at_byte": 900_000}, {}), (None, {"if_match": "ignored"})],
    ids=["a body that breaks", "a source that is to be seen again"],
)
def test_an_endpoint_that_gets_one_request_at_a_time_may_be_both_ends(
    two_stores: Make, fault: Mapping[str, object] | None, traits: Mapping[str, object]
) -> None:
    pair = two_stores(*[fault] if fault else [], source_traits=traits)
    pair.seed("film", LARGE + LARGE)
    items = pair.begin()
    # As where both sides are one connection, slowed down as far as it goes.
    pair.source_store.pace = pair.dest_store.pace = pace = Pace(1)
    # What waits for ever is let go in the end.
    lets_go = threading.Timer(10, pace.release)
    lets_go.start()

    settled = pair.copy_items(items, **STRAIGHT)

    assert lets_go.is_alive()
    lets_go.cancel()
    assert settled["film"].verdict == "verified"
    assert pair.requests("PutObject") == 1
    pair.check_invariants(settled)
