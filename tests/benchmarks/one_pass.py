"""What the one pass over the bytes costs beside a bare loop that computes the same digests of the same buffers.

The bare loop is hashlib, isal and awscrt and nothing else: no layouts, no borders, no results but the digests. It
hashes in as many threads as the pass does: in one below `PARALLEL_FROM`, above it MD5 in the calling thread and each
other hash in a thread of a pool; the CRCs come last, one after the other. With parts there is an MD5 for each part
besides.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from awscrt import checksums as crt
from isal import isal_zlib

from integrity.digests import PARALLEL_FROM, Algorithm, OnePass, digest_of
from integrity.layouts import Layout
from tests.benchmarks.sets import KIB, MIB

PART = 16 * MIB
BUFFERS = (64 * KIB, 512 * KIB, 8 * MIB)
_SMALL = 4 * KIB
_ONLY_MD5 = frozenset({Algorithm.MD5})


@dataclass(frozen=True, slots=True)
class Pairs:
    """The seconds of the bare loop and of the pass, in turns, over so many bytes.

    `alone` has what each digest takes by itself, once over the same buffers in one thread.
    """

    figure: str
    size: int
    bare: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    alone: Mapping[str, float] = field(default_factory=dict)


# What takes the buffers, one after the other. A CRC begins anew with each of them, which costs it the same.
_ALONE: Mapping[str, Callable[[], Callable[[bytes | memoryview], object]]] = {
    "MD5": lambda: hashlib.md5().update,
    "SHA-256": lambda: hashlib.sha256().update,
    "CRC32": lambda: isal_zlib.crc32,
    "CRC32C": lambda: crt.crc32c,
    "CRC64NVME": lambda: crt.crc64nvme,
}


def measured(pairs: int, *, quick: bool) -> Iterator[Pairs]:
    """Measure every kind of buffers in turns."""
    size = (32 if quick else 512) * MIB
    block = random.Random(7).randbytes(32 * MIB)
    with ThreadPoolExecutor() as pool:
        for length in BUFFERS:
            buffers = cut(block, length) * (size // len(block))
            alone = each_alone(buffers)
            for parts in (False, True):
                figure = f"buffers of {length // KIB} KiB" + (", MD5 of parts" if parts else "")
                found = in_turns(Pairs(figure, size), pairs, *streams(buffers, size, parts, pool))
                yield replace(found, alone=alone)
        # As they come from the line.
        objects = [bytes(one) for one in cut(block, _SMALL)] * (1 if quick else 4)
        found = in_turns(Pairs("an object of 4 KiB each", len(objects) * _SMALL), pairs, *objects_each(objects))
        yield replace(found, alone=each_alone(objects))


def in_turns(found: Pairs, pairs: int, bare: Callable[[], object], ours: Callable[[], object]) -> Pairs:
    """Take each figure so often, and each first every other time; both must say the same."""
    sides = [(bare, found.bare), (ours, found.ours)]
    for _ in range(pairs):
        said = []
        for work, seconds in sides:
            began = time.perf_counter()
            said.append(work())
            seconds.append(time.perf_counter() - began)
        if said[0] != said[1]:
            raise SystemExit(f"{found.figure}: the pass and the bare loop disagree")
        sides.reverse()
    return found


def each_alone(buffers: Iterable[bytes | memoryview]) -> dict[str, float]:
    """Return the seconds of each digest for itself."""
    seconds = {}
    for name, begun in _ALONE.items():
        feed = begun()
        began = time.perf_counter()
        for buffer in buffers:
            feed(buffer)
        seconds[name] = time.perf_counter() - began
    return seconds


def streams(
    buffers: Sequence[memoryview], size: int, parts: bool, pool: ThreadPoolExecutor
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return the two ways to digest one large object that arrives in such buffers."""
    layout = Layout.uniform(size, PART)

    def bare() -> object:
        return _bare_loop(buffers, PART if parts else None, pool)

    def ours() -> object:
        one_pass = OnePass([layout] if parts else (), part_algorithms=_ONLY_MD5)
        for buffer in buffers:
            one_pass.feed(buffer)
        said = one_pass.result()
        whole = (said.md5, said.sha256, said.crc32, said.crc32c, said.crc64nvme)
        return whole, list(said.part_md5s(layout) or ())

    return bare, ours


def _bare_loop(buffers: Sequence[memoryview], part_size: int | None, pool: ThreadPoolExecutor) -> object:
    md5, sha256, part = hashlib.md5(), hashlib.sha256(), hashlib.md5()
    crc32 = crc32c = crc64nvme = 0
    part_md5s, left = list[bytes](), part_size or 0
    for buffer in buffers:
        others = [sha256.update] if part_size is None else [sha256.update, part.update]
        if len(buffer) < PARALLEL_FROM:
            md5.update(buffer)
            for update in others:
                update(buffer)
        else:
            jobs = [pool.submit(update, buffer) for update in others]
            md5.update(buffer)
            for job in jobs:
                job.result()
        crc32 = isal_zlib.crc32(buffer, crc32)
        crc32c = crt.crc32c(buffer, crc32c)
        crc64nvme = crt.crc64nvme(buffer, crc64nvme)
        left -= len(buffer)
        if part_size is not None and not left:
            part_md5s.append(part.digest())
            part, left = hashlib.md5(), part_size
    return (md5.digest(), sha256.digest(), crc32, crc32c, crc64nvme), part_md5s


def objects_each(objects: Sequence[bytes]) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return the two ways to digest small objects, each for itself."""

    def bare() -> object:
        for one in objects:
            said = (
                hashlib.md5(one).digest(),
                hashlib.sha256(one).digest(),
                isal_zlib.crc32(one),
                crt.crc32c(one),
                crt.crc64nvme(one),
            )
        return said

    def ours() -> object:
        for one in objects:
            said = digest_of(one)
        return said.md5, said.sha256, said.crc32, said.crc32c, said.crc64nvme

    return bare, ours


def cut(block: bytes, length: int) -> list[memoryview]:
    view = memoryview(block)
    return [view[at : at + length] for at in range(0, len(block), length)]
