"""Who may see what: each page, query, socket and download starts with one of these."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from integrity.models import IntegrityRecord
from migrator.models import Connection, Role, Run, Task, role_of

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

P = ParamSpec("P")
M = TypeVar("M", bound="Model")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def person_of(request: HttpRequest) -> User:
    """Return the signed-in person; only for views behind `for_roles`."""
    return cast("User", request.user)


def asked(request: HttpRequest, name: str) -> str:
    """Return a filter from the address, without the sign that no database takes."""
    return request.GET.get(name, "").replace("\x00", "")


def for_roles(*roles: Role) -> Callable[[View[P]], View[P]]:
    """Let a view be reached only by signed-in people with one of these roles (all three if none is named)."""
    allowed = frozenset(roles or Role)

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if role_of(request.user) not in allowed:
                names = " or ".join(sorted(role.label.lower() for role in allowed))
                raise PermissionDenied(f"This page is for the role {names}.")
            return _kept_private(view(request, *args, **kwargs))

        checked.roles = allowed  # type: ignore[attr-defined]  # read by the test of the role matrix
        return cast("View[P]", login_required(checked))

    return decorate


def _kept_private(response: HttpResponseBase) -> HttpResponseBase:
    """Let no cache keep what a person saw, and no fragment be taken for a page."""
    response.headers.setdefault("Cache-Control", "no-store, private")
    patch_vary_headers(response, ["HX-Request", "Cookie"])
    return response


def visible_connections(person: User) -> QuerySet[Connection]:
    """Return the connections a person may see: operators those shared with them, the others all."""
    if role_of(person) is Role.OPERATOR:
        return Connection.objects.filter(shared_with=person)
    return Connection.objects.all() if role_of(person) else Connection.objects.none()


def visible_tasks(person: User) -> QuerySet[Task]:
    """Return the tasks a person may see: operators their own, the others all."""
    tasks = Task.objects.select_related("source_connection", "dest_connection", "owner")
    if role_of(person) is Role.OPERATOR:
        return tasks.filter(owner=person)
    return tasks if role_of(person) else tasks.none()


def visible_runs(person: User) -> QuerySet[Run]:
    """Return the runs a person may see: operators those they started, the others all."""
    runs = Run.objects.select_related("task__source_connection", "task__dest_connection", "task__owner", "created_by")
    if role_of(person) is Role.OPERATOR:
        return runs.filter(created_by=person)
    return runs if role_of(person) else runs.none()


def visible_records(person: User) -> QuerySet[IntegrityRecord]:
    """Return the records a person may see: those of the runs they may see."""
    if role_of(person) is Role.OPERATOR:
        return IntegrityRecord.objects.filter(run__in=visible_runs(person).values("pk"))
    return IntegrityRecord.objects.all() if role_of(person) else IntegrityRecord.objects.none()


def found_or_404(rows: QuerySet[M], pk: uuid.UUID | str) -> M:
    """Return one of the rows a person may see, or 404: what may not be seen does not exist."""
    try:
        return rows.get(pk=pk)
    except (ObjectDoesNotExist, ValueError) as exc:
        raise Http404(f"There is no such {rows.model._meta.verbose_name}, or it is not yours to see.") from exc


def may_steer(person: User, run: Run) -> bool:
    """Whether a person may pause, resume, cancel or retry this run."""
    role = role_of(person)
    return role is Role.ADMIN or (role is Role.OPERATOR and run.created_by_id == person.pk)


def may_launch(person: User, task: Task) -> bool:
    """Whether a person may plan runs of this task, and edit it."""
    role = role_of(person)
    return role is Role.ADMIN or (role is Role.OPERATOR and task.owner_id == person.pk)


THEMES = {"auto": "System", "light": "Light", "dark": "Dark"}

# The sections of the navigation: name, word, and who sees it.
_SECTIONS = (
    ("dashboard", "Dashboard"),
    ("tasks", "Tasks"),
    ("runs", "Runs"),
    ("reviews", "Reviews"),
    ("connections", "Connections"),
)
_SECTION_OF = {"task": "tasks", "run": "runs", "record": "runs", "review": "reviews", "connection": "connections"}


def page_context(request: HttpRequest) -> dict[str, Any]:
    """Return what every page shows: who is here, in which role, where one can go, and whether this is the demo."""
    chosen = request.COOKIES.get("theme", "")
    theme = chosen if chosen in THEMES else "auto"
    return {
        "role": role_of(getattr(request, "user", None)),
        "is_demo": settings.DEMO,
        "navigation": [(name, reverse(name), word) for name, word in _SECTIONS],
        "section": _section(request),
        "theme": theme,
        "themes": list(THEMES.items()),
        "zone": timezone.get_current_timezone_name(),
        "version": settings.VERSION,
    }


def _section(request: HttpRequest) -> str:
    name = (request.resolver_match.url_name if request.resolver_match else None) or ""
    return _SECTION_OF.get(name.split("-")[0].removesuffix("s"), name)
