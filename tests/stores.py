"""Two sandboxes and the rows that lead to them."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from integrity.models import IntegrityRecord
from migrator import credentials, services
from migrator.models import Connection, Run, Task
from migrator.sandbox import Sandbox

SOURCE_BUCKET, DEST_BUCKET = "photos", "archive"


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


def records_of(run: Run) -> dict[str, IntegrityRecord]:
    """Return a run's records by key."""
    return {record.object_key: record for record in IntegrityRecord.objects.filter(run=run.pk)}


def sha256(body: bytes) -> str:
    """Return the digest a record must hold."""
    return hashlib.sha256(body).hexdigest()
