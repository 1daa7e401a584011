"""The ways to write integrity records and to ask for them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from integrity import ledger
from integrity.etags import normalise
from integrity.evidence import CheckName, Finding, Outcome, Statement, checks_to_json
from integrity.models import IntegrityRecord, Review, ReviewDecision
from integrity.verdicts import Judgement, Policy, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from integrity.digests import DigestSet
    from integrity.evidence import Check, Earlier

SKIPPED = "already_verified"

# The fields that make a record what it is: all but its own name in the database and the digest over them.
DIGESTED_FIELDS = tuple(
    field.attname for field in IntegrityRecord._meta.concrete_fields if field.attname not in ("id", "record_digest")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordContext:
    """What all records of one batch have in common."""

    run: uuid.UUID
    task: uuid.UUID
    task_name: str
    run_number: int
    batch_number: int
    source_place: str
    dest_place: str
    policy: Policy


def new_record(finding: Finding, context: RecordContext) -> IntegrityRecord:
    """Return the unsaved record of one finding, judged under the policy of its run."""
    judgement = None if finding.skipped else judge(finding.checks, context.policy, finding.error_code)
    record = IntegrityRecord(
        **_placed(finding, context), **_digests(finding), **_stated(finding), **_judged(finding, judgement)
    )
    record.record_digest = digest_of(record)
    return record


def digest_of(record: IntegrityRecord) -> str:
    """Return the digest that `record_digest` must hold for this row."""
    fields = {name: getattr(record, name) for name in DIGESTED_FIELDS}
    if record.compared_with is None:
        # Records made before there was this field keep their digest.
        del fields["compared_with"]
    return ledger.record_digest(fields)


def write(records: Sequence[IntegrityRecord]) -> None:
    """Insert records and open a review for each that is not verified. Call inside a transaction, under the fence."""
    IntegrityRecord.objects.bulk_create(records, batch_size=500)
    Review.objects.bulk_create(
        [
            Review(record=record, run=record.run, cause=cause_of(record), opened_at=record.created_at)
            for record in records
            if record.needs_a_person
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
        # A range and not LIKE, which ignores case on SQLite.
        found = found.filter(object_key__gte=key_prefix, object_key__lt=key_prefix + "\U0010ffff")
    if after_index is not None:
        found = found.filter(index__gt=after_index)
    return found


def to_retry(run: uuid.UUID) -> QuerySet[IntegrityRecord]:
    """Return what a retry of this run is about: not verified, and not accepted or waived by a person."""
    last = ReviewDecision.objects.filter(review__record=OuterRef("pk")).order_by("-decided_at", "-pk")
    found = IntegrityRecord.objects.filter(run=run, verdict__in=[Verdict.FAILED, Verdict.UNVERIFIED])
    settled_by_a_person = [ReviewDecision.Decision.ACCEPT, ReviewDecision.Decision.WAIVE]
    return found.annotate(decided=Subquery(last.values("decision")[:1])).filter(
        Q(decided__isnull=True) | ~Q(decided__in=settled_by_a_person)
    )


def newest(run: uuid.UUID, limit: int, *, not_verified_only: bool = False) -> list[IntegrityRecord]:
    """Return the latest records of a run, newest first."""
    found = IntegrityRecord.objects.filter(run=run)
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


def _placed(finding: Finding, context: RecordContext) -> dict[str, Any]:
    return {
        "run": context.run,
        "task": context.task,
        "task_name": context.task_name,
        "run_number": context.run_number,
        "batch_number": context.batch_number,
        "source_place": context.source_place,
        "dest_place": context.dest_place,
        "index": finding.index,
        "object_key": finding.key,
        "dest_key": finding.dest_key,
        "created_at": _now(),
    }


def _digests(finding: Finding) -> dict[str, Any]:
    if finding.earlier is not None:
        return _digests_of_then(finding.earlier)
    digests = finding.digests
    if digests is None:
        return {}
    return _values(digests) | {
        "bytes_hashed": digests.size,
        "calculated_etag": finding.calculated_etag,
        "part_count": finding.dest_layout.count if finding.dest_layout else None,
    }


def _digests_of_then(earlier: Earlier) -> dict[str, Any]:
    """Return the digests of the record that is named; nothing was hashed in this run, so no count of bytes."""
    return _values(earlier.digests) | {
        "compared_with": uuid.UUID(earlier.record),
        "calculated_etag": earlier.calculated_etag,
        "part_count": earlier.part_count,
    }


def _values(digests: DigestSet) -> dict[str, Any]:
    return {
        "calculated_md5": digests.md5_hex or "",
        "sha256": digests.sha256_hex or "",
        "crc32": digests.crc32_hex or "",
        "crc32c": digests.crc32c_hex or "",
        "crc64nvme": digests.crc64nvme_hex or "",
    }


def _stated(finding: Finding) -> dict[str, Any]:
    source, dest = finding.source, finding.dest
    return {
        "source_size": source.size if source and source.size is not None else finding.planned_size,
        "source_etag": normalise((source.etag if source else None) or finding.planned_etag),
        "source_version_id": (source.version_id if source else "") or finding.planned_version_id,
        "dest_size": dest.size if dest else None,
        "dest_etag": normalise(dest.etag) if dest and dest.etag else "",
        "dest_version_id": dest.version_id if dest else "",
        "source_facts": _facts(source),
        "dest_facts": _facts(dest),
    }


def _facts(statement: Statement | None) -> dict[str, Any]:
    """Return what else a store said, for the evidence side by side. Names of metadata, never a secret."""
    if statement is None:
        return {}
    return {
        "origin": statement.origin,
        "at": statement.at,
        "request_id": statement.request_id,
        "last_modified": statement.last_modified,
        "encryption": statement.encryption,
        "checksums": dict(statement.checksums),
        "checksum_type": statement.checksum_type,
        "parts_count": statement.parts_count,
        "storage_class": statement.storage_class,
        "content_headers": dict(statement.content_headers),
        "metadata": dict(statement.metadata),
        "tag_count": statement.tag_count,
    }


def _judged(finding: Finding, judgement: Judgement | None) -> dict[str, Any]:
    common = {
        "checks": checks_to_json(finding.checks),
        "notes": list(finding.notes),
        "attempts": max(1, len(finding.attempts)),
        "attempt_log": [
            {
                "number": attempt.number,
                "started_at": attempt.started_at,
                "ended_at": attempt.ended_at,
                "error_code": attempt.error_code,
                "message": attempt.message,
            }
            for attempt in finding.attempts
        ],
        "size_match": _both_legs(
            finding.checks, (CheckName.SOURCE_SIZE, CheckName.READ_LENGTH), (CheckName.DEST_SIZE,)
        ),
        "etag_match": _both_legs(finding.checks, (CheckName.SOURCE_ETAG,), (CheckName.DEST_ETAG,)),
        "md5_match": _both_legs(
            [check for check in finding.checks if not check.expected or "-" not in check.expected],
            (CheckName.SOURCE_ETAG,),
            (CheckName.DEST_ETAG,),
        ),
    }
    if judgement is None:
        return common | {"verdict": "", "reason": SKIPPED, "attempts": 0, "attempt_log": []}
    return common | {
        "verdict": judgement.verdict.value,
        "reason": judgement.reason.value if judgement.reason else "",
        "source_grade": judgement.source_grade.value,
        "dest_grade": judgement.dest_grade.value,
        "is_valid": judgement.verdict is Verdict.VERIFIED,
        "error_code": judgement.error_code.value if judgement.error_code else "",
        "error_message": finding.error_message[:600],
    }


def _both_legs(checks: Sequence[Check], source: tuple[CheckName, ...], dest: tuple[CheckName, ...]) -> bool | None:
    """Return `True` if both legs match, `False` if either mismatches, else `None`: absence never matches."""
    legs = [_leg(checks, source), _leg(checks, dest)]
    if Outcome.MISMATCH in legs:
        return False
    return True if legs == [Outcome.MATCH, Outcome.MATCH] else None


def _leg(checks: Sequence[Check], names: tuple[CheckName, ...]) -> Outcome:
    outcomes = [check.outcome for check in checks if check.name in names]
    if Outcome.MISMATCH in outcomes:
        return Outcome.MISMATCH
    matched = {check.name for check in checks if check.outcome is Outcome.MATCH}
    return Outcome.MATCH if all(name in matched for name in names) else Outcome.NOT_COMPARABLE


def _now() -> datetime:
    return timezone.now()
