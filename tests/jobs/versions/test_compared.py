"""Runs that compare each version with its own copy."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.jobs.versions.histories import delete, ends_of, in_order, run_through, seed, task_of
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def test_each_version_is_compared_with_its_own_copy(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    stores.source.mark_deleted(SOURCE_BUCKET, "a")
    task = task_of(stores, operator)
    copied = run_through(operator, task)

    compared = run_through(operator, task, kind="verify", verify_depth="statements")

    assert (compared.verified, compared.planned) == (3, 3)
    assert [record.compared_with for record in in_order(compared)] == [record.pk for record in in_order(copied)]


def test_a_copy_that_is_gone_or_is_another_fails(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    task = task_of(stores, operator)
    run_through(operator, task)
    delete(stores.dest, stores.dest.version_ids(DEST_BUCKET, "a")[1], DEST_BUCKET)

    compared = run_through(operator, task, kind="verify", verify_depth="both")

    assert ends_of(compared) == [("verified", ""), ("failed", "dest_missing"), ("verified", "")]


def test_versions_that_another_tool_copied_are_adopted_by_size_and_etag(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three", b"lost")
    for body in (b"one", b"twO", b"three"):
        stores.dest.seed(DEST_BUCKET, "a", body)

    compared = run_through(operator, task_of(stores, operator), kind="verify", verify_depth="both")

    # Nothing says which of two versions of that size is the copy of the second, so none is called wrong.
    assert ends_of(compared) == [
        ("verified", ""),
        ("unverified", "not_reached"),
        ("verified", ""),
        ("failed", "dest_missing"),
    ]
    assert "copy_not_known" in in_order(compared)[1].notes
