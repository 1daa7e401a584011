"""Runs that copy every version: planned, copied in order, stopped in the middle, tried again, compared."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from integrity.evidence import not_carried
from integrity.models import IntegrityRecord
from migrator import jobs, services
from migrator.engine.addresses import AddressRule
from migrator.engine.stores import Endpoint, Store
from migrator.models import Batch, Run, Task
from migrator.sandbox import Sandbox
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores, make_task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

PUT = {"operation": "PutObject", "side": "destination"}


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """Two sandboxes with a bucket each that keeps versions."""
    traits = {"versioned": True}
    with (
        Sandbox(tmp_path / "source", buckets=[SOURCE_BUCKET], traits=traits, seed=1) as source,
        Sandbox(tmp_path / "dest", buckets=[DEST_BUCKET], traits=traits, seed=2, side="destination") as dest,
    ):
        yield Stores(source, dest)


def seed(stores: Stores, key: str, *bodies: bytes, **described: Any) -> None:
    """Put versions into the source, the oldest first."""
    for body in bodies:
        stores.source.seed(SOURCE_BUCKET, key, body, **described)


def history(sandbox: Sandbox, bucket: str, key: str) -> list[bytes]:
    """Return the bodies on the sandbox's disk, the oldest first."""
    return [sandbox.stored_bytes(bucket, key, version) for version in sandbox.version_ids(bucket, key)]


def arrived(stores: Stores, key: str) -> list[bytes]:
    return history(stores.dest, DEST_BUCKET, key)


def assert_same_histories(stores: Stores, *keys: str) -> None:
    for key in keys:
        assert arrived(stores, key) == history(stores.source, SOURCE_BUCKET, key), key


def task_of(stores: Stores, operator: User, **options: Any) -> Task:
    return make_task(stores, operator, versions="all", **options)


def planned(operator: User, task: Task, **options: Any) -> Run:
    run = services.start_run(operator, task, start=True, **options)
    jobs.plan(str(run.pk))
    run.refresh_from_db()
    return run


def worked(run: Run) -> Run:
    jobs.work(str(run.pk))
    run.refresh_from_db()
    return run


def run_through(operator: User, task: Task, **options: Any) -> Run:
    return worked(planned(operator, task, **options))


def in_order(run: Run) -> list[IntegrityRecord]:
    return list(IntegrityRecord.objects.filter(run=run.pk).order_by("index"))


def ends_of(run: Run) -> list[tuple[str, str]]:
    """Return how each record of a run ended, in the order of the plan."""
    return [(record.verdict, record.error_code or record.reason) for record in in_order(run)]


def test_every_version_arrives_in_the_order_of_the_source(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"", b"three")
    seed(stores, "ab", b"only")
    seed(stores, "b", b"older", b"older", b"newer")
    seed(stores, "film", os.urandom(12_000_000), part_size=5 * 1024 * 1024)
    seed(stores, "film", b"short")
    seed(stores, "film", os.urandom(20_000_000), part_size=6 * 1024 * 1024)

    run = run_through(operator, task_of(stores, operator))

    assert (run.state, run.planned, run.verified, run.pending) == ("finished", 10, 10, 0)
    assert_same_histories(stores, "a", "ab", "b", "film")
    sources = [record.source_version_id for record in in_order(run) if record.object_key == "b"]
    copies = [record.dest_version_id for record in in_order(run) if record.object_key == "b"]
    assert sources == stores.source.version_ids(SOURCE_BUCKET, "b")
    assert copies == stores.dest.version_ids(DEST_BUCKET, "b")


def test_pages_may_part_the_versions_of_a_key(stores: Stores, operator: User) -> None:
    stores.source.change_traits(largest_page=2)
    stores.dest.change_traits(largest_page=2)
    keys = ["a", "a b+c&d", "z/é"]
    for key in keys:
        seed(stores, key, *(f"{key} {n}".encode() for n in range(5)))
        stores.source.mark_deleted(SOURCE_BUCKET, key)
        seed(stores, key, b"again")

    run = run_through(operator, task_of(stores, operator))

    assert (run.state, run.planned, run.verified) == ("finished", 18, 18)
    assert run.plan_summary["hazards"] == {}
    assert_same_histories(stores, *keys)


def test_a_copy_that_was_confirmed_by_a_listing_names_its_version(stores: Stores, operator: User) -> None:
    seed(stores, "one", b"1" * 100)

    (record,) = in_order(run_through(operator, task_of(stores, operator)))

    assert record.dest_facts["origin"] == "listing"
    assert [record.dest_version_id] == stores.dest.version_ids(DEST_BUCKET, "one")


def test_what_lies_below_a_delete_marker_is_copied_and_the_marker_is_not(stores: Stores, operator: User) -> None:
    seed(stores, "gone", b"one", b"two")
    seed(stores, "kept", b"one", b"two")
    seed(stores, "nothing", b"x")
    stores.source.mark_deleted(SOURCE_BUCKET, "gone")
    stores.source.mark_deleted(SOURCE_BUCKET, "only a marker")

    run = run_through(operator, task_of(stores, operator))

    assert (run.planned, run.verified) == (5, 5)
    assert run.plan_summary["hazards"] == {"delete_markers": 1}
    assert run.plan_summary["keys"] == 3
    assert_same_histories(stores, "gone", "kept", "nothing")
    (record, *_) = in_order(run)
    assert not_carried(record.checks, record.notes)[3:5] == ("delete_markers", "version_ids")
    assert "versions" not in not_carried(record.checks, record.notes)


def test_a_destination_that_keeps_no_versions_ends_the_plan(stores: Stores, operator: User, tmp_path: Path) -> None:
    seed(stores, "a", b"one", b"two")
    with Sandbox(tmp_path / "plain", buckets=[DEST_BUCKET]) as plain:
        stores.dest = plain
        run = planned(operator, task_of(stores, operator))

        assert (run.state, run.cause) == ("incomplete", "versions_not_kept")
        assert "Switch versioning on" in run.cause_text
        assert plain.keys(DEST_BUCKET) == []


def test_a_source_that_cannot_list_versions_ends_the_plan(stores: Stores, operator: User) -> None:
    refusal = {"status": 501, "code": "NotImplemented"}
    stores.source.plan_faults(
        [{"operation": "ListObjectVersions", "action": "status", "value": refusal, "calls": "all"}]
    )

    run = planned(operator, task_of(stores, operator))

    assert (run.state, run.cause) == ("incomplete", "versions_not_listed")


def test_a_source_without_versions_is_copied_as_it_is(stores: Stores, operator: User, tmp_path: Path) -> None:
    with Sandbox(tmp_path / "plain", buckets=[SOURCE_BUCKET]) as plain:
        stores.source = plain
        seed(stores, "a", b"one")
        seed(stores, "large", os.urandom(17_000_000), part_size=6 * 1024 * 1024)

        run = run_through(operator, task_of(stores, operator))

        assert (run.state, run.verified) == ("finished", 2)
        assert_same_histories(stores, "a", "large")
        assert [record.source_version_id for record in in_order(run)] == ["null", "null"]
        gets = [entry for entry in plain.log if entry.operation == "GetObject"]
        assert gets


def test_versions_of_a_key_are_one_batch_however_many(
    stores: Stores, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrator.engine.planning.MOST_ITEMS_PER_BATCH", 2)
    monkeypatch.setattr("migrator.engine.planning.BATCH_SIZE", 10)
    seed(stores, "a", b"1", b"2", b"3" * 20, b"4", b"5")
    seed(stores, "b", b"1")

    run = run_through(operator, task_of(stores, operator))

    assert list(Batch.objects.filter(run=run).values_list("item_count", flat=True)) == [5, 1]
    assert_same_histories(stores, "a", "b")


# What is there already


def test_a_foreign_object_is_left_alone_and_keeps_the_later_versions_out(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"six")
    seed(stores, "b", b"one", b"two")
    stores.dest.seed(DEST_BUCKET, "a", b"foreign")

    run = run_through(operator, task_of(stores, operator))

    assert ends_of(run) == [
        ("failed", "dest_exists"),
        ("failed", "version_before_failed"),
        ("failed", "version_before_failed"),
        ("verified", ""),
        ("verified", ""),
    ]
    assert arrived(stores, "a") == [b"foreign"]
    assert "Another object has this key" in in_order(run)[2].error_message


def test_a_foreign_object_that_is_to_be_replaced_stays_below(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two")
    stores.dest.seed(DEST_BUCKET, "a", b"foreign")

    run = run_through(operator, task_of(stores, operator, if_exists="replace_if_matches"))

    assert (run.verified, run.planned) == (2, 2)
    assert arrived(stores, "a") == [b"foreign", b"one", b"two"]


def test_a_foreign_writer_between_two_versions_is_noticed(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    run = planned(operator, task_of(stores, operator))
    stores.dest.plan_faults([{**PUT, "calls": "2", "action": "overwrite", "value": "before"}])

    worked(run)

    assert ends_of(run) == [("verified", ""), ("failed", "dest_exists"), ("failed", "version_before_failed")]
    assert [body for body in arrived(stores, "a") if body in (b"two", b"three")] == []
    assert arrived(stores, "a")[0] == b"one"


def test_a_destination_that_ignores_if_match_is_asked_first(stores: Stores, operator: User) -> None:
    stores.dest.change_traits(if_match_put="ignored", if_none_match="ignored")
    seed(stores, "a", b"one", b"two", b"three")

    run = run_through(operator, task_of(stores, operator))

    assert run.verified == 3
    assert_same_histories(stores, "a")
    assert all("race_possible" in record.notes for record in in_order(run))


def test_where_if_match_is_ignored_a_foreign_version_is_seen(stores: Stores, operator: User) -> None:
    stores.dest.change_traits(if_match_put="ignored", if_none_match="ignored")
    seed(stores, "a", b"one", b"two")
    run = planned(operator, task_of(stores, operator))
    stores.dest.plan_faults([{**PUT, "calls": "1", "action": "overwrite", "value": "after"}])

    worked(run)

    assert ends_of(run) == [("verified", ""), ("failed", "dest_exists")]
    assert len(arrived(stores, "a")) == 2


def test_a_destination_that_stops_keeping_versions_is_noticed(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two")
    run = planned(operator, task_of(stores, operator))
    stores.dest.set_versioning(DEST_BUCKET, "Suspended")

    worked(run)

    assert ends_of(run) == [("verified", ""), ("failed", "version_before_failed")]
    assert "no longer keeps versions" in in_order(run)[1].error_message
    assert arrived(stores, "a") == [b"one"]


def test_a_key_that_is_deleted_at_the_destination_meanwhile_gets_the_next_version_all_the_same(
    stores: Stores, operator: User
) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    run = planned(operator, task_of(stores, operator))
    stores.dest.plan_faults([{**PUT, "calls": "2", "action": "delete_marker", "value": "before"}])

    worked(run)

    assert run.verified == 3
    assert_same_histories(stores, "a")
    assert [record.attempts for record in in_order(run)] == [1, 2, 1]


def test_a_key_that_is_deleted_at_the_source_meanwhile_is_copied_as_planned(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two")
    seed(stores, "b", b"only")
    run = planned(operator, task_of(stores, operator))
    stores.source.mark_deleted(SOURCE_BUCKET, "a")
    stores.source.mark_deleted(SOURCE_BUCKET, "b")

    worked(run)

    assert run.verified == 3
    assert_same_histories(stores, "a", "b")


def test_whether_a_version_was_unpacked_on_the_way_is_asked_of_that_version(stores: Stores, operator: User) -> None:
    stores.source.change_traits(gzip="unpacked")
    seed(stores, "page", gzip.compress(b"text" * 999), headers={"Content-Encoding": "gzip"})
    seed(stores, "page", b"plain")

    run = run_through(operator, task_of(stores, operator))

    assert ends_of(run) == [("failed", "transcoded_by_store"), ("failed", "version_before_failed")]


# Stopped in the middle


def forget(run: Run, *indexes: int) -> None:
    """Leave the run as a worker does that was killed before it could record these items."""
    lost = IntegrityRecord.objects.filter(run=run.pk, index__in=indexes)
    run.verified -= lost.filter(verdict="verified").count()
    lost.delete()
    run.state, run.finished_at, run.ledger_root = "running", None, ""
    run.save()
    Batch.objects.filter(run=run).update(state="pending", link="")


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


def test_a_chain_goes_on_from_its_last_record(stores: Stores, operator: User) -> None:
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


def delete(sandbox: Sandbox, version_id: str, bucket: str = SOURCE_BUCKET, key: str = "a") -> None:
    """Delete one version for good."""
    key_pair, rule = sandbox.key, AddressRule(allow_private=True)
    endpoint = Endpoint(
        url=sandbox.url,
        access_key_id=key_pair.access_key_id,
        secret_access_key=key_pair.secret_access_key,
        rule=rule,
    )
    with closing(Store(endpoint)) as store:
        store.delete(bucket, key, version_id=version_id)


# Again


def failing_once(stores: Stores, operator: User, **options: Any) -> Run:
    """Copy three versions of two keys, of which the second of `a` is damaged on every read."""
    seed(stores, "a", b"one" * 500, b"two" * 500, b"three" * 500)
    seed(stores, "b", b"1", b"2")
    run = planned(operator, task_of(stores, operator, **options))
    damaged = stores.source.version_ids(SOURCE_BUCKET, "a")[1]
    stores.source.plan_faults(
        [{"operation": "GetObject", "key": "a", "calls": "2-5", "action": "flip", "at_byte": "seeded", "seed": 7}]
    )
    worked(run)
    stores.source.plan_faults([])
    assert next(record.source_version_id for record in in_order(run) if record.error_code) == damaged
    return run


def test_a_retry_goes_on_where_the_history_broke_off(stores: Stores, operator: User) -> None:
    first = failing_once(stores, operator)
    assert ends_of(first)[:3] == [
        ("verified", ""),
        ("failed", "source_etag_mismatch"),
        ("failed", "version_before_failed"),
    ]

    jobs.plan(str(services.retry_run(operator, first).pk))
    second = worked(Run.objects.get(retry_of=first))

    assert (second.state, second.planned, second.verified) == ("finished", 2, 2)
    assert_same_histories(stores, "a", "b")


def test_a_retry_of_a_retry_still_knows_what_came_before(stores: Stores, operator: User) -> None:
    first = failing_once(stores, operator)
    jobs.plan(str(services.retry_run(operator, first).pk))
    second = Run.objects.get(retry_of=first)
    stores.source.plan_faults([{"operation": "GetObject", "calls": "all", "action": "flip"}])
    worked(second)
    assert second.failed == 2
    stores.source.plan_faults([])

    jobs.plan(str(services.retry_run(operator, second).pk))
    third = worked(Run.objects.get(retry_of=second))

    assert third.verified == 2
    assert_same_histories(stores, "a", "b")


def test_a_retry_says_of_a_version_that_is_gone_that_it_is(stores: Stores, operator: User) -> None:
    first = failing_once(stores, operator)
    delete(stores.source, stores.source.version_ids(SOURCE_BUCKET, "a")[1])

    jobs.plan(str(services.retry_run(operator, first).pk))
    second = worked(Run.objects.get(retry_of=first))

    assert sorted(ends_of(second)) == [("failed", "source_gone"), ("verified", "")]
    assert arrived(stores, "a") == [b"one" * 500, b"three" * 500]


@pytest.mark.parametrize("mode", ["fail_if_exists", "replace_if_matches"])
def test_a_second_copy_finds_each_version_where_the_first_put_it(stores: Stores, operator: User, mode: str) -> None:
    seed(stores, "a", b"one", b"two", b"one")
    seed(stores, "b", b"only")
    task = task_of(stores, operator, if_exists=mode)
    first = run_through(operator, task)
    seed(stores, "a", b"four")

    again = run_through(operator, task)

    assert (again.planned, again.verified) == (5, 5)
    assert_same_histories(stores, "a", "b")
    named = [record.dest_version_id for record in in_order(again)]
    assert named[:3] + named[4:] == [record.dest_version_id for record in in_order(first)]


def test_a_version_is_skipped_while_its_own_copy_is_there(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    task = task_of(stores, operator, if_exists="skip_if_verified_identical")
    run_through(operator, task)
    seed(stores, "a", b"four")

    again = run_through(operator, task)

    assert (again.skipped, again.verified) == (3, 1)
    assert_same_histories(stores, "a")
    assert [record.dest_version_id for record in in_order(again)] == stores.dest.version_ids(DEST_BUCKET, "a")


def test_a_version_whose_copy_is_gone_is_not_skipped(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"one")
    task = task_of(stores, operator, if_exists="skip_if_verified_identical")
    run_through(operator, task)
    delete(stores.dest, stores.dest.version_ids(DEST_BUCKET, "a")[2], DEST_BUCKET)

    again = run_through(operator, task)

    # The bytes of the third are there still, as the copy of the first.
    assert (again.skipped, again.verified) == (2, 1)
    assert_same_histories(stores, "a")


def test_what_a_lifecycle_took_away_below_keeps_no_new_version_out(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    task = task_of(stores, operator)
    run_through(operator, task)
    delete(stores.dest, stores.dest.version_ids(DEST_BUCKET, "a")[0], DEST_BUCKET)
    seed(stores, "a", b"four")

    again = run_through(operator, task)

    # The first one could only be put on top, where it does not belong.
    assert ends_of(again) == [("failed", "dest_exists"), ("verified", ""), ("verified", ""), ("verified", "")]
    assert arrived(stores, "a") == [b"two", b"three", b"four"]


def test_a_retry_is_about_the_versions_of_the_run_that_it_retries(stores: Stores, operator: User) -> None:
    first = failing_once(stores, operator)
    task = first.task
    task.options = {**task.options, "versions": "latest"}
    task.save()

    jobs.plan(str(services.retry_run(operator, first).pk))
    second = worked(Run.objects.get(retry_of=first))

    assert (second.planned, second.verified) == (2, 2)
    assert_same_histories(stores, "a", "b")


# Compared


def test_each_version_is_compared_with_its_own_copy(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    stores.source.mark_deleted(SOURCE_BUCKET, "a")
    task = task_of(stores, operator)
    copied = run_through(operator, task)

    compared = run_through(operator, task, kind="verify", verify_depth="statements")

    assert (compared.verified, compared.planned) == (3, 3)
    assert [record.compared_with for record in in_order(compared)] == [record.pk for record in in_order(copied)]


def test_a_copy_that_is_gone_or_is_another_fails(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three")
    task = task_of(stores, operator)
    run_through(operator, task)
    delete(stores.dest, stores.dest.version_ids(DEST_BUCKET, "a")[1], DEST_BUCKET)

    compared = run_through(operator, task, kind="verify", verify_depth="both")

    assert ends_of(compared) == [("verified", ""), ("failed", "dest_missing"), ("verified", "")]


def test_versions_that_another_tool_copied_are_adopted_by_size_and_etag(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"two", b"three", b"lost")
    for body in (b"one", b"twO", b"three"):
        stores.dest.seed(DEST_BUCKET, "a", body)

    compared = run_through(operator, task_of(stores, operator), kind="verify", verify_depth="both")

    # Nothing says which of two versions of that size is the copy of the second, so none is called wrong.
    assert ends_of(compared) == [
        ("verified", ""),
        ("unverified", "not_reached"),
        ("verified", ""),
        ("failed", "dest_missing"),
    ]
    assert "copy_not_known" in in_order(compared)[1].notes
