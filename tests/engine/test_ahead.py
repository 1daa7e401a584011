from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from migrator.engine.ahead import read_ahead


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_a_stream_is_given_whole_and_in_order(count: int) -> None:
    with read_ahead(iter(range(count)), 3) as ahead:
        assert list(ahead) == list(range(count))


def test_the_next_stretch_is_fetched_while_one_is_worked_on() -> None:
    fetched = threading.Event()

    def stream() -> Iterator[int]:
        yield 1
        fetched.set()
        yield 2

    with read_ahead(stream(), 1) as ahead:
        assert next(ahead) == 1
        assert fetched.wait(10)
        assert list(ahead) == [2]


def test_two_streams_are_waited_for_at_once() -> None:
    both = threading.Barrier(2, timeout=10)

    def stream() -> Iterator[int]:
        both.wait()
        yield 1

    with read_ahead(stream(), 1) as one, read_ahead(stream(), 1) as other:
        assert (list(one), list(other)) == ([1], [1])


def test_no_more_than_one_stretch_is_fetched() -> None:
    asked: list[int] = []

    def stream() -> Iterator[int]:
        for number in range(100):
            asked.append(number)
            yield number

    with read_ahead(stream(), 5) as ahead:
        assert next(ahead) == 0
        time.sleep(0.2)

    assert 5 <= len(asked) <= 10


def test_a_slow_stream_is_given_bit_by_bit() -> None:
    def stream() -> Iterator[int]:
        for number in range(100):
            time.sleep(0.3)
            yield number

    began = time.monotonic()
    with read_ahead(stream(), 100) as ahead:
        assert next(ahead) == 0
    # Neither for a hundred items nor, on leaving, for what was left of them.
    assert time.monotonic() - began < 10


def test_a_silent_stream_is_a_sign_of_life_each_two_seconds() -> None:
    def stream() -> Iterator[int]:
        time.sleep(2.5)
        yield 1

    with read_ahead(stream(), 1) as ahead:
        *signs, item = ahead

    assert (set(signs), item) == ({None}, 1)


def test_what_the_stream_raises_is_raised_and_nobody_fetches_on() -> None:
    def broken() -> Iterator[int]:
        yield from range(4)
        raise ValueError("broken")

    asked: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            asked.append(1)
            time.sleep(0.01)
            yield 0

    with pytest.raises(ValueError, match="broken"), read_ahead(endless(), 1000), read_ahead(broken(), 2) as ahead:
        list(ahead)

    count = len(asked)
    time.sleep(0.1)
    assert len(asked) == count
