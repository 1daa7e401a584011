"""What the work on items stands on: the two sides, the options, and what all items of one copier share."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from integrity.digests import Algorithm
from integrity.evidence import Profile
from integrity.layouts import GIB, MIB, Limits
from integrity.verdicts import Policy
from migrator.engine.bodies import RateLimit, Watch
from migrator.engine.buffers import Budget
from migrator.engine.held_parts import KeptUpload
from migrator.engine.stores import Store
from migrator.engine.window import Lone, Widening

SINGLE_PUT_UP_TO = 16 * MIB


class IfExists(StrEnum):
    """What to do where the destination holds an object of that key."""

    FAIL = "fail_if_exists"
    SKIP = "skip_if_verified_identical"
    REPLACE = "replace_if_matches"


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a copy: a bucket behind a store, and what is known of it."""

    store: Store
    bucket: str
    prefix: str = ""
    profile: Profile = field(default_factory=Profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOptions:
    """How to copy. Sizes in bytes; `read_back_percent` of the keys, chosen by `read_back_seed`, are read back.

    `threshold`: objects up to this size go in one PUT. `largest_mirrored_part`: a source's layout with larger
    parts is not mirrored, since each part above half the memory budget waits in the spool folder. `limits` take the
    place of those that the destination's profile knows. `leave_out_digests` are neither computed nor sent; what rests
    on them is not proven. `keep_above`: a stop leaves the upload of an object above this size open, for the next
    attempt to go on with. `storage_class_map` as in `carrying.class_of_copy`; `encryption` in S3's own word.
    """

    if_exists: str = IfExists.FAIL
    policy: Policy = field(default_factory=Policy)
    tags: bool = False
    read_back_percent: int = 0
    read_back_seed: str = ""
    double_read: bool = False
    leave_out_digests: frozenset[Algorithm] = frozenset()
    bytes_per_s: int | None = None
    storage_class_map: Mapping[str, str] = field(default_factory=dict)
    encryption: str = ""
    kms_key_id: str = ""
    most_attempts: int = 4
    limits: Limits | None = None
    threshold: int = SINGLE_PUT_UP_TO
    largest_mirrored_part: int = GIB
    watch: Watch = field(default_factory=Watch)
    widening: Widening = field(default_factory=Widening)
    found_within_seconds: float = 30
    keep_above: int = GIB

    def reads_back(self, key: str) -> bool:
        """Say whether this key is among those that are read back at the destination."""
        if self.read_back_percent <= 0:
            return False
        drawn = hashlib.sha256(f"{self.read_back_seed}\x00{key}".encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(drawn[:4], "big") % 100 < self.read_back_percent


class Hooks(Protocol):
    """What the engine tells, and asks, while it works. Called from several threads."""

    def upload_opened(self, dest_key: str, upload_id: str, purpose: str) -> None:
        """An upload was created; remember it, and what it was opened for, before its first part is sent."""

    def upload_closed(self, dest_key: str, upload_id: str) -> None:
        """The upload is completed, or aborted until nothing of it was left."""

    def moved(self, n: int) -> None:
        """So many bytes were read; negative where a new attempt takes them back."""

    def should_stop(self) -> bool:
        """Whether to stop at the next border."""

    def contradicted(self, fact: str) -> None:
        """A fact of the destination's profile turned out to be false."""


@dataclass(frozen=True, slots=True)
class Work:
    """What all items of one copier share."""

    source: Side
    destination: Side
    options: CopyOptions
    hooks: Hooks
    budget: Budget
    spool_quota: Budget
    parts_pool: ThreadPoolExecutor
    limit: RateLimit
    spool_dir: Path | None
    stopping: threading.Event
    # The uploads that an earlier attempt was stopped in, by destination key; whoever takes them settles them.
    kept_uploads: dict[str, Sequence[KeptUpload]] = field(default_factory=dict)
    # What turned out on the way.
    listing_differs: threading.Event = field(default_factory=threading.Event)
    source_listing_differs: threading.Event = field(default_factory=threading.Event)
    no_md5_at_source: threading.Event = field(default_factory=threading.Event)
    no_large_bodies: threading.Event = field(default_factory=threading.Event)
    no_large_parts: threading.Event = field(default_factory=threading.Event)
    ranges_refused: threading.Event = field(default_factory=threading.Event)
    # Whether one item is at work, and nothing waits.
    is_lone: threading.Event = field(default_factory=threading.Event)

    def trusts_listing(self) -> bool:
        """Whether listings of the destination state what HEAD states, as far as is known by now."""
        profile = self.destination.profile
        return profile.listing_etag is True and profile.listing_size is True and not self.listing_differs.is_set()

    def trusts_source_listing(self) -> bool:
        """Whether the plan's ETags may be those of the objects: False where listings of the source state others."""
        return self.source.profile.listing_etag is not False and not self.source_listing_differs.is_set()

    @property
    def lone(self) -> Lone | None:
        """What a reader needs to know to read a lone object by ranges; None where the source is known to have none."""
        if self.source.profile.range_get is False:
            return None
        return Lone(self.options.widening, self.budget, self.is_lone, self.ranges_refused)

    @property
    def limits(self) -> Limits:
        """What the destination takes."""
        return self.options.limits or self.destination.profile.limits

    def should_stop(self) -> bool:
        """Whether someone asked to stop, or another item met a problem that stops them all."""
        return self.stopping.is_set() or self.hooks.should_stop()
