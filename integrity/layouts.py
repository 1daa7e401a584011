"""Part layouts: how an object is cut into parts, on either side.

Pure. All sizes are in bytes, part numbers start at 1. A layout holds runs of equal parts, not a list of them,
so that 10,000 parts of 5 GiB are as small in memory as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB
MOST_PARTS = 10_000
USUAL_PART = 16 * MIB

# What clients use by default or by habit, the likeliest first; after them the same numbers in decimal units.
_COMMON = (8, 5, 16, 64, 50, 10, 15, 100, 32, 128, 20, 25, 256, 512, 1024)
COMMON_PART_SIZES = tuple(n * MIB for n in _COMMON) + tuple(n * 1_000_000 for n in _COMMON)


class ObjectTooLargeError(ValueError):
    """No layout within the limits holds an object of this size."""


class Span(NamedTuple):
    """One part: its number from 1, where it begins in the object, how long it is."""

    number: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Run:
    """So many parts of one size in a row."""

    part_size: int
    count: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The ordered part sizes of one object, and whether they are the parts of a multipart upload.

    A single PUT and a multipart upload of one part cut the object alike, yet their ETags differ; so
    `multipart` belongs to the layout. Two layouts with the same parts are equal, however they were made.
    """

    runs: tuple[Run, ...]
    multipart: bool

    @classmethod
    def single(cls, size: int) -> Self:
        """Return the layout of an object written by one PUT."""
        return cls(_runs((size,)), multipart=False)

    @classmethod
    def uniform(cls, size: int, part_size: int) -> Self:
        """Return the multipart layout of equal parts, the last one shorter where it must be."""
        if part_size < 1 or size < 0:
            raise ValueError(f"no layout of {size} bytes in parts of {part_size}")
        full, rest = divmod(size, part_size)
        if full + (rest > 0) > MOST_PARTS:
            raise ValueError(f"{size} bytes in parts of {part_size} are more than {MOST_PARTS} parts")
        runs = [Run(part_size, full)] if full else []
        if rest or not full:
            runs.append(Run(rest, 1))
        return cls(tuple(runs), multipart=True)

    @classmethod
    def of(cls, sizes: Iterable[int]) -> Self:
        """Return the multipart layout of exactly these parts."""
        return cls(_runs(sizes), multipart=True)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `str()` of a layout wrote."""
        multipart = text.startswith("multipart ")
        words = text.removeprefix("multipart ").removeprefix("single ").split("+")
        pairs = [word.split("*") for word in words]
        return cls(tuple(Run(int(size), int(count)) for size, count in pairs), multipart=multipart)

    def __str__(self) -> str:
        """Write the layout compactly: `multipart 8388608*4+1*1`, `single 12*1`."""
        kind = "multipart" if self.multipart else "single"
        return f"{kind} " + "+".join(f"{run.part_size}*{run.count}" for run in self.runs)

    @property
    def size(self) -> int:
        """The bytes of the whole object."""
        return sum(run.part_size * run.count for run in self.runs)

    @property
    def count(self) -> int:
        """The number of parts."""
        return sum(run.count for run in self.runs)

    @property
    def largest_part(self) -> int:
        """The bytes of the largest part."""
        return max(run.part_size for run in self.runs)

    @property
    def equal_parts(self) -> bool:
        """Whether all parts but the last have one size and the last is not larger."""
        first, last = self.runs[0], self.runs[-1]
        if len(self.runs) == 1:
            return True
        return len(self.runs) == 2 and last.count == 1 and last.part_size < first.part_size

    def part_size(self, number: int) -> int:
        """Return the bytes of one part; raise IndexError where the layout has no such part."""
        return self.span(number).length

    def span(self, number: int) -> Span:
        """Return one part; raise IndexError where the layout has no such part."""
        before, offset = 0, 0
        for run in self.runs:
            if before < number <= before + run.count:
                return Span(number, offset + (number - before - 1) * run.part_size, run.part_size)
            before += run.count
            offset += run.count * run.part_size
        raise IndexError(f"part {number} of {self.count}")

    def spans(self) -> Iterator[Span]:
        """Yield the parts in order; together they tile the object."""
        number, offset = 1, 0
        for run in self.runs:
            for _ in range(run.count):
                yield Span(number, offset, run.part_size)
                number += 1
                offset += run.part_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a store takes. The defaults are those of AWS; a profile overrides them."""

    single_put: int = 5 * GIB
    smallest_part: int = 5 * MIB
    largest_part: int = 5 * GIB
    most_parts: int = MOST_PARTS
    largest_object: int = MOST_PARTS * 5 * GIB
    equal_parts: bool = False

    @property
    def reach(self) -> int:
        """The bytes of the largest object that can be written at all, whichever limit comes first."""
        return min(self.largest_object, max(self.single_put, self.most_parts * self.largest_part))

    def allow(self, layout: Layout) -> bool:
        """Say whether an object can be written in this layout; the last part may be of any size."""
        if layout.size > self.largest_object:
            return False
        if not layout.multipart:
            return layout.size <= self.single_put
        if layout.count > self.most_parts or layout.largest_part > self.largest_part:
            return False
        if self.equal_parts and not layout.equal_parts:
            return False
        return all(size >= self.smallest_part for size in _sizes_but_last(layout))


def choose_layout(
    size: int,
    limits: Limits,
    source: Layout | None = None,
    threshold: int = 64 * MIB,
    part_budget: int | None = None,
) -> Layout:
    """Choose how to write an object of `size` bytes.

    The source's multipart layout is mirrored exactly where it is legal and its parts fit the budget, since
    then both ETags are equal. Else objects up to `threshold` go as one PUT and larger ones in equal parts.
    `part_budget` is the largest part that is held in memory; it limits mirroring only, since what must be
    larger is spooled. Raises ObjectTooLargeError where the store takes no object of this size.
    """
    if size > limits.largest_object:
        raise ObjectTooLargeError(f"{size} bytes; the destination takes {limits.largest_object}")
    if source is not None and source.multipart and _can_mirror(size, source, limits, part_budget):
        return source
    if size <= min(threshold, limits.single_put):
        return Layout.single(size)
    return Layout.uniform(size, _part_size(size, limits))


def infer_candidates(size: int, count: int, most: int = 3) -> tuple[Layout, ...]:
    """Return uniform layouts of `size` bytes in `count` parts, at most `most`, the likeliest first.

    A uniform part size lies between ceil(size / count) and floor((size - 1) / (count - 1)). An ETag that
    matches one of the candidates is strong evidence; none that matches proves nothing.
    """
    if not 0 < count <= MOST_PARTS:
        return ()
    if count == 1:
        return (Layout.of((size,)),)
    if size < count:
        return ()
    lowest, highest = -(-size // count), (size - 1) // (count - 1)
    fitting = [part for part in _guesses(lowest, highest) if lowest <= part <= highest]
    return tuple(Layout.uniform(size, part) for part in list(dict.fromkeys(fitting))[:most])


def _runs(sizes: Iterable[int]) -> tuple[Run, ...]:
    runs = tuple(Run(size, sum(1 for _ in equal)) for size, equal in groupby(sizes))
    if not runs or min(run.part_size for run in runs) < 0:
        raise ValueError("a layout needs at least one part, and no part is shorter than nothing")
    if sum(run.count for run in runs) > MOST_PARTS:
        raise ValueError(f"a layout has at most {MOST_PARTS} parts")
    return runs


def _sizes_but_last(layout: Layout) -> Iterator[int]:
    """Yield each size that occurs before the last part, once a run."""
    *others, last = layout.runs
    yield from (run.part_size for run in others)
    if last.count > 1:
        yield last.part_size


def _can_mirror(size: int, source: Layout, limits: Limits, part_budget: int | None) -> bool:
    if source.size != size or not limits.allow(source):
        return False
    return part_budget is None or source.largest_part <= part_budget


def _part_size(size: int, limits: Limits) -> int:
    """Return 16 MiB or what the number of parts demands, in whole MiB, within the limits."""
    wanted = max(USUAL_PART, -(-size // limits.most_parts))
    whole_mib = -(-wanted // MIB) * MIB
    part = min(max(whole_mib, limits.smallest_part), limits.largest_part)
    if size > part * limits.most_parts:
        raise ObjectTooLargeError(f"{size} bytes in {limits.most_parts} parts of at most {limits.largest_part}")
    return part


def _guesses(lowest: int, highest: int) -> Iterator[int]:
    """Yield part sizes to try, also some outside the window.

    A whole MiB nearly alone in it is likelier than an even division.
    """
    yield from COMMON_PART_SIZES
    first_mib = -(-lowest // MIB)
    if highest < (first_mib + 2) * MIB:
        yield first_mib * MIB
        yield (first_mib + 1) * MIB
    yield lowest
