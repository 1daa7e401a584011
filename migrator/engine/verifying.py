"""Comparing the items of a batch without copying: the same crew and the same findings, and no write on either side."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

from integrity.evidence import Earlier, Finding
from migrator.engine.copying import DEFAULT_CONCURRENCY, Copier
from migrator.engine.item_compare import Depth, ItemCompare
from migrator.engine.planning import Item
from migrator.engine.workplace import CopyOptions, Hooks, Side, Work

__all__ = ["Depth", "Verifier"]


class Verifier:
    """Compares the objects of one side with those of the other. Make one for a batch or for many.

    `earlier` names, by the index of an item, what an earlier record holds of it, and `copied_as` the version at the
    destination that is its copy.
    """

    def __init__(
        self,
        source: Side,
        destination: Side,
        options: CopyOptions,
        hooks: Hooks,
        *,
        depth: Depth = Depth.AUTO,
        earlier: Mapping[int, Earlier] | None = None,
        copied_as: Mapping[int, str] | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
    ) -> None:
        read_back_percent = 100 if depth.reads_back else 0
        # Nothing was written a moment ago, so what is not found is not there.
        options = replace(options, read_back_percent=read_back_percent, found_within_seconds=0)
        known, copies = earlier or {}, copied_as or {}

        def begin(work: Work, item: Item, number: int) -> ItemCompare:
            copied_as = copies.get(item.index, "")
            return ItemCompare(work, item, number, depth, known.get(item.index), copied_as, self._taken)

        self._copies = copies
        self._taken: dict[tuple[str, str], int] = {}
        self._crew = Copier(source, destination, options, hooks, concurrency=concurrency, begin=begin)

    def verify_batch(self, items: Sequence[Item]) -> Generator[Finding]:
        """Yield a finding for each item as it settles, in no particular order; raises as `Copier.copy_batch` does.

        The versions of a key are in one batch, the oldest first, and are compared in that order.
        """
        named = {(item.dest_key, self._copies[item.index]): item.index for item in items if item.index in self._copies}
        self._taken.update(named)
        return self._crew.copy_batch(items)
