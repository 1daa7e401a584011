"""Reading the bytes of one object in their order: pinned, watched, limited, and resumed where a body breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from integrity.etags import normalise
from integrity.evidence import Statement
from migrator.engine.errors import (
    EndpointUnreachable,
    NotSupported,
    RangeMismatch,
    RangeRefused,
    SourceTimeout,
    TooSlow,
    UnknownAnswer,
)
from migrator.engine.pacing import sleep_unless_stopped
from migrator.engine.requests import GET
from migrator.engine.stores import Body, Store

MOST_RESUMES = 3
# A line that breaks now and then is resumed for as long as it moves this much in between.
PROGRESS_THAT_COUNTS = 8 * 1024 * 1024
# Under a speed limit a body is handed on in pieces of so many seconds each, but none smaller than this.
_PIECE_SECONDS = 0.125
_SMALLEST_PIECE = 16 * 1024

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Watch:
    """How slow a store may be, counted while we wait for it: over a window, and over the whole of one object.

    Of a window `least_bytes_per_s` are demanded; an object may take `allowance_seconds` and what `least_average` needs
    for its size, resumes and all. That is twice the rate of a window, and half of what each of eight readers gets of a
    line of 1 Mbit/s: no honest line is so slow, and one that keeps beginning anew ends.
    """

    least_bytes_per_s: int = 4096
    window_seconds: float = 60
    allowance_seconds: float = 600
    least_average: int = 8192

    def seconds_for(self, size: int) -> float:
        """Return how long we wait for an object of this size in all."""
        return self.allowance_seconds + size / self.least_average


class RateLimit:
    """A ceiling of bytes a second for all readers of one copier; 0 is none."""

    def __init__(self, bytes_per_s: int | None) -> None:
        self._rate = bytes_per_s or 0
        self._lock = threading.Lock()
        self._free_at = time.monotonic()

    def take(self, count: int, should_stop: Callable[[], bool]) -> None:
        """Sleep until `count` bytes are allowed; raise `Stopped` when asked to stop."""
        if not self._rate:
            return
        with self._lock:
            now = time.monotonic()
            start = max(self._free_at, now - 0.25)
            self._free_at = start + count / self._rate
            wait = self._free_at - now
        sleep_unless_stopped(wait, should_stop)

    def spread(self, chunk: bytes, should_stop: Callable[[], bool]) -> Iterator[bytes]:
        """Yield a chunk in pieces, each as soon as it is allowed; raise `Stopped` when asked to stop.

        A body may be passing straight through, and a destination leaves whom it has not heard for a while.
        """
        if not self._rate:
            yield chunk
            return
        size = max(_SMALLEST_PIECE, int(self._rate * _PIECE_SECONDS))
        for at in range(0, len(chunk), size):
            piece = chunk[at : at + size]
            self.take(len(piece), should_stop)
            yield piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What must be read: the key, the version if any, and the ETag every request is conditional on."""

    store: Store
    bucket: str
    key: str
    version_id: str = ""
    etag: str = ""
    size: int
    checksums: bool = False


@dataclass(slots=True)
class Reader:
    """One read of one object, from its first byte to its last: watched, and resumed where its body breaks."""

    pin: Pin
    watch: Watch = field(default_factory=Watch)
    limit: RateLimit = field(default_factory=lambda: RateLimit(0))
    should_stop: Callable[[], bool] = lambda: False
    statement: Statement | None = None
    resumes: int = 0
    # Seconds in which we waited for the store, its pauses between two bodies included.
    waited: float = 0.0
    _body: Body | None = None

    def close(self) -> None:
        """Drop the connection if the body was not read to its end."""
        self._drop()

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    @property
    def _end(self) -> int:
        """The byte after the last that is read."""
        return self.pin.size

    @property
    def _last_byte(self) -> int | None:
        """The last byte that a request asks for; None where it asks for all that follow."""
        return None

    def _open(self, first_byte: int) -> Body:
        pin = self.pin
        return pin.store.open(
            pin.bucket,
            pin.key,
            version_id=pin.version_id,
            if_match=pin.etag,
            first_byte=first_byte,
            last_byte=self._last_byte,
            checksums=pin.checksums and first_byte == 0,
            should_stop=self.should_stop,
        )

    def _resumed(self, offset: int = 0) -> Iterator[bytes]:
        """Yield the bytes from `offset` on in order, resuming a broken body at the byte where it broke."""
        since_resume = 0
        if self._body is None:
            self._waiting(partial(self._resume, offset))
        while True:
            try:
                for chunk in self._watched():
                    offset += len(chunk)
                    since_resume += len(chunk)
                    yield chunk
                self._require_end(offset)
            except (EndpointUnreachable, SourceTimeout) as exc:
                if offset >= self._end:
                    return
                if since_resume >= PROGRESS_THAT_COUNTS:
                    self.resumes = 0
                self.resumes += 1
                if self.resumes > MOST_RESUMES:
                    raise
                self.pin.store.repeats(GET.name, exc)
                self._drop()
                self._waiting(self._pause)
                self._waiting(partial(self._resume, offset))
                since_resume = 0
            else:
                return

    def _pause(self) -> None:
        self.pin.store.patience.wait(self.resumes, self.should_stop)

    def _resume(self, offset: int) -> None:
        try:
            self._body = body = self._open(offset)
        except (NotSupported, UnknownAnswer) as exc:
            if self._is_whole(offset):
                raise
            raise RangeRefused.by(exc) from exc
        if not self._goes_on(body, offset) or not self._is_same(body.statement):
            self._drop()
            raise RangeMismatch(f"asked for byte {offset}, got {body.status} {body.content_range}")

    def _is_whole(self, offset: int) -> bool:
        """Say whether a request from this byte on is for the whole object, without a range."""
        return not offset and self._last_byte is None

    def _goes_on(self, body: Body, offset: int) -> bool:
        if self._is_whole(offset):
            return body.status == 200
        return body.status == 206 and body.content_range == (offset, self._end - 1, self.pin.size)

    def _is_same(self, said: Statement) -> bool:
        first = self.statement
        if "content-encoding" in said.content_headers and first and "content-encoding" not in first.content_headers:
            # Packed on its way: the rest of another body.
            return False
        return normalise(said.etag or "") == normalise((first.etag if first else None) or "")

    def _require_end(self, offset: int) -> None:
        """Raise `EndpointUnreachable` where a range ended before the byte that it was said to end with."""
        body = self._body
        if body is not None and body.status == 206 and body.content_range and offset <= body.content_range[1]:
            raise EndpointUnreachable(f"{body.content_range[1] + 1 - offset} bytes less than the range has")

    def _watched(self) -> Iterator[bytes]:
        """Pass the body on, counting only the time in which we wait for the store, not that of our own limit."""
        assert self._body is not None
        following = partial(next, self._body.chunks(), None)
        since, arrived = self.waited, 0
        while (chunk := self._waiting(following)) is not None:
            arrived += len(chunk)
            waited = self.waited - since
            if waited >= self.watch.window_seconds:
                if arrived < self.watch.least_bytes_per_s * waited:
                    raise TooSlow(f"{arrived} bytes in {waited:.0f} s")
                since, arrived = self.waited, 0
            yield from self.limit.spread(chunk, self.should_stop)

    def _waiting(self, ask: Callable[[], _T]) -> _T:
        """Return what the store is waited for, and count the time; raise `TooSlow` where the object has had its own."""
        began = time.monotonic()
        try:
            found = ask()
        finally:
            self.waited += time.monotonic() - began
        if self.waited > self.watch.seconds_for(self.pin.size):
            raise TooSlow(f"not done after {self.waited:.0f} s")
        return found


@dataclass(slots=True)
class Stretch(Reader):
    """One stretch of an object by requests of its own, each answered by that very object, none with more or less."""

    first: int = 0
    end: int = 0

    @property
    def _end(self) -> int:
        return self.end

    @property
    def _last_byte(self) -> int | None:
        return self.end - 1

    def begin(self) -> None:
        """Ask for it. Raises what the source says, and `RangeMismatch` for an answer that is another one."""
        self._waiting(partial(self._resume, self.first))

    def read(self) -> Iterator[bytes]:
        """Yield its bytes in order."""
        return self._resumed(self.first)

    def _watched(self) -> Iterator[bytes]:
        assert self._body is not None
        assert self._body.content_range is not None
        first, last, _ = self._body.content_range
        left = last + 1 - first
        # Not by `super()`: a class with slots is made anew, and that would name the one before.
        for chunk in Reader._watched(self):
            if len(chunk) > left:
                raise EndpointUnreachable("more bytes than the range has")
            left -= len(chunk)
            yield chunk
        if left:
            raise EndpointUnreachable(f"{left} bytes less than the range has")
