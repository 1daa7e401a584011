"""A lone large object whose source is slow for one connection is read by ranges, and fooled no more than others are."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest

from migrator.engine.bodies import Watch
from migrator.engine.errors import Stopped
from migrator.engine.window import Widening
from migrator.sandbox import Logged
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS, Settled, TwoStores

FILM = os.urandom(4_000_000)
STRETCH = 400_000
GET = {"side": "source", "operation": "GetObject"}
# As many bytes a second as one connection gets.
RATE = 1_600_000
SLOW = {**GET, "key": "film", "calls": "all", "action": "drip", "at_byte": 0, "value": RATE}
# Never given up for its speed: a machine that is busy with other things stands still for as long as that is looked at.
SOON = Widening(least_left=1_000_000, stretch=STRETCH, at_once=3, seconds=0.5, least_gain=0)


def seeded(pair: TwoStores, read_seconds: float = 10, **described: object) -> TwoStores:
    """Seed the object; a machine that is busy makes no line silent."""
    pair.source_store.close()
    pair.source_store = pair.store_of(pair.source, read_seconds)
    pair.seed("film", FILM, **described)
    return pair


def copied(pair: TwoStores, **options: object) -> Settled:
    return pair.copy(**with_parts(options))["film"]


def with_parts(options: Mapping[str, object]) -> dict[str, object]:
    return {"limits": TINY_PARTS, "threshold": 500_000, "widening": SOON, **options}


def ranges(pair: TwoStores) -> list[tuple[int, int | None]]:
    found = (entry.headers["range"].removeprefix("bytes=").split("-") for entry in gets(pair) if is_range(entry))
    return [(int(first), int(last) if last else None) for first, last in found]


def stretches(pair: TwoStores) -> list[tuple[int, int]]:
    return [(first, last) for first, last in ranges(pair) if last is not None]


def rest_of(pair: TwoStores) -> list[int]:
    return [first for first, last in ranges(pair) if last is None]


def gets(pair: TwoStores) -> list[Logged]:
    return [entry for entry in pair.source.log if entry.operation == "GetObject"]


def is_range(entry: Logged) -> bool:
    return "range" in entry.headers


def nothing_is_left() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name == "window"]


@pytest.mark.parametrize("way", ["in parts", "straight"])
def test_a_lone_object_that_waits_for_its_source_is_read_by_ranges(two_stores: Make, way: str) -> None:
    parts = {"part_size": 600_000} if way == "in parts" else {}
    pair = seeded(two_stores(SLOW, dest_traits={"small_parts": True}), **parts)

    settled = copied(pair)

    assert bool(pair.requests("CompleteMultipartUpload")) is (way == "in parts")
    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D3", [""])
    assert settled.notes == ("read_by_ranges",)
    asked = sorted(stretches(pair))
    assert len(asked) >= 3
    assert all(last + 1 - first == STRETCH for first, last in asked[:-1])
    assert all(before + 1 == first for (_, before), (first, _) in pairwise(asked))
    assert asked[-1][1] == len(FILM) - 1
    assert rest_of(pair) == []
    assert all(entry.headers["if-match"] for entry in gets(pair) if is_range(entry))
    assert nothing_is_left()


def test_nothing_is_widened_while_the_source_is_not_what_is_waited_for(two_stores: Make) -> None:
    pair = seeded(two_stores())

    settled = copied(pair, bytes_per_s=2_000_000)

    assert (settled.verdict, settled.notes) == ("verified", ())
    assert ranges(pair) == []


def test_nothing_is_widened_while_the_destination_is_what_is_waited_for(two_stores: Make) -> None:
    slow = {"side": "destination", "operation": "UploadPart", "calls": "all", "action": "drip", "value": RATE}
    pair = seeded(two_stores({**slow, "at_byte": 0}, dest_traits={"small_parts": True}), part_size=STRETCH)
    pair.room = {"buffer_budget": 4 * STRETCH}

    assert copied(pair).verdict == "verified"
    assert ranges(pair) == []


@pytest.mark.slow
def test_nothing_is_widened_while_two_objects_are_at_work(two_stores: Make) -> None:
    other = {**SLOW, "key": "other", "value": RATE // 2}
    pair = seeded(two_stores(SLOW, other))
    pair.seed("other", FILM[:3_000_000])

    assert copied(pair, widening=replace(SOON, least_left=len(FILM) // 3)).verdict == "verified"
    assert all(entry.key == "other" for entry in gets(pair) if is_range(entry))


def test_nothing_is_widened_where_little_is_left(two_stores: Make) -> None:
    pair = seeded(two_stores(SLOW))

    assert copied(pair, widening=replace(SOON, least_left=len(FILM))).verdict == "verified"
    assert ranges(pair) == []


def test_nothing_is_widened_without_memory_for_two_stretches(two_stores: Make) -> None:
    pair = seeded(two_stores(SLOW, dest_traits={"small_parts": True}))
    pair.room = {"buffer_budget": 4 * STRETCH - 1}

    assert copied(pair).verdict == "verified"
    assert ranges(pair) == []


def test_what_is_no_quicker_goes_on_by_one_request_and_stays_so(two_stores: Make) -> None:
    pair = seeded(two_stores(SLOW))

    settled = copied(pair, widening=replace(SOON, least_gain=50))

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ("read_by_ranges",))
    (rest,) = rest_of(pair)
    assert max(stretches(pair))[1] + 1 == rest
    assert nothing_is_left()


@pytest.mark.parametrize(
    "break_off", [{"action": "reset", "at_byte": 100_000}, {"action": "truncate", "at_byte": 10, "value": "chunked"}]
)
def test_a_stretch_that_is_cut_is_asked_for_again_from_there(two_stores: Make, break_off: Mapping[str, object]) -> None:
    pair = seeded(two_stores({**GET, "calls": "4", **break_off}, SLOW))

    settled = copied(pair)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ("resumed", "read_by_ranges"))
    firsts = [first for first, _ in stretches(pair)]
    assert len({last for _, last in stretches(pair)}) == len(firsts) - 1
    assert rest_of(pair) == []


def test_a_stretch_that_goes_on_for_ever_is_cut_where_it_should_end(two_stores: Make) -> None:
    more = {"action": "extend", "value": {"bytes": 50_000_000, "announced": True}}
    pair = seeded(two_stores({**GET, "calls": "4", **more}, SLOW))

    settled = copied(pair)

    assert (settled.verdict, settled.attempts) == ("verified", [""])


@pytest.mark.parametrize("call", [2, 5])
def test_a_stretch_that_starts_elsewhere_has_one_request_go_on(two_stores: Make, call: int) -> None:
    elsewhere = {"action": "header", "value": {"set": {"Content-Range": f"bytes 1-{STRETCH}/{len(FILM)}"}}}
    pair = seeded(two_stores({**GET, "calls": str(call), **elsewhere}, SLOW))

    settled = copied(pair)

    # The first one is asked for before the one request is left.
    noted = () if call == 2 else ("read_by_ranges",)
    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], (*noted, "ranges_refused"))
    assert len(rest_of(pair)) == len(noted)
    assert nothing_is_left()


@pytest.mark.parametrize(
    "refusal",
    [{"action": "ignore", "value": "range"}, {"action": "status", "value": {"status": 416, "code": "InvalidRange"}}],
)
def test_where_ranges_are_not_answered_the_one_request_was_not_left(
    two_stores: Make, refusal: Mapping[str, object]
) -> None:
    pair = seeded(two_stores({**GET, "calls": "2-", **refusal}, SLOW))

    settled = copied(pair)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ("ranges_refused",))
    assert len(gets(pair)) == 2


@pytest.mark.slow
def test_ranges_that_were_not_answered_are_not_asked_for_in_another_attempt(two_stores: Make) -> None:
    lost = {"side": "destination", "operation": "PutObject", "key": "film", "calls": "1", "action": "reset"}
    ignored = {**GET, "calls": "2", "action": "ignore", "value": "range"}
    pair = seeded(two_stores({**lost, "at_byte": 3_500_000}, ignored, SLOW))

    settled = copied(pair)

    assert (settled.verdict, settled.attempts) == ("verified", ["endpoint_unreachable", ""])
    assert len(gets(pair)) == 3


def test_row_16_an_object_replaced_between_two_stretches_is_source_changed(two_stores: Make) -> None:
    pair = seeded(two_stores({**GET, "calls": "5", "action": "overwrite", "value": "before"}, SLOW))

    assert copied(pair).code == "source_changed"
    assert pair.dest.keys(DEST) == []


def test_row_17_where_if_match_is_ignored_the_etag_of_each_stretch_is_compared(two_stores: Make) -> None:
    swap = {**GET, "calls": "5", "action": "overwrite", "value": "before"}
    pair = seeded(two_stores(swap, SLOW, source_traits={"if_match": "ignored"}))

    settled = copied(pair)

    assert settled.attempts[0] == "range_mismatch"
    assert settled.code == "source_changed"
    assert pair.dest.keys(DEST) == []


def test_an_etag_that_a_stretch_spells_otherwise_is_the_same(two_stores: Make) -> None:
    bare = {"action": "header", "value": {"set": {"ETag": hashlib.md5(FILM).hexdigest()}}}
    pair = seeded(two_stores({**GET, "calls": "2-", **bare}, SLOW))

    settled = copied(pair)

    assert (settled.verdict, settled.notes) == ("verified", ("read_by_ranges",))
    assert len(stretches(pair)) >= 3
    assert rest_of(pair) == []


def test_a_flip_in_a_stretch_stores_nothing(two_stores: Make) -> None:
    pair = seeded(two_stores({**GET, "calls": "4", "action": "flip", "at_byte": 50}, SLOW))

    settled = copied(pair, most_attempts=1)

    assert settled.code == "source_etag_mismatch"
    assert pair.dest.keys(DEST) == []


@pytest.mark.slow
def test_a_stretch_that_drips_is_left_for_one_request(two_stores: Make) -> None:
    drip = {**GET, "calls": "4", "action": "drip", "at_byte": 0, "value": 1_000}
    pair = seeded(two_stores(drip, SLOW))

    settled = copied(pair, watch=Watch(least_bytes_per_s=100_000, window_seconds=1))

    assert (settled.verdict, settled.attempts) == ("verified", [""])
    assert len(rest_of(pair)) == 1


@pytest.mark.slow
def test_a_silent_stretch_is_asked_for_again(two_stores: Make) -> None:
    pair = seeded(two_stores({**GET, "calls": "4", "action": "stall", "at_byte": 1_000}, SLOW), read_seconds=2)

    settled = copied(pair)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ("resumed", "read_by_ranges"))


def test_the_deadline_of_an_object_counts_what_its_stretches_take(two_stores: Make) -> None:
    pair = seeded(two_stores(SLOW))
    watch = Watch(allowance_seconds=1.3, least_average=10**9)

    settled = copied(pair, watch=watch, most_attempts=1)

    assert settled.code == "too_slow"
    assert stretches(pair)


@pytest.mark.slow
def test_a_speed_limit_counts_each_byte_of_a_stretch_once(two_stores: Make) -> None:
    pair = seeded(two_stores(SLOW))
    planned, limit = pair.begin(), 1_000_000

    began = time.monotonic()
    settled = pair.copy_items(planned, **with_parts({"bytes_per_s": limit}))["film"]

    assert settled.verdict == "verified"
    assert stretches(pair)
    assert 0.8 * len(FILM) / limit < time.monotonic() - began < 1.9 * len(FILM) / limit


@pytest.mark.parametrize("line", ["flows", "silent"])
def test_a_stop_leaves_nothing_on_its_way(two_stores: Make, line: str) -> None:
    faults = [{**GET, "calls": "2-", "action": "stall", "at_byte": 1}] if line == "silent" else []
    pair = seeded(two_stores(*faults, SLOW), read_seconds=60)
    planned = pair.begin()
    pair.told.stop_at = wish = time.monotonic() + 1.2

    with pytest.raises(Stopped):
        pair.copy_items(planned, **with_parts({}))

    assert time.monotonic() - wish < 5
    assert stretches(pair)
    assert nothing_is_left()
    assert pair.dest.keys(DEST) == []
