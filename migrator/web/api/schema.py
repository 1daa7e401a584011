"""What the OpenAPI document says beyond the types: problems, and the headers that several addresses share."""

from __future__ import annotations

from typing import Any

PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457). `detail` is for people; `errors` point at fields.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "message"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer (RFC 6901); a parameter as /name"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_ALWAYS = {
    "400": "The request could not be read.",
    "401": "No token, or one that is not known.",
    "403": "The role does not allow it.",
    "404": "Not there, or not yours to see.",
    "422": "Something in the request has to change; see `errors`.",
    "500": "A fault of ours; `request_id` finds it in the log.",
}
_FOR_METHOD = {
    "get": {},
    "post": {"409": "Not possible as things stand.", "413": "More than 1 MiB.", "415": "Not JSON."},
    "patch": {
        "409": "Not possible as things stand.",
        "412": "Changed by someone else meanwhile.",
        "413": "More than 1 MiB.",
        "415": "Not JSON.",
    },
    "delete": {"409": "Not possible as things stand.", "412": "Changed by someone else meanwhile."},
}
_ONCE = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    "description": "Sent twice with the same key within a day, the request is done once.",
}
_UNCHANGED = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The ETag you read; 412 if it is no longer the one.",
}


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Add to a document what every operation can answer and take."""
    document["components"]["schemas"]["Problem"] = PROBLEM
    for operations in document["paths"].values():
        for method, operation in operations.items():
            _extend(method, operation)
    document["paths"]["/api/v1/runs/{run_id}/report"]["get"]["responses"] |= {
        "409": {"description": "This format can be made when the run has ended.", "content": _CONTENT},
        "501": {"description": "This format cannot be made yet.", "content": _CONTENT},
    }
    return document


def _extend(method: str, operation: dict[str, Any]) -> None:
    # JSON has only texts as names; the document is compared with its committed text.
    operation["responses"] = {str(status): what for status, what in operation["responses"].items()}
    for status, words in (_ALWAYS | _FOR_METHOD[method]).items():
        operation["responses"][status] = {"description": words, "content": _CONTENT}
    if method == "post":
        operation["parameters"] = [*operation.get("parameters", []), _ONCE]
    if method in ("patch", "delete"):
        operation["parameters"] = [*operation.get("parameters", []), _UNCHANGED]
