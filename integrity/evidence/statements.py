"""Statements: what a store says about one object in one reply.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from integrity.evidence.checks import Origin
from integrity.values import named_value

if TYPE_CHECKING:
    from collections.abc import Mapping


class Encryption(StrEnum):
    """How a reply says that the object is encrypted at rest."""

    NONE = "none"
    SSE_S3 = "sse_s3"
    SSE_KMS = "sse_kms"
    SSE_C = "sse_c"

    @classmethod
    def of(cls, word: str) -> Encryption:
        """Return what S3's own word for it means: `AES256`, `aws:kms`, `aws:kms:dsse`; empty is none."""
        if word.startswith("aws:kms"):
            return cls.SSE_KMS
        return cls.SSE_S3 if word else cls.NONE


@dataclass(frozen=True, slots=True)
class AskedEncryption:
    """What a write asked for, in S3's own words: `AES256`, `aws:kms` or `aws:kms:dsse`, and perhaps a key of KMS.

    The key is an ARN, an id or an alias.
    """

    word: str
    key_id: str = ""

    @property
    def expected(self) -> str:
        """What is to be compared: the word, and the key unless an alias names it, for only the store knows its key."""
        is_alias = self.key_id.startswith("alias/") or ":alias/" in self.key_id
        return self.word if is_alias or not self.key_id else f"{self.word} {self.key_id}"


@named_value
class Statement:
    """What a store says about one object in one reply. Absent is `None` or empty, never a default.

    `etag` is as the store wrote it; `checksums` maps an algorithm's S3 name (`CRC32`, `SHA256`, ...) to the
    store's own base64 text; `metadata` has lower-cased names, but for two that differ in nothing else; times are
    RFC 3339 in UTC. `encryption_word` and `kms_key_id` are S3's own words for the encryption.
    """

    origin: Origin
    at: str = ""
    request_id: str = ""
    size: int | None = None
    etag: str | None = None
    version_id: str = ""
    last_modified: str = ""
    encryption: Encryption = Encryption.NONE
    encryption_word: str = ""
    kms_key_id: str = ""
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str | None = None
    parts_count: int | None = None
    storage_class: str | None = None
    content_headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    missing_metadata: int = 0
    tag_count: int | None = None
