"""How much memory a worker takes, for objects far apart in size and in number: it must grow with neither.

Each measurement is one run in an installation of its own, so that what a process took for one does not hide what
another takes. Large objects are of zeros and go between two sandboxes, which write zeros as holes: the bytes pass
over HTTP, and no disk has to hold them. Many small ones go between the stores of the bench.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tests.benchmarks.contests import NotCopied
from tests.benchmarks.filling import fill_fast
from tests.benchmarks.places import Ends, bucket, emptied, sandboxes
from tests.benchmarks.processes import Use
from tests.benchmarks.product import Measured, Product, started
from tests.benchmarks.sets import GIB, KIB, MIB, ObjectSet

# In growing order. The step before the last fills whatever is bounded: above it nothing may grow.
SIZES = (64 * MIB, 5 * GIB, 20 * GIB)
COUNTS = (100, 10_000, 1_000_000)
QUICK_SIZES = (16 * MIB, 64 * MIB)
QUICK_COUNTS = (10, 1000)
SMALL = KIB
PART_SIZE = 16 * MIB
REPORTS = ("csv", "jsonl")
_DEADLINE_SECONDS = 4 * 3600
_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Point:
    """What one run took: the largest process of a worker, the largest worker with all it forked, and the others.

    `reports_mib` is the largest process while a report was taken, by its format; `peak_of` says whether the largest
    process was the worker itself.
    """

    objects: ObjectSet
    seconds: float
    peak_mib: float
    tree_mib: float
    others_mib: dict[str, float]
    reports_mib: dict[str, float] = field(default_factory=dict)
    peak_of: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """The points of one kind, smallest first: `of` names what grows, `unit` how much of it the slope is for."""

    of: str
    unit: int
    unit_name: str
    points: Sequence[Point]

    def amount(self, point: Point) -> int:
        """How much of what grows a point has."""
        return point.objects.size if self.of == "size" else point.objects.count

    def words(self, point: Point) -> str:
        """Say how much of what grows a point has."""
        if self.of == "count":
            return f"{point.objects.count:,} objects"
        return f"{point.objects.size / MIB:,.0f} MiB"

    @property
    def slope(self) -> float:
        """MiB for each unit over the last step. The steps before it only fill what is bounded."""
        before, last = self.points[-2:]
        return (last.peak_mib - before.peak_mib) / ((self.amount(last) - self.amount(before)) / self.unit)


def sets_of(sizes: Sequence[int], counts: Sequence[int]) -> tuple[list[ObjectSet], list[ObjectSet]]:
    """Return what is copied, for each size and for each count."""
    large = [ObjectSet(1, size, PART_SIZE, of_zeros=True) for size in sorted(sizes)]
    return large, [ObjectSet(count, SMALL) for count in sorted(counts)]


def measured(
    ends: Ends, home: Path, large: Sequence[ObjectSet], many: Sequence[ObjectSet], say: Callable[[str], None]
) -> Iterator[Series]:
    """Measure each set, two of a kind at least; raises `NotCopied` where one did not arrive."""
    if large:
        with sandboxes(home / "holes") as holes:
            points = [_point(holes, home / f"size-{number}", each, say) for number, each in enumerate(large)]
        yield Series("size", GIB, "GiB", points)
    if many:
        points = [_point(ends, home / f"count-{number}", each, say) for number, each in enumerate(many)]
        yield Series("count", 1_000_000, "million objects", points)


def _point(ends: Ends, home: Path, objects: ObjectSet, say: Callable[[str], None]) -> Point:
    stamp = secrets.token_hex(3)
    with bucket(ends.source, f"memory-{stamp}") as source, bucket(ends.dest, f"memory-{stamp}") as dest:
        fill_fast(ends.source, source, objects)
        with started(home, workers=_WORKERS) as product:
            found = _run(product, ends, source, dest)
            point = _with_reports(product, found, _as_point(objects, found))
        copied = emptied(ends.dest, dest)
    if copied != objects.held:
        raise NotCopied(f"memory: {copied} was copied where there was {objects.held}")
    say(f"memory, {objects.count:,} of {objects.size:,} bytes: {asdict(point)}")
    return point


def _run(product: Product, ends: Ends, source: str, dest: str) -> Measured:
    product.open_pages()
    connections = [product.connect(side, place) for side, place in (("source", ends.source), ("dest", ends.dest))]
    task = product.task("memory", (connections[0], source), (connections[1], dest))
    found = product.measure(task, deadline=_DEADLINE_SECONDS, shares=True)
    if found.state != "finished" or found.counts["verified"] != found.counts["planned"]:
        raise NotCopied(f"memory: not everything was verified: {product.failures(found.run)}")
    return found


def _as_point(objects: ObjectSet, found: Measured) -> Point:
    use = found.use
    return Point(objects, found.seconds, use.peak_mib, use.tree_mib, use.others_mib, peak_of=use.peak_of)


def _with_reports(product: Product, found: Measured, point: Point) -> Point:
    """Take every report of the run, and note the largest process meanwhile."""
    taken = {form: product.take_report(found.run, form)[1] for form in REPORTS}
    return replace(point, reports_mib={form: _largest(use) for form, use in taken.items()})


def _largest(use: Use) -> float:
    return max([use.peak_mib, *use.others_mib.values()])
