"""`manage.py run_task`: run a task, and with `--wait` tell by the exit code how it ended."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from redis.exceptions import RedisError

from migrator import services
from migrator.engine.verifying import Depth
from migrator.jobs.queue import worker_count
from migrator.local import folder
from migrator.models import Run, Task
from migrator.models.run_facts import run_facts

if TYPE_CHECKING:
    from argparse import ArgumentParser

VERIFIED, ERROR, NOT_ALL_VERIFIED = 0, 1, 3
LOOK_SECONDS = 0.5
LINE_SECONDS = 5.0


class Command(BaseCommand):
    """Run a task. Prints the run's id on stdout, and with `--json` the run; how it goes is told on stderr."""

    help = (
        "Run a task and print the run's id. With --wait: exit 0 all verified, 3 finished with failed or unverified "
        "items, 1 error or a run that paused, was cancelled, or is incomplete. 2 is wrong usage."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the task and how to run it."""
        folder.add_data_argument(parser)
        parser.add_argument("task", metavar="TASK", help="an id or an exact name")
        parser.add_argument("--kind", choices=Run.Kind.values, default=Run.Kind.COPY.value, help="what to do (copy)")
        parser.add_argument("--retry-of", metavar="RUN", default="", help="with --kind retry: which run (the last one)")
        parser.add_argument("--verify-depth", choices=list(Depth), help="with --kind verify: how much is read (auto)")
        parser.add_argument("--sample-percent", type=int, metavar="N", help="with --kind verify: only so many keys")
        parser.add_argument("--seed", type=int, help="with --sample-percent: draws the same keys again")
        parser.add_argument("--as", dest="person", metavar="USER", default="", help="who runs it (the task's owner)")
        parser.add_argument("--confirm-empty", action="store_true", help="an empty plan is what you expect")
        parser.add_argument("--wait", action="store_true", help="wait for the end")
        parser.add_argument("--json", action="store_true", help="print the run as JSON in place of its id")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Make the run; wait if told to."""
        task = _task(options["task"])
        person = _person(options["person"]) if options["person"] else User.objects.get(pk=task.owner_id)
        try:
            run = services.start_run(
                person,
                task,
                kind=options["kind"],
                start=True,
                retry_of=_earlier_run(task, options["kind"], options["retry_of"]),
                confirm_empty=options["confirm_empty"],
                verify_depth=options["verify_depth"],
                sample_percent=options["sample_percent"],
                seed=options["seed"],
            )
        except services.Refused as refusal:
            raise CommandError(refusal.message) from refusal
        if not options["json"]:
            self._say(str(run.pk))
        code = self._wait(run) if options["wait"] else VERIFIED
        if options["json"]:
            self._say(json.dumps(run_facts(run)))
        if code != VERIFIED:
            raise SystemExit(code)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _wait(self, run: Run) -> int:
        """Return the exit code once nothing more will happen without a person."""
        spoken_at, began = 0.0, time.monotonic()
        while not _rests(run):
            if time.monotonic() - spoken_at >= LINE_SECONDS:
                spoken_at = time.monotonic()
                self.stderr.write(_line(run) + _no_worker_hint(time.monotonic() - began))
            time.sleep(LOOK_SECONDS)
            run.refresh_from_db()
        self.stderr.write(_line(run))
        if run.state != Run.State.FINISHED:
            return ERROR
        return NOT_ALL_VERIFIED if run.not_verified else VERIFIED


def _rests(run: Run) -> bool:
    return run.has_ended or run.state == Run.State.PAUSED or run.cause == "empty_plan"


def _line(run: Run) -> str:
    state = f"{run}: {run.state}"
    if run.cause == "empty_plan":
        return f"{state}. Nothing to do: the source holds no object here. Use --confirm-empty if that is expected."
    words = f" ({run.cause_text})" if run.cause_text else ""
    return (
        f"{state}{words}. {run.settled} of {run.planned} settled: {run.verified} verified, "
        f"{run.unverified} unverified, {run.failed} failed, {run.skipped} skipped."
    )


def _no_worker_hint(waited: float) -> str:
    try:
        lonely = waited >= LINE_SECONDS and worker_count() == 0
    except (RedisError, OSError):
        return " Redis does not answer."
    return " No worker has reported; is one running?" if lonely else ""


def _task(id_or_name: str) -> Task:
    found = Task.objects.filter(_by_id(id_or_name) | Q(name=id_or_name)).first()
    if found is None:
        raise CommandError(f"There is no task called {id_or_name}.")
    return found


def _person(id_or_name: str) -> User:
    found = User.objects.filter(username=id_or_name).first()
    if found is None and id_or_name.isdecimal():
        found = User.objects.filter(pk=int(id_or_name)).first()
    if found is None:
        raise CommandError(f"There is no person called {id_or_name}.")
    return found


def _earlier_run(task: Task, kind: str, named: str) -> Run | None:
    """Return the run whose items are to be tried again: the one named, else the last one that has any."""
    if kind != Run.Kind.RETRY:
        if named:
            raise CommandError("--retry-of belongs to --kind retry.", returncode=2)
        return None
    runs = Run.objects.filter(task=task, state__in=Run.ENDED)
    if named:
        found = runs.filter(_by_id(named)).first()
        if found is None:
            raise CommandError(f"There is no ended run {named} of this task.")
        return found
    return runs.filter(Q(failed__gt=0) | Q(unverified__gt=0)).order_by("-number").first() or runs.first()


def _by_id(text: str) -> Q:
    try:
        return Q(pk=uuid.UUID(text))
    except ValueError:
        return Q(pk__in=[])
