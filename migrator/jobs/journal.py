"""The journal of one batch: its heartbeat, its records in groups, all under the fencing token."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from integrity import records
from integrity.evidence import ErrorCode, Finding
from integrity.keys import as_text, in_base64
from integrity.records import RecordContext, rows_of
from migrator import events
from migrator.jobs.stopping import stopping
from migrator.models import Batch, OpenUpload, Run

if TYPE_CHECKING:
    from integrity.rows import Row

log = structlog.get_logger(__name__)

_TICK_SECONDS = 0.25
_GROUP = 500
# What is wrong with a row and not with the database: a value that it has no place for, or one that its rules forbid.
_REFUSALS = (DataError, IntegrityError, ValueError, OverflowError)

_P = ParamSpec("_P")


class Superseded(Exception):
    """Another worker holds this batch now: nothing of ours may be written any more."""


class NotTaken(Exception):
    """The database took nothing for as long as a batch may be silent: waiting on helps no more than a new attempt."""


@contextmanager
def _visit_to_the_database() -> Iterator[None]:
    """Close what a copying thread opened: such a thread comes here once an upload and may never come again."""
    try:
        yield
    finally:
        if threading.current_thread() is not threading.main_thread():
            connection.close()


def _patiently(ask: Callable[Concatenate[Journal, _P], None]) -> Callable[Concatenate[Journal, _P], None]:
    """Have the database asked again and again while it is away or locked."""

    @wraps(ask)
    def asking(journal: Journal, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        deadline = time.monotonic() + settings.STALE_AFTER_SECONDS
        while True:
            try:
                return ask(journal, *args, **kwargs)
            except OperationalError as exc:
                connection.close()
                if time.monotonic() > deadline:
                    raise NotTaken(str(exc)[:200]) from exc
                log.warning("database_away", run=str(journal._run.pk), error=str(exc)[:200])
                time.sleep(1)

    return asking


class Journal:
    """Writes what one worker finds out about one batch, from a thread beside the copying.

    It is the engine's `Hooks` too: `moved`, `upload_opened`, `upload_closed`, `should_stop`.
    """

    def __init__(self, run: Run, batch: Batch, context: RecordContext) -> None:
        self._run, self._batch, self._context = run, batch, context
        self._lock = threading.Lock()
        self._findings: list[Finding] = []
        self._in_flight = 0
        self._stop = threading.Event()
        self._closing = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._keep, name="journal", daemon=True)

    def __enter__(self) -> Journal:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is left; raises what kept the journal from writing."""
        self._closing.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def add(self, finding: Finding) -> None:
        """Take a settled item; it is recorded within a moment."""
        with self._lock:
            self._findings.append(finding)

    def moved(self, n: int) -> None:
        """Count bytes that went through; negative when a retry takes them back."""
        with self._lock:
            self._in_flight += n

    def should_stop(self) -> bool:
        """Whether the work on this batch must stop: nothing new begins, a body on its way gets a moment to arrive."""
        return self._stop.is_set() or stopping()

    @_patiently
    def contradicted(self, fact: str) -> None:
        """Remember that a fact of the destination's profile is false: the rest of the run does not rely on it."""
        with _visit_to_the_database(), transaction.atomic():
            run = Run.objects.select_for_update().get(pk=self._run.pk)
            run.profiles.setdefault("destination", {})[fact] = False
            run.save(update_fields=["profiles"])

    @_patiently
    def upload_opened(self, dest_key: str, upload_id: str, purpose: str) -> None:
        """Remember a multipart upload before its first part, so that it can be aborted whatever happens to us.

        Only an attempt with the same `purpose` may go on with it.
        """
        with _visit_to_the_database():
            OpenUpload.objects.create(
                connection=self._run.task.dest_connection,
                run=self._run,
                batch_number=self._batch.number,
                batch_attempt=self._batch.attempt,
                bucket=self._run.task.dest_bucket,
                object_key=as_text(dest_key),
                key_base64=in_base64(dest_key),
                upload_id=upload_id,
                purpose=purpose,
            )

    @_patiently
    def upload_closed(self, dest_key: str, upload_id: str) -> None:
        """Forget an upload that is completed, or aborted until nothing of it was left."""
        with _visit_to_the_database():
            ours = OpenUpload.objects.filter(run=self._run, object_key=as_text(dest_key), upload_id=upload_id)
            ours.delete()

    def _keep(self) -> None:
        try:
            last_beat = 0.0
            while not self._closing.wait(_TICK_SECONDS):
                beat_due = time.monotonic() - last_beat >= settings.HEARTBEAT_SECONDS
                if self._flush(beat=beat_due) and beat_due:
                    last_beat = time.monotonic()
                # A whole group at once means that more wait: a crowd fills several in a tick.
                while len(self._findings) >= _GROUP:
                    self._flush(beat=False)
            while self._findings:
                self._flush(beat=False)
        except Exception as exc:  # noqa: BLE001  handed to the job's own thread by __exit__
            self._failure = exc
            self._stop.set()
        finally:
            connection.close()

    def _flush(self, *, beat: bool) -> bool:
        """Write the findings at hand; say whether there was anything to write."""
        with self._lock:
            group = self._findings[:_GROUP]
            in_flight = max(0, self._in_flight - sum(finding.bytes_read for finding in group))
        if not group and not beat:
            return False
        try:
            self._write(rows_of(group, self._context), group, in_flight)
        except _REFUSALS:
            self._write_one_by_one(group, in_flight)
        with self._lock:
            del self._findings[: len(group)]
            self._in_flight -= sum(finding.bytes_read for finding in group)
        events.publish(self._run.pk, events.Change.RECORDS if group else events.Change.PROGRESS)
        if beat:
            self._heed_the_run()
        return True

    def _write_one_by_one(self, group: list[Finding], in_flight: int) -> None:
        """Let a record that is refused end its own object, and none of those that came with it."""
        for finding in group:
            try:
                self._write(rows_of([finding], self._context), [finding], in_flight)
            except _REFUSALS as exc:
                log.error("record_refused", run=str(self._run.pk), index=finding.index, error=str(exc)[:500])
                left = _without_evidence(finding)
                self._write(rows_of([left], self._context), [left], in_flight)

    @_patiently
    def _write(self, rows: list[Row], group: list[Finding], in_flight: int) -> None:
        """Write under the fence, never without it."""
        with transaction.atomic():
            ours = Batch.objects.filter(
                pk=self._batch.pk, attempt=self._batch.attempt, state=Batch.State.RUNNING
            ).update(heartbeat_at=timezone.now(), bytes_in_flight=in_flight)
            if ours != 1:
                raise Superseded
            if not rows:
                return
            records.write(rows)
            Run.objects.filter(pk=self._run.pk).update(
                verified=F("verified") + sum(row["verdict"] == "verified" for row in rows),
                unverified=F("unverified") + sum(row["verdict"] == "unverified" for row in rows),
                failed=F("failed") + sum(row["verdict"] == "failed" for row in rows),
                skipped=F("skipped") + sum(row["verdict"] == "" for row in rows),
                bytes_settled=F("bytes_settled") + sum(finding.planned_size for finding in group),
                bytes_copied=F("bytes_copied") + sum(finding.bytes_written for finding in group),
            )

    @_patiently
    def _heed_the_run(self) -> None:
        state = Run.objects.filter(pk=self._run.pk).values_list("state", flat=True).first()
        if state != Run.State.RUNNING:
            self._stop.set()


def _without_evidence(finding: Finding) -> Finding:
    """Return what can be said of an object whose record was refused: what the plan names, and that it failed."""
    return Finding(
        index=finding.index,
        key=finding.key,
        dest_key=finding.dest_key,
        planned_size=finding.planned_size,
        planned_etag=finding.planned_etag,
        planned_version_id=finding.planned_version_id,
        error_code=ErrorCode.INTERNAL_ERROR,
        error_message=_REFUSED,
        bytes_read=finding.bytes_read,
        bytes_written=finding.bytes_written,
    )


_REFUSED = (
    "The database refused the record of this object, so nothing is proven of it. The log of the workers says why. "
    "Ask an admin to look there, then retry."
)
