"""The small objects of one batch: copied in a crowd, then confirmed together."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from integrity.etags import normalise
from integrity.evidence import Attempt, Finding, Statement
from migrator.engine.attempts import Opened, about_the_key, failed, fault_of_ours, settled
from migrator.engine.confirming import listed_range
from migrator.engine.crowd import Crowd
from migrator.engine.errors import ConnectionProblem, EngineError, SecretRefused, Stopped
from migrator.engine.planning import Item
from migrator.engine.repeats import DESTINATION, SOURCE, Repeats, heard_by
from migrator.engine.small_copy import Begun, Ended, Failed, Settled, SmallCopy
from migrator.engine.workplace import Work

# So many wait for one listing. Fewer would cost more requests, more would leave the line idle at the end of a batch.
CONFIRMED_TOGETHER = 250


class SmallBatch:
    """What is left to begin as any other item, when the findings have been taken, is in `to_begin`."""

    def __init__(self, work: Work, crowd: Crowd, pool: Executor, items: Sequence[Item]) -> None:
        self.indexes = frozenset(item.index for item in items)
        self.to_begin: list[tuple[Item, tuple[Attempt, ...], Opened | None]] = []
        self._work = work
        self._crowd = crowd
        self._pool = pool
        self._items = items
        # What has set out and is not settled.
        self._open: dict[int, SmallCopy] = {}

    def findings(self) -> Iterator[Finding]:
        """Yield the findings of all that could be settled here.

        Raises `Stopped` and `ConnectionProblem`, after what was written by then has been confirmed.
        """
        try:
            for finding in self._findings():
                self._open.pop(finding.index, None)
                yield finding
        except (Stopped, ConnectionProblem):
            # What was not settled stays pending; its bytes will be read again.
            for copy in self._open.values():
                copy.take_back()
            raise

    def _findings(self) -> Iterator[Finding]:
        problem: Stopped | ConnectionProblem | None = None
        with ThreadPoolExecutor(1, "confirming") as beside:
            looks: deque[Future[_Looked]] = deque()
            begun: list[Begun] = []
            try:
                with closing(self._copies()) as copies:
                    for ended in copies:
                        if not isinstance(ended, Begun):
                            yield from self._settled(ended)
                            continue
                        begun.append(ended)
                        if len(begun) == CONFIRMED_TOGETHER:
                            looks.append(beside.submit(self._confirmed, begun))
                            begun = []
                        while looks and looks[0].done():
                            looked = looks.popleft().result()
                            yield from looked.findings
                            if looked.problem is not None:
                                raise looked.problem
            except (Stopped, ConnectionProblem) as exc:
                problem = exc
            if begun:
                looks.append(beside.submit(self._confirmed, begun))
            for look in looks:
                looked = look.result()
                yield from looked.findings
                problem = problem or looked.problem
        if problem is not None:
            raise problem

    def _copies(self) -> Generator[Ended]:
        return self._crowd.run(self._journeys(), self._pool, self._work.budget, self._work.should_stop)

    def _journeys(self) -> Iterator[SmallCopy]:
        """Yield the copies to make. Where no condition is known to hold, only those whose key is seen to be free.

        The others begin as any other item: with a HEAD before they are written. So do all where the probe did not see a
        listing show at once what had been written: one that lags shows a key as free that somebody else has taken.
        That one begins to lag later can only be said of each copy, as that a race is possible.
        """
        listed, repeats, dest_profile = None, Repeats(), self._work.destination.profile
        is_to_look = dest_profile.if_none_match_put is not True
        if is_to_look and dest_profile.read_after_write_seconds != 0:
            self.to_begin += [(item, (), None) for item in self._items]
            return
        if self._items and is_to_look:
            keys = [item.dest_key for item in self._items]
            dest = heard_by(repeats, DESTINATION, self._work.destination)
            listed = listed_range(dest, keys, between=_between(self._items))
        for item in self._items:
            if listed is None or listed.shows_free(item.dest_key):
                self._open[item.index] = copy = SmallCopy(self._work, item)
                if repeats.kept:
                    copy.share(repeats)
                yield copy
            else:
                self.to_begin.append((item, (), None))

    def _settled(self, ended: Ended) -> Iterator[Finding]:
        """Yield the finding of an attempt that ended, or leave the item for another one."""
        copy = ended.copy
        if isinstance(ended, Settled):
            yield settled(ended.finding, (), copy.started_at, copy.repeats)
        elif isinstance(ended, Failed):
            attempts: list[Attempt] = []
            found = failed(self._work, copy, ended.problem, attempts, copy.started_at)
            if found is not None:
                yield found
            else:
                self.to_begin.append((copy.item, tuple(attempts), None))
        else:
            self.to_begin.append((copy.item, (), Opened(copy.started_at, copy.repeats)))

    def _confirmed(self, begun: Sequence[Begun]) -> _Looked:
        """Confirm what was written, beside what is still being copied."""
        looked = _Looked()
        try:
            for finding in self._looked_at(begun):
                looked.findings.append(finding)
        except (Stopped, ConnectionProblem) as exc:
            looked.problem = exc
        return looked

    def _looked_at(self, begun: Sequence[Begun]) -> Iterator[Finding]:
        listed, seen_again = self._listed(begun)
        open_ones = []
        for each in begun:
            found = _by_listing(each, listed, seen_again)
            if found is None:
                open_ones.append(_Asked(each, self._pool.submit(each.copy.confirmed_by_head, each.written)))
            else:
                yield from self._settled(found)
        problem: Stopped | ConnectionProblem | None = None
        for asked in open_ones:
            try:
                yield from self._by_head(asked, listed)
            except (Stopped, ConnectionProblem) as exc:
                problem = problem or exc
        if problem is not None:
            raise problem

    def _listed(self, begun: Sequence[Begun]) -> tuple[Mapping[str, Statement], Mapping[str, Statement]]:
        """Return what the destination lists of these, and the source where a listing of it is waited for."""
        items, repeats = [each.copy.item for each in begun], Repeats()
        source = heard_by(repeats, SOURCE, self._work.source)
        dest = heard_by(repeats, DESTINATION, self._work.destination)
        listed = listed_range(dest, [item.dest_key for item in items], between=_between(items)).found
        seen_again: Mapping[str, Statement] = {}
        waiting = [each.copy.item for each in begun if each.copy.waits_for_listing]
        if waiting:
            seen_again = listed_range(source, [item.key for item in waiting], between=_between(waiting)).found
        for each in begun if repeats.kept else ():
            each.copy.share(repeats)
        return listed, seen_again

    def _by_head(self, asked: _Asked, listed: Mapping[str, Statement]) -> Iterator[Finding]:
        copy = asked.begun.copy
        try:
            finding = self._found(asked.future)
        except (Stopped, ConnectionProblem):
            raise
        except EngineError as problem:
            yield from self._settled(Failed(copy, problem))
            return
        self._learn(listed.get(copy.item.dest_key), finding)
        yield settled(finding, (), copy.started_at, copy.repeats)

    def _found(self, future: Future[Finding]) -> Finding:
        try:
            return future.result()
        except SecretRefused as problem:
            raise about_the_key(self._work, problem) from problem
        except EngineError:
            raise
        except Exception as exc:
            raise fault_of_ours(exc) from exc

    def _learn(self, listed: Statement | None, finding: Finding) -> None:
        """A HEAD that agrees with us where the listing did not shows what this bucket's listings are worth."""
        if listed is None or finding.dest is None:
            return
        for fact, one, other in (
            ("listing_etag", normalise(listed.etag or ""), normalise(finding.dest.etag or "")),
            ("listing_size", listed.size, finding.dest.size),
        ):
            if one != other:
                self._work.listing_differs.set()
                self._work.hooks.contradicted(fact)


@dataclass(slots=True)
class _Looked:
    """What a group of copies came to, and what ended the look at it."""

    findings: list[Finding] = field(default_factory=list)
    problem: Stopped | ConnectionProblem | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A copy that a HEAD is asked about."""

    begun: Begun
    future: Future[Finding]


def _by_listing(
    begun: Begun, listed: Mapping[str, Statement], seen_again: Mapping[str, Statement]
) -> Settled | Failed | None:
    """Return what the listings make of a copy that was written; None where only a HEAD can decide."""
    copy, item = begun.copy, begun.copy.item
    statement = listed.get(item.dest_key)
    if statement is None:
        return None
    try:
        found = copy.confirmed(begun.written, statement, seen_again.get(item.key))
    except Exception as exc:  # noqa: BLE001  nobody is asked here, so whatever is raised is a fault of ours
        return Failed(copy, fault_of_ours(exc))
    return Settled(copy, found) if found is not None else None


def _between(items: Sequence[Item]) -> int:
    """Return how many others of the plan stand between these, which is in the order of the keys."""
    indexes = [item.index for item in items]
    return max(indexes) - min(indexes) + 1 - len(indexes)
