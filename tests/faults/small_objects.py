"""Small objects for a crowd, and how each side was asked about them."""

from __future__ import annotations

import os
from collections import Counter

from integrity.evidence import Check, CheckName
from tests.faults.two_stores import Settled, TwoStores

BODY = os.urandom(3_000)


def filled(pair: TwoStores, count: int = 12) -> TwoStores:
    """Give the source so many, no two alike."""
    for number in range(count):
        pair.seed(f"photos/{number:03}", BODY[:number] + BODY)
    return pair


def asked(pair: TwoStores) -> tuple[Counter[str], Counter[str]]:
    """How often each side was asked for what."""
    return tuple(Counter(entry.operation for entry in side.log) for side in (pair.source, pair.dest))  # type: ignore[return-value]


def stated(settled: Settled, name: CheckName) -> Check:
    """The check of this name."""
    return next(check for check in settled.finding.checks if check.name is name)


def asked_for_before_writing(pair: TwoStores) -> int:
    """How many keys the destination was asked for by a HEAD before anything was written there under them."""
    first = {entry.key: entry.operation for entry in reversed(pair.dest.log) if entry.key}
    return sum(operation == "HeadObject" for operation in first.values())
