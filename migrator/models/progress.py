"""How a run is going: computed from the database, the same for page, socket and API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Max, Sum
from django.utils import timezone

from integrity.models import IntegrityRecord
from migrator.models.runs import Batch, Run

if TYPE_CHECKING:
    from datetime import datetime

WINDOW_SECONDS = 60
# Nobody is told a time left that rests on less.
LEAST_SECONDS_FOR_ETA = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Rates over the last minute (the whole run, once it has ended), and what is left. Sizes are bytes."""

    objects_per_s: float
    bytes_per_s: float
    eta_seconds: int | None
    bytes_settled: int
    bytes_in_flight: int
    heard_at: datetime | None

    @property
    def bytes_done(self) -> int:
        """Bytes of settled items and of those on their way."""
        return self.bytes_settled + self.bytes_in_flight


def progress_of(run: Run) -> Progress:
    """Return how a run is going; two queries while it is running, none of them over records themselves."""
    if run.state != Run.State.RUNNING:
        return _standing(run)
    now = timezone.now()
    flight = Batch.objects.filter(run=run, state=Batch.State.RUNNING).aggregate(
        bytes=Sum("bytes_in_flight"), heard=Max("heartbeat_at"), claimed=Max("claimed_at")
    )
    recent = IntegrityRecord.objects.filter(
        run=run.pk, created_at__gt=now - timedelta(seconds=WINDOW_SECONDS)
    ).aggregate(count=Count("*"), bytes=Sum("bytes_hashed"))
    elapsed = min(WINDOW_SECONDS, max(1.0, (now - (run.begun_at or run.created_at)).total_seconds()))
    in_flight = flight["bytes"] or 0
    objects_per_s = (recent["count"] or 0) / elapsed
    bytes_per_s = ((recent["bytes"] or 0) + in_flight) / elapsed
    return Progress(
        objects_per_s=objects_per_s,
        bytes_per_s=bytes_per_s,
        eta_seconds=_eta(run, in_flight, objects_per_s, bytes_per_s) if elapsed >= LEAST_SECONDS_FOR_ETA else None,
        bytes_settled=run.bytes_settled,
        bytes_in_flight=in_flight,
        heard_at=flight["heard"],
    )


def _standing(run: Run) -> Progress:
    """Return the averages of a run that is not running."""
    seconds = 0.0
    if run.begun_at and run.finished_at:
        seconds = (run.finished_at - run.begun_at).total_seconds()
    return Progress(
        objects_per_s=run.settled / seconds if seconds else 0.0,
        bytes_per_s=run.bytes_settled / seconds if seconds else 0.0,
        eta_seconds=None,
        bytes_settled=run.bytes_settled,
        bytes_in_flight=0,
        heard_at=None,
    )


def _eta(run: Run, in_flight: int, objects_per_s: float, bytes_per_s: float) -> int | None:
    """Return the longer of the two estimates, by items and by bytes."""
    bytes_left = max(0, run.bytes_planned - run.bytes_settled - in_flight)
    estimates = [left / rate for left, rate in ((run.pending, objects_per_s), (bytes_left, bytes_per_s)) if rate > 0]
    return round(max(estimates)) if estimates else None
