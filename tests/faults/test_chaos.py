"""Lines that break anywhere, at any time: nothing is lost, and nothing is verified that is not right."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from migrator.engine.pacing import Patience
from migrator.engine.stores import Store
from tests.faults.chaos import ChaosProxy
from tests.faults.conftest import Make
from tests.faults.two_stores import TINY_PARTS, TwoStores

PATIENCE = Patience(first_seconds=0.01, longest_seconds=0.2)
# What a broken line may end an item with, where it broke each time.
OF_THE_LINE = {"endpoint_unreachable", "short_read", "source_timeout", "store_error"}


@pytest.mark.parametrize(
    ("seed", "count"),
    [(1, 300), pytest.param(2, 5_000, marks=[pytest.mark.slow, pytest.mark.longest])],
    ids=["300 objects", "5,000 objects"],
)
def test_under_lines_that_break_nothing_is_lost_and_nothing_falsely_verified(
    two_stores: Make, seed: int, count: int
) -> None:
    pair = two_stores(dest_traits={"smallest_part": 1})
    _fill(pair, random.Random(seed), count)
    planned = pair.begin()

    with ChaosProxy(pair.source.port, seed) as before, ChaosProxy(pair.dest.port, seed + 1000) as behind:
        straight = pair.source_store, pair.dest_store
        pair.source_store, pair.dest_store = (
            Store(replace(store.endpoint, url=proxy.url), patience=PATIENCE)
            for store, proxy in zip(straight, (before, behind), strict=True)
        )
        try:
            settled = pair.copy_items(planned, limits=TINY_PARTS)
        finally:
            for store in (pair.source_store, pair.dest_store):
                store.close()
            pair.source_store, pair.dest_store = straight

    seen = before.seen + behind.seen
    assert all(seen[trouble] for trouble in ("cut", "reset", "stall", "slow")), seen
    assert set(settled) == {item.key for item in planned}
    pair.check_invariants(settled)
    assert {each.code for each in settled.values() if each.verdict != "verified"} <= OF_THE_LINE
    assert sum(each.verdict == "verified" for each in settled.values()) >= 0.99 * count


def _fill(pair: TwoStores, chance: random.Random, count: int) -> None:
    """Mostly small objects, a few that go in one PUT by themselves, and a few in parts."""
    for number in range(count):
        kind = number % 100
        if kind == 0:
            pair.seed(f"parts/{number:05}", chance.randbytes(1_200_000), part_size=500_000)
        elif kind == 1:
            pair.seed(f"larger/{number:05}", chance.randbytes(1_100_000))
        else:
            pair.seed(f"small/{number:05}", chance.randbytes(chance.randrange(20_000)))
