"""What was asked again in one attempt stays small, whatever comes."""

from __future__ import annotations

import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from migrator.engine.addresses import AddressRule
from migrator.engine.errors import (
    ConditionFailed,
    EngineError,
    ListingInvalid,
    ObjectMissing,
    SecretRefused,
    Stopped,
    StoreFault,
    Throttled,
)
from migrator.engine.pacing import Patience
from migrator.engine.repeats import DESTINATION, MOST_KINDS, SOURCE, Repeats
from migrator.engine.stores import Endpoint, Store


def test_equal_ones_are_one_with_a_count_and_the_first_and_last_time() -> None:
    repeats = Repeats()

    for _ in range(3):
        repeats.hear(SOURCE, "GetObject", Throttled(store_code="SlowDown"))

    (kept,) = repeats.kept
    assert (kept.reason, kept.store_code, kept.count) == ("throttled", "SlowDown", 3)
    assert kept.first_at < kept.last_at


def test_another_side_operation_reason_or_code_is_another_one() -> None:
    repeats = Repeats()
    repeats.hear(SOURCE, "GetObject", Throttled())
    repeats.hear(DESTINATION, "GetObject", Throttled())
    repeats.hear(SOURCE, "HeadObject", Throttled())
    repeats.hear(SOURCE, "GetObject", StoreFault())
    repeats.hear(SOURCE, "GetObject", Throttled(store_code="SlowDown"))

    assert [each.count for each in repeats.kept] == [1] * 5


def test_a_storm_of_ever_new_codes_is_kept_up_to_a_bound_and_the_rest_counted() -> None:
    repeats = Repeats()

    for number in range(1_000):
        repeats.hear(DESTINATION, "UploadPart", StoreFault(store_code=f"Code{number}"))
    repeats.hear(DESTINATION, "UploadPart", StoreFault(store_code="Code0"))

    assert len(repeats.kept) == MOST_KINDS
    assert repeats.kept[0].count == 2
    assert repeats.more == 1_000 - MOST_KINDS


def test_none_is_lost_where_many_threads_tell() -> None:
    repeats = Repeats()

    with ThreadPoolExecutor(8) as pool:
        for number in range(2_000):
            pool.submit(repeats.hear, DESTINATION, "UploadPart", StoreFault(store_code=str(number % 30)))

    assert sum(each.count for each in repeats.kept) + repeats.more == 2_000


def test_what_several_items_asked_together_is_added_to_what_one_asked() -> None:
    ours, together = Repeats(), Repeats()
    ours.hear(DESTINATION, "ListObjectsV2", Throttled())
    for _ in range(2):
        together.hear(DESTINATION, "ListObjectsV2", Throttled())
    together.hear(SOURCE, "ListObjectsV2", Throttled())

    ours.take(together)

    assert [(each.side, each.count) for each in ours.kept] == [(DESTINATION, 3), (SOURCE, 1)]
    assert [each.count for each in together.kept] == [2, 1]


@pytest.mark.parametrize(
    ("side", "problem", "reason"),
    [
        (DESTINATION, ObjectMissing(), "dest_missing"),
        (SOURCE, ObjectMissing(), "source_gone"),
        (SOURCE, ConditionFailed(), "source_changed"),
        (SOURCE, SecretRefused(), "credentials_refused"),
        (SOURCE, ListingInvalid(), "listing_invalid"),
        (SOURCE, EngineError(), "internal_error"),
    ],
)
def test_the_reason_is_a_word_that_the_records_know(side: str, problem: EngineError, reason: str) -> None:
    repeats = Repeats()

    repeats.hear(side, "GetObject", problem)

    assert [each.reason for each in repeats.kept] == [reason]


@pytest.fixture
def store() -> Store:
    rule = AddressRule(allow_private=True)
    return Store(Endpoint(url="http://127.0.0.1:9", access_key_id="a", secret_access_key="b", rule=rule))


def unheard(operation: str, problem: EngineError) -> None:
    raise AssertionError(operation)


def test_a_store_that_is_listened_to_has_the_lines_and_the_pace_of_the_other(store: Store) -> None:
    heard = store.heard_by(unheard)

    assert (heard.transport, heard.pace, heard.patience) == (store.transport, store.pace, store.patience)


def test_each_listener_hears_only_what_is_asked_by_its_own_name(store: Store) -> None:
    ours: list[str] = []
    heard = store.heard_by(lambda operation, problem: ours.append(operation))
    store.heard_by(unheard)

    heard.repeats("GetObject", Throttled())
    store.repeats("HeadObject", Throttled())

    assert ours == ["GetObject"]


def test_the_lines_stay_open_while_somebody_listens() -> None:
    store = Store(Endpoint(url="http://127.0.0.1:9", access_key_id="a", secret_access_key="b", rule=AddressRule()))
    seen = weakref.ref(store)
    heard = store.heard_by(unheard)

    del store
    assert seen() is not None
    del heard
    assert seen() is None


def test_a_store_is_left_in_the_midst_of_its_patience(store: Store) -> None:
    """Nobody listens at its address."""
    store.patience = Patience(first_seconds=60, longest_seconds=60)
    left = threading.Event()
    leaving, began = store.until(left.is_set), time.monotonic()
    threading.Timer(0.3, left.set).start()

    with pytest.raises(Stopped):
        leaving.list_page("bucket", "")

    assert time.monotonic() - began < 20
    assert leaving.pace is store.pace
