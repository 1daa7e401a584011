"""Copying the versions of one key one after the other, from the oldest to the newest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter

from integrity.etags import normalise
from integrity.evidence import Attempt, ErrorCode, Finding
from migrator.engine.attempts import Begin, Opened, settle
from migrator.engine.chain_leg import ChainLeg, DestVersion, Link
from migrator.engine.dest_leg import DestLeg
from migrator.engine.errors import EngineError, VersionBeforeFailed, VersionsNoLongerKept
from migrator.engine.item_copy import ItemCopy
from migrator.engine.planning import NO_VERSION, Item
from migrator.engine.workplace import Work


class ChainedCopy(ItemCopy):
    """One attempt at copying a version that has others before or after it."""

    def __init__(self, work: Work, item: Item, number: int, link: Link) -> None:
        self._link = link
        super().__init__(work, item, number)

    def _dest_leg(self) -> DestLeg:
        self._chain = ChainLeg(self._work, self._item, self._number, self._note, self._source, self._link)
        return self._chain


class BlockedCopy(ChainedCopy):
    """An attempt that writes nothing: the version before has no copy that this one could follow.

    Where an earlier run has copied this very version, that copy is compared all the same.
    """

    def __init__(self, work: Work, item: Item, number: int, link: Link, problem: EngineError) -> None:
        super().__init__(work, item, number, link)
        self._problem = problem

    def _run(self) -> Finding:
        self._refuse_impossible()
        if not self._chain.has_known_copy():
            raise self._problem
        self._source.learn()
        self._layout = self._choose_layout()
        return self._compare_with_existing(self._layout)


@dataclass(slots=True)
class Chain:
    """Items that are copied one after the other: the versions of a key, or one item alone."""

    items: deque[Item]
    begin: Begin
    links: Mapping[int, Link] = field(default_factory=dict)
    before: tuple[Attempt, ...] = ()
    opened: Opened | None = None
    is_chained: bool = False
    _last: DestVersion | None = None
    _wrote_last: bool = False
    _blocked: EngineError | None = None

    def next_step(self) -> Callable[[Work], Finding]:
        """Return the work on the next item, to be done in some thread."""
        item, before, opened = self.items.popleft(), self.before, self.opened
        begin = self._begin_of(item) if self.is_chained else self.begin
        return lambda work: settle(work, item, begin, before, opened)

    def settled(self, finding: Finding) -> None:
        """Take what became of the last item: the next one follows its copy, or is not copied."""
        if finding.error_code in (ErrorCode.SOURCE_GONE, ErrorCode.VERSION_BEFORE_FAILED):
            # A version that is gone is no longer part of the source's history: the next one follows the last copy.
            return
        dest = finding.dest
        # What was there before may have the next ones above it too.
        self._wrote_last = "already_there" not in finding.notes
        if finding.error_code is not None or dest is None:
            self._blocked = VersionBeforeFailed(facts={"cause": finding.error_message})
        elif self._wrote_last and dest.version_id in ("", NO_VERSION):
            self._blocked = VersionsNoLongerKept()
        else:
            # What is from before versions were kept is listed under this name.
            self._blocked, self._last = None, DestVersion(dest.version_id or NO_VERSION, normalise(dest.etag or ""))

    def _begin_of(self, item: Item) -> Begin:
        link = self.links.get(item.index, Link())
        if link.is_anchored:
            self._last = None
            self._blocked = VersionBeforeFailed(facts={"cause": link.cause}) if link.cause else None
        blocked = self._blocked
        if blocked is not None:
            return lambda work, item, number: BlockedCopy(work, item, number, link, blocked)
        if self._last is not None:
            link = replace(link, before=self._last, is_fresh=self._wrote_last)
        return lambda work, item, number: ChainedCopy(work, item, number, link)


def chains_of(items: Sequence[Item], links: Mapping[int, Link], begin: Begin) -> Iterator[Chain]:
    """Yield the items of a batch as chains: those of one key together where the plan names its versions.

    Where nothing is written (`begin` is no copy) they only take their turns.
    """
    for _, group in groupby(items, attrgetter("key")):
        chain = deque(group)
        if begin is not ItemCopy:
            yield Chain(chain, begin)
            continue
        first = chain[0]
        has_history = len(chain) > 1 or bool(first.previous_version_id) or first.index in links
        yield Chain(chain, begin, links, is_chained=bool(first.version_id) and has_history)
