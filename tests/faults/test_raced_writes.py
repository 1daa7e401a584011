"""Rows 59 and 60: somebody else writes under the key while we do, and what we remove is ours."""

from __future__ import annotations

import os

import pytest

from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS, Settled, TwoStores

BODY = os.urandom(100_000)
PUT = {"side": "destination", "operation": "PutObject", "key": "photo"}
COMPLETE = {"side": "destination", "operation": "CompleteMultipartUpload", "key": "film"}
THEIRS = b"of somebody else"
VERSIONED = {"versioned": True}
REPLACE = {"if_exists": "replace_if_matches"}
STRAIGHT = {"threshold": 10_000}


def test_row_59_what_appears_before_an_upload_is_completed_is_left_alone(two_stores: Make) -> None:
    pair = film(two_stores)

    settled = pair.copy_items(pair.begin(), limits=TINY_PARTS)

    assert_left_alone(pair, settled)


def test_row_59_what_changes_before_an_upload_is_completed_is_not_replaced(two_stores: Make) -> None:
    pair = film(two_stores)
    pair.dest.seed(DEST, "film", b"older")

    settled = pair.copy_items(pair.begin(), limits=TINY_PARTS, **REPLACE)

    assert_left_alone(pair, settled)


def test_row_59_what_appears_before_a_body_has_passed_straight_through_is_left_alone(two_stores: Make) -> None:
    pair = photo(two_stores)

    settled = pair.copy_items(pair.begin(), **STRAIGHT)

    assert_left_alone(pair, settled)


def test_row_59_what_changes_before_a_body_has_passed_straight_through_is_not_replaced(two_stores: Make) -> None:
    pair = photo(two_stores)
    pair.dest.seed(DEST, "photo", b"older")

    settled = pair.copy_items(pair.begin(), **STRAIGHT, **REPLACE)

    assert_left_alone(pair, settled)


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
def test_row_60_what_is_read_back_is_our_version_and_not_the_one_on_top(
    request: pytest.FixtureRequest, way: str
) -> None:
    pair: TwoStores = request.getfixturevalue(way)({**PUT, **theirs("after")}, dest_traits=VERSIONED)
    pair.seed("photo", BODY)

    settled = pair.copy_one(read_back_percent=100)

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D4", [""])
    assert pair.dest_bytes("photo") == THEIRS
    assert pair.requests("GetObject") == 1


def test_row_60_a_wrong_version_of_ours_is_removed_and_the_one_before_is_on_top_again(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "all", "action": "corrupt_after_ack"}, dest_traits=VERSIONED)
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", b"older")

    settled = pair.copy_one(read_back_percent=100, most_attempts=1, **REPLACE)

    assert (settled.code, settled.notes) == ("dest_readback_mismatch", ("wrong_copy_removed",))
    assert len(pair.dest.version_ids(DEST, "photo")) == 1
    assert pair.dest_bytes("photo") == b"older"


def theirs(when: str) -> dict[str, object]:
    """Somebody else writes under the key."""
    return {"calls": "1", "action": "overwrite", "value": {"when": when, "body": THEIRS.decode()}}


def film(two_stores: Make) -> TwoStores:
    """An object in parts that is overtaken before its upload is completed."""
    pair = two_stores({**COMPLETE, **theirs("before")}, dest_traits={"small_parts": True})
    pair.seed("film", BODY, part_size=40_000)
    return pair


def photo(two_stores: Make) -> TwoStores:
    """An object in one piece that is overtaken before it is stored."""
    pair = two_stores({**PUT, **theirs("before")})
    pair.seed("photo", BODY)
    return pair


def assert_left_alone(pair: TwoStores, settled: dict[str, Settled]) -> None:
    ((key, ours),) = settled.items()
    assert (ours.code, ours.attempts) == ("dest_exists", ["dest_exists"])
    pair.check_invariants(settled, theirs={key: THEIRS})


UNLASTING = {"etag_stable": False, "small_parts": True}


def test_row_60_what_only_a_look_after_our_write_names_is_never_removed(two_stores: Make) -> None:
    pair = two_stores({**COMPLETE, **theirs("after")}, dest_traits=UNLASTING)
    pair.seed("film", BODY, part_size=40_000)
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS)

    assert (settled["film"].code, settled["film"].notes) == ("dest_size_mismatch", ("wrong_copy_left",))
    assert pair.requests("DeleteObject") == 0
    pair.check_invariants(settled, theirs={"film": THEIRS})


@pytest.mark.parametrize("traits", [{}, VERSIONED], ids=["by the same ETag", "by its version"])
def test_row_60_where_etags_do_not_last_a_wrong_copy_is_removed_that_the_answer_names(
    two_stores: Make, traits: dict[str, bool]
) -> None:
    pair = two_stores({**PUT, "calls": "1", "action": "drop_tail"}, dest_traits={**UNLASTING, **traits})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert (settled.verdict, settled.attempts) == ("verified", ["dest_size_mismatch", ""])
    assert pair.requests("DeleteObject") == 1
