"""Everything that is not an answer: problems as RFC 9457 describes them, one shape for every status."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from django.http import HttpResponse

if TYPE_CHECKING:
    from django.http import HttpRequest

    from migrator.services import Refused

MEDIA_TYPE = "application/problem+json"

TITLES = {
    400: "This request could not be read",
    401: "Sign in first",
    403: "Your role does not allow this",
    404: "There is nothing here",
    405: "This address does not take this method",
    409: "This is not possible as things stand",
    412: "Someone else changed this meanwhile",
    413: "The request is too large",
    415: "The body has to be JSON",
    422: "Something in the request has to change",
    429: "Too many requests",
    500: "Something went wrong here",
    501: "This is not there yet",
    503: "Not available at the moment",
}
CODES = {
    400: "bad_request",
    401: "not_signed_in",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    412: "changed_meanwhile",
    413: "body_too_large",
    415: "not_json",
    422: "input_refused",
    429: "too_many_requests",
    500: "internal_error",
    501: "not_available",
    503: "unavailable",
}
DETAILS = {
    404: "There is no such thing, or it is not yours to see.",
    405: "Use one of the methods that the Allow header of this answer names.",
    500: "Nothing that was recorded is lost. Send the request_id to your admin.",
}
LONGEST_REQUEST_ID = 100


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that has to change. `pointer` is a JSON pointer into the body, or `/name` of a query parameter."""

    pointer: str
    message: str


@dataclass(slots=True, eq=False)
class ApiProblem(Exception):
    """Ends a request with a problem."""

    status: int
    detail: str = ""
    code: str = ""
    errors: Sequence[FieldProblem] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(request: HttpRequest, problem: ApiProblem) -> HttpResponse:
    """Return a problem as a response."""
    code = problem.code or CODES.get(problem.status, "refused")
    body: dict[str, Any] = {
        "type": f"urn:truecopy:problem:{code}",
        "title": TITLES.get(problem.status, "This was refused"),
        "status": problem.status,
        "detail": problem.detail or DETAILS.get(problem.status, TITLES.get(problem.status, "")),
        "instance": request.path,
        "code": code,
        "request_id": request_id(),
        "errors": [{"pointer": one.pointer, "message": one.message} for one in problem.errors],
    }
    response = HttpResponse(json.dumps(body), status=problem.status, content_type=MEDIA_TYPE)
    for name, value in problem.headers.items():
        response[name] = value
    return response


def of_refusal(refused: Refused) -> ApiProblem:
    """Return what a service refused: 403 for the role, 422 at the fields, 409 for the state of things."""
    from migrator.services import Forbidden

    if isinstance(refused, Forbidden):
        return ApiProblem(403, refused.message, refused.code)
    if not refused.problems:
        return ApiProblem(409, refused.message, refused.code)
    errors = [
        FieldProblem(_pointer(one.field.split(".") if one.field else []), one.message) for one in refused.problems
    ]
    return ApiProblem(422, refused.message, refused.code, errors)


def of_validation(found: Sequence[Mapping[str, Any]]) -> ApiProblem:
    """Return what the schema refused."""
    errors = [FieldProblem(_pointer(_steps(one)), _sentence(one)) for one in found]
    return ApiProblem(422, " ".join(one.message for one in errors), "input_refused", errors)


def request_id() -> str:
    """Return the id under which this request stands in the log."""
    known = structlog.contextvars.get_contextvars().get("request_id")
    return str(known)[:LONGEST_REQUEST_ID] if known else str(uuid.uuid4())


def _pointer(steps: Sequence[str | int]) -> str:
    """Return a JSON pointer (RFC 6901); the empty one is the whole body."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def _steps(found: Mapping[str, Any]) -> Sequence[str | int]:
    """Return the caller's part of a location: behind `query`, or behind `body` and the name of our argument."""
    place: Sequence[str | int] = found["loc"]
    return place[1:] if place[0] == "query" else place[2:]


def _sentence(found: Mapping[str, Any]) -> str:
    kind, context, steps = found["type"], found.get("ctx", {}), _steps(found)
    name = str(steps[-1]) if steps else "The body"
    sentences = {
        "missing": f"{name} is needed.",
        "extra_forbidden": f"There is no field called {name} here.",
        "string_type": f"{name} is a text.",
        "bool_type": f"{name} is true or false.",
        "int_type": f"{name} is a whole number.",
        "int_parsing": f"{name} is a whole number.",
        "int_from_float": f"{name} is a whole number.",
        "dict_type": f"{name} is an object with fields.",
        "model_type": f"{name} is an object with fields.",
        "model_attributes_type": f"{name} is an object with fields.",
        "list_type": f"{name} is a list.",
        "uuid_parsing": f"{name} is an id, such as 7b0c6d0e-3f57-4c3f-9f62-5f1d9c2f1a10.",
        "uuid_type": f"{name} is an id, written as a text.",
        "literal_error": f"{name} is one of {_listed(str(context.get('expected', '')))}.",
        "greater_than_equal": f"{name} is {context.get('ge')} or more.",
        "less_than_equal": f"{name} is {context.get('le')} or less.",
        "string_too_long": f"{name} has at most {context.get('max_length')} characters.",
        "string_too_short": f"{name} is empty.",
        "too_long": f"{name} has at most {context.get('max_length')} entries.",
    }
    if kind == "value_error" and "error" in context:
        return str(context["error"])
    if kind.startswith(("datetime", "timezone")):
        return f"{name} is a time with its zone, such as 2026-01-31T00:00:00Z."
    return sentences.get(kind) or f"{name}: {found.get('msg', 'this cannot be read')}."


def _listed(quoted: str) -> str:
    """Return pydantic's `'a', 'b' or 'c'` as the pages write it."""
    return quoted.replace("'", "").replace(" or ", ", ")
