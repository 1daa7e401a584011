"""How long to wait before asking again, and how many requests an endpoint gets at once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from migrator.engine.errors import Stopped

_LOOK_FOR_STOP_SECONDS = 0.5
_LAST_MOMENT_SECONDS = 1.0
# After a throttled answer, how many good ones it takes before one more request may be in flight.
GOOD_ANSWERS_PER_STEP = 20


@dataclass(frozen=True, slots=True)
class Patience:
    """Exponential backoff with full jitter: `tries` requests at most, waits of up to `longest` seconds."""

    tries: int = 5
    first_seconds: float = 0.5
    longest_seconds: float = 20.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, tried: int, should_stop: Callable[[], bool] | None = None) -> None:
        """Sleep before the next try, after `tried` of them failed; raise `Stopped` when asked to stop."""
        longest = min(self.longest_seconds, self.first_seconds * 2 ** (tried - 1))
        if longest <= 0:
            return
        seconds = random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret
        if should_stop is None:
            self.sleep(seconds)
        else:
            sleep_unless_stopped(seconds, should_stop, self.sleep)


def sleep_unless_stopped(
    seconds: float, should_stop: Callable[[], bool], sleep: Callable[[float], None] = time.sleep
) -> None:
    """Sleep in short steps, and raise `Stopped` when asked to stop between two of them."""
    while seconds > 0:
        if should_stop():
            raise Stopped
        sleep(min(seconds, _LOOK_FOR_STOP_SECONDS))
        seconds -= _LOOK_FOR_STOP_SECONDS


class LastMoment:
    """A wish to stop that is heard a moment later, so that what is about to arrive may. Threads may share it."""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self._should_stop = should_stop
        self._ends_at: float | None = None

    def is_over(self) -> bool:
        """Say whether it was asked to stop, and the moment is over."""
        if self._ends_at is None and self._should_stop():
            self._ends_at = time.monotonic() + _LAST_MOMENT_SECONDS
        return self._ends_at is not None and time.monotonic() >= self._ends_at


class Pace:
    """A limit of requests in flight at one endpoint: halved when it says so, grown back slowly.

    Each request holds a ticket. One burst of refusals halves the limit once: a ticket from before the last halving
    says nothing new. A request is *fed* whose body is still being read, perhaps at this very endpoint: it waits for a
    place as any other, and takes none from those that it may be waiting for.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = most
        self._in_flight = 0
        self._fed = 0
        self._busiest = 0
        self._good = 0
        self._halvings = 0
        # The lock itself is quicker to take than the condition around it, and most who take it wait for nothing.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    @property
    def limit(self) -> int:
        """Requests that may be in flight now."""
        return self._limit

    @contextmanager
    def slot(self, *, is_fed: bool = False) -> Iterator[int]:
        """Wait for a free place and hold it; gives the ticket."""
        with self._changed:
            while self._in_flight >= self._limit + (0 if is_fed else self._fed):
                self._changed.wait()
            self._fed += is_fed
            ticket = self._enter()
        try:
            yield ticket
        finally:
            self.release(is_fed=is_fed)

    def try_take(self) -> int | None:
        """Take a place if one is free, and return its ticket; `release` gives it back."""
        with self._lock:
            return self._enter() if self._in_flight < self._limit + self._fed else None

    def release(self, *, is_fed: bool = False) -> None:
        """Give a place back."""
        with self._lock:
            self._in_flight -= 1
            self._fed -= is_fed
            # All: the place may be one for whom another wait is not over.
            self._changed.notify_all()

    def throttled(self, ticket: int | None = None) -> None:
        """The endpoint asked us to go slower: half of what was in flight at most."""
        with self._lock:
            if ticket is not None and ticket < self._halvings:
                return
            self._limit = max(1, min(self._limit, self._busiest or self._limit) // 2)
            self._halvings += 1
            self._good = self._busiest = 0

    def went_well(self) -> None:
        """A request was answered."""
        if self._limit == self._most:
            return
        with self._lock:
            self._good += 1
            if self._good >= GOOD_ANSWERS_PER_STEP and self._limit < self._most:
                self._limit += 1
                self._good = 0
                self._changed.notify_all()

    def _enter(self) -> int:
        self._in_flight += 1
        self._busiest = max(self._busiest, self._in_flight)
        return self._halvings
