"""What the words mean, in one place."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from migrator.web import wording
from migrator.web.access import for_roles


@for_roles()
def glossary(request: HttpRequest) -> HttpResponse:
    """`/help/`."""
    context = {"source_grades": wording.SOURCE_GRADES, "dest_grades": wording.DEST_GRADES}
    return render(request, "help/help.html", context)
