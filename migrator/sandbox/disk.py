"""Data files: written once, hashed on the way in, never changed afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from migrator.sandbox.checksums import Running
from migrator.sandbox.rows import Segment

PIECE = 256 * 1024
# From this size on hashing leaves the event loop for a thread, where it releases the interpreter.
_OFFLOAD = 128 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """What came in: its size, its digests, and the file that holds it. checksums: base64 texts."""

    size: int
    md5: bytes
    sha256: str
    checksums: dict[str, str]
    segment: Segment | None

    @property
    def segments(self) -> tuple[Segment, ...]:
        return () if self.segment is None else (self.segment,)


class Disk:
    """The data files below one folder: incoming/ while they are written, data/xx/ afterwards."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        (root / "data").mkdir(exist_ok=True)
        self._folders: set[str] = set()

    def path(self, name: str) -> Path:
        """Where a data file lies; its folder is made when it is first asked for."""
        folder = name[:2]
        if folder not in self._folders:
            (self._root / "data" / folder).mkdir(exist_ok=True)
            self._folders.add(folder)
        return self._root / "data" / folder / name

    def sweep(self, needed: Iterable[str]) -> None:
        """Remove what a killed process left behind."""
        for leftover in self._incoming.iterdir():
            leftover.unlink()
        kept = set(needed)
        for folder in (self._root / "data").iterdir():
            for file in folder.iterdir():
                if file.name not in kept:
                    file.unlink()

    def remove(self, segments: Iterable[Segment]) -> None:
        for name, _ in segments:
            self.path(name).unlink(missing_ok=True)

    def link(self, segments: Iterable[Segment]) -> tuple[Segment, ...]:
        """The same bytes under names of their own, without copying them."""
        return tuple((self._link(name), length) for name, length in segments)

    def _link(self, name: str) -> str:
        fresh = secrets.token_hex(16)
        os.link(self.path(name), self.path(fresh))
        return fresh

    async def receive(
        self,
        chunks: AsyncIterator[bytes],
        algorithms: Iterable[str],
        *,
        wants_sha256: bool,
        limit: int,
        too_large: Callable[[], Exception],
    ) -> Received:
        """Write what comes, hashing it in the same pass. Nothing stays behind if the chunks raise."""
        intake = _Intake(self._incoming / secrets.token_hex(16), algorithms, wants_sha256=wants_sha256)
        loop = asyncio.get_running_loop()
        try:
            async for chunk in chunks:
                if intake.size + len(chunk) > limit:
                    raise too_large()
                if len(chunk) < _OFFLOAD:
                    intake.feed(chunk)
                else:
                    await loop.run_in_executor(None, intake.feed, chunk)
            return self._keep(intake)
        finally:
            intake.discard()

    def store(self, data: bytes, algorithms: Iterable[str] = ()) -> Received:
        """The same for bytes at hand."""
        intake = _Intake(self._incoming / secrets.token_hex(16), algorithms, wants_sha256=False)
        try:
            intake.feed(data)
            return self._keep(intake)
        finally:
            intake.discard()

    def adopt(self, path: Path, algorithms: Iterable[str] = (), *, takes_file: bool = False) -> Received:
        """Hash a file and keep it (holes stay holes): linked where possible, moved with takes_file."""
        intake = _Intake(self._incoming / secrets.token_hex(16), algorithms, wants_sha256=False)
        with path.open("rb") as file:
            while piece := file.read(4 * PIECE):
                intake.hash(piece)
        if not intake.size:
            return intake.received(None)
        name = secrets.token_hex(16)
        if takes_file:
            path.replace(self.path(name))
        else:
            _copy_with_holes(path, self.path(name))
        return intake.received((name, intake.size))

    def _keep(self, intake: _Intake) -> Received:
        if not intake.size:
            return intake.received(None)
        name = secrets.token_hex(16)
        intake.move_to(self.path(name))
        return intake.received((name, intake.size))

    def read(self, segments: Iterable[Segment]) -> bytes:
        return b"".join(self.path(name).read_bytes() for name, _ in segments)

    def pieces(self, segments: Iterable[Segment], start: int = 0, end: int | None = None) -> Iterable[bytes]:
        """The bytes from start up to end, piece by piece."""
        position = 0
        for name, length in segments:
            first, last = max(start - position, 0), length if end is None else min(end - position, length)
            position += length
            if first < last:
                yield from _file_pieces(self.path(name), first, last)

    def rehash(self, segments: Iterable[Segment], algorithms: Iterable[str]) -> tuple[bytes, dict[str, str]]:
        """MD5 and checksums of stored bytes, read anew."""
        intake = _Intake(self._incoming / "none", algorithms, wants_sha256=False)
        for piece in self.pieces(segments):
            intake.hash(piece)
        received = intake.received(None)
        return received.md5, received.checksums


class _Intake:
    """One file being written."""

    def __init__(self, path: Path, algorithms: Iterable[str], *, wants_sha256: bool) -> None:
        names = set(algorithms)
        self.size = 0
        self._path = path
        self._file: int | None = None
        self._has_hole_at_end = False
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = Running("SHA256") if wants_sha256 or "SHA256" in names else None
        self._others = [Running(name) for name in sorted(names - {"SHA256"})]
        self._states_sha256 = "SHA256" in names

    def feed(self, chunk: bytes) -> None:
        self.hash(chunk)
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        # A run of zeros becomes a hole, so that a sparse object stays sparse at the destination too.
        if len(chunk) >= 4096 and chunk[0] == 0 == chunk[-1] and chunk == bytes(len(chunk)):
            os.lseek(self._file, len(chunk), os.SEEK_CUR)
            self._has_hole_at_end = True
            return
        view = memoryview(chunk)
        while view:
            view = view[os.write(self._file, view) :]
        self._has_hole_at_end = False

    def hash(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._md5.update(chunk)
        if self._sha256 is not None:
            self._sha256.feed(chunk)
        for running in self._others:
            running.feed(chunk)

    def move_to(self, path: Path) -> None:
        if self._file is not None:
            if self._has_hole_at_end:
                os.ftruncate(self._file, self.size)
            os.close(self._file)
            self._file = None
            self._path.rename(path)

    def discard(self) -> None:
        """Close and remove the file unless it was moved away."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            self._path.unlink(missing_ok=True)

    def received(self, segment: Segment | None) -> Received:
        checksums = {running.algorithm: running.text() for running in self._others}
        if self._sha256 is not None and self._states_sha256:
            checksums["SHA256"] = self._sha256.text()
        sha256 = self._sha256.raw().hex() if self._sha256 is not None else ""
        return Received(self.size, self._md5.digest(), sha256, checksums, segment)


@dataclass(slots=True)
class FileStream:
    """Part of an object, read from the disk as it is sent."""

    disk: Disk
    segments: tuple[Segment, ...]
    start: int
    length: int

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.disk.pieces(self.segments, self.start, self.start + self.length):
            yield piece


def _file_pieces(path: Path, first: int, last: int) -> Iterable[bytes]:
    file = os.open(path, os.O_RDONLY)
    try:
        while first < last:
            piece = os.pread(file, min(PIECE, last - first), first)
            if not piece:
                return
            first += len(piece)
            yield piece
    finally:
        os.close(file)


def _copy_with_holes(source: Path, target: Path) -> None:
    reader, writer = os.open(source, os.O_RDONLY), os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        size, position = os.fstat(reader).st_size, 0
        while position < size:
            try:
                position = os.lseek(reader, position, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(reader, position, os.SEEK_HOLE)
            while position < end:
                position += os.pwrite(writer, os.pread(reader, min(4 * PIECE, end - position), position), position)
        os.ftruncate(writer, size)
    finally:
        os.close(reader)
        os.close(writer)
