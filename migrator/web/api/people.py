"""Who asks: a bearer token, or the session cookie of the pages together with its CSRF token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth.models import User
from ninja.security import HttpBearer
from ninja.security.session import SessionAuth

from migrator.models import role_of
from migrator.services import person_of_token
from migrator.web.api.problems import ApiProblem

if TYPE_CHECKING:
    from django.http import HttpRequest

BEARER = {"WWW-Authenticate": 'Bearer realm="truecopy"'}


def person_asking(request: HttpRequest) -> User:
    """Return the person behind a request that was let in."""
    return cast("User", request.auth)  # type: ignore[attr-defined]  # set by ninja


def not_signed_in() -> ApiProblem:
    """Return what a stranger is told."""
    return ApiProblem(
        401, "Send the header Authorization: Bearer <token>, or sign in to the pages first.", headers=BEARER
    )


class Token(HttpBearer):
    """`Authorization: Bearer …`. A token that is wrong is never helped out by a cookie."""

    openapi_name = "token"
    openapi_description = "An API token of a person; it may do what that person's role may do."

    def __call__(self, request: HttpRequest) -> Any | None:
        """Return the person of the token, or `None` when no token was sent."""
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        scheme, _, token = header.partition(" ")
        person = person_of_token(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
        if person is None:
            raise ApiProblem(401, "This token is not known, has ended or was revoked.", "token_refused", headers=BEARER)
        return _with_role(person)

    def authenticate(self, request: HttpRequest, token: str) -> Any | None:
        """Never called: `__call__` does it all."""
        raise NotImplementedError


class Cookie(SessionAuth):
    """The session of the pages. Its CSRF token is asked for whenever something may change."""

    openapi_name = "session"

    def __init__(self) -> None:
        super().__init__(csrf=True)
        self.openapi_name = "session"

    def __call__(self, request: HttpRequest) -> Any | None:
        """Return the person who is signed in, or `None`."""
        if not request.user.is_authenticated:
            return None
        person = super().__call__(request)
        return _with_role(person) if isinstance(person, User) else None


def _with_role(person: User) -> User:
    if role_of(person) is None:
        raise ApiProblem(403, "You have no role yet. Ask an admin to give you one.", "no_role")
    return person
