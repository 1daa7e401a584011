"""Row 35: what is left open when a run has ended is aborted by and by, and holds up nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from migrator import jobs, services
from migrator.models import Connection, OpenUpload, Run
from migrator.sandbox import Sandbox
from tests.jobs.versions.histories import store_at
from tests.stores import DEST_BUCKET, Stores, connect, make_known_task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

ABORT = {"side": "destination", "operation": "AbortMultipartUpload", "calls": "all"}
REFUSED = {**ABORT, "action": "status", "value": {"status": 403, "code": "AccessDenied"}}


@pytest.fixture
def cancelled(stores: Stores, operator: User) -> Run:
    run = services.start_run(operator, make_known_task(stores, operator), start=True)
    services.cancel_run(operator, run)
    return run


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "other", buckets=[DEST_BUCKET], side="destination") as sandbox:
        yield sandbox


def leave_open(run: Run, place: Connection, sandbox: Sandbox, *keys: str) -> None:
    with ExitStack() as stack:
        store = store_at(sandbox)
        stack.callback(store.close)
        for key in keys:
            OpenUpload.objects.create(
                connection=place,
                run=run,
                batch_number=0,
                batch_attempt=1,
                bucket=DEST_BUCKET,
                object_key=key,
                upload_id=store.create_upload(DEST_BUCKET, key),
            )


def aborts(sandbox: Sandbox) -> list[str]:
    return [entry.key for entry in sandbox.log if entry.operation == "AbortMultipartUpload"]


def test_row_35_a_store_that_aborts_nothing_is_asked_now_and_then_and_holds_up_no_other(
    stores: Stores, cancelled: Run, other: Sandbox
) -> None:
    place = cancelled.task.dest_connection
    leave_open(cancelled, place, stores.dest, "a", "b", "c")
    leave_open(cancelled, connect("Other store", other), other, "a", "b", "c")
    stores.dest.plan_faults([REFUSED])
    stores.dest.clear_log()

    began = time.monotonic()
    jobs.reconcile()
    jobs.reconcile()

    assert time.monotonic() - began < 5
    assert (aborts(stores.dest), aborts(other)) == (["a"], ["a", "b", "c"])
    assert OpenUpload.objects.count() == 3

    stores.dest.plan_faults([])
    OpenUpload.objects.filter(connection=place, object_key="a").update(tried_at=timezone.now() - timedelta(hours=1))
    jobs.reconcile()

    assert aborts(stores.dest) == ["a", "b", "c", "a"]
    assert not OpenUpload.objects.exists()
    assert not stores.dest.open_uploads(DEST_BUCKET)
