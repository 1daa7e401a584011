"""How one endpoint is asked: over which lines, how often, and what its refusals mean."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from copy import copy
from typing import Self, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from migrator.engine.answers import Asked
from migrator.engine.control import Client
from migrator.engine.driving import Stream
from migrator.engine.errors import (
    NOTHING_DONE,
    AnswerUnreadable,
    ConnectionProblem,
    EngineError,
    StoreBusy,
    Throttled,
)
from migrator.engine.lines import ENDLESS, LARGEST_ERROR, LineBroken, Reply, Request
from migrator.engine.pacing import Pace, Patience
from migrator.engine.refusals import error_of, refusal_of
from migrator.engine.requests import LIST, Operation, list_request
from migrator.engine.transport import Endpoint, Transport

MOST_IN_FLIGHT = 256
_TROUBLES = (BotoCoreError, ClientError, ResponseParserError, LineBroken, ValueError, EngineError)

_T = TypeVar("_T")


class Asking:
    """An endpoint with its credentials, its lines and its pace. The verbs are in the rooms beside this one."""

    def __init__(
        self, endpoint: Endpoint, *, patience: Patience | None = None, most_in_flight: int = MOST_IN_FLIGHT
    ) -> None:
        self.endpoint = endpoint
        self.patience = patience or Patience()
        self.pace = Pace(most_in_flight)
        self.transport = Transport(endpoint)
        self._client = Client(self.transport)
        self._listener: Callable[[str, EngineError], None] | None = None
        self._gives_up: Callable[[], bool] | None = None
        # When a bucket was last asked what is behind a HEAD, and the problem that its listing named.
        self._behind: dict[str, tuple[float, ConnectionProblem | None]] = {}
        self._asks_behind = threading.Lock()
        self._lines_of: Asking | None = None
        # A line and what libcurl calls of it hold each other: of a store that is only let go they would stay open
        # until the collector comes by, hundreds of them in a process that makes many stores.
        weakref.finalize(self, _close, self._client, self.transport).atexit = False

    def close(self) -> None:
        """Close the connections; a store that nobody holds any more does so by itself."""
        _close(self._client, self.transport)

    def heard_by(self, listener: Callable[[str, EngineError], None]) -> Self:
        """Return this store for one who wants to hear of each request that is made again: its operation, and why.

        It has the lines, the pace and the patience of this one, and costs next to nothing.
        """
        heard = self._twin()
        heard._listener = listener
        return heard

    def until(self, gives_up: Callable[[], bool]) -> Self:
        """Return this store for one who may lose interest in what is read: `Stopped` is raised then, also in a wait.

        What goes through boto3 is waited for. It has the lines, the pace and the patience of this one.
        """
        left = self._twin()
        left._gives_up = gives_up
        return left

    def _twin(self) -> Self:
        twin = copy(self)
        # The lines are closed where nobody holds this one any more.
        twin._lines_of = self
        return twin

    def repeats(self, operation: str, problem: EngineError) -> None:
        """Tell whoever listens that a request is made again because of `problem`."""
        if self._listener is not None:
            self._listener(operation, problem)

    @property
    def clock_skew(self) -> int | None:
        """Seconds by which the store's clock was ahead of ours in its last answer; None if it did not say."""
        return self.transport.clock_skew

    def asked(self, operation: Operation, bucket: str, key: str = "") -> Asked:
        """Return what a request is for, in the words of a sentence."""
        end = self.endpoint
        return Asked(*operation, end.name, end.url, end.region, bucket, key)

    def _call(
        self,
        asked: Asked,
        method: str,
        arguments: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
        *,
        body: bytes = b"",
        repeat: bool = True,
    ) -> dict[str, object]:
        """Ask through boto3; `body` is sent in place of the one it would make."""
        send = cast("Callable[..., dict[str, object]]", getattr(self._client.s3, method))

        def call() -> dict[str, object]:
            with self._client.adding(headers or {}, asked, body):
                return send(**arguments)

        return self._patiently(asked, call, repeat=repeat)

    def _answer(self, request: Request, asked: Asked, should_stop: Callable[[], bool] | None = None) -> Reply:
        """Ask over a line and return a good answer, whole. Raises `Stopped` when asked to stop."""
        reply = self._reply(request, asked, should_stop)
        if reply.cut:
            raise AnswerUnreadable(facts=asked.facts() | {"fault": ENDLESS})
        return reply

    def _reply(self, request: Request, asked: Asked, should_stop: Callable[[], bool] | None = None) -> Reply:
        """Ask over a line and return a good answer, up to its bound. Raises `Stopped` when asked to stop."""
        reply = self.transport.exchange(request, should_stop or self._gives_up)
        if reply.status >= 300:
            raise refusal_of(reply, asked)
        return reply

    def _raise_what_is_behind(self, bucket: str, stands_for: float = 0) -> None:
        """Say what the refusal of a HEAD had no body for: a listing's refusal has one.

        Raises only what is the connection's problem: that a listing is refused, or that the store is busy, says nothing
        of the HEAD. Many are refused at once and wait for one listing, begun after them; where it names no problem it
        may have been begun up to `stands_for` seconds before.
        """
        refused_at = time.monotonic()
        with self._asks_behind:
            asked_at, problem = self._behind.get(bucket, (-math.inf, None))
            if asked_at < refused_at - (stands_for if problem is None else 0):
                asked_at, problem = time.monotonic(), self._what_is_behind(bucket)
                self._behind[bucket] = asked_at, problem
        if problem is not None:
            raise copy(problem)

    def _what_is_behind(self, bucket: str) -> ConnectionProblem | None:
        asked, request = self.asked(LIST, bucket), list_request(bucket, "", most_keys=1)
        try:
            # Where the store is busy the HEAD's refusal stands: nobody need wait for more.
            self._patiently(asked, lambda: self._reply(request, asked), repeat=False)
        except ConnectionProblem as exc:
            # What is kept must not hold the lines of this store by its traceback.
            return copy(exc)
        except EngineError:
            return None
        return None

    def _stream(
        self,
        request: Request,
        asked: Asked,
        within: float | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Stream:
        stream = self.transport.stream(request, within, should_stop)
        if stream.status < 300:
            return stream
        try:
            body = stream.read(LARGEST_ERROR)
        finally:
            stream.close()
        raise refusal_of(Reply(stream.status, stream.headers, body), asked)

    def _patiently(
        self,
        asked: Asked,
        send: Callable[[], _T],
        *,
        repeat: bool = True,
        repeat_undone: bool = False,
        is_fed: bool = False,
        should_stop: Callable[[], bool] | None = None,
    ) -> _T:
        """Send, and again where the store is busy; raise what it says in the end as one of our errors.

        `repeat_undone`: where it clearly did nothing also what is not to be repeated is sent again. `is_fed`: its body
        is still being read (`Pace`).
        """
        tried = 0
        while True:
            tried += 1
            try:
                with self.pace.slot(is_fed=is_fed) as ticket:
                    found = send()
            except _TROUBLES as exc:
                problem = error_of(exc, asked)
                if isinstance(problem, Throttled):
                    self.pace.throttled(ticket)
                may_repeat = repeat or (repeat_undone and isinstance(problem, NOTHING_DONE))
                if not isinstance(problem, StoreBusy) or not may_repeat or tried >= self.patience.tries:
                    raise problem from exc
                self.repeats(asked.operation, problem)
                self.patience.wait(tried, should_stop or self._gives_up)
            else:
                self.pace.went_well()
                return found


def _close(client: Client, transport: Transport) -> None:
    client.close()
    transport.close()
