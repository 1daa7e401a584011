"""Finding a task, a run, a key or a checksum."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from migrator.web.access import asked, for_roles, person_of, visible_records, visible_runs, visible_tasks

MOST = 25


@for_roles()
def search(request: HttpRequest) -> HttpResponse:
    """`/search/?q=`: names of tasks in part; runs by their id; records by whole key, checksum or ETag."""
    typed = asked(request, "q")
    text = typed.strip()
    context: dict[str, Any] = {"query": typed}
    if text:
        person = person_of(request)
        lowered = text.lower().strip('"')
        context |= {
            "tasks": visible_tasks(person).filter(name__icontains=text)[:MOST],
            "runs": visible_runs(person).filter(Q(pk=_id(text)) | Q(task__name__icontains=text))[:MOST],
            "records": visible_records(person)
            .filter(
                Q(object_key__in={typed, text})
                | Q(dest_key__in={typed, text})
                | Q(calculated_md5=lowered)
                | Q(sha256=lowered)
                | Q(source_etag=lowered)
                | Q(dest_etag=lowered)
                | Q(pk=_id(text))
            )
            .order_by("-created_at")[:MOST],
        }
    return render(request, "search/search.html", context)


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
