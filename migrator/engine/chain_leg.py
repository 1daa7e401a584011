"""The destination leg of one version among several of its key: it follows the copy of the version before it.

What is written goes on top of that copy and of nothing else. Where it is not known what is on top (the worker was
stopped, an answer was lost, an earlier run began the history), the destination's versions of the key are listed first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from integrity.etags import EtagForm, kind, normalise
from integrity.evidence import Statement
from integrity.layouts import Layout
from migrator.engine.dest_leg import DestLeg
from migrator.engine.errors import DestExists, GoneWhenLooked
from migrator.engine.messages import ListedObject
from migrator.engine.planning import Item
from migrator.engine.source_leg import SourceLeg
from migrator.engine.versions import KeyHistory, history_of
from migrator.engine.workplace import IfExists, Work
from migrator.engine.writing import Condition


@dataclass(frozen=True, slots=True)
class DestVersion:
    """One version at the destination."""

    version_id: str
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What is known of a key at the destination before one of its versions is copied.

    `known` is the copy of this very version that an earlier record names, `before` that of the version before it.
    `places` says of each version at the destination that records name as a copy which version of the plan it is a copy
    of, by its place among the key's versions; `place` is that of this one. `is_fresh`: this worker wrote `before` just
    now. `is_anchored`: what became of the version before was settled earlier; where it has no copy `cause` says why.
    """

    known: str = ""
    before: DestVersion | None = None
    places: Mapping[str, int] = field(default_factory=dict)
    place: int = 0
    is_fresh: bool = False
    is_anchored: bool = False
    cause: str = ""

    def is_older(self, listed: ListedObject) -> bool:
        """Say whether this is the copy of a version before this one."""
        return self.places.get(listed.version_id, self.place) < self.place

    def is_newer(self, listed: ListedObject) -> bool:
        """Say whether this is the copy of a version after this one."""
        return self.places.get(listed.version_id, self.place) > self.place


class ChainLeg(DestLeg):
    """What one attempt at one version knows of the destination."""

    def __init__(
        self, work: Work, item: Item, number: int, note: Callable[[str], None], source: SourceLeg, link: Link
    ) -> None:
        super().__init__(work, item, number, note, source)
        self._link = link
        # Where this version goes: what is there already may be it, else it is written on top of `_follows`.
        self._there: Statement | None = None
        self._follows = link.before if link.is_fresh else None

    def is_taken(self, layout: Layout) -> bool:
        """Say whether this version may be there already, so that only comparing is left to do.

        Raises `DestExists` where something else is in its place.
        """
        if self.has_known_copy():
            return True
        if self.condition_holds(layout) and self._number == 1 and self._is_next():
            return False
        self._look_around()
        if not self.condition_holds(layout):
            self._note("race_possible")
        return self._there is not None

    def has_known_copy(self) -> bool:
        """Say whether the copy that an earlier record names is there: then only that is compared."""
        if self._link.known and self._there is None:
            self._there = self.find(self._link.known)
        return self._there is not None

    def _in_its_place(self) -> Statement | None:
        """Return what has the place of this version, or None."""
        if self._there is None:
            self._look_around()
        return self._there

    def taken(self, request_id: str) -> DestExists:
        """Return what it means that something else has the place of this version: only its first may replace any."""
        return DestExists(request_id=request_id)

    def _is_next(self) -> bool:
        """Say whether nothing must be asked: the first version of a new key, or one that we follow at once."""
        is_new = not self._item.previous_version_id and self._item.existing_size is None and not self._link.places
        return self._link.is_fresh or is_new

    @property
    def _replaces(self) -> bool:
        return self._follows is not None

    @property
    def _names_replaced(self) -> bool:
        return self._replaces

    def _condition(self, layout: Layout) -> Condition:
        follows, is_tried = self._follows, self._honours(layout) is not False
        if follows is None:
            return {"if_none_match": is_tried, "repeats": False}
        if not is_tried:
            return {"follows": follows.version_id, "repeats": False}
        return {"if_match": follows.etag, "follows": follows.version_id, "repeats": False}

    def _look_around(self) -> None:
        """List the key's versions and find the place of this one."""
        history = history_of(self._side.store, self._side.bucket, self._item.dest_key)
        self._there, self._follows = None, None
        self._find_place(history)
        if self._there is None and any(self._link.is_newer(each) for each in history.versions):
            # It would come above the copy of a newer version, and be what the key holds.
            raise DestExists

    def _find_place(self, history: KeyHistory) -> None:
        base = self._base(history)
        if base is None:
            self._begin_or_adopt(history)
            return
        newer = history.after(base.version_id)
        if newer:
            self._there = self._head_of(newer[0])
        elif not history.is_deleted:
            # Where somebody deleted the key meanwhile nothing is written over.
            self._follows = self._as_stated(base)

    def _base(self, history: KeyHistory) -> DestVersion | None:
        """Return the version that this one is to follow, if it is there."""
        for candidate in (self._link.before, self._replaced(), self._top_of_ours(history)):
            if candidate is not None and history.version(candidate.version_id) is not None:
                return candidate
        return None

    def _replaced(self) -> DestVersion | None:
        """Return what the plan saw at the key, where the task says to replace it."""
        item = self._item
        is_first = not item.previous_version_id and item.existing_size is not None
        if self._work.options.if_exists != IfExists.REPLACE or not is_first:
            return None
        return DestVersion(item.existing_version_id, item.existing_etag)

    def _top_of_ours(self, history: KeyHistory) -> DestVersion | None:
        """Return what is on top where the copy of the version before is not known, and that is one of an older."""
        top = history.current
        if top is None or not self._item.previous_version_id or not self._link.is_older(top):
            return None
        return DestVersion(top.version_id, top.etag)

    def _as_stated(self, version: DestVersion) -> DestVersion:
        """Return a version with the ETag that it states itself, where its listing may state another."""
        if self._lists_true_etags:
            return version
        return replace(version, etag=normalise(self._found(version.version_id).etag or ""))

    @property
    def _lists_true_etags(self) -> bool:
        return self._side.profile.listing_etag is True

    def _begin_or_adopt(self, history: KeyHistory) -> None:
        """Nothing tells what this version follows: the key is new, or what is there may be a copy of it."""
        if history.current is None:
            return
        alike = next((each for each in history.since_deleted if self._may_be_it(each)), None)
        if alike is None:
            raise DestExists
        self._there = self._head_of(alike)

    def _may_be_it(self, listed: ListedObject) -> bool:
        item = self._item
        if not self._lists_true_etags:
            return listed.size == item.size
        both_plain = kind(listed.etag).form is EtagForm.MD5 and kind(item.etag).form is EtagForm.MD5
        same_etag = normalise(listed.etag) == normalise(item.etag)
        return listed.size == item.size and (same_etag or not both_plain)

    def _head_of(self, listed: ListedObject) -> Statement:
        """Return what this version states; raise `DestExists` where its size shows that it is another."""
        if listed.size != self._item.size:
            raise DestExists
        return self._found(listed.version_id)

    def _found(self, version_id: str) -> Statement:
        found = self.find(version_id)
        if found is None:
            raise GoneWhenLooked("listed a moment ago, gone when we looked")
        return found
