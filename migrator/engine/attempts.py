"""One item, from its first attempt to the one that settled it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from integrity.evidence import Attempt, Finding
from migrator.engine.answers import now
from migrator.engine.errors import (
    ConnectionProblem,
    EngineError,
    EvidenceMismatch,
    InternalError,
    KeyInvalid,
    LocalMemoryCorruption,
    SecretRefused,
    Stopped,
)
from migrator.engine.item_copy import ItemCopy
from migrator.engine.planning import Item
from migrator.engine.workplace import Work

log = logging.getLogger(__name__)


def settle(work: Work, item: Item) -> Finding:
    """Copy one item, again where that is worth it, and return what is known of it in the end.

    Raises only `ConnectionProblem` and `Stopped`.
    """
    attempts: list[Attempt] = []
    began = now()
    number = 0
    while True:
        number += 1
        started = now()
        copy = ItemCopy(work, item, number)
        ended = _try(work, copy)
        if ended.finding is not None:
            attempts.append(Attempt(number=number, started_at=started, ended_at=now()))
            return replace(ended.finding, attempts=tuple(attempts), started_at=began, finished_at=now())
        assert ended.problem is not None
        attempts.append(_failed_attempt(number, started, ended.problem))
        copy.take_back()
        if not ended.problem.retryable or not copy.may_try_again or number >= work.options.most_attempts:
            return replace(copy.failed(ended.problem), attempts=tuple(attempts), started_at=began, finished_at=now())
        if copy.nothing_to_replace:
            item = replace(item, existing_size=None, existing_etag="")
        work.source.store.patience.wait(number)
        if work.should_stop():
            raise Stopped


@dataclass(frozen=True, slots=True)
class _Ended:
    """How one attempt ended: exactly one of the two."""

    finding: Finding | None = None
    problem: EngineError | None = None


def _try(work: Work, copy: ItemCopy) -> _Ended:
    try:
        return _Ended(copy.run())
    except Stopped:
        copy.take_back()
        raise
    except SecretRefused as exc:
        # One odd key can break a signature; only if a plain request is refused too are the keys to blame.
        _confirm(work)
        return _Ended(problem=_about_the_key(exc))
    except ConnectionProblem:
        copy.take_back()
        raise
    except LocalMemoryCorruption as exc:
        work.stopping.set()
        return _Ended(problem=exc)
    except EngineError as exc:
        return _Ended(problem=exc)
    except Exception as exc:  # the batch goes on; the fault is ours and is recorded as such
        log.exception("an item met a fault of ours")
        return _Ended(problem=InternalError(f"{type(exc).__name__}: {exc}"[:500]))


def _confirm(work: Work) -> None:
    for side in (work.source, work.destination):
        side.store.head_bucket(side.bucket)


def _about_the_key(exc: EngineError) -> KeyInvalid:
    return KeyInvalid(
        store_code=exc.store_code,
        store_message=exc.store_message,
        request_id=exc.request_id,
        http_status=exc.http_status,
        facts={"key_fault": "its signature is refused, while other requests are accepted"},
    )


def _failed_attempt(number: int, started: str, problem: EngineError) -> Attempt:
    code = problem.error_code
    words = problem.advice
    if isinstance(problem, EvidenceMismatch):
        words = f"{words} {problem}" if str(problem) != str(code) else words
    return Attempt(
        number=number,
        started_at=started,
        ended_at=now(),
        error_code=code.value if code else "internal_error",
        message=words,
    )
