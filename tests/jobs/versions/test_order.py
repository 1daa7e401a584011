"""What must hold whatever was recorded, deleted or put there before: the order, and nobody's object buried."""

from __future__ import annotations

import os

import pytest
from django.contrib.auth.models import User

from migrator import services
from migrator.models import Task
from tests.jobs.versions.histories import (
    PUT,
    arrived,
    assert_same_histories,
    delete,
    ends_of,
    forget_failed,
    in_order,
    planned,
    run_through,
    seed,
    task_of,
    worked,
)
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def test_after_a_pause_no_version_is_written_whose_older_one_failed_before_it(stores: Stores, operator: User) -> None:
    for number in range(40):
        seed(stores, f"{number:02}", b"one", b"two")
    run = planned(operator, task_of(stores, operator))
    stores.source.plan_faults([{"operation": "GetObject", "action": "status", "value": 403, "calls": "all"}])
    worked(run)
    assert run.state == "paused"
    stores.source.plan_faults([])

    services.resume_run(operator, run)
    worked(run)

    ends = {}
    for record in in_order(run):
        ends.setdefault(record.object_key, []).append(record.verdict)
    assert run.state == "finished"
    assert {tuple(each) for each in ends.values()} <= {("failed", "failed"), ("verified", "verified")}
    for key in ends:
        assert arrived(stores, key) in ([], [b"one", b"two"]), key


def test_after_a_death_a_failed_version_still_holds_the_later_ones_back(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    run = planned(operator, task_of(stores, operator))
    fault = {
        "operation": "GetObject",
        "calls": "1",
        "action": "status",
        "value": {"status": 403, "code": "AccessDenied"},
    }
    stores.source.plan_faults([fault])
    worked(run)
    assert ends_of(run)[0] == ("failed", "access_denied")
    forget_failed(run, 1, 2)

    worked(run)

    assert ends_of(run) == [("failed", "access_denied"), *[("failed", "version_before_failed")] * 2]
    assert arrived(stores, "a") == []


def test_what_a_failed_record_names_is_not_taken_for_ours(stores: Stores, operator: User) -> None:
    film = os.urandom(17_000_000)
    seed(stores, "film", film, part_size=6 * 1024 * 1024)
    seed(stores, "film", b"two")
    foreign = os.urandom(17_000_000)
    stores.dest.seed(DEST_BUCKET, "film", foreign, part_size=6 * 1024 * 1024)
    run = run_through(operator, task_of(stores, operator))
    assert ends_of(run)[0] == ("failed", "dest_exists")
    forget_failed(run, 1)

    worked(run)

    assert ends_of(run) == [("failed", "dest_exists"), ("failed", "version_before_failed")]
    assert arrived(stores, "film") == [foreign]


def test_an_older_version_never_goes_above_the_copy_of_a_newer_one(stores: Stores, operator: User) -> None:
    oldest, newest = os.urandom(17_000_000), os.urandom(17_000_000)
    seed(stores, "a", oldest, part_size=6 * 1024 * 1024)
    seed(stores, "a", b"two")
    seed(stores, "a", newest, part_size=6 * 1024 * 1024)
    task = task_of(stores, operator, versions="latest")
    run_through(operator, task)
    Task.objects.filter(pk=task.pk).update(options=task.options | {"versions": "all"})
    task.refresh_from_db()

    run = planned(operator, task)
    delete(stores.source, stores.source.version_ids(SOURCE_BUCKET, "a")[0])
    worked(run)

    assert arrived(stores, "a") == [newest]
    assert ends_of(run)[:2] == [("failed", "source_gone"), ("failed", "dest_exists")]


def test_a_first_version_is_not_put_above_later_ones_under_a_marker(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    task = task_of(stores, operator)
    run_through(operator, task)
    delete(stores.dest, stores.dest.version_ids(DEST_BUCKET, "a")[0], DEST_BUCKET)
    stores.dest.mark_deleted(DEST_BUCKET, "a")

    again = run_through(operator, task)

    assert arrived(stores, "a") == [b"two", b"three"]
    assert ends_of(again)[0] == ("failed", "dest_exists")


def test_each_version_at_the_destination_is_the_copy_of_one(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"A", b"B", b"A")
    for body in (b"B", b"A"):
        stores.dest.seed(DEST_BUCKET, "a", body)

    compared = run_through(operator, task_of(stores, operator), kind="verify", verify_depth="both")

    named = [record.dest_version_id for record in in_order(compared) if record.verdict == "verified"]
    assert sorted(named) == sorted(stores.dest.version_ids(DEST_BUCKET, "a"))
    assert ends_of(compared) == [("verified", ""), ("verified", ""), ("failed", "dest_missing")]


def test_the_first_version_is_written_once_where_conditions_are_ignored(stores: Stores, operator: User) -> None:
    stores.dest.change_traits(if_none_match="ignored", if_match_put="ignored")
    seed(stores, "a", b"one", b"two")
    run = planned(operator, task_of(stores, operator))
    stores.dest.plan_faults([{**PUT, "calls": "1", "action": "drop_reply"}])

    worked(run)

    assert run.verified == 2
    assert_same_histories(stores, "a")


def test_a_skipped_version_lets_the_next_one_follow(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    task = task_of(stores, operator, if_exists="skip_if_verified_identical")
    run_through(operator, task)
    delete(stores.dest, stores.dest.version_ids(DEST_BUCKET, "a")[0], DEST_BUCKET)
    seed(stores, "a", b"four")

    again = run_through(operator, task)

    assert [verdict for verdict, _ in ends_of(again)] == ["failed", "", "", "verified"]
    assert arrived(stores, "a") == [b"two", b"three", b"four"]


def test_a_listing_that_is_refused_while_skipping_pauses_nothing(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two")
    task = task_of(stores, operator, if_exists="skip_if_verified_identical")
    run_through(operator, task)
    run = planned(operator, task)
    fault = {"operation": "ListObjectVersions", "action": "status", "value": 403, "calls": "1", "side": "destination"}
    stores.dest.plan_faults([fault])

    worked(run)

    assert (run.state, run.verified, run.skipped) == ("finished", 2, 0)
    assert arrived(stores, "a") == [b"one", b"two"]
