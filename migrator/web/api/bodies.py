"""Reading what callers send: strict JSON, and texts that can be stored."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from django.core.exceptions import RequestDataTooBig
from ninja import Schema
from ninja.parser import Parser
from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationInfo,
    model_validator,
)

from migrator.web.api.problems import ApiProblem, FieldProblem

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.datastructures import MultiValueDict

# NUL ends a text in PostgreSQL; half a surrogate pair is no character at all.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
LONGEST_TEXT = 4096


def storable(text: str) -> str:
    """Return a text that a database takes; raises ValueError for one that none does."""
    if _UNSTORABLE.search(text):
        raise ValueError("This text holds a character that cannot be stored (NUL, or half of a surrogate pair).")
    return text


def _in_the_calendar(moment: datetime) -> datetime:
    try:
        moment.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError("This time is before the year 1 or after the year 9999 in UTC.") from exc
    return moment


Text = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(storable)]
LongText = Annotated[str, Field(max_length=200_000), AfterValidator(storable)]
Flag = StrictBool
Whole = StrictInt
Time = Annotated[AwareDatetime, AfterValidator(_in_the_calendar)]


class Body(Schema):
    """What a caller sends. A field that we do not know is refused: it may be a misspelt one."""

    model_config = ConfigDict(extra="forbid")


class Query(Schema):
    """Parameters of a list. One that we do not know is refused: a misspelt filter would show too much."""

    @model_validator(mode="after")
    def refuse_unknown(self, info: ValidationInfo) -> Self:
        """Look at the request itself: ninja hands over only what it knows."""
        sent = set(info.context["request"].GET) if info.context else set()
        unknown = sorted(sent - set(type(self).model_fields))
        if unknown:
            words = "There is no parameter called {} here."
            errors = [FieldProblem(f"/{name[:60]}", words.format(name[:60])) for name in unknown]
            raise ApiProblem(422, errors[0].message, errors=errors)
        return self


class StrictParser(Parser):
    """JSON as RFC 8259 has it, without Python's extras."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """Return the body; raises what ends the request as 400."""
        try:
            parsed = json.loads(request.body, parse_constant=_no_constant, object_pairs_hook=_once_each)
        except (ValueError, RecursionError) as exc:
            raise ApiProblem(400, _why(exc), "malformed_json") from exc
        _check_storable(parsed)
        return parsed  # type: ignore[no-any-return]  # the schema looks at what it is

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        """Return the parameters; one that is named twice is refused."""
        for name in data:
            if name not in list_fields and len(data.getlist(name)) > 1:
                raise ApiProblem(400, f"{name[:60]} is given more than once.", "bad_request")
        return super().parse_querydict(data, list_fields, request)


def refuse_unreadable(request: HttpRequest) -> None:
    """Refuse a body that is too large or does not claim to be JSON."""
    try:
        body = request.body
    except RequestDataTooBig as exc:
        raise ApiProblem(413, "A request has at most 1 MiB.") from exc
    if not body:
        return
    kind = (request.content_type or "").lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise ApiProblem(415, "Send the body as JSON, with the header Content-Type: application/json.")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names the same field twice")
    return found


def _why(exc: Exception) -> str:
    if isinstance(exc, json.JSONDecodeError):
        return f"The body is not JSON: {exc.msg.lower()} at line {exc.lineno}, column {exc.colno}."
    if isinstance(exc, RecursionError):
        return "The body is nested too deeply."
    if isinstance(exc, UnicodeDecodeError):
        return "The body is not UTF-8."
    return f"The body is not JSON: {str(exc)[:200]}."


def _check_storable(value: Any) -> None:
    """Look at names and at values of free-form parts, which no schema looks at."""
    held = [value]
    while held:
        one = held.pop()
        if isinstance(one, str) and _UNSTORABLE.search(one):
            raise ApiProblem(422, "A text holds a character that cannot be stored (NUL, or half of a surrogate pair).")
        if isinstance(one, dict):
            held += [*one, *one.values()]
        elif isinstance(one, list):
            held += one
