"""Rows to look at: a task, runs in any state, and records with evidence, made as the product makes them."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from integrity import records
from integrity.digests import OnePass
from integrity.evidence import (
    Attempt,
    Check,
    CheckName,
    ErrorCode,
    Finding,
    Origin,
    Outcome,
    Profile,
    Reason,
    Statement,
    profile_to_json,
)
from integrity.models import IntegrityRecord
from integrity.verdicts import Policy
from migrator import credentials
from migrator.models import Batch, Connection, Run, Task

AT = "2026-01-31T12:00:00Z"
FAKE_SECRET = "example-secret-not-real"


def a_connection(name: str, *shared_with: User) -> Connection:
    """A stored connection to an address that nobody answers at."""
    pk = uuid.uuid4()
    connection = Connection.objects.create(
        id=pk,
        name=name,
        endpoint_url="http://127.0.0.1:9",
        access_key_id="EXAMPLEKEY1234",
        sealed_secret=credentials.seal(credentials.Secret(FAKE_SECRET), pk),
        created_by="admin",
    )
    connection.shared_with.set(shared_with)
    return connection


def a_task(owner: User, name: str = "Archive 2019") -> Task:
    """A task of this person."""
    return Task.objects.create(
        name=name,
        source_connection=a_connection(f"Source of {name}", owner),
        source_bucket="photos",
        dest_connection=a_connection(f"Destination of {name}", owner),
        dest_bucket="archive",
        dest_prefix="moved/",
        owner=owner,
    )


def a_run(task: Task, state: str = "running", planned: int = 0, **fields: Any) -> Run:
    """A run of a task in any state; `planned` items, none of them settled yet."""
    run = Run.objects.create(
        task=task,
        number=Run.objects.filter(task=task).count() + 1,
        state="planning",
        planned=planned,
        bytes_planned=planned * 1000,
        listing_complete=True,
        created_by=task.owner,
        options=task.all_options,
        started_at=timezone.now(),
        begun_at=timezone.now(),
        plan_summary={"objects": planned, "first_keys": [], "excluded": {}},
        **fields,
    )
    return settled(run, state)


def settled(run: Run, state: str) -> Run:
    """Move a run to a state, with the counts that its records give."""
    rows = list(IntegrityRecord.objects.filter(run=run.pk))
    run.state = state
    run.planned = max(run.planned, len(rows))
    for verdict in ("verified", "unverified", "failed"):
        setattr(run, verdict, sum(row.verdict == verdict for row in rows))
    if run.has_ended:
        run.planned = len(rows) if state == "finished" else run.planned
        run.finished_at, run.ledger_root = timezone.now(), "ab" * 32
    run.bytes_settled = run.settled * 1000
    run.save()
    return run


def a_batch(run: Run, **fields: Any) -> Batch:
    """A batch that a worker is busy with."""
    now = timezone.now()
    return Batch.objects.create(
        **{
            "run": run,
            "number": 0,
            "state": "running",
            "items": b"",
            "item_count": run.planned,
            "first_index": 0,
            "size": 1,
            "heartbeat_at": now,
            "claimed_at": now,
            **fields,
        }
    )


def a_record(run: Run, key: str = "2019/one.jpg", verdict: str = "verified", **fields: Any) -> IntegrityRecord:
    """A record of a run: `verified`, `unverified` (encrypted with a key service), `failed` or `denied`."""
    row = records.row_of(_finding(run, key, verdict), _context(run)) | fields
    records.write([row])
    return IntegrityRecord(**row)


def _finding(run: Run, key: str, verdict: str) -> Finding:
    body = f"the bytes of {key}".encode("utf-8", "surrogatepass")
    one_pass = OnePass()
    one_pass.feed(body)
    digests = one_pass.result()
    etag = digests.md5_hex or ""
    said = {"size": len(body), "etag": f'"{etag}"', "at": AT, "request_id": "REQUEST-1", "metadata": {"camera": "x"}}
    source, dest = Statement(origin=Origin.GET, **said), Statement(origin=Origin.HEAD, **said)  # type: ignore[arg-type]
    checks = _checks(len(body), etag, verdict)
    denied = verdict == "denied"
    return Finding(
        index=IntegrityRecord.objects.filter(run=run.pk).count(),
        key=key,
        dest_key=f"moved/{key}",
        planned_size=len(body),
        planned_etag=etag,
        checks=checks,
        source=None if denied else source,
        dest=None if verdict in ("failed", "denied") else dest,
        digests=None if denied else digests,
        calculated_etag=etag,
        error_code=ErrorCode.ACCESS_DENIED if denied else None,
        error_message="“Old store” may not read in “photos”." if denied else "",
        attempts=(
            Attempt(number=1, started_at=AT, ended_at=AT, error_code="source_etag_mismatch", message="They differ."),
            Attempt(number=2, started_at=AT, ended_at=AT),
        ),
    )


def _checks(size: int, etag: str, verdict: str) -> tuple[Check, ...]:
    if verdict == "denied":
        return ()
    source = [_match(CheckName.SOURCE_IDENTITY, etag), _match(CheckName.SOURCE_SIZE, str(size))]
    source += [_match(CheckName.READ_LENGTH, str(size)), _match(CheckName.SOURCE_UNCHANGED, etag)]
    dest = [_match(CheckName.WRITE_DIGEST, etag), _match(CheckName.DEST_SIZE, str(size))]
    dest += [_match(CheckName.DEST_ETAG, etag, Origin.HEAD), _match(CheckName.DEST_IDENTITY, etag)]
    if verdict == "failed":
        wrong = Check(name=CheckName.SOURCE_ETAG, outcome=Outcome.MISMATCH, expected=etag, observed="0" * 32)
        return (*source, wrong)
    if verdict == "unverified":
        unknown = Check(name=CheckName.SOURCE_ETAG, outcome=Outcome.NOT_COMPARABLE, reason=Reason.SSE_KMS)
        return (*source, unknown, *dest)
    return (*source, _match(CheckName.SOURCE_ETAG, etag, Origin.GET), *dest)


def _match(name: CheckName, value: str, origin: Origin | None = None) -> Check:
    algorithm = "MD5" if name in (CheckName.SOURCE_ETAG, CheckName.DEST_ETAG, CheckName.WRITE_DIGEST) else None
    return Check(name=name, outcome=Outcome.MATCH, expected=value, observed=value, origin=origin, algorithm=algorithm)


def _context(run: Run) -> records.RecordContext:
    return records.RecordContext(
        run=run.pk,
        task=run.task.pk,
        task_name=run.task.name,
        run_number=run.number,
        batch_number=0,
        source_place=run.task.source_place,
        dest_place=run.task.dest_place,
        policy=Policy(),
    )


UNKNOWN_PROFILE = profile_to_json(Profile())
