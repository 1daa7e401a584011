"""A run as plain values: what the API and the commands answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from migrator.models.progress import progress_of
from migrator.models.runs import Run


def run_facts(run: Run) -> dict[str, Any]:
    """Return a run with its books. Sizes are bytes, times RFC 3339 in UTC, `None` is not known."""
    progress = progress_of(run)
    moving = run.state == Run.State.RUNNING or (run.has_ended and run.settled > 0)
    return {
        "id": str(run.pk),
        "task": str(run.task_id),
        "task_name": run.task.name,
        "number": run.number,
        "kind": run.kind,
        "state": run.state,
        "cause": run.cause or None,
        "cause_text": run.cause_text or None,
        "retry_of": str(run.retry_of_id) if run.retry_of_id else None,
        "created_by": run.created_by.get_username(),
        "created_at": time_text(run.created_at),
        "started_at": time_text(run.started_at),
        "paused_at": time_text(run.paused_at),
        "finished_at": time_text(run.finished_at),
        "counts": run_counts(run),
        "bytes": {
            "planned": run.bytes_planned,
            "settled": run.bytes_settled,
            "copied": run.bytes_copied,
            "in_flight": progress.bytes_in_flight,
        },
        "rate": {
            "objects_per_s": round(progress.objects_per_s, 3) if moving else None,
            "bytes_per_s": round(progress.bytes_per_s) if moving else None,
        },
        "eta_seconds": progress.eta_seconds,
        "heard_at": time_text(progress.heard_at),
        "listing_complete": run.listing_complete,
        "ledger_root": run.ledger_root or None,
        "options": run.options,
    }


def run_counts(run: Run) -> dict[str, int]:
    """Return the books: planned is the sum of the others, at every moment."""
    return {
        "planned": run.planned,
        "verified": run.verified,
        "unverified": run.unverified,
        "failed": run.failed,
        "skipped": run.skipped,
        "pending": run.pending,
    }


def time_text(moment: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC, to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if moment else None
