"""Listings of the destination state other ETags than its versions have."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.jobs.versions.histories import (
    PUT,
    arrived,
    assert_same_histories,
    ends_of,
    forget,
    in_order,
    planned,
    run_through,
    seed,
    task_of,
    worked,
)
from tests.stores import DEST_BUCKET, Stores

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture
def stores(stores: Stores) -> Stores:
    stores.dest.change_traits(listing_etag="other")
    return stores


def test_what_the_plan_saw_is_replaced(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two")
    stores.dest.seed(DEST_BUCKET, "a", b"foreign")

    run = run_through(operator, task_of(stores, operator, if_exists="replace_if_matches"))

    assert ends_of(run) == [("verified", ""), ("verified", "")]
    assert arrived(stores, "a") == [b"foreign", b"one", b"two"]


def test_what_comes_after_the_look_is_not_replaced(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two")
    stores.dest.seed(DEST_BUCKET, "a", b"foreign")
    run = planned(operator, task_of(stores, operator, if_exists="replace_if_matches"))
    stores.dest.plan_faults([{**PUT, "calls": "1", "action": "overwrite", "value": "before"}])

    worked(run)

    assert ends_of(run) == [("failed", "dest_exists"), ("failed", "version_before_failed")]
    assert b"one" not in arrived(stores, "a")


def test_a_copy_that_no_record_names_is_found_to_be_there(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two")
    stores.dest.seed(DEST_BUCKET, "a", b"one")

    run = run_through(operator, task_of(stores, operator))

    assert ends_of(run) == [("verified", ""), ("verified", "")]
    assert "already_there" in in_order(run)[0].notes
    assert_same_histories(stores, "a")


def test_a_history_goes_on_where_its_worker_was_killed(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    run = run_through(operator, task_of(stores, operator))
    forget(run, 1, 2)

    worked(run)

    assert ends_of(run) == [("verified", "")] * 3
    assert_same_histories(stores, "a")


def test_a_history_goes_on_in_a_later_run(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two")
    task = task_of(stores, operator)
    run_through(operator, task)
    seed(stores, "a", b"three")

    run = run_through(operator, task)

    assert ends_of(run)[-1] == ("verified", "")
    assert_same_histories(stores, "a")
