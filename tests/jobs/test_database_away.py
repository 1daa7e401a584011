"""Row 46: the database is locked by another while an upload is to be remembered, or forgotten."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest
from django.contrib.auth.models import User
from django.db import connection

from integrity.layouts import MIB
from migrator import jobs, services
from migrator.models import OpenUpload
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores, make_known_task, records_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("valkey"),
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite is locked as a whole by one who writes"),
]


def lock_for(seconds: float) -> None:
    """Take the lock of the database now, and hold it for so long."""
    held = threading.Event()

    def hold() -> None:
        other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        held.set()
        time.sleep(seconds)
        other.close()

    threading.Thread(target=hold, daemon=True).start()
    held.wait()


@pytest.mark.parametrize("operation", ["CreateMultipartUpload", "CompleteMultipartUpload"])
def test_row_46_an_upload_is_remembered_and_forgotten_when_the_database_is_back(
    stores: Stores, operator: User, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    stores.source.seed(SOURCE_BUCKET, "film", bytes(11 * MIB), part_size=5 * MIB)
    run = services.start_run(operator, make_known_task(stores, operator), start=True)
    jobs.plan(str(run.pk))
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.1)
    harmless = {"action": "header", "value": {"set": {"x-seen": "yes"}}}
    stores.dest.plan_faults([{"operation": operation, "key": "film", **harmless}])
    stores.dest.on_fired(lambda _: lock_for(1))

    jobs.work(str(run.pk))

    run.refresh_from_db()
    record = records_of(run)["film"]
    assert (run.state, record.verdict, record.error_code) == ("finished", "verified", "")
    assert not stores.dest.open_uploads(DEST_BUCKET)
    assert not OpenUpload.objects.exists()
