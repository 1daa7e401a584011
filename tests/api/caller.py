"""Calling the API as a person would, and rows to ask it for."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from integrity import records
from integrity.evidence import Check, CheckName, Origin, Outcome, checks_to_json
from integrity.models import IntegrityRecord
from migrator import credentials, services
from migrator.models import Connection, Run, Task

FAKE_KEY, FAKE_SECRET, FAKE_SESSION = "EXAMPLEKEY1234", "example-secret-not-real", "example-session-not-real"


class Caller:
    """Speaks JSON over the test client with one person's token."""

    def __init__(self, person: User | None = None, token: str = "") -> None:
        self.client = Client(raise_request_exception=False)
        self.token = token or (services.create_token(person, "tests")[1] if person else "")

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self._call("get", path, None, headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self._call("post", path, body, headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self._call("patch", path, body, headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self._call("delete", path, None, headers)

    def _call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> HttpResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            named.setdefault("Authorization", f"Bearer {self.token}")
        sent: dict[str, Any] = {}
        if method != "get":
            raw = body if isinstance(body, (bytes, str)) else b"" if body is None else json.dumps(body)
            sent = {"data": raw, "content_type": named.pop("Content-Type", "application/json")}
        url = path if path.startswith("/api") else f"/api/v1{path}"
        return getattr(self.client, method)(url, headers=named, **sent)  # type: ignore[no-any-return]


def pointers(response: HttpResponse) -> list[str]:
    """Return where a problem points."""
    return [error["pointer"] for error in json.loads(response.content)["errors"]]


def new_connection(name: str = "Old store", **fields: Any) -> dict[str, Any]:
    """Return the body of POST /connections."""
    return {
        "name": name,
        "endpoint_url": "https://s3.example.com",
        "access_key_id": FAKE_KEY,
        "secret_access_key": FAKE_SECRET,
        **fields,
    }


def a_connection(name: str, *shared_with: User, url: str = "https://s3.example.com") -> Connection:
    """Store a connection that nobody will dial."""
    pk = uuid.uuid4()
    connection = Connection.objects.create(
        id=pk,
        name=name,
        endpoint_url=url,
        access_key_id=FAKE_KEY,
        sealed_secret=credentials.seal(credentials.Secret(FAKE_SECRET, FAKE_SESSION), pk),
        created_by="admin",
    )
    connection.shared_with.set(shared_with)
    return connection


def a_task(owner: User, name: str = "Archive") -> Task:
    """Store a task without trying its places."""
    source = Connection.objects.filter(name="Old store").first() or a_connection("Old store", owner)
    dest = Connection.objects.filter(name="New store").first() or a_connection("New store", owner)
    return Task.objects.create(
        name=name,
        source_connection=source,
        source_bucket="photos",
        dest_connection=dest,
        dest_bucket="archive",
        owner=owner,
    )


def a_run(person: User, task: Task | None = None, **fields: Any) -> Run:
    """Store a run; `finished` unless said otherwise."""
    task = task or Task.objects.filter(owner=person).first() or a_task(person, f"Task of {person}")
    number = Run.objects.filter(task=task).count() + 1
    given = {"state": Run.State.FINISHED, "listing_complete": True, "options": task.all_options} | fields
    return Run.objects.create(task=task, number=number, created_by=person, **given)


def a_record(run: Run, index: int, verdict: str = "verified", **fields: Any) -> IntegrityRecord:
    """Store a record that the constraints take, with its digest and its review."""
    md5 = hashlib.md5(str(index).encode()).hexdigest()
    given: dict[str, Any] = {
        "run": run.pk,
        "task": run.task_id,
        "task_name": run.task.name,
        "run_number": run.number,
        "batch_number": 0,
        "index": index,
        "source_place": run.task.source_place,
        "dest_place": run.task.dest_place,
        "object_key": f"key-{index:04}",
        "dest_key": f"key-{index:04}",
        "source_etag": md5,
        "source_size": 10,
        "created_at": datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC) + timedelta(seconds=index),
    }
    record = IntegrityRecord(**given | _OUTCOME[verdict](md5) | fields)
    record.record_digest = records.digest_of(record)
    records.write([{field.attname: getattr(record, field.attname) for field in record._meta.concrete_fields}])
    return record


def _verified(md5: str) -> dict[str, Any]:
    return {
        "verdict": "verified",
        "is_valid": True,
        "dest_etag": md5,
        "calculated_etag": md5,
        "calculated_md5": md5,
        "dest_size": 10,
        "bytes_hashed": 10,
        "size_match": True,
        "etag_match": True,
        "md5_match": True,
        "source_grade": "S3",
        "dest_grade": "D3",
        "checks": checks_to_json(
            [Check(name=CheckName.SOURCE_ETAG, outcome=Outcome.MATCH, expected=md5, observed=md5, origin=Origin.GET)]
        ),
    }


def _failed(_: str) -> dict[str, Any]:
    return {"verdict": "failed", "error_code": "source_etag_mismatch", "error_message": "Do not use this copy."}


def _unverified(_: str) -> dict[str, Any]:
    return {"verdict": "unverified", "reason": "sse_kms", "source_grade": "S1", "dest_grade": "D3"}


def _skipped(_: str) -> dict[str, Any]:
    return {"verdict": "", "reason": "already_verified", "attempts": 0}


_OUTCOME = {"verified": _verified, "failed": _failed, "unverified": _unverified, "skipped": _skipped}


def just_now() -> datetime:
    """Return the time at hand: what a worker writes while a report is taken."""
    return timezone.now()
