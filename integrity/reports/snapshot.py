"""The records of a run as they stood at one moment, and a walk over them in constant memory.

A report may be taken while workers write. Within a batch one worker writes at a time, in groups that become
visible whole and in the order of `created_at`; so the last time seen in each batch is where that batch stood.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.db.models import Count, Max
from django.utils import timezone

from integrity.models import IntegrityRecord
from integrity.reports.rows import utc_text

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Sequence

# No journal keeps a record this long before it is visible, so what is older stands still.
STILL_AFTER = timedelta(minutes=30)
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Which records a report holds. `ledger_root` is empty for a run that is not sealed."""

    run: uuid.UUID
    run_state: str
    ledger_root: str
    taken_at: datetime
    count: int
    still_before: datetime
    batches: Mapping[int, datetime] = field(default_factory=dict)

    @property
    def sealed(self) -> bool:
        """Whether the run has ended and its ledger is sealed, so that nothing can be added."""
        return bool(self.ledger_root)

    def holds(self, record: IntegrityRecord) -> bool:
        """Whether the record was there when the snapshot was taken."""
        if self.sealed or record.created_at <= self.still_before:
            return True
        seen = self.batches.get(record.batch_number)
        return seen is not None and record.created_at <= seen

    def facts(self) -> dict[str, Any]:
        """Return what each row of a report says about the report itself."""
        return {
            "run_state": self.run_state,
            "sealed": self.sealed,
            "ledger_root": self.ledger_root or None,
            "taken_at": utc_text(self.taken_at),
            "records": self.count,
        }


def take(run: uuid.UUID, *, run_state: str, ledger_root: str) -> Snapshot:
    """Return where the records of a run stand now; the state is what the caller read before."""
    now = timezone.now()
    still_before = now - STILL_AFTER
    rows = IntegrityRecord.objects.filter(run=run)
    recent = (
        []
        if ledger_root
        else list(
            rows.filter(created_at__gt=still_before)
            .order_by("batch_number")
            .values("batch_number")
            .annotate(count=Count("pk"), last=Max("created_at"))
        )
    )
    still = rows if ledger_root else rows.filter(created_at__lte=still_before)
    return Snapshot(
        run=run,
        run_state=run_state,
        ledger_root=ledger_root,
        taken_at=now,
        count=still.count() + sum(row["count"] for row in recent),
        still_before=still_before,
        batches={row["batch_number"]: row["last"] for row in recent},
    )


async def walk(
    snapshot: Snapshot, render: Callable[[Sequence[IntegrityRecord]], bytes], rows_at_once: int = ROWS_AT_ONCE
) -> AsyncIterator[bytes]:
    """Yield what `render` makes of each group of records, in plan order.

    Asynchronous, because a synchronous generator is collected whole before its first byte leaves under ASGI.
    """
    after = -1
    while True:
        rendered, after, last = await sync_to_async(_next_group)(snapshot, render, after, rows_at_once)
        if rendered:
            yield rendered
        if last:
            return


def _next_group(
    snapshot: Snapshot, render: Callable[[Sequence[IntegrityRecord]], bytes], after: int, rows_at_once: int
) -> tuple[bytes, int, bool]:
    found = list(IntegrityRecord.objects.filter(run=snapshot.run, index__gt=after).order_by("index")[:rows_at_once])
    held = [record for record in found if snapshot.holds(record)]
    return render(held), found[-1].index if found else after, len(found) < rows_at_once
