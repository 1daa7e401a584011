"""The algorithms of S3's checksums: their names, and what runs over the bytes for each that is no CRC.

Pure. Names are S3's own. Digests are raw bytes as S3 encodes them: of an XXHash that is its canonical form,
big-endian, with the seed 0.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from awscrt import checksums as crt

if TYPE_CHECKING:
    from collections.abc import Callable


class Algorithm(StrEnum):
    """The digests that can be computed, by their S3 names."""

    MD5 = "MD5"
    SHA256 = "SHA256"
    CRC32 = "CRC32"
    CRC32C = "CRC32C"
    CRC64NVME = "CRC64NVME"
    SHA1 = "SHA1"
    SHA512 = "SHA512"
    XXHASH64 = "XXHASH64"
    XXHASH3 = "XXHASH3"
    XXHASH128 = "XXHASH128"


ALL = frozenset(Algorithm)
# What is computed of every object, each in a field of its own; the others are for who asks.
USUAL = frozenset({Algorithm.MD5, Algorithm.SHA256, Algorithm.CRC32, Algorithm.CRC32C, Algorithm.CRC64NVME})
# CRCs of parts come for nothing from those of the whole; a SHA-256 of each part is for who asks.
FOR_PARTS = USUAL - {Algorithm.SHA256}


class Running(Protocol):
    """A digest over bytes as they come; asking for it ends nothing."""

    def update(self, data: memoryview, /) -> None:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """Return the digest of the bytes so far."""
        ...


class _XxHash:
    """awscrt's XXHash in the manner of hashlib. It takes nothing but `bytes`, hence the small copies."""

    __slots__ = ("_running",)
    _PIECE = 64 * 1024

    def __init__(self, begin: Callable[[], crt.XXHash]) -> None:
        self._running = begin()

    def update(self, data: memoryview, /) -> None:
        for at in range(0, len(data), self._PIECE):
            self._running.update(bytes(data[at : at + self._PIECE]))

    def digest(self) -> bytes:
        return bytes(self._running.finalize())


# How each that is no CRC begins, the longest work first.
HASHES: dict[Algorithm, Callable[[], Running]] = {
    Algorithm.MD5: lambda: hashlib.md5(usedforsecurity=False),
    Algorithm.SHA512: hashlib.sha512,
    Algorithm.SHA256: hashlib.sha256,
    Algorithm.SHA1: lambda: hashlib.sha1(usedforsecurity=False),
    Algorithm.XXHASH64: lambda: _XxHash(crt.XXHash.new_xxhash64),
    Algorithm.XXHASH3: lambda: _XxHash(crt.XXHash.new_xxhash3_64),
    Algorithm.XXHASH128: lambda: _XxHash(crt.XXHash.new_xxhash3_128),
}
