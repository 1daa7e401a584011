"""CSV for spreadsheets: one line a record behind one line of names, and no cell that a spreadsheet would run.

What is a list or a mapping in the record stands as JSON in its cell. Not known is an empty cell.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from integrity.reports import rows
from integrity.reports.snapshot import ROWS_AT_ONCE, Snapshot, walk

if TYPE_CHECKING:
    from integrity.models import IntegrityRecord

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"
# What makes a spreadsheet read a cell as a formula; the wide forms are taken for the narrow ones by some.
RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

COLUMNS = (
    "index",
    "verdict",
    "reason",
    "error_code",
    "error_message",
    "source_grade",
    "dest_grade",
    "is_valid",
    *rows.TEXTS,
    *rows.NUMBERS,
    *rows.MATCHES,
    "compared_with",
    "checks",
    "not_carried",
    "notes",
    "attempts",
    "attempt_log",
    "source_facts",
    "dest_facts",
    "created_at",
    "id",
    "task",
    "task_name",
    "run",
    "run_number",
    "batch_number",
    "record_digest",
)
REPORT_COLUMNS = ("seal", "run_state", "ledger_root", "taken_at")


async def lines(snapshot: Snapshot, rows_at_once: int = ROWS_AT_ONCE) -> AsyncIterator[bytes]:
    """Yield the report in pieces, whole lines each; RFC 4180, UTF-8."""
    yield _csv([(*COLUMNS, *REPORT_COLUMNS)])
    seal = "sealed" if snapshot.sealed else "unsealed"
    report = (seal, snapshot.run_state, snapshot.ledger_root, rows.utc_text(snapshot.taken_at))

    def render(records: Sequence[IntegrityRecord]) -> bytes:
        return _csv([(*_cells(record), *report) for record in records])

    async for piece in walk(snapshot, render, rows_at_once):
        yield piece


def harmless(text: str) -> str:
    """Return a cell that no spreadsheet runs as a formula: one that would begin as one gets an apostrophe."""
    return f"'{text}" if text.startswith(RUNS) else text


def _cells(record: IntegrityRecord) -> list[str]:
    facts = rows.record_facts(record)
    return [_cell(facts[name]) for name in COLUMNS]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return json.dumps(value, separators=(",", ":"))
    return harmless(str(value))


def _csv(table: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(table)
    return text.getvalue().encode()
