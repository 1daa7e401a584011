"""Reading ahead: while one stretch of a stream is worked on, a thread fetches the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

# Nobody waits longer for a whole stretch once there is something of it: whoever reads has other things to do as well.
_STRETCH_SECONDS = 1.0
# For so long nothing comes, and whoever reads is told that.
_SILENCE_SECONDS = 2.0

_T = TypeVar("_T")


@contextmanager
def read_ahead(
    stream: Iterable[_T], stretch: int, leaving: Callable[[], object] = lambda: None
) -> Iterator[Iterator[_T | None]]:
    """Give what the stream yields, in order, and None for each two seconds in which nothing comes.

    Up to `stretch` of what follows is fetched meanwhile, by one thread. Fetching begins at once. What the stream raises
    is raised to whoever reads, in place of the stretch in which it happened. Leaving the block ends the thread, which
    takes a second and one item at most; `leaving` is called before that, and may bring an item nearer that is long in
    coming.
    """
    rest = iter(stream)
    with ThreadPoolExecutor(1, "ahead") as pool:

        def fetch() -> Future[list[_T]]:
            return pool.submit(_taken, rest, stretch)

        def items(coming: Future[list[_T]]) -> Iterator[_T | None]:
            while True:
                while not wait([coming], _SILENCE_SECONDS).done:
                    yield None
                found = coming.result()
                if not found:
                    return
                coming = fetch()
                yield from found

        try:
            yield items(fetch())
        finally:
            leaving()


def _taken(stream: Iterator[_T], most: int) -> list[_T]:
    """Take the next items, at least one where there is one."""
    found: list[_T] = []
    ends_at = time.monotonic() + _STRETCH_SECONDS
    for item in stream:
        found.append(item)
        if len(found) == most or time.monotonic() > ends_at:
            break
    return found
