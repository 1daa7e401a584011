"""Lists in pages: `{items, next_cursor}`. A cursor is opaque and names the last row of the page before."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from django.db.models import Q
from pydantic import Field

from migrator.web.api.bodies import Query, Text, storable
from migrator.web.api.problems import ApiProblem, FieldProblem

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

M = TypeVar("M", bound="Model")
MOST = 500
USUAL = 100


class Page(Query):
    """What every list takes."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="how many items at most")] = USUAL
    cursor: Annotated[Text, Field(description="next_cursor of the page before")] = ""


def paged(rows: QuerySet[M], asked: Page, sort: str) -> tuple[list[M], str | None]:
    """Return one page of rows sorted by a field (`-` in front: the highest first), and the cursor of the next."""
    name, backwards = sort.lstrip("-"), sort.startswith("-")
    if asked.cursor:
        rows = rows.filter(_behind(name, backwards, _opened(asked.cursor, sort)))
    direction = "-" if backwards else ""
    found = list(rows.order_by(f"{direction}{name}", f"{direction}pk")[: asked.limit + 1])
    if len(found) <= asked.limit:
        return found, None
    last = found[asked.limit - 1]
    value = getattr(last, name)
    return found[: asked.limit], _closed(
        [sort, value.isoformat() if isinstance(value, datetime) else value, str(last.pk)]
    )


def paged_by_index(rows: QuerySet[M], asked: Page) -> tuple[list[M], str | None]:
    """Return one page of records, in plan order."""
    if asked.cursor:
        value, _ = _opened(asked.cursor, "index")
        if not isinstance(value, int) or isinstance(value, bool):
            raise _foreign()
        rows = rows.filter(index__gt=value)
    found = list(rows.order_by("index")[: asked.limit + 1])
    if len(found) <= asked.limit:
        return found, None
    return found[: asked.limit], _closed(["index", found[asked.limit - 1].index, ""])  # type: ignore[attr-defined]


def _behind(name: str, backwards: bool, last: tuple[Any, str]) -> Q:
    value, pk = last
    try:
        value = _moment(value) if name.endswith("_at") else storable(str(value))
        after = uuid.UUID(pk)
    except (TypeError, ValueError, AttributeError, OverflowError) as exc:
        raise _foreign() from exc
    beyond = "lt" if backwards else "gt"
    return Q(**{f"{name}__{beyond}": value}) | Q(**{name: value, f"pk__{beyond}": after})


def _moment(text: str) -> datetime:
    """Return the time of a cursor, all of which name a zone. One that no calendar has in UTC is an OverflowError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment.astimezone(UTC)


def _closed(parts: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def _opened(cursor: str, sort: str) -> tuple[Any, str]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        made_for, value, pk = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError) as exc:
        raise _foreign() from exc
    if made_for != sort or not isinstance(pk, str):
        raise _foreign()
    return value, pk


def _foreign() -> ApiProblem:
    words = "This cursor is not one of this list. Take next_cursor as it was answered, with the same sort."
    return ApiProblem(422, words, errors=[FieldProblem("/cursor", words)])
