"""Reports as downloads: streamed, in constant memory, under a name that no key has a part in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import StreamingHttpResponse

from integrity.reports import csv, jsonl, snapshot

if TYPE_CHECKING:
    from migrator.models import Run

STREAMED = {"csv": csv, "jsonl": jsonl}


def report_response(run: Run, name: str) -> StreamingHttpResponse:
    """Return the report of a run as `csv` or `jsonl`; the caller has checked who may see the run."""
    # The root is written when the run ends, so a snapshot under it holds every record.
    root = run.ledger_root if run.has_ended else ""
    taken = snapshot.take(run.pk, run_state=run.state, ledger_root=root)
    form = STREAMED[name]
    response = StreamingHttpResponse(form.lines(taken), content_type=form.MEDIA_TYPE)
    unsealed = "" if taken.sealed else "-unsealed"
    response["Content-Disposition"] = f'attachment; filename="truecopy-run-{run.pk}{unsealed}.{name}"'
    response["Truecopy-Sealed"] = "true" if taken.sealed else "false"
    response["Truecopy-Records"] = str(taken.count)
    return response
