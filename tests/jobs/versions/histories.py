"""Histories put into a source, and read from the disks of both sandboxes."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from django.contrib.auth.models import User

from integrity.models import IntegrityRecord, Review
from migrator import jobs, services
from migrator.engine.addresses import AddressRule
from migrator.engine.stores import Endpoint, Store
from migrator.models import Batch, Run, Task
from migrator.sandbox import Sandbox
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores, make_known_task, make_task

PUT = {"operation": "PutObject", "side": "destination"}


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
    return make_known_task(stores, operator, **{"versions": "all", **options})


def new_task_of(stores: Stores, operator: User, **options: Any) -> Task:
    """Make one whose destination nobody knows: the first plan leaves versions of what it probed with."""
    return make_task(stores, operator, **{"versions": "all", **options})


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


def delete(sandbox: Sandbox, version_id: str, bucket: str = SOURCE_BUCKET, key: str = "a") -> None:
    """Delete one version for good."""
    with closing(store_at(sandbox)) as store:
        store.delete(bucket, key, version_id=version_id)


def store_at(sandbox: Sandbox) -> Store:
    """Make a store to ask a sandbox by."""
    key_pair, rule = sandbox.key, AddressRule(allow_private=True)
    endpoint = Endpoint(
        url=sandbox.url,
        access_key_id=key_pair.access_key_id,
        secret_access_key=key_pair.secret_access_key,
        rule=rule,
    )
    return Store(endpoint)


def forget(run: Run, *indexes: int) -> None:
    """Leave the run as a worker does that was killed before it could record these items."""
    lost = IntegrityRecord.objects.filter(run=run.pk, index__in=indexes)
    run.verified -= lost.filter(verdict="verified").count()
    lost.delete()
    run.state, run.finished_at, run.ledger_root = "running", None, ""
    run.save()
    Batch.objects.filter(run=run).update(state="pending", link="")


def forget_failed(run: Run, *indexes: int) -> None:
    """Leave the run as a worker does that was killed before it could record these failures."""
    lost = IntegrityRecord.objects.filter(run=run.pk, index__in=indexes)
    Review.objects.filter(record__in=lost).delete()
    run.failed -= lost.delete()[0]
    forget(run)
