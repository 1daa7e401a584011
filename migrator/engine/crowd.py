"""Many small exchanges at once in one thread: hundreds in flight at the cost of one.

A *journey* is what has to be asked for one item, written as a generator: it yields an `Ask` and gets the reply, or
yields an `Aside` and gets what that returned in another thread; what goes wrong is raised where it was yielded. So
an item's steps read top-down, and nobody waits. A journey is never repeated here: what is worth another try is
decided by who sent it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, cast

import pycurl

from integrity.values import plain_value
from migrator.engine.answers import Asked
from migrator.engine.buffers import Budget
from migrator.engine.errors import EngineError, Stopped, Throttled
from migrator.engine.lines import Line, Reply, Request, raise_unless_cut
from migrator.engine.pacing import Pace
from migrator.engine.refusals import error_of, refusal_of
from migrator.engine.requests import Operation
from migrator.engine.stores import Store
from migrator.engine.transport import Transport

MOST_IN_FLIGHT = 128
_LOOK_AROUND_SECONDS = 0.5
_WHILE_OTHERS_WORK_SECONDS = 0.01
# A wish to stop waits so long for what is under way.
_ARRIVE_WITHIN_SECONDS = 5.0

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@plain_value
class Ask:
    """One request to one store, and which operation it is."""

    store: Store
    operation: Operation
    request: Request

    @property
    def asked(self) -> Asked:
        """What it is for, in the words of a sentence: told only where something went wrong."""
        return self.store.asked(self.operation, self.request.bucket, self.request.key)


@plain_value
class Aside:
    """Work that waits or takes long: done in another thread."""

    do: Callable[[], object]


Steps = Generator[Ask | Aside, object, T]


class Journey(Protocol[T_co]):
    """What is to be done for one item; `size` is the most that it holds in memory, in bytes."""

    @property
    def size(self) -> int: ...
    def steps(self) -> Steps[T_co]: ...


def asking(ask: Ask) -> Steps[Reply]:
    """Ask inside a journey: `reply = yield from asking(...)`. Raises what the store refuses with."""
    return cast("Reply", (yield ask))


def aside(do: Callable[[], T]) -> Steps[T]:
    """Have something done in another thread inside a journey: `found = yield from aside(...)`."""
    return cast("T", (yield Aside(do)))


class Crowd:
    """The lines that are driven together; they stay open between runs. For one thread."""

    def __init__(self, most_in_flight: int = MOST_IN_FLIGHT) -> None:
        self.most_in_flight = most_in_flight
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, 2 * most_in_flight)
        # By transport: a store may go by several names (`Store.heard_by`).
        self._idle: dict[Transport, list[Line]] = {}
        self._flying: dict[pycurl.Curl, Line] = {}

    def run(
        self,
        journeys: Iterable[Journey[T]],
        pool: Executor,
        budget: Budget,
        should_stop: Callable[[], bool],
    ) -> Generator[T]:
        """Yield what each journey returns, as it ends. Raises `Stopped`, and whatever a journey raises.

        When it is asked to stop nothing new sets out, and what is under way may arrive, for a moment. What is still
        in flight when this ends early is dropped: so close it, for it holds places and memory.
        """
        trip = _Trip(self, iter(journeys), pool, budget, should_stop)
        try:
            yield from trip.results()
        finally:
            trip.drop()

    def close(self) -> None:
        """Close the connections."""
        for lines in self._idle.values():
            for line in lines:
                line.easy.close()
        self._idle.clear()
        self._multi.close()

    def send(self, ask: Ask, token: object) -> Line:
        """Put a request on its way; the line comes back from `answered`. Raises `EngineError` where it cannot be."""
        transport = ask.store.transport
        idle = self._idle.setdefault(transport, [])
        line = idle.pop() if idle else transport.line()
        try:
            transport.load(line, ask.request)
        except (EngineError, ValueError) as exc:
            idle.append(line)
            raise error_of(exc, ask.asked) from exc
        line.token = token
        self._multi.add_handle(line.easy)
        self._flying[line.easy] = line
        return line

    def answered(self, seconds: float) -> Iterator[tuple[Line, int, str]]:
        """Wait up to so long, and yield each line whose answer is there or failed, with libcurl's error number."""
        self._multi.perform()
        found = self._multi.info_read()
        if not found[1] and not found[2]:
            self._multi.select(seconds)
            self._multi.perform()
            found = self._multi.info_read()
        _, good, bad = found
        for easy, number, words in (*((easy, 0, "") for easy in good), *bad):
            self._multi.remove_handle(easy)
            yield self._flying.pop(easy), number, words

    def keep(self, store: Store, line: Line) -> None:
        """Take a line back for the next request."""
        line.forget()
        self._idle[store.transport].append(line)

    def drop(self, line: Line) -> None:
        """Give up what is in flight on a line."""
        self._multi.remove_handle(line.easy)
        del self._flying[line.easy]
        line.easy.close()


@dataclass(slots=True)
class _Traveller(Generic[T]):
    """One journey on its way."""

    steps: Steps[T]
    size: int
    ask: Ask | None = None
    ticket: int = 0
    line: Line | None = None
    future: Future[object] | None = None


@dataclass(slots=True)
class _Trip(Generic[T]):
    """One run of a crowd."""

    crowd: Crowd
    journeys: Iterator[Journey[T]]
    pool: Executor
    budget: Budget
    should_stop: Callable[[], bool]
    _next: Journey[T] | None = None
    _travelling: set[int] = field(default_factory=set)
    _flying: dict[int, _Traveller[T]] = field(default_factory=dict)
    _waiting: deque[_Traveller[T]] = field(default_factory=deque)
    _aside: list[_Traveller[T]] = field(default_factory=list)
    _ended: list[T] = field(default_factory=list)
    _count: int = 0
    _stops_at: float | None = None

    def results(self) -> Iterator[T]:
        """Yield results until no journey is left."""
        self._next = next(self.journeys, None)
        while self._next is not None or self._count:
            if self._stops_at is None and self.should_stop():
                self._stops_at = time.monotonic() + _ARRIVE_WITHIN_SECONDS
            if self._stops_at is None:
                self._set_out()
            elif not self._count or time.monotonic() > self._stops_at:
                raise Stopped
            self._send_waiting()
            self._hear()
            self._return_from_aside()
            yield from self._take_ended()

    def drop(self) -> None:
        """Give up what is still on its way; what is done aside ends first."""
        for traveller in (*self._flying.values(), *self._waiting, *self._aside):
            if traveller.line is not None:
                self.crowd.drop(traveller.line)
                assert traveller.ask is not None
                traveller.ask.store.pace.release()
            if traveller.future is not None and not traveller.future.cancel():
                traveller.future.exception()
            traveller.steps.close()
            self.budget.give_back(traveller.size)
        self._flying.clear()
        self._waiting.clear()
        self._aside.clear()

    def _take_ended(self) -> list[T]:
        ended, self._ended = self._ended, []
        return ended

    def _set_out(self) -> None:
        """Begin journeys while there is room for them, in flight and in memory."""
        while self._next is not None and self._count < self.crowd.most_in_flight:
            if not self.budget.try_take(self._next.size):
                return
            self._count += 1
            traveller = _Traveller(self._next.steps(), self._next.size)
            self._next = next(self.journeys, None)
            self._send(traveller, None)

    def _go_on(self, traveller: _Traveller[T], resume: Callable[[Any], Ask | Aside], news: object) -> None:
        """Let a journey take its next step with what it waited for."""
        try:
            step = resume(news)
        except StopIteration as end:
            self._arrive(traveller)
            self._ended.append(cast("T", end.value))
            return
        except BaseException:
            self._arrive(traveller)
            raise
        if isinstance(step, Ask):
            traveller.ask = step
            self._waiting.append(traveller)
        else:
            traveller.future = self.pool.submit(step.do)
            self._aside.append(traveller)

    def _arrive(self, traveller: _Traveller[T]) -> None:
        self._count -= 1
        self.budget.give_back(traveller.size)

    def _send_waiting(self) -> None:
        """Send what waits, as far as each store's pace allows."""
        for _ in range(len(self._waiting)):
            traveller = self._waiting.popleft()
            ask = traveller.ask
            assert ask is not None
            ticket = ask.store.pace.try_take()
            if ticket is None:
                self._waiting.append(traveller)
                continue
            traveller.ticket = ticket
            try:
                traveller.line = self.crowd.send(ask, traveller)
            except Exception as problem:  # noqa: BLE001  handed to the journey: it is about this one alone
                ask.store.pace.release()
                self._throw(traveller, problem)
            else:
                self._flying[id(traveller)] = traveller

    def _hear(self) -> None:
        """Take the answers that are there, or wait a little for one."""
        if not self._flying and not self._count:
            return
        if not self._flying:
            time.sleep(_WHILE_OTHERS_WORK_SECONDS)
            return
        seconds = _WHILE_OTHERS_WORK_SECONDS if self._aside or self._waiting else _LOOK_AROUND_SECONDS
        for line, number, words in self.crowd.answered(seconds):
            traveller = cast("_Traveller[T]", line.token)
            del self._flying[id(traveller)]
            ask = traveller.ask
            assert ask is not None
            traveller.line = None
            ask.store.pace.release()
            try:
                reply = _answer(ask, line, number, words)
            except Exception as problem:  # noqa: BLE001  handed to the journey: it is about this one alone
                self.crowd.keep(ask.store, line)
                _slow_down(ask.store.pace, problem, traveller.ticket)
                self._throw(traveller, problem)
                continue
            self.crowd.keep(ask.store, line)
            ask.store.pace.went_well()
            self._send(traveller, reply)

    def _return_from_aside(self) -> None:
        done = [each for each in self._aside if each.future is not None and each.future.done()]
        for traveller in done:
            self._aside.remove(traveller)
            future, traveller.future = traveller.future, None
            assert future is not None
            problem = future.exception()
            if problem is not None:
                self._throw(traveller, problem)
            else:
                self._send(traveller, future.result())

    def _send(self, traveller: _Traveller[T], found: object) -> None:
        self._go_on(traveller, traveller.steps.send, found)

    def _throw(self, traveller: _Traveller[T], problem: BaseException) -> None:
        self._go_on(traveller, traveller.steps.throw, problem)


def _answer(ask: Ask, line: Line, number: int, words: str) -> Reply:
    """Return a good answer; raise what any other means."""
    try:
        if number:
            raise_unless_cut(line, number, words)
        reply = line.reply()
    except Exception as exc:
        raise error_of(exc, ask.asked) from exc
    ask.store.transport.heard(reply.headers)
    if reply.status >= 300:
        raise refusal_of(reply, ask.asked)
    return reply


def _slow_down(pace: Pace, problem: Exception, ticket: int) -> None:
    if isinstance(problem, Throttled):
        pace.throttled(ticket)
