"""Copying the items of a batch: several at once, in a fixed memory, each settled with all that is known of it.

Small plain objects go in a crowd, two requests each; all others one by one, with a few threads, and the versions of a
key one after the other. An item's own problem is a finding. What a person must act on is raised, and so is a wish to
stop: the items that were not settled by then stay pending.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from integrity.evidence import Finding
from integrity.layouts import MIB
from migrator.engine.attempts import Begin
from migrator.engine.bodies import RateLimit
from migrator.engine.buffers import DEFAULT_BUDGET, DEFAULT_SPOOL_QUOTA, Budget, give_freed_memory_back
from migrator.engine.chain_leg import DestVersion, Link
from migrator.engine.chained_copy import Chain, chains_of
from migrator.engine.crowd import Crowd
from migrator.engine.errors import ConnectionProblem, Stopped
from migrator.engine.held_parts import KeptUpload
from migrator.engine.item_copy import ItemCopy
from migrator.engine.planning import Item
from migrator.engine.small_batch import SmallBatch
from migrator.engine.small_copy import is_small
from migrator.engine.workplace import CopyOptions, Hooks, IfExists, Side, Work

__all__ = ["Copier", "CopyOptions", "DestVersion", "Hooks", "IfExists", "KeptUpload", "Link", "Side"]

DEFAULT_CONCURRENCY = 8
# What an object at work may hold outside the budget: what has come and was not taken, and what is on its way out.
_BESIDE_THE_BUDGET = 6 * MIB


class Copier:
    """Copies items from one side to the other. Make one for a batch or for many; it holds no connection.

    `concurrency`: how many objects are at work at once, small ones aside; at most one for each 6 MiB of the
    `buffer_budget`, since each holds something outside it.
    """

    def __init__(
        self,
        source: Side,
        destination: Side,
        options: CopyOptions,
        hooks: Hooks,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        buffer_budget: int = DEFAULT_BUDGET,
        spool_dir: Path | str | None = None,
        spool_quota: int = DEFAULT_SPOOL_QUOTA,
        begin: Begin = ItemCopy,
        crowd: Crowd | None = None,
        links: Mapping[int, Link] | None = None,
        kept_uploads: Mapping[str, Sequence[KeptUpload]] | None = None,
    ) -> None:
        give_freed_memory_back()
        self._sides = (source, destination)
        self._options = options
        self._hooks = hooks
        self._concurrency = max(1, min(concurrency, buffer_budget // _BESIDE_THE_BUDGET))
        self._budget = Budget(buffer_budget)
        self._limit = RateLimit(options.bytes_per_s)
        self._spool_quota = Budget(spool_quota)
        self._spool_dir = Path(spool_dir) if spool_dir else None
        self._begin = begin
        self._crowd = crowd
        self._links = links or {}
        self._kept_uploads = dict(kept_uploads or {})

    def copy_batch(self, items: Sequence[Item]) -> Generator[Finding]:
        """Yield a finding for each item as it settles, in no particular order.

        Raises `ConnectionProblem` where a person must act and `Stopped` where the hooks say so, each after the
        items at work have ended and the settled ones were yielded.
        """
        parts_pool = ThreadPoolExecutor(max_workers=self._concurrency + 2, thread_name_prefix="parts")
        items_pool = ThreadPoolExecutor(max_workers=self._concurrency, thread_name_prefix="items")
        work = self._work(parts_pool)
        try:
            chains = list(chains_of(items, self._links, self._begin))
            if self._crowd is not None:
                fit = [chain.items[0] for chain in chains if not chain.is_chained]
                small = SmallBatch(work, self._crowd, items_pool, [item for item in fit if is_small(work, item)])
                chains = [each for each in chains if each.is_chained or each.items[0].index not in small.indexes]
                yield from small.findings()
                chains += [
                    Chain(deque([item]), self._begin, before=before, opened=opened)
                    for item, before, opened in small.to_begin
                ]
            yield from self._settled(chains, items_pool, work)
        finally:
            # Also when the caller leaves early: nothing goes on behind its back.
            work.stopping.set()
            items_pool.shutdown(wait=True, cancel_futures=True)
            parts_pool.shutdown(wait=True)

    def _work(self, parts_pool: ThreadPoolExecutor) -> Work:
        source, destination = self._sides
        return Work(
            source=source,
            destination=destination,
            options=self._options,
            hooks=self._hooks,
            budget=self._budget,
            parts_pool=parts_pool,
            limit=self._limit,
            spool_dir=self._spool_dir,
            spool_quota=self._spool_quota,
            stopping=threading.Event(),
            kept_uploads=self._kept_uploads,
        )

    def _settled(self, chains: Sequence[Chain], pool: ThreadPoolExecutor, work: Work) -> Iterator[Finding]:
        waiting = deque(chains)
        running: dict[Future[Finding], Chain] = {}
        problem: ConnectionProblem | Stopped | None = None
        while True:
            while problem is None and waiting and len(running) < self._concurrency:
                if work.should_stop():
                    problem = Stopped()
                    break
                chain = waiting.popleft()
                running[pool.submit(chain.next_step(), work)] = chain
            if len(running) == 1 and not waiting:
                work.is_lone.set()
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                chain = running.pop(future)
                try:
                    finding = future.result()
                except (ConnectionProblem, Stopped) as exc:
                    work.stopping.set()
                    problem = exc if problem is None or isinstance(problem, Stopped) else problem
                else:
                    chain.settled(finding)
                    if chain.items:
                        waiting.appendleft(chain)
                    yield finding
        if problem is not None:
            raise problem
