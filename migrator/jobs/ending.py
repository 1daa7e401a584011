"""How a run ends or stands still: finished with balanced books, incomplete with a reason, or paused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from django.db.models import F
from django.utils import timezone

from integrity import ledger
from migrator import events
from migrator.models import Batch, Run

if TYPE_CHECKING:
    import uuid

log = structlog.get_logger(__name__)


def finish(run_id: uuid.UUID | str) -> None:
    """End a running run whose batches are all settled. Of several callers exactly one wins."""
    run = Run.objects.get(pk=run_id)
    unsettled = Batch.objects.filter(run=run).exclude(state=Batch.State.SETTLED)
    if run.state != Run.State.RUNNING or unsettled.exists():
        return
    if run.pending or not run.listing_complete:
        end_incomplete(run, "books_unbalanced", "The books of this run do not close: items of its plan have no record.")
        return
    won = Run.objects.filter(
        pk=run.pk,
        state=Run.State.RUNNING,
        planned=F("verified") + F("unverified") + F("failed") + F("skipped"),
    ).update(state=Run.State.FINISHED, finished_at=timezone.now(), ledger_root=_root(run))
    if won:
        log.info("run_finished", run=str(run.pk))
        events.publish(run.pk, events.Change.STATE)


def end_incomplete(run: Run, cause: str, text: str) -> None:
    """End a run that cannot say that its books close, with the reason in words."""
    ended = (
        Run.objects.filter(pk=run.pk)
        .exclude(state__in=Run.ENDED)
        .update(
            state=Run.State.INCOMPLETE,
            cause=cause,
            cause_text=text[:600],
            finished_at=timezone.now(),
            ledger_root=_root(run),
        )
    )
    if ended:
        log.warning("run_incomplete", run=str(run.pk), cause=cause)
        events.publish(run.pk, events.Change.STATE)


def pause(run: Run, cause: str, text: str) -> None:
    """Pause a running run once, with what a person must do; its unfinished items stay pending."""
    paused = Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(
        state=Run.State.PAUSED, cause=cause, cause_text=text[:600], paused_at=timezone.now()
    )
    if paused:
        log.warning("run_paused", run=str(run.pk), cause=cause)
        events.publish(run.pk, events.Change.STATE)


def _root(run: Run) -> str:
    links = Batch.objects.filter(run=run, state=Batch.State.SETTLED).order_by("number")
    return ledger.ledger_root(run.pk, links.values_list("link", flat=True).iterator())
