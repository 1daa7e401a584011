"""What a run will do: two sorted listings in, batches of items and totals out. Constant memory.

The source's and the destination's keys are compared behind their prefixes, byte by byte, so both listings must
be in the order of the keys' bytes (`listing.list_objects` insists on it).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import groupby
from operator import attrgetter

from integrity.keys import as_text
from integrity.values import named_value
from migrator.engine.addresses import LONGEST_KEY
from migrator.engine.gaps import Gap
from migrator.engine.listing import ListedObject, key_bytes
from migrator.engine.twins import Twins

MOST_ITEMS_PER_BATCH = 1_000
BATCH_SIZE = 1024**3
FIRST_KEYS_SHOWN = 20
DEST_ONLY_KEYS_SHOWN = 100
MOST_CLASSES_COUNTED = 20
MORE_CLASSES = "more classes"
# The id of what was written to a bucket without versioning.
NO_VERSION = "null"

ARCHIVE_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE", "ARCHIVE", "COLD_ARCHIVE", "DEEP_COLD_ARCHIVE"})


@named_value
class Item:
    """One source object in a plan. `size` in bytes, `last_modified` RFC 3339 in UTC, ETags as listed.

    `existing_*` are what the destination's listing showed at `dest_key` (size None: no object there). Where every
    version is planned an item names its version and the one before it in the plan's history of the key (empty: it is
    the first), and which version of the destination `existing_*` are about.
    """

    index: int
    key: str
    dest_key: str
    size: int
    etag: str
    last_modified: str
    version_id: str = ""
    existing_etag: str = ""
    existing_size: int | None = None
    storage_class: str = ""
    previous_version_id: str = ""
    existing_version_id: str = ""
    existing_last_modified: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """Which objects of the source belong to the task; times are RFC 3339 in UTC.

    `sample_percent` of the keys, drawn by `sample_seed`, are planned: the same seed draws the same keys again.
    `only`: of what is listed, these keys with these versions are planned, in the history that all of them make.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_size: int | None = None
    max_size: int | None = None
    modified_after: str | None = None
    modified_before: str | None = None
    sample_percent: int = 100
    sample_seed: int = 0
    only: frozenset[tuple[str, str]] | None = None

    def is_wanted(self, listed: ListedObject) -> bool:
        """Say whether this version is one of those to plan."""
        return self.only is None or (listed.key, listed.version_id) in self.only

    def is_drawn(self, key: str) -> bool:
        """Say whether this key is in the sample."""
        if self.sample_percent >= 100:
            return True
        drawn = hashlib.sha256(f"{self.sample_seed}\x00".encode() + key_bytes(key)).digest()
        return int.from_bytes(drawn[:8], "big") * 100 < self.sample_percent << 64


@dataclass(slots=True)
class PlanSummary:
    """What the preview shows, filled while `plan` goes on; `size` is the bytes of all planned objects.

    Every listed key is planned, or counted in `excluded` under the name of its filter (`sample`: not drawn).
    Of the keys that only the destination has, the first 100 are in `dest_only_keys`. `storage_classes` counts the
    planned objects by the class that the source lists, without those of STANDARD. Where every version is planned
    `objects` counts versions, `keys` their keys, and `delete_markers` those of the keys that are deleted at the source.
    """

    objects: int = 0
    size: int = 0
    largest: int = 0
    largest_key: str = ""
    excluded: dict[str, int] = field(default_factory=dict)
    existing_same_size: int = 0
    existing_different: int = 0
    dest_only: int = 0
    dest_only_keys: list[str] = field(default_factory=list)
    archived: int = 0
    storage_classes: dict[str, int] = field(default_factory=dict)
    key_too_long: int = 0
    key_invalid: int = 0
    twins: int = 0
    twins_complete: bool = True
    keys: int = 0
    delete_markers: int = 0
    first_keys: list[str] = field(default_factory=list)

    @property
    def hazards(self) -> dict[str, int]:
        """What will not be copied, or may surprise, by name; only what was seen."""
        seen = {
            "archived": self.archived,
            "key_too_long": self.key_too_long,
            "key_invalid": self.key_invalid,
            "twins": self.twins,
            "delete_markers": self.delete_markers,
        }
        return {name: count for name, count in seen.items() if count}

    def to_json(self) -> dict[str, object]:
        """Return it as plain values, for the row of the run."""
        return {**asdict(self), "hazards": self.hazards}


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """Up to 1,000 items or about 1 GiB, in plan order; a larger object is alone. `number` counts from 0.

    The versions of a key are never apart, whatever their number and size: one worker copies them in their order.
    """

    number: int
    items: tuple[Item, ...]
    size: int


def plan(
    source_listing: Iterable[ListedObject],
    dest_listing: Iterable[ListedObject],
    source_prefix: str = "",
    dest_prefix: str = "",
    options: PlanOptions | None = None,
    summary: PlanSummary | None = None,
    gaps: Sequence[Gap] = (),
) -> Iterator[PlannedBatch]:
    """Merge two sorted listings and yield batches; `summary` is complete when the iterator ends.

    `gaps`: what of the source cannot be listed, known by the time the listing goes on behind it. What the destination
    has there is not said to have no counterpart.
    """
    totals = summary if summary is not None else PlanSummary()
    existing = _Existing(dest_listing, key_bytes(source_prefix), len(key_bytes(dest_prefix)), totals, gaps)
    items = _items(source_listing, existing, source_prefix, dest_prefix, options or PlanOptions(), totals)
    return batches(items)


def batches(items: Iterable[Item], first_number: int = 0) -> Iterator[PlannedBatch]:
    """Cut items, in their order, into batches."""
    number, held, size = first_number, list[Item](), 0
    for item in items:
        is_full = len(held) >= MOST_ITEMS_PER_BATCH or size + item.size > BATCH_SIZE
        if held and is_full and item.key != held[-1].key:
            yield PlannedBatch(number, tuple(held), size)
            number, held, size = number + 1, [], 0
        held.append(item)
        size += item.size
    if held:
        yield PlannedBatch(number, tuple(held), size)


def _items(
    source_listing: Iterable[ListedObject],
    existing: _Existing,
    source_prefix: str,
    dest_prefix: str,
    options: PlanOptions,
    totals: PlanSummary,
) -> Iterator[Item]:
    twins = Twins()
    for key, versions in groupby(source_listing, attrgetter("key")):
        rest = key[len(source_prefix) :]
        there = existing.at(key_bytes(rest))
        last = None
        for item in _items_of_key(versions, rest, dest_prefix + rest, there, options, totals):
            last = item
            yield item
        if last is not None:
            _count_key(last, totals)
            twins.look(last.dest_key)
    existing.finish()
    totals.twins, totals.twins_complete = twins.count, twins.is_complete


def _items_of_key(
    versions: Iterable[ListedObject],
    rest: str,
    dest_key: str,
    there: ListedObject | None,
    options: PlanOptions,
    totals: PlanSummary,
) -> Iterator[Item]:
    """Yield the items of one key: one, or one for each of its versions, the oldest first."""
    previous, is_deleted = "", False
    for listed in versions:
        excluded_by = _excluded_by(listed, rest, options)
        if excluded_by:
            totals.excluded[excluded_by] = totals.excluded.get(excluded_by, 0) + 1
            continue
        before, previous = previous, listed.version_id
        if not options.is_wanted(listed):
            continue
        item = Item(
            index=totals.objects,
            key=listed.key,
            dest_key=dest_key,
            size=listed.size,
            etag=listed.etag,
            last_modified=listed.last_modified,
            version_id=listed.version_id,
            previous_version_id=before,
            existing_etag=there.etag if there else "",
            existing_size=there.size if there else None,
            existing_version_id=there.version_id if there else "",
            existing_last_modified=there.last_modified if there else "",
            storage_class=listed.storage_class,
        )
        _count(item, totals)
        is_deleted = listed.is_deleted
        yield item
    totals.delete_markers += is_deleted


class _Existing:
    """The destination's listing, walked beside the source's."""

    def __init__(
        self,
        listing: Iterable[ListedObject],
        source_prefix: bytes,
        prefix_size: int,
        totals: PlanSummary,
        gaps: Sequence[Gap],
    ) -> None:
        self._rest = iter(listing)
        self._source_prefix = source_prefix
        self._prefix_size = prefix_size
        self._totals = totals
        self._gaps = gaps
        self._next = next(self._rest, None)

    def at(self, wanted: bytes) -> ListedObject | None:
        """Return the object at this key; keys before it exist only at the destination."""
        while self._next is not None:
            key = key_bytes(self._next.key)[self._prefix_size :]
            if key > wanted:
                return None
            found, self._next = self._next, next(self._rest, None)
            if key == wanted:
                return found
            self._count(found)
        return None

    def finish(self) -> None:
        """Count what is left."""
        while self._next is not None:
            self._count(self._next)
            self._next = next(self._rest, None)

    def _count(self, listed: ListedObject) -> None:
        at_source = self._source_prefix + key_bytes(listed.key)[self._prefix_size :]
        if any(gap.holds(at_source) for gap in self._gaps):
            return
        self._totals.dest_only += 1
        if len(self._totals.dest_only_keys) < DEST_ONLY_KEYS_SHOWN:
            # Here a key is only shown.
            self._totals.dest_only_keys.append(as_text(listed.key))


def _excluded_by(listed: ListedObject, rest: str, options: PlanOptions) -> str:
    """Name the filter that keeps this object out; empty if none does. Globs see the key behind the prefix."""
    if options.include and not any(fnmatchcase(rest, glob) for glob in options.include):
        return "include"
    if any(fnmatchcase(rest, glob) for glob in options.exclude):
        return "exclude"
    if options.min_size is not None and listed.size < options.min_size:
        return "min_size"
    if options.max_size is not None and listed.size > options.max_size:
        return "max_size"
    if options.modified_after and _time(listed.last_modified) <= _time(options.modified_after):
        return "modified_after"
    if options.modified_before and _time(listed.last_modified) >= _time(options.modified_before):
        return "modified_before"
    return "" if options.is_drawn(listed.key) else "sample"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)


def _count(item: Item, totals: PlanSummary) -> None:
    totals.objects += 1
    totals.size += item.size
    if item.size > totals.largest or not totals.largest_key:
        totals.largest, totals.largest_key = item.size, as_text(item.key)
    listed_class = item.storage_class.upper()
    if listed_class in ARCHIVE_CLASSES:
        totals.archived += 1
    if listed_class not in ("", "STANDARD"):
        _count_class(item.storage_class, totals.storage_classes)
    if not is_legal_key(item.dest_key):
        totals.key_invalid += 1
    elif len(key_bytes(item.dest_key)) > LONGEST_KEY:
        totals.key_too_long += 1


def _count_key(newest: Item, totals: PlanSummary) -> None:
    """Count a key by the newest of its planned versions, which is to be what the key holds in the end."""
    totals.keys += 1
    if len(totals.first_keys) < FIRST_KEYS_SHOWN:
        totals.first_keys.append(as_text(newest.key))
    if newest.existing_size == newest.size:
        totals.existing_same_size += 1
    elif newest.existing_size is not None:
        totals.existing_different += 1


def _count_class(name: str, counts: dict[str, int]) -> None:
    """Count an object of this class. What a store invents without end is counted in one line."""
    known = name if name in counts or len(counts) < MOST_CLASSES_COUNTED else MORE_CLASSES
    counts[known] = counts.get(known, 0) + 1


def is_legal_key(key: str) -> bool:
    """Say whether this is a key at all: not empty, and UTF-8."""
    try:
        return bool(key.encode())
    except UnicodeEncodeError:
        return False
