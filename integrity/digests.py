"""One pass over the bytes, many digests.

Pure but for the threads that hash large buffers. The pass knows no file, no store and no run: bytes go in,
digests come out. It holds no copy of the data, so its memory does not grow with the object.

A *stream* is a set of running digests that began at some offset. The whole object is the stream that began
at 0, and a part is the stream that began at the part's offset, read out at its end. Layouts whose parts begin
at the same offset share a stream, so two equal layouts cost as much as one, and the first part costs nothing.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import field
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from awscrt import checksums as crt
from isal import isal_zlib

from integrity.algorithms import ALL, FOR_PARTS, HASHES, USUAL, Algorithm
from integrity.part_digests import NOTHING_FURTHER, PartDigest, PartDigests, Values, raw_of
from integrity.threads import side_by_side
from integrity.values import plain_value

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

__all__ = [
    "ALL",
    "FOR_PARTS",
    "PARALLEL_FROM",
    "USUAL",
    "Algorithm",
    "Buffer",
    "DigestSet",
    "OnePass",
    "PartDigest",
    "Tile",
    "Tiling",
    "digest_of",
]

Buffer: TypeAlias = bytes | bytearray | memoryview

# Below this size a hand-over to another thread costs more than it saves.
PARALLEL_FROM = 256 * 1024


class Tile(Protocol):
    """One part of a layout."""

    @property
    def number(self) -> int: ...
    @property
    def length(self) -> int: ...


class Tiling(Protocol):
    """What the pass must know of a part layout: its parts in order, numbered from 1. Equal layouts hash alike."""

    def spans(self) -> Iterator[Tile]: ...
    def __hash__(self) -> int: ...


@plain_value
class DigestSet:
    """What one pass computed. `size` counts the bytes that were fed; None is a digest that was not asked for.

    `further` holds the digests besides the usual five, raw, by S3 name. `parts` holds those layouts that tile
    exactly the bytes that were read, and no others.
    """

    size: int
    md5: bytes | None = None
    sha256: bytes | None = None
    crc32: int | None = None
    crc32c: int | None = None
    crc64nvme: int | None = None
    further: Mapping[str, bytes] = field(default_factory=dict)
    parts: Mapping[Hashable, Sequence[PartDigest]] = field(default_factory=dict)

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
        return raw_of(self, algorithm)

    def part_raws(self, layout: Tiling, algorithm: str) -> tuple[bytes, ...] | None:
        """Return the raw digests of a layout's parts in order, None where they were not computed."""
        raws = [part.raw(algorithm) for part in self.parts.get(layout, ())]
        known = tuple(raw for raw in raws if raw is not None)
        return known if known and len(known) == len(raws) else None

    def part_md5s(self, layout: Tiling) -> tuple[bytes, ...] | None:
        """Return the raw MD5s of a layout's parts in order, None where they were not computed."""
        return self.part_raws(layout, Algorithm.MD5)


def digest_of(
    data: Buffer,
    layouts: Iterable[Tiling] = (),
    algorithms: frozenset[Algorithm] = USUAL,
    part_algorithms: frozenset[Algorithm] | None = None,
) -> DigestSet:
    """Return the digests of bytes that are all in memory."""
    choice, layouts = _choice(algorithms), tuple(layouts)
    if isinstance(data, bytes) and not layouts and not choice.further:
        return _at_once(data, choice)
    one_pass = OnePass(layouts, algorithms, part_algorithms)
    one_pass.feed(data)
    return one_pass.result()


def _at_once(data: bytes, choice: _Choice) -> DigestSet:
    """Return the usual digests by one call each: what a pass keeps to go on with costs as much as a few KiB do.

    All in this thread: whoever has whole objects in memory has many of them, and other threads are busy with others.
    """
    return DigestSet(
        len(data),
        hashlib.md5(data, usedforsecurity=False).digest() if choice.md5 else None,
        hashlib.sha256(data).digest() if choice.sha256 else None,
        isal_zlib.crc32(data) if choice.crc32 else None,
        crt.crc32c(data) if choice.crc32c else None,
        crt.crc64nvme(data) if choice.crc64nvme else None,
    )


class OnePass:
    """Feeds each byte once to every digest, whatever the chunks and the layouts.

    `algorithms` are computed over the whole object, `part_algorithms` over each part of each layout. Feeding
    must not happen from two threads at once. A chunk is not kept: it may be reused when `feed` returns.
    """

    __slots__ = ("_algorithms", "_border", "_cursors", "_one_part", "_parts", "_size", "_streams", "_updates", "_whole")

    def __init__(
        self,
        layouts: Iterable[Tiling] = (),
        algorithms: frozenset[Algorithm] = USUAL,
        part_algorithms: frozenset[Algorithm] | None = None,
    ) -> None:
        """Begin at offset 0. Without `part_algorithms`, parts get the MD5 and the CRCs that the whole gets."""
        of_parts = algorithms & FOR_PARTS if part_algorithms is None else part_algorithms
        self._algorithms, self._parts = _choice(algorithms), _choice(of_parts)
        self._size = 0
        self._one_part: dict[Tiling, int] = {}
        self._cursors: dict[Tiling, _Cursor] = {}
        for layout in layouts:
            self._place(layout)
        has_parts = self._one_part or self._cursors
        self._whole = _Stream(_choice(algorithms | of_parts) if has_parts else self._algorithms)
        self._streams = {0: self._whole}
        self._updates = self._whole.updates()
        self._border = sys.maxsize
        if self._cursors:
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
            self._update(view if length == end else view[at : at + length])
            at += length
            self._size += length
            if self._size == self._border:
                self._cross_border()

    def finished_parts(self, layout: Tiling) -> Sequence[PartDigest]:
        """Return the parts of a layout that have passed completely so far; a view, not to be changed."""
        length = self._one_part.get(layout)
        if length is None:
            return self._cursors[layout].parts
        return (self._whole.read(self._parts, 1, length),) if length == self._size else ()

    def result(self) -> DigestSet:
        """Return the digests of what was fed so far; feeding may go on."""
        parts: dict[Hashable, Sequence[PartDigest]] = {
            layout: cursor.parts
            for layout, cursor in self._cursors.items()
            if cursor.tile is None and cursor.end == self._size
        }
        for layout, length in self._one_part.items():
            if length == self._size:
                parts[layout] = (self._whole.read(self._parts, 1, length),)
        return DigestSet(self._size, *self._whole.values(self._algorithms), parts)

    def _place(self, layout: Tiling) -> None:
        """Give a layout its cursor; the only part of one-part layouts is the whole object and needs none."""
        tiles = layout.spans()
        first, second = next(tiles), next(tiles, None)
        if second is None:
            self._one_part[layout] = first.length
        else:
            self._cursors[layout] = _Cursor(chain((first, second), tiles))

    def _cross_border(self) -> None:
        """Read out the parts that end here, begin those that start here, and find the next border."""
        for cursor in self._cursors.values():
            while cursor.tile is not None and cursor.end == self._size:
                stream = self._streams.get(cursor.start) or _Stream(self._parts)
                cursor.parts.append(cursor.tile.length, stream.values(self._parts))
                cursor.advance()
        open_cursors = [cursor for cursor in self._cursors.values() if cursor.tile is not None]
        starts = {cursor.start for cursor in open_cursors} - {0}
        kept = {start: self._streams.get(start) or _Stream(self._parts) for start in starts}
        self._streams = {0: self._whole, **kept}
        self._updates = tuple(update for stream in self._streams.values() for update in stream.updates())
        self._border = min((cursor.end for cursor in open_cursors), default=sys.maxsize)

    def _update(self, segment: memoryview) -> None:
        """Feed bytes that cross no border to all streams."""
        if len(segment) < PARALLEL_FROM or len(self._updates) < 2:
            for update in self._updates:
                update(segment)
        else:
            side_by_side(self._updates, segment)
        if len(self._streams) == 1:
            self._whole.update_crcs(segment)
        else:
            self._share_crcs(segment)

    def _share_crcs(self, segment: memoryview) -> None:
        """Compute each CRC once over the segment; every stream gets it by combination."""
        alone = _Stream(self._whole.choice.crcs)
        alone.update_crcs(segment)
        for stream in self._streams.values():
            stream.append_crcs(alone, len(segment))


class _Choice(NamedTuple):
    """Which digests to compute, ready to be asked in the hot path."""

    md5: bool
    sha256: bool
    crc32: bool
    crc32c: bool
    crc64nvme: bool
    further: tuple[Algorithm, ...]

    @property
    def crcs(self) -> _Choice:
        """The CRCs among them."""
        return self._replace(md5=False, sha256=False, further=())


@lru_cache(maxsize=64)
def _choice(algorithms: frozenset[Algorithm]) -> _Choice:
    return _Choice(
        md5=Algorithm.MD5 in algorithms,
        sha256=Algorithm.SHA256 in algorithms,
        crc32=Algorithm.CRC32 in algorithms,
        crc32c=Algorithm.CRC32C in algorithms,
        crc64nvme=Algorithm.CRC64NVME in algorithms,
        further=tuple(each for each in HASHES if each in algorithms - USUAL),
    )


class _Stream:
    """Running digests from one offset on."""

    __slots__ = ("choice", "crc32", "crc32c", "crc64nvme", "further", "md5", "sha256")

    def __init__(self, choice: _Choice) -> None:
        self.choice = choice
        self.md5 = hashlib.md5(usedforsecurity=False) if choice.md5 else None
        self.sha256 = hashlib.sha256() if choice.sha256 else None
        # A comprehension over nothing is felt where objects are small.
        self.further = {algorithm: HASHES[algorithm]() for algorithm in choice.further} if choice.further else {}
        self.crc32 = self.crc32c = self.crc64nvme = 0

    def updates(self) -> tuple[Callable[[memoryview], None], ...]:
        """Return what must be called with the next bytes, the longest work first."""
        running = (self.md5, self.sha256, *self.further.values())
        return tuple(each.update for each in running if each is not None)

    def update_crcs(self, segment: memoryview) -> None:
        """Feed the next bytes to the CRCs."""
        if self.choice.crc32:
            self.crc32 = isal_zlib.crc32(segment, self.crc32)
        if self.choice.crc32c:
            self.crc32c = crt.crc32c(segment, self.crc32c)
        if self.choice.crc64nvme:
            self.crc64nvme = crt.crc64nvme(segment, self.crc64nvme)

    def append_crcs(self, following: _Stream, length: int) -> None:
        """Take the CRCs of the next `length` bytes, computed by another stream that began there."""
        self.crc32 = crt.combine_crc32(self.crc32, following.crc32, length)
        self.crc32c = crt.combine_crc32c(self.crc32c, following.crc32c, length)
        self.crc64nvme = crt.combine_crc64nvme(self.crc64nvme, following.crc64nvme, length)

    def values(self, choice: _Choice) -> Values:
        """Return the chosen digests so far; reading ends nothing."""
        return (
            self.md5.digest() if choice.md5 and self.md5 is not None else None,
            self.sha256.digest() if choice.sha256 and self.sha256 is not None else None,
            self.crc32 if choice.crc32 else None,
            self.crc32c if choice.crc32c else None,
            self.crc64nvme if choice.crc64nvme else None,
            {algorithm: self.further[algorithm].digest() for algorithm in choice.further}
            if choice.further
            else NOTHING_FURTHER,
        )

    def read(self, choice: _Choice, number: int, size: int) -> PartDigest:
        """Return the digests so far as those of a part."""
        return PartDigest(number, size, *self.values(choice))


class _Cursor:
    """Where one layout stands: the open part (None after the last), its begin and its end."""

    __slots__ = ("_tiles", "end", "parts", "start", "tile")

    def __init__(self, tiles: Iterator[Tile]) -> None:
        self._tiles = tiles
        self.parts = PartDigests()
        self.tile: Tile | None = None
        self.start = self.end = 0
        self.advance()

    def advance(self) -> None:
        """Open the next part."""
        self.tile = next(self._tiles, None)
        self.start = self.end
        if self.tile is not None:
            self.end += self.tile.length
