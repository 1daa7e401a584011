"""Working on a run: one batch after another is claimed, copied, recorded and settled."""

from __future__ import annotations

import gc
import os
import socket
import time
from collections import deque
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from integrity import ledger, records
from integrity.evidence import ErrorCode
from integrity.records import RecordContext
from migrator import events
from migrator.credentials import CredentialsUnreadable
from migrator.engine.copying import Copier
from migrator.engine.crowd import Crowd
from migrator.engine.errors import ConnectionProblem, PlanUnreadable, Stopped
from migrator.engine.frozen_items import decode_items
from migrator.engine.verifying import Depth, Verifier
from migrator.jobs.ending import end_incomplete, finish, pause, seal
from migrator.jobs.histories import Settled, links_of, settled_in
from migrator.jobs.journal import Journal, Superseded
from migrator.jobs.leftovers import abort_leftovers, kept_uploads
from migrator.jobs.queue import enqueue
from migrator.jobs.recalling import read_earlier
from migrator.jobs.sides import copy_options, policy_of, sides_of
from migrator.jobs.skipping import proven_earlier
from migrator.jobs.stopping import request_stop, stopping
from migrator.models import Batch, Run

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from django.db.models import QuerySet

    from integrity.evidence import Finding
    from integrity.models import IntegrityRecord
    from migrator.engine.copying import KeptUpload, Side
    from migrator.engine.planning import Item

log = structlog.get_logger(__name__)

# A batch that so many attempts could not settle needs a person, not one more attempt.
MOST_ATTEMPTS = 20
_RARELY = 50_000
# So many equal failures of these kinds in a row are one problem of the place, not many of the objects.
EQUAL_ERRORS_TO_PAUSE = 25
_PLACE_ERRORS = frozenset(
    {
        ErrorCode.ACCESS_DENIED,
        ErrorCode.ENDPOINT_UNREACHABLE,
        ErrorCode.TLS_ERROR,
        ErrorCode.ENDPOINT_BLOCKED,
        ErrorCode.DEST_CONFIG,
        ErrorCode.STORE_ERROR,
    }
)


def work(run_id: str) -> None:
    """Serve one run for a slice of time; enqueues its successor while there is something left to do."""
    slice_ends = time.monotonic() + settings.WORK_SLICE_SECONDS
    # What is made for an object is let go in order, without a cycle; looking for some among thousands is all cost.
    gc.set_threshold(_RARELY, 10, 10)
    crowd = Crowd()
    try:
        _work_until(slice_ends, run_id, crowd)
    finally:
        crowd.close()


def _work_until(slice_ends: float, run_id: str, crowd: Crowd) -> None:
    while not stopping() and time.monotonic() < slice_ends:
        run = _running(run_id)
        if run is None:
            return
        batch = _claim(run)
        if batch is None:
            finish(run.pk)
            return
        if _running(run_id) is None:
            # It ended while nobody held a batch, so its ledger is sealed as it was: nothing may be added any more.
            _release(batch)
            return
        if batch.attempt - batch.attempts_forgiven > MOST_ATTEMPTS:
            pause(run, "repeated_errors", _unsettled(batch))
            _release(batch)
            return
        _work_batch(run, batch, crowd)
    if _running(run_id) is not None:
        enqueue("work", run_id)


def _running(run_id: str) -> Run | None:
    related = Run.objects.select_related("task__source_connection", "task__dest_connection")
    return related.filter(pk=run_id, state=Run.State.RUNNING).first()


def _claim(run: Run) -> Batch | None:
    """Claim the next pending batch by compare-and-set; its attempt number is the fencing token."""
    while True:
        batch = Batch.objects.filter(run=run, state=Batch.State.PENDING).order_by("number").first()
        if batch is None:
            return None
        now = timezone.now()
        claimed = Batch.objects.filter(pk=batch.pk, state=Batch.State.PENDING, attempt=batch.attempt).update(
            state=Batch.State.RUNNING,
            attempt=F("attempt") + 1,
            claimed_at=now,
            heartbeat_at=now,
            bytes_in_flight=0,
            worker=f"{socket.gethostname()}-{os.getpid()}",
        )
        if claimed == 1:
            batch.refresh_from_db()
            return batch


def _work_batch(run: Run, batch: Batch, crowd: Crowd) -> None:
    try:
        _copy_and_record(run, batch, crowd)
        _settle(run, batch)
    except Superseded:
        log.warning("batch_superseded", run=str(run.pk), batch=batch.number, attempt=batch.attempt)
    except Stopped:
        _release(batch)
    except ConnectionProblem as exc:
        pause(run, exc.pause_cause or "repeated_errors", exc.advice)
        _release(batch)
    except CredentialsUnreadable as exc:
        pause(run, "credentials_refused", exc.advice)
        _release(batch)
    except PlanUnreadable as exc:
        end_incomplete(run, "plan_unreadable", str(exc))
    except OperationalError:
        # The database was away, or gave way to another: no fault of the batch. Whoever claims it next goes on with it.
        connection.close()
        with suppress(OperationalError):
            _release(batch)
        raise
    except Exception:
        pause(
            run,
            "repeated_errors",
            f"A worker met an error of its own in batch {batch.number}. Nothing that was recorded is lost. "
            "Ask an admin to look at the log of the workers, then continue.",
        )
        _release(batch)
        raise


def _copy_and_record(run: Run, batch: Batch, crowd: Crowd) -> None:
    items = decode_items(bytes(batch.items))
    settled = settled_in(_records_of(run, batch))
    source, destination = sides_of(run)
    with Journal(run, batch, _context(run, batch)) as journal:
        kept = kept_uploads(run, batch, [item for item in items if item.index not in settled])
        for finding in proven_earlier(run, [item for item in items if item.index not in settled], destination):
            journal.add(finding)
            settled[finding.index] = Settled.of(finding)
        recent: deque[ErrorCode | None] = deque(maxlen=EQUAL_ERRORS_TO_PAUSE)
        # Closed here and now: nothing of a batch goes on when its journal is written.
        with closing(_findings(run, items, settled, (source, destination), journal, crowd, kept)) as findings:
            for finding in findings:
                journal.add(finding)
                if finding.error_code is ErrorCode.LOCAL_MEMORY_CORRUPTION:
                    # Nothing more is trusted to this memory: the next batch is for another process.
                    request_stop()
                # One that waited for another is no failure of its own, nor does it break a row of them.
                if finding.error_code is not ErrorCode.VERSION_BEFORE_FAILED:
                    recent.append(finding.error_code)
                if _is_one_problem(recent):
                    pause(run, "repeated_errors", _repeated(finding))
                    raise Stopped


def _findings(
    run: Run,
    items: Sequence[Item],
    settled: Mapping[int, Settled],
    sides: tuple[Side, Side],
    journal: Journal,
    crowd: Crowd,
    kept: Mapping[str, Sequence[KeptUpload]],
) -> Generator[Finding]:
    """Copy the items that are not settled, or only compare them, as the kind of the run says."""
    left = [item for item in items if item.index not in settled]
    links = links_of(run, items, settled)
    if run.kind == Run.Kind.VERIFY:
        depth = Depth(run.options["verify_depth"])
        verifier = Verifier(
            *sides,
            copy_options(run),
            journal,
            depth=depth,
            earlier=read_earlier(run, left, depth),
            copied_as={index: link.known for index, link in links.items() if link.known},
            concurrency=settings.WORK_CONCURRENCY,
        )
        return verifier.verify_batch(left)
    copier = Copier(
        *sides,
        copy_options(run),
        journal,
        concurrency=settings.WORK_CONCURRENCY,
        buffer_budget=settings.BUFFER_MIB * 1024 * 1024,
        spool_dir=settings.SPOOL_DIR,
        spool_quota=settings.SPOOL_MIB * 1024 * 1024,
        crowd=crowd,
        links=links,
        kept_uploads=kept,
    )
    return copier.copy_batch(left)


def _context(run: Run, batch: Batch) -> RecordContext:
    task = run.task
    return RecordContext(
        run=run.pk,
        task=task.pk,
        task_name=task.name,
        run_number=run.number,
        batch_number=batch.number,
        source_place=task.source_place[:300],
        dest_place=task.dest_place[:300],
        policy=policy_of(run.options),
    )


def _is_one_problem(recent: deque[ErrorCode | None]) -> bool:
    return len(recent) == EQUAL_ERRORS_TO_PAUSE and len(set(recent)) == 1 and recent[0] in _PLACE_ERRORS


def _unsettled(batch: Batch) -> str:
    return (
        f"Batch {batch.number} was begun {batch.attempt} times and never settled. Nothing that was recorded is lost. "
        "Ask an admin to look at the log of the workers, then continue."
    )


def _repeated(finding: Finding) -> str:
    return f"{EQUAL_ERRORS_TO_PAUSE} objects in a row failed for the same cause. {finding.error_message}"


def _settle(run: Run, batch: Batch) -> None:
    """Close a batch whose every item has a record, chaining the records' digests in plan order."""
    digests = list(_records_of(run, batch).values_list("record_digest", flat=True))
    if len(digests) != batch.item_count:
        _release(batch)
        return
    with transaction.atomic():
        settled = Batch.objects.filter(pk=batch.pk, attempt=batch.attempt, state=Batch.State.RUNNING).update(
            state=Batch.State.SETTLED,
            link=ledger.batch_link(run.pk, batch.number, digests),
            bytes_in_flight=0,
        )
    if settled != 1:
        raise Superseded
    seal(run.pk)
    events.publish(run.pk, events.Change.PROGRESS)
    abort_leftovers(run, batch)


def _records_of(run: Run, batch: Batch) -> QuerySet[IntegrityRecord]:
    return records.of_batch(run.pk, batch.number, batch.first_index, batch.item_count)


def _release(batch: Batch) -> None:
    """Give a batch back, unless someone else has taken it meanwhile; its recorded items stay recorded."""
    Batch.objects.filter(pk=batch.pk, attempt=batch.attempt, state=Batch.State.RUNNING).update(
        state=Batch.State.PENDING, bytes_in_flight=0
    )
    seal(batch.run_id)
