"""Every version copied, in the order of the source."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from integrity.evidence import not_carried
from migrator import jobs, services
from migrator.engine.pacing import Patience
from migrator.jobs.sides import source_store_of
from migrator.models import Batch
from migrator.sandbox import Sandbox
from tests.jobs.versions.histories import (
    assert_same_histories,
    in_order,
    new_task_of,
    planned,
    run_through,
    seed,
    worked,
)
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def test_every_version_arrives_in_the_order_of_the_source(stores: Stores, operator: User) -> None:
    seed(stores, "a", b"one", b"", b"three")
    seed(stores, "ab", b"only")
    seed(stores, "b", b"older", b"older", b"newer")
    seed(stores, "film", os.urandom(12_000_000), part_size=5 * 1024 * 1024)
    seed(stores, "film", b"short")
    seed(stores, "film", os.urandom(20_000_000), part_size=6 * 1024 * 1024)

    run = run_through(operator, new_task_of(stores, operator))

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

    run = run_through(operator, new_task_of(stores, operator))

    assert (run.state, run.planned, run.verified) == ("finished", 18, 18)
    assert run.plan_summary["hazards"] == {}
    assert_same_histories(stores, *keys)


def test_a_copy_that_was_confirmed_by_a_listing_names_its_version(stores: Stores, operator: User) -> None:
    seed(stores, "one", b"1" * 100)

    (record,) = in_order(run_through(operator, new_task_of(stores, operator)))

    assert record.dest_facts["origin"] == "listing"
    assert [record.dest_version_id] == stores.dest.version_ids(DEST_BUCKET, "one")


def test_what_lies_below_a_delete_marker_is_copied_and_the_marker_is_not(stores: Stores, operator: User) -> None:
    seed(stores, "gone", b"one", b"two")
    seed(stores, "kept", b"one", b"two")
    seed(stores, "nothing", b"x")
    stores.source.mark_deleted(SOURCE_BUCKET, "gone")
    stores.source.mark_deleted(SOURCE_BUCKET, "only a marker")

    run = run_through(operator, new_task_of(stores, operator))

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
        run = planned(operator, new_task_of(stores, operator))

        assert (run.state, run.cause) == ("incomplete", "versions_not_kept")
        assert "Switch versioning on" in run.cause_text
        assert plain.keys(DEST_BUCKET) == []


def test_a_source_that_cannot_list_versions_ends_the_plan(stores: Stores, operator: User) -> None:
    refusal = {"status": 501, "code": "NotImplemented"}
    stores.source.plan_faults(
        [{"operation": "ListObjectVersions", "action": "status", "value": refusal, "calls": "all"}]
    )

    run = planned(operator, new_task_of(stores, operator))

    assert (run.state, run.cause) == ("incomplete", "versions_not_listed")


def test_what_cannot_be_listed_makes_the_run_incomplete_and_the_rest_is_copied(stores: Stores, operator: User) -> None:
    seed(stores, "one", b"1", b"2")
    seed(stores, "poison", b"never", b"seen")
    seed(stores, "two", b"1", b"2")
    bent = {"find": "<Key>poison</Key>", "put": "<Key>poison\x01</Key>"}
    stores.source.change_traits(encoding_type="ignored")
    stores.source.plan_faults([{"operation": "ListObjectVersions", "calls": "all", "action": "xml", "value": bent}])
    run = services.start_run(operator, new_task_of(stores, operator), start=True)
    source_store_of(run).patience = Patience(first_seconds=0, longest_seconds=0)

    jobs.plan(str(run.pk))
    run = worked(run)

    assert (run.state, run.cause, run.planned, run.verified) == ("incomplete", "listing_incomplete", 4, 4)
    assert run.plan_summary["unlisted"] == ['after "one", before "two"']
    assert_same_histories(stores, "one", "two")


def test_a_source_without_versions_is_copied_as_it_is(stores: Stores, operator: User, tmp_path: Path) -> None:
    with Sandbox(tmp_path / "plain", buckets=[SOURCE_BUCKET]) as plain:
        stores.source = plain
        seed(stores, "a", b"one")
        seed(stores, "large", os.urandom(17_000_000), part_size=6 * 1024 * 1024)

        run = run_through(operator, new_task_of(stores, operator))

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

    run = run_through(operator, new_task_of(stores, operator))

    assert list(Batch.objects.filter(run=run).values_list("item_count", flat=True)) == [5, 1]
    assert_same_histories(stores, "a", "b")
