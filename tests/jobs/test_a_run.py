from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from integrity.models import Review
from migrator import jobs, services
from migrator.engine.copying import CopyOptions
from migrator.engine.pacing import Patience
from migrator.jobs.sides import source_store_of
from migrator.models import Batch, OpenUpload, Run
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores, make_known_task, make_task, records_of, sha256

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def run_through(run: Run) -> Run:
    jobs.plan(str(run.pk))
    jobs.work(str(run.pk))
    run.refresh_from_db()
    return run


def test_every_object_arrives_and_is_verified(stores: Stores, operator: User) -> None:
    bodies = {f"folder/{n}.bin": bytes([n]) * (n * 1000) for n in range(20)}
    stores.seed(**bodies)

    run = run_through(services.start_run(operator, make_task(stores, operator), start=True))

    assert (run.state, run.planned, run.verified, run.pending) == ("finished", 20, 20, 0)
    stores.assert_arrived(*bodies)
    assert {key: record.sha256 for key, record in records_of(run).items()} == {
        key: sha256(body) for key, body in bodies.items()
    }


def test_an_object_damaged_on_every_read_is_failed_and_named(stores: Stores, operator: User) -> None:
    stores.seed(good=b"good" * 500, bad=b"bad!" * 500)
    stores.source.plan_faults(
        [{"operation": "GetObject", "key": "bad", "calls": "all", "at_byte": "seeded", "action": "flip", "seed": 7}]
    )

    run = run_through(services.start_run(operator, make_task(stores, operator), start=True))

    assert (run.state, run.verified, run.failed) == ("finished", 1, 1)
    assert records_of(run)["bad"].error_code == "source_etag_mismatch"
    assert stores.dest.keys(DEST_BUCKET) == ["good"]
    assert [review.cause for review in Review.objects.all()] == ["source_etag_mismatch"]


def test_an_encrypted_object_without_a_checksum_is_unverified(stores: Stores, operator: User) -> None:
    stores.source.change_traits(checksums=[])
    stores.source.seed(SOURCE_BUCKET, "locked", b"sealed" * 99, encryption="aws:kms")

    run = run_through(services.start_run(operator, make_task(stores, operator), start=True))

    record = records_of(run)["locked"]
    assert (record.verdict, record.reason, record.is_valid) == ("unverified", "sse_kms", False)
    stores.assert_arrived("locked")


def test_the_plan_foretells_what_the_run_then_proves(stores: Stores, operator: User) -> None:
    stores.source.change_traits(checksums=[])
    stores.seed(open=b"open" * 99)
    stores.source.seed(SOURCE_BUCKET, "locked", b"sealed" * 99, encryption="aws:kms")

    run = run_through(services.start_run(operator, make_task(stores, operator), start=True))

    foretold = run.plan_summary["forecast"]
    assert foretold["provable"]["objects"] == {"at_least": run.verified, "at_most": run.verified}
    assert [(each["reason"], each["helps"], each["extra_bytes"]["at_most"]) for each in foretold["unprovable"]] == [
        ("sse_kms", ["double_read"], 594)
    ]


def test_a_strict_task_over_a_source_that_states_no_digest_is_out_of_reach(stores: Stores, operator: User) -> None:
    stores.source.change_traits(checksums=[])
    stores.source.seed(SOURCE_BUCKET, "locked", b"sealed" * 99, encryption="aws:kms")

    run = services.start_run(operator, make_task(stores, operator, policy="strict"))
    jobs.plan(str(run.pk))
    run.refresh_from_db()

    assert (run.state, run.plan_summary["forecast"]["out_of_reach"]) == ("ready", True)


def test_a_large_object_in_parts_stays_in_parts_and_leaves_no_upload_open(stores: Stores, operator: User) -> None:
    stores.source.seed(SOURCE_BUCKET, "large", bytes(range(256)) * 4096 * 33, part_size=12 * 1024 * 1024)

    run = run_through(services.start_run(operator, make_task(stores, operator), start=True))

    record = records_of(run)["large"]
    assert (record.verdict, record.part_count) == ("verified", 3)
    assert record.dest_etag == record.calculated_etag == record.source_etag
    assert list(stores.dest.open_uploads(DEST_BUCKET)) == []
    assert not OpenUpload.objects.exists()


def test_an_empty_source_waits_for_a_person(stores: Stores, operator: User) -> None:
    run = run_through(services.start_run(operator, make_task(stores, operator), start=True))

    assert (run.state, run.cause, run.planned) == ("ready", "empty_plan", 0)


def test_an_empty_run_that_was_confirmed_finishes(stores: Stores, operator: User) -> None:
    run = run_through(services.start_run(operator, make_task(stores, operator)))

    services.start_planned_run(operator, run, confirm_empty=True)
    jobs.finish(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.planned) == ("finished", 0)


def test_a_paused_run_goes_on_where_it_stopped(stores: Stores, operator: User) -> None:
    stores.seed(**{f"{n}": b"x" * n for n in range(5)})
    run = services.start_run(operator, make_task(stores, operator), start=True)
    jobs.plan(str(run.pk))
    services.pause_run(operator, run)
    jobs.work(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.settled) == ("paused", 0)

    services.resume_run(operator, run)
    jobs.work(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.verified) == ("finished", 5)


def test_a_retry_copies_just_what_failed(stores: Stores, operator: User) -> None:
    stores.seed(good=b"good", bad=b"bad!")
    stores.source.plan_faults([{"operation": "GetObject", "key": "bad", "action": "flip", "calls": "all"}])
    first = run_through(services.start_run(operator, make_task(stores, operator), start=True))
    stores.source.plan_faults([])

    second = run_through(services.retry_run(operator, first))

    assert (second.kind, second.planned, second.verified) == ("retry", 1, 1)
    stores.assert_arrived("good", "bad")


def test_a_retry_says_of_a_key_that_is_gone_that_it_is(stores: Stores, operator: User) -> None:
    stores.seed(bad=b"bad!", gone=b"gone")
    stores.source.plan_faults([{"operation": "GetObject", "action": "flip", "calls": "all"}])
    first = run_through(services.start_run(operator, make_task(stores, operator), start=True))
    stores.source.plan_faults([{"operation": "HeadObject", "key": "gone", "action": "delete", "value": "before"}])

    second = run_through(services.retry_run(operator, first))

    assert (second.state, second.planned, second.verified) == ("finished", 2, 1)
    assert records_of(second)["gone"].error_code == "source_gone"
    stores.assert_arrived("bad")


def test_a_retry_is_no_lost_worker_while_the_destination_has_nothing(
    stores: Stores, operator: User, settings: Settings
) -> None:
    """Each look at a key counts as a sign of life, also where it finds nothing to pass on."""
    names = [f"key-{number}" for number in range(20)]
    stores.seed(**dict.fromkeys(names, b"bad!"))
    stores.source.plan_faults([{"operation": "GetObject", "action": "flip", "calls": "all"}])
    first = run_through(services.start_run(operator, make_task(stores, operator), start=True))
    again = services.retry_run(operator, first)
    settings.HEARTBEAT_SECONDS = -1

    with CaptureQueriesContext(connection) as asked:
        jobs.plan(str(again.pk))

    beats = [query for query in asked if query["sql"].startswith("UPDATE") and '"heartbeat_at" =' in query["sql"]]
    assert len(beats) >= 2 * len(names)


@pytest.mark.parametrize(
    ("side", "kind", "calls"),
    [
        ("source", "copy", "all"),
        ("destination", "copy", "all"),
        ("destination", "verify", "all"),
        # The first page is all that a sample needs, so nobody waits for a second one.
        ("source", "copy", "2"),
    ],
)
def test_a_plan_is_no_lost_worker_while_a_listing_is_silent(
    stores: Stores, operator: User, settings: Settings, side: str, kind: str, calls: str
) -> None:
    """A store that walks over a million delete markers says nothing meanwhile."""
    count = 1 if calls == "all" else 1001
    stores.seed(**{f"{number:04}": b"a" for number in range(count)})
    run = services.start_run(operator, make_task(stores, operator), kind=kind)
    silence = {"operation": "ListObjectsV2", "calls": calls, "action": "stall", "at_byte": 0, "value": 4}
    (stores.source if side == "source" else stores.dest).plan_faults([silence])
    settings.HEARTBEAT_SECONDS = 0.5
    beats: list[float] = []

    def listen(execute: Callable[..., object], sql: str, *more: object) -> object:
        if sql.startswith("UPDATE") and '"heartbeat_at" =' in sql:
            beats.append(time.monotonic())
        return execute(sql, *more)

    with connection.execute_wrapper(listen):
        jobs.plan(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.planned) == ("ready", count)
    assert max(later - earlier for earlier, later in pairwise(beats)) < 3


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize("versions", ["latest", "all"])
def test_a_plan_that_is_cancelled_waits_for_no_silent_listing(
    stores: Stores, operator: User, side: str, versions: str
) -> None:
    silent = stores.source if side == "source" else stores.dest
    for sandbox, bucket in ((stores.source, SOURCE_BUCKET), (stores.dest, DEST_BUCKET)):
        sandbox.set_versioning(bucket, "Enabled")
    run = services.start_run(operator, make_known_task(stores, operator, versions=versions))
    names = {"operation": "ListObjectsV2" if versions == "latest" else "ListObjectVersions", "calls": "all"}
    silent.plan_faults([{**names, "action": "stall", "at_byte": 0, "value": 40}])

    def cancel() -> None:
        services.cancel_run(operator, Run.objects.get(pk=run.pk))
        connection.close()

    with ThreadPoolExecutor(1) as beside:
        # The sandbox says it in its loop, where no database may be asked.
        silent.on_fired(lambda _: beside.submit(cancel))
        began = time.monotonic()
        jobs.plan(str(run.pk))

    assert time.monotonic() - began < 20
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_a_second_run_skips_what_the_first_one_proved(stores: Stores, operator: User) -> None:
    stores.seed(a=b"a", b=b"b")
    task = make_task(stores, operator, if_exists="skip_if_verified_identical")
    run_through(services.start_run(operator, task, start=True))

    again = run_through(services.start_run(operator, task, start=True))

    assert (again.state, again.skipped, again.verified) == ("finished", 2, 0)
    assert records_of(again)["a"].reason == "already_verified"


def test_credentials_that_are_withdrawn_pause_the_run_once(stores: Stores, operator: User) -> None:
    stores.seed(a=b"a", b=b"b")
    run = services.start_run(operator, make_task(stores, operator), start=True)
    jobs.plan(str(run.pk))
    stores.source.plan_faults(
        [
            {
                "operation": "GetObject",
                "action": "status",
                "value": {"status": 403, "code": "InvalidAccessKeyId"},
                "calls": "all",
            }
        ]
    )

    jobs.work(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.cause, run.failed, run.pending) == ("paused", "credentials_refused", 0, 2)
    assert set(Batch.objects.filter(run=run).values_list("state", flat=True)) == {"pending"}


def test_the_source_sees_no_write(stores: Stores, operator: User) -> None:
    stores.seed(a=b"a")

    run_through(services.start_run(operator, make_task(stores, operator), start=True))

    operations = {entry.operation for entry in stores.source.log}
    assert operations <= {"ListObjectsV2", "GetObject", "HeadObject", "HeadBucket", "GetObjectTagging"}


def test_what_the_task_leaves_out_is_empty_in_the_record_and_said_so(stores: Stores, operator: User) -> None:
    stores.seed(one=b"one" * 500)

    run = run_through(
        services.start_run(operator, make_task(stores, operator, leave_out_digests=["MD5", "CRC32"]), start=True)
    )

    record = records_of(run)["one"]
    assert (record.verdict, record.source_grade, record.dest_grade) == ("verified", "S3", "D3")
    assert (record.calculated_md5, record.crc32, record.calculated_etag, record.md5_match) == ("", "", "", None)
    assert record.sha256 == sha256(b"one" * 500)
    assert record.notes == ["crc32_left_out", "md5_left_out"]
    assert {check["reason"] for check in record.checks if check["algorithm"] == "MD5"} == {"not_requested"}


def test_a_forecast_knows_what_the_task_leaves_out(stores: Stores, operator: User) -> None:
    stores.source.change_traits(checksums=[])
    stores.seed(one=b"one" * 500)

    run = run_through(services.start_run(operator, make_task(stores, operator, leave_out_digests=["MD5"]), start=True))

    (short,) = run.plan_summary["forecast"]["unprovable"]
    assert (short["reason"], short["helps"]) == ("not_requested", [])
    assert [record.reason for record in records_of(run).values()] == ["not_requested"]


def test_classes_and_encryption_of_a_task_are_those_of_its_copies(stores: Stores, operator: User) -> None:
    stores.source.seed(SOURCE_BUCKET, "cold", b"cold" * 99, storage_class="STANDARD_IA")
    stores.seed(warm=b"warm" * 99)
    options = {
        "storage_class_map": {"STANDARD_IA": "GLACIER_IR"},
        "encryption": {"type": "aws:kms", "key_id": "key-1"},
        "fidelity": "required",
    }

    run = run_through(services.start_run(operator, make_task(stores, operator, **options), start=True))

    records = records_of(run)
    stated = {name: {each["name"]: each["observed"] for each in found.checks} for name, found in records.items()}
    assert {(found.verdict, found.source_grade, found.dest_grade) for found in records.values()} == {
        ("verified", "S3", "D3")
    }
    assert {name: (each["storage_class"], each["encryption"]) for name, each in stated.items()} == {
        "cold": ("GLACIER_IR", "aws:kms key-1"),
        "warm": ("STANDARD", "aws:kms key-1"),
    }
    assert run.plan_summary["forecast"]["provable"]["objects"] == {"at_least": 2, "at_most": 2}
    assert run.plan_summary["storage_classes"] == {"STANDARD_IA": 1}


def test_row_73_many_objects_in_a_class_that_the_destination_does_not_take_pause_the_run(
    stores: Stores, operator: User
) -> None:
    stores.seed(**{f"{number:02}": b"cold" for number in range(40)})
    task = make_task(stores, operator, storage_class_map={"*": "LUKEWARM"})

    run = run_through(services.start_run(operator, task, start=True))

    assert (run.state, run.cause, run.verified) == ("paused", "repeated_errors", 0)
    assert "does not take the storage class" in run.cause_text
    assert {found.error_code for found in records_of(run).values()} == {"dest_config"}


def test_row_73_many_objects_whose_key_is_refused_pause_the_run(stores: Stores, operator: User) -> None:
    stores.seed(**{f"{number:02}": b"cold" for number in range(40)})
    task = make_task(stores, operator, encryption={"type": "aws:kms", "key_id": "key-1"})
    run = services.start_run(operator, task, start=True)
    jobs.plan(str(run.pk))
    refusal = {"status": 400, "code": "KMS.DisabledException"}
    stores.dest.plan_faults([{"operation": "PutObject", "calls": "all", "action": "status", "value": refusal}])

    jobs.work(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.cause) == ("paused", "repeated_errors")
    assert {found.error_code for found in records_of(run).values()} == {"access_denied"}


def test_a_run_that_was_planned_before_the_option_existed_leaves_nothing_out(stores: Stores, operator: User) -> None:
    stores.seed(one=b"one")
    run = services.start_run(operator, make_task(stores, operator), start=True)
    del run.options["leave_out_digests"]
    run.save()

    run_through(run)

    assert records_of(run)["one"].calculated_md5


@pytest.mark.parametrize("objects", [1, 3, 25])
def test_the_same_damage_on_every_read_is_never_verified_however_often_it_is_read(
    stores: Stores, operator: User, objects: int
) -> None:
    stores.source.change_traits(checksums=[], default_checksum="")
    stores.seed(**{f"{n:02}": bytes([n]) * 1000 for n in range(objects)})
    stores.source.plan_faults([{"operation": "GetObject", "calls": "all", "at_byte": 500, "action": "flip"}])

    run = run_through(services.start_run(operator, make_task(stores, operator, double_read=True), start=True))

    assert (run.verified, run.settled) == (0, objects)


def test_what_a_person_waived_is_not_tried_again(stores: Stores, operator: User, admin: User) -> None:
    stores.seed(one=b"one", two=b"two")
    stores.source.plan_faults([{"operation": "GetObject", "action": "flip", "calls": "all"}])
    first = run_through(services.start_run(operator, make_task(stores, operator), start=True))
    services.decide(admin, records_of(first)["one"], "waive", "Not needed any more, see the list.")

    second = services.retry_run(operator, first)
    jobs.plan(str(second.pk))

    second.refresh_from_db()
    assert second.planned == 1


def test_a_cancelled_run_is_sealed_once_no_worker_holds_a_batch(stores: Stores, operator: User) -> None:
    stores.seed(a=b"a", b=b"b")
    run = services.start_run(operator, make_task(stores, operator), start=True)
    jobs.plan(str(run.pk))
    Batch.objects.filter(run=run).update(state=Batch.State.RUNNING)
    services.cancel_run(operator, run)
    run.refresh_from_db()
    assert (run.state, run.ledger_root) == ("cancelled", "")
    Batch.objects.filter(run=run).update(state=Batch.State.PENDING)

    jobs.reconcile()

    run.refresh_from_db()
    assert len(run.ledger_root) == 64


def test_resuming_forgives_the_attempts_before(stores: Stores, operator: User) -> None:
    stores.seed(a=b"a")
    run = services.start_run(operator, make_task(stores, operator), start=True)
    jobs.plan(str(run.pk))
    Batch.objects.filter(run=run).update(attempt=30)
    jobs.work(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.cause) == ("paused", "repeated_errors")

    services.resume_run(operator, run)
    jobs.work(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.verified) == ("finished", 1)


def test_the_places_of_a_frozen_plan_stay(stores: Stores, operator: User) -> None:
    stores.seed(a=b"a")
    task = make_task(stores, operator)
    jobs.plan(str(services.start_run(operator, task).pk))
    source = services.PlaceInput(connection=task.source_connection, bucket=SOURCE_BUCKET)
    elsewhere = services.PlaceInput(connection=task.dest_connection, bucket=DEST_BUCKET, prefix="elsewhere/")

    with pytest.raises(services.Refused, match="has not ended"):
        services.update_task(
            operator, task, services.TaskInput(name=task.name, source=source, destination=elsewhere, options={})
        )


def test_a_connection_that_was_taken_back_starts_nothing(stores: Stores, operator: User) -> None:
    task = make_task(stores, operator)
    task.dest_connection.shared_with.clear()

    with pytest.raises(services.Forbidden, match="not shared"):
        services.start_run(operator, task)


def test_a_strict_run_reads_every_copy_back(stores: Stores, operator: User) -> None:
    stores.seed(a=b"a" * 1000, b=b"b" * 2000)

    run = run_through(services.start_run(operator, make_task(stores, operator, policy="strict"), start=True))

    assert (run.state, run.verified) == ("finished", 2)
    assert {record.dest_grade for record in records_of(run).values()} == {"D4"}


def test_each_run_reads_back_a_draw_of_its_own(stores: Stores, operator: User) -> None:
    stores.seed(**{f"photo{n:02}": bytes([n]) * 40 for n in range(40)})
    task = make_task(stores, operator, read_back_percent=50)

    run = run_through(services.start_run(operator, task, start=True))

    read_back = {key for key, record in records_of(run).items() if record.dest_grade == "D4"}
    drawn = CopyOptions(read_back_percent=50, read_back_seed=str(run.pk))
    assert read_back == {f"photo{n:02}" for n in range(40) if drawn.reads_back(f"photo{n:02}")}
    assert 0 < len(read_back) < 40


def poisoned(stores: Stores, operator: User, **bodies: bytes) -> Run:
    """A run whose source cannot say the key "poison" in a listing."""
    stores.seed(poison=b"never seen", **bodies)
    bent = {"find": "<Key>poison</Key>", "put": "<Key>poison\x01</Key>"}
    stores.source.change_traits(encoding_type="ignored")
    stores.source.plan_faults([{"operation": "ListObjectsV2", "calls": "all", "action": "xml", "value": bent}])
    run = services.start_run(operator, make_task(stores, operator), start=True)
    source_store_of(run).patience = Patience(first_seconds=0, longest_seconds=0)
    return run


def test_what_cannot_be_listed_makes_the_run_incomplete_and_the_rest_is_copied(stores: Stores, operator: User) -> None:
    run = poisoned(stores, operator, one=b"one", two=b"two")
    for key in ("one", "other", "poison", "zebra"):
        stores.dest.seed(DEST_BUCKET, key, b"was here")

    jobs.plan(str(run.pk))
    run.refresh_from_db()
    summary = run.plan_summary
    assert (run.state, run.listing_complete, summary["unlisted"]) == ("running", False, ['after "one", before "two"'])
    # What the destination has between them may have a counterpart at the source.
    assert summary["dest_only_keys"] == ["zebra"]

    jobs.work(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.cause, run.planned, run.pending) == ("incomplete", "listing_incomplete", 2, 0)
    assert 'after "one", before "two"' in run.cause_text
    assert len(run.ledger_root) == 64
    stores.assert_arrived("two")


def test_a_plan_of_nothing_but_what_cannot_be_listed_is_not_an_empty_one(stores: Stores, operator: User) -> None:
    run = run_through(poisoned(stores, operator))

    assert (run.state, run.cause, run.planned) == ("incomplete", "listing_incomplete", 0)
    assert 'A part of "photos" cannot be listed: all keys.' in run.cause_text


def test_a_listing_with_items_left_does_not_balance(stores: Stores, operator: User) -> None:
    run = poisoned(stores, operator, one=b"one")
    jobs.plan(str(run.pk))
    Batch.objects.filter(run=run).update(state=Batch.State.SETTLED)

    jobs.finish(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.cause) == ("incomplete", "books_unbalanced")
