"""Reading a copy back from a destination that drips, goes silent, or breaks off."""

from __future__ import annotations

import os

from migrator.engine.bodies import Watch
from tests.faults.conftest import Make
from tests.faults.two_stores import TwoStores

BODY = os.urandom(200_000)
GET = {"side": "destination", "operation": "GetObject", "key": "photo"}
RESET = {**GET, "calls": "1", "action": "reset", "at_byte": 90_000}
SWAP = {**GET, "calls": "2", "action": "overwrite", "value": "before"}
READ_BACK = {"read_back_percent": 100}


def test_a_broken_line_is_resumed_where_it_broke(streamed_stores: Make) -> None:
    pair = seeded(streamed_stores(RESET))

    settled = pair.copy_one(**READ_BACK)

    first, resumed = (entry for entry in pair.dest.log if entry.operation == "GetObject")
    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D4", [""])
    assert "range" not in first.headers
    assert resumed.headers["range"] == "bytes=90000-"
    assert resumed.headers["if-match"] == settled.finding.dest.etag
    assert readings_of_the_source(pair) == 1


def test_a_line_that_breaks_again_and_again_is_given_up(streamed_stores: Make) -> None:
    pair = seeded(streamed_stores({**RESET, "calls": "all", "at_byte": 10}))

    settled = pair.copy_one(**READ_BACK, most_attempts=1)

    assert settled.code == "endpoint_unreachable"
    assert pair.requests("GetObject") == 4


def test_a_store_that_ignores_ranges_is_read_anew_and_the_source_is_not(streamed_stores: Make) -> None:
    pair = seeded(streamed_stores(RESET, {**GET, "calls": "2", "action": "ignore", "value": "range"}))

    settled = pair.copy_one(**READ_BACK)

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D4", [""])
    assert readings_of_the_source(pair) == 1


def test_a_store_that_breaks_off_and_ignores_ranges_each_time_is_given_up(streamed_stores: Make) -> None:
    ignored = {**GET, "action": "ignore", "value": "range"}
    again = {**RESET, "calls": "3"}
    pair = seeded(streamed_stores(RESET, {**ignored, "calls": "2"}, again, {**ignored, "calls": "4"}))

    settled = pair.copy_one(**READ_BACK, most_attempts=1)

    assert settled.code == "store_error"
    assert settled.finding.error_message == (
        "The destination broke off while we read the copy back, and did not go on where it had stopped. We try again."
    )


def test_what_is_replaced_while_the_line_breaks_is_named_and_never_mixed(streamed_stores: Make) -> None:
    pair = seeded(streamed_stores(RESET, SWAP))

    settled = pair.copy_items(pair.begin(), **READ_BACK)["photo"]

    assert (settled.code, settled.attempts) == ("dest_changed_after_write", ["dest_changed_after_write"])
    assert readings_of_the_source(pair) == 1


def test_a_version_is_read_to_its_end_whatever_is_written_after_it(streamed_stores: Make) -> None:
    pair = seeded(streamed_stores(RESET, SWAP, dest_traits={"versioned": True}))

    settled = pair.copy_items(pair.begin(), **READ_BACK)["photo"]

    assert (settled.grades, settled.attempts) == ("S3/D4", [""])


def test_a_silent_destination_is_not_called_a_silent_source(streamed_stores: Make) -> None:
    pair = seeded(streamed_stores({**GET, "calls": "all", "action": "stall", "at_byte": 0}))

    settled = pair.copy_one(**READ_BACK, most_attempts=1)

    host = pair.dest.url.partition("://")[2]
    assert settled.code == "endpoint_unreachable"
    assert settled.finding.error_message == (
        f"The destination at {host} went silent while we read the copy back. We try again."
    )


def test_a_silence_that_ends_costs_nothing_but_its_time(streamed_stores: Make) -> None:
    pair = seeded(streamed_stores({**GET, "calls": "1", "action": "stall", "at_byte": 90_000}))

    settled = pair.copy_one(**READ_BACK)

    assert (settled.grades, settled.attempts) == ("S3/D4", [""])
    assert readings_of_the_source(pair) == 1


def test_a_destination_that_drips_is_too_slow(streamed_stores: Make) -> None:
    pair = seeded(streamed_stores({**GET, "calls": "1", "action": "drip", "at_byte": 1_000, "value": 10_000}))

    settled = pair.copy_one(**READ_BACK, watch=SOON)

    assert (settled.grades, settled.attempts) == ("S3/D4", ["too_slow", ""])
    assert settled.notes == ("already_there",)


def test_the_destination_is_named_as_the_one_that_drips(streamed_stores: Make) -> None:
    pair = seeded(streamed_stores({**GET, "calls": "1", "action": "drip", "at_byte": 1_000, "value": 10_000}))

    settled = pair.copy_one(**READ_BACK, watch=SOON, most_attempts=1)

    assert settled.code == "too_slow"
    assert settled.finding.error_message == (
        "The destination sends so slowly that reading the copy back would not be done in time. We try again."
    )


def test_reading_back_has_a_deadline_however_well_each_window_went(streamed_stores: Make) -> None:
    pair = seeded(streamed_stores({**GET, "calls": "1", "action": "drip", "at_byte": 1_000, "value": 20_000}))
    watch = Watch(least_bytes_per_s=1, window_seconds=0.2, allowance_seconds=1, least_average=10**9)

    settled = pair.copy_one(**READ_BACK, watch=watch, most_attempts=1)

    assert settled.code == "too_slow"
    assert "reading the copy back would not be done in time" in settled.finding.error_message


def seeded(pair: TwoStores) -> TwoStores:
    pair.seed("photo", BODY)
    return pair


def readings_of_the_source(pair: TwoStores) -> int:
    return sum(entry.operation == "GetObject" for entry in pair.source.log)


SOON = Watch(least_bytes_per_s=100_000, window_seconds=0.3)
