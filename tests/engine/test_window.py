"""A window over one body, without any store: order, memory, and what becomes of it when it is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator

import pytest

from migrator.engine.buffers import Budget
from migrator.engine.errors import EndpointUnreachable, Stopped
from migrator.engine.window import Fetch, Widening, Window

BODY = bytes(range(200)) * 5
SIZE = len(BODY)
NARROW = Widening(stretch=100, at_once=3)


class Bodies:
    """Gives the stretches of a body in pieces of ten bytes, and remembers what it was asked for."""

    def __init__(self, *, breaks_at: int = SIZE, waits_from: int = SIZE) -> None:
        self.asked: list[tuple[int, int]] = []
        self._breaks_at = breaks_at
        self._waits_from = waits_from

    def fetch(self, first: int, end: int, should_stop: Callable[[], bool]) -> Generator[bytes]:
        self.asked.append((first, end))
        for at in range(first, end, 10):
            if at >= self._breaks_at:
                raise EndpointUnreachable("broken")
            while at >= self._waits_from:
                if should_stop():
                    raise Stopped
                time.sleep(0.01)
            yield BODY[at : min(at + 10, end)]


def window(fetch: Fetch, budget: Budget, should_stop: Callable[[], bool] = lambda: False, first: int = 0) -> Window:
    return Window(fetch, first, SIZE, NARROW, budget, should_stop)


def free_in(budget: Budget) -> int:
    """Return how many bytes of a budget nobody holds."""
    return budget._free


def is_left() -> bool:
    return any(thread.name == "window" for thread in threading.enumerate())


@pytest.mark.parametrize("size", [10_000, 600, 400, 200, 100])
def test_the_bytes_come_in_order_however_much_memory_there_is(size: int) -> None:
    bodies, budget = Bodies(), Budget(size)

    assert b"".join(window(bodies.fetch, budget, first=30)) == BODY[30:]
    assert sorted(bodies.asked) == [(at, min(at + 100, SIZE)) for at in range(30, SIZE, 100)]
    assert free_in(budget) == size
    assert not is_left()


def test_several_stretches_are_on_their_way_at_once() -> None:
    # Passed by three together or by nobody.
    meeting = threading.Barrier(3)

    def fetch(first: int, end: int, _: Callable[[], bool]) -> Generator[bytes]:
        if first < 300:
            meeting.wait(timeout=10)
        yield BODY[first:end]

    assert b"".join(window(fetch, Budget(10_000))) == BODY


def test_half_of_the_memory_is_left_to_the_parts() -> None:
    bodies, budget = Bodies(waits_from=0), Budget(500)
    opened = window(bodies.fetch, budget)
    opened._send()

    assert len(opened._lanes) == 2
    budget.take(250, lambda: False)
    opened.close()
    assert free_in(budget) == 250


def test_nothing_is_taken_while_somebody_waits_for_memory() -> None:
    bodies, budget = Bodies(), Budget(1000)
    budget.take(600, lambda: False)
    waiting = threading.Thread(target=budget.take, args=(900, lambda: False))
    waiting.start()
    while budget.try_take(1):
        budget.give_back(1)

    assert b"".join(window(bodies.fetch, budget)) == BODY
    budget.give_back(600)
    waiting.join(timeout=10)
    assert not waiting.is_alive()
    assert free_in(budget) == 100


def test_what_a_stretch_raises_is_raised_in_its_turn() -> None:
    bodies, budget, read = Bodies(breaks_at=250), Budget(10_000), list[bytes]()
    opened = window(bodies.fetch, budget)

    with pytest.raises(EndpointUnreachable):
        read.extend(opened)
    opened.close()

    assert b"".join(read) == BODY[:250]
    assert free_in(budget) == budget.size
    assert not is_left()


def test_what_is_on_its_way_is_read_when_no_more_is_asked_for() -> None:
    bodies, budget, read = Bodies(), Budget(10_000), bytearray()
    opened = window(bodies.fetch, budget)

    for piece in opened:
        read += piece
        opened.finish()

    assert bytes(read) == BODY[:300]
    assert free_in(budget) == budget.size


def test_leaving_it_gives_up_what_is_on_its_way() -> None:
    bodies, budget = Bodies(waits_from=100), Budget(10_000)
    opened = window(bodies.fetch, budget)
    next(iter(opened))
    opened.close()

    assert free_in(budget) == budget.size
    assert not is_left()


def test_a_stop_is_heard_while_nothing_comes() -> None:
    bodies, budget, began = Bodies(waits_from=0), Budget(10_000), time.monotonic()
    opened = window(bodies.fetch, budget, lambda: time.monotonic() - began > 0.3)

    with pytest.raises(Stopped):
        list(opened)
    opened.close()

    assert time.monotonic() - began < 5
    assert free_in(budget) == budget.size
    assert not is_left()
