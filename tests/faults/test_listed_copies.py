"""Rows C1 to C5: what a listing of the destination confirms of small objects, and where a HEAD is asked."""

from __future__ import annotations

import hashlib

import pytest

from integrity.evidence import CheckName, Origin
from migrator.engine.copying import CopyOptions
from migrator.engine.stores import objects
from tests.faults.conftest import Make
from tests.faults.small_objects import BODY, asked, asked_for_before_writing, filled, stated
from tests.faults.two_stores import DEST

PUT = {"side": "destination", "operation": "PutObject"}
LIST = {"operation": "ListObjectsV2", "calls": "all"}
SHOWS_NOTHING_YET = (
    f"<ListBucketResult><Name>{DEST}</Name><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>"
)


def test_row_c1_a_key_that_is_not_listed_yet_is_found_by_head(two_stores: Make) -> None:
    pair = filled(two_stores({**PUT, "key": "photos/003", "calls": "1", "action": "late_visible", "value": 60}))
    pair.dest_seconds_ahead = lambda: 60 if "ListObjectsV2" in asked(pair)[1] else 0

    settled = pair.copy()

    assert {each.verdict for each in settled.values()} == {"verified"}
    assert asked(pair)[1]["HeadObject"] >= 1
    assert pair.told.contradictions == []


def test_row_c1_a_key_is_waited_for_as_long_as_no_option_says_otherwise(two_stores: Make) -> None:
    pair = filled(two_stores({**PUT, "key": "photos/000", "calls": "1", "action": "late_visible", "value": 60}), 1)
    pair.dest_seconds_ahead = lambda: 60 if asked(pair)[1]["HeadObject"] > 20 else 0

    settled = pair.copy_one(found_within_seconds=CopyOptions().found_within_seconds)

    assert (settled.verdict, settled.attempts) == ("verified", [""])
    assert asked(pair)[1]["HeadObject"] > 20


def test_row_c1_a_key_that_never_shows_is_missing(two_stores: Make) -> None:
    pair = filled(two_stores({**PUT, "key": "photos/003", "calls": "all", "action": "late_visible", "value": 60}))

    settled = pair.copy()

    assert settled["photos/003"].code == "dest_missing"
    assert sum(each.verdict == "verified" for each in settled.values()) == 11


def test_row_c2_where_listings_state_other_etags_head_decides_and_is_asked_from_then_on(two_stores: Make) -> None:
    pair = filled(two_stores(dest_traits={"listing_etag": "other"}))
    planned = pair.begin()
    # As if the bucket had been another one when it was probed.
    pair.believe(listing_etag=True)

    settled = pair.copy_items(planned)

    pair.check_invariants(settled)
    assert {each.grades for each in settled.values()} == {"S3/D3"}
    assert asked(pair)[1]["HeadObject"] == 12
    assert set(pair.told.contradictions) == {"listing_etag"}


def test_row_c3_where_listings_state_other_sizes_there_is_no_false_alarm(two_stores: Make) -> None:
    pair = filled(two_stores(dest_traits={"listing_size": "other"}))
    planned = pair.begin()
    pair.believe(listing_size=True)

    settled = pair.copy_items(planned)

    pair.check_invariants(settled)
    assert {each.verdict for each in settled.values()} == {"verified"}
    assert set(pair.told.contradictions) == {"listing_size"}


def test_where_listings_are_known_to_differ_each_object_is_asked_for(two_stores: Make) -> None:
    pair = filled(two_stores(dest_traits={"listing_etag": "other"}), 3)

    settled = pair.copy()

    assert {each.verdict for each in settled.values()} == {"verified"}
    assert asked(pair)[1]["ListObjectsV2"] == 0


def test_where_a_listing_states_no_etag_a_head_does(two_stores: Make) -> None:
    unnamed = {"find": f"<ETag>&quot;{hashlib.md5(BODY).hexdigest()}&quot;</ETag>", "put": ""}
    pair = filled(two_stores({"side": "destination", **LIST, "action": "xml", "value": unnamed}), 3)

    settled = pair.copy()

    assert {each.grades for each in settled.values()} == {"S3/D3"}
    assert stated(settled["photos/000"], CheckName.DEST_ETAG).origin is Origin.HEAD
    assert asked(pair)[1] == {"PutObject": 3, "ListObjectsV2": 1, "HeadObject": 1}
    assert pair.told.contradictions == ["listing_etag"]


def test_where_no_etag_can_be_a_digest_a_head_states_a_checksum(two_stores: Make) -> None:
    sealed = {"side": "destination", "action": "header", "value": {"set": {"x-amz-server-side-encryption": "aws:kms"}}}
    faults = [{**sealed, "operation": operation} for operation in ("PutObject", "HeadObject")]
    pair = filled(two_stores(*faults), 3)

    settled = pair.copy()

    assert {each.grades for each in settled.values()} == {"S3/D3"}
    assert {each.outcome(CheckName.DEST_ETAG) for each in settled.values()} == {"sse_kms"}
    assert asked(pair)[1] == {"PutObject": 3, "ListObjectsV2": 1, "HeadObject": 3}
    assert pair.told.contradictions == []


# A store that says that its keys are coded, and leaves a plus as it is: its "a+b" is read as "a b".
PLUS_LEFT = {**LIST, "action": "xml", "value": {"find": "a%2Bb", "put": "a+b"}}


@pytest.mark.parametrize("encoding_type", [False, None])
def test_what_is_listed_under_a_key_that_may_be_another_confirms_nothing(
    two_stores: Make, encoding_type: bool | None
) -> None:
    lost = {**PUT, "key": "photos/a b", "calls": "all", "action": "delete", "value": "after"}
    pair = two_stores({"side": "destination", **PLUS_LEFT}, lost)
    for key in ("photos/a b", "photos/a+b", "photos/plain"):
        pair.seed(key, b"")
    planned = pair.begin()
    pair.believe(encoding_type=encoding_type)

    settled = pair.copy_items(planned)

    pair.check_invariants(settled)
    assert settled["photos/a b"].code == "dest_missing"
    assert {settled[key].grades for key in ("photos/a+b", "photos/plain")} == {"S3/D3"}
    # The plain one is confirmed by a listing all the same.
    assert {entry.key for entry in pair.dest.log if entry.operation == "HeadObject"} == {"photos/a b", "photos/a+b"}


@pytest.mark.parametrize("key", ["a b", "a+b", "a%41b", "caf\u00e9", "a&b"])
def test_a_key_that_is_coded_is_confirmed_by_a_listing_where_the_probe_saw_it_come_back(
    two_stores: Make, key: str
) -> None:
    pair = two_stores()
    pair.seed(key, BODY)

    assert pair.copy_one().grades == "S3/D3"
    assert asked(pair) == ({"GetObject": 1}, {"PutObject": 1, "ListObjectsV2": 1})


@pytest.mark.parametrize("key", ["a b", "a+b", "a%41b", "caf\u00e9", "a&b"])
def test_a_key_that_is_coded_is_asked_for_where_nothing_is_known_of_that(two_stores: Make, key: str) -> None:
    pair = two_stores()
    pair.seed(key, BODY)
    planned = pair.begin()
    pair.believe(encoding_type=None)

    settled = pair.copy_items(planned)

    pair.check_invariants(settled)
    assert settled[key].grades == "S3/D3"
    assert asked(pair)[1] == {"PutObject": 1, "HeadObject": 1}


def test_what_the_source_lists_under_a_key_that_may_be_another_is_no_second_look(two_stores: Make) -> None:
    gone = {"operation": "GetObject", "key": "photos/a b", "calls": "1", "action": "delete", "value": "after"}
    faults = [{"side": "source", **each} for each in (PLUS_LEFT, gone)]
    pair = two_stores(*faults, source_traits={"if_match": "ignored"})
    for key in ("photos/a b", "photos/plain"):
        pair.seed(key, BODY, modified=1_700_000_000)
    planned = pair.begin()
    # One that came after the plan, alike but for its key.
    pair.seed("photos/a+b", BODY, modified=1_700_000_000)

    settled = pair.copy_items(planned)

    pair.check_invariants(settled)
    assert settled["photos/a b"].code == "source_gone"
    assert pair.dest.keys(DEST) == ["photos/plain"]
    # One listing looks at them again, one whether it is the bucket that is gone, one whether the key is still listed.
    assert asked(pair)[0] == {"GetObject": 2, "HeadObject": 1, "ListObjectsV2": 3}


@pytest.mark.slow
def test_row_c4_foreign_keys_in_the_range_lead_to_heads_and_no_endless_listing(two_stores: Make) -> None:
    pair = two_stores()
    for key in ("a", "z"):
        pair.seed(key, BODY)
    for number in range(4_500):
        pair.dest.seed(DEST, f"m{number:05}", b"")

    settled = pair.copy()

    assert {each.verdict for each in settled.values()} == {"verified"}
    assert asked(pair)[1]["HeadObject"] == 1
    assert asked(pair)[1]["ListObjectsV2"] <= 10


def test_row_c5_an_object_replaced_before_the_listing_is_named(two_stores: Make) -> None:
    pair = filled(two_stores({**PUT, "key": "photos/001", "calls": "1", "action": "overwrite", "value": "after"}), 3)

    settled = pair.copy()

    assert settled["photos/001"].code == "dest_changed_after_write"
    assert {settled[key].verdict for key in ("photos/000", "photos/002")} == {"verified"}


def test_a_plain_key_is_not_confirmed_by_one_that_is_read_as_it(
    two_stores: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a machine that is busy the attempts are further apart than the answer for one bucket stands.
    monkeypatch.setattr(objects, "_BUCKET_STANDS_SECONDS", 60)
    percent_left = {"side": "destination", **LIST, "action": "xml", "value": {"find": "%252F", "put": "%2F"}}
    lost = {**PUT, "key": "photos/2019/a", "calls": "all", "action": "delete", "value": "after"}
    pair = two_stores(percent_left, lost)
    for key in ("movies/a", "photos/2019/a", "pictures/a"):
        pair.seed(key, b"")
    planned = pair.begin()
    pair.believe(encoding_type=False)
    pair.lay("photos%2F2019/a", b"")

    settled = pair.copy_items(planned)

    pair.check_invariants(settled)
    assert settled["photos/2019/a"].code == "dest_missing"
    assert {settled[key].grades for key in ("movies/a", "pictures/a")} == {"S3/D3"}
    # One of the range, one whether it is the bucket that is gone.
    assert asked(pair)[1]["ListObjectsV2"] == 2


def test_where_conditions_are_ignored_and_listings_are_current_no_object_costs_a_request_more(two_stores: Make) -> None:
    pair = filled(two_stores(dest_traits={"if_none_match": "ignored"}))

    settled = pair.copy()

    assert {each.grades for each in settled.values()} == {"S3/D3"}
    assert asked(pair) == ({"GetObject": 12}, {"PutObject": 12, "ListObjectsV2": 2})


@pytest.mark.parametrize("honours", [False, None])
@pytest.mark.parametrize("seconds", [None, 2])
def test_where_listings_may_lag_each_key_is_asked_for_before_it_is_written(
    two_stores: Make, seconds: int | None, honours: bool | None
) -> None:
    pair = filled(two_stores(dest_traits={"if_none_match": "ignored"}), 3)
    planned = pair.begin()
    pair.believe(read_after_write_seconds=seconds, if_none_match_put=honours)
    pair.lay("photos/001", b"of somebody else")
    pair.dest.plan_faults([{**LIST, "action": "xml", "value": SHOWS_NOTHING_YET}])

    settled = pair.copy_items(planned)

    assert settled["photos/001"].code == "dest_exists"
    assert {settled[key].notes for key in ("photos/000", "photos/002")} == {("race_possible",)}
    assert {settled[key].grades for key in ("photos/000", "photos/002")} == {"S3/D3"}
    assert asked_for_before_writing(pair) == 3
    # Nobody has listed anything.
    assert pair.dest.unfired
    pair.dest.plan_faults([])
    pair.check_invariants(settled)
