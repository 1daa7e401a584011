"""Journeys in a crowd: at once, within the budget, and what becomes of them when something goes wrong."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from migrator.engine.addresses import AddressRule
from migrator.engine.buffers import Budget
from migrator.engine.crowd import Ask, Crowd, Steps, aside, asking
from migrator.engine.errors import (
    AccessDenied,
    EndpointUnreachable,
    EngineError,
    NameNotFound,
    NotConnected,
    Stopped,
    Throttled,
)
from migrator.engine.requests import GET, get_request
from migrator.engine.stores import Endpoint, Store
from tests.engine.scripted import Parting, Told, answering

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
DENIED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
SLOW_DOWN = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Journey:
    """Asks `times` times and returns what it heard; `then` is done aside at the end."""

    store: Store
    times: int = 1
    size: int = 1
    then: Callable[[], object] | None = None
    heard: list[bytes] = field(default_factory=list)

    def steps(self) -> Steps[object]:
        for _ in range(self.times):
            try:
                reply = yield from asking(Ask(self.store, GET, get_request("bucket", "key")))
            except EngineError as problem:
                return type(problem)
            self.heard.append(reply.body)
        if self.then is not None:
            return (yield from aside(self.then))
        return b" ".join(self.heard)


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    made = Crowd(4)
    yield made
    made.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def a_store(told: Told, most: int = 64) -> Store:
    endpoint = Endpoint(
        url=told.url,
        access_key_id="example",
        secret_access_key="example-secret",
        rule=AddressRule(allow_private=True),
        connect_seconds=1,
        read_seconds=1,
    )
    return Store(endpoint, most_in_flight=most)


def never() -> bool:
    return False


def test_a_journey_goes_on_with_each_answer(crowd: Crowd, pool: ThreadPoolExecutor) -> None:
    with answering(*[OK] * 6) as told:
        store = a_store(told, 1)
        journeys = [Journey(store, times=2) for _ in range(3)]

        assert list(crowd.run(journeys, pool, Budget(10), never)) == [b"hello hello"] * 3


def test_a_refusal_is_raised_where_it_was_asked(crowd: Crowd, pool: ThreadPoolExecutor) -> None:
    with answering(DENIED) as told:
        assert list(crowd.run([Journey(a_store(told))], pool, Budget(10), never)) == [AccessDenied]


def test_a_lost_connection_is_raised_and_nothing_is_repeated(crowd: Crowd, pool: ThreadPoolExecutor) -> None:
    with answering(None, OK) as told:
        assert list(crowd.run([Journey(a_store(told))], pool, Budget(10), never)) == [EndpointUnreachable]

    assert len(told.requests) == 1


def test_a_busy_store_gets_half_as_many_at_once(crowd: Crowd, pool: ThreadPoolExecutor) -> None:
    with answering(SLOW_DOWN) as told:
        store = a_store(told, 1)
        store.pace = type(store.pace)(8)

        assert list(crowd.run([Journey(store)], pool, Budget(10), never)) == [Throttled]

    assert store.pace.limit == 1


def test_what_takes_long_is_done_in_another_thread(crowd: Crowd, pool: ThreadPoolExecutor) -> None:
    with answering(OK) as told:
        (name,) = crowd.run(
            [Journey(a_store(told), then=lambda: threading.current_thread().name)], pool, Budget(10), never
        )

    assert str(name).startswith("ThreadPool")


def test_what_goes_wrong_aside_is_raised_in_the_journey(crowd: Crowd, pool: ThreadPoolExecutor) -> None:
    def fail() -> object:
        raise AccessDenied

    with answering(OK) as told, pytest.raises(AccessDenied):
        list(crowd.run([Journey(a_store(told), then=fail)], pool, Budget(10), never))


def test_only_so_many_bytes_are_under_way_as_the_budget_holds(crowd: Crowd, pool: ThreadPoolExecutor) -> None:
    budget = Budget(10)
    with answering(*[OK] * 3) as told:
        store = a_store(told, 1)
        journeys = [Journey(store, size=6, then=lambda: budget.try_take(5)) for _ in range(3)]

        assert list(crowd.run(journeys, pool, budget, never)) == [False] * 3

    assert budget.try_take(10)


def test_when_asked_to_stop_nothing_new_sets_out_and_what_is_under_way_arrives(
    crowd: Crowd, pool: ThreadPoolExecutor
) -> None:
    arrived: list[object] = []
    with answering(*[OK] * 9) as told:
        store = a_store(told, 1)
        journeys = [Journey(store) for _ in range(9)]
        ended = crowd.run(journeys, pool, Budget(10), lambda: bool(arrived))

        with pytest.raises(Stopped):
            arrived.extend(ended)

    # Those that had set out, four at most.
    assert 1 <= len(arrived) == len(told.requests) <= 5


def test_leaving_early_gives_everything_back(crowd: Crowd, pool: ThreadPoolExecutor) -> None:
    budget = Budget(10)
    with answering(*[OK] * 9) as told:
        store = a_store(told, 1)
        ended = crowd.run([Journey(store, size=2) for _ in range(9)], pool, budget, never)
        next(ended)
        ended.close()  # type: ignore[attr-defined]

    assert budget.try_take(10)
    assert store.pace.try_take() is not None


def test_two_stores_behind_one_name_are_each_dialled_where_it_was_for_them(
    crowd: Crowd, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = iter(["127.0.0.1", "127.0.0.2"])
    found = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(*found, (next(addresses), 0))])
    last = Parting(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    with answering(last, last) as told:
        told.url = told.url.replace("127.0.0.1", "s3.example.com")
        one, other = a_store(told), a_store(told)

        heard = [list(crowd.run([Journey(each)], pool, Budget(10), never)) for each in (one, other, one)]

    assert heard == [[b"hello"], [NotConnected], [b"hello"]]


def test_a_kept_line_that_is_lost_is_that_and_not_blocked_where_its_name_is_another_stores_by_now(
    crowd: Crowd, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = iter(["127.0.0.1", "127.0.0.2"])
    found = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(*found, (next(addresses), 0))])
    with answering(OK, None) as told:
        told.url = told.url.replace("127.0.0.1", "s3.example.com")
        one, other = a_store(told), a_store(told)
        kept = list(crowd.run([Journey(one)], pool, Budget(10), never))

        lost = set(crowd.run([Journey(one), Journey(other)], pool, Budget(10), never))

    assert (kept, lost) == ([b"hello"], {EndpointUnreachable, NotConnected})


def test_a_silent_resolver_is_waited_for_once_and_not_by_one_line_after_the_other(
    crowd: Crowd, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = threading.Event()

    def resolve(*_: object, **__: object) -> list[object]:
        given_up.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    store, began = a_store(Told("http://s3.example.com")), time.monotonic()

    heard = list(crowd.run([Journey(store) for _ in range(12)], pool, Budget(20), never))

    given_up.set()
    assert heard == [NameNotFound] * 12
    assert time.monotonic() - began < 3 * store.endpoint.connect_seconds
