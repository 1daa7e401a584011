"""The versions of a bucket: key by key in the order of the keys' bytes, within a key from the oldest to the newest.

A store lists the newest version of a key first, so what is turned around is held in memory: one key's versions, up to
a bound. The pages are held to the same rules as those of objects: what makes no sense is an error.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from migrator.engine.answers import LONGEST_VERSION_ID
from migrator.engine.errors import (
    AnswerUnreadable,
    ListingInvalid,
    NotSupported,
    TooManyVersions,
    UnknownAnswer,
    VersionsNotListed,
)
from migrator.engine.gaps import (
    LAST_SIGN,
    MOST_GAPS,
    Gap,
    Gaps,
    Place,
    Rows,
    can_be_said,
    looking,
    require_own_names,
    require_way_on,
)
from migrator.engine.listing import LARGEST_PAGE, key_bytes
from migrator.engine.messages import LARGEST_SIZE, ListedMarker, ListedObject, VersionPage
from migrator.engine.requests import LIST_VERSIONS
from migrator.engine.stores import Store

# Of one key so many versions and delete markers are held in memory to turn them around: some 50 MB of them.
MOST_VERSIONS_OF_A_KEY = 50_000


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """One key: its versions from the oldest to the newest, and its delete markers from the newest to the oldest."""

    key: str
    versions: tuple[ListedObject, ...] = ()
    markers: tuple[ListedMarker, ...] = ()

    @property
    def is_deleted(self) -> bool:
        """Whether a delete marker is on top: without a version in the request the key holds nothing."""
        return any(marker.is_latest for marker in self.markers)

    @property
    def current(self) -> ListedObject | None:
        """The object that the key holds now."""
        return None if self.is_deleted or not self.versions else self.versions[-1]

    @property
    def since_deleted(self) -> tuple[ListedObject, ...]:
        """The versions since the key was last deleted."""
        deleted_at = max((marker.last_modified for marker in self.markers), default="")
        return tuple(each for each in self.versions if each.last_modified >= deleted_at)

    def version(self, version_id: str) -> ListedObject | None:
        """Return the version of this id."""
        return next((each for each in self.versions if each.version_id == version_id), None)

    def after(self, version_id: str) -> tuple[ListedObject, ...] | None:
        """Return the versions that are newer than this one; None where it is not there."""
        for place, each in enumerate(self.versions, start=1):
            if each.version_id == version_id:
                return self.versions[place:]
        return None


def list_versions(
    store: Store,
    bucket: str,
    prefix: str = "",
    *,
    start_after: str = "",
    page_keys: int = LARGEST_PAGE,
) -> Iterator[KeyHistory]:
    """Yield the history of every key that begins with `prefix`, in the order of the keys' bytes.

    The end of the iterator means that the listing is complete. Raise `ListingInvalid` where a page breaks one of the
    sanity rules even when it is asked for again, `VersionsNotListed` where the store does not know the question,
    `TooManyVersions`, and whatever `Store.list_version_page` raises.
    """
    asker = _Asker(store, bucket, prefix, page_keys, Place(start_after))
    for history in _histories(asker.entries()):
        if history is not None:
            yield history


def list_versions_around(store: Store, bucket: str, prefix: str, gaps: list[Gap]) -> Iterator[KeyHistory | None]:
    """Yield what `list_versions` does, also around keys that no page can be read with, as `list_around` does."""
    return _histories(_Asker(store, bucket, prefix, LARGEST_PAGE, Place("")).entries_around(gaps))


def history_of(store: Store, bucket: str, key: str) -> KeyHistory:
    """Return one key's history, empty where there is nothing of it; a key behind it that spoils its page does no harm.

    Raises what `list_versions` does: `ListingInvalid` also where it cannot be shown that what cannot be read is none
    of this key's.
    """
    # The key is the first of all that begin with it.
    entries = _Asker(store, bucket, key, LARGEST_PAGE, Place("")).entries_of_prefix()
    found = next((each for each in _histories(entries) if each is not None), None)
    return found if found is not None and found.key == key else KeyHistory(key)


def versions_in(histories: Iterable[KeyHistory | None]) -> Iterator[ListedObject | None]:
    """Yield each version as an object to plan, and None for a key that has none: it may only have delete markers."""
    for history in histories:
        if history is None or not history.versions:
            yield None
            continue
        if not history.is_deleted:
            yield from history.versions
            continue
        for each in history.versions:
            yield replace(each, is_deleted=True)


def current_in(histories: Iterable[KeyHistory]) -> Iterator[ListedObject | None]:
    """Yield what each key holds now, named by its version, and None where it holds nothing."""
    for history in histories:
        yield history.current


_Entry = ListedObject | ListedMarker


@dataclass(slots=True)
class _Held:
    """What is known so far of one key, newest first."""

    key: str
    versions: list[ListedObject] = field(default_factory=list)
    markers: list[ListedMarker] = field(default_factory=list)

    def add(self, entry: _Entry) -> None:
        if len(self.versions) + len(self.markers) >= MOST_VERSIONS_OF_A_KEY:
            raise TooManyVersions(facts={"key": self.key, "limit": f"{MOST_VERSIONS_OF_A_KEY:,}"})
        if isinstance(entry, ListedMarker):
            self.markers.append(entry)
        else:
            self.versions.append(entry)

    def histories(self) -> Iterator[KeyHistory]:
        if self.versions or self.markers:
            yield KeyHistory(self.key, tuple(reversed(self.versions)), tuple(self.markers))


def _histories(entries: Iterable[_Entry | None]) -> Iterator[KeyHistory | None]:
    held = _Held("")
    for entry in entries:
        if entry is None:
            yield None
            continue
        if entry.key != held.key:
            yield from held.histories()
            held = _Held(entry.key)
        held.add(entry)
    yield from held.histories()


@dataclass(slots=True)
class _Asker:
    """Asks for page after page, and takes none that makes no sense."""

    store: Store
    bucket: str
    prefix: str
    page_keys: int
    place: Place
    _seen: set[Place] = field(default_factory=set)
    _last: bytes = b""
    # The ids at the last key: a key may go on over many pages, a version may not be there twice.
    _ids: set[str] = field(default_factory=set)

    def entries(self) -> Iterator[_Entry]:
        """Yield versions and delete markers by key; within a key each kind is newest first."""
        while True:
            page = self._sane_page()
            for entry in _by_key(page):
                self._remember(entry)
                yield entry
            if not page.truncated:
                return
            self.place = Place(page.next_key, page.next_version)
            self._seen.add(self.place)

    def entries_of_prefix(self) -> Iterator[_Entry | None]:
        """Yield those of the key that is the prefix, and of what is behind it as much as can be read at once."""
        try:
            yield from self.entries_around([], most_gaps=0)
        except ListingInvalid as exc:
            if not isinstance(exc.__cause__, AnswerUnreadable) or self._last or not self._is_free():
                raise

    def _is_free(self) -> bool:
        """Say whether nothing has the key that is the prefix, and what cannot be read there stands behind it."""
        key = self.prefix
        if not can_be_said(key) or not all(self._is_spoiled_behind(key) for _ in range(self.store.patience.tries)):
            return False
        return self.store.find(self.bucket, key) is None

    def _is_spoiled_behind(self, key: str) -> bool:
        """Say whether no row can be read from this key on, while a page behind all that begins with it can."""
        if self._look(Place(""), 1) is not None or self._look(Place(key), 1) is not None:
            return False
        return self._look(Place(key + LAST_SIGN), 1) is not None

    def entries_around(self, gaps: list[Gap], most_gaps: int = MOST_GAPS) -> Iterator[_Entry | None]:
        """Yield the same also around keys that no page can be read with, None as a sign of life."""
        try:
            yield from self.entries()
        except ListingInvalid as exc:
            if not isinstance(exc.__cause__, AnswerUnreadable):
                raise
            for entry in self._gaps(gaps, most_gaps).entries(exc):
                if entry is not None:
                    self._require_new(entry)
                    self._remember(entry)
                yield entry

    def _gaps(self, found: list[Gap], most_gaps: int) -> Gaps[_Entry]:
        tries = self.store.patience.tries
        return Gaps(self._look, self.prefix, self.place, found, most_gaps, newest=self._newest, tries=tries)

    def _newest(self, key: str) -> Rows[_Entry] | None:
        return _Asker(self.store, self.bucket, key, 1, Place(""))._look(Place(""), 1)

    def _look(self, place: Place, most_rows: int) -> Rows[_Entry] | None:
        return looking(self.store.patience, self.bucket, self._rows)(place, most_rows)

    def _rows(self, place: Place, most_rows: int) -> tuple[Rows[_Entry], str]:
        """Return a page behind a place, wherever this one has come to, and which sanity rule it breaks."""
        there = _Asker(self.store, self.bucket, self.prefix, most_rows, place)
        page = there._page(repeat=False)
        fault = there._fault(page)
        there._require_true_names(page, fault)
        following = Place(page.next_key, page.next_version) if page.truncated else None
        return Rows([] if fault else list(_by_key(page)), following), fault

    def _require_new(self, entry: _Entry) -> None:
        """Raise `ListingInvalid` where an entry is not behind what has been yielded."""
        key = key_bytes(entry.key)
        if key < self._last or (key == self._last and entry.version_id in self._ids):
            fault = "the keys are not sorted, or a version is there twice"
            raise ListingInvalid(fault, facts={"bucket": self.bucket, "fault": fault})

    def _remember(self, entry: _Entry) -> None:
        key = key_bytes(entry.key)
        if key != self._last:
            self._last, self._ids = key, set()
        self._ids.add(entry.version_id)

    def _sane_page(self) -> VersionPage:
        tried = 0
        while True:
            tried += 1
            cause: AnswerUnreadable | None = None
            try:
                page = self._page()
                fault = self._fault(page)
                self._require_true_names(page, fault)
            except AnswerUnreadable as exc:
                fault, cause = exc.facts.get("fault", "it cannot be read"), exc
            if not fault:
                return page
            if tried >= self.store.patience.tries:
                raise ListingInvalid(fault, facts={"bucket": self.bucket, "fault": fault}) from cause
            self.store.repeats(LIST_VERSIONS.name, ListingInvalid(fault))
            self.store.patience.wait(tried)

    def _page(self, *, repeat: bool = True) -> VersionPage:
        try:
            return self.store.list_version_page(
                self.bucket,
                self.prefix,
                key_marker=self.place.key,
                version_marker=self.place.version_id,
                most_keys=self.page_keys,
                repeat=repeat,
            )
        except (NotSupported, UnknownAnswer) as exc:
            raise VersionsNotListed(
                str(exc), store_code=exc.store_code, request_id=exc.request_id, facts={"bucket": self.bucket}
            ) from exc

    def _require_true_names(self, page: VersionPage, fault: str) -> None:
        """Raise `AnswerUnreadable` where what is wrong with the page, or will be with the next, are names of keys."""
        require_own_names(fault, self._last, page.versions, page.markers)
        if not fault and page.truncated:
            require_way_on(page.next_key, lambda: self._is_there(page))

    def _is_there(self, page: VersionPage) -> bool:
        """Say whether what a page ends with is the key's; of more versions than a page has, that there are some."""
        there = self.store.list_version_page(self.bucket, page.next_key)
        rows = [entry for entry in _by_key(there) if entry.key == page.next_key]
        ends_with = [entry for entry in _by_key(page) if entry.key == page.next_key][-1:]
        return bool(rows) and (bool(there.truncated) or all(entry in rows for entry in ends_with))

    def _fault(self, page: VersionPage) -> str:
        """Say which sanity rule the page breaks; empty if none."""
        if page.name != self.bucket:
            return "a page names another bucket, or none"
        if page.truncated is None:
            return "a page does not say whether it is the last"
        if page.truncated != bool(page.next_key):
            return "a page says that it is not the last and does not say how to go on, or the other way round"
        if Place(page.next_key, page.next_version) in self._seen:
            return "a page leads back to one already seen"
        if page.common_prefixes:
            return "a page names a prefix in place of the keys behind it"
        if any(not 0 <= entry.size <= LARGEST_SIZE for entry in page.versions):
            return "an object has a size that none can have"
        return self._fault_of_keys(page.versions) or self._fault_of_keys(page.markers) or self._fault_of_ids(page)

    def _fault_of_keys(self, entries: Iterable[_Entry]) -> str:
        wanted, last = key_bytes(self.prefix), self._last
        for entry in entries:
            key = key_bytes(entry.key)
            if not key.startswith(wanted):
                return "a key lies outside the prefix"
            if key < last:
                return "the keys are not sorted"
            last = key
        return ""

    def _fault_of_ids(self, page: VersionPage) -> str:
        last, ids = self._last, set(self._ids)
        for entry in _by_key(page):
            key = key_bytes(entry.key)
            if key != last:
                last, ids = key, set()
            if not entry.version_id:
                return "a version has no id"
            if len(entry.version_id) > LONGEST_VERSION_ID:
                return "a version has an id that none can have"
            if entry.version_id in ids:
                return "a version is there twice"
            ids.add(entry.version_id)
        # What goes on before the end of this page would be told twice.
        return "a page leads back into itself" if page.truncated and key_bytes(page.next_key) < last else ""


def _by_key(page: VersionPage) -> Iterator[_Entry]:
    """Put versions and delete markers, which some stores list apart, together by key."""
    return heapq.merge(page.versions, page.markers, key=lambda entry: key_bytes(entry.key))
