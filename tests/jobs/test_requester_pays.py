"""Whose bucket takes pay for reading: each request to it says that we pay, whatever it asks for."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from migrator import jobs, services
from migrator.jobs.sides import sides_of
from migrator.models import Run
from migrator.sandbox import Sandbox
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores, make_task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

PAYS = ("x-amz-request-payer", "requester")
KIND = {"kind": "photo"}


@pytest.fixture
def stores(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stores]:
    """A source that leaves little unasked, and a destination."""
    traits = {"versioned": getattr(request, "param", False)}
    # Attributes tell of parts what no HEAD does; what is unpacked on the way is asked about once more.
    odd = traits | {"part_number": "ignored", "gzip": "unpacked"}
    with (
        Sandbox(tmp_path / "source", buckets=[SOURCE_BUCKET], traits=odd) as source,
        Sandbox(tmp_path / "dest", buckets=[DEST_BUCKET], traits=traits) as dest,
    ):
        yield Stores(source, dest)


def seed(stores: Stores) -> None:
    stores.source.seed(SOURCE_BUCKET, "small", b"small", tags=KIND)
    stores.source.seed(SOURCE_BUCKET, "film", os.urandom(2000), part_size=900, tags=KIND)
    stores.source.seed(SOURCE_BUCKET, "page", gzip.compress(b"text" * 999), headers={"Content-Encoding": "gzip"})


def run_through(run: Run) -> Run:
    jobs.plan(str(run.pk))
    jobs.work(str(run.pk))
    run.refresh_from_db()
    return run


def asked(stores: Stores, *, pays: bool) -> set[str]:
    """Return what the source was asked for by requests that said so, or did not."""
    return {entry.operation for entry in stores.source.log if (PAYS in entry.headers.items()) is pays}


@pytest.mark.parametrize(("versions", "stores"), [("latest", False), ("all", True)], indirect=["stores"])
def test_each_request_to_the_source_says_who_pays(stores: Stores, operator: User, versions: str) -> None:
    seed(stores)
    options = {"tags": True, "requester_pays": True, "double_read": True, "versions": versions}
    task = make_task(stores, operator, **options)

    first = run_through(services.start_run(operator, task, start=True))
    run_through(services.retry_run(operator, first))
    run_through(services.start_run(operator, task, kind=Run.Kind.VERIFY, start=True))
    source, _ = sides_of(first)
    source.store.head_bucket(source.bucket)

    assert asked(stores, pays=False) == set()
    listing = "ListObjectVersions" if versions == "all" else "ListObjectsV2"
    assert asked(stores, pays=True) >= {listing, "HeadObject", "GetObject", "GetObjectTagging", "GetObjectAttributes"}
    assert "HeadBucket" in asked(stores, pays=True)
    assert all(PAYS not in entry.headers.items() for entry in stores.dest.log)


def test_a_task_whose_source_takes_no_pay_offers_none(stores: Stores, operator: User) -> None:
    seed(stores)

    run_through(services.start_run(operator, make_task(stores, operator, tags=True), start=True))

    assert asked(stores, pays=True) == set()
