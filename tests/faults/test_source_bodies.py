"""Rows 1 to 11, 14 and 15 of FAULTS.md: what happens to bytes on the way from the source."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from integrity.evidence import CheckName
from migrator.engine.stores.asking import MOST_IN_FLIGHT
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS

BODY = os.urandom(200_000)
GET = {"side": "source", "operation": "GetObject"}


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


@pytest.mark.parametrize(
    "refusal", [{"status": 501, "code": "NotImplemented"}, {"status": 400, "code": "BadRequest"}], ids=["501", "400"]
)
def test_row_10_a_refused_range_restarts_the_object(streamed_stores: Make, refusal: Mapping[str, object]) -> None:
    pair = streamed_stores(
        {**GET, "calls": "1", "action": "reset", "at_byte": 90_000},
        {**GET, "calls": "2", "action": "status", "value": refusal},
    )
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.attempts == ["range_mismatch", ""]
    assert settled.verdict == "verified"
    assert settled.finding.attempts[0].message == (
        "The storage service broke off and refused to go on from where it had stopped. We start again from the "
        "beginning."
    )


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
