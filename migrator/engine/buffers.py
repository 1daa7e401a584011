"""Where bytes wait between source and destination: a stated budget of memory, above it a spool folder with a quota."""

from __future__ import annotations

import ctypes
import errno
import mmap
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

from integrity.digests import Buffer
from migrator.engine.errors import LocalDiskFull, Stopped

MIB = 1024 * 1024
DEFAULT_BUDGET = 48 * MIB
DEFAULT_SPOOL_QUOTA = 8 * 1024 * MIB
_HUGE_PAGE = 2 * MIB
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LOOK_FOR_STOP_SECONDS = 0.5


@cache
def give_freed_memory_back() -> bool:
    """Have buffers of a MiB or more returned to the system when they are freed; False where that is not offered.

    glibc raises its limit for that with each large block that is freed, and keeps heaps for each thread: without
    this, a worker ends up holding several times its budget. Once in a process is enough.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, MIB) and mallopt(_M_TRIM_THRESHOLD, 4 * MIB) and mallopt(_M_ARENA_MAX, 2))


class Budget:
    """Bytes that may be held at once, in memory or on disk. First come, first served, so large parts do not starve."""

    def __init__(self, size: int = DEFAULT_BUDGET) -> None:
        self.size = size
        self._free = size
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    def take(self, count: int, should_stop: Callable[[], bool]) -> None:
        """Wait for `count` bytes (at most the whole budget); raise `Stopped` when asked to stop."""
        if should_stop():
            raise Stopped
        wanted, ticket = min(count, self.size), object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or self._free < wanted:
                    if should_stop():
                        raise Stopped
                    self._changed.wait(_LOOK_FOR_STOP_SECONDS)
                self._free -= wanted
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def try_take(self, count: int) -> bool:
        """Take `count` bytes (at most the whole budget) if they are free and nobody waits for some."""
        wanted = min(count, self.size)
        with self._changed:
            if self._waiting or self._free < wanted:
                return False
            self._free -= wanted
            return True

    def give_back(self, count: int) -> None:
        """Return what `take` gave."""
        with self._changed:
            self._free += min(count, self.size)
            self._changed.notify_all()

    @contextmanager
    def held(self, count: int, should_stop: Callable[[], bool]) -> Iterator[None]:
        """Hold `count` bytes for a block."""
        self.take(count, should_stop)
        try:
            yield
        finally:
            self.give_back(count)


@dataclass(frozen=True, slots=True)
class Room:
    """What one part holds of a budget."""

    budget: Budget
    size: int

    def give_back(self) -> None:
        """Leave it to others."""
        self.budget.give_back(self.size)


class MemoryPart:
    """A part, or a whole small object, in memory. `body` may be sent any number of times."""

    def __init__(self, size: int) -> None:
        self._buffer = _pages(size)
        self._filled = 0

    @property
    def body(self) -> memoryview:
        """The bytes."""
        return self._buffer

    def write(self, chunk: Buffer) -> None:
        """Append bytes; there is room for exactly the part."""
        self._buffer[self._filled : self._filled + len(chunk)] = chunk
        self._filled += len(chunk)

    def read_again(self) -> Iterator[Buffer]:
        """Yield what will be sent, to hash it once more."""
        yield self._buffer

    def close(self) -> None:
        """Let the memory go."""
        self._buffer = memoryview(b"")


def _pages(size: int) -> memoryview:
    """Return room for a part, in large pages where the system has them.

    In pages of 4 KiB it costs 0.7 s a GB to be given them and to have them zeroed, twice; in large ones 0.1.
    """
    if size < _HUGE_PAGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return memoryview(bytearray(size))
    room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # Where they are switched off these are pages like any others.
    with suppress(OSError):
        room.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(room)


class HeldPart:
    """A whole small object that somebody else holds in memory."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def read_again(self) -> Iterator[Buffer]:
        """Yield what will be sent, to hash it once more."""
        yield self.body

    def write(self, chunk: Buffer) -> None:
        """Refuse: it is whole."""
        raise ValueError(f"{len(chunk)} bytes more than the whole")

    def close(self) -> None:
        """Let the memory go."""
        self.body = b""


class SpooledPart:
    """A part above the budget, in a file without a name that vanishes with the process."""

    def __init__(self, folder: Path | None) -> None:
        with _disk_full_named():
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`

    @property
    def body(self) -> BinaryIO:
        """The file, at its beginning."""
        self._file.seek(0)
        return self._file

    def write(self, chunk: Buffer) -> None:
        """Append bytes; raise `LocalDiskFull` where there is no room."""
        with _disk_full_named():
            self._file.write(chunk)
            self._file.flush()

    def read_again(self) -> Iterator[Buffer]:
        """Yield what will be sent, to hash it once more."""
        self._file.seek(0)
        while chunk := self._file.read(MIB):
            yield chunk

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


class Pipe:
    """Bytes that go straight through: one thread writes what it has read, another one sends it.

    It holds at most `most` bytes and a chunk. Whoever gives up ends both sides.
    """

    def __init__(self, size: int, most: int) -> None:
        self.size = size
        self._most = most
        self._held: deque[memoryview] = deque()
        self._count = 0
        self._is_broken = False
        self._changed = threading.Condition()

    def write(self, chunk: Buffer) -> bool:
        """Hand over the next bytes, waiting for room; False where nobody takes them any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_broken or self._count < self._most)
            if self._is_broken:
                return False
            self._held.append(memoryview(chunk))
            self._count += len(chunk)
            self._changed.notify_all()
            return True

    def read(self, count: int) -> Buffer | None:
        """Take up to `count` of the next bytes, waiting for them; None where none will come any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_broken or bool(self._held))
            if not self._held:
                return None
            head = self._held[0]
            piece, rest = head[:count], head[count:]
            if rest:
                self._held[0] = rest
            else:
                self._held.popleft()
            self._count -= len(piece)
            self._changed.notify_all()
            return piece

    def give_up(self) -> None:
        """End both sides: nothing more is written, and what was not sent is not sent."""
        with self._changed:
            self._is_broken = True
            self._held.clear()
            self._changed.notify_all()


@contextmanager
def _disk_full_named() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise LocalDiskFull(str(exc)) from exc
        raise


Part = MemoryPart | HeldPart | SpooledPart
