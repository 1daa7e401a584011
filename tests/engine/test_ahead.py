from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from migrator.engine.ahead import read_ahead


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_a_stream_is_yielded_whole_and_in_order(count: int) -> None:
    assert list(read_ahead(iter(range(count)), 3)) == list(range(count))


def test_the_next_stretch_is_fetched_while_one_is_worked_on() -> None:
    fetched = threading.Event()

    def stream() -> Iterator[int]:
        yield 1
        fetched.set()
        yield 2

    ahead = read_ahead(stream(), 1)
    assert next(ahead) == 1
    assert fetched.wait(10)
    assert list(ahead) == [2]


def test_no_more_than_one_stretch_is_fetched() -> None:
    asked: list[int] = []

    def stream() -> Iterator[int]:
        for number in range(100):
            asked.append(number)
            yield number

    ahead = read_ahead(stream(), 5)
    assert next(ahead) == 0
    ahead.close()  # type: ignore[attr-defined]

    assert len(asked) <= 10


def test_what_the_stream_raises_is_raised() -> None:
    def stream() -> Iterator[int]:
        yield from range(4)
        raise ValueError("broken")

    ahead = read_ahead(stream(), 2)
    assert [next(ahead) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="broken"):
        next(ahead)
