"""One pass over the bytes, many digests.

Pure but for the threads that hash large buffers. The pass knows no file, no store and no run: bytes go in,
digests come out. It holds no copy of the data, so its memory does not grow with the object.

A *stream* is a set of running digests that began at some offset. The whole object is the stream that began
at 0, and a part is the stream that began at the part's offset, read out at its end. Layouts whose parts begin
at the same offset share a stream, so two equal layouts cost as much as one, and the first part costs nothing.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from awscrt import checksums as crt

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
    from hashlib import _Hash

Buffer: TypeAlias = bytes | bytearray | memoryview

# Below this size a hand-over to another thread costs more than it saves.
PARALLEL_FROM = 256 * 1024


class Algorithm(StrEnum):
    """The digests of the pass, by their S3 names."""

    MD5 = "MD5"
    SHA256 = "SHA256"
    CRC32 = "CRC32"
    CRC32C = "CRC32C"
    CRC64NVME = "CRC64NVME"


ALL = frozenset(Algorithm)
# CRCs of parts come for nothing from those of the whole; a SHA-256 of each part is for who asks.
FOR_PARTS = ALL - {Algorithm.SHA256}


class Tile(Protocol):
    """One part of a layout."""

    @property
    def number(self) -> int: ...
    @property
    def length(self) -> int: ...


class Tiling(Protocol):
    """What the pass must know of a part layout: its parts in order. Equal layouts hash alike."""

    def spans(self) -> Iterator[Tile]: ...
    def __hash__(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDigest:
    """The digests of one part; None is one that was not asked for. `size` is in bytes, numbers start at 1."""

    number: int
    size: int
    md5: bytes | None = None
    sha256: bytes | None = None
    crc32: int | None = None
    crc32c: int | None = None
    crc64nvme: int | None = None

    def raw(self, algorithm: str) -> bytes | None:
        """Return the digest of that S3 name as raw bytes, None where there is none."""
        return _raw(self, algorithm)


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestSet:
    """What one pass computed. `size` counts the bytes that were fed; None is a digest that was not asked for.

    `parts` holds those layouts that tile exactly the bytes that were read, and no others.
    """

    size: int
    md5: bytes | None = None
    sha256: bytes | None = None
    crc32: int | None = None
    crc32c: int | None = None
    crc64nvme: int | None = None
    parts: Mapping[Hashable, tuple[PartDigest, ...]]

    @property
    def md5_hex(self) -> str | None:
        """The MD5 as 32 hex digits."""
        return None if self.md5 is None else self.md5.hex()

    @property
    def sha256_hex(self) -> str | None:
        """The SHA-256 as 64 hex digits."""
        return None if self.sha256 is None else self.sha256.hex()

    @property
    def crc32_hex(self) -> str | None:
        """The CRC32 as 8 hex digits."""
        return None if self.crc32 is None else f"{self.crc32:08x}"

    @property
    def crc32c_hex(self) -> str | None:
        """The CRC32C as 8 hex digits."""
        return None if self.crc32c is None else f"{self.crc32c:08x}"

    @property
    def crc64nvme_hex(self) -> str | None:
        """The CRC64NVME as 16 hex digits."""
        return None if self.crc64nvme is None else f"{self.crc64nvme:016x}"

    def raw(self, algorithm: str) -> bytes | None:
        """Return the digest of that S3 name as raw bytes, None where there is none."""
        return _raw(self, algorithm)

    def part_raws(self, layout: Tiling, algorithm: str) -> tuple[bytes, ...] | None:
        """Return the raw digests of a layout's parts in order, None where they were not computed."""
        raws = [part.raw(algorithm) for part in self.parts.get(layout, ())]
        known = tuple(raw for raw in raws if raw is not None)
        return known if known and len(known) == len(raws) else None

    def part_md5s(self, layout: Tiling) -> tuple[bytes, ...] | None:
        """Return the raw MD5s of a layout's parts in order, None where they were not computed."""
        return self.part_raws(layout, Algorithm.MD5)


def digest_of(
    data: Buffer, layouts: Iterable[Tiling] = (), algorithms: frozenset[Algorithm] = ALL
) -> DigestSet:
    """Return the digests of bytes that are all in memory."""
    one_pass = OnePass(layouts, algorithms)
    one_pass.feed(data)
    return one_pass.result()


class OnePass:
    """Feeds each byte once to every digest, whatever the chunks and the layouts.

    `algorithms` are computed over the whole object, `part_algorithms` over each part of each layout. Feeding
    must not happen from two threads at once. A chunk is not kept: it may be reused when `feed` returns.
    """

    def __init__(
        self,
        layouts: Iterable[Tiling] = (),
        algorithms: frozenset[Algorithm] = ALL,
        part_algorithms: frozenset[Algorithm] | None = None,
    ) -> None:
        """Begin at offset 0. Without `part_algorithms`, parts get what the whole gets, except for SHA-256."""
        self._part_algorithms = algorithms & FOR_PARTS if part_algorithms is None else part_algorithms
        self._algorithms = algorithms
        self._size = 0
        self._cursors = {layout: _Cursor(layout) for layout in layouts}
        self._whole = _Stream(algorithms | self._part_algorithms if self._cursors else algorithms)
        self._streams = {0: self._whole}
        self._border = 0
        self._cross_border()

    @property
    def size(self) -> int:
        """The bytes fed so far."""
        return self._size

    def feed(self, chunk: Buffer) -> None:
        """Take the next bytes of the object; a chunk that crosses a border of a layout is split there."""
        view = memoryview(chunk)
        if view.format != "B" or view.ndim != 1:
            view = view.cast("B")
        at, end = 0, len(view)
        while at < end:
            length = min(end - at, self._border - self._size)
            self._update(view[at : at + length])
            at += length
            self._size += length
            if self._size == self._border:
                self._cross_border()

    def finished_parts(self, layout: Tiling) -> tuple[PartDigest, ...]:
        """Return the parts of a layout that have passed completely so far."""
        return tuple(self._cursors[layout].parts)

    def result(self) -> DigestSet:
        """Return the digests of what was fed so far; feeding may go on."""
        whole = self._whole.read(self._algorithms, 0, self._size)
        return DigestSet(
            size=self._size,
            md5=whole.md5,
            sha256=whole.sha256,
            crc32=whole.crc32,
            crc32c=whole.crc32c,
            crc64nvme=whole.crc64nvme,
            parts={
                layout: tuple(cursor.parts)
                for layout, cursor in self._cursors.items()
                if cursor.tile is None and cursor.end == self._size
            },
        )

    def _cross_border(self) -> None:
        """Read out the parts that end here, begin those that start here, and find the next border."""
        for cursor in self._cursors.values():
            while cursor.tile is not None and cursor.end == self._size:
                stream = self._streams.get(cursor.start) or _Stream(self._part_algorithms)
                length = cursor.tile.length
                cursor.parts.append(stream.read(self._part_algorithms, cursor.tile.number, length))
                cursor.advance()
        open_cursors = [cursor for cursor in self._cursors.values() if cursor.tile is not None]
        starts = {cursor.start for cursor in open_cursors} - {0}
        kept = {start: self._streams.get(start) or _Stream(self._part_algorithms) for start in starts}
        self._streams = {0: self._whole, **kept}
        self._border = min((cursor.end for cursor in open_cursors), default=sys.maxsize)

    def _update(self, segment: memoryview) -> None:
        """Feed bytes that cross no border to all streams."""
        streams = list(self._streams.values())
        jobs = [update for stream in streams for update in stream.hash_updates()]
        if len(segment) < PARALLEL_FROM or len(jobs) < 2:
            for job in jobs:
                job(segment)
        else:
            _side_by_side(jobs, segment)
        self._update_crcs(streams, segment)

    def _update_crcs(self, streams: Sequence[_Stream], segment: memoryview) -> None:
        """Compute each CRC once over the segment; every stream gets it by combination."""
        wanted = self._whole.algorithms | (self._part_algorithms if len(streams) > 1 else frozenset())
        crc32 = zlib.crc32(segment) if Algorithm.CRC32 in wanted else 0
        crc32c = crt.crc32c(segment) if Algorithm.CRC32C in wanted else 0
        crc64nvme = crt.crc64nvme(segment) if Algorithm.CRC64NVME in wanted else 0
        for stream in streams:
            stream.append_crcs(crc32, crc32c, crc64nvme, len(segment))


class _Stream:
    """Running digests from one offset on."""

    __slots__ = ("algorithms", "crc32", "crc32c", "crc64nvme", "md5", "sha256", "size")

    def __init__(self, algorithms: frozenset[Algorithm]) -> None:
        self.algorithms = algorithms
        self.size = 0
        self.md5: _Hash | None = None
        self.sha256: _Hash | None = None
        if Algorithm.MD5 in algorithms:
            self.md5 = hashlib.md5(usedforsecurity=False)
        if Algorithm.SHA256 in algorithms:
            self.sha256 = hashlib.sha256()
        self.crc32 = self.crc32c = self.crc64nvme = 0

    def hash_updates(self) -> Iterator[Callable[[memoryview], None]]:
        """Yield what must be called with the next bytes, the longest work first."""
        if self.md5 is not None:
            yield self.md5.update
        if self.sha256 is not None:
            yield self.sha256.update

    def append_crcs(self, crc32: int, crc32c: int, crc64nvme: int, length: int) -> None:
        """Take the CRCs of the next `length` bytes."""
        if self.size == 0:
            self.crc32, self.crc32c, self.crc64nvme = crc32, crc32c, crc64nvme
        else:
            self.crc32 = crt.combine_crc32(self.crc32, crc32, length)
            self.crc32c = crt.combine_crc32c(self.crc32c, crc32c, length)
            self.crc64nvme = crt.combine_crc64nvme(self.crc64nvme, crc64nvme, length)
        self.size += length

    def read(self, algorithms: frozenset[Algorithm], number: int, size: int) -> PartDigest:
        """Return the digests so far; reading ends nothing."""
        return PartDigest(
            number=number,
            size=size,
            md5=self.md5.digest() if self.md5 is not None and Algorithm.MD5 in algorithms else None,
            sha256=self.sha256.digest()
            if self.sha256 is not None and Algorithm.SHA256 in algorithms
            else None,
            crc32=self.crc32 if Algorithm.CRC32 in algorithms else None,
            crc32c=self.crc32c if Algorithm.CRC32C in algorithms else None,
            crc64nvme=self.crc64nvme if Algorithm.CRC64NVME in algorithms else None,
        )


class _Cursor:
    """Where one layout stands: the open part (None after the last), its begin and its end."""

    __slots__ = ("_tiles", "end", "parts", "start", "tile")

    def __init__(self, layout: Tiling) -> None:
        self._tiles = layout.spans()
        self.parts: list[PartDigest] = []
        self.tile: Tile | None = None
        self.start = self.end = 0
        self.advance()

    def advance(self) -> None:
        """Open the next part."""
        self.tile = next(self._tiles, None)
        self.start = self.end
        if self.tile is not None:
            self.end += self.tile.length


def _raw(digests: PartDigest | DigestSet, algorithm: str) -> bytes | None:
    match algorithm:
        case Algorithm.MD5:
            return digests.md5
        case Algorithm.SHA256:
            return digests.sha256
        case Algorithm.CRC32:
            return None if digests.crc32 is None else digests.crc32.to_bytes(4, "big")
        case Algorithm.CRC32C:
            return None if digests.crc32c is None else digests.crc32c.to_bytes(4, "big")
        case Algorithm.CRC64NVME:
            return None if digests.crc64nvme is None else digests.crc64nvme.to_bytes(8, "big")
    return None


def _side_by_side(jobs: Sequence[Callable[[memoryview], None]], segment: memoryview) -> None:
    """Run the jobs in several threads and return when all are done; hashlib releases the GIL.

    The calling thread does the first job and then whatever no other thread has begun, so a busy pool delays
    nobody and a job never waits for another.
    """
    pool = _executor()
    handed_over: list[tuple[Future[None], Callable[[memoryview], None]]] = [
        (pool.submit(job, segment), job) for job in jobs[1:]
    ]
    jobs[0](segment)
    for future, job in reversed(handed_over):
        if future.cancel():
            job(segment)
    for future, _ in handed_over:
        if not future.cancelled():
            future.result()


_pool: ThreadPoolExecutor | None = None
_pool_lock = threading.Lock()


def _executor() -> ThreadPoolExecutor:
    """Return this process's threads for hashing, started when first needed."""
    global _pool
    with _pool_lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2), thread_name_prefix="hashing")
        return _pool


def _forget_executor() -> None:
    """Forget the parent's threads: they do not exist in a forked child."""
    global _pool, _pool_lock
    _pool = None
    _pool_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_executor)
