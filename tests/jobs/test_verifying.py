"""Runs that compare without copying, through plan, work and finish."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import User

from integrity.models import IntegrityRecord
from integrity.records import digest_of
from migrator import jobs, services
from migrator.models import Connection, Run, StoreProfile, Task
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores, make_known_task, make_task, records_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

READS = {"ListObjectsV2", "HeadObject", "GetObject", "GetObjectTagging", "GetObjectAttributes", "HeadBucket"}


def run_through(run: Run) -> Run:
    jobs.plan(str(run.pk))
    jobs.work(str(run.pk))
    run.refresh_from_db()
    return run


def verify(stores: Stores, operator: User, **options: object) -> Run:
    task = make_task(stores, operator, if_exists="skip_if_verified_identical")
    return run_through(services.start_run(operator, task, kind="verify", start=True, **options))  # type: ignore[arg-type]


def test_what_another_tool_copied_is_adopted_and_what_is_wrong_is_named(stores: Stores, operator: User) -> None:
    stores.seed(good=b"good" * 500, bad=b"good" * 500, gone=b"gone")
    for key, body in {"good": b"good" * 500, "bad": b"gooD" * 500, "more": b"more"}.items():
        stores.dest.seed(DEST_BUCKET, key, body)

    run = verify(stores, operator, verify_depth="both")

    found = {key: (record.verdict, record.error_code) for key, record in records_of(run).items()}
    assert found == {
        "good": ("verified", ""),
        "bad": ("failed", "dest_etag_mismatch"),
        "gone": ("failed", "dest_missing"),
    }
    assert (run.state, run.kind, run.pending, run.bytes_copied) == ("finished", "verify", 0, 0)
    assert run.plan_summary["dest_only_keys"] == ["more"]


def test_a_copy_that_takes_the_place_of_another_while_it_is_compared_is_named(stores: Stores, operator: User) -> None:
    for sandbox, bucket in ((stores.source, SOURCE_BUCKET), (stores.dest, DEST_BUCKET)):
        sandbox.seed(bucket, "film", b"good" * 500, part_size=500)
    task = make_known_task(stores, operator)
    before = {"operation": "HeadObject", "key": "film", "calls": "1", "action": "header"}
    stores.dest.plan_faults([{**before, "value": {"set": {"ETag": '"of-the-one-before"'}}}])

    run = run_through(services.start_run(operator, task, kind="verify", start=True, verify_depth="source"))

    record = records_of(run)["film"]
    assert (run.state, record.error_code) == ("finished", "dest_changed_after_write")
    assert (record.etag_match, record.calculated_etag) == (True, record.dest_etag)


def test_a_copy_that_was_cut_anew_as_the_source_is_is_compared_with_what_was_computed_then(
    stores: Stores, operator: User
) -> None:
    stores.source.seed(SOURCE_BUCKET, "film", b"good" * 500, part_size=500)
    task = make_known_task(stores, operator)
    run_through(services.start_run(operator, task, start=True))
    stores.dest.seed(DEST_BUCKET, "film", b"good" * 500, part_size=500)

    run = run_through(services.start_run(operator, task, kind="verify", start=True, verify_depth="statements"))

    record = records_of(run)["film"]
    assert (run.state, record.verdict, record.reason) == ("finished", "unverified", "not_requested")
    assert "dest_replaced_since" in record.notes
    assert (record.etag_match, record.calculated_etag) == (True, record.dest_etag)
    assert record.part_count == 4


def test_nothing_is_written_on_either_side(stores: Stores, operator: User) -> None:
    stores.seed(one=b"1", two=b"2")
    stores.dest.seed(DEST_BUCKET, "one", b"1")

    verify(stores, operator, verify_depth="both")

    assert {entry.operation for sandbox in (stores.source, stores.dest) for entry in sandbox.log} <= READS
    assert stores.dest.keys(DEST_BUCKET) == ["one"]


def test_what_reading_showed_does_not_stand_for_a_negative_control(stores: Stores, operator: User) -> None:
    stores.seed(one=b"1")
    stores.dest.seed(DEST_BUCKET, "one", b"1")

    verify(stores, operator, verify_depth="source")

    assert not StoreProfile.objects.filter(side="destination").exists()


def test_an_earlier_proof_is_not_taken_for_a_comparison(stores: Stores, operator: User) -> None:
    stores.seed(one=b"1" * 100)
    task = make_task(stores, operator, if_exists="skip_if_verified_identical")
    run_through(services.start_run(operator, task, start=True))

    run = run_through(services.start_run(operator, task, kind="verify", start=True, verify_depth="both"))

    assert (run.verified, run.skipped) == (1, 0)
    assert records_of(run)["one"].dest_grade == "D4"


def copied(stores: Stores, operator: User) -> IntegrityRecord:
    """Copy one object, and return its record."""
    stores.seed(one=b"1" * 100)
    return records_of(run_through(services.start_run(operator, make_task(stores, operator), start=True)))["one"]


def compared(earlier: IntegrityRecord, operator: User, depth: str = "statements") -> IntegrityRecord:
    """Compare the same task without copying, and return the new record."""
    task = Task.objects.get(pk=earlier.task)
    run = services.start_run(operator, task, kind="verify", start=True, verify_depth=depth)
    return records_of(run_through(run))["one"]


def test_statements_are_compared_with_the_earlier_record_and_name_it(stores: Stores, operator: User) -> None:
    earlier = copied(stores, operator)

    record = compared(earlier, operator)

    assert (record.verdict, record.source_grade, record.dest_grade) == ("verified", "S3", "D3")
    assert (record.compared_with, record.bytes_hashed) == (earlier.pk, None)
    assert (record.calculated_md5, record.sha256) == (earlier.calculated_md5, earlier.sha256)
    assert (record.etag_match, record.md5_match, record.size_match) == (True, True, True)


def test_the_name_of_the_earlier_record_is_part_of_the_digest(stores: Stores, operator: User) -> None:
    record = compared(copied(stores, operator), operator)

    before = digest_of(record)
    record.compared_with = uuid.uuid4()

    assert before == record.record_digest != digest_of(record)


def test_a_later_comparison_goes_back_to_the_record_that_read(stores: Stores, operator: User) -> None:
    earlier = copied(stores, operator)
    compared(earlier, operator)

    assert compared(earlier, operator).compared_with == earlier.pk


def test_a_newer_reading_takes_the_place_of_an_older_one(stores: Stores, operator: User) -> None:
    earlier = copied(stores, operator)
    newer = compared(earlier, operator, "both")

    assert compared(earlier, operator).compared_with == newer.pk


def test_rotted_bytes_under_another_etag_fail(stores: Stores, operator: User) -> None:
    earlier = copied(stores, operator)
    stores.dest.seed(DEST_BUCKET, "one", b"2" * 100)

    record = compared(earlier, operator)

    assert (record.verdict, record.error_code, record.compared_with) == ("failed", "dest_etag_mismatch", earlier.pk)


def test_an_older_proof_does_not_outlive_a_reading_that_failed(stores: Stores, operator: User) -> None:
    earlier = copied(stores, operator)
    rot = {"side": "destination", "operation": "GetObject", "key": "one", "calls": "all", "action": "flip"}
    stores.dest.plan_faults([rot])
    read = compared(earlier, operator, "both")

    record = compared(earlier, operator)

    assert (read.verdict, read.error_code) == ("failed", "dest_readback_mismatch")
    assert (record.verdict, record.compared_with) == ("unverified", None)


def test_a_record_from_before_a_connection_was_edited_is_not_used(stores: Stores, operator: User) -> None:
    earlier = copied(stores, operator)
    Connection.objects.get(name="New store").save()

    record = compared(earlier, operator)

    assert (record.verdict, record.compared_with) == ("unverified", None)
    assert record.source_grade in ("S0", "S1")


def test_by_itself_a_comparison_reads_only_what_nobody_has_read(stores: Stores, operator: User) -> None:
    earlier = copied(stores, operator)
    for sandbox, bucket in ((stores.source, SOURCE_BUCKET), (stores.dest, DEST_BUCKET)):
        sandbox.seed(bucket, "two", b"2" * 50)
    task = Task.objects.get(pk=earlier.task)

    run = run_through(services.start_run(operator, task, kind="verify", start=True))

    found = {key: (record.verdict, record.dest_grade, record.bytes_hashed) for key, record in records_of(run).items()}
    assert found == {"one": ("verified", "D3", None), "two": ("verified", "D4", 50)}


def test_by_itself_a_comparison_needs_no_reading_to_find_a_difference(stores: Stores, operator: User) -> None:
    stores.seed(bad=b"good" * 500)
    stores.dest.seed(DEST_BUCKET, "bad", b"gooD" * 500)

    record = records_of(verify(stores, operator))["bad"]

    assert (record.verdict, record.error_code, record.bytes_hashed) == ("failed", "pair_digest_mismatch", None)


def test_the_same_seed_draws_the_same_sample(stores: Stores, operator: User) -> None:
    stores.seed(**{f"{n:02d}": b"x" for n in range(60)})
    task = make_task(stores, operator)
    first, second = (
        run_through(services.start_run(operator, task, kind="verify", start=True, sample_percent=30, seed=7))
        for _ in range(2)
    )

    assert sorted(records_of(first)) == sorted(records_of(second))
    assert 0 < first.planned < 60
    assert first.plan_summary["excluded"] == {"sample": 60 - first.planned}


def test_a_sample_without_a_seed_keeps_the_one_it_drew(stores: Stores, operator: User) -> None:
    run = services.start_run(operator, make_task(stores, operator), kind="verify", sample_percent=30)

    assert isinstance(run.options["seed"], int)
    assert run.options["verify_depth"] == "auto"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"kind": "copy", "verify_depth": "both"}, "verify_depth"),
        ({"kind": "verify", "verify_depth": "deep"}, "verify_depth"),
        ({"kind": "verify", "sample_percent": 0}, "sample_percent"),
        ({"kind": "verify", "seed": 7}, "seed"),
        ({"kind": "verify", "sample_percent": 5, "seed": -1}, "seed"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(
    stores: Stores, operator: User, options: dict[str, str], field: str
) -> None:
    with pytest.raises(services.Refused) as refused:
        services.start_run(operator, make_task(stores, operator), **options)  # type: ignore[arg-type]

    assert [problem.field for problem in refused.value.problems] == [field]


@pytest.mark.parametrize("side", ["source", "dest"])
def test_a_bucket_that_is_gone_pauses_the_run_once_and_settles_no_item(
    stores: Stores, operator: User, side: str
) -> None:
    for number in range(30):
        stores.source.seed(SOURCE_BUCKET, f"k{number}", b"1")
        stores.dest.seed(DEST_BUCKET, f"k{number}", b"1")
    task = make_task(stores, operator)
    run = services.start_run(operator, task, kind="verify", start=True)
    jobs.plan(str(run.pk))
    gone = {"status": 404, "code": "NoSuchBucket"}
    getattr(stores, side).plan_faults([{"operation": "*", "calls": "all", "action": "status", "value": gone}])

    jobs.work(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.cause, run.pending, records_of(run)) == ("paused", "bucket_missing", 30, {})
