from __future__ import annotations

import threading
import time

import pytest

from migrator.engine import pacing
from migrator.engine.bodies import RateLimit
from migrator.engine.buffers import Budget
from migrator.engine.errors import Stopped
from migrator.engine.pacing import GOOD_ANSWERS_PER_STEP, LastMoment, Pace, Patience


def test_waits_grow_and_are_bounded() -> None:
    waits: list[float] = []
    patience = Patience(first_seconds=1, longest_seconds=4, sleep=waits.append)

    for tried in range(1, 6):
        patience.wait(tried)

    assert all(most / 2 <= wait <= most for wait, most in zip(waits, [1, 2, 4, 4, 4], strict=True))


def test_no_patience_sleeps_not_at_all() -> None:
    waits: list[float] = []

    Patience(first_seconds=0, sleep=waits.append).wait(1)

    assert waits == []


def test_a_last_moment_begins_with_the_wish_to_stop_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    wishes = [False, False, True]
    moment = LastMoment(lambda: wishes.pop(0))
    monkeypatch.setattr(pacing, "_LAST_MOMENT_SECONDS", 0.05)

    assert [moment.is_over() for _ in range(3)] == [False, False, False]
    time.sleep(0.06)
    assert moment.is_over()


def test_a_throttled_endpoint_gets_half_and_grows_back_slowly() -> None:
    pace = Pace(8)

    pace.throttled()
    assert pace.limit == 4

    for _ in range(GOOD_ANSWERS_PER_STEP):
        pace.went_well()
    assert pace.limit == 5


def test_an_endpoint_always_gets_one_request() -> None:
    pace = Pace(2)

    for _ in range(5):
        pace.throttled()

    assert pace.limit == 1


def test_no_more_slots_are_given_than_the_limit() -> None:
    pace, entered = Pace(1), threading.Event()

    def second() -> None:
        with pace.slot():
            entered.set()

    with pace.slot():
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.05)

    thread.join(10)
    assert entered.is_set()


def test_what_is_fed_takes_no_place_from_what_may_feed_it() -> None:
    pace = Pace(1)

    with pace.slot(is_fed=True):
        assert pace.try_take() is not None
        assert pace.try_take() is None
        pace.release()

    assert pace.try_take() is not None


def test_a_place_goes_to_one_who_may_have_it_whoever_waits() -> None:
    pace, entered = Pace(1), threading.Event()

    def fed() -> None:
        with pace.slot(is_fed=True):
            pass

    def plain() -> None:
        with pace.slot():
            entered.set()

    with pace.slot(is_fed=True):
        pace.try_take()
        threads = [threading.Thread(target=each, daemon=True) for each in (fed, plain)]
        for thread in threads:
            thread.start()
            time.sleep(0.05)
        pace.release()

        assert entered.wait(10)


def test_a_budget_is_never_exceeded_and_is_given_back() -> None:
    budget, taken = Budget(10), threading.Event()

    def second() -> None:
        budget.take(6, lambda: False)
        taken.set()

    with budget.held(6, lambda: False):
        thread = threading.Thread(target=second)
        thread.start()
        assert not taken.wait(0.05)

    thread.join(10)
    assert taken.is_set()


def test_more_than_the_budget_waits_for_all_of_it_and_no_longer() -> None:
    budget = Budget(10)

    budget.take(1_000, lambda: False)
    budget.give_back(1_000)

    with budget.held(10, lambda: False):
        pass


def test_waiting_for_memory_ends_when_asked_to_stop() -> None:
    budget = Budget(10)
    budget.take(10, lambda: False)

    with pytest.raises(Stopped):
        budget.take(1, lambda: True)


def test_a_rate_limit_of_none_never_waits() -> None:
    began = time.monotonic()

    RateLimit(None).take(10**15, lambda: False)

    assert time.monotonic() - began < 1


def test_a_stop_is_heard_in_the_midst_of_a_rate_limit() -> None:
    limit, began = RateLimit(10), time.monotonic()

    with pytest.raises(Stopped):
        limit.take(1000, lambda: time.monotonic() - began > 0.2)

    assert time.monotonic() - began < 5


def test_a_stop_is_heard_in_the_midst_of_a_wait() -> None:
    began = time.monotonic()

    with pytest.raises(Stopped):
        Patience(first_seconds=60, longest_seconds=60).wait(1, lambda: time.monotonic() - began > 0.2)

    assert time.monotonic() - began < 5
