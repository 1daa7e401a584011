"""Checks: two pieces of evidence compared, and the closed lists of what they can say.

Pure. A finding is a value: a mismatch is a check, and a check never raises.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from integrity.values import named_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Outcome(StrEnum):
    """What comparing two pieces of evidence gave."""

    MATCH = "match"
    MISMATCH = "mismatch"
    NOT_COMPARABLE = "not_comparable"


class CheckName(StrEnum):
    """The closed list of checks, byte checks first, in the order in which a mismatch is named."""

    SOURCE_IDENTITY = "source_identity"
    SOURCE_SIZE = "source_size"
    READ_LENGTH = "read_length"
    SOURCE_ETAG = "source_etag"
    SOURCE_CHECKSUM = "source_checksum"
    SOURCE_REREAD = "source_reread"
    SOURCE_UNCHANGED = "source_unchanged"
    PART_ETAGS = "part_etags"
    PART_CHECKSUMS = "part_checksums"
    WRITE_DIGEST = "write_digest"
    DEST_SIZE = "dest_size"
    DEST_ETAG = "dest_etag"
    DEST_CHECKSUM = "dest_checksum"
    DEST_IDENTITY = "dest_identity"
    DEST_READBACK = "dest_readback"
    PAIR_DIGEST = "pair_digest"
    CONTENT_HEADERS = "content_headers"
    USER_METADATA = "user_metadata"
    TAGS = "tags"
    STORAGE_CLASS = "storage_class"
    ENCRYPTION = "encryption"


FIDELITY_CHECKS = frozenset(
    {
        CheckName.CONTENT_HEADERS,
        CheckName.USER_METADATA,
        CheckName.TAGS,
        CheckName.STORAGE_CLASS,
        CheckName.ENCRYPTION,
    }
)


class Reason(StrEnum):
    """Why two pieces of evidence could not be compared. Closed."""

    ETAG_ABSENT = "etag_absent"
    ETAG_OPAQUE = "etag_opaque"
    ETAG_SEMANTICS_UNKNOWN = "etag_semantics_unknown"
    ETAG_SEMANTICS_DISPROVED = "etag_semantics_disproved"
    SSE_KMS = "sse_kms"
    SSE_C = "sse_c"
    LAYOUT_UNKNOWN = "layout_unknown"
    LAYOUTS_DIFFER = "layouts_differ"
    CHECKSUM_ABSENT = "checksum_absent"
    CHECKSUM_TYPE_UNKNOWN = "checksum_type_unknown"
    ALGORITHM_UNAVAILABLE = "algorithm_unavailable"
    STORE_UNPROVEN = "store_unproven"
    NOT_SUPPORTED = "not_supported"
    NOT_PERMITTED = "not_permitted"
    NOT_REQUESTED = "not_requested"
    NOT_COPIED = "not_copied"
    NOT_REACHED = "not_reached"
    INCOMPLETE_AT_SOURCE = "incomplete_at_source"


class ErrorCode(StrEnum):
    """Why an item failed. Closed; the code of a record is one of these."""

    SOURCE_SIZE_MISMATCH = "source_size_mismatch"
    SHORT_READ = "short_read"
    SOURCE_ETAG_MISMATCH = "source_etag_mismatch"
    SOURCE_CHECKSUM_MISMATCH = "source_checksum_mismatch"
    SOURCE_READS_DISAGREE = "source_reads_disagree"
    PART_ETAG_MISMATCH = "part_etag_mismatch"
    PART_CHECKSUM_MISMATCH = "part_checksum_mismatch"
    DIGEST_REJECTED = "digest_rejected"
    DEST_SIZE_MISMATCH = "dest_size_mismatch"
    DEST_ETAG_MISMATCH = "dest_etag_mismatch"
    DEST_CHECKSUM_MISMATCH = "dest_checksum_mismatch"
    DEST_READBACK_MISMATCH = "dest_readback_mismatch"
    PAIR_DIGEST_MISMATCH = "pair_digest_mismatch"
    SOURCE_CHANGED = "source_changed"
    DEST_CHANGED_AFTER_WRITE = "dest_changed_after_write"
    CONTENT_HEADERS_MISMATCH = "content_headers_mismatch"
    USER_METADATA_MISMATCH = "user_metadata_mismatch"
    TAGS_MISMATCH = "tags_mismatch"
    STORAGE_CLASS_MISMATCH = "storage_class_mismatch"
    ENCRYPTION_MISMATCH = "encryption_mismatch"
    SOURCE_GONE = "source_gone"
    LISTED_NOT_FOUND = "listed_not_found"
    ARCHIVED = "archived"
    TRANSCODED_BY_STORE = "transcoded_by_store"
    RANGE_MISMATCH = "range_mismatch"
    SOURCE_TIMEOUT = "source_timeout"
    TOO_SLOW = "too_slow"
    COMPLETE_FAILED = "complete_failed"
    DEST_MISSING = "dest_missing"
    DEST_EXISTS = "dest_exists"
    DEST_LOCKED = "dest_locked"
    DEST_CONFIG = "dest_config"
    KEY_TOO_LONG = "key_too_long"
    KEY_INVALID = "key_invalid"
    OBJECT_TOO_LARGE = "object_too_large"
    ACCESS_DENIED = "access_denied"
    THROTTLED = "throttled"
    STORE_ERROR = "store_error"
    ENDPOINT_UNREACHABLE = "endpoint_unreachable"
    ENDPOINT_BLOCKED = "endpoint_blocked"
    TLS_ERROR = "tls_error"
    LOCAL_MEMORY_CORRUPTION = "local_memory_corruption"
    VERSION_BEFORE_FAILED = "version_before_failed"
    WORKER_CRASH = "worker_crash"
    INTERNAL_ERROR = "internal_error"


class Origin(StrEnum):
    """Which request a statement was taken from."""

    LISTING = "listing"
    GET = "get"
    HEAD = "head"
    ATTRIBUTES = "attributes"
    PART_REPLY = "part_reply"
    PART_LISTING = "part_listing"
    PUT_REPLY = "put_reply"
    COMPLETE_REPLY = "complete_reply"
    READBACK = "readback"


# Checks are made twenty to an object; a global is found faster than a member of an enumeration.
_MATCH, _NOT_COMPARABLE = Outcome.MATCH, Outcome.NOT_COMPARABLE


@named_value
class Check:
    """Two pieces of evidence compared: `expected` is ours, `observed` the store's, in its notation.

    ETags stand without quotes. `at` is RFC 3339 in UTC; `algorithm` is an S3 name such as `MD5` or `CRC64NVME`.
    """

    name: CheckName
    outcome: Outcome
    reason: Reason | None = None
    expected: str | None = None
    observed: str | None = None
    algorithm: str | None = None
    origin: Origin | None = None
    at: str = ""
    request_id: str = ""
    attempt: int = 1

    def __post_init__(self) -> None:
        """Refuse a check that claims what its values do not show."""
        if self.outcome is _NOT_COMPARABLE:
            if self.reason is None:
                raise ValueError(f"{self.name}: what is not comparable needs a reason")
            return
        if self.reason is not None:
            raise ValueError(f"{self.name}: a reason belongs to not_comparable, and only there")
        if self.expected is None or self.observed is None:
            raise ValueError(f"{self.name}: a {self.outcome} needs two values")
        if (self.expected == self.observed) is not (self.outcome is _MATCH):
            raise ValueError(f"{self.name}: a match needs two equal values, a mismatch two different ones")

    @property
    def code(self) -> ErrorCode | None:
        """The failure code of a mismatch, else None."""
        if self.outcome is not Outcome.MISMATCH:
            return None
        if self.name is CheckName.READ_LENGTH and _number(self.observed) > _number(self.expected):
            return ErrorCode.SOURCE_SIZE_MISMATCH
        return MISMATCH_CODES[self.name]


MISMATCH_CODES = {
    CheckName.SOURCE_IDENTITY: ErrorCode.SOURCE_CHANGED,
    CheckName.SOURCE_SIZE: ErrorCode.SOURCE_SIZE_MISMATCH,
    CheckName.READ_LENGTH: ErrorCode.SHORT_READ,
    CheckName.SOURCE_ETAG: ErrorCode.SOURCE_ETAG_MISMATCH,
    CheckName.SOURCE_CHECKSUM: ErrorCode.SOURCE_CHECKSUM_MISMATCH,
    CheckName.SOURCE_REREAD: ErrorCode.SOURCE_READS_DISAGREE,
    CheckName.SOURCE_UNCHANGED: ErrorCode.SOURCE_CHANGED,
    CheckName.PART_ETAGS: ErrorCode.PART_ETAG_MISMATCH,
    CheckName.PART_CHECKSUMS: ErrorCode.PART_CHECKSUM_MISMATCH,
    CheckName.WRITE_DIGEST: ErrorCode.DIGEST_REJECTED,
    CheckName.DEST_SIZE: ErrorCode.DEST_SIZE_MISMATCH,
    CheckName.DEST_ETAG: ErrorCode.DEST_ETAG_MISMATCH,
    CheckName.DEST_CHECKSUM: ErrorCode.DEST_CHECKSUM_MISMATCH,
    CheckName.DEST_IDENTITY: ErrorCode.DEST_CHANGED_AFTER_WRITE,
    CheckName.DEST_READBACK: ErrorCode.DEST_READBACK_MISMATCH,
    CheckName.PAIR_DIGEST: ErrorCode.PAIR_DIGEST_MISMATCH,
    CheckName.CONTENT_HEADERS: ErrorCode.CONTENT_HEADERS_MISMATCH,
    CheckName.USER_METADATA: ErrorCode.USER_METADATA_MISMATCH,
    CheckName.TAGS: ErrorCode.TAGS_MISMATCH,
    CheckName.STORAGE_CLASS: ErrorCode.STORAGE_CLASS_MISMATCH,
    CheckName.ENCRYPTION: ErrorCode.ENCRYPTION_MISMATCH,
}


def first_mismatch(checks: Iterable[Check]) -> Check | None:
    """Return the mismatch of a byte check that names the failure, or None; the order of `checks` does not matter.

    The engine asks this before it commits a destination: bytes known to be wrong are never committed.
    """
    wrong = [check for check in checks if check.outcome is Outcome.MISMATCH and check.name not in FIDELITY_CHECKS]
    return min(wrong, key=lambda check: (_ORDER[check.name], str(check.code))) if wrong else None


_ORDER = {name: place for place, name in enumerate(CheckName)}


def checks_to_json(checks: Iterable[Check]) -> list[dict[str, str | int | None]]:
    """Return checks as plain values, every field by its name; absent values are None, absent texts empty."""
    return [_check_to_json(check) for check in checks]


def checks_from_json(rows: Iterable[Mapping[str, str | int | None]]) -> tuple[Check, ...]:
    """Read what `checks_to_json` wrote; raise ValueError for a check that claims what its values do not show."""
    return tuple(_check_from_json(row) for row in rows)


def _check_to_json(check: Check) -> dict[str, str | int | None]:
    # The enumerations are texts already.
    return {
        "name": check.name,
        "outcome": check.outcome,
        "reason": check.reason,
        "expected": check.expected,
        "observed": check.observed,
        "algorithm": check.algorithm,
        "origin": check.origin,
        "at": check.at,
        "request_id": check.request_id,
        "attempt": check.attempt,
    }


def _check_from_json(row: Mapping[str, str | int | None]) -> Check:
    reason, origin = row.get("reason"), row.get("origin")
    return Check(
        name=CheckName(str(row["name"])),
        outcome=Outcome(str(row["outcome"])),
        reason=Reason(str(reason)) if reason else None,
        expected=_text(row.get("expected")),
        observed=_text(row.get("observed")),
        algorithm=_text(row.get("algorithm")),
        origin=Origin(str(origin)) if origin else None,
        at=str(row.get("at") or ""),
        request_id=str(row.get("request_id") or ""),
        attempt=int(row.get("attempt") or 1),
    )


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0
