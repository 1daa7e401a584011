"""What somebody else has put there, or does meanwhile."""

from __future__ import annotations

import gzip

import pytest
from django.contrib.auth.models import User

from tests.jobs.versions.histories import (
    PUT,
    arrived,
    assert_same_histories,
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


def test_a_foreign_object_is_left_alone_and_keeps_the_later_versions_out(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"six")
    seed(stores, "b", b"one", b"two")
    stores.dest.seed(DEST_BUCKET, "a", b"foreign")

    run = run_through(operator, task_of(stores, operator))

    assert ends_of(run) == [
        ("failed", "dest_exists"),
        ("failed", "version_before_failed"),
        ("failed", "version_before_failed"),
        ("verified", ""),
        ("verified", ""),
    ]
    assert arrived(stores, "a") == [b"foreign"]
    assert "Another object has this key" in in_order(run)[2].error_message


def test_a_foreign_object_that_is_to_be_replaced_stays_below(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two")
    stores.dest.seed(DEST_BUCKET, "a", b"foreign")

    run = run_through(operator, task_of(stores, operator, if_exists="replace_if_matches"))

    assert (run.verified, run.planned) == (2, 2)
    assert arrived(stores, "a") == [b"foreign", b"one", b"two"]


def test_a_foreign_object_is_replaced_after_a_wrong_copy_was_removed(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two")
    stores.dest.seed(DEST_BUCKET, "a", b"foreign")
    run = planned(operator, task_of(stores, operator, if_exists="replace_if_matches", read_back_percent=100))
    stores.dest.plan_faults([{**PUT, "calls": "1", "action": "corrupt_after_ack"}])

    worked(run)

    assert [record.attempts for record in in_order(run)] == [2, 1]
    assert arrived(stores, "a") == [b"foreign", b"one", b"two"]


def test_a_foreign_writer_between_two_versions_is_noticed(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    run = planned(operator, task_of(stores, operator))
    stores.dest.plan_faults([{**PUT, "calls": "2", "action": "overwrite", "value": "before"}])

    worked(run)

    assert ends_of(run) == [("verified", ""), ("failed", "dest_exists"), ("failed", "version_before_failed")]
    assert [body for body in arrived(stores, "a") if body in (b"two", b"three")] == []
    assert arrived(stores, "a")[0] == b"one"


def test_a_destination_that_ignores_if_match_is_asked_first(stores: Stores, operator: User) -> None:
    stores.dest.change_traits(if_match_put="ignored", if_none_match="ignored")
    seed(stores, "a", b"one", b"two", b"three")

    run = run_through(operator, task_of(stores, operator))

    assert run.verified == 3
    assert_same_histories(stores, "a")
    assert all("race_possible" in record.notes for record in in_order(run))


@pytest.mark.parametrize("fact", [None, False])
def test_where_if_match_may_be_ignored_a_foreign_version_is_seen(
    stores: Stores, operator: User, fact: bool | None
) -> None:
    stores.dest.change_traits(if_match_put="ignored", if_none_match="ignored")
    seed(stores, "a", b"one", b"two")
    run = planned(operator, task_of(stores, operator))
    run.profiles["destination"] |= {"if_match_put": fact, "if_none_match_put": fact}
    run.save()
    stores.dest.plan_faults([{**PUT, "calls": "1", "action": "overwrite", "value": "after"}])

    worked(run)

    assert ends_of(run) == [("verified", ""), ("failed", "dest_exists")]
    assert len(arrived(stores, "a")) == 2
    assert "race_possible" in in_order(run)[0].notes


def test_a_destination_that_stops_keeping_versions_is_noticed(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two")
    run = planned(operator, task_of(stores, operator))
    stores.dest.set_versioning(DEST_BUCKET, "Suspended")

    worked(run)

    assert ends_of(run) == [("verified", ""), ("failed", "version_before_failed")]
    assert "no longer keeps versions" in in_order(run)[1].error_message
    assert arrived(stores, "a") == [b"one"]


def test_a_key_that_is_deleted_at_the_destination_meanwhile_gets_the_next_version_all_the_same(
    stores: Stores, operator: User
) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    run = planned(operator, task_of(stores, operator))
    stores.dest.plan_faults([{**PUT, "calls": "2", "action": "delete_marker", "value": "before"}])

    worked(run)

    assert run.verified == 3
    assert_same_histories(stores, "a")
    assert [record.attempts for record in in_order(run)] == [1, 2, 1]


def test_a_key_that_is_deleted_at_the_source_meanwhile_is_copied_as_planned(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two")
    seed(stores, "b", b"only")
    run = planned(operator, task_of(stores, operator))
    stores.source.mark_deleted(SOURCE_BUCKET, "a")
    stores.source.mark_deleted(SOURCE_BUCKET, "b")

    worked(run)

    assert run.verified == 3
    assert_same_histories(stores, "a", "b")


def test_whether_a_version_was_unpacked_on_the_way_is_asked_of_that_version(stores: Stores, operator: User) -> None:
    stores.source.change_traits(gzip="unpacked")
    seed(stores, "page", gzip.compress(b"text" * 999), headers={"Content-Encoding": "gzip"})
    seed(stores, "page", b"plain")

    run = run_through(operator, task_of(stores, operator))

    assert ends_of(run) == [("failed", "transcoded_by_store"), ("failed", "version_before_failed")]
