"""The ways to write integrity records and to ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Left

from integrity import rows
from integrity.models import IntegrityRecord, Review, ReviewDecision
from integrity.rows import DIGESTED_FIELDS, SKIPPED, RecordContext, Row, insert, needs_a_person, row_of, rows_of
from integrity.verdicts import Verdict

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from integrity.evidence import Finding

__all__ = ["SKIPPED", "RecordContext", "row_of", "rows_of"]


def new_record(finding: Finding, context: RecordContext) -> IntegrityRecord:
    """Return the unsaved record of one finding, judged under the policy of its run."""
    return IntegrityRecord(**row_of(finding, context))


def digest_of(record: IntegrityRecord) -> str:
    """Return the digest that `record_digest` must hold for this record."""
    return rows.digest_of({name: getattr(record, name) for name in DIGESTED_FIELDS})


def write(new: Sequence[Row]) -> None:
    """Insert rows and open a review for each that is not verified. Call inside a transaction, under the fence."""
    insert(new)
    Review.objects.bulk_create(
        [
            Review(
                record_id=row["id"],
                run=row["run"],
                cause=row["error_code"] or row["reason"],
                opened_at=row["created_at"],
            )
            for row in new
            if needs_a_person(row)
        ],
        batch_size=500,
    )


def cause_of(record: IntegrityRecord) -> str:
    """Return why a record is not verified: its error code, else its reason."""
    return record.error_code or record.reason


def select(
    run: uuid.UUID,
    *,
    verdict: str = "",
    reason: str = "",
    key_prefix: str = "",
    failures_only: bool = False,
    after_index: int | None = None,
) -> QuerySet[IntegrityRecord]:
    """Return a run's records in plan order; `verdict` may be `skipped`, `reason` matches reason or error code."""
    found = IntegrityRecord.objects.filter(run=run).order_by("index")
    if verdict:
        found = found.filter(verdict="" if verdict == "skipped" else verdict)
    if failures_only:
        found = found.filter(verdict__in=[Verdict.FAILED, Verdict.UNVERIFIED])
    if reason:
        found = found.filter(reason=reason) | found.filter(error_code=reason)
    if key_prefix:
        # Not LIKE, which ignores case on SQLite; nor a range, for which PostgreSQL asks the language of the database.
        found = found.alias(beginning=Left("object_key", len(key_prefix))).filter(beginning=key_prefix)
    if after_index is not None:
        found = found.filter(index__gt=after_index)
    return found


def of_batch(run: uuid.UUID, batch_number: int, first_index: int, item_count: int) -> QuerySet[IntegrityRecord]:
    """Return the records of one batch in plan order; its span of indexes finds them without a look at all others."""
    span = {"index__gte": first_index, "index__lt": first_index + item_count}
    return IntegrityRecord.objects.filter(run=run, batch_number=batch_number, **span).order_by("index")


def to_retry(run: uuid.UUID) -> QuerySet[IntegrityRecord]:
    """Return what a retry of this run is about: not verified, and not accepted or waived by a person."""
    last = ReviewDecision.objects.filter(review__record=OuterRef("pk")).order_by("-decided_at", "-pk")
    found = IntegrityRecord.objects.filter(run=run, verdict__in=[Verdict.FAILED, Verdict.UNVERIFIED])
    settled_by_a_person = [ReviewDecision.Decision.ACCEPT, ReviewDecision.Decision.WAIVE]
    return found.annotate(decided=Subquery(last.values("decision")[:1])).filter(
        Q(decided__isnull=True) | ~Q(decided__in=settled_by_a_person)
    )


# What a line about a record shows. Reading the rest, which holds every check, would cost several times as much.
_LINE_FIELDS = ("index", "object_key", "source_version_id", "source_size", "verdict", "notes")


def newest(run: uuid.UUID, limit: int, *, not_verified_only: bool = False) -> list[IntegrityRecord]:
    """Return the latest records of a run, newest first, with what a line shows; the rest is read where it is used."""
    found = IntegrityRecord.objects.filter(run=run).only(*_LINE_FIELDS)
    if not_verified_only:
        found = found.filter(verdict__in=[Verdict.FAILED, Verdict.UNVERIFIED])
    return list(found.order_by("-created_at", "-index")[:limit])


def causes(run: uuid.UUID) -> list[dict[str, Any]]:
    """Return what was not verified grouped by cause: `verdict`, `cause`, `count`, `bytes`, the most frequent first."""
    rows = (
        IntegrityRecord.objects.filter(run=run, verdict__in=[Verdict.FAILED, Verdict.UNVERIFIED])
        .values("verdict", "reason", "error_code")
        .annotate(count=Count("pk"), bytes=Sum("source_size"))
        .order_by("-count", "verdict", "error_code", "reason")
    )
    return [
        {
            "verdict": row["verdict"],
            "cause": row["error_code"] or row["reason"],
            "count": row["count"],
            "bytes": row["bytes"] or 0,
        }
        for row in rows
    ]


def grades(run: uuid.UUID) -> list[dict[str, Any]]:
    """Return how many records of a run have each pair of grades."""
    rows = (
        IntegrityRecord.objects.filter(run=run)
        .exclude(verdict="")
        .values("verdict", "source_grade", "dest_grade")
        .annotate(count=Count("pk"))
        .order_by("verdict", "-source_grade", "-dest_grade")
    )
    return [dict(row) for row in rows]
