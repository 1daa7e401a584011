"""Reading ahead: while one stretch of a stream is worked on, a thread fetches the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")


def read_ahead(stream: Iterable[_T], stretch: int) -> Iterator[_T]:
    """Yield what the stream yields, in order; up to `stretch` of what follows is fetched meanwhile, by one thread.

    What the stream raises is raised here, in place of the stretch in which it happened. Whoever stops early waits for
    the stretch that is being fetched.
    """
    rest = iter(stream)
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = pool.submit(_taken, rest, stretch)
        while found := coming.result():
            coming = pool.submit(_taken, rest, stretch)
            yield from found


def _taken(stream: Iterator[_T], most: int) -> list[_T]:
    return list(islice(stream, most))
