from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from django.test import AsyncClient

from integrity.evidence import NOT_CARRIED
from integrity.models import IntegrityRecord
from integrity.reports import jsonl, snapshot
from migrator import services
from migrator.models import Run
from tests.api.caller import Caller, a_record, a_run, just_now

# Streams read in a thread of their own, so the rows have to be committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(operator: User) -> Run:
    run = a_run(operator, planned=4, verified=1, failed=1, unverified=1, skipped=1, ledger_root="ab" * 32)
    for index, verdict in enumerate(["verified", "failed", "unverified", "skipped"]):
        a_record(run, index, verdict)
    return run


async def download(person: User, run: Run, form: str) -> tuple[StreamingHttpResponse, bytes]:
    _, token = await sync_to_async(services.create_token)(person, "tests")
    path = f"/api/v1/runs/{run.pk}/report?format={form}"
    response = await AsyncClient().get(path, headers={"Authorization": f"Bearer {token}"})
    return response, b"".join([piece async for piece in response.streaming_content])


async def rows_of(person: User, run: Run) -> list[dict[str, str]]:
    _, body = await download(person, run, "csv")
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


async def records_of(person: User, run: Run) -> list[dict[str, Any]]:
    _, body = await download(person, run, "jsonl")
    return [json.loads(line) for line in body.splitlines()]


async def test_a_report_is_a_stream_under_a_safe_name(auditor: User, run: Run) -> None:
    response, _ = await download(auditor, run, "csv")

    assert response.is_async
    assert response["Content-Disposition"] == f'attachment; filename="truecopy-run-{run.pk}.csv"'
    assert (response["Truecopy-Sealed"], response["Truecopy-Records"]) == ("true", "4")
    assert response["Cache-Control"] == "no-store"


async def test_json_lines_are_the_records_as_the_api_answers_them(auditor: User, run: Run) -> None:
    found = await records_of(auditor, run)
    caller = await sync_to_async(Caller)(auditor)

    asked = (await sync_to_async(caller.get)(f"/runs/{run.pk}/integrity/records")).json()["items"]

    assert [{name: value for name, value in one.items() if name != "report"} for one in found] == [
        {name: value for name, value in one.items() if name != "review"} for one in asked
    ]


async def test_each_line_says_that_the_ledger_is_sealed(auditor: User, run: Run) -> None:
    reports = [one["report"] for one in await records_of(auditor, run)]

    assert {(one["sealed"], one["ledger_root"], one["run_state"]) for one in reports} == {(True, "ab" * 32, "finished")}
    assert {row["seal"] for row in await rows_of(auditor, run)} == {"sealed"}


async def test_a_report_before_the_end_is_marked_unsealed(auditor: User, operator: User) -> None:
    run = await sync_to_async(a_run)(operator, state=Run.State.RUNNING, planned=9, verified=1)
    await sync_to_async(a_record)(run, 0, created_at=just_now())

    response, body = await download(auditor, run, "csv")

    assert response["Truecopy-Sealed"] == "false"
    assert response["Content-Disposition"].endswith('-unsealed.csv"')
    assert body.decode().splitlines()[1].split(",")[-4:-2] == ["unsealed", "running"]


async def test_a_cancelled_run_is_not_sealed(auditor: User, operator: User) -> None:
    run = await sync_to_async(a_run)(operator, state=Run.State.CANCELLED)

    response, body = await download(auditor, run, "jsonl")

    assert (response["Truecopy-Sealed"], response["Truecopy-Records"], body) == ("false", "0", b"")


async def test_csv_has_every_record_and_every_evidence(auditor: User, run: Run) -> None:
    rows = await rows_of(auditor, run)

    assert [(row["index"], row["verdict"], row["error_code"], row["reason"]) for row in rows] == [
        ("0", "verified", "", ""),
        ("1", "failed", "source_etag_mismatch", ""),
        ("2", "unverified", "", "sse_kms"),
        ("3", "", "", "already_verified"),
    ]
    assert json.loads(rows[0]["checks"])[0]["name"] == "source_etag"
    assert (rows[0]["etag_match"], rows[1]["etag_match"]) == ("true", "")
    assert rows[0]["created_at"] == "2026-01-31T12:00:00.250000Z"
    assert set(rows[0]) >= {field.name for field in IntegrityRecord._meta.concrete_fields}


async def test_each_line_of_a_report_lists_what_was_not_carried(auditor: User, run: Run) -> None:
    tags = {"name": "tags", "outcome": "not_comparable", "reason": "not_copied"}
    await sync_to_async(IntegrityRecord.objects.filter(run=run.pk, index=1).update)(checks=[tags])

    rows, records = await rows_of(auditor, run), await records_of(auditor, run)

    assert [json.loads(row["not_carried"]) for row in rows[:2]] == [[*NOT_CARRIED], [*NOT_CARRIED, "tags"]]
    assert [record["not_carried"] for record in records[:2]] == [[*NOT_CARRIED], [*NOT_CARRIED, "tags"]]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
async def test_no_cell_is_run_by_a_spreadsheet(auditor: User, operator: User, start: str) -> None:
    run = await sync_to_async(a_run)(operator)
    key = f"{start}cmd|' /C calc'!A0"
    await sync_to_async(a_record)(run, 0, object_key=key, error_message="")

    rows = await rows_of(auditor, run)
    records = await records_of(auditor, run)

    assert rows[0]["object_key"] == f"'{key}"
    assert records[0]["object_key"] == key


@pytest.mark.parametrize("key", ['a,"b"\nc', "line\u2028end\u0085", "\U0001f600 é", "a" * 1024, "' quote"])
async def test_no_key_breaks_a_line(auditor: User, operator: User, key: str) -> None:
    run = await sync_to_async(a_run)(operator)
    await sync_to_async(a_record)(run, 0, object_key=key)
    _, body = await download(auditor, run, "jsonl")

    assert [json.loads(line)["object_key"] for line in body.decode().splitlines()] == [key]
    assert [row["object_key"] for row in await rows_of(auditor, run)] == [key]


async def test_what_is_written_after_the_first_byte_is_not_in_the_report(operator: User) -> None:
    run = await sync_to_async(a_run)(operator, state=Run.State.RUNNING, planned=9, verified=2)
    for index in (0, 4):
        await sync_to_async(a_record)(run, index, created_at=just_now(), batch_number=index)
    taken = await sync_to_async(snapshot.take)(run.pk, run_state=run.state, ledger_root="")
    for index, batch in ((1, 0), (5, 4), (6, 7)):
        await sync_to_async(a_record)(run, index, created_at=just_now(), batch_number=batch)

    lines = [json.loads(line) async for piece in jsonl.lines(taken) for line in piece.splitlines()]

    assert [one["index"] for one in lines] == [0, 4]
    assert {one["report"]["records"] for one in lines} == {2}


async def test_records_leave_in_groups_and_in_plan_order(operator: User) -> None:
    run = await sync_to_async(a_run)(operator, ledger_root="ab" * 32)
    for index in range(7):
        await sync_to_async(a_record)(run, index)
    taken = await sync_to_async(snapshot.take)(run.pk, run_state=run.state, ledger_root=run.ledger_root)

    pieces = [piece.splitlines() async for piece in jsonl.lines(taken, rows_at_once=3)]

    assert [len(piece) for piece in pieces] == [3, 3, 1]
    assert [json.loads(line)["index"] for piece in pieces for line in piece] == list(range(7))


@pytest.mark.parametrize("form", ["xlsx", "pdf", "bundle"])
def test_the_other_formats_wait_for_the_end_and_are_not_there_yet(
    as_auditor: Caller, operator: User, run: Run, form: str
) -> None:
    running = a_run(operator, state=Run.State.RUNNING)

    before = as_auditor.get(f"/runs/{running.pk}/report?format={form}")
    after = as_auditor.get(f"/runs/{run.pk}/report?format={form}")

    assert (before.status_code, before.json()["code"]) == (409, "run_not_ended")
    assert (after.status_code, after.json()["code"]) == (501, "format_not_available")


@pytest.mark.parametrize("query", ["", "?format=doc", "?format="])
def test_a_format_that_does_not_exist_is_422(as_auditor: Caller, run: Run, query: str) -> None:
    response = as_auditor.get(f"/runs/{run.pk}/report{query}")

    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/format")
