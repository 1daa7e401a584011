"""Row 41: a deploy in the midst of a large object costs what was in flight, and nothing stays open."""

from __future__ import annotations

import importlib
import time
from contextlib import closing
from pathlib import Path

import django_rq
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from integrity.layouts import GIB, MIB
from integrity.models import IntegrityRecord
from migrator import jobs, services
from migrator.jobs.stopping import request_stop
from migrator.models import Batch, OpenUpload, Run
from tests.jobs.versions.histories import delete, store_at
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores, make_task, records_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

LARGE = GIB + MIB
PARTS = 65


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    begin_again(monkeypatch)


def begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a process that nobody has told to stop yet."""
    # The package has a function of that name too.
    monkeypatch.setattr(importlib.import_module("migrator.jobs.stopping"), "_asked", False)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of holes that is as large as what is kept."""
    file = tmp_path / "film"
    with file.open("wb") as holes:
        holes.truncate(LARGE)
    return file


def stop_at(stores: Stores, part: int, user: User, **options: object) -> Run:
    """Work on the one object until this part of it is sent, and stop as a worker does that is told to."""
    run = services.start_run(user, make_task(stores, user, **options), start=True)
    jobs.plan(str(run.pk))
    django_rq.get_queue("truecopy").empty()
    stores.dest.clear_log()
    harmless = {"action": "header", "value": {"set": {"x-seen": "yes"}}}
    stores.dest.plan_faults([{"operation": "UploadPart", "key": "film", "part": part, "calls": "1", **harmless}])
    stores.dest.on_fired(lambda fired: request_stop())
    jobs.work(str(run.pk))
    run.refresh_from_db()
    return run


def parts_sent(stores: Stores) -> int:
    return sum(entry.operation == "UploadPart" for entry in stores.dest.log)


@pytest.mark.slow
def test_a_large_object_is_continued(stores: Stores, operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    stores.source.seed_sparse(SOURCE_BUCKET, "film", LARGE)
    run = stop_at(stores, 30, operator)
    assert Batch.objects.get(run=run).state == Batch.State.PENDING
    (kept,) = stores.dest.open_uploads(DEST_BUCKET)
    assert OpenUpload.objects.get().upload_id == kept.id
    begin_again(monkeypatch)

    jobs.work(str(run.pk))

    run.refresh_from_db()
    record = records_of(run)["film"]
    assert (run.state, record.verdict, record.part_count) == ("finished", "verified", PARTS)
    assert "upload_continued" in record.notes
    assert parts_sent(stores) == PARTS
    assert not stores.dest.open_uploads(DEST_BUCKET)
    assert not OpenUpload.objects.exists()


@pytest.mark.slow
def test_tags_that_were_changed_during_the_stop_arrive(
    stores: Stores, operator: User, monkeypatch: pytest.MonkeyPatch, large: Path
) -> None:
    described = {"modified": time.time() - 60}
    stores.source.seed(SOURCE_BUCKET, "film", large, tags={"cut": "old"}, **described)
    run = stop_at(stores, 3, operator, tags=True)
    stores.source.seed(SOURCE_BUCKET, "film", large, tags={"cut": "new"}, **described)
    begin_again(monkeypatch)

    jobs.work(str(run.pk))

    record = records_of(run)["film"]
    assert (record.verdict, "upload_continued" in record.notes) == ("verified", False)
    with closing(store_at(stores.dest)) as dest:
        assert dest.get_tags(DEST_BUCKET, "film") == {"cut": "new"}
    assert not OpenUpload.objects.exists()


@pytest.mark.slow
def test_what_was_kept_of_a_version_that_is_gone_is_not_for_the_next_one_at_a_later_attempt(
    stores: Stores, operator: User, monkeypatch: pytest.MonkeyPatch, large: Path
) -> None:
    for side, bucket in ((stores.source, SOURCE_BUCKET), (stores.dest, DEST_BUCKET)):
        side.set_versioning(bucket, "Enabled")
    for cut in ("first", "final"):
        stores.source.seed(SOURCE_BUCKET, "film", large, metadata={"cut": cut})
    run = stop_at(stores, 3, operator, versions="all")
    first, final = stores.source.version_ids(SOURCE_BUCKET, "film")
    delete(stores.source, first, key="film")
    begin_again(monkeypatch)
    harmless = {"action": "header", "value": {"set": {"x-seen": "yes"}}}
    stores.source.plan_faults([{"operation": "GetObject", "key": "film", "calls": "2", **harmless}])
    stores.source.on_fired(lambda fired: request_stop())
    jobs.work(str(run.pk))
    assert [record.error_code for record in IntegrityRecord.objects.filter(run=run.pk)] == ["source_gone"]
    begin_again(monkeypatch)

    jobs.work(str(run.pk))

    assert IntegrityRecord.objects.get(run=run.pk, verdict="verified").source_version_id == final
    with closing(store_at(stores.dest)) as dest:
        assert dest.head(DEST_BUCKET, "film").metadata == {"cut": "final"}
    assert not OpenUpload.objects.exists()
    assert not stores.dest.open_uploads(DEST_BUCKET)


@pytest.mark.slow
def test_what_was_kept_is_aborted_where_the_run_is_cancelled(stores: Stores, operator: User) -> None:
    stores.source.seed_sparse(SOURCE_BUCKET, "film", LARGE)
    run = stop_at(stores, 3, operator)
    services.cancel_run(operator, run)

    jobs.reconcile()

    assert not stores.dest.open_uploads(DEST_BUCKET)
    assert not OpenUpload.objects.exists()


@pytest.mark.slow
def test_what_was_kept_of_an_object_that_then_fails_is_aborted(
    stores: Stores, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.source.seed_sparse(SOURCE_BUCKET, "film", LARGE)
    run = stop_at(stores, 3, operator)
    stores.source.seed(SOURCE_BUCKET, "film", b"another film")
    begin_again(monkeypatch)

    jobs.work(str(run.pk))

    assert records_of(run)["film"].error_code == "source_changed"
    assert not stores.dest.open_uploads(DEST_BUCKET)
    assert not OpenUpload.objects.exists()


def test_a_worker_of_the_release_before_can_note_an_upload_too(stores: Stores, operator: User) -> None:
    run = services.start_run(operator, make_task(stores, operator))
    noted = {
        "connection_id": run.task.dest_connection_id.hex,
        "run_id": run.pk.hex,
        "batch_number": 1,
        "batch_attempt": 1,
        "bucket": DEST_BUCKET,
        "object_key": "film",
        "upload_id": "id",
        "created_at": timezone.now(),
    }
    with connection.cursor() as cursor:
        values = ", ".join(["%s"] * len(noted))
        cursor.execute(f"INSERT INTO migrator_openupload ({', '.join(noted)}) VALUES ({values})", list(noted.values()))

    # And nobody continues it.
    assert OpenUpload.objects.get().purpose == ""


def test_the_upload_of_a_smaller_object_is_aborted(stores: Stores, operator: User) -> None:
    stores.source.seed(SOURCE_BUCKET, "film", bytes(48 * MIB), part_size=8 * MIB)

    run = stop_at(stores, 2, operator)

    assert Batch.objects.get(run=run).state == Batch.State.PENDING
    assert parts_sent(stores) > 0
    assert not stores.dest.open_uploads(DEST_BUCKET)
    assert not OpenUpload.objects.exists()
