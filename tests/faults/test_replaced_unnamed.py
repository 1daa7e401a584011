"""Row 59 where listings of the destination state other ETags than its objects have: what the plan saw is known anew."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from hashlib import md5

import pytest

from migrator.engine.planning import Item
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS, TwoStores

BODY = os.urandom(100_000)
OLDER, NEWER = b"older", b"newer"
THEN = 1_700_000_000
OTHERWISE = {"listing_etag": "other", "small_parts": True}
REPLACED = {"if_exists": "replace_if_matches", "limits": TINY_PARTS}
HEAD = {"side": "destination", "operation": "HeadObject", "key": "photo"}
PUT = {"side": "destination", "operation": "PutObject", "key": "photo", "calls": "1"}
NO_ETAG = {
    "side": "destination",
    "operation": "ListObjectsV2",
    "action": "xml",
    "value": {"find": f"<ETag>&quot;{md5(OLDER).hexdigest()}&quot;</ETag>", "put": ""},
}


def taken(make: Make, *faults: Mapping[str, object], **traits: object) -> TwoStores:
    """Return two stores with an object to copy, and another under its key at the destination."""
    pair = make(*faults, dest_traits={**OTHERWISE, **traits})
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", OLDER, modified=THEN)
    return pair


@pytest.mark.parametrize("in_parts", [{}, {"part_size": 40_000}], ids=["whole", "in parts"])
@pytest.mark.parametrize("threshold", [200_000, 50_000])
def test_what_the_plan_saw_is_replaced(two_stores: Make, in_parts: dict[str, int], threshold: int) -> None:
    pair = taken(two_stores)
    pair.seed("photo", BODY, **in_parts)

    settled = pair.copy_one(**REPLACED, threshold=threshold)

    assert (settled.verdict, settled.notes, settled.attempts) == ("verified", (), [""])
    assert pair.dest_profile.listing_etag is False


def test_what_the_plan_saw_is_replaced_where_nothing_is_known_of_listings(two_stores: Make) -> None:
    pair = taken(two_stores)
    planned = pair.begin()
    pair.believe(listing_etag=None)

    assert pair.copy_items(planned, **REPLACED)["photo"].verdict == "verified"


def test_what_the_plan_saw_is_replaced_where_conditions_are_ignored(two_stores: Make) -> None:
    pair = taken(two_stores, if_match_put="ignored")

    settled = pair.copy_one(**REPLACED)

    assert (settled.verdict, settled.notes) == ("verified", ("race_possible",))


@pytest.mark.parametrize("is_versioned", [True, False], ids=["versioned", "unversioned"])
def test_what_the_plan_saw_is_replaced_after_a_wrong_copy_was_removed(two_stores: Make, is_versioned: bool) -> None:
    pair = taken(two_stores, {**PUT, "action": "corrupt_after_ack"}, versioned=is_versioned)

    settled = pair.copy_one(**REPLACED, read_back_percent=100)

    assert (settled.verdict, settled.attempts) == ("verified", ["dest_readback_mismatch", ""])


def test_a_head_that_still_shows_what_was_replaced_is_asked_again(two_stores: Make) -> None:
    stale = {"etag": f'"{md5(OLDER).hexdigest()}"', "content-length": str(len(OLDER))}
    pair = taken(two_stores, {**HEAD, "calls": "2", "action": "header", "value": {"set": stale}})

    settled = pair.copy_one(**REPLACED)

    assert (settled.verdict, settled.attempts) == ("verified", [""])


def test_what_is_gone_since_the_plan_leaves_the_key_free(two_stores: Make) -> None:
    pair = taken(two_stores)
    planned = pair.begin()
    pair.dest_store.delete(DEST, "photo")

    assert pair.copy_items(planned, **REPLACED)["photo"].verdict == "verified"


@pytest.mark.parametrize(
    ("content", "modified"),
    [(NEWER, THEN + 1), (NEWER, THEN), (OLDER, THEN + 1), (b"longer", THEN)],
    ids=["all of it", "bytes", "time", "size"],
)
def test_what_changed_since_the_plan_is_not_replaced(two_stores: Make, content: bytes, modified: float) -> None:
    pair = taken(two_stores)
    planned = pair.begin()
    pair.dest.seed(DEST, "photo", content, modified=modified)

    assert_left(pair, planned, content)


def test_what_changes_after_the_look_is_not_replaced(two_stores: Make) -> None:
    pair = taken(two_stores, {**PUT, "action": "overwrite", "value": "before"})

    settled = pair.copy_items(pair.begin(), **REPLACED)["photo"]

    assert settled.code == "dest_exists"
    assert pair.dest_bytes("photo") not in (BODY, OLDER)


@pytest.mark.parametrize(
    "header", [{"remove": ["last-modified"]}, {"set": {"last-modified": "Wed, 15 Nov 2023 01:13:20 GMT"}}]
)
def test_where_times_cannot_be_compared_nothing_is_replaced(two_stores: Make, header: dict[str, object]) -> None:
    pair = taken(two_stores, {**HEAD, "calls": "all", "action": "header", "value": header})

    assert_left(pair, pair.begin(), OLDER)


def test_where_the_plan_kept_no_time_nothing_is_replaced(two_stores: Make) -> None:
    pair = taken(two_stores)

    assert_left(pair, [replace(item, existing_last_modified="") for item in pair.begin()], OLDER)


def assert_left(pair: TwoStores, planned: list[Item], content: bytes) -> None:
    """Copy, and assert that this is still there, and that the words deny nothing of what the task asks for."""
    settled = pair.copy_items(planned, **REPLACED)["photo"]

    assert (settled.code, settled.attempts) == ("dest_exists", ["dest_exists"])
    assert settled.finding.error_message.startswith("Nothing shows that this key still holds what the plan saw")
    assert pair.dest_bytes("photo") == content
    assert pair.requests("PutObject") == 0


def test_what_is_listed_without_an_etag_is_replaced(two_stores: Make) -> None:
    pair, planned = listed_without_etag(two_stores)

    assert pair.copy_items(planned, **REPLACED)["photo"].verdict == "verified"


def test_what_was_listed_without_an_etag_and_changed_since_is_not_replaced(two_stores: Make) -> None:
    pair, planned = listed_without_etag(two_stores)
    pair.dest.seed(DEST, "photo", NEWER)

    assert_left(pair, planned, NEWER)


def test_what_comes_where_an_object_was_listed_without_an_etag_is_not_replaced(two_stores: Make) -> None:
    pair, planned = listed_without_etag(two_stores, {**PUT, "action": "overwrite", "value": "before"})
    pair.dest_store.delete(DEST, "photo")

    settled = pair.copy_items(planned, **REPLACED)["photo"]

    assert settled.code == "dest_exists"
    assert pair.dest_bytes("photo") != BODY


@pytest.mark.parametrize(
    ("is_there", "notes"), [(True, ()), (False, ("race_possible",))], ids=["named by its own", "gone"]
)
def test_the_race_is_named_by_the_condition_that_is_sent(
    two_stores: Make, is_there: bool, notes: tuple[str, ...]
) -> None:
    """If-Match names what the look found; where it found nothing only If-None-Match is left, which is ignored here."""
    pair, planned = listed_without_etag(two_stores, if_none_match="ignored")
    if not is_there:
        pair.dest_store.delete(DEST, "photo")

    settled = pair.copy_items(planned, **REPLACED)["photo"]

    assert (settled.verdict, settled.notes) == ("verified", notes)


def listed_without_etag(make: Make, *faults: Mapping[str, object], **traits: object) -> tuple[TwoStores, list[Item]]:
    pair = taken(make, **{"listing_etag": "same", **traits})
    pair.learn()
    pair.dest.plan_faults([NO_ETAG, *faults])
    planned = pair.items()
    assert [item.existing_etag for item in planned] == [""]
    pair.dest.clear_log()
    return pair, planned
