"""One set of objects, copied in turns by those who are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tests.benchmarks.places import Ends, bucket, emptied
from tests.benchmarks.product import Product
from tests.benchmarks.sets import ObjectSet, fill


class Step(StrEnum):
    """What was measured of a contestant: a copy, or a copy and the proof of it."""

    COPY = "copy"
    PROVE = "copy and prove"


class NotCopied(Exception):
    """Somebody did not copy, or did not verify, what was there; the text says who and what."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one turn took. `other_cpu_seconds` is what our pages, Valkey and cron used beside the workers.

    `peak_of` says which process of ours was the largest.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    other_cpu_seconds: float = 0.0
    peak_of: str = ""

    def __add__(self, then: Spent) -> Spent:
        """Return what one after the other took."""
        return Spent(
            self.seconds + then.seconds,
            self.cpu_seconds + then.cpu_seconds,
            max(self.peak_mib, then.peak_mib),
            self.other_cpu_seconds + then.other_cpu_seconds,
            self.peak_of if self.peak_mib >= then.peak_mib else then.peak_of,
        )


class Contestant(Protocol):
    """Somebody who copies a bucket. `turns` limits how often, for what takes very long."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def turns(self) -> int | None: ...
    def prepare(self, source: str, dest: str) -> None: ...
    def turn(self, source: str, dest: str) -> Mapping[Step, Spent]: ...


class Ours:
    """A run of Truecopy; it copies and proves at once, so one figure is both steps."""

    kind = "ours"

    def __init__(
        self, product: Product, connections: tuple[str, str], *, policy: str = "standard", turns: int | None = None
    ) -> None:
        self._product, self._connections, self._policy, self.turns = product, connections, policy, turns
        self.name = f"ours, {policy}"
        self._tasks = 0

    def prepare(self, source: str, dest: str) -> None:
        """Let both buckets be probed, which is done once in 30 days."""
        for connection, name, write in zip(self._connections, (source, dest), (False, True), strict=True):
            self._product.probe(connection, name, write=write)

    def turn(self, source: str, dest: str) -> Mapping[Step, Spent]:
        """Run once."""
        ends = zip(self._connections, (source, dest), strict=True)
        # A task of its own each time: no run shall profit by an earlier one.
        self._tasks += 1
        # And without tags, which no peer carries: where a store does not say that there are none, each object is asked.
        task = self._product.task(f"{dest} {self._tasks}", *ends, policy=self._policy, tags=False)
        measured = self._product.measure(task)
        if measured.state != "finished" or measured.counts["verified"] != measured.counts["planned"]:
            raise NotCopied(f"{self.name} did not verify everything: {self._product.failures(measured.run)}")
        use = measured.use
        spent = Spent(measured.seconds, use.worker_cpu_seconds, use.peak_mib, use.other_cpu_seconds, use.peak_of)
        return {Step.COPY: spent, Step.PROVE: spent}


@dataclass(frozen=True, slots=True)
class Contest:
    """A set, the stores that hold it, and who copies it. `conditions` hold during each turn."""

    name: str
    objects: ObjectSet
    stores: Ends
    contestants: Sequence[Contestant]
    conditions: Callable[[], AbstractContextManager[object]] = nullcontext
    # Called with the same two buckets when all turns are over.
    afterwards: Callable[[str, str], None] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What every turn took: by contestant, then by step, in order of the turns."""

    contest: Contest
    taken: dict[str, dict[Step, list[Spent]]] = field(default_factory=dict)

    def of(self, contestant: str, step: Step) -> list[Spent]:
        """Return the turns of one contestant."""
        return self.taken[contestant][step]


def held(contest: Contest, pairs: int, stamp: str, say: Callable[[str], None]) -> Outcome:
    """Let everybody have so many turns. Each copies into a bucket of its own, which is empty each time."""
    outcome = Outcome(contest, {one.name: {} for one in contest.contestants})
    with ExitStack() as stack:
        source = stack.enter_context(bucket(contest.stores.source, f"bench-{stamp}-{contest.name}"))
        fill(contest.stores.source, source, contest.objects)
        dests = {}
        for number, contestant in enumerate(contest.contestants):
            name = f"bench-{stamp}-{contest.name}-{number}"
            dests[contestant.name] = stack.enter_context(bucket(contest.stores.dest, name))
            contestant.prepare(source, name)
        for turn, contestant in _turns(contest.contestants, pairs):
            with contest.conditions():
                taken = contestant.turn(source, dests[contestant.name])
            _must_be_there(contest, contestant, dests[contestant.name])
            for step, spent in taken.items():
                outcome.taken[contestant.name].setdefault(step, []).append(spent)
            shown = ", ".join(f"{step} {spent.seconds:.2f} s" for step, spent in taken.items())
            say(f"{contest.name}, turn {turn} of {pairs}: {contestant.name}: {shown}")
        if contest.afterwards is not None:
            contest.afterwards(source, dests[contest.contestants[0].name])
    return outcome


def _turns(contestants: Sequence[Contestant], pairs: int) -> Iterator[tuple[int, Contestant]]:
    """Yield whose turn it is: each once in every round, and each round begins with another."""
    for turn in range(pairs):
        first = turn % len(contestants)
        for contestant in (*contestants[first:], *contestants[:first]):
            if contestant.turns is None or turn < contestant.turns:
                yield turn + 1, contestant


def _must_be_there(contest: Contest, contestant: Contestant, dest: str) -> None:
    """Empty the destination; what it held is what should have been copied."""
    copied = emptied(contest.stores.dest, dest)
    if copied != contest.objects.held:
        raise NotCopied(f"{contestant.name} copied {copied} where there was {contest.objects.held}")
