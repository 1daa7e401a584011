"""/runs/{id}/integrity, /records: what was proven of each object, and what people decided about the rest."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.db.models import Count, Prefetch
from django.http import HttpRequest
from ninja import Query as FromQuery
from ninja import Router, Schema, Status
from pydantic import Field

from integrity import records
from integrity.models import IntegrityRecord, Review, ReviewDecision
from integrity.reports.rows import record_facts
from migrator import services
from migrator.models.run_facts import run_counts, time_text
from migrator.web import wording
from migrator.web.access import found_or_404, visible_records, visible_runs
from migrator.web.api.bodies import Body, Text
from migrator.web.api.paging import Page, paged_by_index
from migrator.web.api.people import person_asking
from migrator.web.api.runs import Counts

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from migrator.models import Run

router = Router(tags=["integrity"])


class Decision(Body):
    """What to do about a record that is not verified. `accept` and `waive` need a reason."""

    decision: Literal["retry", "accept", "waive"]
    reason: Text = ""


class DecisionAnswer(Schema):
    """What was decided, by whom, about which row."""

    record: str
    decision: str
    reason: str | None
    record_digest: str
    person: str
    decided_at: str


class ReviewAnswer(Schema):
    """The case opened for a record that is not verified; the last decision holds. The verdict stays."""

    state: str
    cause: str
    opened_at: str
    decisions: list[DecisionAnswer]


class CheckAnswer(Schema):
    """Two pieces of evidence compared, in the store's own notation."""

    name: str
    outcome: str
    reason: str | None
    expected: str | None
    observed: str | None
    algorithm: str | None = None
    origin: str | None = None
    at: str | None = None
    request_id: str | None = None
    attempt: int | None = None


class RecordAnswer(Schema):
    """One item of one run, and what was proven of it. Digests are lowercase hex, ETags without quotes.

    `compared_with` names the earlier record whose digests stand here: nothing was read in this run, and
    `bytes_hashed` is null.
    """

    id: str
    task: str
    task_name: str
    run: str
    run_number: int
    batch_number: int
    index: int
    object_key: str
    dest_key: str | None
    source_place: str | None
    dest_place: str | None
    source_version_id: str | None
    dest_version_id: str | None
    source_etag: str | None
    dest_etag: str | None
    calculated_etag: str | None
    calculated_md5: str | None
    sha256: str | None
    crc32: str | None
    crc32c: str | None
    crc64nvme: str | None
    source_size: int | None
    dest_size: int | None
    bytes_hashed: int | None
    part_count: int | None
    etag_match: bool | None
    size_match: bool | None
    md5_match: bool | None
    compared_with: str | None
    checks: list[CheckAnswer]
    not_carried: Annotated[list[str], Field(description="what no copy takes along, and what this one left by choice")]
    verdict: str | None
    reason: str | None
    source_grade: str | None
    dest_grade: str | None
    notes: list[str]
    is_valid: bool
    attempts: int
    attempt_log: Annotated[
        list[dict[str, Any]],
        Field(description="each attempt; with `repeats` where requests were made again in it: which, why, how often"),
    ]
    error_code: str | None
    error_message: str | None
    source_facts: dict[str, Any]
    dest_facts: dict[str, Any]
    record_digest: str
    created_at: str
    review: ReviewAnswer | None


class RecordPage(Schema):
    """One page of records, in plan order."""

    items: list[RecordAnswer]
    next_cursor: str | None


class RecordQuery(Page):
    """Filters of the list. `reason` matches a reason or an error code."""

    verdict: Literal["verified", "failed", "unverified", "skipped"] | None = None
    reason: Text = ""
    key_prefix: Text = ""


class FailureQuery(Page):
    """Filters of the list of what needs a person."""

    verdict: Literal["failed", "unverified"] | None = None
    reason: Text = ""
    key_prefix: Text = ""


class Cause(Schema):
    """What was not verified, grouped by its error code or reason. `bytes` are those of the sources."""

    verdict: str
    cause: str
    count: int
    bytes: int


class Grades(Schema):
    """How many records have this pair of grades."""

    verdict: str
    source_grade: str
    dest_grade: str
    count: int


class Books(Counts):
    """The books, and whether they balance."""

    balanced: bool


class Verdicts(Schema):
    """Counts by verdict."""

    verified: int
    unverified: int
    failed: int


class Completeness(Schema):
    """Whether the run can say that nothing is missing."""

    listing_complete: bool
    complete: bool


class Seal(Schema):
    """The seal of the ledger; null until the run has ended."""

    sealed: bool
    ledger_root: str | None
    sealed_at: str | None


class Reviews(Schema):
    """How many cases are open and decided."""

    open: int
    decided: int


class Summary(Schema):
    """What a run has proven so far."""

    run: str
    task: str
    state: str
    verdicts: Verdicts
    books: Books
    grades: list[Grades]
    reasons: list[Cause]
    completeness: Completeness
    dest_only: Annotated[int | None, Field(description="objects that only the destination has; null before the plan")]
    dest_only_keys: Annotated[list[str] | None, Field(description="the first 100 of them")]
    not_carried: Annotated[
        list[str], Field(description="what no copy takes along, and what this task leaves by choice")
    ]
    seal: Seal
    reviews: Reviews


@router.get("/runs/{uuid:run_id}/integrity", response=Summary, summary="What a run has proven")
def summarise(request: HttpRequest, run_id: uuid.UUID) -> dict[str, Any]:
    """Counts by verdict, grade and reason; books; completeness; seal."""
    run = found_or_404(visible_runs(person_asking(request)), run_id)
    return _summary(run)


@router.get("/runs/{uuid:run_id}/integrity/records", response=RecordPage, summary="List the records of a run")
def list_records(request: HttpRequest, run_id: uuid.UUID, asked: FromQuery[RecordQuery]) -> dict[str, Any]:
    """In plan order."""
    run = found_or_404(visible_runs(person_asking(request)), run_id)
    rows = records.select(run.pk, verdict=asked.verdict or "", reason=asked.reason, key_prefix=asked.key_prefix)
    return _page(rows, asked)


@router.get("/runs/{uuid:run_id}/integrity/failures", response=RecordPage, summary="List what needs a person")
def list_failures(request: HttpRequest, run_id: uuid.UUID, asked: FromQuery[FailureQuery]) -> dict[str, Any]:
    """What failed or stayed unverified, with its review."""
    run = found_or_404(visible_runs(person_asking(request)), run_id)
    rows = records.select(
        run.pk, verdict=asked.verdict or "", reason=asked.reason, key_prefix=asked.key_prefix, failures_only=True
    )
    return _page(rows, asked)


@router.get("/records/{uuid:record_id}", response=RecordAnswer, summary="Read a record")
def read_record(request: HttpRequest, record_id: uuid.UUID) -> dict[str, Any]:
    """With all of its evidence."""
    return _facts(found_or_404(_with_reviews(visible_records(person_asking(request))), record_id))


@router.post("/records/{uuid:record_id}/reviews", response={201: DecisionAnswer}, summary="Decide about a record")
def decide(request: HttpRequest, record_id: uuid.UUID, given: Decision) -> Status[dict[str, Any]]:
    """Admins only. A decision stands beside the verdict and never changes it."""
    person = person_asking(request)
    record = found_or_404(visible_records(person), record_id)
    return Status(201, _decision_facts(record, services.decide(person, record, given.decision, given.reason)))


def _page(rows: QuerySet[IntegrityRecord], asked: Page) -> dict[str, Any]:
    found, next_cursor = paged_by_index(_with_reviews(rows), asked)
    return {"items": [_facts(one) for one in found], "next_cursor": next_cursor}


def _with_reviews(rows: QuerySet[IntegrityRecord]) -> QuerySet[IntegrityRecord]:
    return rows.select_related("review").prefetch_related(
        Prefetch("review__decisions", queryset=ReviewDecision.objects.order_by("decided_at", "pk"))
    )


def _facts(record: IntegrityRecord) -> dict[str, Any]:
    review: Review | None = getattr(record, "review", None)
    return record_facts(record) | {"review": _review_facts(record, review) if review else None}


def _review_facts(record: IntegrityRecord, review: Review) -> dict[str, Any]:
    return {
        "state": review.state,
        "cause": review.cause,
        "opened_at": time_text(review.opened_at),
        "decisions": [_decision_facts(record, one) for one in review.decisions.all()],
    }


def _decision_facts(record: IntegrityRecord, decided: ReviewDecision) -> dict[str, Any]:
    return {
        "record": str(record.pk),
        "decision": decided.decision,
        "reason": decided.reason or None,
        "record_digest": decided.record_digest,
        "person": decided.person_name,
        "decided_at": time_text(decided.decided_at),
    }


def _summary(run: Run) -> dict[str, Any]:
    counts = run_counts(run)
    reviews = dict(Review.objects.filter(run=run.pk).order_by("state").values_list("state").annotate(Count("pk")))
    sealed = run.has_ended and bool(run.ledger_root)
    return {
        "run": str(run.pk),
        "task": str(run.task_id),
        "state": run.state,
        "verdicts": {name: counts[name] for name in ("verified", "unverified", "failed")},
        "books": counts | {"balanced": counts["planned"] == sum(counts.values()) - counts["planned"]},
        "grades": records.grades(run.pk),
        "reasons": records.causes(run.pk),
        "completeness": {
            "listing_complete": run.listing_complete,
            "complete": run.listing_complete and run.has_ended and run.pending == 0,
        },
        "dest_only": run.plan_summary.get("dest_only"),
        "dest_only_keys": run.plan_summary.get("dest_only_keys"),
        "not_carried": wording.not_carried_by(run.options),
        "seal": {
            "sealed": sealed,
            "ledger_root": run.ledger_root or None if sealed else None,
            "sealed_at": time_text(run.finished_at) if sealed else None,
        },
        "reviews": {"open": reviews.get("open", 0), "decided": reviews.get("decided", 0)},
    }
