"""Tasks: what to copy and where to."""

from __future__ import annotations

import uuid
from itertools import islice
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from migrator import services
from migrator.credentials import CredentialsUnreadable
from migrator.engine.addresses import check_bucket_name, check_prefix
from migrator.engine.errors import AddressProblem, EngineError
from migrator.engine.listing import list_objects
from migrator.jobs.sides import store_of
from migrator.models import Role, Run, role_of
from migrator.web import wording
from migrator.web.access import (
    for_roles,
    found_or_404,
    may_launch,
    person_of,
    visible_connections,
    visible_runs,
    visible_tasks,
)
from migrator.web.forms import TaskForm, show_refusal
from migrator.web.pages import errors

SAMPLE = 10
TASKS_A_PAGE = 25


@for_roles()
def tasks(request: HttpRequest) -> HttpResponse:
    """`/tasks/`."""
    found = visible_tasks(person_of(request)).annotate(last_run=Max("runs__created_at")).order_by("-created_at")
    page = Paginator(found, TASKS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "tasks/list.html", {"page": page})


@for_roles(Role.OPERATOR, Role.ADMIN)
def task_new(request: HttpRequest) -> HttpResponse:
    """`/tasks/new/`."""
    person = person_of(request)
    connections = visible_connections(person)
    form = TaskForm(request.POST or None, connections=connections)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_task(person, form.given())
        except services.Refused as refused:
            show_refusal(form, refused, TaskForm.field_of_problem)
        else:
            messages.success(request, "The task is stored. Nothing is copied yet: plan a run to see what it would do.")
            return redirect("task", made.pk)
    context = {"form": form, "no_connection": not connections.exists()}
    return render(request, "tasks/form.html", context, status=422 if form.errors else 200)


@for_roles(Role.OPERATOR, Role.ADMIN)
def task_edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """`/tasks/<id>/edit/`: for what comes; runs that were planned keep what they were planned with."""
    person = person_of(request)
    found = found_or_404(visible_tasks(person), pk)
    form = TaskForm(request.POST or None, connections=visible_connections(person), task=found)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_task(person, found, form.given())
        except services.Forbidden:
            raise
        except services.Refused as refused:
            show_refusal(form, refused, TaskForm.field_of_problem)
        else:
            messages.success(request, "The task is saved. It holds for the runs that are planned from now on.")
            return redirect("task", found.pk)
    context = {"form": form, "task": found}
    return render(request, "tasks/form.html", context, status=422 if form.errors else 200)


@for_roles(Role.OPERATOR, Role.ADMIN)
def task_keys(request: HttpRequest) -> HttpResponse:
    """A fragment: ten real keys of a place, so that a wrong prefix is seen at once."""
    side = request.GET.get("side", "source")
    if side not in ("source", "destination"):
        side = "source"
    return render(request, "tasks/_keys.html", {"side": side} | _sample(request, side))


@for_roles()
def task(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """`/tasks/<id>/`."""
    person = person_of(request)
    found = found_or_404(visible_tasks(person), pk)
    context = {
        "task": found,
        "runs": visible_runs(person).filter(task=found)[:50],
        "may_launch": may_launch(person, found),
        "options": wording.option_lines(found.all_options),
    }
    return render(request, "tasks/detail.html", context)


@require_POST
@for_roles(Role.OPERATOR, Role.ADMIN)
def task_plan(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Make a run and have it planned; nothing is copied before someone has seen the preview and starts it.

    `kind` is `verify` for a run that copies nothing at all.
    """
    found = found_or_404(visible_tasks(person_of(request)), pk)
    try:
        run = services.start_run(person_of(request), found, kind=request.POST.get("kind", Run.Kind.COPY))
    except services.Refused as refused:
        return errors.refused(request, refused, found)
    return redirect("run", run.pk)


def _sample(request: HttpRequest, side: str) -> dict[str, Any]:
    """Return the first keys of a place, or why there are none."""
    person = person_of(request)
    bucket, prefix = request.GET.get(f"{side}_bucket", "").strip(), request.GET.get(f"{side}_prefix", "")
    try:
        chosen = uuid.UUID(request.GET.get(f"{side}_connection", ""))
    except ValueError:
        return {"problem": "Pick a connection first."}
    connection = visible_connections(person).filter(pk=chosen).first()
    if connection is None:
        return {"problem": "Pick a connection first."}
    try:
        check_bucket_name(bucket)
        check_prefix(prefix)
        store = store_of(connection, requester_pays=side == "source" and "requester_pays" in request.GET)
        keys = [listed.key for listed in islice(list_objects(store, bucket, prefix, is_slow=False), SAMPLE)]
    except AddressProblem as problem:
        return {"problem": problem.sentence}
    except CredentialsUnreadable as exc:
        return {"problem": exc.advice}
    except EngineError as exc:
        return {"problem": exc.advice_admin if role_of(person) is Role.ADMIN else exc.advice}
    return {"keys": keys, "prefix": prefix, "bucket": bucket}
