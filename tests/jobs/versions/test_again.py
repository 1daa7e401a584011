"""Retries and second copies: the history goes on from what earlier runs have put there."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from migrator import jobs, services
from migrator.engine.pacing import Patience
from migrator.jobs import histories
from migrator.jobs.sides import source_store_of, store_of
from migrator.models import Run
from tests.jobs.versions.histories import (
    arrived,
    assert_same_histories,
    delete,
    ends_of,
    in_order,
    planned,
    run_through,
    seed,
    task_of,
    worked,
)
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def failing_once(stores: Stores, operator: User, **options: Any) -> Run:
    """Copy three versions of two keys, of which the second of `a` is damaged on every read."""
    seed(stores, "a", b"one" * 500, b"two" * 500, b"three" * 500)
    seed(stores, "b", b"1", b"2")
    run = planned(operator, task_of(stores, operator, **options))
    damaged = stores.source.version_ids(SOURCE_BUCKET, "a")[1]
    stores.source.plan_faults(
        [{"operation": "GetObject", "key": "a", "calls": "2-5", "action": "flip", "at_byte": "seeded", "seed": 7}]
    )
    worked(run)
    stores.source.plan_faults([])
    assert next(record.source_version_id for record in in_order(run) if record.error_code) == damaged
    return run


def test_a_retry_goes_on_where_the_history_broke_off(stores: Stores, operator: User) -> None:
    first = failing_once(stores, operator)
    assert ends_of(first)[:3] == [
        ("verified", ""),
        ("failed", "source_etag_mismatch"),
        ("failed", "version_before_failed"),
    ]

    jobs.plan(str(services.retry_run(operator, first).pk))
    second = worked(Run.objects.get(retry_of=first))

    assert (second.state, second.planned, second.verified) == ("finished", 2, 2)
    assert_same_histories(stores, "a", "b")


def test_a_retry_of_a_retry_still_knows_what_came_before(stores: Stores, operator: User) -> None:
    first = failing_once(stores, operator)
    jobs.plan(str(services.retry_run(operator, first).pk))
    second = Run.objects.get(retry_of=first)
    stores.source.plan_faults([{"operation": "GetObject", "calls": "all", "action": "flip"}])
    worked(second)
    assert second.failed == 2
    stores.source.plan_faults([])

    jobs.plan(str(services.retry_run(operator, second).pk))
    third = worked(Run.objects.get(retry_of=second))

    assert third.verified == 2
    assert_same_histories(stores, "a", "b")


def retried_among_spoiled_pages(stores: Stores, operator: User, first: Run, *sides: str) -> Run:
    for side in sides or ("source",):
        getattr(stores, side).change_traits(encoding_type="ignored")
    second = services.retry_run(operator, first)
    for store in (source_store_of(second), store_of(second.task.dest_connection)):
        store.patience = Patience(first_seconds=0, longest_seconds=0)
    jobs.plan(str(second.pk))
    return worked(second)


@pytest.mark.parametrize("spoiling", ["a\x01", "a/1\x01"])
def test_a_retry_is_not_kept_by_a_key_that_spoils_the_page_of_one_it_is_about(
    stores: Stores, operator: User, spoiling: str
) -> None:
    first = failing_once(stores, operator)
    seed(stores, spoiling, b"never", b"asked for")

    second = retried_among_spoiled_pages(stores, operator, first)

    assert (second.state, second.planned, second.verified) == ("finished", 2, 2)
    assert second.plan_summary["unlisted"] == []
    assert_same_histories(stores, "a", "b")


def all_failing(stores: Stores, operator: User, *keys: str) -> Run:
    """Copy two versions of each key, all of them damaged on every read."""
    for key in keys:
        seed(stores, key, b"one" * 500, b"two" * 500)
    run = planned(operator, task_of(stores, operator))
    stores.source.plan_faults([{"operation": "GetObject", "calls": "all", "action": "flip", "at_byte": 1}])
    worked(run)
    stores.source.plan_faults([])
    assert run.failed == 2 * len(keys)
    return run


def test_a_retry_says_that_a_key_is_gone_though_what_is_behind_it_spoils_the_page(
    stores: Stores, operator: User
) -> None:
    first = all_failing(stores, operator, "a")
    for version_id in stores.source.version_ids(SOURCE_BUCKET, "a"):
        delete(stores.source, version_id)
    seed(stores, "a\x01", b"never asked for")

    second = retried_among_spoiled_pages(stores, operator, first)

    assert (second.state, ends_of(second)) == ("finished", [("failed", "source_gone")] * 2)


@pytest.mark.parametrize("sides", [("source",), ("source", "dest")])
def test_a_retry_names_the_key_that_no_page_can_say_and_copies_the_others(
    stores: Stores, operator: User, sides: tuple[str, ...]
) -> None:
    first = all_failing(stores, operator, "a", "b\x01", "c")
    stores.dest.seed(DEST_BUCKET, "b\x01", b"what was there")

    second = retried_among_spoiled_pages(stores, operator, first, *sides)

    assert (second.state, second.cause, second.verified) == ("incomplete", "listing_incomplete", 4)
    assert second.plan_summary["unlisted"] == [r'after "b", before "b\x01\x00"']
    assert_same_histories(stores, "a", "c")


def test_a_retry_of_a_key_that_the_destination_cannot_say_puts_nothing_above_what_it_holds(
    stores: Stores, operator: User
) -> None:
    first = all_failing(stores, operator, "a", "b\x01", "c")
    stores.dest.seed(DEST_BUCKET, "b\x01", b"what was there")

    second = retried_among_spoiled_pages(stores, operator, first, "dest")

    assert (second.state, second.planned, second.verified, second.failed) == ("finished", 6, 4, 2)
    assert arrived(stores, "b\x01") == [b"what was there"]
    assert_same_histories(stores, "a", "c")


@pytest.mark.parametrize(("most", "cause", "planned"), [(2, "listing_incomplete", 2), (1, "listing_invalid", 0)])
def test_a_retry_names_so_many_keys_that_no_page_can_say_and_no_more(
    stores: Stores, operator: User, monkeypatch: pytest.MonkeyPatch, most: int, cause: str, planned: int
) -> None:
    monkeypatch.setattr(histories, "MOST_GAPS", most)
    first = all_failing(stores, operator, "a", "b\x01", "c\x01")

    second = retried_among_spoiled_pages(stores, operator, first, "source", "dest")

    assert (second.state, second.cause, second.planned) == ("incomplete", cause, planned)


def test_a_retry_says_of_a_version_that_is_gone_that_it_is(stores: Stores, operator: User) -> None:
    first = failing_once(stores, operator)
    delete(stores.source, stores.source.version_ids(SOURCE_BUCKET, "a")[1])

    jobs.plan(str(services.retry_run(operator, first).pk))
    second = worked(Run.objects.get(retry_of=first))

    assert sorted(ends_of(second)) == [("failed", "source_gone"), ("verified", "")]
    assert arrived(stores, "a") == [b"one" * 500, b"three" * 500]


@pytest.mark.parametrize("mode", ["fail_if_exists", "replace_if_matches"])
def test_a_second_copy_finds_each_version_where_the_first_put_it(stores: Stores, operator: User, mode: str) -> None:
    seed(stores, "a", b"one", b"two", b"one")
    seed(stores, "b", b"only")
    task = task_of(stores, operator, if_exists=mode)
    first = run_through(operator, task)
    seed(stores, "a", b"four")

    again = run_through(operator, task)

    assert (again.planned, again.verified) == (5, 5)
    assert_same_histories(stores, "a", "b")
    named = [record.dest_version_id for record in in_order(again)]
    assert named[:3] + named[4:] == [record.dest_version_id for record in in_order(first)]


def test_a_version_is_skipped_while_its_own_copy_is_there(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    task = task_of(stores, operator, if_exists="skip_if_verified_identical")
    run_through(operator, task)
    seed(stores, "a", b"four")

    again = run_through(operator, task)

    assert (again.skipped, again.verified) == (3, 1)
    assert_same_histories(stores, "a")
    assert [record.dest_version_id for record in in_order(again)] == stores.dest.version_ids(DEST_BUCKET, "a")


def test_a_version_whose_copy_is_gone_is_not_skipped(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"one")
    task = task_of(stores, operator, if_exists="skip_if_verified_identical")
    run_through(operator, task)
    delete(stores.dest, stores.dest.version_ids(DEST_BUCKET, "a")[2], DEST_BUCKET)

    again = run_through(operator, task)

    # The bytes of the third are there still, as the copy of the first.
    assert (again.skipped, again.verified) == (2, 1)
    assert_same_histories(stores, "a")


def test_what_a_lifecycle_took_away_below_keeps_no_new_version_out(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    task = task_of(stores, operator)
    run_through(operator, task)
    delete(stores.dest, stores.dest.version_ids(DEST_BUCKET, "a")[0], DEST_BUCKET)
    seed(stores, "a", b"four")

    again = run_through(operator, task)

    # The first one could only be put on top, where it does not belong.
    assert ends_of(again) == [("failed", "dest_exists"), ("verified", ""), ("verified", ""), ("verified", "")]
    assert arrived(stores, "a") == [b"two", b"three", b"four"]


def test_a_retry_is_about_the_versions_of_the_run_that_it_retries(stores: Stores, operator: User) -> None:
    first = failing_once(stores, operator)
    task = first.task
    task.options = {**task.options, "versions": "latest"}
    task.save()

    jobs.plan(str(services.retry_run(operator, first).pk))
    second = worked(Run.objects.get(retry_of=first))

    assert (second.planned, second.verified) == (2, 2)
    assert_same_histories(stores, "a", "b")
