"""The row of one finding, judged, and how rows enter the database.

A model instance for each would cost several times what the row does, so rows are plain mappings of column to value
until somebody asks for a record.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
from django.db import connection, models
from django.utils import timezone

from integrity import ledger
from integrity.etags import kind, normalise
from integrity.evidence import CheckName, Finding, Outcome, Statement, checks_to_json
from integrity.keys import as_text, in_base64
from integrity.models import IntegrityRecord
from integrity.verdicts import Judgement, Policy, Verdict, judge

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.backends.utils import CursorWrapper

    from integrity.digests import DigestSet
    from integrity.evidence import Attempt, Check, Earlier, Repeat

Row: TypeAlias = dict[str, Any]

SKIPPED = "already_verified"

# SQLite's driver lets go of the interpreter for each statement, and where other threads compute it gets that back only
# after milliseconds. SQLite takes 32,766 values in a statement, PostgreSQL 65,535.
_ROWS_TOGETHER = 50

_FIELDS = tuple(IntegrityRecord._meta.concrete_fields)
# The fields that make a record what it is: all but its own name in the database and the digest over them.
DIGESTED_FIELDS = tuple(field.attname for field in _FIELDS if field.attname not in ("id", "record_digest"))
_digested_in_order = itemgetter(*DIGESTED_FIELDS)
_values_in_order = itemgetter(*(field.attname for field in _FIELDS))
_BLANK: Row = {field.attname: field.get_default() for field in _FIELDS if field.has_default()}


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


def rows_of(findings: Iterable[Finding], context: RecordContext) -> list[Row]:
    """Return the rows of findings that are written together, each judged under the policy of its run.

    Each a microsecond after the one before it: of two records of a key the later one is the newer one.
    """
    made_at = timezone.now()
    return [row_of(each, context, made_at + timedelta(microseconds=place)) for place, each in enumerate(findings)]


def row_of(finding: Finding, context: RecordContext, made_at: datetime | None = None) -> Row:
    """Return the row of one finding, judged under the policy of its run; made now unless said otherwise."""
    judgement = None if finding.skipped else judge(finding.checks, context.policy, finding.error_code)
    row = {
        **_BLANK,
        "source_facts": {},
        "dest_facts": {},
        "source_size": None,
        "bytes_hashed": None,
        "dest_size": None,
        "part_count": None,
        "compared_with": None,
        **_placed(finding, context, made_at or timezone.now()),
        **_digests(finding),
        **_stated(finding),
        **_judged(finding, judgement),
    }
    row["id"] = _new_id()
    row["record_digest"] = digest_of(row)
    return row


def _new_id() -> uuid.UUID:
    """Return an id that begins with the time, so that an index takes those of a group side by side.

    Random ones would each touch a page of its own. It is no secret, so the system is not asked for the random rest,
    for which a thread lets go of the interpreter. Source: RFC 9562, version 7.
    """
    milliseconds = time.time_ns() // 1_000_000
    return uuid.UUID(
        int=milliseconds << 80 | 0x7 << 76 | random.getrandbits(12) << 64 | 0b10 << 62 | random.getrandbits(62)
    )


def digest_of(row: Row) -> str:
    """Return the digest that `record_digest` must hold for this row."""
    fields = dict(zip(DIGESTED_FIELDS, _digested_in_order(row), strict=True))
    if fields["compared_with"] is None:
        # Records made before there was this field keep their digest.
        del fields["compared_with"]
    return ledger.record_digest(fields)


def needs_a_person(row: Row) -> bool:
    """Say whether this row opens a review."""
    return row["verdict"] in (Verdict.FAILED, Verdict.UNVERIFIED)


def insert(rows: Sequence[Row]) -> None:
    """Write rows, many by one statement. Call inside a transaction, under the fence."""
    whole = len(rows) - len(rows) % _ROWS_TOGETHER
    with connection.cursor() as cursor:
        _insert_by(cursor, _ROWS_TOGETHER, rows[:whole])
        _insert_by(cursor, 1, rows[whole:])


def _insert_by(cursor: CursorWrapper, count: int, rows: Sequence[Row]) -> None:
    """Write rows, so many by each statement; their number must be a multiple of it."""
    if not rows:
        return
    columns = ", ".join(f'"{field.column}"' for field in _FIELDS)
    places = "(" + ", ".join(["%s"] * len(_FIELDS)) + ")"
    table = IntegrityRecord._meta.db_table
    written = _Written()
    cursor.executemany(
        f'INSERT INTO "{table}" ({columns}) VALUES {", ".join([places] * count)}',  # noqa: S608 - names of our own model
        [
            [value for row in rows[at : at + count] for value in written.values_of(row)]
            for at in range(0, len(rows), count)
        ],
    )


class _Written:
    """How the driver of this database takes the values of a row: most of them as they are."""

    def __init__(self) -> None:
        writers = [(place, _writer(field)) for place, field in enumerate(_FIELDS)]
        self._changed = [(place, write) for place, write in writers if write is not None]

    def values_of(self, row: Row) -> list[Any]:
        """Return the values of a row in the order of the columns."""
        values = list(_values_in_order(row))
        for place, write in self._changed:
            values[place] = write(values[place])
        return values


def _writer(field: models.Field[Any, Any]) -> Callable[[Any], Any] | None:
    """Return what makes a value of this field one that the driver takes; None where it takes it as it is."""
    if isinstance(field, models.JSONField):
        return _json
    if isinstance(field, models.UUIDField) and not connection.features.has_native_uuid_field:
        return lambda value: None if value is None else value.hex
    if isinstance(field, models.DateTimeField):
        return connection.ops.adapt_datetimefield_value
    return None


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value)


def _placed(finding: Finding, context: RecordContext, made_at: datetime) -> Row:
    return {
        "run": context.run,
        "task": context.task,
        "task_name": context.task_name,
        "run_number": context.run_number,
        "batch_number": context.batch_number,
        "source_place": context.source_place,
        "dest_place": context.dest_place,
        "index": finding.index,
        "object_key": as_text(finding.key),
        "dest_key": as_text(finding.dest_key),
        "created_at": made_at,
    }


def _digests(finding: Finding) -> Row:
    if finding.earlier is not None:
        return _digests_of_then(finding.earlier, finding.checks)
    digests = finding.digests
    if digests is None:
        return {}
    return _values(digests) | {
        "bytes_hashed": digests.size,
        "calculated_etag": finding.calculated_etag,
        "part_count": finding.dest_layout.count if finding.dest_layout else None,
    }


def _digests_of_then(earlier: Earlier, checks: Iterable[Check]) -> Row:
    """Return the digests of the record that is named; nothing was hashed in this run, so no count of bytes.

    The destination may be cut into other parts by now, of which our ETag was computed then too.
    """
    etag = next((each.expected for each in checks if _is_of_parts_there(each)), None) or earlier.calculated_etag
    return _values(earlier.digests) | {
        "compared_with": uuid.UUID(earlier.record),
        "calculated_etag": etag,
        "part_count": kind(etag).parts or earlier.part_count,
    }


def _is_of_parts_there(check: Check) -> bool:
    is_match = check.name is CheckName.DEST_ETAG and check.outcome is Outcome.MATCH
    return is_match and "-" in (check.expected or "")


def _values(digests: DigestSet) -> Row:
    return {
        "calculated_md5": digests.md5_hex or "",
        "sha256": digests.sha256_hex or "",
        "crc32": digests.crc32_hex or "",
        "crc32c": digests.crc32c_hex or "",
        "crc64nvme": digests.crc64nvme_hex or "",
    }


def _stated(finding: Finding) -> Row:
    source, dest = finding.source, finding.dest
    return {
        "source_size": source.size if source and source.size is not None else finding.planned_size,
        "source_etag": normalise((source.etag if source else None) or finding.planned_etag),
        "source_version_id": (source.version_id if source else "") or finding.planned_version_id,
        "dest_size": dest.size if dest else None,
        "dest_etag": normalise(dest.etag) if dest and dest.etag else "",
        "dest_version_id": (dest.version_id if dest else "") or finding.written_version_id,
        "source_facts": _named(finding.key) | _facts(source),
        "dest_facts": _named(finding.dest_key) | _facts(dest),
    }


def _named(key: str) -> Row:
    """Return the very key where the one that the record shows is not it."""
    coded = in_base64(key)
    return {"key_base64": coded} if coded else {}


def _facts(statement: Statement | None) -> Row:
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


def _judged(finding: Finding, judgement: Judgement | None) -> Row:
    summed_up = [check for check in finding.checks if check.name in _SUMMED_UP]
    etags = [check for check in summed_up if check.name in _ETAGS]
    md5s = [check for check in etags if not check.expected or "-" not in check.expected]
    sizes = [check for check in summed_up if check.name in _SIZES]
    common = {
        "checks": checks_to_json(finding.checks),
        "notes": list(finding.notes),
        "attempts": max(1, len(finding.attempts)),
        "attempt_log": [_attempt(each) for each in finding.attempts],
        "size_match": _all_match(sizes, _SIZES),
        "etag_match": _all_match(etags, _ETAGS),
        "md5_match": _all_match(md5s, _ETAGS),
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


def _attempt(attempt: Attempt) -> Row:
    """Return an attempt as the record holds it; where no request was made again, as it was before that was kept."""
    row: Row = {
        "number": attempt.number,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "error_code": attempt.error_code,
        "message": attempt.message,
    }
    if attempt.repeats:
        row["repeats"] = [_repeat(each) for each in attempt.repeats]
    if attempt.more_repeats:
        row["more_repeats"] = attempt.more_repeats
    return row


def _repeat(repeat: Repeat) -> Row:
    return {
        "side": repeat.side,
        "operation": repeat.operation,
        "reason": repeat.reason,
        "store_code": repeat.store_code,
        "count": repeat.count,
        "first_at": repeat.first_at,
        "last_at": repeat.last_at,
    }


# The checks that three columns sum up.
_ETAGS = frozenset({CheckName.SOURCE_ETAG, CheckName.DEST_ETAG})
_SIZES = frozenset({CheckName.SOURCE_SIZE, CheckName.READ_LENGTH, CheckName.DEST_SIZE})
_SUMMED_UP = _ETAGS | _SIZES


def _all_match(checks: Iterable[Check], names: Iterable[CheckName]) -> bool | None:
    """Return `True` if both legs match, `False` if either mismatches, else `None`: absence never matches."""
    matched = set()
    for check in checks:
        if check.outcome is Outcome.MISMATCH:
            return False
        if check.outcome is Outcome.MATCH:
            matched.add(check.name)
    return True if matched.issuperset(names) else None
