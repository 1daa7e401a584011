"""A wider window for a lone large object whose source gives one connection less than the line could carry.

A connection to a store carries so much and no more. Many objects fill a line by their number; one that a copier has
for itself does so by ranges: several stretches of it are on their way at once, ahead of whoever reads them in order.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from migrator.engine.buffers import Budget
from migrator.engine.errors import Stopped

_MIB = 1024 * 1024

# Gives the bytes from the first to before the end, in order; leaves with `Stopped` where the last says so.
Fetch = Callable[[int, int, Callable[[], bool]], Generator[bytes]]


@dataclass(frozen=True, slots=True)
class Widening:
    """When one request is too little for an object, and how wide it is read then.

    At least `least_left` bytes are to come, and over `seconds` more than `least_share` of the time went into waiting
    for the source. Then up to `at_once` requests for `stretch` bytes each are in flight: so many that the wait for an
    answer hardly counts. What is not `least_gain` times as quick as the one request was is given up.
    """

    least_left: int = 256 * _MIB
    stretch: int = 8 * _MIB
    at_once: int = 4
    seconds: float = 5
    least_share: float = 0.5
    least_gain: float = 1.15


@dataclass(frozen=True, slots=True)
class Lone:
    """What a reader must know of the copier around it to widen, and what it learns there.

    `is_lone`: the copier has this one object at work and nothing waiting. `refused` is set once this source answers
    ranges with something else.
    """

    widening: Widening
    budget: Budget
    is_lone: threading.Event
    refused: threading.Event

    def may_widen(self, left: int) -> bool:
        """Say whether the object may be read by ranges, if its source is what it waits for."""
        has_room = 2 * self.widening.stretch <= self.budget.size // 2
        is_large = left >= self.widening.least_left
        return is_large and has_room and self.is_lone.is_set() and not self.refused.is_set()


@dataclass(frozen=True, slots=True)
class Measured:
    """What came in a second over the last stretch of time, and which share of that went into waiting for the source."""

    bytes_per_s: float
    share: float


class Gauge:
    """Measures how a body comes, over one span of `seconds` after the other."""

    def __init__(self, seconds: float, waited: float) -> None:
        self._seconds = seconds
        self._began, self._waited, self._count = time.monotonic(), waited, 0

    def add(self, count: int, waited: float) -> Measured | None:
        """Take what has come and how long was waited in all; return what a span gave when it is over."""
        self._count += count
        now = time.monotonic()
        took = now - self._began
        if took < self._seconds:
            return None
        found = Measured(self._count / took, (waited - self._waited) / took)
        self._began, self._waited, self._count = now, waited, 0
        return found


@dataclass(slots=True)
class _Lane:
    """One stretch on its way, what of it has come and was not taken, and what it still holds of the budget."""

    first: int
    end: int
    held: int
    pieces: deque[bytes] = field(default_factory=deque)
    is_done: bool = False
    problem: BaseException | None = None
    thread: threading.Thread | None = None


class Window:
    """The bytes of an object from `first` to before `end`, by stretches that are fetched ahead in threads.

    It holds half the budget at most, and takes only what is free while nobody waits for memory: a part needs half of
    it at most, so whoever reads here always comes to have the next one. What a stretch raises is raised in its turn.
    """

    def __init__(
        self, fetch: Fetch, first: int, end: int, widening: Widening, budget: Budget, should_stop: Callable[[], bool]
    ) -> None:
        self._fetch = fetch
        self._next = first
        self._end = end
        self._widening = widening
        self._budget = budget
        self._should_stop = should_stop
        self._lanes: deque[_Lane] = deque()
        self._is_ending = False
        self._is_given_up = False
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[bytes]:
        self._send()
        while self._lanes or self._is_more:
            yield from self._ahead() if self._lanes else self._alone()
            self._send()

    @property
    def next_byte(self) -> int:
        """The first byte that was never asked for here."""
        return self._next

    def finish(self) -> None:
        """Ask for no more: the bytes end where what is on its way ends."""
        self._is_ending = True

    def close(self) -> None:
        """Give up what is on its way, and wait until nothing is."""
        self._is_given_up = True
        for lane in self._lanes:
            if lane.thread is not None:
                lane.thread.join()
            self._budget.give_back(lane.held)
        self._lanes.clear()

    @property
    def _is_more(self) -> bool:
        return self._next < self._end and not self._is_ending

    def _gives_up(self) -> bool:
        return self._is_given_up or self._should_stop()

    def _cut(self) -> tuple[int, int]:
        first, self._next = self._next, min(self._next + self._widening.stretch, self._end)
        return first, self._next

    def _send(self) -> None:
        """Send for the stretches that follow, as far as there are places and memory."""
        while self._is_more and len(self._lanes) < self._widening.at_once:
            size = min(self._widening.stretch, self._end - self._next)
            held = sum(lane.held for lane in self._lanes)
            if held + size > self._budget.size // 2 or not self._budget.try_take(size):
                return
            lane = _Lane(*self._cut(), size)
            thread = threading.Thread(target=self._fill, args=(lane,), name="window", daemon=True)
            self._lanes.append(lane)
            thread.start()
            lane.thread = thread

    def _fill(self, lane: _Lane) -> None:
        problem: BaseException | None = None
        try:
            with closing(self._fetch(lane.first, lane.end, self._gives_up)) as pieces:
                for piece in pieces:
                    self._put(lane, piece)
        except BaseException as exc:  # noqa: BLE001 - it is raised to whoever reads
            problem = exc
        with self._changed:
            lane.problem, lane.is_done = problem, True
            self._changed.notify_all()

    def _put(self, lane: _Lane, piece: bytes) -> None:
        if self._gives_up():
            raise Stopped
        with self._changed:
            lane.pieces.append(piece)
            self._changed.notify_all()

    def _ahead(self) -> Iterator[bytes]:
        """Yield the stretch that is the first in order, while it comes."""
        lane = self._lanes[0]
        while (piece := self._taken(lane)) is not None:
            # It is held by whoever reads now, as a piece of one request is.
            lane.held -= len(piece)
            self._budget.give_back(len(piece))
            yield piece
            self._send()
        self._lanes.popleft()
        self._budget.give_back(lane.held)

    def _taken(self, lane: _Lane) -> bytes | None:
        with self._changed:
            # A wish to stop is heard by who fetches, and comes from there.
            self._changed.wait_for(lambda: lane.pieces or lane.is_done)
            if lane.pieces:
                return lane.pieces.popleft()
        if lane.problem is not None:
            raise lane.problem
        return None

    def _alone(self) -> Iterator[bytes]:
        """Yield one stretch as it comes: there is no memory for more."""
        with closing(self._fetch(*self._cut(), self._gives_up)) as pieces:
            yield from pieces
