"""`ETag` and `If-Match`: an edit of what someone else has changed meanwhile is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from migrator.web.api.problems import ApiProblem

if TYPE_CHECKING:
    from django.http import HttpRequest


def etag_of(facts: Mapping[str, Any]) -> str:
    """Return the tag of an answer: it changes with any of its values."""
    return f'"{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]}"'


def check_unchanged(request: HttpRequest, facts: Mapping[str, Any]) -> None:
    """End the request with 412 unless what it was made from is what there is. Without `If-Match` all is well."""
    wanted = request.headers.get("If-Match", "").strip()
    if not wanted or wanted == "*":
        return
    # A weak tag never matches here (RFC 9110, 13.1.1).
    if etag_of(facts) not in [tag.strip() for tag in wanted.split(",")]:
        raise ApiProblem(412, "Someone else changed this after you read it. Read it again, then send your change.")
