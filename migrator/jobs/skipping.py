"""What need not be copied again: the last record verified it, names the very identities both listings show now, and
shows that it is stored as the task asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from integrity.etags import normalise
from integrity.evidence import VERSION_NAMED, Finding, Origin, Statement
from integrity.keys import as_text, may_describe
from migrator.engine.confirming import listed_histories
from migrator.engine.errors import ConnectionProblem, EngineError
from migrator.jobs.sides import places_of
from migrator.jobs.wishes import Wish

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from integrity.models import IntegrityRecord
    from migrator.engine.messages import ListedObject
    from migrator.engine.planning import Item
    from migrator.engine.versions import KeyHistory
    from migrator.engine.workplace import Side
    from migrator.models import Run

    # A key, its key at the destination, and the version where the plan names one.
    _Name: TypeAlias = tuple[str, str, str]
    _Records: TypeAlias = Mapping[_Name, IntegrityRecord]

KEYS_A_QUERY = 500
_IDENTITY = (
    "object_key",
    "dest_key",
    "source_size",
    "source_etag",
    "dest_etag",
    "source_version_id",
    "dest_version_id",
    "verdict",
)
_WHAT_THE_KEYS_ARE = ("source_facts", "dest_facts")
_HOW_IT_IS_STORED = ("checks", "dest_facts")


def proven_earlier(run: Run, items: Sequence[Item], destination: Side) -> Iterator[Finding]:
    """Yield a skipped finding for each item that the last record of the same two places still covers.

    What the destination holds is what the plan saw; of a version among others it is what is listed now.
    """
    if run.kind == run.Kind.VERIFY or run.options["if_exists"] != "skip_if_verified_identical":
        return
    wish = Wish.of(run)
    candidates = [item for item in items if item.etag and _may_be_there(item)]
    for start in range(0, len(candidates), KEYS_A_QUERY):
        group = candidates[start : start + KEYS_A_QUERY]
        yield from _of_versions(run, [item for item in group if item.version_id], wish, destination)
        yield from _of_keys(run, [item for item in group if not item.version_id], wish)


def _may_be_there(item: Item) -> bool:
    # A version may be below others, and below a delete marker.
    return bool(item.version_id) or (item.existing_size == item.size and bool(item.existing_etag))


def _of_keys(run: Run, items: Sequence[Item], wish: Wish) -> Iterator[Finding]:
    last = _last_records(run, items, wish)
    for item in items:
        record = last.get(_name(item))
        if record is None or not _proves(record, item) or record.dest_etag != normalise(item.existing_etag):
            continue
        if wish.is_met(record, item):
            yield _skipped(item, Statement(origin=Origin.LISTING, size=item.existing_size, etag=item.existing_etag))


def _of_versions(run: Run, items: Sequence[Item], wish: Wish, destination: Side) -> Iterator[Finding]:
    """Yield those whose own copy, the very version that the record names, is listed at the destination now."""
    last = _last_records(run, items, wish)
    proven = [(item, record) for item in items if (record := last.get(_name(item))) and _proves(record, item)]
    proven = [(item, record) for item, record in proven if record.dest_version_id and wish.is_met(record, item)]
    if not proven:
        return
    try:
        held = listed_histories(destination, sorted({item.dest_key for item, _ in proven}))
    except ConnectionProblem:
        raise
    except EngineError:
        # Whether they are there is found out one by one.
        return
    for item, record in proven:
        listed = _held_as(record, held)
        if listed is not None:
            said = Statement(origin=Origin.LISTING, size=listed.size, etag=listed.etag, version_id=listed.version_id)
            yield _skipped(item, said)


def _held_as(record: IntegrityRecord, held: Mapping[str, KeyHistory]) -> ListedObject | None:
    """Return the copy that a record names, if it is listed as the record has it."""
    history = held.get(record.key_of_copy)
    listed = history.version(record.dest_version_id) if history else None
    if listed is None or (listed.size, normalise(listed.etag)) != (record.source_size, record.dest_etag):
        return None
    return listed


def _last_records(run: Run, items: Sequence[Item], wish: Wish) -> _Records:
    """Return the last record that judged each object: where it failed no older one speaks for the object any more."""
    if not items:
        return {}
    fields = _IDENTITY if wish.is_empty else (*_IDENTITY, *_HOW_IT_IS_STORED)
    keys = {as_text(item.key) for item in items}
    if any(map(may_describe, keys | {as_text(item.dest_key) for item in items})):
        fields = (*fields, *_WHAT_THE_KEYS_ARE)
    judged = places_of(run).records().filter(verdict__in=["verified", "failed"], object_key__in=keys)
    by_version = bool(items[0].version_id)
    return {
        (record.key, record.key_of_copy, record.source_version_id if by_version else ""): record
        for record in judged.order_by("created_at").only(*fields)
    }


def _name(item: Item) -> _Name:
    return (item.key, item.dest_key, item.version_id)


def _proves(record: IntegrityRecord, item: Item) -> bool:
    """Say whether the record verified what the plan names."""
    named = (record.verdict, record.source_size, record.source_etag)
    return named == ("verified", item.size, normalise(item.etag))


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
