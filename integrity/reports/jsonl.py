"""JSON Lines: the lossless one. Each line is one record, exactly as the API answers it; there is no other line.

So a count of lines is a count of records. What is to be said of the report itself, above all whether the ledger
was sealed, stands in each line under `report`. ASCII only: no key, whatever it holds, can break a line.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from integrity.reports.rows import record_facts
from integrity.reports.snapshot import ROWS_AT_ONCE, Snapshot, walk

if TYPE_CHECKING:
    from integrity.models import IntegrityRecord

MEDIA_TYPE = "application/x-ndjson"


async def lines(snapshot: Snapshot, rows_at_once: int = ROWS_AT_ONCE) -> AsyncIterator[bytes]:
    """Yield the report in pieces, whole lines each."""
    report = snapshot.facts()

    def render(records: Sequence[IntegrityRecord]) -> bytes:
        written = (json.dumps(record_facts(record) | {"report": report}, separators=(",", ":")) for record in records)
        return "".join(f"{line}\n" for line in written).encode("ascii")

    async for piece in walk(snapshot, render, rows_at_once):
        yield piece
