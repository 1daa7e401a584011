"""Rows 1 to 14 of FAULTS.md: what happens to bytes on the way from the source."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from integrity.evidence import CheckName
from migrator.engine.bodies import Watch
from migrator.engine.errors import Stopped
from migrator.engine.stores import Store
from migrator.engine.stores.asking import MOST_IN_FLIGHT
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, IMPATIENT, TINY_PARTS, TwoStores

BODY = os.urandom(200_000)
LARGE = os.urandom(900_000)
GET = {"side": "source", "operation": "GetObject"}
PUT = {"side": "destination", "operation": "PutObject"}


def test_row_1_a_flipped_bit_is_read_again(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "1", "action": "flip", "at_byte": "seeded", "seed": 7})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.attempts == ["source_etag_mismatch", ""]


def test_row_2_a_bit_that_always_flips_fails_and_stores_nothing(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "all", "action": "flip", "at_byte": 100})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == "source_etag_mismatch"
    assert settled.attempts == ["source_etag_mismatch"] * 4
    assert pair.dest.keys(DEST) == []


def test_row_2_a_wrong_object_in_parts_is_aborted(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "all", "action": "flip", "at_byte": 100}, dest_traits={"small_parts": True})
    pair.seed("film", BODY, part_size=64_000)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.code == "source_etag_mismatch"
    assert len(pair.told.opened) == 4
    assert pair.dest.keys(DEST) == []


def test_row_3_a_flip_in_part_3_of_a_source_in_parts_is_a_mismatch(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "all", "action": "flip", "at_byte": 150_000})
    pair.seed("film", BODY, part_size=64_000)

    settled = pair.copy_one()

    assert settled.code in {"source_etag_mismatch", "source_checksum_mismatch"}
    assert "in part 3 of" not in settled.finding.error_message
    assert pair.dest.keys(DEST) == []


@pytest.mark.parametrize(("offset", "words"), [(150_000, ", in part 3 of 4."), (10, ", in part 1 of 4.")])
@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256", "CRC64NVME"])
def test_row_3_the_part_is_named_where_the_source_states_checksums_of_parts(
    two_stores: Make, algorithm: str, offset: int, words: str
) -> None:
    pair = two_stores({**GET, "calls": "all", "action": "flip", "at_byte": offset})
    pair.seed("film", BODY, part_size=64_000, algorithm=algorithm)

    settled = pair.copy_one()

    assert settled.code in {"source_etag_mismatch", "source_checksum_mismatch"}
    assert words in settled.finding.error_message


def test_row_3_several_parts_that_differ_are_counted(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "all", "action": "swap", "at_byte": 100_000})
    pair.seed("film", BODY, part_size=64_000, algorithm="CRC32")

    assert ", in 3 of 4 parts, of which part 2 is the first." in pair.copy_one().finding.error_message


def test_row_4_a_flip_at_a_kms_source_is_never_verified(two_stores: Make) -> None:
    pair = two_stores(
        {**GET, "calls": "1", "action": "flip", "at_byte": 5},
        source_traits={"sse": "kms", "default_checksum": ""},
    )
    pair.seed("secret", BODY)

    settled = pair.copy_one()

    assert settled.verdict == "unverified"
    assert settled.reason == "sse_kms"
    assert settled.grades == "S1/D3"


def test_row_4_two_readings_that_disagree_are_tried_again(two_stores: Make) -> None:
    pair = two_stores(
        {**GET, "calls": "1", "action": "flip", "at_byte": 5},
        source_traits={"sse": "kms", "default_checksum": ""},
    )
    pair.seed("secret", BODY)

    settled = pair.copy_one(double_read=True)

    assert settled.attempts == ["source_reads_disagree", ""]
    assert settled.verdict == "verified"
    assert settled.grades == "S1 reread/D3"


def test_row_5_a_reset_body_is_resumed_where_it_broke(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, "calls": "1", "action": "reset", "at_byte": 90_000})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    resumed = [entry for entry in pair.source.log if "range" in entry.headers]
    assert settled.verdict == "verified"
    assert settled.attempts == [""]
    assert settled.notes == ("resumed",)
    assert len(resumed) == 1
    assert "if-match" in resumed[0].headers


def test_row_5_a_body_that_breaks_before_its_first_byte_is_asked_for_again(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, "calls": "1", "action": "stall", "at_byte": 0})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.attempts == [""]
    assert settled.notes == ("resumed",)


def test_row_6_a_chunked_body_that_ends_early_is_a_short_read(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "all", "action": "no_length", "at_byte": 90_000})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == "short_read"
    assert settled.attempts == ["short_read"] * 4
    assert "90,000 of 200,000 bytes" in settled.finding.error_message


def test_row_6_a_chunked_body_that_is_whole_is_verified(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "all", "action": "no_length"})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.outcome(CheckName.SOURCE_SIZE) == "match"


def test_row_7_a_body_without_length_that_ends_early_is_a_short_read(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "1", "action": "no_length", "value": "close", "at_byte": 90_000})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.attempts == ["short_read", ""]
    assert settled.verdict == "verified"


def test_row_7_a_body_without_length_that_ends_early_every_time_fails_after_four_attempts(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "all", "action": "no_length", "value": "close", "at_byte": 90_000})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == "short_read"
    assert settled.attempts == ["short_read"] * 4
    assert pair.dest.keys(DEST) == []


def test_row_8_a_body_longer_than_planned_is_a_size_mismatch(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "all", "action": "extend", "value": 10})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == "source_size_mismatch"
    assert pair.dest.keys(DEST) == []


def test_row_8_what_comes_after_content_length_enters_no_digest(two_stores: Make) -> None:
    beyond = {"bytes": 10, "announced": False}
    pair = two_stores({**GET, "calls": "all", "action": "extend", "value": beyond})
    pair.seed("photo", BODY)

    assert pair.copy_one().verdict == "verified"


def test_row_9_a_get_of_another_size_than_listed_fails(two_stores: Make) -> None:
    wrong = {"set": {"Content-Length": "199999"}}
    pair = two_stores({**GET, "calls": "all", "action": "header", "value": wrong})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == "source_size_mismatch"
    assert pair.dest.keys(DEST) == []


def test_row_10_an_ignored_range_restarts_the_object(streamed_stores: Make) -> None:
    pair = streamed_stores(
        {**GET, "calls": "1", "action": "reset", "at_byte": 90_000},
        {**GET, "calls": "2", "action": "ignore", "value": "range"},
    )
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.attempts == ["range_mismatch", ""]
    assert settled.verdict == "verified"


def test_row_11_a_content_range_that_starts_elsewhere_restarts_the_object(streamed_stores: Make) -> None:
    elsewhere = {"set": {"Content-Range": "bytes 90001-199999/200000"}}
    pair = streamed_stores(
        {**GET, "calls": "1", "action": "reset", "at_byte": 90_000},
        {**GET, "calls": "2", "action": "header", "value": elsewhere},
    )
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.attempts == ["range_mismatch", ""]
    assert settled.verdict == "verified"


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

    assert settled.attempts == ["too_slow", ""]
    assert settled.verdict == "verified"


def test_row_13_a_drip_is_too_slow_long_before_a_whole_piece_has_come(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, "calls": "1", "action": "drip", "at_byte": 1_000, "value": 20_000})
    pair.seed("film", LARGE)

    began = time.monotonic()
    settled = pair.copy_one(watch=Watch(least_bytes_per_s=100_000, window_seconds=0.3))

    assert settled.attempts == ["too_slow", ""]
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

    assert settled.attempts == ["too_slow", ""]
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

    assert settled.attempts == ["too_slow", ""]
    assert settled.verdict == "verified"


def test_row_13_a_resumed_body_has_what_is_left_of_the_deadline(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, "calls": "1-2", "action": "stall", "at_byte": 50_000})
    pair.seed("photo", BODY)

    settled = pair.copy_one(watch=replace(IN_A_SECOND, allowance_seconds=1.5))

    # A machine that is busy with other things makes one stall long enough for it.
    assert set(settled.attempts[:-1]) == {"too_slow"}
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

    assert seconds_to_stop(pair, bytes_per_s=10_000) < 2


def test_a_stop_is_heard_while_a_body_is_silent(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, "calls": "1", "action": "stall", "at_byte": 90_000})
    pair.seed("photo", BODY)
    pair.source_store.close()
    pair.source_store = Store(replace(pair.source_store.endpoint, read_seconds=60), patience=IMPATIENT)

    assert seconds_to_stop(pair) < 2


def seconds_to_stop(pair: TwoStores, **options: object) -> float:
    """Ask to stop after a second, and return how long that took from there."""
    planned = pair.begin()
    pair.told.stop_at = wish = time.monotonic() + 1
    with pytest.raises(Stopped):
        pair.copy_items(planned, **options)
    assert pair.dest.keys(DEST) == []
    return time.monotonic() - wish


IN_A_SECOND = Watch(least_bytes_per_s=1, window_seconds=0.2, allowance_seconds=1, least_average=10**9)


def test_row_14_a_burst_of_slow_down_is_waited_out_and_slows_the_endpoint(two_stores: Make) -> None:
    busy = {"calls": "1-3", "action": "status", "value": {"status": 503, "code": "SlowDown"}}
    pair = two_stores({**GET, **busy}, {"side": "destination", "operation": "PutObject", "key": "photo", **busy})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.attempts == [""]
    assert pair.dest_store.pace.limit < 64


def test_row_14_a_burst_of_500_is_waited_out(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "1-3", "action": "status", "value": 500})
    pair.seed("photo", BODY)

    assert pair.copy_one().verdict == "verified"


def test_row_15_503_for_ever_fails_throttled(two_stores: Make) -> None:
    busy = {"calls": "all", "action": "status", "value": {"status": 503, "code": "SlowDown"}}
    pair = two_stores({**GET, **busy})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == "throttled"
    assert settled.attempts == ["throttled"] * 4
    assert pair.source_store.pace.limit < pair.dest_store.pace.limit == MOST_IN_FLIGHT


def test_row_15_another_endpoint_keeps_its_speed(two_stores: Make) -> None:
    busy = {"calls": "all", "action": "status", "value": {"status": 503, "code": "SlowDown"}}
    pair = two_stores({"side": "destination", "operation": "PutObject", "key": "*", **busy})
    for name in "abc":
        pair.seed(name, BODY)

    settled = pair.copy()

    assert {each.code for each in settled.values()} == {"throttled"}
    assert pair.dest_store.pace.limit < pair.source_store.pace.limit == MOST_IN_FLIGHT


STRAIGHT = {"threshold": 100_000}


def test_a_body_whose_md5_is_known_passes_straight_through_in_one_put(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("film", LARGE + LARGE)

    settled = pair.copy_one(**STRAIGHT)

    assert (settled.verdict, settled.grades) == ("verified", "S3/D3")
    assert pair.requests("CreateMultipartUpload") == 0
    assert settled.outcome(CheckName.WRITE_DIGEST) == "match"


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


def test_a_key_that_is_taken_ends_a_body_that_passes_through(two_stores: Make) -> None:
    pair = two_stores({"side": "destination", "operation": "PutObject", "action": "overwrite", "value": "before"})
    pair.seed("film", LARGE + LARGE)

    settled = pair.copy_one(**STRAIGHT)

    assert settled.code == "dest_exists"


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
