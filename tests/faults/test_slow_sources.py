"""Rows 12 and 13: a source that goes silent or drips, and a wish to stop that is heard meanwhile."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from migrator.engine.bodies import Watch
from migrator.engine.errors import Stopped
from migrator.engine.stores import Store
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, IMPATIENT, Settled, TwoStores

BODY = os.urandom(200_000)
LARGE = os.urandom(900_000)
GET = {"side": "source", "operation": "GetObject"}


def test_row_12_a_stall_is_resumed(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, "calls": "1", "action": "stall", "at_byte": 90_000})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.notes == ("resumed",)


@pytest.mark.slow
def test_row_12_a_stall_each_time_is_source_timeout(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, "calls": "all", "action": "stall", "at_byte": 1_000})
    pair.seed("photo", BODY)

    settled = pair.copy_one(most_attempts=2)

    assert settled.code == "source_timeout"
    assert settled.attempts == ["source_timeout"] * 2
    assert pair.dest.keys(DEST) == []


@pytest.mark.slow
def test_row_12_a_stall_each_time_of_a_small_object_is_source_timeout(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "all", "action": "stall", "at_byte": 10})
    pair.seed("photo", BODY[:1_000])

    settled = pair.copy_one(most_attempts=1)

    assert settled.code == "source_timeout"
    assert pair.dest.keys(DEST) == []


def test_row_13_a_drip_is_too_slow(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, "calls": "1", "action": "drip", "at_byte": 1_000, "value": 10_000})
    pair.seed("photo", BODY)

    settled = pair.copy_one(watch=Watch(least_bytes_per_s=100_000, window_seconds=0.3))

    assert too_slow_at_first(settled)
    assert settled.verdict == "verified"


def test_row_13_a_drip_is_too_slow_long_before_a_whole_piece_has_come(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, "calls": "1", "action": "drip", "at_byte": 1_000, "value": 20_000})
    pair.seed("film", LARGE)

    began = time.monotonic()
    settled = pair.copy_one(watch=Watch(least_bytes_per_s=100_000, window_seconds=0.3))

    assert too_slow_at_first(settled)
    assert settled.verdict == "verified"
    assert time.monotonic() - began < 10


def test_row_13_a_wish_to_stop_is_heard_while_a_body_drips(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, "calls": "1", "action": "drip", "at_byte": 1_000, "value": 20_000})
    pair.seed("film", LARGE)
    planned = pair.begin()
    pair.told.stop_after = 1

    began = time.monotonic()
    with pytest.raises(Stopped):
        pair.copy_items(planned)

    assert time.monotonic() - began < 10
    assert pair.dest.keys(DEST) == []


def test_row_13_a_drip_is_too_slow_under_a_speed_limit_too(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "1", "action": "drip", "at_byte": 1_000, "value": 20_000})
    pair.seed("photo", BODY)
    watch = Watch(least_bytes_per_s=100_000, window_seconds=0.3)

    settled = pair.copy_one(watch=watch, bytes_per_s=10_000_000)

    assert too_slow_at_first(settled)
    assert settled.verdict == "verified"


def test_row_13_a_speed_limit_alone_makes_no_source_too_slow(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("film", LARGE + LARGE)
    watch = Watch(least_bytes_per_s=4_000_000, window_seconds=0.3)

    settled = pair.copy_one(watch=watch, bytes_per_s=1_500_000)

    assert settled.attempts == [""]
    assert settled.verdict == "verified"


def test_row_13_an_object_has_a_deadline_however_well_each_window_went(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, "calls": "1", "action": "drip", "at_byte": 1_000, "value": 20_000})
    pair.seed("photo", BODY)

    settled = pair.copy_one(watch=IN_A_SECOND)

    assert too_slow_at_first(settled)
    assert settled.verdict == "verified"


def test_row_13_a_resumed_body_has_what_is_left_of_the_deadline(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, "calls": "1-2", "action": "stall", "at_byte": 50_000})
    pair.seed("photo", BODY)

    settled = pair.copy_one(watch=replace(IN_A_SECOND, allowance_seconds=1.5))

    assert too_slow_at_first(settled)
    assert settled.verdict == "verified"


def test_row_13_a_speed_limit_alone_brings_no_deadline_nearer(streamed_stores: Make) -> None:
    pair = streamed_stores()
    pair.seed("photo", BODY)

    settled = pair.copy_one(watch=IN_A_SECOND, bytes_per_s=100_000)

    assert settled.attempts == [""]
    assert settled.verdict == "verified"


def test_the_usual_deadline_leaves_room_for_a_slow_line_that_many_share() -> None:
    eighth_of_a_mbit = 1_000_000 / 8 / 8

    assert all(Watch().seconds_for(size) > 1.5 * size / eighth_of_a_mbit for size in (1, 10**6, 10**9, 5 * 10**12))


def test_a_stop_is_heard_in_the_midst_of_a_speed_limit(streamed_stores: Make) -> None:
    pair = streamed_stores()
    pair.seed("photo", BODY)

    assert seconds_to_stop(pair, bytes_per_s=10_000) < 5


def test_a_stop_is_heard_while_a_body_is_silent(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, "calls": "1", "action": "stall", "at_byte": 90_000})
    pair.seed("photo", BODY)
    pair.source_store.close()
    pair.source_store = Store(replace(pair.source_store.endpoint, read_seconds=60), patience=IMPATIENT)

    assert seconds_to_stop(pair) < 5


def too_slow_at_first(settled: Settled) -> bool:
    """Whether it was too slow once; more often where the machine is busy with other things."""
    return set(settled.attempts[:-1]) == {"too_slow"} and settled.attempts[-1] == ""


def seconds_to_stop(pair: TwoStores, **options: object) -> float:
    """Ask to stop after a second, and return how long that took from there."""
    planned = pair.begin()
    pair.told.stop_at = wish = time.monotonic() + 1
    with pytest.raises(Stopped):
        pair.copy_items(planned, **options)
    assert pair.dest.keys(DEST) == []
    return time.monotonic() - wish


IN_A_SECOND = Watch(least_bytes_per_s=1, window_seconds=0.2, allowance_seconds=1, least_average=10**9)
