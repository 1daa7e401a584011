"""`Idempotency-Key`: a POST that was sent twice is done once, and answered twice with the same reply."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.crypto import salted_hmac

from migrator.models.replies import IdempotentReply
from migrator.services import person_of_token
from migrator.web.api.problems import ApiProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

KEPT_FOR = timedelta(hours=24)
# A request that died left its claim behind; nothing here takes this long.
CLAIM_HOLDS = timedelta(minutes=5)
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def once(request: HttpRequest, act: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Do what was asked, unless this person asked for just this under the same key before."""
    key = request.headers.get("Idempotency-Key", "").strip()
    person = _person(request) if key and request.method == "POST" else None
    if person is None:
        return act()
    if not _KEY.fullmatch(key):
        raise ApiProblem(400, "An Idempotency-Key has 1 to 200 visible ASCII characters.", "idempotency_key_refused")
    claim = _claim(person, key, _digest(request))
    if claim.status:
        return _again(claim)
    try:
        response = act()
    except BaseException:
        claim.delete()
        raise
    _keep(claim, response)
    return response


def _person(request: HttpRequest) -> User | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return person_of_token(token.strip())
    return request.user if isinstance(request.user, User) else None


def _digest(request: HttpRequest) -> str:
    asked = f"{request.method} {request.get_full_path()}\n".encode() + request.body
    return salted_hmac("truecopy.idempotency", asked, algorithm="sha256").hexdigest()


def _claim(person: User, key: str, digest: str) -> IdempotentReply:
    now = timezone.now()
    IdempotentReply.objects.filter(created_at__lt=now - KEPT_FOR).delete()
    IdempotentReply.objects.filter(person=person, key=key, status=0, created_at__lt=now - CLAIM_HOLDS).delete()
    try:
        with transaction.atomic():
            return IdempotentReply.objects.create(person=person, key=key, request_digest=digest, created_at=now)
    except IntegrityError:
        return _earlier(person, key, digest)


def _earlier(person: User, key: str, digest: str) -> IdempotentReply:
    earlier = IdempotentReply.objects.filter(person=person, key=key).first()
    if earlier is not None and earlier.request_digest != digest:
        raise ApiProblem(
            422, "This Idempotency-Key was used for another request. Make a new one.", "idempotency_key_reused"
        )
    if earlier is None or not earlier.status:
        raise ApiProblem(
            409,
            "The first request with this Idempotency-Key is still at work. Send it again in a moment.",
            "idempotency_in_progress",
            headers={"Retry-After": "1"},
        )
    return earlier


def _keep(claim: IdempotentReply, response: HttpResponseBase) -> None:
    """Keep what was done; what was refused changed nothing, so it may be sent again under the same key."""
    if not isinstance(response, HttpResponse) or not 200 <= response.status_code < 300:
        claim.delete()
        return
    claim.status = response.status_code
    claim.location, claim.etag = response.get("Location", ""), response.get("ETag", "")
    claim.body = response.content.decode()
    claim.save()


def _again(reply: IdempotentReply) -> HttpResponse:
    response = HttpResponse(reply.body, status=reply.status, content_type="application/json; charset=utf-8")
    response["Idempotent-Replay"] = "true"
    for name, value in (("Location", reply.location), ("ETag", reply.etag)):
        if value:
            response[name] = value
    return response
