"""What a forecast is made of: the planned items counted by class, and a HEAD of a few of each class. Constant memory.

The source is only asked, never read. What is not answered is left open; the forecast then is a range.
"""

from __future__ import annotations

import hashlib
import heapq
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from integrity.etags import normalise
from integrity.evidence import Encryption, ErrorCode, Statement
from integrity.forecast import Amount, Look
from integrity.imagined import ItemClass, ListedEtag, Present, Seen, Wish
from integrity.layouts import Limits
from migrator.engine.addresses import LONGEST_KEY
from migrator.engine.carrying import ClassOfCopy, class_of_copy
from migrator.engine.errors import ConnectionProblem, EngineError, StoreBusy
from migrator.engine.listing import key_bytes
from migrator.engine.planning import ARCHIVE_CLASSES, Item, PlannedBatch, is_legal_key
from migrator.engine.workplace import CopyOptions, IfExists, Side

LOOKS_A_CLASS = 20
# A wait for each would be felt where answers take long.
LOOKS_AT_ONCE = 5


@dataclass(slots=True)
class Classes:
    """The items of a plan by class: counts, and up to 20 of each class, drawn by `seed`."""

    options: CopyOptions
    seed: str
    limits: Limits = field(default_factory=Limits)
    _counted: dict[ItemClass, _Counted] = field(default_factory=dict)

    @property
    def planned(self) -> dict[ItemClass, Amount]:
        """How many items of each class there are, and their bytes."""
        return {found: Amount(counted.items, counted.size) for found, counted in self._counted.items()}

    def counting(self, batches: Iterable[PlannedBatch]) -> Iterator[PlannedBatch]:
        """Yield the batches as they are, and count their items."""
        for batch in batches:
            for item in batch.items:
                self.add(item)
            yield batch

    def add(self, item: Item) -> None:
        """Count one item, and keep it for a look where the draw says so."""
        found = class_of(item, self.options, self.options.limits or self.limits)
        counted = self._counted.get(found)
        if counted is None:
            counted = self._counted[found] = _Counted()
        counted.items += 1
        counted.size += item.size
        if found.hindrance is None:
            counted.draw(item, self.seed)

    def to_ask(self) -> Iterator[tuple[ItemClass, list[Item]]]:
        """Yield each class with the items that were drawn from it; of a hindered one nothing more need be known."""
        for found, counted in self._counted.items():
            if counted.drawn:
                yield found, [each.item for each in sorted(counted.drawn)]


def wish_of(options: CopyOptions) -> Wish:
    """Return what these options ask for, as far as it decides about proof."""
    return Wish(
        policy=options.policy,
        double_read=options.double_read,
        tags=options.tags,
        left_out=options.leave_out_digests,
        encryption=Encryption.of(options.encryption) if options.encryption else None,
    )


def class_of(item: Item, options: CopyOptions, limits: Limits) -> ItemClass:
    """Return the class of a planned item under these options, at a destination of these limits."""
    copied_as, present = class_of_copy(item.storage_class, options.storage_class_map), _present(item, options)
    return ItemClass(
        etag=ListedEtag.of(item.etag),
        in_parts=item.size > min(options.threshold, limits.single_put),
        present=present,
        read_back=options.reads_back(item.key),
        class_carried=copied_as is None or copied_as.expected is not None,
        hindrance=_hindrance(item, copied_as, present, limits),
    )


def look_at(side: Side, items: Sequence[Item]) -> list[Look]:
    """Ask about each item with one HEAD, several at once. Raises only `ConnectionProblem`: the rest is not known then.

    A store that is too busy for one of them is not asked for those that wait.
    """
    is_busy = threading.Event()

    def seen(item: Item) -> Seen | None:
        if is_busy.is_set():
            return None
        try:
            return Seen.of(_head(side, item))
        except ConnectionProblem:
            raise
        except StoreBusy:
            is_busy.set()
        except EngineError:
            pass
        return None

    with ThreadPoolExecutor(LOOKS_AT_ONCE, "looking") as pool:
        return [Look(item.size, found) for item, found in zip(items, pool.map(seen, items), strict=True)]


@dataclass(slots=True)
class _Counted:
    """The items of one class: how many, their bytes, and those that were drawn."""

    items: int = 0
    size: int = 0
    drawn: list[_Drawn] = field(default_factory=list)

    def draw(self, item: Item, seed: str) -> None:
        """Keep the item if its lot is among the smallest."""
        lot = _lot(seed, f"{item.key}\x00{item.version_id}" if item.version_id else item.key)
        if len(self.drawn) < LOOKS_A_CLASS:
            heapq.heappush(self.drawn, _Drawn(-lot, item.key, item.version_id, item.size))
        elif -lot > self.drawn[0].order:
            heapq.heapreplace(self.drawn, _Drawn(-lot, item.key, item.version_id, item.size))


@dataclass(frozen=True, slots=True, order=True)
class _Drawn:
    """What is kept of an item for a look."""

    order: int
    key: str
    version_id: str
    size: int

    @property
    def item(self) -> Item:
        """Return so much of the item as a look needs."""
        return Item(
            index=0, key=self.key, dest_key="", size=self.size, etag="", last_modified="", version_id=self.version_id
        )


def _lot(seed: str, key: str) -> int:
    drawn = hashlib.blake2b(f"{seed}\x00{key}".encode("utf-8", "surrogateescape"), digest_size=8)
    return int.from_bytes(drawn.digest(), "big")


def _head(side: Side, item: Item) -> Statement:
    return side.store.head(
        side.bucket,
        item.key,
        version_id=item.version_id,
        checksums=side.profile.checksum_mode is True,
    )


def _present(item: Item, options: CopyOptions) -> Present:
    if item.existing_size is None or options.if_exists == IfExists.REPLACE:
        return Present.NOTHING
    if item.version_id:
        # What the key holds now may be the copy of another version: only the history tells.
        return Present.UNCLEAR
    there = normalise(item.existing_etag)
    return Present.SAME_ETAG if there and there == normalise(item.etag) else Present.UNCLEAR


def _hindrance(item: Item, copied_as: ClassOfCopy | None, present: Present, limits: Limits) -> ErrorCode | None:
    """Return what keeps this item from being copied, as far as the listings show it."""
    if not is_legal_key(item.key) or not is_legal_key(item.dest_key):
        return ErrorCode.KEY_INVALID
    if len(key_bytes(item.dest_key)) > LONGEST_KEY:
        return ErrorCode.KEY_TOO_LONG
    is_archived = item.storage_class.upper() in ARCHIVE_CLASSES
    if not is_archived and copied_as is None:
        return ErrorCode.DEST_CONFIG
    if item.size > limits.reach:
        return ErrorCode.OBJECT_TOO_LARGE
    if present is not Present.NOTHING and not item.version_id and item.existing_size != item.size:
        return ErrorCode.DEST_EXISTS
    return ErrorCode.ARCHIVED if is_archived else None
