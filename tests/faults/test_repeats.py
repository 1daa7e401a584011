"""Every request that is made again inside one attempt is kept, with its operation, its reason, and how often."""

from __future__ import annotations

import os
from typing import Any

import pytest

from integrity.evidence import Attempt
from migrator.engine.versions import history_of
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS, Settled, TwoStores

BODY = os.urandom(100_000)
SLOW_DOWN = {"action": "status", "value": {"status": 503, "code": "SlowDown"}}
GET: dict[str, object] = {"side": "source", "operation": "GetObject"}
PUT: dict[str, object] = {"side": "destination", "operation": "PutObject"}
TO_DEST: dict[str, object] = {"side": "destination"}
BUSY = "throttled"
DAMAGED: dict[str, object] = {"operation": "UploadPart", "part": 1, "action": "corrupt_before_hash"}

Kept = tuple[str, str, str, str, int]


def repeats(settled: Settled) -> list[list[Kept]]:
    """What was asked again in each attempt."""
    return [
        [(each.side, each.operation, each.reason, each.store_code, each.count) for each in attempt.repeats]
        for attempt in settled.finding.attempts
    ]


def photo(pair: TwoStores, **options: Any) -> Settled:
    pair.seed("photo", BODY)
    return pair.copy_one(**options)


def film(two_stores: Make, *faults: dict[str, object], **options: Any) -> Settled:
    """Copy an object in three parts."""
    pair = two_stores(*faults, dest_traits={"small_parts": True})
    pair.seed("film", BODY, part_size=40_000)
    return pair.copy_one(limits=TINY_PARTS, **options)


@pytest.mark.parametrize("kind", ["two_stores", "streamed_stores"])
def test_a_busy_source_and_a_busy_destination_are_kept_in_the_one_attempt(
    kind: str, request: pytest.FixtureRequest
) -> None:
    make: Make = request.getfixturevalue(kind)

    settled = photo(make({**GET, **SLOW_DOWN, "calls": "1-3"}, {**PUT, **SLOW_DOWN, "calls": "1-2"}))

    assert settled.attempts == [""]
    assert repeats(settled) == [
        [("source", "GetObject", BUSY, "SlowDown", 3), ("destination", "PutObject", BUSY, "SlowDown", 2)]
    ]


def test_when_it_was_is_kept_and_the_attempt_holds_it(two_stores: Make) -> None:
    (attempt,) = photo(two_stores({**GET, **SLOW_DOWN, "calls": "1-3"})).finding.attempts

    (repeat,) = attempt.repeats
    assert attempt.started_at <= repeat.first_at < repeat.last_at <= attempt.ended_at


@pytest.mark.parametrize("kind", ["two_stores", "streamed_stores"])
@pytest.mark.parametrize("content", [b"", BODY], ids=["empty", "full"])
def test_where_nothing_was_asked_again_nothing_is_kept(
    kind: str, content: bytes, request: pytest.FixtureRequest
) -> None:
    pair: TwoStores = request.getfixturevalue(kind)()
    pair.seed("photo", content)

    (attempt,) = pair.copy_one(read_back_percent=100).finding.attempts

    assert attempt == Attempt(number=1, started_at=attempt.started_at, ended_at=attempt.ended_at)


def test_an_object_in_parts_that_nothing_disturbs_keeps_nothing(two_stores: Make) -> None:
    (attempt,) = film(two_stores).finding.attempts

    assert attempt == Attempt(number=1, started_at=attempt.started_at, ended_at=attempt.ended_at)


@pytest.mark.parametrize(
    ("operation", "fault", "kept"),
    [
        ("UploadPart", {**SLOW_DOWN, "part": 2, "calls": "1-3"}, (BUSY, "SlowDown", 3)),
        ("CreateMultipartUpload", {**SLOW_DOWN, "calls": "1-2"}, (BUSY, "SlowDown", 2)),
        ("CompleteMultipartUpload", {**SLOW_DOWN, "calls": "1-2"}, (BUSY, "SlowDown", 2)),
        ("HeadObject", {**SLOW_DOWN, "calls": "2"}, (BUSY, "503", 1)),
        (
            "UploadPart",
            {"action": "status", "value": 500, "part": 1, "calls": "1"},
            ("store_error", "InternalError", 1),
        ),
        ("UploadPart", {"action": "drop_reply", "part": 3, "calls": "1"}, ("endpoint_unreachable", "", 1)),
        ("UploadPart", {"action": "etag", "value": "0" * 32, "part": 2, "calls": "1"}, ("part_etag_mismatch", "", 1)),
        ("UploadPart", {**DAMAGED, "calls": "1-2"}, ("digest_rejected", "BadDigest", 2)),
        ("CreateMultipartUpload", {"action": "drop_reply", "calls": "1"}, ("endpoint_unreachable", "", 1)),
        ("CompleteMultipartUpload", {"action": "error_in_200", "calls": "1"}, ("store_error", "InternalError", 1)),
    ],
)
def test_each_step_of_an_upload_that_is_made_again_is_kept(
    two_stores: Make, operation: str, fault: dict[str, object], kept: tuple[str, str, int]
) -> None:
    settled = film(two_stores, {**TO_DEST, "operation": operation, "key": "film", **fault})

    assert (settled.verdict, settled.attempts) == ("verified", [""])
    assert repeats(settled) == [[("destination", operation, *kept)]]


def test_what_is_asked_again_while_an_upload_is_given_up_is_kept_in_the_attempt_that_failed(two_stores: Make) -> None:
    settled = film(
        two_stores,
        {**GET, "calls": "1", "action": "flip", "at_byte": 1},
        {**TO_DEST, "operation": "ListParts", **SLOW_DOWN, "calls": "1"},
    )

    assert settled.attempts == ["source_etag_mismatch", ""]
    # Where the look after an abort is refused, the abort is made again.
    assert repeats(settled) == [[("destination", "AbortMultipartUpload", BUSY, "SlowDown", 1)], []]


def test_an_abort_that_is_refused_is_kept_as_often_as_it_was_made_again(two_stores: Make) -> None:
    pair = two_stores(
        {**GET, "calls": "all", "action": "flip", "at_byte": 1},
        {**TO_DEST, "operation": "AbortMultipartUpload", "calls": "all", "action": "status", "value": 403},
        dest_traits={"small_parts": True},
    )
    pair.seed("film", BODY, part_size=40_000)

    settled = pair.copy_items(pair.begin(), limits=TINY_PARTS, most_attempts=1)["film"]

    assert pair.requests("AbortMultipartUpload") == 5
    assert repeats(settled) == [[("destination", "AbortMultipartUpload", "access_denied", "AccessDenied", 4)]]


def test_a_body_that_breaks_off_and_goes_on_is_kept(streamed_stores: Make) -> None:
    settled = photo(streamed_stores({**GET, "calls": "1", "action": "reset", "at_byte": 90_000}))

    assert settled.notes == ("resumed",)
    assert repeats(settled) == [[("source", "GetObject", "endpoint_unreachable", "", 1)]]


def test_a_copy_that_is_read_back_anew_is_kept_for_the_destination(streamed_stores: Make) -> None:
    pair = streamed_stores(
        {**TO_DEST, "operation": "GetObject", "calls": "1", "action": "reset", "at_byte": 90_000},
        dest_traits={"range": "ignored"},
    )

    settled = photo(pair, read_back_percent=100)

    assert settled.grades == "S3/D4"
    # It broke off, and the destination does not go on where it had: so it was asked for all of it.
    assert [kept[:2] for kept in repeats(settled)[0]] == [("destination", "GetObject")] * 2


@pytest.mark.parametrize("kind", ["two_stores", "streamed_stores"])
def test_a_body_that_was_damaged_on_the_way_is_sent_again_and_kept(kind: str, request: pytest.FixtureRequest) -> None:
    make: Make = request.getfixturevalue(kind)

    settled = photo(make({**PUT, "calls": "1-2", "action": "corrupt_before_hash"}))

    assert settled.attempts == [""]
    assert repeats(settled) == [[("destination", "PutObject", "digest_rejected", "XAmzContentSHA256Mismatch", 2)]]


def test_an_object_that_the_destination_shows_late_is_waited_for_and_kept(streamed_stores: Make) -> None:
    pair = streamed_stores({**PUT, "calls": "1", "action": "late_visible", "value": 0.05})

    settled = photo(pair)

    assert settled.attempts == [""]
    ((side, operation, reason, _, count),) = repeats(settled)[0]
    assert (side, operation, reason) == ("destination", "HeadObject", "dest_missing")
    assert count >= 1


def test_each_attempt_that_fails_keeps_its_own(two_stores: Make) -> None:
    settled = photo(two_stores({**GET, **SLOW_DOWN, "calls": "all"}))

    assert settled.attempts == [BUSY] * 4
    # The first one was asked once more: in the crowd.
    assert [sum(kept[-1] for kept in each) for each in repeats(settled)] == [5, 4, 4, 4]


def small_ones(two_stores: Make, *faults: dict[str, object], **traits: Any) -> TwoStores:
    pair = two_stores(*faults, **traits)
    for number in range(3):
        pair.seed(f"photos/{number}", BODY[:3_000])
    return pair


@pytest.mark.parametrize(
    ("fault", "kept"),
    [
        ({**GET, **SLOW_DOWN}, ("source", "GetObject", BUSY, "SlowDown", 1)),
        ({**GET, "action": "reset"}, ("source", "GetObject", "endpoint_unreachable", "", 1)),
        (
            {**GET, "action": "status", "value": {"status": 403, "code": "SignatureDoesNotMatch"}},
            ("source", "GetObject", "credentials_refused", "SignatureDoesNotMatch", 1),
        ),
        ({**PUT, **SLOW_DOWN}, ("destination", "PutObject", BUSY, "SlowDown", 1)),
        (
            {**PUT, "action": "status", "value": {"status": 403, "code": "SignatureDoesNotMatch"}},
            ("destination", "PutObject", "credentials_refused", "SignatureDoesNotMatch", 1),
        ),
        (
            {**TO_DEST, "operation": "GetObject", **SLOW_DOWN},
            ("destination", "GetObject", BUSY, "SlowDown", 1),
        ),
    ],
)
def test_a_small_object_that_is_begun_again_keeps_why_and_its_neighbours_keep_nothing(
    two_stores: Make, fault: dict[str, object], kept: Kept
) -> None:
    settled = small_ones(two_stores, {**fault, "key": "photos/1", "calls": "1"}).copy(read_back_percent=100)

    assert {each.grades for each in settled.values()} == {"S3/D4"}
    assert {key: repeats(each) for key, each in settled.items()} == {
        "photos/0": [[]],
        "photos/1": [[kept]],
        "photos/2": [[]],
    }


def test_tags_of_a_small_object_that_are_asked_for_again_are_kept(two_stores: Make) -> None:
    busy = {**SLOW_DOWN, "side": "source", "operation": "GetObjectTagging", "key": "photos/1", "calls": "1"}
    pair = two_stores(busy)
    for number in range(3):
        pair.seed(f"photos/{number}", BODY[:3_000], tags={"of": "2019"})

    settled = pair.copy(tags=True)

    assert repeats(settled["photos/1"]) == [[("source", "GetObjectTagging", BUSY, "SlowDown", 1)]]


def test_a_second_look_at_the_source_of_a_small_object_that_is_asked_again_is_kept(two_stores: Make) -> None:
    pair = small_ones(
        two_stores,
        {**GET, "key": "photos/1", "calls": "1", "action": "no_length"},
        {"side": "source", "operation": "HeadObject", "key": "photos/1", "calls": "1", **SLOW_DOWN},
    )

    settled = pair.copy()

    assert settled["photos/1"].attempts == [""]
    assert repeats(settled["photos/1"]) == [[("source", "HeadObject", BUSY, "503", 1)]]


def test_a_look_at_what_has_taken_the_key_of_a_small_object_that_is_asked_again_is_kept(two_stores: Make) -> None:
    pair = small_ones(two_stores, {**TO_DEST, "operation": "HeadObject", "key": "photos/1", "calls": "1", **SLOW_DOWN})
    planned = pair.begin()
    pair.lay("photos/1", BODY[:3_000])

    settled = pair.copy_items(planned)

    assert settled["photos/1"].notes == ("already_there",)
    assert repeats(settled["photos/1"]) == [[("destination", "HeadObject", BUSY, "503", 1)]]


def test_a_page_of_a_listing_that_makes_no_sense_is_kept(two_stores: Make) -> None:
    odd = {**TO_DEST, "operation": "ListObjectsV2", "calls": "1", "action": "xml"}

    settled = small_ones(two_stores, odd | {"value": {"find": DEST, "put": "another"}}).copy()

    assert repeats(settled["photos/1"]) == [[("destination", "ListObjectsV2", "listing_invalid", "", 1)]]


def test_a_page_of_a_listing_of_versions_that_makes_no_sense_is_told(two_stores: Make) -> None:
    odd = {**TO_DEST, "operation": "ListObjectVersions", "calls": "1-2", "action": "xml"}
    pair = two_stores(odd | {"value": {"find": DEST, "put": "another"}}, dest_traits={"versioned": True})
    pair.dest.seed(DEST, "photo", BODY)
    pair.begin()
    heard: list[str] = []

    history_of(pair.dest_store.heard_by(lambda operation, problem: heard.append(operation)), DEST, "photo")

    assert heard == ["ListObjectVersions"] * 2


def test_a_head_beside_the_listing_that_is_asked_again_is_kept(two_stores: Make) -> None:
    pair = small_ones(
        two_stores,
        {**PUT, "key": "photos/1", "calls": "1", "action": "late_visible", "value": 1},
        {**TO_DEST, "operation": "HeadObject", "key": "photos/1", "calls": "1", **SLOW_DOWN},
    )

    settled = pair.copy()

    assert repeats(settled["photos/1"])[0][0] == ("destination", "HeadObject", BUSY, "503", 1)
    assert repeats(settled["photos/0"]) == [[]]


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_listing_for_several_objects_that_is_asked_again_is_kept_for_each(two_stores: Make, side: str) -> None:
    busy = {"side": side, "operation": "ListObjectsV2", **SLOW_DOWN, "calls": "1-2"}

    settled = small_ones(two_stores, busy, source_traits={"if_match": "ignored"}).copy()

    kept = (side, "ListObjectsV2", BUSY, "SlowDown", 2)
    assert {key: repeats(each) for key, each in settled.items()} == {
        f"photos/{number}": [[kept]] for number in range(3)
    }


def test_a_look_before_the_small_objects_are_written_is_kept_for_each(two_stores: Make) -> None:
    busy = {**TO_DEST, "operation": "ListObjectsV2", **SLOW_DOWN, "calls": "1"}

    settled = small_ones(two_stores, busy, dest_traits={"if_none_match": "ignored"}).copy()

    kept = ("destination", "ListObjectsV2", BUSY, "SlowDown", 1)
    assert [repeats(each) for each in settled.values()] == [[[kept]]] * 3


def test_a_comparison_keeps_what_it_asked_again(two_stores: Make) -> None:
    pair = two_stores({**TO_DEST, "operation": "HeadObject", "calls": "2", **SLOW_DOWN})
    pair.seed("photo", BODY)
    pair.lay("photo", BODY)

    (settled,) = pair.verify(proven=True).values()

    assert repeats(settled) == [[("destination", "HeadObject", BUSY, "503", 1)]]
