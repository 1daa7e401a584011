"""Histories of keys where a run copies every version: which are listed, and which copies earlier records name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, Self

from django.db.models import Q

from integrity.etags import normalise
from integrity.evidence import ErrorCode
from integrity.keys import as_text, from_record
from integrity.models import IntegrityRecord
from migrator.engine.chain_leg import DestVersion, Link
from migrator.engine.errors import ListingInvalid
from migrator.engine.gaps import MOST_GAPS, Gap, can_be_said
from migrator.engine.messages import ListedObject
from migrator.engine.planning import NO_VERSION, is_legal_key
from migrator.engine.versions import history_of, versions_in
from migrator.jobs.sides import places_of

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from integrity.evidence import Finding
    from migrator.engine.planning import Item
    from migrator.engine.stores import Store
    from migrator.models import Run

KEYS_A_QUERY = 500


class Wanted(NamedTuple):
    """A version that is to be tried again, as its record names it."""

    key: str
    version_id: str
    size: int
    etag: str


def copies_all(run: Run) -> bool:
    """Say whether each version is an item of this run."""
    # A run that was planned before this option existed takes the latest ones.
    return bool(run.options.get("versions") == "all")


def versions_again(
    store: Store, bucket: str, wanted: Iterable[Wanted], gaps: list[Gap]
) -> Iterator[ListedObject | None]:
    """Yield the whole history of each wanted key as it is now; `wanted` is in the order of the keys' bytes.

    A version that is gone comes last, as it was: its record then says `source_gone`, and it is before none.
    A key that no page can say is added to `gaps`, up to a bound.
    """
    for key, group in groupby(wanted, lambda each: each.key):
        if not is_legal_key(key):
            # Nobody can ask for it.
            yield from map(_as_it_was, group)
            continue
        try:
            history = history_of(store, bucket, key)
        except ListingInvalid:
            if can_be_said(key) or len(gaps) == MOST_GAPS:
                raise
            gaps.append(Gap.of_key(key))
            yield None
            continue
        yield from versions_in([history])
        for each in group:
            if history.version(each.version_id) is None:
                yield _as_it_was(each)


def _as_it_was(wanted: Wanted) -> ListedObject:
    return ListedObject(wanted.key, wanted.size, wanted.etag, last_modified="", version_id=wanted.version_id)


def current_again(store: Store, bucket: str, keys: Iterable[str]) -> Iterator[ListedObject | None]:
    """Yield what each key holds now at the destination, None where it holds nothing.

    None as well for a key that no page can say: nothing is put above what it may hold, for each version asks again.
    """
    for key in keys:
        if not is_legal_key(key):
            yield None
            continue
        try:
            yield history_of(store, bucket, key).current
        except ListingInvalid:
            if can_be_said(key):
                raise
            yield None


def links_of(run: Run, items: Sequence[Item], settled: Mapping[int, Settled]) -> dict[int, Link]:
    """Return, by index, what is known of a key's copies at the destination.

    `items` are all of a batch, which holds whole keys; `settled` those that need no work any more.
    """
    keys = [list(group) for _, group in groupby((item for item in items if item.version_id), attrgetter("key"))]
    found: dict[int, Link] = {}
    for start in range(0, len(keys), KEYS_A_QUERY):
        group = keys[start : start + KEYS_A_QUERY]
        copies = _copies_of(run, [versions[0].key for versions in group])
        for versions in group:
            links = _links(versions, copies.get(versions[0].dest_key, _Copies()), settled)
            found.update((index, link) for index, link in links if link != Link(place=link.place))
    return found


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an item before: the code and the sentence of its failure, or its copy."""

    error_code: str
    error_message: str
    copy: DestVersion | None

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """Return that of a finding."""
        dest = finding.dest
        copy = DestVersion(dest.version_id, normalise(dest.etag or "")) if dest and dest.version_id else None
        return cls(finding.error_code or "", finding.error_message, copy)


def settled_in(records: QuerySet[IntegrityRecord]) -> dict[int, Settled]:
    """Return, by index, what records say became of their items."""
    names = ("index", "verdict", "error_code", "error_message", "dest_version_id", "dest_etag")
    found: dict[int, Settled] = {}
    for index, verdict, code, message, version, etag in records.values_list(*names):
        copy = DestVersion(version, etag) if version and verdict != "failed" else None
        found[index] = Settled(code, message, copy)
    return found


def _links(versions: Sequence[Item], copies: _Copies, settled: Mapping[int, Settled]) -> Iterator[tuple[int, Link]]:
    """Yield the link of each version of a key that is still to be worked on."""
    order = {item.version_id: place for place, item in enumerate(versions)}
    places = {copy.version_id: order[version] for version, copy in copies.of_version.items() if version in order}
    anchor: Settled | None = None
    for place, item in enumerate(versions):
        if item.index in settled:
            # What is gone at the source is no longer part of its history.
            anchor = anchor if settled[item.index].error_code == ErrorCode.SOURCE_GONE else settled[item.index]
            continue
        link = copies.link(item, places, place)
        yield item.index, link if anchor is None else _anchored(link, anchor)
        anchor = None


def _anchored(link: Link, anchor: Settled) -> Link:
    if anchor.copy is None:
        return replace(link, is_anchored=True, cause=anchor.error_message or _NO_COPY)
    return replace(link, is_anchored=True, before=anchor.copy)


_NO_COPY = "Its record names no version at the destination."


@dataclass(slots=True)
class _Copies:
    """What records name of one key: the copy of each version of the source, and the ETag it was a copy of."""

    of_version: dict[str, DestVersion] = field(default_factory=dict)
    source_etags: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def add(self, version: str, source_etag: str, copy: DestVersion) -> None:
        """Take what a record says. Each version at the destination is the copy of one version of the source."""
        if self.owners.setdefault(copy.version_id, version) == version:
            self.of_version[version], self.source_etags[version] = copy, source_etag

    def link(self, item: Item, places: Mapping[str, int], place: int) -> Link:
        known = self.of_version.get(item.version_id)
        if item.version_id == NO_VERSION and self.source_etags.get(NO_VERSION) != normalise(item.etag):
            # Another write has taken the place of what was copied under this name.
            known = None
        return Link(
            known=known.version_id if known else "",
            before=self.of_version.get(item.previous_version_id),
            places=places,
            place=place,
        )


def _copies_of(run: Run, keys: Sequence[str]) -> dict[str, _Copies]:
    """Return the copies by the key at the destination. A run's own records count even if a connection was edited."""
    places = places_of(run)
    own = Q(run__in=[each for each in (run.pk, run.retry_of_id) if each is not None])
    at_these_places = Q(source_place=places.source, dest_place=places.dest, created_at__gt=places.since)
    named = Q(task=run.task_id, object_key__in=[as_text(key) for key in keys])
    rows = (
        IntegrityRecord.objects.filter(own | at_these_places, named)
        # A failed one may name what somebody else has put there.
        .exclude(verdict="failed")
        .exclude(dest_version_id="")
        .order_by("created_at")
        .values_list(
            "dest_key",
            "dest_facts__key_base64",
            "source_version_id",
            "source_etag",
            "dest_version_id",
            "dest_etag",
        )
    )
    found: dict[str, _Copies] = defaultdict(_Copies)
    for dest_key, coded, version, source_etag, dest_version, etag in rows:
        found[from_record(dest_key, coded)].add(version, source_etag, DestVersion(dest_version, etag))
    return dict(found)
