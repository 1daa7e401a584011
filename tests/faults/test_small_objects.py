"""Small objects in a crowd: two requests each, and a share of a listing."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import cast

import pytest

from integrity.evidence import CheckName, Origin
from migrator.engine.errors import CredentialsExpired, Stopped
from migrator.engine.small_copy import SmallCopy
from tests.engine.scripted import Parting, answering
from tests.faults.conftest import Make
from tests.faults.small_objects import BODY, asked, asked_for_before_writing, filled, stated
from tests.faults.two_stores import DEST, Settled, TwoStores

PUT = {"side": "destination", "operation": "PutObject"}


def test_a_small_object_costs_one_get_and_one_put_and_a_share_of_a_listing(two_stores: Make) -> None:
    pair = filled(two_stores())

    settled = pair.copy()

    assert {each.verdict for each in settled.values()} == {"verified"}
    assert {each.grades for each in settled.values()} == {"S3/D3"}
    assert asked(pair) == ({"GetObject": 12}, {"PutObject": 12, "ListObjectsV2": 1})


def test_row_16_each_is_read_under_the_etag_of_the_plan(two_stores: Make) -> None:
    pair = filled(two_stores())

    pair.copy()

    asked_under = {entry.key: entry.headers["if-match"] for entry in pair.source.log}
    assert asked_under == {item.key: item.etag for item in pair.planned}


def test_what_is_read_back_costs_one_more_get(two_stores: Make) -> None:
    pair = filled(two_stores())

    settled = pair.copy(read_back_percent=100)

    assert {each.grades for each in settled.values()} == {"S3/D4"}
    assert asked(pair) == ({"GetObject": 12}, {"PutObject": 12, "GetObject": 12, "ListObjectsV2": 1})


def test_a_reading_back_that_differs_is_judged_and_not_read_again_until_it_is_right(two_stores: Make) -> None:
    rotten = {"side": "destination", "operation": "GetObject", "key": "photos/001", "calls": "1", "action": "flip"}
    pair = filled(two_stores(rotten), 3)

    settled = pair.copy(read_back_percent=100)

    assert settled["photos/001"].attempts == ["dest_readback_mismatch", ""]
    assert {each.grades for each in settled.values()} == {"S3/D4"}
    # The first copy was looked at once more and removed, and another one written and read.
    assert asked(pair)[1] == {"PutObject": 4, "GetObject": 4, "ListObjectsV2": 1, "HeadObject": 3, "DeleteObject": 1}


@pytest.mark.parametrize(
    "answer",
    [404, 503, {"status": 403, "code": "SignatureDoesNotMatch"}, {"status": 400, "code": "ExpiredToken"}],
    ids=["missing", "busy", "signature", "expired"],
)
def test_a_reading_back_that_is_refused_is_tried_again_beside_a_head(two_stores: Make, answer: object) -> None:
    refused = {"side": "destination", "operation": "GetObject", "key": "photos/001", "calls": "1"}
    pair = filled(two_stores(refused | {"action": "status", "value": answer}), 3)

    settled = pair.copy(read_back_percent=100)

    assert {each.grades for each in settled.values()} == {"S3/D4"}
    # It was written by us, once, and nothing says otherwise.
    assert {each.notes for each in settled.values()} == {()}
    assert asked(pair)[1] == {"PutObject": 3, "GetObject": 4, "ListObjectsV2": 1, "HeadObject": 1}


def test_credentials_that_end_while_reading_back_stop_the_copying(two_stores: Make) -> None:
    ended = {"side": "destination", "operation": "GetObject", "key": "photos/001", "calls": "all", "action": "status"}
    pair = filled(two_stores(ended | {"value": {"status": 400, "code": "ExpiredToken"}}), 3)
    planned = pair.begin()

    settled: dict[str, Settled] = {}
    with pytest.raises(CredentialsExpired):
        pair.copy_items(planned, into=settled, read_back_percent=100)

    assert {key: each.grades for key, each in settled.items()} == {"photos/000": "S3/D4", "photos/002": "S3/D4"}
    assert pair.told.bytes_moved == sum(each.finding.bytes_read for each in settled.values())


@pytest.mark.parametrize("count", [3, pytest.param(600, marks=pytest.mark.slow)])
@pytest.mark.parametrize("side", ["source", "destination"])
def test_credentials_that_end_before_the_listing_leave_the_group_to_be_copied_again(
    two_stores: Make, side: str, count: int
) -> None:
    ended = {"side": side, "operation": "ListObjectsV2", "calls": "1", "action": "status"}
    refused = ended | {"value": {"status": 400, "code": "ExpiredToken"}}
    pair = filled(two_stores(refused, source_traits={"if_match": "ignored"}), count)
    planned = pair.begin()

    settled: dict[str, Settled] = {}
    with pytest.raises(CredentialsExpired):
        pair.copy_items(planned, into=settled)

    # Neither the group nor what was given up on its way counts as moved.
    assert pair.told.bytes_moved == sum(each.finding.bytes_read for each in settled.values())
    assert len(settled) < count


def test_a_signature_that_only_reading_back_breaks_on_fails_that_object(two_stores: Make) -> None:
    refused = {"side": "destination", "operation": "GetObject", "key": "photos/001", "calls": "all", "action": "status"}
    pair = filled(two_stores(refused | {"value": {"status": 403, "code": "SignatureDoesNotMatch"}}), 3)

    settled = pair.copy(read_back_percent=100)

    assert (settled["photos/001"].code, settled["photos/001"].notes) == ("key_invalid", ())
    assert {settled[key].grades for key in ("photos/000", "photos/002")} == {"S3/D4"}
    # That it is this key alone was found out by plain requests.
    assert asked(pair)[1]["HeadBucket"] == 1


def test_the_record_says_that_a_listing_confirmed_it(two_stores: Make) -> None:
    settled = filled(two_stores(), 1).copy_one()

    check = stated(settled, CheckName.DEST_ETAG)
    assert (check.outcome, check.origin) == ("match", Origin.LISTING)
    assert settled.outcome(CheckName.USER_METADATA) == "not_requested"


def test_digests_go_with_each_write(two_stores: Make) -> None:
    pair = filled(two_stores(), 1)

    pair.copy()

    (sent,) = [entry.headers for entry in pair.dest.log if entry.operation == "PutObject"]
    assert {"content-md5", "x-amz-checksum-crc64nvme", "x-amz-content-sha256"} <= set(sent)


def test_an_object_whose_tags_are_asked_for_again_is_counted_once(two_stores: Make) -> None:
    busy = {"side": "source", "operation": "GetObjectTagging", "key": "photos/001", "calls": "1"}
    pair = two_stores(busy | {"action": "status", "value": 503})
    for number in range(3):
        pair.seed(f"photos/{number:03}", BODY, tags={"of": "2019"})

    pair.copy(tags=True)

    assert pair.told.bytes_moved == 3 * len(BODY)


def test_a_damaged_reading_is_read_again_and_stays_in_the_attempts(two_stores: Make) -> None:
    flip = {"side": "source", "operation": "GetObject", "key": "photos/001", "calls": "1", "action": "flip"}

    settled = filled(two_stores(flip), 3).copy()

    assert settled["photos/001"].attempts == ["source_etag_mismatch", ""]
    assert {each.verdict for each in settled.values()} == {"verified"}


def test_a_broken_line_costs_a_small_object_nothing(two_stores: Make) -> None:
    reset = {"side": "source", "operation": "GetObject", "key": "photos/001", "calls": "1", "action": "reset"}

    settled = filled(two_stores(reset), 3).copy()

    assert {each.verdict for each in settled.values()} == {"verified"}


def test_a_write_whose_answer_is_lost_is_found_already_there(two_stores: Make) -> None:
    pair = filled(two_stores({**PUT, "key": "photos/001", "calls": "1", "action": "drop_reply"}), 3)

    settled = pair.copy()

    assert {each.verdict for each in settled.values()} == {"verified"}
    assert settled["photos/001"].notes == ("already_there",)


def test_a_write_whose_answer_is_lost_is_already_there_also_where_if_match_is_ignored(two_stores: Make) -> None:
    lost = {**PUT, "key": "photos/001", "calls": "1", "action": "drop_reply"}
    pair = filled(two_stores(lost, source_traits={"if_match": "ignored"}), 3)

    settled = pair.copy()

    assert {each.verdict for each in settled.values()} == {"verified"}
    assert "already_there" in settled["photos/001"].notes


def test_bytes_damaged_on_the_way_are_refused_and_sent_again(two_stores: Make) -> None:
    pair = filled(two_stores({**PUT, "key": "photos/001", "calls": "1", "action": "corrupt_before_hash"}), 3)

    settled = pair.copy()

    assert {each.verdict for each in settled.values()} == {"verified"}


def test_a_busy_destination_gets_fewer_at_once(two_stores: Make) -> None:
    busy = {**PUT, "calls": "1", "action": "status", "value": {"status": 503, "code": "SlowDown"}}
    pair = filled(two_stores(busy))

    settled = pair.copy()

    assert {each.verdict for each in settled.values()} == {"verified"}
    assert pair.dest_store.pace.limit <= 8


def test_what_else_of_the_plan_stands_between_costs_no_page_more(two_stores: Make) -> None:
    pair = filled(two_stores(), 60)
    planned = pair.begin()
    pair.copy_items([item for item in planned if item.index % 3])
    pair.dest.clear_log()

    settled = pair.copy_items(planned[::3])

    assert {each.grades for each in settled.values()} == {"S3/D3"}
    assert asked(pair)[1] == {"PutObject": 20, "ListObjectsV2": 1}


@pytest.mark.slow
def test_many_are_confirmed_in_groups_while_others_are_copied(two_stores: Make) -> None:
    pair = filled(two_stores(), 700)

    settled = pair.copy()

    assert {each.grades for each in settled.values()} == {"S3/D3"}
    assert asked(pair) == ({"GetObject": 700}, {"PutObject": 700, "ListObjectsV2": 3})


def test_what_was_written_before_a_stop_is_settled(two_stores: Make) -> None:
    pair = filled(two_stores(), 40)
    planned = pair.begin()
    pair.told.stop_after = 5 * len(BODY)

    settled: dict[str, Settled] = {}
    with pytest.raises(Stopped):
        pair.copy_items(planned, into=settled)

    pair.told.stop_after = None
    later = pair.copy_items([item for item in planned if item.key not in settled])
    pair.check_invariants(settled | later)
    assert {each.verdict for each in (settled | later).values()} == {"verified"}
    assert len(settled) + len(later) == 40


def test_where_if_match_is_ignored_a_listing_shows_that_the_source_has_not_changed(two_stores: Make) -> None:
    pair = filled(two_stores(source_traits={"if_match": "ignored"}))

    settled = pair.copy()

    assert {each.grades for each in settled.values()} == {"S3/D3"}
    assert asked(pair)[0] == {"GetObject": 12, "ListObjectsV2": 1}


def test_an_object_that_changed_after_it_was_read_is_named_and_its_copy_removed(two_stores: Make) -> None:
    change = {"side": "source", "operation": "GetObject", "key": "photos/001", "calls": "1", "action": "overwrite"}
    pair = filled(two_stores({**change, "value": "after"}, source_traits={"if_match": "ignored"}), 3)

    settled = pair.copy()

    assert settled["photos/001"].attempts == ["source_changed"]
    assert settled["photos/001"].code == "source_changed"
    assert pair.dest.keys(DEST) == ["photos/000", "photos/002"]


def test_where_conditions_are_ignored_a_listing_shows_what_is_there_and_the_race_is_named(two_stores: Make) -> None:
    pair = filled(two_stores(dest_traits={"if_none_match": "ignored"}), 3)
    planned = pair.begin()
    pair.lay("photos/001", b"of somebody else")

    settled = pair.copy_items(planned)

    pair.check_invariants(settled)
    assert settled["photos/001"].code == "dest_exists"
    assert settled["photos/000"].notes == ("race_possible",)
    # A listing that is whole needs no HEAD beside it.
    assert asked_for_before_writing(pair) == 1


@pytest.mark.parametrize(
    ("page", "beside", "head_requests"),
    [
        pytest.param("1", 0, 3, id="the listing is refused"),
        # The first page shows the keys below photos/001, and nothing of what follows.
        pytest.param("2", 300, 2, id="the listing breaks off"),
    ],
)
def test_a_key_that_a_broken_listing_did_not_reach_is_asked_for_before_it_is_written(
    two_stores: Make, page: str, beside: int, head_requests: int
) -> None:
    refused = {"side": "destination", "operation": "ListObjectsV2", "calls": page, "action": "status", "value": 403}
    pair = filled(two_stores(refused, dest_traits={"if_none_match": "ignored"}), 3)
    planned = pair.begin()
    _lay_beside(pair, beside)
    pair.lay("photos/001", b"of somebody else")

    settled = pair.copy_items(planned)

    pair.check_invariants(settled)
    assert settled["photos/001"].code == "dest_exists"
    assert {settled[key].verdict for key in ("photos/000", "photos/002")} == {"verified"}
    assert {settled[key].notes for key in ("photos/000", "photos/002")} == {("race_possible",)}
    assert asked_for_before_writing(pair) == head_requests


def test_a_key_behind_too_many_foreign_ones_is_asked_for_before_it_is_written(
    two_stores: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrator.engine.confirming.SPARE_KEYS", 20)
    pair = filled(two_stores(dest_traits={"if_none_match": "ignored"}), 3)
    planned = pair.begin()
    _lay_beside(pair, 40)
    pair.lay("photos/001", b"of somebody else")

    settled = pair.copy_items(planned)

    pair.check_invariants(settled)
    assert settled["photos/001"].code == "dest_exists"
    assert asked_for_before_writing(pair) == 2


def _lay_beside(pair: TwoStores, count: int) -> None:
    """Put foreign objects between photos/000 and photos/001."""
    for number in range(count):
        pair.lay(f"photos/000-{number:03}", b"")


def test_tags_are_asked_for_and_only_tagged_objects_are_asked_about_again(two_stores: Make) -> None:
    pair = filled(two_stores(), 3)
    pair.seed("photos/tagged", BODY, tags={"colour": "blue"})

    settled = pair.copy(tags=True)

    assert {each.verdict for each in settled.values()} == {"verified"}
    assert settled["photos/tagged"].outcome(CheckName.TAGS) == "match"
    assert asked(pair)[0]["GetObjectTagging"] == 4
    assert asked(pair)[1]["HeadObject"] == 1


def test_where_tags_cannot_be_asked_for_nobody_asks(two_stores: Make) -> None:
    pair = filled(two_stores(source_traits={"tagging": "not_supported"}), 3)

    settled = pair.copy(tags=True)

    assert {each.verdict for each in settled.values()} == {"verified"}
    assert asked(pair)[0] == {"GetObject": 3}


def test_an_object_whose_listing_has_another_etag_is_no_other_object_where_if_match_is_ignored(
    two_stores: Make,
) -> None:
    pair = filled(two_stores(source_traits={"if_match": "ignored"}), 3)
    pair.learn()
    odd = hashlib.md5(pair.source_bytes("photos/001")).hexdigest()
    listing = {"operation": "ListObjectsV2", "action": "xml", "value": {"find": odd, "put": hashlib.md5().hexdigest()}}
    pair.source.plan_faults([listing])
    planned = pair.items()

    settled = pair.copy_items(planned)

    assert {key: each.attempts for key, each in settled.items()} == {item.key: [""] for item in planned}
    assert settled["photos/001"].notes == ("listing_etag_differs",)
    assert pair.told.bytes_moved == sum(each.finding.bytes_read for each in settled.values())


def test_a_fault_of_ours_in_one_object_ends_that_object_alone(two_stores: Make) -> None:
    pair = filled(two_stores(), 3)
    first, *others = pair.begin()

    # What no plan holds: whatever the crowd makes of it is not foreseen.
    settled = pair.copy_items([replace(first, version_id=cast("str", 5)), *others])

    assert [(each.verdict, each.code) for each in settled.values()] == [
        ("failed", "internal_error"),
        ("verified", None),
        ("verified", None),
    ]


@pytest.mark.parametrize("way", ["confirmed", "confirmed_by_head"])
def test_a_fault_of_ours_in_judging_one_copy_ends_that_object_alone(
    two_stores: Make, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """No answer of a store leads there, as far as is known, so the fault is put into the code."""
    refused = {"side": "destination", "operation": "ListObjectsV2", "calls": "all", "action": "status", "value": 403}
    pair = filled(two_stores(*([refused] if way == "confirmed_by_head" else [])), 3)
    judge = getattr(SmallCopy, way)

    def judge_all_but_one(copy: SmallCopy, *told: object) -> object:
        if copy.item.key == "photos/001":
            raise ZeroDivisionError
        return judge(copy, *told)

    monkeypatch.setattr(SmallCopy, way, judge_all_but_one)

    settled = pair.copy()

    assert {key: each.code for key, each in settled.items()} == {
        "photos/000": None,
        "photos/001": "internal_error",
        "photos/002": None,
    }


@pytest.mark.parametrize("header", ["x-amz-tagging-count", "x-amz-mp-parts-count", "Content-Range"])
def test_a_number_without_end_in_an_answer_is_none(two_stores: Make, header: str) -> None:
    endless = {"side": "source", "operation": "GetObject", "calls": "all", "action": "header"}
    number = "9" * 5000
    value = f"bytes 0-9/{number}" if header == "Content-Range" else number
    pair = filled(two_stores(endless | {"value": {"set": {header: value}}}), 2)

    assert {each.verdict for each in pair.copy().values()} == {"verified"}


def test_a_header_with_the_name_of_the_protocol_is_no_status(two_stores: Make) -> None:
    odd = {"side": "source", "operation": "GetObject", "calls": "all", "action": "header"}
    pair = filled(two_stores(odd | {"value": {"set": {"HTTP/1.1": "none"}}}), 2)

    assert {each.verdict for each in pair.copy().values()} == {"verified"}


def test_an_answer_without_etag_and_length_is_no_empty_object(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("marker", b"")
    planned = pair.begin()
    date = "Date: Sun, 29 Nov 2026 10:00:00 GMT"
    hollow = Parting(f"HTTP/1.1 200 OK\r\n{date}\r\n\r\n".encode())
    right = Parting(f"HTTP/1.1 200 OK\r\n{date}\r\nETag: {planned[0].etag}\r\nContent-Length: 0\r\n\r\n".encode())

    with answering(hollow, *[right] * 9) as told:
        pair.source_store.close()
        pair.source_store = pair.store_of(told)  # type: ignore[arg-type]
        (settled,) = pair.copy_items(planned).values()

    assert (settled.attempts, settled.verdict) == (["store_error", ""], "verified")
