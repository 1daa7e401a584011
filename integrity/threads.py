"""The threads that hash large buffers side by side.

hashlib releases the interpreter while it hashes, so two digests of one buffer take the time of the longer one.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def side_by_side(jobs: Sequence[Callable[[memoryview], None]], segment: memoryview) -> None:
    """Run the jobs over the segment in several threads and return when all are done.

    The calling thread does the first job and then whatever no other thread has begun, so a busy pool delays
    nobody and a job never waits for another.
    """
    pool = _executor()
    handed_over: list[tuple[Future[None], Callable[[memoryview], None]]] = [
        (pool.submit(job, segment), job) for job in jobs[1:]
    ]
    jobs[0](segment)
    for future, job in reversed(handed_over):
        if future.cancel():
            job(segment)
    for future, _ in handed_over:
        if not future.cancelled():
            future.result()


_pool: ThreadPoolExecutor | None = None
_pool_lock = threading.Lock()


def _executor() -> ThreadPoolExecutor:
    """Return this process's threads for hashing, started when first needed."""
    global _pool
    with _pool_lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2), thread_name_prefix="hashing")
        return _pool


def _forget_executor() -> None:
    """Forget the parent's threads: they do not exist in a forked child."""
    global _pool, _pool_lock
    _pool = None
    _pool_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_executor)
