from __future__ import annotations

import importlib

import django_rq
import pytest
from django.contrib.auth.models import User

from integrity.layouts import GIB
from migrator import jobs, services
from migrator.jobs.queue import queued_for
from migrator.models import Batch
from tests.bad_memory import change_each_part
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores, make_task, records_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # The package has a function of that name too.
    monkeypatch.setattr(importlib.import_module("migrator.jobs.stopping"), "_asked", False)


def test_row_77_a_process_whose_memory_is_bad_takes_no_other_batch(stores: Stores, operator: User) -> None:
    stores.source.seed(SOURCE_BUCKET, "a-film", b"film" * 2_000_000, part_size=5 * 1024 * 1024)
    stores.source.seed_sparse(SOURCE_BUCKET, "large", GIB)
    run = services.start_run(operator, make_task(stores, operator), start=True)
    jobs.plan(str(run.pk))
    django_rq.get_queue("truecopy").empty()
    part = {"operation": "UploadPart", "key": "a-film", "calls": "1", "action": "corrupt_before_hash"}
    stores.dest.plan_faults([part])
    stores.dest.on_fired(change_each_part)

    jobs.work(str(run.pk))

    assert {key: record.error_code for key, record in records_of(run).items()} == {"a-film": "local_memory_corruption"}
    assert list(Batch.objects.filter(run=run).order_by("number").values_list("state", "attempt")) == [
        (Batch.State.SETTLED, 1),
        (Batch.State.PENDING, 0),
    ]
    assert stores.dest.keys(DEST_BUCKET) == []
    assert not stores.dest.open_uploads(DEST_BUCKET)
    assert queued_for("work", run.pk) == 1
