"""The answer to a HEAD has no body: what is behind a refusal is asked by a listing, and a yes may be of no object."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from migrator.engine.errors import BucketMissing, CredentialsRefused, HeadDenied, ObjectMissing, UnknownAnswer
from migrator.engine.verifying import Depth
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS, TwoStores

HEAD = {"side": "destination", "operation": "HeadObject"}
HOLLOW = pytest.mark.parametrize("action", ["empty_200", "html_200"])
WITHOUT_ETAGS = {"calls": "all", "action": "header", "value": {"remove": ["etag"]}}
BODY = os.urandom(1_000)
NO_BUCKET = {"calls": "all", "action": "status", "value": {"status": 404, "code": "NoSuchBucket"}}
MANY = 40
# For a second one listing stands for all; a busy machine may take some more to ask for many keys.
FEW = 10


def held(pair: TwoStores, keys: int = 1) -> TwoStores:
    """Give both sides so many objects."""
    for number in range(keys):
        pair.seed(f"photo-{number:02}", BODY)
        pair.dest.seed(DEST, f"photo-{number:02}", BODY)
    return pair


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize("depth", [Depth.STATEMENTS, Depth.AUTO])
def test_a_bucket_that_is_gone_is_not_taken_for_objects_that_are(two_stores: Make, side: str, depth: Depth) -> None:
    gone = ({"side": side, "operation": each, **NO_BUCKET} for each in ("HeadObject", "ListObjectsV2"))
    pair = held(two_stores(*gone), MANY)

    with pytest.raises(BucketMissing):
        pair.verify(depth)


def test_a_bucket_that_is_gone_after_a_write_is_not_taken_for_a_copy_that_is(two_stores: Make) -> None:
    gone = ({"side": "destination", "operation": each, **NO_BUCKET} for each in ("HeadObject", "ListObjectsV2"))
    pair = two_stores(dest_traits={"small_parts": True})
    pair.seed("film", BODY, part_size=400)
    planned = pair.begin()
    pair.dest.plan_faults([{**each, "calls": "2-" if each["operation"] == "HeadObject" else "all"} for each in gone])

    with pytest.raises(BucketMissing):
        pair.copy_items(planned, limits=TINY_PARTS)

    assert pair.findings == []


def test_of_many_objects_that_are_missing_few_ask_for_the_bucket(two_stores: Make) -> None:
    pair = two_stores()
    for number in range(MANY):
        pair.seed(f"photo-{number:02}", BODY)
    planned = pair.items()
    pair.dest.clear_log()

    settled = pair.verify_items(planned, Depth.STATEMENTS)

    assert {each.code for each in settled.values()} == {"dest_missing"}
    assert 1 <= pair.requests("ListObjectsV2") <= FEW < MANY == pair.requests("HeadObject")


def test_a_key_that_may_be_free_asks_for_no_bucket(two_stores: Make) -> None:
    pair = two_stores()

    assert pair.dest_store.find(DEST, "photo") is None
    assert pair.requests("ListObjectsV2") == 0

    with pytest.raises(ObjectMissing):
        pair.dest_store.head(DEST, "photo")
    assert pair.requests("ListObjectsV2") == 1


def test_heads_that_are_refused_meanwhile_share_the_listing_that_begins_after_them(two_stores: Make) -> None:
    pair = held(two_stores(), 8)
    pair.dest.plan_faults(
        [
            {"operation": "HeadObject", "calls": "all", "action": "status", "value": 403},
            {"operation": "ListObjectsV2", "calls": "1", "action": "stall", "at_byte": 0, "value": 0.5},
        ]
    )

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(pair.dest_store.head, DEST, f"photo-{number:02}") for number in range(8)]

    assert {type(each.exception()) for each in asked} == {HeadDenied}
    assert pair.requests("ListObjectsV2") < 8


def test_a_head_that_is_refused_later_without_a_word_of_access_asks_anew(two_stores: Make) -> None:
    pair = held(two_stores())
    pair.dest.plan_faults([{"operation": "HeadObject", "calls": "all", "action": "status", "value": 400}])

    for count in (1, 2):
        with pytest.raises(UnknownAnswer):
            pair.dest_store.head(DEST, "photo-00")
        assert pair.requests("ListObjectsV2") == count


def test_of_many_objects_that_are_denied_one_asks_for_what_is_behind_it(two_stores: Make) -> None:
    pair = held(two_stores({**HEAD, "calls": "all", "action": "status", "value": 403}), MANY)
    planned = pair.begin()

    settled = pair.verify_items(planned, Depth.STATEMENTS)

    assert {each.code for each in settled.values()} == {"access_denied"}
    assert pair.requests("ListObjectsV2") == 1
    assert pair.requests("HeadObject") == MANY


def test_a_problem_that_a_listing_named_does_not_stand_for_a_head_that_is_denied_later(two_stores: Make) -> None:
    pair = held(two_stores())
    withdrawn = {"status": 403, "code": "InvalidAccessKeyId"}
    pair.dest.plan_faults(
        [
            {"operation": "HeadObject", "calls": "all", "action": "status", "value": 403},
            {"operation": "ListObjectsV2", "calls": "1", "action": "status", "value": withdrawn},
        ]
    )

    with pytest.raises(CredentialsRefused):
        pair.dest_store.head(DEST, "photo-00")
    with pytest.raises(HeadDenied):
        pair.dest_store.head(DEST, "photo-00")


@pytest.mark.parametrize(("status", "code"), [(403, "access_denied"), (404, "dest_missing")])
def test_a_refused_head_stands_where_the_listing_behind_it_is_refused_by_a_busy_store(
    two_stores: Make, status: int, code: str
) -> None:
    busy = {"side": "destination", "operation": "ListObjectsV2", "calls": "all", "action": "status", "value": 503}
    pair = held(two_stores({**HEAD, "calls": "all", "action": "status", "value": status}, busy))
    planned = pair.begin()

    settled = pair.verify_items(planned, Depth.STATEMENTS)["photo-00"]

    assert (settled.code, settled.attempts) == (code, [code])
    assert pair.requests("ListObjectsV2") == 1


@HOLLOW
@pytest.mark.parametrize("calls", ["1", "2"], ids=["before the write", "after it"])
def test_a_hollow_yes_to_a_head_is_asked_again(two_stores: Make, calls: str, action: str) -> None:
    pair = two_stores({**HEAD, "calls": calls, "action": action}, dest_traits={"small_parts": True})
    pair.seed("film", BODY, part_size=400)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.verdict, settled.grades, settled.attempts, settled.notes) == ("verified", "S3/D3", [""], ())
    assert [each.operation for each in settled.finding.attempts[0].repeats] == ["HeadObject"]


@HOLLOW
@pytest.mark.parametrize(("side", "calls"), [("source", "1"), ("destination", "1"), ("destination", "2")])
def test_a_hollow_yes_to_a_head_is_no_other_size(two_stores: Make, side: str, calls: str, action: str) -> None:
    pair = held(two_stores({**HEAD, "side": side, "calls": calls, "action": action}))

    settled = pair.verify(Depth.AUTO)["photo-00"]

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D4", [""])


@HOLLOW
def test_an_object_whose_heads_are_all_hollow_is_not_named_as_wrong(two_stores: Make, action: str) -> None:
    pair = two_stores({**HEAD, "calls": "2-", "action": action}, dest_traits={"small_parts": True})
    pair.seed("film", BODY, part_size=400)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.verdict, settled.code, settled.notes) == ("failed", "store_error", ())
    assert "said yes but sent no data" in settled.finding.error_message


def test_a_part_of_which_a_head_says_nothing_is_one_that_is_not_told(two_stores: Make) -> None:
    pair = two_stores(
        {**HEAD, "side": "source", "calls": "all", "action": "empty_200"}, dest_traits={"small_parts": True}
    )
    pair.seed("film", BODY, part_size=400)

    assert pair.copy_one(limits=TINY_PARTS).verdict == "verified"


def test_a_store_whose_heads_state_no_etag_is_taken_at_its_word_and_proves_nothing(two_stores: Make) -> None:
    pair = two_stores({**HEAD, **WITHOUT_ETAGS}, dest_traits={"small_parts": True, "checksums": []})
    pair.seed("film", BODY, part_size=400)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.verdict, settled.reason, settled.attempts) == ("unverified", "etag_absent", [""])
