"""Driving one line: a thread sends a request and waits for what comes, within its time and while nobody says stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import pycurl

from migrator.engine.errors import Stopped
from migrator.engine.lines import READ_SIZE, Line, LineBroken, raise_unless_cut

_LOOK_AROUND_SECONDS = 0.5
# A body that drips is handed over in smaller pieces: whoever watches its speed, or is asked to stop, must see it move.
_GATHERED_FOR_SECONDS = 1.0


class Driver:
    """One line with a loop of its own, for a thread that waits for the answer."""

    def __init__(self, line: Line, read_seconds: float) -> None:
        self.line = line
        self.should_stop: Callable[[], bool] | None = None
        self._ends_at = math.inf
        self._looks_at = 0.0
        self._multi = pycurl.CurlMulti()
        self._read_seconds = read_seconds
        self._running = False
        self._broken: LineBroken | None = None

    def end_within(self, seconds: float | None) -> None:
        """Give what is to come so many seconds; None for any."""
        self._ends_at = math.inf if seconds is None else time.monotonic() + seconds

    def finish(self) -> None:
        """Send the request and wait until its answer is whole."""
        self._start()
        while self._running:
            self._turn()

    def begin(self) -> None:
        """Send the request and wait for the headers of its answer."""
        try:
            self._start()
            while self._running and not self.line.is_headed:
                self._turn()
        except LineBroken as exc:
            # Headers, bytes and the break can come at once, and what came before the break counts.
            if not self.line.held:
                raise
            self._broken = exc

    def more(self) -> bytes:
        """Return the next bytes of the body, about `READ_SIZE` or what a second has brought; empty at its end.

        Raises `LineBroken` once all that came before the break was taken: the reader goes on from there.
        """
        if self._broken is None:
            try:
                self._gather(READ_SIZE)
            except LineBroken as exc:
                self._broken = exc
        if self._broken is not None and not self.line.held:
            raise self._broken
        return self.line.taken()

    @property
    def is_done(self) -> bool:
        """Whether the answer has come to its end, so that the connection can serve again."""
        return not self._running

    def close(self) -> None:
        """Drop the connection."""
        if self._running:
            self._multi.remove_handle(self.line.easy)
            self._running = False
        self._multi.close()
        self.line.easy.close()

    def _gather(self, count: int) -> None:
        """Wait for so many bytes, or for some where they come slowly."""
        began = quiet_since = time.monotonic()
        held = self.line.held
        while self._running and self.line.held < count:
            self._turn()
            now = time.monotonic()
            if self.line.held > held:
                quiet_since, held = now, self.line.held
            elif now - quiet_since > self._read_seconds:
                raise LineBroken(pycurl.E_OPERATION_TIMEDOUT, "no byte for too long", connected=True)
            if held and now - began >= _GATHERED_FOR_SECONDS:
                return

    def _start(self) -> None:
        self._multi.add_handle(self.line.easy)
        self._running = True
        self._step()

    def _turn(self) -> None:
        self._multi.select(_LOOK_AROUND_SECONDS)
        self._step()
        now = time.monotonic()
        if self._running and now >= self._looks_at:
            self._looks_at = now + _LOOK_AROUND_SECONDS
            self._look_around(now)

    def _look_around(self, now: float) -> None:
        if self.should_stop is not None and self.should_stop():
            raise Stopped
        if now > self._ends_at:
            raise LineBroken(pycurl.E_OPERATION_TIMEDOUT, "not done in time", connected=self.line.is_connected)

    def _step(self) -> None:
        _, running = self._multi.perform()
        if running:
            return
        _, _, failed = self._multi.info_read()
        self._multi.remove_handle(self.line.easy)
        self._running = False
        for _, number, words in failed:
            raise_unless_cut(self.line, number, words)


class Stream:
    """An answer whose body comes as it is asked for."""

    def __init__(self, driver: Driver, give_back: Callable[[Driver], None]) -> None:
        self._driver: Driver | None = driver
        self._give_back = give_back
        self.status, self.headers = driver.line.head()

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes as they come, in pieces of about `READ_SIZE`, smaller ones where they come slowly.

        Raises `LineBroken`.
        """
        while self._driver is not None:
            piece = self._driver.more()
            if piece:
                yield piece
            else:
                self._end()

    def read(self, most: int) -> bytes:
        """Return the whole body, cut at `most` bytes."""
        found = bytearray()
        for chunk in self.chunks():
            found += chunk
            if len(found) >= most:
                break
        return bytes(found[:most])

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else drop it."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def _end(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            self._give_back(driver)
