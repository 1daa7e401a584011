from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from integrity.models import IntegrityRecord
from migrator import jobs, services
from migrator.engine.crowd import Crowd
from migrator.jobs import working
from migrator.jobs.journal import Superseded
from migrator.jobs.working import _claim, _copy_and_record, _running, _settle
from migrator.models import Batch, Run
from tests.stores import Stores, make_known_task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture
def run(stores: Stores, operator: User) -> Run:
    stores.seed(a=b"a" * 100, b=b"b" * 100)
    made = services.start_run(operator, make_known_task(stores, operator), start=True)
    jobs.plan(str(made.pk))
    running = _running(str(made.pk))
    assert running is not None
    return running


def test_a_batch_is_claimed_once(run: Run) -> None:
    assert _claim(run) is not None
    assert _claim(run) is None


def test_a_late_worker_writes_nothing(run: Run) -> None:
    late = _claim(run)
    assert late is not None
    Batch.objects.filter(pk=late.pk).update(attempt=late.attempt + 1)

    with pytest.raises(Superseded):
        _copy_and_record(run, late, Crowd())

    run.refresh_from_db()
    assert (IntegrityRecord.objects.count(), run.settled) == (0, 0)


def test_a_late_worker_settles_nothing(run: Run) -> None:
    late = _claim(run)
    assert late is not None
    _copy_and_record(run, late, Crowd())
    Batch.objects.filter(pk=late.pk).update(attempt=late.attempt + 1)

    with pytest.raises(Superseded):
        _settle(run, late)


def test_a_run_that_ends_before_a_claim_is_seen_is_sealed_over_all_of_its_records(
    run: Run, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No worker holds a batch at this moment, so the ledger is sealed as it is.
    def cancelled_meanwhile(run: Run) -> Batch | None:
        services.cancel_run(operator, run)
        return _claim(run)

    monkeypatch.setattr(working, "_claim", cancelled_meanwhile)

    jobs.work(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.settled, IntegrityRecord.objects.count()) == ("cancelled", 0, 0)
    assert Batch.objects.get(run=run).state == Batch.State.PENDING


def test_a_stale_batch_is_freed_and_done_once(run: Run) -> None:
    lost = _claim(run)
    assert lost is not None
    Batch.objects.filter(pk=lost.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))

    jobs.reconcile()
    jobs.work(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.verified, IntegrityRecord.objects.count()) == ("finished", 2, 2)


def test_a_batch_with_a_heartbeat_is_left_alone(run: Run) -> None:
    held = _claim(run)
    assert held is not None

    jobs.reconcile()

    held.refresh_from_db()
    assert held.state == Batch.State.RUNNING


def test_what_an_earlier_attempt_recorded_is_not_done_again(run: Run, stores: Stores) -> None:
    first = _claim(run)
    assert first is not None
    _copy_and_record(run, first, Crowd())
    Batch.objects.filter(pk=first.pk).update(state=Batch.State.PENDING)
    stores.source.clear_log()

    jobs.work(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.verified) == ("finished", 2)
    assert [entry for entry in stores.source.log if entry.operation == "GetObject"] == []


def test_a_run_without_jobs_gets_them_back(run: Run) -> None:
    import django_rq

    from migrator.jobs.queue import queued_for

    django_rq.get_queue("truecopy").empty()

    jobs.reconcile()

    assert queued_for("work", run.pk) == 1
