"""The pass beside a bare loop: what the same digests cost over the same buffers with hashlib and awscrt alone."""

from __future__ import annotations

import hashlib
import os
import statistics
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from awscrt import checksums as crt

from integrity.digests import OnePass
from integrity.layouts import KIB, MIB, Layout

TOTAL = 256 * MIB
PART = 8 * MIB
BUFFERS = (64 * KIB, 512 * KIB, 8 * MIB)
# From here on the pass hashes MD5 and SHA-256 side by side; the bare loop does the same.
PARALLEL_FROM = 256 * KIB


def measure(pairs: int) -> dict[str, object]:
    """Measure both, one after the other, `pairs` times, and print the ratio of the medians."""
    found: dict[str, object] = {}
    for size in BUFFERS:
        for in_parts in (False, True):
            name = f"buffers of {size // KIB} KiB" + (", MD5 of each part too" if in_parts else "")
            found[name] = _ratio(name, _object_loops(size, in_parts=in_parts), TOTAL, pairs)
    found["objects of 4 KiB"] = _ratio("objects of 4 KiB", _small_loops(), 4096 * 20_000, pairs)
    return found


def _ratio(
    name: str, loops: tuple[Callable[[], object], Callable[[], object]], size: int, pairs: int
) -> dict[str, object]:
    ours, bare = loops
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(pairs):
        for loop, seconds in zip((ours, bare), taken, strict=True):
            began = time.perf_counter()
            loop()
            seconds.append(time.perf_counter() - began)
    rates = [size / 1e6 / statistics.median(seconds) for seconds in taken]
    share = 100 * rates[0] / rates[1]
    print(f"{name:<44} the pass {rates[0]:7.0f} MB/s   bare {rates[1]:7.0f} MB/s   {share:5.1f} %")
    return {"mb_per_s": rates[0], "bare_mb_per_s": rates[1], "percent": share, "seconds": taken[0], "bare": taken[1]}


def _object_loops(size: int, *, in_parts: bool) -> tuple[Callable[[], object], Callable[[], object]]:
    buffer = memoryview(os.urandom(size))
    count = TOTAL // size

    def ours() -> object:
        one_pass = OnePass([Layout.uniform(TOTAL, PART)] if in_parts else [])
        for _ in range(count):
            one_pass.feed(buffer)
        return one_pass.result()

    def bare() -> object:
        with ThreadPoolExecutor(2) as pool:
            return _bare(buffer, count, in_parts=in_parts, pool=pool)

    return ours, bare


def _bare(buffer: memoryview, count: int, *, in_parts: bool, pool: ThreadPoolExecutor) -> object:
    """All digests of the pass, with nothing around them: the MD5 of a part is begun anew at each border."""
    md5, sha256, part = hashlib.md5(), hashlib.sha256(), hashlib.md5()
    crc32 = crc32c = crc64 = filled = 0
    found = []
    for _ in range(count):
        jobs = [md5.update, sha256.update, *([part.update] if in_parts else [])]
        if len(buffer) < PARALLEL_FROM:
            for job in jobs:
                job(buffer)
        else:
            waiting = [pool.submit(job, buffer) for job in jobs[1:]]
            jobs[0](buffer)
            for each in waiting:
                each.result()
        crc32 = zlib.crc32(buffer, crc32)
        crc32c = crt.crc32c(buffer, crc32c)
        crc64 = crt.crc64nvme(buffer, crc64)
        filled += len(buffer)
        if in_parts and filled == PART:
            found.append(part.digest())
            part, filled = hashlib.md5(), 0
    return md5.digest(), sha256.digest(), crc32, crc32c, crc64, found


def _small_loops() -> tuple[Callable[[], object], Callable[[], object]]:
    body = os.urandom(4096)

    def ours() -> object:
        for _ in range(20_000):
            one_pass = OnePass()
            one_pass.feed(body)
            one_pass.result()
        return None

    def bare() -> object:
        for _ in range(20_000):
            hashlib.md5(body).digest()
            hashlib.sha256(body).digest()
            zlib.crc32(body)
            crt.crc32c(body)
            crt.crc64nvme(body)
        return None

    return ours, bare
