"""Tasks: what to move, checked before anything is stored, each problem at the field it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from integrity.digests import USUAL, Algorithm
from migrator.credentials import CredentialsUnreadable
from migrator.engine.addresses import check_bucket_name, check_prefix, same_place
from migrator.engine.errors import AddressProblem, EngineError
from migrator.engine.listing import require_listing
from migrator.jobs.sides import impatient_store_of
from migrator.models import DEFAULT_OPTIONS, Connection, Role, Run, Task, role_of
from migrator.services.audit import note
from migrator.services.fidelity_options import clashes, class_map_sentence, encryption_problems, unknown_class
from migrator.services.refusal import Problem, Refused
from migrator.services.rights import may_use, require, require_task

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

_CHOICES: dict[str, tuple[str, ...]] = {
    "if_exists": ("fail_if_exists", "skip_if_verified_identical", "replace_if_matches"),
    "policy": ("standard", "strict"),
    "fidelity": ("report", "required"),
    "versions": ("latest", "all"),
    "canary": ("off", "first", "pause"),
}
_FLAGS = ("double_read", "tags", "probe", "requester_pays")
# What every record has unless its task leaves it out.
LEAVABLE_DIGESTS = tuple(each.value for each in Algorithm if each in USUAL)
_GLOBS = ("include", "exclude")
_SIZES = ("min_size", "max_size", "bytes_per_s")
_TIMES = ("modified_after", "modified_before")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceInput:
    """Where objects come from or go to."""

    connection: Connection | None
    bucket: str
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInput:
    """What a person says about a task. Options that are not named have their default."""

    name: str
    source: PlaceInput
    destination: PlaceInput
    options: Mapping[str, Any] = field(default_factory=dict)


def create_task(by: User, given: TaskInput) -> Task:
    """Store a task after trying both places: an unknown bucket or a refused key is said now, not at hour sixteen."""
    require(by, Role.OPERATOR, Role.ADMIN)
    _check(by, given, None)
    task = Task(owner=by)
    _save(task, given)
    note(by, "task.created", task)
    return task


def update_task(by: User, task: Task, given: TaskInput) -> Task:
    """Change a task; runs that were planned keep the options they were planned with."""
    require_task(by, task)
    _refuse_while_running(task, given)
    _check(by, given, task)
    _save(task, given)
    note(by, "task.updated", task)
    return task


def _refuse_while_running(task: Task, given: TaskInput) -> None:
    """Keep the places of a frozen plan: what was planned and proven for one bucket must not end up in another."""
    if _places(given) == [
        (task.source_connection_id, task.source_bucket, task.source_prefix),
        (task.dest_connection_id, task.dest_bucket, task.dest_prefix),
    ]:
        return
    run = Run.objects.filter(task=task).exclude(state__in=Run.ENDED).first()
    if run is not None:
        raise Refused(
            f"Run {run.number} of this task has not ended, and its plan is made for these two places. "
            "Cancel it or wait for its end, then change them.",
            code="run_not_ended",
        )


def _places(given: TaskInput) -> list[tuple[uuid.UUID | None, str, str]]:
    return [
        (place.connection.pk if place.connection else None, place.bucket.strip(), place.prefix)
        for place in (given.source, given.destination)
    ]


def _check(by: User, given: TaskInput, task: Task | None) -> None:
    problems = _name_problems(given.name, task) + option_problems(given.options)
    for side in ("source", "destination"):
        problems += _place_problems(by, getattr(given, side), side)
    if not problems and given.destination.connection is not None:
        problems = unknown_class(given.options, given.destination.connection)
    if problems:
        raise Refused.of(problems)
    _refuse_same_place(given)
    pays = given.options.get("requester_pays", False)
    problems = [
        *_unreachable(given.source, "source", requester_pays=pays),
        *_unreachable(given.destination, "destination"),
    ]
    if problems:
        raise Refused.of(problems, code="place_refused")


def _save(task: Task, given: TaskInput) -> None:
    assert given.source.connection is not None
    assert given.destination.connection is not None
    task.name = given.name.strip()
    task.source_connection, task.dest_connection = given.source.connection, given.destination.connection
    task.source_bucket, task.source_prefix = given.source.bucket.strip(), given.source.prefix
    task.dest_bucket, task.dest_prefix = given.destination.bucket.strip(), given.destination.prefix
    task.options = dict(given.options)
    task.state = Task.State.ACTIVE
    try:
        with transaction.atomic():
            task.save()
    except IntegrityError as exc:
        raise Refused(f'There already is a task called "{task.name}".', field="name") from exc


def _name_problems(name: str, task: Task | None) -> list[Problem]:
    name = name.strip()
    if not name:
        return [Problem("name", "Give the task a name, so that others know what it moves.")]
    if len(name) > 150:
        return [Problem("name", "A name has at most 150 characters.")]
    others = Task.objects.filter(name=name)
    if task is not None:
        others = others.exclude(pk=task.pk)
    return [Problem("name", f'There already is a task called "{name}".')] if others.exists() else []


def _place_problems(by: User, place: PlaceInput, side: str) -> list[Problem]:
    problems: list[Problem] = []
    if place.connection is None:
        problems.append(Problem(f"{side}.connection", "Pick a connection. There is none with this id."))
    elif not may_use(by, place.connection):
        words = "This connection is not shared with you. Ask an admin to share it."
        if role_of(by) is Role.OPERATOR:
            problems.append(Problem(f"{side}.connection", words))
    for name, check, value in (
        ("bucket", check_bucket_name, place.bucket.strip()),
        ("prefix", check_prefix, place.prefix),
    ):
        problems += _address_problem(check, value, f"{side}.{name}")
    return problems


def _address_problem(check: Callable[[str], str], value: str, where: str) -> list[Problem]:
    try:
        check(value)
    except AddressProblem as exc:
        return [Problem(where, exc.sentence)]
    return []


def _refuse_same_place(given: TaskInput) -> None:
    source, destination = given.source, given.destination
    assert source.connection is not None
    assert destination.connection is not None
    if not same_place(
        (source.connection.endpoint_url, source.bucket.strip(), source.prefix),
        (destination.connection.endpoint_url, destination.bucket.strip(), destination.prefix),
    ):
        return
    if source.prefix == destination.prefix:
        words = "Source and destination are the same place. Pick another bucket or prefix for the destination."
    else:
        words = (
            "One place lies inside the other: their prefixes overlap in the same bucket. "
            "Pick a destination that is outside the source."
        )
    raise Refused(words, field="destination.prefix", code="same_place")


def _unreachable(place: PlaceInput, side: str, *, requester_pays: bool = False) -> list[Problem]:
    """Try the bucket once, and say at which field a person has to look."""
    assert place.connection is not None
    try:
        with closing(impatient_store_of(place.connection, requester_pays=requester_pays)) as store:
            # A listing, as planning does it: the reply to a HEAD has no body, so it cannot say why it refuses.
            require_listing(store, place.bucket.strip(), place.prefix)
    except CredentialsUnreadable as exc:
        return [Problem(f"{side}.connection", exc.advice)]
    except EngineError as exc:
        field_name = "bucket" if _cause(exc) in ("bucket_missing", "access_denied") else "connection"
        return [Problem(f"{side}.{field_name}", exc.advice)]
    return []


def _cause(error: EngineError) -> str:
    return error.refuse_cause or error.pause_cause or error.error_code or ""


def option_problems(options: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a task's options, each at `options.<name>`."""
    problems = [
        Problem(f"options.{name}", sentence)
        for name, value in options.items()
        if (sentence := _option_sentence(name, value))
    ]
    problems += encryption_problems(options.get("encryption"))
    together = {**DEFAULT_OPTIONS, **options}
    return problems or _needed_digest(together) + clashes(together)


def _needed_digest(options: Mapping[str, Any]) -> list[Problem]:
    """Refuse to leave out the digest by which bytes that are read a second time are compared."""
    if "SHA256" not in options["leave_out_digests"]:
        return []
    if options["policy"] == "strict":
        why = "a strict task reads every copy back and compares it by its SHA-256. Keep it, or ask for standard"
    elif options["read_back_percent"]:
        why = "what is read back is compared by its SHA-256. Keep it, or read back 0 percent"
    elif options["double_read"]:
        why = "a second reading of the source is compared by its SHA-256. Keep it, or read the source once"
    else:
        return []
    return [Problem("options.leave_out_digests", f"SHA256 cannot be left out: {why}.")]


def _option_sentence(name: str, value: Any) -> str:
    if name not in DEFAULT_OPTIONS:
        return f"There is no option called {name}. Options are {', '.join(DEFAULT_OPTIONS)}."
    if name in _CHOICES and value not in _CHOICES[name]:
        return f"{name} is one of {', '.join(_CHOICES[name])}."
    if name in _FLAGS and not isinstance(value, bool):
        return f"{name} is true or false."
    if name in _GLOBS and not (isinstance(value, list) and all(isinstance(glob, str) and glob for glob in value)):
        return f"{name} is a list of patterns such as photos/*."
    if name in _SIZES and not (value is None or _is_whole(value, least=0 if name != "bytes_per_s" else 1)):
        return f"{name} is a whole number of bytes."
    if name in _TIMES and not (value is None or _is_time(value)):
        return f"{name} is a time with its zone, such as 2026-01-31T00:00:00Z."
    if name == "leave_out_digests" and not _are_digests(value):
        return f"{name} is a list out of {', '.join(LEAVABLE_DIGESTS)}, each named once."
    if name == "storage_class_map":
        return class_map_sentence(value)
    if name == "read_back_percent" and not (_is_whole(value, least=0) and value <= 100):
        return "read_back_percent is a whole number from 0 to 100."
    return ""


def _are_digests(value: Any) -> bool:
    return isinstance(value, list) and all(each in LEAVABLE_DIGESTS for each in value) and len(set(value)) == len(value)


def _is_whole(value: Any, *, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_time(value: Any) -> bool:
    try:
        moment = datetime.fromisoformat(value)
        # One that no calendar has in UTC is shown to nobody.
        moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return False
    return moment.tzinfo is not None
