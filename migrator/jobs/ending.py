"""How a run ends or stands still: finished with balanced books, incomplete with a reason, or paused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from django.db.models import F
from django.utils import timezone

from integrity import ledger, records
from migrator import events
from migrator.engine.errors import ListingIncomplete
from migrator.models import Batch, Run

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator

# So that the advice around them is not cut off.
_MOST_OF_RANGES = 350

log = structlog.get_logger(__name__)


def finish(run_id: uuid.UUID | str) -> None:
    """End a running run whose batches are all settled. Of several callers exactly one wins."""
    # In this order: a count read before the last batch settled would not balance.
    if Batch.objects.filter(run_id=run_id).exclude(state=Batch.State.SETTLED).exists():
        return
    run = Run.objects.get(pk=run_id)
    if run.state != Run.State.RUNNING:
        return
    if run.pending:
        end_incomplete(run, "books_unbalanced", "The books of this run do not close: items of its plan have no record.")
        return
    if not run.listing_complete:
        missing = not_listed(run.task.source_bucket, run.plan_summary.get("unlisted", []))
        end_incomplete(run, "listing_incomplete", missing.advice_admin)
        return
    won = Run.objects.filter(
        pk=run.pk,
        state=Run.State.RUNNING,
        planned=F("verified") + F("unverified") + F("failed") + F("skipped"),
    ).update(state=Run.State.FINISHED, finished_at=timezone.now(), ledger_root=_root(run))
    if won:
        log.info("run_finished", run=str(run.pk))
        events.publish(run.pk, events.Change.STATE)


def not_listed(bucket: str, ranges: list[str]) -> ListingIncomplete:
    """Return what is wrong with a run whose source could not be listed in these ranges."""
    named = "; ".join(ranges)
    if len(named) > _MOST_OF_RANGES:
        named = f"{named[:_MOST_OF_RANGES]}…"
    return ListingIncomplete(facts={"bucket": bucket, "range": named})


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
        )
    )
    if ended:
        seal(run.pk)
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


def seal(run_id: uuid.UUID) -> None:
    """Seal a run that has ended, once no worker holds a batch of it: what was in flight is recorded by then."""
    if Batch.objects.filter(run_id=run_id, state=Batch.State.RUNNING).exists():
        return
    run = Run.objects.filter(pk=run_id, state__in=Run.ENDED, ledger_root="").first()
    if run is not None:
        Run.objects.filter(pk=run_id, ledger_root="").update(ledger_root=_root(run))


def _root(run: Run) -> str:
    return ledger.ledger_root(run.pk, _links(run))


def _links(run: Run) -> Iterator[str]:
    """Yield the last link of each batch in order: the kept one, or one over the records of a batch left half done."""
    batches = Batch.objects.filter(run=run).order_by("number")
    for number, state, link, *span in batches.values_list("number", "state", "link", "first_index", "item_count"):
        if state == Batch.State.SETTLED:
            yield link
            continue
        digests = records.of_batch(run.pk, number, *span)
        yield ledger.batch_link(run.pk, number, digests.values_list("record_digest", flat=True).iterator())
