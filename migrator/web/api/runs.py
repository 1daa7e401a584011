"""/runs: what is being done, how it goes, and the five things a person can do about it."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Query as FromQuery
from ninja import Router, Schema, Status
from pydantic import Field

from migrator import services
from migrator.models import Run
from migrator.models.run_facts import run_facts
from migrator.web.access import found_or_404, visible_runs
from migrator.web.api.bodies import Body, Flag, Text
from migrator.web.api.paging import Page, paged
from migrator.web.api.people import person_asking

router = Router(tags=["runs"])

State = Literal["planning", "ready", "running", "paused", "finished", "incomplete", "cancelled"]


class Start(Body):
    """`confirm_empty` says that a plan without an object is what you expect."""

    confirm_empty: Flag = False


class Retry(Body):
    """`start` false leaves the new run `ready` for a look."""

    start: Flag = True


class Nothing(Body):
    """No field."""


class Counts(Schema):
    """The books: planned is the sum of the others, at every moment. All are 0 until the plan is frozen."""

    planned: int
    verified: int
    unverified: int
    failed: int
    skipped: int
    pending: int


class Bytes(Schema):
    """Sizes in bytes."""

    planned: int
    settled: int
    copied: int
    in_flight: int


class Rate(Schema):
    """Over the last minute; over the whole run once it has ended. Null: nothing to measure."""

    objects_per_s: float | None
    bytes_per_s: int | None


class RunAnswer(Schema):
    """A run and its books."""

    id: str
    task: str
    task_name: str
    number: int
    kind: str
    state: str
    cause: str | None
    cause_text: str | None
    retry_of: str | None
    created_by: str
    created_at: str
    started_at: str | None
    paused_at: str | None
    finished_at: str | None
    counts: Counts
    bytes: Bytes
    rate: Rate
    eta_seconds: int | None
    heard_at: Annotated[str | None, Field(description="when a worker last spoke of this run")]
    listing_complete: bool
    ledger_root: str | None
    options: dict[str, Any]


class RunPage(Schema):
    """One page of runs."""

    items: list[RunAnswer]
    next_cursor: str | None


class Between(Schema):
    """A number that is known, or between these two."""

    at_least: int
    at_most: int


class Provable(Schema):
    """Objects of a plan, and their bytes."""

    objects: Between
    bytes: Between


class Unprovable(Provable):
    """Objects that cannot be proven as the task asks, for one reason."""

    reason: Annotated[str, Field(description="why they will be unverified, or the code they will fail with")]
    helps: Annotated[
        list[Literal["double_read", "read_back"]],
        Field(description="what would be enough, all of it together; empty if nothing would"),
    ]
    extra_bytes: Annotated[Between, Field(description="what that would read besides")]


class Forecast(Schema):
    """What the run can prove, from both listings, both profiles and a look at some objects of the source."""

    policy: str
    objects: int
    bytes: int
    provable: Provable
    unprovable: list[Unprovable]
    out_of_reach: Annotated[bool, Field(description="not one object can be proven as the task asks")]
    looked_at: Annotated[int, Field(description="objects asked about at the source")]
    assumed: Annotated[int, Field(description="objects taken to be like those")]


class Preview(Schema):
    """What a run will do. All values are null while the run is still `planning`."""

    run: str
    state: str
    cause: str | None
    cause_text: str | None
    objects: int | None
    bytes: int | None
    largest: int | None
    largest_key: str | None
    excluded: dict[str, int] | None
    existing_same_size: int | None
    existing_different: int | None
    unlisted: Annotated[
        list[str] | None,
        Field(description="ranges of keys that the source could not list, in words; null in plans of earlier versions"),
    ]
    dest_only: int | None
    dest_only_keys: Annotated[list[str] | None, Field(description="the first 100 of them")]
    storage_classes: Annotated[
        dict[str, int] | None,
        Field(description="objects by the class that the source lists, without STANDARD; null in older plans"),
    ]
    hazards: dict[str, int] | None
    first_keys: list[str] | None
    forecast: Annotated[Forecast | None, Field(description="null in plans of earlier versions")]
    profiles: dict[str, Any] | None


class RunQuery(Page):
    """Filters of the list."""

    task: uuid.UUID | None = None
    state: State | None = None
    kind: Literal["copy", "verify", "retry"] | None = None
    cause: Text = ""
    sort: Literal["created_at", "-created_at"] = "-created_at"


@router.get("", response=RunPage, summary="List runs")
def list_runs(request: HttpRequest, asked: FromQuery[RunQuery]) -> dict[str, Any]:
    """Operators see those they started, admins and auditors all."""
    rows = visible_runs(person_asking(request))
    if asked.task:
        rows = rows.filter(task=asked.task)
    for name in ("state", "kind", "cause"):
        if getattr(asked, name):
            rows = rows.filter(**{name: getattr(asked, name)})
    found, next_cursor = paged(rows, asked, asked.sort)
    return {"items": [run_facts(one) for one in found], "next_cursor": next_cursor}


@router.get("/{uuid:run_id}", response=RunAnswer, summary="Read a run")
def read_run(request: HttpRequest, run_id: uuid.UUID) -> dict[str, Any]:
    """State and books, as the database has them now."""
    return run_facts(found_or_404(visible_runs(person_asking(request)), run_id))


@router.get("/{uuid:run_id}/preview", response=Preview, summary="Read the plan of a run")
def preview_run(request: HttpRequest, run_id: uuid.UUID) -> dict[str, Any]:
    """What was found while planning: counts, what is there already, hazards."""
    run = found_or_404(visible_runs(person_asking(request)), run_id)
    return _preview(run)


@router.post("/{uuid:run_id}/actions/start", response=RunAnswer, summary="Start a run that is ready")
def start_run(request: HttpRequest, run_id: uuid.UUID, given: Start | None = None) -> dict[str, Any]:
    """An empty plan starts only with `confirm_empty`."""
    person = person_asking(request)
    run = found_or_404(visible_runs(person), run_id)
    services.start_planned_run(person, run, confirm_empty=(given or Start()).confirm_empty)
    return _as_it_is_now(run)


@router.post("/{uuid:run_id}/actions/pause", response=RunAnswer, summary="Pause a run")
def pause_run(request: HttpRequest, run_id: uuid.UUID, given: Nothing | None = None) -> dict[str, Any]:  # noqa: ARG001
    """Objects in flight stop at the next part and stay pending."""
    person = person_asking(request)
    run = found_or_404(visible_runs(person), run_id)
    services.pause_run(person, run)
    return _as_it_is_now(run)


@router.post("/{uuid:run_id}/actions/resume", response=RunAnswer, summary="Go on with a paused run")
def resume_run(request: HttpRequest, run_id: uuid.UUID, given: Nothing | None = None) -> dict[str, Any]:  # noqa: ARG001
    """It goes on where it stopped."""
    person = person_asking(request)
    run = found_or_404(visible_runs(person), run_id)
    services.resume_run(person, run)
    return _as_it_is_now(run)


@router.post("/{uuid:run_id}/actions/cancel", response=RunAnswer, summary="Cancel a run")
def cancel_run(request: HttpRequest, run_id: uuid.UUID, given: Nothing | None = None) -> dict[str, Any]:  # noqa: ARG001
    """What was copied stays copied and recorded."""
    person = person_asking(request)
    run = found_or_404(visible_runs(person), run_id)
    services.cancel_run(person, run)
    return _as_it_is_now(run)


@router.post("/{uuid:run_id}/actions/retry", response={201: RunAnswer}, summary="Retry what was not verified")
def retry_run(
    request: HttpRequest, run_id: uuid.UUID, response: HttpResponse, given: Retry | None = None
) -> Status[dict[str, Any]]:
    """Answers the new run, over just the items that failed or stayed unverified."""
    person = person_asking(request)
    run = found_or_404(visible_runs(person), run_id)
    made = services.retry_run(person, run, start=(given or Retry()).start)
    response["Location"] = f"/api/v1/runs/{made.pk}"
    return Status(201, run_facts(made))


def _as_it_is_now(run: Run) -> dict[str, Any]:
    run.refresh_from_db()
    return run_facts(run)


def _preview(run: Run) -> dict[str, Any]:
    found = run.plan_summary
    names = (
        "objects",
        "largest",
        "largest_key",
        "excluded",
        "existing_same_size",
        "existing_different",
        "unlisted",
        "dest_only",
        "dest_only_keys",
        "storage_classes",
        "hazards",
        "first_keys",
        "forecast",
    )
    return {
        "run": str(run.pk),
        "state": run.state,
        "cause": run.cause or None,
        "cause_text": run.cause_text or None,
        **{name: found.get(name) for name in names},
        "largest_key": found.get("largest_key") or None,
        "bytes": found.get("size"),
        "profiles": run.profiles or None,
    }
