"""Facts: what a store says about an object, what we computed, and the checks between the two.

Pure. The closed lists of this module are the ones of the rules of evidence; a test compares them.
A finding is a value: a mismatch is a check, and a check never raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integrity.digests import DigestSet
    from integrity.layouts import Layout


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
    WORKER_CRASH = "worker_crash"
    INTERNAL_ERROR = "internal_error"


class Origin(StrEnum):
    """Which request a statement was taken from."""

    LISTING = "listing"
    GET = "get"
    HEAD = "head"
    ATTRIBUTES = "attributes"
    PART_REPLY = "part_reply"
    PUT_REPLY = "put_reply"
    COMPLETE_REPLY = "complete_reply"
    READBACK = "readback"


class Encryption(StrEnum):
    """How a reply says that the object is encrypted at rest."""

    NONE = "none"
    SSE_S3 = "sse_s3"
    SSE_KMS = "sse_kms"
    SSE_C = "sse_c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a store says about one object in one reply. Absent is `None` or empty, never a default.

    `etag` is as the store wrote it; `checksums` maps an algorithm's S3 name (`CRC32`, `SHA256`, ...) to the
    store's own base64 text; `metadata` has lower-cased names; times are RFC 3339 in UTC.
    """

    origin: Origin
    at: str = ""
    request_id: str = ""
    size: int | None = None
    etag: str | None = None
    version_id: str = ""
    last_modified: str = ""
    encryption: Encryption = Encryption.NONE
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str | None = None
    parts_count: int | None = None
    storage_class: str | None = None
    content_headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    missing_metadata: int = 0
    tag_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Two pieces of evidence compared. `expected` is ours, `observed` the store's, in the store's notation."""

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
        values_present = self.expected is not None and self.observed is not None
        if self.outcome is Outcome.MATCH and not (values_present and self.expected == self.observed):
            raise ValueError(f"{self.name}: a match needs two equal values")
        if self.outcome is Outcome.MISMATCH and not (values_present and self.expected != self.observed):
            raise ValueError(f"{self.name}: a mismatch needs two different values")
        if (self.outcome is Outcome.NOT_COMPARABLE) != (self.reason is not None):
            raise ValueError(f"{self.name}: a reason belongs to not_comparable, and only there")


class Proof(StrEnum):
    """How a store treats a digest that is wrong: the outcome of the negative control."""

    REJECTS = "rejects"
    IGNORES = "ignores"
    ECHOES = "echoes"
    REFUSES = "refuses"
    UNKNOWN = "unknown"


class EtagMeaning(StrEnum):
    """What an ETag of this bucket is made of."""

    MD5 = "md5"
    FORMULA = "formula"
    ECHO = "echo"
    OPAQUE = "opaque"
    DISPROVED = "disproved"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The dated, probed facts about one bucket. Whatever is not known counts as the weakest value."""

    probed_at: str = ""
    etag_single: EtagMeaning = EtagMeaning.UNKNOWN
    etag_multipart: EtagMeaning = EtagMeaning.UNKNOWN
    content_md5: Proof = Proof.UNKNOWN
    payload_sha256: Proof = Proof.UNKNOWN
    checksums: Mapping[str, Proof] = field(default_factory=dict)
    complete_checksum: Proof = Proof.UNKNOWN
    etag_stable: bool | None = None
    if_match_get: bool | None = None
    range_get: bool | None = None
    part_number: bool | None = None
    attributes: bool | None = None
    if_none_match_put: bool | None = None
    if_none_match_complete: bool | None = None
    if_match_put: bool | None = None
    listing_etag: bool | None = None
    listing_size: bool | None = None
    encoding_type: bool | None = None
    checksum_mode: bool | None = None
    metadata: bool | None = None
    versioning: bool | None = None
    sse_default: Encryption | None = None
    clock_skew_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at an item and how it ended; `error_code` is empty for the one that settled it."""

    number: int
    started_at: str
    ended_at: str
    error_code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """All that is known of one item when its work has ended; what a record is made of.

    `source_layout` and `dest_layout` are the part layouts that were used (`None`: not known);
    `error_code` is empty unless the operation itself ended in an error; judging is left to `verdicts`.
    `skipped` is true for an item that an earlier verified record covers: nothing was copied.
    """

    index: int
    key: str
    dest_key: str
    planned_size: int
    planned_etag: str
    planned_version_id: str = ""
    planned_last_modified: str = ""
    checks: tuple[Check, ...] = ()
    source: Statement | None = None
    dest: Statement | None = None
    digests: DigestSet | None = None
    source_layout: Layout | None = None
    dest_layout: Layout | None = None
    layout_learned: str = ""
    calculated_etag: str = ""
    error_code: ErrorCode | None = None
    error_message: str = ""
    store_code: str = ""
    attempts: tuple[Attempt, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: bool = False
    bytes_read: int = 0
    bytes_written: int = 0
    started_at: str = ""
    finished_at: str = ""
