"""One record as plain values: the shape that the API answers and that every report holds.

Times are RFC 3339 in UTC, sizes are bytes, and what is not known is `None`, never an empty text and never 0.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from integrity.evidence import not_carried

if TYPE_CHECKING:
    from integrity.models import IntegrityRecord

# In the order in which a reader asks: what, from where, what was said and computed, what it adds up to.
TEXTS = (
    "object_key",
    "dest_key",
    "source_place",
    "dest_place",
    "source_version_id",
    "dest_version_id",
    "source_etag",
    "dest_etag",
    "calculated_etag",
    "calculated_md5",
    "sha256",
    "crc32",
    "crc32c",
    "crc64nvme",
)
NUMBERS = ("source_size", "dest_size", "bytes_hashed", "part_count")
MATCHES = ("etag_match", "size_match", "md5_match")
JUDGED = ("verdict", "reason", "source_grade", "dest_grade")
ERRORS = ("error_code", "error_message")


def record_facts(record: IntegrityRecord) -> dict[str, Any]:
    """Return every field of a record under the name that the API gives it."""
    return {
        "id": str(record.pk),
        "task": str(record.task),
        "task_name": record.task_name,
        "run": str(record.run),
        "run_number": record.run_number,
        "batch_number": record.batch_number,
        "index": record.index,
        **{name: getattr(record, name) or None for name in TEXTS},
        **{name: getattr(record, name) for name in (*NUMBERS, *MATCHES)},
        "compared_with": str(record.compared_with) if record.compared_with else None,
        "checks": record.checks,
        "not_carried": list(not_carried(record.checks, record.notes)),
        **{name: getattr(record, name) or None for name in JUDGED},
        "notes": record.notes,
        "is_valid": record.is_valid,
        "attempts": record.attempts,
        "attempt_log": record.attempt_log,
        **{name: getattr(record, name) or None for name in ERRORS},
        "source_facts": record.source_facts,
        "dest_facts": record.dest_facts,
        "record_digest": record.record_digest,
        "created_at": utc_text(record.created_at),
    }


def utc_text(moment: datetime) -> str:
    """Return a time as the records write it, to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
