"""Reading a copy back from a destination that drips, goes silent, or breaks off."""

from __future__ import annotations

import gzip
import hashlib
import os

import pytest

from integrity.evidence import CheckName
from integrity.verdicts import Policy, PolicyName
from integrity.wording import sentences
from migrator.engine.bodies import Watch
from migrator.engine.verifying import Depth
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TwoStores

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


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
@pytest.mark.parametrize("action", ["html_200", "empty_200"])
def test_a_page_that_something_on_the_way_made_up_is_no_reading(
    request: pytest.FixtureRequest, way: str, action: str
) -> None:
    pair = seeded(request.getfixturevalue(way)({**GET, "calls": "1", "action": action}))

    settled = pair.copy_one(**READ_BACK)

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D4", [""])
    assert pair.requests("GetObject") == 2
    assert readings_of_the_source(pair) == 1
    (repeat,) = settled.finding.attempts[0].repeats
    assert (repeat.side, repeat.operation, repeat.reason) == ("destination", "GetObject", "store_error")


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
def test_a_copy_that_is_never_read_for_such_pages_is_left_and_not_called_wrong(
    request: pytest.FixtureRequest, way: str
) -> None:
    pair = seeded(request.getfixturevalue(way)({**GET, "calls": "all", "action": "html_200"}))

    settled = pair.copy_one(**READ_BACK)

    assert (settled.code, settled.attempts) == ("store_error", ["store_error"] * 4)
    assert pair.dest_bytes("photo") == BODY


def test_a_rest_that_ends_before_its_own_end_is_asked_for_from_there(streamed_stores: Make) -> None:
    short = {**GET, "calls": "2", "action": "no_length", "at_byte": 50_000}
    pair = seeded(streamed_stores(RESET, short))

    settled = pair.copy_one(**READ_BACK)

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D4", [""])
    asked_for = [entry.headers.get("range") for entry in pair.dest.log if entry.operation == "GetObject"]
    assert asked_for == [None, "bytes=90000-", "bytes=140000-"]


def test_a_rest_that_comes_packed_is_no_rest_of_what_came_plain(streamed_stores: Make) -> None:
    packed = {**GET, "calls": "2", "action": "header", "value": {"set": {"Content-Encoding": "gzip"}}}
    pair = seeded(streamed_stores(RESET, packed))

    settled = pair.copy_one(**READ_BACK)

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D4", [""])
    assert [each.headers.get("range") for each in pair.dest.log if each.operation == "GetObject"][2:] == [None]


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
@pytest.mark.parametrize("status", [204, 206])
def test_a_part_of_a_copy_that_nobody_asked_for_is_no_reading_of_the_whole(
    request: pytest.FixtureRequest, way: str, status: int
) -> None:
    headers = {"ETag": f'"{hashlib.md5(BODY).hexdigest()}"'}
    if status == 206:
        headers["Content-Range"] = f"bytes 0-99/{len(BODY)}"
    part = {"status": status, "bytes": 100 if status == 206 else 0, "headers": headers}
    pair = seeded(request.getfixturevalue(way)({**GET, "calls": "all", "action": "huge_body", "value": part}))

    settled = pair.copy_one(**READ_BACK)

    assert (settled.code, settled.attempts) == ("store_error", ["store_error"] * 4)
    assert pair.dest_bytes("photo") == BODY


@pytest.mark.parametrize(
    ("calls", "code", "attempts"), [("1", None, ["dest_missing", ""]), ("all", "dest_missing", ["dest_missing"] * 4)]
)
def test_a_copy_that_a_head_finds_and_a_get_does_not_yet_is_read_in_another_attempt(
    streamed_stores: Make, calls: str, code: str | None, attempts: list[str]
) -> None:
    pair = seeded(streamed_stores({**GET, "calls": calls, "action": "status", "value": 404}))

    settled = pair.copy_one(**READ_BACK)

    assert (settled.code, settled.attempts) == (code, attempts)
    assert pair.dest_bytes("photo") == BODY


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


@pytest.mark.parametrize("status", [400, 501])
def test_a_store_that_refuses_ranges_is_read_anew_and_the_source_is_not(streamed_stores: Make, status: int) -> None:
    pair = seeded(streamed_stores(RESET, {**GET, "calls": "2", "action": "status", "value": status}))

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


PAGE = gzip.compress(b"text" * 999)
PACKED = {"Content-Encoding": "gzip"}
UNPACKED = {"gzip": "unpacked"}
NO_PROOF = "not_supported"


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
def test_a_right_copy_that_is_unpacked_on_its_way_back_is_left(request: pytest.FixtureRequest, way: str) -> None:
    pair = packed(request.getfixturevalue(way)(dest_traits=UNPACKED))

    settled = pair.copy_one(**READ_BACK)

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D3", [""])
    assert settled.outcome(CheckName.DEST_READBACK) == NO_PROOF
    assert settled.notes == ("read_back_transcoded",)
    assert pair.dest_bytes("page") == PAGE
    assert (pair.requests("PutObject"), pair.requests("DeleteObject")) == (1, 0)


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
def test_what_came_unpacked_is_no_proof_where_it_is_demanded(request: pytest.FixtureRequest, way: str) -> None:
    pair = packed(request.getfixturevalue(way)(dest_traits=UNPACKED))

    settled = pair.copy_one(**READ_BACK, policy=Policy(PolicyName.STRICT))

    assert (settled.verdict, settled.grades, settled.reason) == ("unverified", "S3/D3", NO_PROOF)
    assert sentences(settled.finding.checks, settled.judgement)[0] == (
        "We read the copy back, but the destination sent it in another form than it is stored (packed or unpacked on "
        "the way), so this shows nothing. Ask the owner of the storage service to switch that off."
    )
    assert pair.dest_bytes("page") == PAGE


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
def test_a_head_that_is_changed_on_its_way_too_shows_nothing(request: pytest.FixtureRequest, way: str) -> None:
    head = {"side": "destination", "operation": "HeadObject", "calls": "all", "action": "header"}
    changed = head | {"value": {"remove": ["Content-Encoding", "Content-Length"]}}
    pair = packed(request.getfixturevalue(way)(changed, dest_traits=UNPACKED))

    settled = pair.copy_one(**READ_BACK)

    assert (settled.verdict, settled.notes) == ("unverified", ("read_back_transcoded",))
    assert pair.dest_bytes("page") == PAGE


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
@pytest.mark.parametrize(
    "fault",
    [
        {"operation": "PutObject", "action": "corrupt_after_ack"},
        {"operation": "GetObject", "action": "truncate", "at_byte": 20, "value": "chunked"},
    ],
    ids=["spoiled", "cut"],
)
def test_a_packed_copy_that_comes_as_it_is_stored_and_is_wrong_is_removed(
    request: pytest.FixtureRequest, way: str, fault: dict[str, object]
) -> None:
    pair = packed(request.getfixturevalue(way)({"side": "destination", "calls": "all", **fault}))

    settled = pair.copy_one(**READ_BACK)

    assert settled.code == "dest_readback_mismatch"
    assert settled.notes == ("wrong_copy_removed",)
    assert pair.dest.keys(DEST) == []


def test_an_object_that_comes_unpacked_is_not_compared_by_its_bytes(two_stores: Make) -> None:
    pair = packed(two_stores(dest_traits=UNPACKED))
    pair.dest.seed(DEST, "page", PAGE, headers=PACKED)

    settled = pair.verify(Depth.BOTH, **READ_BACK)["page"]

    assert (settled.outcome(CheckName.DEST_READBACK), settled.notes) == (NO_PROOF, ("read_back_transcoded",))


def packed(pair: TwoStores) -> TwoStores:
    pair.seed("page", PAGE, headers=PACKED)
    return pair


def seeded(pair: TwoStores) -> TwoStores:
    pair.seed("photo", BODY)
    return pair


def readings_of_the_source(pair: TwoStores) -> int:
    return sum(entry.operation == "GetObject" for entry in pair.source.log)


SOON = Watch(least_bytes_per_s=100_000, window_seconds=0.3)
