"""/runs/{id}/report: what an auditor takes away."""

from __future__ import annotations

import uuid
from typing import Literal

from django.http import HttpRequest, HttpResponseBase
from ninja import Query as FromQuery
from ninja import Router

from migrator.services import Refused
from migrator.web.access import found_or_404, visible_runs
from migrator.web.api.bodies import Query
from migrator.web.api.people import person_asking
from migrator.web.api.problems import ApiProblem
from migrator.web.downloads import STREAMED, report_response

router = Router(tags=["reports"])


class ReportQuery(Query):
    """csv and jsonl can be taken at any time, the others when the run has ended."""

    format: Literal["csv", "jsonl", "xlsx", "pdf", "bundle"]


@router.get(
    "/runs/{uuid:run_id}/report",
    summary="Take a report",
    openapi_extra={
        "responses": {
            200: {
                "description": "One line a record. `Truecopy-Sealed` says whether the ledger is sealed.",
                "content": {
                    "text/csv": {"schema": {"type": "string"}},
                    "application/x-ndjson": {"schema": {"type": "string"}},
                },
            }
        }
    },
)
def take_report(request: HttpRequest, run_id: uuid.UUID, asked: FromQuery[ReportQuery]) -> HttpResponseBase:
    """Streamed. A report taken before the end holds the records of one moment and is marked unsealed."""
    run = found_or_404(visible_runs(person_asking(request)), run_id)
    if asked.format in STREAMED:
        return report_response(run, asked.format)
    if not run.has_ended:
        raise Refused(
            f"A report as {asked.format} can be made when the run has ended. "
            "The records so far are there as csv and jsonl, unsealed.",
            code="run_not_ended",
        )
    words = f"Reports as {asked.format} cannot be made yet. Take csv or jsonl."
    raise ApiProblem(501, words, "format_not_available")
