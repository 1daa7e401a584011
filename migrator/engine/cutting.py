"""How the source's object was cut into parts, learned in the order of trust: told by the store, then inferred."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from integrity.checksums import encode
from integrity.digests import DigestSet
from integrity.etags import EtagForm, kind, normalise
from integrity.evidence import Check, CheckName, Outcome
from integrity.layouts import Layout, infer_candidates
from migrator.engine.errors import ConnectionProblem, EngineError, StoreBusy
from migrator.engine.messages import ToldPart
from migrator.engine.stores import Store

# Above this many unequal parts the walk (one HEAD a part) costs more than the layout is worth.
MOST_PARTS_WALKED = 200


@dataclass(frozen=True, slots=True)
class Learned:
    """The layout that the source told (None: it did not), those to try in the pass, and how it was learned.

    `from_two` marks one that the first and the last of more parts told: nothing was said of those between.
    """

    told: Layout | None
    candidates: tuple[Layout, ...]
    how: str
    from_two: bool = False


class LayoutRefuted(Exception):
    """Every part was asked for, and the layout is another than two of them had told. Not an error: begin again."""


@dataclass(frozen=True, slots=True)
class SourceObject:
    """An object whose layout is asked for, as it was pinned."""

    store: Store
    bucket: str
    key: str
    version_id: str
    size: int
    etag: str


def learn_layout(source: SourceObject) -> Learned:
    """Ask for the layout. Raises what the store says only if it is a connection's problem or passing."""
    found = kind(source.etag)
    if found.form is EtagForm.MD5:
        layout = Layout.single(source.size)
        return Learned(layout, (layout,), "etag")
    if found.form is EtagForm.OPAQUE:
        return Learned(None, (), "")
    if found.parts == 1:
        layout = Layout.of((source.size,))
        return Learned(layout, (layout,), "etag")
    told = _by_part_number(source, found.parts)
    if told is not None:
        return Learned(told, (told,), "part_number", from_two=found.parts > 2)
    told = _by_attributes(source, found.parts)
    if told is not None:
        return Learned(told, (told,), "attributes")
    told = _by_walking(source, found.parts)
    if told is not None:
        return Learned(told, (told,), "part_number")
    return Learned(None, infer_candidates(source.size, found.parts), "inferred")


def walk_layout(source: SourceObject, learned: Learned) -> Learned | None:
    """Ask for every part where two had told the layout; return the other layout that shows, or None.

    Where there are too many parts to ask for, or the store does not answer for each, its attributes may list them;
    None where they do not. Raises what the store says only if it is a connection's problem or passing.
    """
    if learned.told is None or not learned.from_two:
        return None
    how, told = "part_number", _by_walking(source, learned.told.count)
    if told is None:
        how, told = "attributes", _by_attributes(source, learned.told.count)
    if told is None or told == learned.told:
        return None
    return Learned(told, (told,), how)


def may_be_the_layout(checks: Iterable[Check]) -> bool:
    """Say whether all that differs are digests made of parts: then a wrong layout would explain it."""
    wrong = [check for check in checks if check.outcome is Outcome.MISMATCH]
    return bool(wrong) and all(check.name in _BY_PARTS and "-" in (check.observed or "") for check in wrong)


_BY_PARTS = frozenset({CheckName.SOURCE_ETAG, CheckName.SOURCE_CHECKSUM, CheckName.DEST_ETAG, CheckName.DEST_CHECKSUM})


def _by_part_number(source: SourceObject, count: int) -> Layout | None:
    """Two HEADs tell a uniform layout: the first part, and the last to confirm."""
    first = _part_size(source, 1, count)
    if first is None or not 1 <= source.size - (count - 1) * first <= first:
        return None
    if _part_size(source, count, count) != source.size - (count - 1) * first:
        return None
    return Layout.uniform(source.size, first)


def _by_walking(source: SourceObject, count: int) -> Layout | None:
    if count > MOST_PARTS_WALKED:
        return None
    sizes: list[int] = []
    for number in range(1, count + 1):
        size = _part_size(source, number, count)
        if size is None:
            return None
        sizes.append(size)
    return Layout.of(sizes) if sum(sizes) == source.size else None


def _part_size(source: SourceObject, number: int, count: int) -> int | None:
    """Return one part's size, or None where the store does not tell: it then answers for the whole object."""
    try:
        said = source.store.head(
            source.bucket,
            source.key,
            version_id=source.version_id,
            part_number=number,
        )
    except (ConnectionProblem, StoreBusy):
        raise
    except EngineError:
        return None
    if said.parts_count not in {None, count} or normalise(said.etag or "") != normalise(source.etag):
        return None
    if said.size is None or said.size >= source.size:
        return None
    return said.size


def _by_attributes(source: SourceObject, count: int) -> Layout | None:
    try:
        parts = source.store.told_parts(source.bucket, source.key, version_id=source.version_id)
    except (ConnectionProblem, StoreBusy):
        raise
    except EngineError:
        return None
    sizes = [part.size for part in parts]
    if len(sizes) != count or sum(sizes) != source.size:
        return None
    return Layout.of(sizes)


def parts_that_differ(told: Sequence[ToldPart], digests: DigestSet, layout: Layout) -> list[int]:
    """Return the numbers of the parts whose stated checksums are not those of the bytes that were read."""
    if [part.size for part in told] != [span.length for span in layout.spans()]:
        # Another layout, or another object by now: nothing can be said of a part.
        return []
    wrong = set[int]()
    for algorithm in sorted({name for part in told for name in part.checksums}):
        ours = digests.part_raws(layout, algorithm) or ()
        for number, (part, raw) in enumerate(zip(told, ours, strict=False), start=1):
            if part.checksums.get(algorithm, encode(raw)) != encode(raw):
                wrong.add(number)
    return sorted(wrong)


def words_for_parts(numbers: Sequence[int], count: int) -> str:
    """Return the end of a sentence about these parts of so many; empty where there are none."""
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f", in part {numbers[0]} of {count:,}"
    return f", in {len(numbers):,} of {count:,} parts, of which part {numbers[0]} is the first"
