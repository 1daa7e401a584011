"""The requests that were made again inside one attempt, and why: equal ones counted, and few of them kept."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial

from integrity.evidence import ErrorCode, Repeat
from migrator.engine.answers import now
from migrator.engine.errors import ConditionFailed, EngineError, ObjectMissing
from migrator.engine.workplace import Side

SOURCE, DESTINATION = "source", "destination"
# An object in 10,000 parts must stay small under a storm of refusals.
MOST_KINDS = 20


class Repeats:
    """What was asked again in one attempt. It is told by the threads that send parts, too."""

    def __init__(self) -> None:
        self.more = 0
        self._kinds: dict[tuple[str, str, str, str], Repeat] = {}
        self._lock = threading.Lock()

    @property
    def kept(self) -> tuple[Repeat, ...]:
        """The repeats by kind, in the order in which each was first heard of."""
        return tuple(self._kinds.values())

    def hear(self, side: str, operation: str, problem: EngineError) -> None:
        """Keep that a request to a side is made again because of `problem`."""
        at = now()
        self._add(
            Repeat(
                side=side,
                operation=operation,
                reason=_reason(side, problem),
                store_code=problem.store_code,
                count=1,
                first_at=at,
                last_at=at,
            )
        )

    def take(self, others: Repeats) -> None:
        """Keep what was asked again for several items together as asked for this one."""
        self.more += others.more
        for each in others.kept:
            self._add(each)

    def _add(self, new: Repeat) -> None:
        kind = (new.side, new.operation, new.reason, new.store_code)
        with self._lock:
            known = self._kinds.get(kind)
            if known is not None:
                self._kinds[kind] = replace(known, count=known.count + new.count, last_at=new.last_at)
            elif len(self._kinds) < MOST_KINDS:
                self._kinds[kind] = new
            else:
                self.more += new.count


def heard_by(repeats: Repeats, name: str, side: Side) -> Side:
    """Return a side of this name whose store tells what is asked again."""
    return replace(side, store=side.store.heard_by(partial(repeats.hear, name)))


def _reason(side: str, problem: EngineError) -> str:
    """Return the word for it; what only the caller can tell of an answer is told by the side."""
    if isinstance(problem, ObjectMissing):
        return ErrorCode.SOURCE_GONE.value if side == SOURCE else ErrorCode.DEST_MISSING.value
    if isinstance(problem, ConditionFailed) and side == SOURCE:
        return ErrorCode.SOURCE_CHANGED.value
    # What refuses a whole run says more of one request than the code of an item.
    return str(problem.refuse_cause or problem.error_code or problem.pause_cause or ErrorCode.INTERNAL_ERROR)
