"""What needs me, what is running, and the totals of thirty days."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from redis.exceptions import RedisError

from integrity.models import Review
from migrator.models import Role, Run, role_of
from migrator.models.progress import progress_of
from migrator.web import heard, regions, wording
from migrator.web.access import for_roles, person_of, visible_connections, visible_runs, visible_tasks

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

TOTALS_DAYS = 30
EXPIRING_DAYS = 3
MOST_RUNS = 8


@for_roles()
def dashboard(request: HttpRequest) -> HttpResponse:
    """`/`; as a fragment for the poll of running runs."""
    person = person_of(request)
    runs = visible_runs(person)
    context: dict[str, Any] = {"running": _running(runs)}
    if request.headers.get("HX-Request"):
        return render(request, "dashboard/_running.html", context | {"oob": True})
    context |= {
        "attention": _attention(person, runs),
        "totals": _totals(runs),
        "recent": list(runs.filter(state__in=Run.ENDED)[:MOST_RUNS]),
        "first_steps": _first_steps(person, runs),
    }
    return render(request, "dashboard/dashboard.html", context)


def _running(runs: QuerySet[Run]) -> list[dict[str, Any]]:
    active = runs.exclude(state__in=Run.ENDED).order_by("-created_at")[:MOST_RUNS]
    return [regions.progress_context(run, progress_of(run)) for run in active]


def _attention(person: User, runs: QuerySet[Run]) -> list[dict[str, str]]:
    """Return what waits for a person, the most urgent first."""
    found: list[dict[str, str]] = []
    workers = _workers()
    if workers == 0:
        found.append(
            _item("broken", "No worker is running, so no run moves on. Ask an admin to start one.", reverse("runs"))
        )
    if workers is None:
        found.append(
            _item(
                "broken", "The queue cannot be reached. Runs wait; nothing that was recorded is lost.", reverse("runs")
            )
        )
    found += [
        _item("pause", f"{run}: {wording.headline(run)}", reverse("run", args=[run.pk]))
        for run in runs.filter(state=Run.State.PAUSED)[:5]
    ]
    month = timezone.now() - timedelta(days=TOTALS_DAYS)
    incomplete = runs.filter(state=Run.State.INCOMPLETE, created_at__gte=month)
    found += [
        _item("broken", f"{run}: {wording.headline(run)}", reverse("run", args=[run.pk])) for run in incomplete[:5]
    ]
    open_reviews = Review.objects.filter(state=Review.State.OPEN, run__in=runs.order_by().values("pk")).count()
    if open_reviews:
        words = f"{open_reviews:,} {'object waits' if open_reviews == 1 else 'objects wait'} for a decision."
        found.append(_item("unverified", words, reverse("reviews")))
    soon = timezone.now() + timedelta(days=EXPIRING_DAYS)
    for connection in visible_connections(person).filter(expires_at__lte=soon):
        ended = connection.expires_at is not None and connection.expires_at <= timezone.now()
        words = f"The credentials of “{connection}” {'have run out' if ended else 'end soon'}."
        found.append(_item("key", words, reverse("connection", args=[connection.pk])))
    return found


def _item(icon: str, words: str, address: str) -> dict[str, str]:
    return {"icon": icon, "words": words, "address": address}


def _workers() -> int | None:
    try:
        return heard.workers_heard()
    except (RedisError, OSError):
        return None


def _totals(runs: QuerySet[Run]) -> dict[str, int]:
    since = timezone.now() - timedelta(days=TOTALS_DAYS)
    sums = runs.filter(created_at__gte=since).aggregate(
        verified=Sum("verified"), unverified=Sum("unverified"), failed=Sum("failed"), bytes=Sum("bytes_copied")
    )
    return {name: value or 0 for name, value in sums.items()}


def _first_steps(person: User, runs: QuerySet[Run]) -> dict[str, bool] | None:
    """Return which of the first steps are done; `None` once there has been a run."""
    if runs.exists():
        return None
    connections = visible_connections(person)
    return {
        "may_connect": role_of(person) is Role.ADMIN,
        "may_make": role_of(person) is not Role.AUDITOR,
        "connected": connections.exists(),
        "tested": connections.filter(tested_at__isnull=False).exists(),
        "task": visible_tasks(person).exists(),
    }
