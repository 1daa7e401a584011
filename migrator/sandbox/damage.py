"""What faults do to bytes on the way in, and to bytes already stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from migrator.sandbox.disk import Disk
from migrator.sandbox.errors import LineBroken
from migrator.sandbox.faults import Strike
from migrator.sandbox.rows import Segment

_PIECE = 4096


async def damaged_input(strike: Strike, chunks: AsyncIterator[bytes], length: int) -> AsyncIterator[bytes]:
    """A write's payload, as the fault lets it arrive.

    corrupt_before_hash and flip spoil a byte before the store hashes it; reset, stall and drip act on the line.
    """
    offset, position = strike.offset(length), 0
    async for chunk in chunks:
        inside = 0 <= offset - position < len(chunk)
        if strike.action in ("corrupt_before_hash", "flip") and inside:
            yield flipped(chunk, offset - position, strike.mask())
        elif strike.action == "reset" and (inside or offset < position):
            raise LineBroken
        elif strike.action == "stall" and inside:
            await asyncio.sleep(strike.number(3600))
            yield chunk
        elif strike.action == "drip" and position + len(chunk) > offset:
            await asyncio.sleep(len(chunk) / max(strike.number(1000), 1))
            yield chunk
        else:
            yield chunk
        position += len(chunk)
    if strike.action == "reset":
        raise LineBroken


def spoil_stored(
    strike: Strike | None, disk: Disk, segments: tuple[Segment, ...], size: int
) -> tuple[tuple[Segment, ...], int]:
    """What the disk really keeps, after the digests were taken: (segments, size)."""
    if strike is None or not size:
        return segments, size
    if strike.action == "corrupt_after_ack":
        _flip_on_disk(strike, disk, segments, strike.offset(size))
    if strike.action == "drop_tail":
        return _cut(disk, segments, min(int(strike.number(1)), size)), size - min(int(strike.number(1)), size)
    return segments, size


def flipped(chunk: bytes, offset: int, mask: int) -> bytes:
    return b"%b%c%b" % (chunk[:offset], chunk[offset] ^ mask, chunk[offset + 1 :])


def _flip_on_disk(strike: Strike, disk: Disk, segments: tuple[Segment, ...], offset: int) -> None:
    for name, length in segments:
        if offset < length:
            with disk.path(name).open("r+b") as file:
                file.seek(offset)
                byte = file.read(1)[0] ^ strike.mask()
                file.seek(offset)
                file.write(bytes((byte,)))
            return
        offset -= length


def _cut(disk: Disk, segments: tuple[Segment, ...], dropped: int) -> tuple[Segment, ...]:
    kept = list(segments)
    while dropped:
        name, length = kept.pop()
        if length <= dropped:
            disk.remove([(name, length)])
            dropped -= length
            continue
        with disk.path(name).open("r+b") as file:
            file.truncate(length - dropped)
        kept.append((name, length - dropped))
        dropped = 0
    return tuple(kept)
