"""Statements: what a store says about one object in one reply.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from integrity.evidence.checks import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping


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
