"""S3 checksums: their base64 notation, full and composite.

Pure. A full-object checksum is `base64(digest)`; a composite one is `base64(digest of the joined raw part
digests) + "-N"`. CRCs are written as big-endian integers. Names are S3's own: `CRC32`, `SHA256`, ...
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from awscrt import checksums as crt

from integrity.algorithms import HASHES, Algorithm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MOST_PARTS = 10_000

DIGEST_BYTES = {
    "CRC32": 4,
    "CRC32C": 4,
    "CRC64NVME": 8,
    "MD5": 16,
    "SHA1": 20,
    "SHA256": 32,
    "SHA512": 64,
    "XXHASH64": 8,
    "XXHASH3": 8,
    "XXHASH128": 16,
}
FULL_OBJECT_ONLY = frozenset({"CRC64NVME"})

_TEXT = re.compile(r"([A-Za-z0-9+/]+={0,2})(?:-([1-9][0-9]{0,4}))?", re.ASCII)


class ChecksumType(StrEnum):
    """Whether a checksum is of the object's bytes or of its parts' checksums."""

    FULL_OBJECT = "FULL_OBJECT"
    COMPOSITE = "COMPOSITE"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A checksum that a store wrote: the raw digest, and how many parts a composite one has (else None)."""

    raw: bytes
    parts: int | None


def encode(raw: bytes) -> str:
    """Return a raw digest in S3's notation."""
    return base64.b64encode(raw).decode("ascii")


def encode_crc(algorithm: str, value: int) -> str:
    """Return a CRC in S3's notation: big-endian, base64."""
    return encode(value.to_bytes(DIGEST_BYTES[algorithm], "big"))


def composite(algorithm: str, part_digests: Iterable[bytes]) -> str:
    """Return the composite checksum of raw part digests in order, with its `-N`.

    Raises KeyError for an algorithm that we cannot compute, ValueError for a digest of another length.
    """
    digests = list(part_digests)
    if not digests or any(len(digest) != DIGEST_BYTES[algorithm] for digest in digests):
        raise ValueError(f"{algorithm}: a composite checksum is made of raw part digests, at least one")
    return f"{encode(_digest(algorithm, b''.join(digests)))}-{len(digests)}"


def parse(algorithm: str, text: str) -> Parsed | None:
    """Read a checksum, or return None where it is none of this algorithm."""
    found = _TEXT.fullmatch(text.strip())
    if not found or algorithm not in DIGEST_BYTES:
        return None
    try:
        raw = base64.b64decode(found[1], validate=True)
    except binascii.Error:
        return None
    parts = int(found[2]) if found[2] else None
    if len(raw) != DIGEST_BYTES[algorithm] or (parts is not None and parts > MOST_PARTS):
        return None
    return Parsed(raw, parts)


def type_of(algorithm: str, text: str, stated: str | None) -> ChecksumType | None:
    """Return what kind of checksum a store stated, or None where that is unclear.

    What the store says comes first, then the `-N`; CRC64NVME is always of the full object.
    """
    if stated in (ChecksumType.FULL_OBJECT, ChecksumType.COMPOSITE):
        return ChecksumType(stated)
    parsed = parse(algorithm, text)
    if parsed is not None and parsed.parts is not None:
        return ChecksumType.COMPOSITE
    return ChecksumType.FULL_OBJECT if algorithm in FULL_OBJECT_ONLY else None


def _digest(algorithm: str, data: bytes) -> bytes:
    """Return the digest of joined part digests; KeyError for an algorithm that has no composite form."""
    if algorithm in _CRCS:
        return _CRCS[algorithm](data).to_bytes(DIGEST_BYTES[algorithm], "big")
    running = HASHES[Algorithm(algorithm)]()
    running.update(memoryview(data))
    return running.digest()


_CRCS: dict[str, Callable[[bytes], int]] = {"CRC32": zlib.crc32, "CRC32C": lambda data: int(crt.crc32c(data))}
