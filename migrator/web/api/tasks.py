"""/tasks: what to move, from where to where, and how sure to be."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from ninja import Query as FromQuery
from ninja import Router, Schema, Status
from pydantic import Field, WithJsonSchema

from migrator import services
from migrator.models import Connection, Run, Task
from migrator.models.run_facts import run_facts, time_text
from migrator.services import Refused
from migrator.web.access import found_or_404, visible_connections, visible_runs, visible_tasks
from migrator.web.api.bodies import Body, Flag, Text, Whole
from migrator.web.api.etags import check_unchanged, etag_of
from migrator.web.api.paging import Page, paged
from migrator.web.api.people import person_asking
from migrator.web.api.runs import RunAnswer

if TYPE_CHECKING:
    from django.contrib.auth.models import User

router = Router(tags=["tasks"])

_SIZE = {"type": ["integer", "null"], "minimum": 0, "description": "bytes"}
_TIME = {"type": ["string", "null"], "format": "date-time"}
_GLOBS = {"type": "array", "items": {"type": "string", "minLength": 1}}
_FLAG = {"type": "boolean"}
# What `services.option_problems` checks, written down for readers of the schema.
OPTIONS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "if_exists": {
            "enum": ["fail_if_exists", "skip_if_verified_identical", "replace_if_matches"],
            "description": "where the key is taken. `skip_if_verified_identical` skips what the last record of this "
            "task verified, if both listings show it unchanged and the record shows the storage class and the "
            "encryption that the task asks for now; what it does not skip is compared and not replaced",
        },
        "policy": {"enum": ["standard", "strict"]},
        "fidelity": {"enum": ["report", "required"]},
        "read_back_percent": {"type": "integer", "minimum": 0, "maximum": 100},
        "double_read": _FLAG,
        "leave_out_digests": {
            "type": "array",
            "items": {"enum": list(services.LEAVABLE_DIGESTS)},
            "uniqueItems": True,
            "description": "digests that are neither computed nor sent; what rests on them is `not_requested`",
        },
        "tags": _FLAG,
        "probe": _FLAG,
        "requester_pays": _FLAG,
        "include": _GLOBS,
        "exclude": _GLOBS,
        "min_size": _SIZE,
        "max_size": _SIZE,
        "modified_after": _TIME,
        "modified_before": _TIME,
        "versions": {"enum": ["latest", "all"]},
        "storage_class_map": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "a storage class of the source to one of the destination; `*` is every class that is not "
            "named, `default` the destination's own choice; empty: classes are not carried",
        },
        "encryption": {
            "type": ["object", "null"],
            "additionalProperties": False,
            "required": ["type"],
            "properties": {
                "type": {"enum": list(services.ENCRYPTION_TYPES)},
                "key_id": {"type": ["string", "null"], "description": "ARN, id or alias; only with aws:kms"},
            },
            "description": "what the destination is asked for; null: as its bucket does it",
        },
        "canary": {"enum": ["off", "first", "pause"]},
        "bytes_per_s": {"type": ["integer", "null"], "minimum": 1},
    },
}
Options = Annotated[dict[str, Any], WithJsonSchema(OPTIONS_SCHEMA)]


class Place(Body):
    """Where objects are. `connection` is the id or the exact name of a connection that you may use."""

    connection: Text
    bucket: Text
    prefix: Text = ""


class PlaceChange(Body):
    """What is to change of a place."""

    connection: Text | None = None
    bucket: Text | None = None
    prefix: Text | None = None


class NewTask(Body):
    """What to move. Options that are left out have their default."""

    name: Text
    source: Place
    destination: Place
    options: Options = {}


class TaskChange(Body):
    """What is to change; what is left out stays. Of `options` only those that are named change."""

    name: Text | None = None
    source: PlaceChange | None = None
    destination: PlaceChange | None = None
    options: Options | None = None


class NewRun(Body):
    """How to run a task. `retry_of` belongs to `retry`, the depth and the sample to `verify`, which copies nothing.

    `verify_depth`: compare what the stores state with what an earlier run computed, and read both sides only where
    that settles nothing (`auto`, the default); read both sides, the source only, or nothing (`statements`).
    """

    kind: Literal["copy", "verify", "retry"] = "copy"
    start: Flag = True
    retry_of: uuid.UUID | None = None
    verify_depth: Literal["auto", "statements", "source", "both"] | None = None
    sample_percent: Annotated[Whole, Field(ge=1, le=100)] | None = None
    seed: Annotated[Whole, Field(ge=0, le=2**63 - 1)] | None = None
    confirm_empty: Flag = False


class PlaceAnswer(Schema):
    """Where objects are."""

    connection: str
    connection_name: str
    bucket: str
    prefix: str


class TaskAnswer(Schema):
    """A task with every option, those with their default too."""

    id: str
    name: str
    state: str
    source: PlaceAnswer
    destination: PlaceAnswer
    options: dict[str, Any]
    owner: str
    created_at: str
    updated_at: str


class TaskPage(Schema):
    """One page of tasks."""

    items: list[TaskAnswer]
    next_cursor: str | None


class TaskQuery(Page):
    """Filters of the list."""

    name: Text = ""
    state: Literal["draft", "active", "archived"] | None = None
    sort: Literal["name", "-name", "created_at", "-created_at"] = "-created_at"


@router.get("", response=TaskPage, summary="List tasks")
def list_tasks(request: HttpRequest, asked: FromQuery[TaskQuery]) -> dict[str, Any]:
    """Operators see their own, admins and auditors all."""
    rows = visible_tasks(person_asking(request))
    if asked.name:
        rows = rows.filter(name=asked.name)
    if asked.state:
        rows = rows.filter(state=asked.state)
    found, next_cursor = paged(rows, asked, asked.sort)
    return {"items": [task_facts(one) for one in found], "next_cursor": next_cursor}


@router.post("", response={201: TaskAnswer}, summary="Make a task")
def create_task(request: HttpRequest, given: NewTask, response: HttpResponse) -> Status[dict[str, Any]]:
    """Both places are tried at once, so that an unknown bucket or a refused key is said now."""
    person = person_asking(request)
    task = services.create_task(
        person,
        services.TaskInput(
            name=given.name,
            source=_place(person, given.source),
            destination=_place(person, given.destination),
            options=given.options,
        ),
    )
    response["Location"] = f"/api/v1/tasks/{task.pk}"
    return Status(201, _answer(task, response))


@router.get("/{uuid:task_id}", response=TaskAnswer, summary="Read a task")
def read_task(request: HttpRequest, task_id: uuid.UUID, response: HttpResponse) -> dict[str, Any]:
    """With every option."""
    return _answer(found_or_404(visible_tasks(person_asking(request)), task_id), response)


@router.patch("/{uuid:task_id}", response=TaskAnswer, summary="Change a task")
def change_task(request: HttpRequest, task_id: uuid.UUID, given: TaskChange, response: HttpResponse) -> dict[str, Any]:
    """Runs that were planned keep what they were planned with."""
    person = person_asking(request)
    task = found_or_404(visible_tasks(person), task_id)
    check_unchanged(request, task_facts(task))
    merged = services.TaskInput(
        name=task.name if given.name is None else given.name,
        source=_merged_place(person, task.source_connection, task.source_bucket, task.source_prefix, given.source),
        destination=_merged_place(person, task.dest_connection, task.dest_bucket, task.dest_prefix, given.destination),
        options=task.options | (given.options or {}),
    )
    return _answer(services.update_task(person, task, merged), response)


@router.post("/{uuid:task_id}/runs", response={201: RunAnswer}, summary="Run a task")
def create_run(
    request: HttpRequest, task_id: uuid.UUID, response: HttpResponse, given: NewRun | None = None
) -> Status[dict[str, Any]]:
    """Plan it, and start it as soon as the plan is frozen unless `start` is false.

    An empty plan stays `ready` with the cause `empty_plan` until it is confirmed.
    """
    person = person_asking(request)
    task = found_or_404(visible_tasks(person), task_id)
    given = given or NewRun()
    _check_belongs(given)
    run = services.start_run(
        person,
        task,
        kind=given.kind,
        start=given.start,
        retry_of=_earlier_run(person, given.retry_of),
        confirm_empty=given.confirm_empty,
        verify_depth=given.verify_depth,
        sample_percent=given.sample_percent,
        seed=given.seed,
    )
    response["Location"] = f"/api/v1/runs/{run.pk}"
    return Status(201, run_facts(run))


def task_facts(task: Task) -> dict[str, Any]:
    """Return a task as plain values."""
    return {
        "id": str(task.pk),
        "name": task.name,
        "state": task.state,
        "source": _place_facts(task.source_connection, task.source_bucket, task.source_prefix),
        "destination": _place_facts(task.dest_connection, task.dest_bucket, task.dest_prefix),
        "options": task.all_options,
        "owner": task.owner.get_username(),
        "created_at": time_text(task.created_at),
        "updated_at": time_text(task.updated_at),
    }


def _answer(task: Task, response: HttpResponse) -> dict[str, Any]:
    facts = task_facts(task)
    response["ETag"] = etag_of(facts)
    return facts


def _place_facts(connection: Connection, bucket: str, prefix: str) -> dict[str, Any]:
    return {
        "connection": str(connection.pk),
        "connection_name": connection.name,
        "bucket": bucket,
        "prefix": prefix,
    }


def _place(person: User, given: Place) -> services.PlaceInput:
    return services.PlaceInput(
        connection=_connection(person, given.connection), bucket=given.bucket, prefix=given.prefix
    )


def _merged_place(
    person: User, connection: Connection, bucket: str, prefix: str, given: PlaceChange | None
) -> services.PlaceInput:
    given = given or PlaceChange()
    return services.PlaceInput(
        connection=connection if given.connection is None else _connection(person, given.connection),
        bucket=bucket if given.bucket is None else given.bucket,
        prefix=prefix if given.prefix is None else given.prefix,
    )


def _connection(person: User, id_or_name: str) -> Connection | None:
    """Return the connection a person names, or `None`: one that may not be seen does not exist."""
    seen = visible_connections(person)
    try:
        found = seen.filter(pk=id_or_name).first()
    except (ValidationError, ValueError):
        found = None
    return found or seen.filter(name=id_or_name).first()


def _earlier_run(person: User, retry_of: uuid.UUID | None) -> Run | None:
    return visible_runs(person).filter(pk=retry_of).first() if retry_of else None


def _check_belongs(given: NewRun) -> None:
    """Refuse what would be ignored."""
    if given.retry_of and given.kind != "retry":
        raise Refused("retry_of belongs to a run of kind retry.", field="retry_of")
