"""One item, from its first attempt to the one that settled it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from integrity.evidence import Attempt, Finding
from migrator.engine.answers import now
from migrator.engine.errors import (
    AccessDenied,
    ConnectionProblem,
    EngineError,
    EvidenceMismatch,
    InternalError,
    KeyInvalid,
    LocalMemoryCorruption,
    SecretRefused,
    Stopped,
)
from migrator.engine.item_attempt import ItemAttempt
from migrator.engine.planning import Item
from migrator.engine.repeats import Repeats
from migrator.engine.workplace import Work

Begin = Callable[[Work, Item, int], ItemAttempt]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A first attempt that a crowd began and that goes on elsewhere: since when, and what is asked again in it."""

    started_at: str
    repeats: Repeats | None


def settle(
    work: Work, item: Item, begin: Begin, before: Sequence[Attempt] = (), opened: Opened | None = None
) -> Finding:
    """Try one item, again where that is worth it, and return what is known of it in the end.

    `begin` makes the attempt of a number from 1, `before` are those that failed already; the first one here may be
    `opened`. Raises only `ConnectionProblem` and `Stopped`.
    """
    attempts = list(before)
    left = dict[str, None]()
    while True:
        number = len(attempts) + 1
        if attempts:
            work.source.store.patience.wait(number - 1)
            if work.should_stop():
                raise Stopped
        started = now()
        attempt = begin(work, item, number)
        if opened is not None:
            started, attempt.repeats, opened = opened.started_at, opened.repeats, None
        ended = _try(work, attempt)
        if ended.finding is not None:
            return _with_notes(settled(ended.finding, attempts, started, attempt.repeats), left)
        assert ended.problem is not None
        found = failed(work, attempt, ended.problem, attempts, started)
        if found is not None:
            return _with_notes(found, left)
        left.update(dict.fromkeys(attempt.left_behind))
        if attempt.nothing_to_replace:
            item = replace(item, existing_size=None, existing_etag="")


def _with_notes(finding: Finding, left: Mapping[str, None]) -> Finding:
    """Add what earlier attempts noted of what they left behind: it is still there, however the last one ended."""
    return replace(finding, notes=(*finding.notes, *(note for note in left if note not in finding.notes)))


def settled(finding: Finding, before: Sequence[Attempt], started: str, repeats: Repeats | None) -> Finding:
    """Return the finding of the attempt that settled an item, with what was asked again in it and those before it."""
    last = Attempt(number=len(before) + 1, started_at=started, ended_at=now())
    if repeats is not None:
        last = replace(last, repeats=repeats.kept, more_repeats=repeats.more)
    attempts = (*before, last)
    return replace(finding, attempts=attempts, started_at=attempts[0].started_at, finished_at=last.ended_at)


def failed(
    work: Work, attempt: ItemAttempt, problem: EngineError, attempts: list[Attempt], started: str
) -> Finding | None:
    """Add a failed attempt to `attempts`; return the finding where another one is not worth it or not allowed."""
    if isinstance(problem, LocalMemoryCorruption):
        work.stopping.set()
    attempts.append(_failed_attempt(len(attempts) + 1, started, problem, attempt.repeats))
    attempt.take_back()
    if problem.retryable and attempt.may_try_again and len(attempts) < work.options.most_attempts:
        return None
    finding = attempt.failed(problem)
    return replace(finding, attempts=tuple(attempts), started_at=attempts[0].started_at, finished_at=now())


@dataclass(frozen=True, slots=True)
class _Ended:
    """How one attempt ended: exactly one of the two."""

    finding: Finding | None = None
    problem: EngineError | None = None


def _try(work: Work, attempt: ItemAttempt) -> _Ended:
    try:
        return _Ended(attempt.run())
    except Stopped:
        attempt.take_back()
        raise
    except SecretRefused as exc:
        attempt.take_back()
        return _Ended(problem=about_the_key(work, exc))
    except ConnectionProblem:
        attempt.take_back()
        raise
    except EngineError as exc:
        return _Ended(problem=exc)
    except Exception as exc:  # noqa: BLE001
        return _Ended(problem=fault_of_ours(exc))


def fault_of_ours(exc: Exception) -> InternalError:
    """Return what an exception that nothing foresaw is for its item: it is recorded as ours, and the batch goes on."""
    log.error("an item met a fault of ours", exc_info=exc)
    return InternalError(f"{type(exc).__name__}: {exc}"[:500])


def about_the_key(work: Work, exc: SecretRefused) -> EngineError:
    """Return what a refused signature says of an item, after plain requests were accepted; raises what refuses those.

    One odd key can break a signature; only if a plain request is refused too are the keys to blame. Where one is not
    answered nothing is found out, and that is what the attempt ends with.
    """
    for side in (work.source, work.destination):
        try:
            side.store.head_bucket(side.bucket)
        except AccessDenied:
            # The answer to a HEAD has no body that could say more.
            raise exc from None
        except ConnectionProblem:
            raise
        except EngineError as problem:
            return problem
    return KeyInvalid(
        store_code=exc.store_code,
        store_message=exc.store_message,
        request_id=exc.request_id,
        http_status=exc.http_status,
        facts={"key_fault": "its signature is refused, while other requests are accepted"},
    )


def _failed_attempt(number: int, started: str, problem: EngineError, repeats: Repeats | None) -> Attempt:
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
        repeats=repeats.kept if repeats is not None else (),
        more_repeats=repeats.more if repeats is not None else 0,
    )
