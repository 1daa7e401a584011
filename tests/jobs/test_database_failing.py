"""Rows 46 and 48: the database fails a single statement of a job, and the next job goes on where that one stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.utils import timezone

from integrity.models import IntegrityRecord
from integrity.records import rows_of
from integrity.rows import Row
from migrator import jobs, services
from migrator.engine import listing
from migrator.jobs import journal, planning
from migrator.models import Batch, Run
from tests.stores import Stores, make_known_task, records_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@contextmanager
def failing_once(*signs: str) -> Iterator[None]:
    """Fail the first statement in which all these signs are, as a database does that is away or found a deadlock."""
    left = [signs]

    def fail(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if left and all(sign in sql for sign in signs):
            left.pop()
            raise OperationalError("deadlock detected")
        return execute(sql, *rest)

    with connection.execute_wrapper(fail), pytest.raises(OperationalError, match="deadlock"):
        yield
    assert not left


@pytest.fixture
def run(stores: Stores, operator: User) -> Run:
    stores.seed(a=b"a" * 100, b=b"b" * 100)
    return services.start_run(operator, make_known_task(stores, operator), start=True)


@pytest.mark.parametrize(
    "signs",
    [
        pytest.param(('SELECT "integrity_integrityrecord"."index"',), id="before the copying"),
        pytest.param(('SELECT "integrity_integrityrecord"."record_digest"',), id="before settling"),
        pytest.param(('UPDATE "migrator_batch"', '"link"'), id="while settling"),
    ],
)
def test_a_batch_that_the_database_fails_is_done_by_the_next_job(run: Run, signs: tuple[str, ...]) -> None:
    jobs.plan(str(run.pk))

    with failing_once(*signs):
        jobs.work(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.cause) == ("running", "")
    assert Batch.objects.get(run=run).state == Batch.State.PENDING
    jobs.work(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.verified, IntegrityRecord.objects.count()) == ("finished", 2, 2)


@pytest.mark.parametrize("signs", [('UPDATE "migrator_run"', '"begun_at"'), ("COUNT", '"migrator_batch"')])
def test_a_run_that_is_to_start_by_itself_is_never_left_planned_and_not_started(
    run: Run, signs: tuple[str, ...]
) -> None:
    with failing_once(*signs):
        jobs.plan(str(run.pk))

    run.refresh_from_db()
    assert run.state == "planning"
    Run.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
    jobs.plan(str(run.pk))
    jobs.work(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.verified) == ("finished", 2)


def test_a_listing_whose_sum_no_database_takes_ends_the_run(
    run: Run, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LARGEST_SIZE", 2**63 - 1)
    bent = {"find": "<Size>100</Size>", "put": f"<Size>{2**62}</Size>"}
    stores.source.plan_faults([{"operation": "ListObjectsV2", "calls": "all", "action": "xml", "value": bent}])

    jobs.plan(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.cause) == ("incomplete", "listing_invalid")
    assert "no database takes" in run.cause_text


def test_a_plan_that_many_attempts_could_not_make_is_given_up(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(plan_attempt=planning.MOST_ATTEMPTS)

    jobs.plan(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.cause) == ("incomplete", "listing_incomplete")
    assert "begun 20 times" in run.cause_text


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({"source_grade": ""}, id="a claim that the rules forbid"),
        pytest.param({"bytes_hashed": 2**63}, id="a number that has no place"),
        pytest.param({"dest_etag": "\ud800", "etag_match": None, "md5_match": None}, id="a text that is none"),
    ],
)
def test_a_record_that_the_database_refuses_ends_its_own_object_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch, spoilt: dict[str, object]
) -> None:
    def spoil(*args: Any) -> list[Row]:
        return [
            row | spoilt if (row["object_key"], row["verdict"]) == ("b", "verified") else row for row in rows_of(*args)
        ]

    monkeypatch.setattr(journal, "rows_of", spoil)
    jobs.plan(str(run.pk))

    jobs.work(str(run.pk))

    run.refresh_from_db()
    records = records_of(run)
    assert (run.state, run.verified, run.failed) == ("finished", 1, 1)
    assert {key: (each.verdict, each.error_code) for key, each in records.items()} == {
        "a": ("verified", ""),
        "b": ("failed", "internal_error"),
    }
    assert "refused the record" in records["b"].error_message
    assert run.bytes_settled == run.bytes_planned
