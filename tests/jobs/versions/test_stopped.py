"""Stopped in the middle, and what an answer that was lost leaves behind."""

from __future__ import annotations

import os

import pytest
from django.contrib.auth.models import User

from migrator import services
from tests.jobs.versions.histories import (
    PUT,
    arrived,
    assert_same_histories,
    delete,
    ends_of,
    forget,
    in_order,
    planned,
    run_through,
    seed,
    task_of,
    worked,
)
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.mark.parametrize("lost", [(0, 1, 2, 3), (1, 2, 3), (2, 3), (3,), (1,)])
@pytest.mark.parametrize("bodies", [(b"1", b"22", b"333", b"4444"), (b"same",) * 4])
def test_what_was_written_and_not_recorded_is_found_and_not_written_again(
    stores: Stores, operator: User, lost: tuple[int, ...], bodies: tuple[bytes, ...]
) -> None:
    seed(stores, "a", *bodies)
    run = run_through(operator, task_of(stores, operator))
    forget(run, *lost)

    worked(run)

    assert (run.state, run.verified) == ("finished", 4)
    assert arrived(stores, "a") == list(bodies)
    assert [record.dest_version_id for record in in_order(run)] == stores.dest.version_ids(DEST_BUCKET, "a")
    assert all("already_there" in record.notes for record in in_order(run) if record.index in lost)


@pytest.mark.parametrize("if_match", ["honoured", "ignored"])
def test_a_chain_goes_on_from_its_last_record(stores: Stores, operator: User, if_match: str) -> None:
    stores.dest.change_traits(if_match_put=if_match)
    seed(stores, "a", b"one", b"two", b"three", b"four")
    run = planned(operator, task_of(stores, operator))
    stores.source.plan_faults(
        [{"operation": "GetObject", "calls": "3", "action": "status", "value": {"status": 403, "code": "ExpiredToken"}}]
    )
    worked(run)
    assert (run.state, run.cause, run.verified) == ("paused", "credentials_expired", 2)
    assert arrived(stores, "a") == [b"one", b"two"]

    # New credentials: from here on the connection is another one to the records of before.
    run.task.source_connection.save()
    services.resume_run(operator, run)
    worked(run)

    assert (run.state, run.verified) == ("finished", 4)
    assert_same_histories(stores, "a")
    raced = ["race_possible" in record.notes for record in in_order(run)]
    assert raced == ([False, True, True, True] if if_match == "ignored" else [False] * 4)


@pytest.mark.parametrize("call", ["1", "2", "3"])
@pytest.mark.parametrize("bodies", [(b"one", b"two", b"three"), (b"same", b"same", b"same")])
def test_a_lost_answer_leaves_no_version_twice(
    stores: Stores, operator: User, call: str, bodies: tuple[bytes, ...]
) -> None:
    seed(stores, "a", *bodies)
    run = planned(operator, task_of(stores, operator))
    stores.dest.plan_faults([{**PUT, "calls": call, "action": "drop_reply"}])

    worked(run)

    assert (run.state, run.verified) == ("finished", 3)
    assert arrived(stores, "a") == list(bodies)


@pytest.mark.parametrize("calls", ["1-4", "2-5"])
def test_a_burst_of_slow_down_is_waited_out_in_the_attempt(stores: Stores, operator: User, calls: str) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    run = planned(operator, task_of(stores, operator))
    slow_down = {"status": 503, "code": "SlowDown"}
    stores.dest.plan_faults([{**PUT, "calls": calls, "action": "status", "value": slow_down}])

    worked(run)

    assert not stores.dest.unfired
    assert [(record.verdict, record.attempts) for record in in_order(run)] == [("verified", 1)] * 3
    assert_same_histories(stores, "a")


@pytest.mark.parametrize("call", ["2", "3"])
@pytest.mark.parametrize("bodies", [(b"one", b"twoo", b"three"), (b"same",) * 3])
def test_a_yes_without_an_etag_does_not_take_the_version_before_for_the_one_that_was_to_come(
    stores: Stores, operator: User, bodies: tuple[bytes, ...], call: str
) -> None:
    seed(stores, "a", *bodies)
    run = planned(operator, task_of(stores, operator))
    stores.dest.plan_faults([{**PUT, "calls": call, "action": "empty_200"}])

    worked(run)

    assert (run.state, run.verified) == ("finished", 3)
    assert arrived(stores, "a") == list(bodies)


def test_parts_that_were_not_put_together_are_not_taken_for_the_same_bytes_below(
    stores: Stores, operator: User
) -> None:
    film = os.urandom(17_000_000)
    seed(stores, "film", film, film, part_size=6 * 1024 * 1024)
    run = planned(operator, task_of(stores, operator))
    stores.dest.plan_faults([{"operation": "CompleteMultipartUpload", "calls": "2", "action": "error_in_200"}])

    worked(run)

    assert (run.state, run.verified) == ("finished", 2)
    assert_same_histories(stores, "film")
    assert [record.dest_version_id for record in in_order(run)] == stores.dest.version_ids(DEST_BUCKET, "film")


def test_many_keys_with_one_problem_pause_the_run_though_their_later_versions_only_wait(
    stores: Stores, operator: User
) -> None:
    for number in range(40):
        seed(stores, f"{number:02}", b"one", b"two")
    run = planned(operator, task_of(stores, operator))
    stores.source.plan_faults([{"operation": "GetObject", "action": "status", "value": 403, "calls": "all"}])

    worked(run)

    assert (run.state, run.cause) == ("paused", "repeated_errors")


def test_a_version_that_is_gone_keeps_no_other_out(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    run = planned(operator, task_of(stores, operator))
    delete(stores.source, stores.source.version_ids(SOURCE_BUCKET, "a")[1])

    worked(run)

    assert ends_of(run) == [("verified", ""), ("failed", "source_gone"), ("verified", "")]
    assert arrived(stores, "a") == [b"one", b"three"]
