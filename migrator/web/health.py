"""/healthz, /readyz and /metrics: what a supervisor and a monitoring system ask."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError

from migrator.web import heard
from migrator.web.metrics import registry

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)


@require_safe
def healthz(_: HttpRequest) -> HttpResponse:
    """Say that this process answers; asks nobody."""
    return _answer({"status": "ok"}, 200)


@require_safe
def readyz(_: HttpRequest) -> HttpResponse:
    """Say whether every part that work needs is there: 200, or 503 with the parts that are not."""
    checks: dict[str, Callable[[], str]] = {
        "database": _database,
        "migrations": _migrations,
        "redis": _redis,
        "workers": _workers,
    }
    parts = {}
    for name, check in checks.items():
        missing = _tried(check)
        parts[name] = {"ok": not missing, "detail": missing or "ok"}
    ready = all(part["ok"] for part in parts.values())
    return _answer({"status": "ready" if ready else "not_ready", "parts": parts}, 200 if ready else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer the figures in Prometheus' text form, to whoever holds `METRICS_TOKEN`; without one there are none."""
    if not settings.METRICS_TOKEN:
        raise Http404("METRICS_TOKEN is not set, so there are no metrics.")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode()):
        refused = HttpResponse("The token of /metrics is needed.\n", status=401, content_type="text/plain")
        refused["WWW-Authenticate"] = 'Bearer realm="truecopy metrics"'
        return refused
    response = HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    response["Cache-Control"] = "no-store"
    return response


def _tried(check: Callable[[], str]) -> str:
    """Return what is missing, in words for a stranger: no address, no name of a host."""
    try:
        return check()
    except (DatabaseError, RedisError, OSError, ValueError) as exc:
        log.warning("part_missing", error=str(exc)[:200])
        return "does not answer"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(waiting)} not applied" if waiting else ""


def _redis() -> str:
    heard.ping()
    return ""


def _workers() -> str:
    return "" if heard.workers_heard() else "no worker has reported"


def _answer(body: dict[str, object], status: int) -> HttpResponse:
    response = JsonResponse(body, status=status)
    response["Cache-Control"] = "no-store"
    return response


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
