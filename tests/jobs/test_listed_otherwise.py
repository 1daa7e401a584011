"""Rows C2 and C3: what a listing of the destination says is found to be worth less than the probe had seen."""

from __future__ import annotations

from collections import Counter

import pytest
from django.contrib.auth.models import User

from migrator import jobs, services
from migrator.models import Run
from tests.stores import Stores, make_known_task, records_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.mark.parametrize("fact", ["listing_etag", "listing_size"])
def test_rows_c2_c3_what_one_batch_found_out_the_next_one_does_not_rely_on(
    stores: Stores, operator: User, monkeypatch: pytest.MonkeyPatch, fact: str
) -> None:
    monkeypatch.setattr("migrator.engine.planning.MOST_ITEMS_PER_BATCH", 3)
    stores.seed(**{key: key.encode() * 99 for key in "abcdef"})
    run = services.start_run(operator, make_known_task(stores, operator), start=True)
    jobs.plan(str(run.pk))
    # As if the bucket had been another one when it was probed.
    stores.dest.change_traits(**{fact: "other"})
    stores.dest.clear_log()

    jobs.work(str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.verified) == (Run.State.FINISHED, 6)
    assert run.profiles["destination"][fact] is False
    assert {record.verdict for record in records_of(run).values()} == {"verified"}
    assert asked_of(stores) == [{"ListObjectsV2": 1, "HeadObject": 3}, {"HeadObject": 3}]
    stores.assert_arrived(*"abcdef")


def asked_of(stores: Stores) -> list[Counter[str]]:
    """How the destination was asked for what the first batch had written, and for what the second one had."""
    log = stores.dest.log
    second = next(place for place, each in enumerate(log) if each.operation == "PutObject" and each.key in "def")
    return [
        Counter(entry.operation for entry in batch if entry.operation != "PutObject")
        for batch in (log[:second], log[second:])
    ]
