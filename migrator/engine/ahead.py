"""Reading ahead: while one stretch of a stream is worked on, a thread fetches the next."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

# Nobody waits longer for a whole stretch once there is something of it: whoever reads has other things to do as well.
_STRETCH_SECONDS = 1.0

_T = TypeVar("_T")


@contextmanager
def read_ahead(stream: Iterable[_T], stretch: int) -> Iterator[Iterator[_T]]:
    """Give what the stream yields, in order; up to `stretch` of what follows is fetched meanwhile, by one thread.

    Fetching begins at once. What the stream raises is raised to whoever reads, in place of the stretch in which it
    happened. Leaving the block ends the thread: it waits for the item that is being fetched, and for no other.
    """
    rest, is_over = iter(stream), threading.Event()
    with ThreadPoolExecutor(1, "ahead") as pool:

        def fetch() -> Future[list[_T]]:
            return pool.submit(_taken, rest, stretch, is_over)

        def items(coming: Future[list[_T]]) -> Iterator[_T]:
            while found := coming.result():
                coming = fetch()
                yield from found

        try:
            yield items(fetch())
        finally:
            is_over.set()


def _taken(stream: Iterator[_T], most: int, is_over: threading.Event) -> list[_T]:
    """Take the next items, at least one where there is one."""
    found: list[_T] = []
    ends_at = time.monotonic() + _STRETCH_SECONDS
    for item in stream:
        found.append(item)
        if len(found) == most or is_over.is_set() or time.monotonic() > ends_at:
            break
    return found
