"""Every 30 seconds: what a lost worker held is freed, and what a running run lacks is enqueued."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from migrator import events
from migrator.jobs import leftovers
from migrator.jobs.ending import finish, seal
from migrator.jobs.queue import enqueue, queued_for
from migrator.models import Batch, Run

log = structlog.get_logger(__name__)


def reconcile() -> None:
    """Bring the queue in line with the database. Safe to run at any time and more than once."""
    _free_stale_batches()
    for run_id in Run.objects.filter(state__in=Run.ENDED, ledger_root="").values_list("pk", flat=True):
        seal(run_id)
    for run in Run.objects.filter(state=Run.State.RUNNING):
        _supply(run)
    for run in Run.objects.filter(state=Run.State.PLANNING).filter(_silent()):
        if not queued_for("plan", run.pk):
            enqueue("plan", run.pk)
    leftovers.sweep()


def _silent() -> Q:
    stale = timezone.now() - timedelta(seconds=settings.STALE_AFTER_SECONDS)
    return Q(heartbeat_at__isnull=True) | Q(heartbeat_at__lt=stale)


def _free_stale_batches() -> None:
    stale = Batch.objects.filter(_silent(), state=Batch.State.RUNNING)
    for batch in stale.only("pk", "run_id", "number", "attempt"):
        freed = Batch.objects.filter(_silent(), pk=batch.pk, attempt=batch.attempt, state=Batch.State.RUNNING).update(
            state=Batch.State.PENDING, bytes_in_flight=0
        )
        if freed:
            log.warning("batch_freed", run=str(batch.run_id), batch=batch.number, attempt=batch.attempt)
            events.publish(batch.run_id, events.Change.PROGRESS)


def _supply(run: Run) -> None:
    pending = Batch.objects.filter(run=run, state=Batch.State.PENDING).count()
    active = Batch.objects.filter(run=run, state=Batch.State.RUNNING).count()
    if not pending and not active:
        finish(run.pk)
        return
    wanted = min(pending, settings.JOBS_A_RUN - active) - queued_for("work", run.pk)
    for _ in range(wanted):
        enqueue("work", run.pk)
