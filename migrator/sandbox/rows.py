"""What the index keeps of buckets, versions, uploads and parts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields

# A data file and its length.
Segment = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Bucket:
    """versioning: "", Enabled or Suspended. encryption: "", AES256, aws:kms or aws:kms:dsse."""

    name: str
    owner: str
    created: float
    versioning: str = ""
    encryption: str = ""
    kms_key: str = ""
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PartFact:
    """What is kept of a part once its upload is complete. checksum: base64, or ""."""

    number: int
    size: int
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an object carries besides its bytes. Header values are latin-1 text, exactly as received.

    headers: content headers by their wire names. metadata: user metadata without the prefix.
    encryption: "", AES256, aws:kms, aws:kms:dsse or customer. customer_key: MD5 of an SSE-C key, base64.
    is_named: the client chose the checksum algorithm itself.
    """

    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    tags: tuple[tuple[str, str], ...] = ()
    checksums: dict[str, str] = field(default_factory=dict)
    checksum_type: str = ""
    is_named: bool = False
    parts: tuple[PartFact, ...] = ()
    encryption: str = ""
    kms_key: str = ""
    customer_key: str = ""
    website_redirect: str = ""
    is_locked: bool = False

    def to_json(self) -> str:
        plain = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        plain["parts"] = [(part.number, part.size, part.checksum) for part in self.parts]
        return json.dumps(plain, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Facts:
        raw = json.loads(text)
        raw["tags"] = tuple((name, value) for name, value in raw["tags"])
        raw["parts"] = tuple(PartFact(*part) for part in raw["parts"])
        return cls(**raw)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one object, or a delete marker. segments: data files and their lengths, in order."""

    bucket: str
    key: str
    version_id: str
    size: int
    etag: str
    modified: float
    storage_class: str = "STANDARD"
    segments: tuple[Segment, ...] = ()
    facts: Facts = field(default_factory=Facts)
    is_marker: bool = False
    is_latest: bool = True
    visible_at: float = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a listing."""

    key: str
    size: int
    etag: str
    modified: float
    storage_class: str
    version_id: str = ""
    is_latest: bool = True
    is_marker: bool = False


@dataclass(frozen=True, slots=True)
class Upload:
    """An open multipart upload. algorithm and checksum_type: what its parts and its whole are checked by."""

    id: str
    bucket: str
    key: str
    created: float
    algorithm: str
    checksum_type: str
    is_named: bool
    facts: Facts
    storage_class: str = "STANDARD"
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One stored part. checksums: base64 texts by algorithm."""

    number: int
    size: int
    md5: bytes
    etag: str
    modified: float
    segments: tuple[Segment, ...]
    checksums: dict[str, str]
