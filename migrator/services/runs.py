"""Runs: planned, started, paused, resumed, cancelled and retried by people. Every transition is a compare-and-set."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils import timezone

from integrity import records
from migrator import events
from migrator.engine.verifying import Depth
from migrator.jobs.ending import seal
from migrator.jobs.planning import begin, enqueue_work
from migrator.jobs.queue import enqueue
from migrator.models import Batch, Run, Task
from migrator.services.audit import note
from migrator.services.refusal import Forbidden, Refused
from migrator.services.rights import may_use, require_run, require_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.contrib.auth.models import User

LARGEST_SEED = 2**63 - 1


def start_run(
    by: User,
    task: Task,
    *,
    kind: str = Run.Kind.COPY,
    start: bool = False,
    retry_of: Run | None = None,
    confirm_empty: bool = False,
    verify_depth: str | None = None,
    sample_percent: int | None = None,
    seed: int | None = None,
) -> Run:
    """Make a run and have it planned; with `start` it begins as soon as its plan is frozen and not empty.

    The last three belong to `verify`: how much is read (`auto`), and a sample of the keys, drawn anew without a seed.
    """
    require_task(by, task)
    _require_connections(by, task)
    _check_kind(task, kind, retry_of)
    verifying = _verify_options(kind, verify_depth, sample_percent, seed)
    _check_depth(task, verifying)
    if task.state != Task.State.ACTIVE:
        raise Refused("This task is not active, so it cannot be run.", code="task_not_active")
    run = _numbered(
        Run(
            task=task,
            kind=kind,
            retry_of=retry_of,
            options=_options(task) | verifying | _versions_of(retry_of),
            auto_start=start,
            empty_confirmed=confirm_empty,
            created_by=by,
        )
    )
    note(by, "run.created", run, kind=kind)
    enqueue("plan", run.pk)
    return run


def start_planned_run(by: User, run: Run, *, confirm_empty: bool = False) -> None:
    """Start a `ready` run. An empty plan needs `confirm_empty`: zero objects is never a silent success."""
    require_run(by, run)
    _require_connections(by, run.task)
    if run.cause == "empty_plan" and not (confirm_empty or run.empty_confirmed):
        raise Refused(
            "This plan is empty: the source holds no object under this prefix. "
            "If that is what you expect, confirm it and start again.",
            code="empty_plan",
        )
    if confirm_empty:
        Run.objects.filter(pk=run.pk, state=Run.State.READY).update(empty_confirmed=True)
    if not begin(run.pk):
        raise _not_now(run, "started")
    note(by, "run.started", run)


def pause_run(by: User, run: Run) -> None:
    """Stop claiming work; objects in flight stop at the next part and stay pending."""
    require_run(by, run)
    text = f"Paused by {by.get_username()}."
    _move(
        run,
        (Run.State.RUNNING,),
        Run.State.PAUSED,
        "paused",
        cause="person",
        cause_text=text,
        paused_at=timezone.now(),
    )
    note(by, "run.paused", run)


def resume_run(by: User, run: Run) -> None:
    """Go on with a paused run where it stopped."""
    require_run(by, run)
    _require_connections(by, run.task)
    _move(run, (Run.State.PAUSED,), Run.State.RUNNING, "resumed", cause="", cause_text="", paused_at=None)
    Batch.objects.filter(run=run, state=Batch.State.PENDING).update(attempts_forgiven=F("attempt"))
    enqueue_work(run.pk)
    note(by, "run.resumed", run)


def cancel_run(by: User, run: Run) -> None:
    """End a run before its end; what was copied stays copied and recorded."""
    require_run(by, run)
    before_the_end = [state for state in Run.State if state not in Run.ENDED]
    text = f"Cancelled by {by.get_username()}."
    _move(
        run,
        before_the_end,
        Run.State.CANCELLED,
        "cancelled",
        cause="person",
        cause_text=text,
        finished_at=timezone.now(),
    )
    seal(run.pk)
    note(by, "run.cancelled", run)


def retry_run(by: User, run: Run, *, start: bool = True) -> Run:
    """Make a run over just the items that failed or stayed unverified in `run`."""
    require_run(by, run)
    return start_run(by, run.task, kind=Run.Kind.RETRY, retry_of=run, start=start)


def _versions_of(retry_of: Run | None) -> dict[str, Any]:
    """Return which versions a retry is about: those of the run that it retries, whatever the task says by now."""
    return {} if retry_of is None else {"versions": retry_of.options.get("versions", "latest")}


def _options(task: Task) -> dict[str, Any]:
    """Return the options a run is frozen with. `strict` asks for D4, so every copy is read back."""
    options = task.all_options
    return options | {"read_back_percent": 100} if options["policy"] == "strict" else options


def _require_connections(by: User, task: Task) -> None:
    """Refuse a run over a connection that is no longer shared with this person."""
    for connection in (task.source_connection, task.dest_connection):
        if not may_use(by, connection):
            raise Forbidden(f'The connection "{connection.name}" is not shared with you. Ask an admin to share it.')


def _check_kind(task: Task, kind: str, retry_of: Run | None) -> None:
    if kind not in Run.Kind.values:
        raise Refused(f"The kind of a run is one of {', '.join(Run.Kind.values)}.", field="kind")
    if kind != Run.Kind.RETRY:
        return
    if retry_of is None or retry_of.task_id != task.pk:
        raise Refused("Name the earlier run of this task whose items are to be tried again.", field="retry_of")
    if not retry_of.has_ended:
        raise Refused("This run has not ended yet. Wait for its end, then retry.", code="run_not_ended")
    if not records.to_retry(retry_of.pk).exists():
        raise Refused(
            "Nothing to retry: every item of this run is verified, or was decided by a person.", code="nothing_to_retry"
        )


def _verify_options(
    kind: str, verify_depth: str | None, sample_percent: int | None, seed: int | None
) -> dict[str, str | int | None]:
    """Return what a run that only compares is told beside the task's options; the seed is kept in any case."""
    given = {"verify_depth": verify_depth, "sample_percent": sample_percent, "seed": seed}
    if kind != Run.Kind.VERIFY:
        for name, value in given.items():
            if value is not None:
                raise Refused(f"{name} belongs to a run of kind verify.", field=name)
        return {}
    if verify_depth is not None and verify_depth not in list(Depth):
        raise Refused(f"verify_depth is one of {', '.join(Depth)}.", field="verify_depth")
    if sample_percent is not None and not 1 <= sample_percent <= 100:
        raise Refused("sample_percent is a whole number from 1 to 100.", field="sample_percent")
    if seed is not None and sample_percent is None:
        raise Refused("A seed belongs to a sample. Name sample_percent too.", field="seed")
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise Refused(f"seed is a whole number from 0 to {LARGEST_SEED}.", field="seed")
    if sample_percent is not None and seed is None:
        given["seed"] = secrets.randbelow(2**31)
    return given | {"verify_depth": verify_depth or Depth.AUTO.value}


def _check_depth(task: Task, verifying: Mapping[str, str | int | None]) -> None:
    """Refuse to read back what could not be compared."""
    may_read_back = verifying.get("verify_depth") in (Depth.BOTH, Depth.AUTO)
    if not may_read_back or "SHA256" not in task.all_options["leave_out_digests"]:
        return
    raise Refused(
        "This task leaves out SHA-256, by which what is read at the destination would be compared. "
        "Take it off the task's list, or choose the depth source or statements.",
        field="verify_depth",
    )


def _numbered(run: Run) -> Run:
    """Save a run under the next number of its task; of two at once each gets its own."""
    for _ in range(10):
        last = Run.objects.filter(task=run.task).aggregate(last=Max("number"))["last"] or 0
        run.number = last + 1
        try:
            with transaction.atomic():
                run.save(force_insert=True)
        except IntegrityError:
            continue
        return run
    raise Refused("Many runs of this task are being made at once. Try again in a moment.", code="try_again")


def _move(run: Run, before: Iterable[Run.State], after: Run.State, verb: str, **fields: object) -> None:
    moved = Run.objects.filter(pk=run.pk, state__in=list(before)).update(state=after, **fields)
    if moved != 1:
        raise _not_now(run, verb)
    events.publish(run.pk, events.Change.STATE)


def _not_now(run: Run, verb: str) -> Refused:
    run.refresh_from_db(fields=["state"])
    return Refused(f"This run is {run.get_state_display().lower()}, so it cannot be {verb}.", code="run_state")
