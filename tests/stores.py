"""Two sandboxes and the rows that lead to them."""

from __future__ import annotations

import hashlib
import uuid
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from integrity.evidence import profile_to_json
from integrity.models import IntegrityRecord
from migrator import credentials, services
from migrator.engine.profiling import probe_destination
from migrator.jobs.sides import store_of
from migrator.models import Connection, Run, StoreProfile, Task
from migrator.sandbox import Sandbox

SOURCE_BUCKET, DEST_BUCKET = "photos", "archive"
_LEARNED: dict[str, dict[str, Any]] = {}


@dataclass(slots=True)
class Stores:
    """A source and a destination, each a sandbox of its own."""

    source: Sandbox
    dest: Sandbox

    def seed(self, **bodies: bytes) -> None:
        """Put objects into the source bucket."""
        for key, body in bodies.items():
            self.source.seed(SOURCE_BUCKET, key, body)

    def assert_arrived(self, *keys: str) -> None:
        """Compare what the two sandboxes have on their disks."""
        for key in keys:
            assert self.dest.stored_bytes(DEST_BUCKET, key) == self.source.stored_bytes(SOURCE_BUCKET, key), key


def connect(name: str, sandbox: Sandbox, *shared_with: User) -> Connection:
    """Store a connection to a sandbox."""
    pk = uuid.uuid4()
    connection = Connection.objects.create(
        id=pk,
        name=name,
        endpoint_url=sandbox.url,
        access_key_id=sandbox.key.access_key_id,
        sealed_secret=credentials.seal(credentials.Secret(sandbox.key.secret_access_key), pk),
        created_by="admin",
    )
    connection.shared_with.set(shared_with)
    return connection


def make_task(stores: Stores, owner: User, **options: Any) -> Task:
    """Make a task from one sandbox to the other, as its owner would."""
    source, dest = connect("Old store", stores.source, owner), connect("New store", stores.dest, owner)
    return services.create_task(
        owner,
        services.TaskInput(
            name="Archive",
            source=services.PlaceInput(connection=source, bucket=SOURCE_BUCKET),
            destination=services.PlaceInput(connection=dest, bucket=DEST_BUCKET),
            options=options,
        ),
    )


def make_known_task(stores: Stores, owner: User, **options: Any) -> Task:
    """Make such a task whose destination an earlier run has probed: the same kind of store gets the same facts here."""
    task, kind = make_task(stores, owner, **options), repr(stores.dest.traits)
    if kind not in _LEARNED:
        with closing(store_of(task.dest_connection)) as store:
            _LEARNED[kind] = profile_to_json(probe_destination(store, DEST_BUCKET))
    StoreProfile.objects.create(
        connection=task.dest_connection,
        bucket=DEST_BUCKET,
        side=StoreProfile.Side.DESTINATION,
        facts=_LEARNED[kind],
        probed_at=timezone.now(),
    )
    return task


def records_of(run: Run) -> dict[str, IntegrityRecord]:
    """Return a run's records by key."""
    return {record.object_key: record for record in IntegrityRecord.objects.filter(run=run.pk)}


def sha256(body: bytes) -> str:
    """Return the digest a record must hold."""
    return hashlib.sha256(body).hexdigest()
