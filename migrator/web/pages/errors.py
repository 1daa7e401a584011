"""Error pages: what happened, whether anything is lost, and one next step, with a reference."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from redis.exceptions import RedisError

from migrator.models import Run, Task

if TYPE_CHECKING:
    from migrator.services import Refused

_STATIC = settings.BASE_DIR / "templates" / "errors"
# Read once: when these are needed, neither database nor session nor perhaps the disk can be relied on.
_BROKEN = (_STATIC / "500.html").read_text(encoding="utf-8")
_AWAY = (_STATIC / "503.html").read_text(encoding="utf-8")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: which role may."""
    return _page(request, 403, str(exception or ""))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """404: gone or never there; a search box."""
    return _page(request, 404, "")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """400: what the browser sent could not be read."""
    return _page(request, 400, "")


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """403: the form is older than the session, or came from elsewhere."""
    return _page(request, 403, "This form is older than your session, or it came from another site. Nothing was done.")


def refused(request: HttpRequest, problem: Refused, about: Run | Task) -> HttpResponse:
    """409: the state of things does not allow it (403 where the role does not); back to the thing itself."""
    status = 403 if problem.code == "forbidden" else 409
    return _page(request, status, problem.message, about=about)


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """429: wait a minute."""
    return _page(request, 429, "")


def broken(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """500, or 503 where the database or Redis is away: static, with nothing asked of either."""
    away = isinstance(sys.exc_info()[1], (OperationalError, InterfaceError, RedisError, ConnectionError))
    text = (_AWAY if away else _BROKEN).replace("{reference}", _reference())
    return HttpResponse(text, status=503 if away else 500)


def _page(request: HttpRequest, status: int, words: str, about: Run | Task | None = None) -> HttpResponse:
    address = reverse("task" if isinstance(about, Task) else "run", args=[about.pk]) if about else ""
    context = {"words": words, "about": about, "about_address": address, "reference": _reference()}
    return render(request, f"errors/{status}.html", context, status=status)


def _reference() -> str:
    return str(structlog.contextvars.get_contextvars().get("request_id", "none"))[:64]
