"""Comparing the items of a batch without copying: the same crew and the same findings, and no write on either side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from integrity.evidence import Finding
from migrator.engine.copying import DEFAULT_CONCURRENCY, Copier
from migrator.engine.item_compare import Depth, ItemCompare
from migrator.engine.planning import Item
from migrator.engine.workplace import CopyOptions, Hooks, Side

__all__ = ["Depth", "Verifier"]


class Verifier:
    """Compares the objects of one side with those of the other. Make one for a batch or for many."""

    def __init__(
        self,
        source: Side,
        destination: Side,
        options: CopyOptions,
        hooks: Hooks,
        *,
        depth: Depth = Depth.BOTH,
        concurrency: int = DEFAULT_CONCURRENCY,
    ) -> None:
        read_back_percent = 100 if depth is Depth.BOTH else 0
        # Nothing was written a moment ago, so what is not found is not there.
        options = replace(options, read_back_percent=read_back_percent, found_within_seconds=0)
        begin = partial(ItemCompare, depth=depth)
        self._crew = Copier(source, destination, options, hooks, concurrency=concurrency, begin=begin)

    def verify_batch(self, items: Sequence[Item]) -> Iterator[Finding]:
        """Yield a finding for each item as it settles, in no particular order; raises as `Copier.copy_batch` does."""
        return self._crew.copy_batch(items)
