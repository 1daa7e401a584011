"""Connections: a storage service and the keys to it."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from migrator import services
from migrator.models import Connection, Role, Task
from migrator.web.access import for_roles, found_or_404, person_of, visible_connections, visible_tasks
from migrator.web.forms import ConnectionForm, TestForm, show_refusal
from migrator.web.pages import errors

TESTS_A_MINUTE = 12


@for_roles()
def connections(request: HttpRequest) -> HttpResponse:
    """`/connections/`."""
    found = visible_connections(person_of(request)).annotate(
        tasks=Count("source_tasks", distinct=True) + Count("dest_tasks", distinct=True)
    )
    return render(request, "connections/list.html", {"connections": found})


@for_roles()
def connection(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """`/connections/<id>/`."""
    found = found_or_404(visible_connections(person_of(request)), pk)
    return render(request, "connections/detail.html", _detail(request, found))


@sensitive_post_parameters("secret_access_key", "session_token")
@for_roles(Role.ADMIN)
def connection_new(request: HttpRequest) -> HttpResponse:
    """`/connections/new/`."""
    form = ConnectionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_connection(person_of(request), form.given())
        except services.Refused as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, f"“{made}” is stored. Test it now, so that a wrong key shows here.")
            return redirect("connection", made.pk)
    return render(request, "connections/form.html", {"form": form}, status=422 if form.errors else 200)


@sensitive_post_parameters("secret_access_key", "session_token")
@for_roles(Role.ADMIN)
def connection_edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """`/connections/<id>/edit/`."""
    found = found_or_404(visible_connections(person_of(request)), pk)
    form = ConnectionForm(request.POST or None, connection=found)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_connection(person_of(request), found, form.given())
        except services.Refused as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, f"“{found}” is saved.")
            return redirect("connection", found.pk)
    context = {"form": form, "connection": found}
    return render(request, "connections/form.html", context, status=422 if form.errors else 200)


@require_POST
@for_roles(Role.ADMIN)
def connection_test(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Try a connection step by step; answers with the steps, or with the whole page where there is no script."""
    person = person_of(request)
    found = found_or_404(visible_connections(person), pk)
    if _too_many_tests(person.pk):
        return errors.too_many_requests(request)
    form = TestForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            services.run_connection_test(person, found, data["bucket"].strip(), write=data["write"])
        except services.Refused as refused:
            show_refusal(form, refused)
    found.refresh_from_db()
    context = _detail(request, found, form)
    template = "connections/_test.html" if request.headers.get("HX-Request") else "connections/detail.html"
    return render(request, template, context)


@require_POST
@for_roles(Role.ADMIN)
def connection_mark(request: HttpRequest, pk: uuid.UUID, mixed: bool) -> HttpResponse:
    """Mark a source bucket as mixed, or take the mark back."""
    found, bucket = found_or_404(visible_connections(person_of(request)), pk), request.POST.get("bucket", "")
    try:
        (services.mark_mixed if mixed else services.unmark_mixed)(person_of(request), found, bucket)
    except services.Refused as refused:
        messages.error(request, refused.message, extra_tags="failed")
    else:
        done = f"“{bucket}” is marked as mixed." if mixed else f"“{bucket}” is no longer marked as mixed."
        messages.success(request, f"{done} This holds from the next plan on.")
    return redirect("connection", pk)


@require_POST
@for_roles(Role.ADMIN)
def connection_delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Delete a connection that no task uses."""
    found = found_or_404(visible_connections(person_of(request)), pk)
    try:
        services.delete_connection(person_of(request), found)
    except services.Refused as refused:
        messages.error(request, refused.message, extra_tags="failed")
        return redirect("connection", pk)
    messages.success(request, f"“{found}” is deleted.")
    return redirect("connections")


def _detail(request: HttpRequest, found: Connection, form: TestForm | None = None) -> dict[str, Any]:
    used_by = visible_tasks(person_of(request)).filter(Q(source_connection=found) | Q(dest_connection=found))
    last_bucket = Task.objects.filter(Q(source_connection=found) | Q(dest_connection=found)).order_by("-created_at")
    first = last_bucket.first()
    bucket = (first.source_bucket if first.source_connection_id == found.pk else first.dest_bucket) if first else ""
    return {
        "connection": found,
        "used_by": used_by,
        "form": form or TestForm(initial={"bucket": bucket}),
        "shared_with": found.shared_with.order_by("username"),
        "profiles": found.profiles.order_by("bucket", "side"),
    }


def _too_many_tests(person_id: int) -> bool:
    name = f"connection-tests-{person_id}"
    cache.add(name, 0, timeout=60)
    return cache.incr(name) > TESTS_A_MINUTE
