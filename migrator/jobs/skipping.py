"""What need not be copied again: an earlier verified record names the very identities that both sides show now."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from integrity.etags import normalise
from integrity.evidence import VERSION_NAMED, Finding, Origin, Statement
from migrator.engine.confirming import listed_histories
from migrator.jobs.sides import places_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from migrator.engine.messages import ListedObject
    from migrator.engine.planning import Item
    from migrator.engine.versions import KeyHistory
    from migrator.engine.workplace import Side
    from migrator.models import Run

KEYS_A_QUERY = 500


def proven_earlier(run: Run, items: Sequence[Item], destination: Side) -> Iterator[Finding]:
    """Yield a skipped finding for each item that an earlier record of the same two places still covers.

    What the destination holds is what the plan saw; of a version among others it is what is listed now.
    """
    if run.kind == run.Kind.VERIFY or run.options["if_exists"] != "skip_if_verified_identical":
        return
    candidates = [item for item in items if item.etag and _may_be_there(item)]
    for start in range(0, len(candidates), KEYS_A_QUERY):
        group = candidates[start : start + KEYS_A_QUERY]
        yield from _of_versions(run, [item for item in group if item.version_id], destination)
        yield from _of_keys(run, [item for item in group if not item.version_id])


class _Proven(NamedTuple):
    """What a verified record says of both ends; the versions only where versions are compared."""

    key: str
    dest_key: str
    size: int | None
    etag: str
    dest_etag: str
    version_id: str = ""
    dest_version_id: str = ""

    @property
    def source(self) -> tuple[object, ...]:
        """What it is a copy of, and where."""
        return (self.key, self.dest_key, self.version_id, self.size, self.etag)


def _may_be_there(item: Item) -> bool:
    # A version may be below others, and below a delete marker.
    return bool(item.version_id) or (item.existing_size == item.size and bool(item.existing_etag))


def _of_keys(run: Run, items: Sequence[Item]) -> Iterator[Finding]:
    proven = {each._replace(version_id="", dest_version_id="") for each in _proven(run, items)}
    for item in items:
        etags = normalise(item.etag), normalise(item.existing_etag)
        if _Proven(item.key, item.dest_key, item.size, *etags) in proven:
            yield _skipped(item, Statement(origin=Origin.LISTING, size=item.existing_size, etag=item.existing_etag))


def _of_versions(run: Run, items: Sequence[Item], destination: Side) -> Iterator[Finding]:
    """Yield those whose own copy, the very version that the record names, is listed at the destination now."""
    proven: dict[tuple[object, ...], list[_Proven]] = {}
    for each in _proven(run, items):
        if each.dest_version_id:
            proven.setdefault(each.source, []).append(each)
    if not proven:
        return
    held = listed_histories(destination, sorted({each.dest_key for group in proven.values() for each in group}))
    for item in items:
        mine = proven.get((item.key, item.dest_key, item.version_id, item.size, normalise(item.etag)), [])
        listed = next(filter(None, (_held_as(each, held) for each in mine)), None)
        if listed is not None:
            said = Statement(origin=Origin.LISTING, size=listed.size, etag=listed.etag, version_id=listed.version_id)
            yield _skipped(item, said)


def _held_as(proven: _Proven, held: Mapping[str, KeyHistory]) -> ListedObject | None:
    """Return the copy that a record names, if it is listed as the record has it."""
    listed = held[proven.dest_key].version(proven.dest_version_id) if proven.dest_key in held else None
    if listed is None or (listed.size, normalise(listed.etag)) != (proven.size, proven.dest_etag):
        return None
    return listed


def _proven(run: Run, items: Sequence[Item]) -> set[_Proven]:
    if not items:
        return set()
    earlier = places_of(run).records().filter(verdict="verified", object_key__in={item.key for item in items})
    names = (
        "object_key",
        "dest_key",
        "source_size",
        "source_etag",
        "dest_etag",
        "source_version_id",
        "dest_version_id",
    )
    return {_Proven(*row) for row in earlier.values_list(*names)}


def _skipped(item: Item, dest: Statement) -> Finding:
    return Finding(
        index=item.index,
        key=item.key,
        dest_key=item.dest_key,
        planned_size=item.size,
        planned_etag=item.etag,
        planned_version_id=item.version_id,
        planned_last_modified=item.last_modified,
        source=Statement(
            origin=Origin.LISTING,
            size=item.size,
            etag=item.etag,
            last_modified=item.last_modified,
            version_id=item.version_id,
        ),
        dest=dest,
        notes=(VERSION_NAMED,) if item.version_id else (),
        skipped=True,
    )
