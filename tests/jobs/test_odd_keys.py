"""Row 67 of FAULTS.md to its end: a key that no database takes as text has a record like any other."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.contrib.auth.models import User
from django.db import connection

from integrity.layouts import MIB
from integrity.models import IntegrityRecord
from migrator import jobs, services
from migrator.engine.pacing import Patience
from migrator.jobs.sides import source_store_of
from migrator.models import OpenUpload, Run
from tests.jobs.versions.histories import store_at
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores, make_task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def run_through(run: Run) -> dict[str, IntegrityRecord]:
    """Plan and work; return the records by key."""
    source_store_of(run).patience = Patience(first_seconds=0, longest_seconds=0)
    jobs.plan(str(run.pk))
    jobs.work(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.pending) == ("finished", 0)
    return {record.object_key: record for record in IntegrityRecord.objects.filter(run=run.pk)}


def listed_as(stores: Stores, coded: str) -> None:
    """A source that lists one of its three keys so, as a destination does that has it too."""
    stores.seed(a=b"first", odd=b"never read", z=b"last")
    bent = {"find": "<Key>odd</Key>", "put": f"<Key>{coded}</Key>"}
    for sandbox in (stores.source, stores.dest):
        sandbox.plan_faults([{"calls": "all", "action": "xml", "value": bent}])


@pytest.mark.parametrize(
    ("coded", "text", "base64", "code"),
    [
        pytest.param("o%FF", "o\\xff", "b/8=", "key_invalid", id="no UTF-8"),
        pytest.param("o%00", "o\\x00", "bwA=", "source_gone", id="NUL"),
    ],
)
def test_a_key_that_cannot_be_stored_is_settled_and_the_others_are_too(
    stores: Stores, operator: User, coded: str, text: str, base64: str, code: str
) -> None:
    listed_as(stores, coded)
    first = services.start_run(operator, make_task(stores, operator), start=True)

    records = run_through(first)

    assert {key: record.error_code for key, record in records.items()} == {"a": "", text: code, "z": ""}
    facts = (records[text].source_facts, records[text].dest_facts)
    assert [each["key_base64"] for each in facts] == [base64, base64]
    assert "key_base64" not in records["a"].source_facts
    assert first.plan_summary["first_keys"] == ["a", text, "z"]
    assert stores.dest.keys(DEST_BUCKET) == ["a", "z"]

    again = run_through(services.retry_run(operator, first))

    assert {key: (record.error_code, record.source_facts["key_base64"]) for key, record in again.items()} == {
        text: (code, base64)
    }


@pytest.mark.parametrize("length", [3_000, 20_000])
def test_a_key_that_is_too_long_for_an_index_is_settled_and_the_others_are_too(
    stores: Stores, operator: User, length: int
) -> None:
    # An index packs what repeats itself.
    longest = "odd" + random.Random(length).randbytes(length // 2).hex()
    listed_as(stores, longest)
    first = services.start_run(operator, make_task(stores, operator), start=True)

    records = run_through(first)

    assert {record.key: record.error_code for record in records.values()} == {"a": "", longest: "key_too_long", "z": ""}
    assert [each.key for each in run_through(services.retry_run(operator, first)).values()] == [longest]


@pytest.mark.parametrize("kind", [Run.Kind.COPY, Run.Kind.VERIFY])
def test_a_key_that_cannot_be_stored_keeps_no_later_run_from_what_records_say(
    stores: Stores, operator: User, kind: Run.Kind
) -> None:
    listed_as(stores, "o%FF")
    stores.dest.seed(DEST_BUCKET, "odd", b"never read")
    task = make_task(stores, operator, if_exists="skip_if_verified_identical")
    run_through(services.start_run(operator, task, start=True))

    records = run_through(services.start_run(operator, task, kind=kind, start=True))

    assert records["o\\xff"].error_code == "key_invalid"
    assert {records["a"].verdict, records["z"].verdict} <= {"", "verified"}


def test_a_key_that_cannot_be_stored_is_settled_in_a_task_of_all_versions(stores: Stores, operator: User) -> None:
    for sandbox, bucket in ((stores.source, SOURCE_BUCKET), (stores.dest, DEST_BUCKET)):
        sandbox.set_versioning(bucket, "Enabled")
    listed_as(stores, "o%FF")
    first = services.start_run(operator, make_task(stores, operator, versions="all"), start=True)

    records = run_through(first)

    assert {key: record.error_code for key, record in records.items()} == {"a": "", "o\\xff": "key_invalid", "z": ""}
    assert [record.error_code for record in run_through(services.retry_run(operator, first)).values()] == [
        "key_invalid"
    ]


def test_copies_of_versions_under_a_key_that_cannot_be_stored_are_known_again(stores: Stores, operator: User) -> None:
    for sandbox, bucket in ((stores.source, SOURCE_BUCKET), (stores.dest, DEST_BUCKET)):
        sandbox.set_versioning(bucket, "Enabled")
    for body in (b"older", b"newer"):
        stores.source.seed(SOURCE_BUCKET, "o\x00", body)
    task = make_task(stores, operator, versions="all", if_exists="replace_if_matches")
    run_through(services.start_run(operator, task, start=True))
    copies = stores.dest.version_ids(DEST_BUCKET, "o\x00")

    run_through(services.start_run(operator, task, start=True))

    assert len(copies) == 2
    assert stores.dest.version_ids(DEST_BUCKET, "o\x00") == copies


def test_a_key_that_cannot_be_stored_and_one_that_reads_like_it_have_records_of_their_own(
    stores: Stores, operator: User
) -> None:
    task = make_task(stores, operator, if_exists="skip_if_verified_identical")
    stores.source.seed(SOURCE_BUCKET, "o\x00", b"body")
    run_through(services.start_run(operator, task, start=True))
    for sandbox, bucket in ((stores.source, SOURCE_BUCKET), (stores.dest, DEST_BUCKET)):
        sandbox.seed(bucket, "o\\x00", b"body")

    again = services.start_run(operator, task, start=True)
    run_through(again)

    records = IntegrityRecord.objects.filter(run=again.pk)
    assert {record.key: (record.verdict, record.notes) for record in records} == {
        "o\x00": ("", []),
        "o\\x00": ("verified", ["already_there"]),
    }


def test_statements_about_a_key_that_cannot_be_stored_are_compared_with_its_earlier_record(
    stores: Stores, operator: User
) -> None:
    stores.source.seed(SOURCE_BUCKET, "o\x00", b"body")
    task = make_task(stores, operator)
    first = run_through(services.start_run(operator, task, start=True))

    verifying = services.start_run(operator, task, kind=Run.Kind.VERIFY, verify_depth="statements", start=True)
    record = run_through(verifying)["o\\x00"]

    assert (record.verdict, record.compared_with) == ("verified", first["o\\x00"].pk)


def test_an_upload_to_a_key_that_cannot_be_stored_is_remembered_and_forgotten(stores: Stores, operator: User) -> None:
    stores.source.seed(SOURCE_BUCKET, "o\x00", bytes(11 * MIB), part_size=5 * MIB)
    run = services.start_run(operator, make_task(stores, operator), start=True)
    remembered: list[tuple[str, str, str]] = []
    harmless = {"action": "header", "value": {"set": {"x-seen": "yes"}}}
    stores.dest.plan_faults([{"operation": "UploadPart", "part": 1, "calls": "1", **harmless}])
    with ThreadPoolExecutor(1) as beside:
        # The sandbox says it in its loop, where no database may be asked.
        stores.dest.on_fired(lambda _: remembered.extend(beside.submit(what_is_remembered).result()))
        records = run_through(run)

    assert remembered == [("o\\x00", "bwA=", "o\x00")]
    assert records["o\\x00"].verdict == "verified"
    assert not OpenUpload.objects.exists()
    # Forgotten at once, not by an abort of what is complete.
    assert not [entry for entry in stores.dest.log if (entry.operation, entry.key) == ("AbortMultipartUpload", "o\x00")]


def what_is_remembered() -> list[tuple[str, str, str]]:
    try:
        return [(each.object_key, each.key_base64, each.dest_key) for each in OpenUpload.objects.all()]
    finally:
        connection.close()


def test_an_upload_to_a_key_that_cannot_be_stored_is_aborted_in_the_end(stores: Stores, operator: User) -> None:
    run = services.start_run(operator, make_task(stores, operator))
    services.cancel_run(operator, run)
    with closing(store_at(stores.dest)) as store:
        upload_id = store.create_upload(DEST_BUCKET, "o\x00")
    OpenUpload.objects.create(
        connection=run.task.dest_connection,
        run=run,
        batch_number=0,
        batch_attempt=1,
        bucket=DEST_BUCKET,
        object_key="o\\x00",
        key_base64="bwA=",
        upload_id=upload_id,
    )

    jobs.reconcile()

    assert not stores.dest.open_uploads(DEST_BUCKET)
    assert not OpenUpload.objects.exists()
