"""The checksums of the S3 API, by formulas of the sandbox's own."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence

from awscrt import checksums as crt

CRC_SIZES = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8}
XXHASH_SIZES = {"XXHASH64": 8, "XXHASH3": 8, "XXHASH128": 16}
DIGEST_SIZES = {**CRC_SIZES, **XXHASH_SIZES, "SHA1": 20, "SHA256": 32, "SHA512": 64, "MD5": 16}

# What the checksum of an object in parts may be, the usual one first: AWS's table.
COMPOSITE, FULL = "COMPOSITE", "FULL_OBJECT"
TYPES = {
    "CRC32": (COMPOSITE, FULL),
    "CRC32C": (COMPOSITE, FULL),
    "CRC64NVME": (FULL,),
    **dict.fromkeys(("SHA1", "SHA256", "SHA512", "MD5", *XXHASH_SIZES), (COMPOSITE,)),
}

_FEED: dict[str, Callable[[bytes, int], int]] = {
    "CRC32": zlib.crc32,
    "CRC32C": crt.crc32c,
    "CRC64NVME": crt.crc64nvme,
}
_COMBINE: dict[str, Callable[[int, int, int], int]] = {
    "CRC32": crt.combine_crc32,
    "CRC32C": crt.combine_crc32c,
    "CRC64NVME": crt.combine_crc64nvme,
}
_XXHASHES: dict[str, Callable[[], crt.XXHash]] = {
    "XXHASH64": crt.XXHash.new_xxhash64,
    "XXHASH3": crt.XXHash.new_xxhash3_64,
    "XXHASH128": crt.XXHash.new_xxhash3_128,
}


class Running:
    """One checksum over bytes as they arrive."""

    __slots__ = ("_crc", "_feed", "_hash", "_xxhash", "algorithm")

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self._crc = 0
        self._feed = _FEED.get(algorithm)
        self._xxhash = _XXHASHES[algorithm]() if algorithm in _XXHASHES else None
        self._hash = None if self._feed or self._xxhash else hashlib.new(algorithm.lower())

    def feed(self, chunk: bytes) -> None:
        if self._feed is not None:
            self._crc = self._feed(chunk, self._crc)
        elif self._hash is not None:
            self._hash.update(chunk)
        elif self._xxhash is not None:
            # It takes nothing but bytes.
            self._xxhash.update(bytes(chunk))

    def raw(self) -> bytes:
        if self._hash is not None:
            return self._hash.digest()
        if self._xxhash is not None:
            return bytes(self._xxhash.finalize())
        return self._crc.to_bytes(CRC_SIZES[self.algorithm], "big")

    def text(self) -> str:
        return base64.b64encode(self.raw()).decode()


def checksum_of(algorithm: str, data: bytes) -> str:
    """The base64 text S3 states for these bytes."""
    running = Running(algorithm)
    running.feed(data)
    return running.text()


def composite(algorithm: str, parts: Sequence[str]) -> str:
    """base64(alg(joined raw part digests))-N, from the parts' base64 texts."""
    joined = b"".join(base64.b64decode(text) for text in parts)
    return f"{checksum_of(algorithm, joined)}-{len(parts)}"


def whole(algorithm: str, parts: Iterable[tuple[str, int]]) -> str:
    """The full-object CRC, from (base64 text, size) of each part in order."""
    crc = 0
    for text, size in parts:
        crc = _COMBINE[algorithm](crc, int.from_bytes(base64.b64decode(text), "big"), size)
    return base64.b64encode(crc.to_bytes(CRC_SIZES[algorithm], "big")).decode()


def multipart_etag(part_md5s: Sequence[bytes]) -> str:
    """MD5 over the raw 16 bytes of each part's MD5, a dash, and the number of parts."""
    return f"{hashlib.md5(b''.join(part_md5s)).hexdigest()}-{len(part_md5s)}"


def constant_etag(parts: int = 0) -> str:
    """The MD5 of no bytes, whatever the bytes are: some stores state it for everything."""
    return hashlib.md5(b"").hexdigest() + (f"-{parts}" if parts else "")


def hex_multipart_etag(part_md5s: Sequence[bytes]) -> str:
    """The well-known wrong formula, over hex text: some stores answer so, none should be believed."""
    joined = "".join(md5.hex() for md5 in part_md5s)
    return f"{hashlib.md5(joined.encode()).hexdigest()}-{len(part_md5s)}"
