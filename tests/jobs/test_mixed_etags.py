"""A source that a person has marked `mixed`: the mark holds from the next plan on, and outlives what a probe finds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from migrator import jobs, services
from migrator.models import Run, StoreProfile, Task
from tests.stores import SOURCE_BUCKET, Stores, make_known_task, records_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture
def task(stores: Stores, operator: User) -> Task:
    """A task whose source holds a plain object, and one whose ETag only looks like an MD5."""
    stores.source.change_traits(checksums=[], default_checksum="")
    stores.seed(plain=b"plain" * 99)
    stores.source.change_traits(etag_single="opaque")
    stores.seed(odd=b"odd" * 99)
    stores.source.change_traits(etag_single="md5")
    return make_known_task(stores, operator)


def run_of(task: Task, by: User) -> Run:
    run = services.start_run(by, task, start=True)
    jobs.plan(str(run.pk))
    jobs.work(str(run.pk))
    run.refresh_from_db()
    return run


def ends(run: Run) -> dict[str, tuple[str, str]]:
    return {key: (each.verdict, each.error_code or each.reason) for key, each in records_of(run).items()}


def source_profile() -> StoreProfile:
    return StoreProfile.objects.get(side=StoreProfile.Side.SOURCE)


def test_the_mark_holds_from_the_next_plan_on_until_it_is_taken_back(task: Task, operator: User, admin: User) -> None:
    first = run_of(task, operator)
    services.mark_mixed(admin, task.source_connection, SOURCE_BUCKET)
    again = services.retry_run(operator, first, start=True)
    jobs.plan(str(again.pk))
    jobs.work(str(again.pk))
    again.refresh_from_db()

    assert ends(first) == {"plain": ("verified", ""), "odd": ("failed", "source_etag_mismatch")}
    assert ends(again) == {"odd": ("unverified", "etag_semantics_unknown")}
    assert [run.profiles["source"]["etag_single"] for run in (first, again)] == ["md5", "mixed"]

    services.unmark_mixed(admin, task.source_connection, SOURCE_BUCKET)
    compared = services.start_run(operator, task, kind="verify")
    jobs.plan(str(compared.pk))
    compared.refresh_from_db()
    assert compared.profiles["source"]["etag_single"] == "md5"


@pytest.mark.parametrize("because", ["too old", "connection edited"])
def test_the_mark_outlives_a_new_probe(task: Task, operator: User, admin: User, because: str) -> None:
    run_of(task, operator)
    services.mark_mixed(admin, task.source_connection, SOURCE_BUCKET)
    if because == "too old":
        StoreProfile.objects.update(probed_at=timezone.now() - timedelta(days=31))
    else:
        task.source_connection.save()
    probed_at = source_profile().probed_at

    run = services.start_run(operator, task, kind="verify")
    jobs.plan(str(run.pk))

    run.refresh_from_db()
    assert source_profile().probed_at > probed_at
    assert source_profile().facts["etag_single"] == "md5"
    assert run.profiles["source"]["etag_single"] == "mixed"


@pytest.mark.parametrize("learned", ["disproved", "unknown", "opaque"])
def test_the_mark_lifts_nothing_that_a_probe_has_shown(task: Task, operator: User, admin: User, learned: str) -> None:
    run_of(task, operator)
    kept = source_profile()
    kept.facts["etag_single"] = learned
    kept.save()
    services.mark_mixed(admin, task.source_connection, SOURCE_BUCKET)

    run = services.start_run(operator, task)
    jobs.plan(str(run.pk))

    run.refresh_from_db()
    assert run.profiles["source"]["etag_single"] == learned
