"""The gate in front of every address of the API: whatever goes wrong leaves as a problem."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, cast

import structlog
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, URLResolver, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from migrator.credentials import CredentialsUnreadable
from migrator.engine.errors import EngineError
from migrator.services import Refused
from migrator.web.api.bodies import refuse_unreadable
from migrator.web.api.once import once
from migrator.web.api.people import not_signed_in
from migrator.web.api.problems import MEDIA_TYPE, ApiProblem, answer, of_refusal, of_validation
from migrator.web.api.schema import with_problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from ninja.openapi.schema import OpenAPISchema
    from ninja.operation import Operation

log = structlog.get_logger(__name__)

CSRF_WORDS = "A change with the session cookie needs the CSRF token in the header X-CSRFToken. A bearer token does not."


class GatedAPI(NinjaAPI):
    """ninja, with one way out for all that goes wrong, and an answer for addresses that do not exist."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for kind in (Exception, Http404, HttpError, ValidationError, AuthenticationError):
            self.add_exception_handler(kind, _handled)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the name of the function: each is there once."""
        return operation.view_func.__name__

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """Return the document with its problems."""
        return cast("OpenAPISchema", with_problems(super().get_openapi_schema(**kwargs)))

    def _get_urls(self) -> list[URLResolver | URLPattern]:
        found = super()._get_urls()
        for one in found:
            if isinstance(one, URLPattern):
                one.callback = gated(one.callback)
        return [*found, re_path("", gated(csrf_exempt(_no_such_address)))]


def gated(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Return a view that answers with a problem whatever happens in it."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            refuse_unreadable(request)
            response = once(request, lambda: view(request, *args, **kwargs))
        except Exception as exc:  # noqa: BLE001  the last way out: it is logged and answered
            response = _handled(request, exc)
        return _finished(request, response)

    return checked


def _no_such_address(request: HttpRequest, **_: Any) -> HttpResponseBase:
    raise ApiProblem(
        404, f"There is no address {request.path} in this API. See /api/v1/openapi.json for those there are."
    )


def _handled(request: HttpRequest, exc: Exception | type[Exception]) -> HttpResponse:
    return answer(request, _problem_of(exc))


def _problem_of(exc: Exception | type[Exception]) -> ApiProblem:
    match exc:
        case ApiProblem():
            return exc
        case Refused():
            return of_refusal(exc)
        case ValidationError():
            return of_validation(exc.errors)
        case Http404():
            return ApiProblem(404, str(exc))
        case AuthenticationError():
            return not_signed_in()
        case HttpError(status_code=403):
            return ApiProblem(403, CSRF_WORDS, "csrf_refused")
        case HttpError():
            # ninja wraps what the parser raised.
            return exc.__cause__ if isinstance(exc.__cause__, ApiProblem) else ApiProblem(exc.status_code, exc.message)
        case CredentialsUnreadable():
            return ApiProblem(409, exc.advice, "credentials_unreadable")
        case EngineError():
            return ApiProblem(409, exc.advice, exc.code.value if exc.code else "refused")
        case OperationalError():
            log.error("database_away", error=str(exc)[:200])
            words = "The database does not answer at the moment. Nothing was changed. Try again in a moment."
            return ApiProblem(503, words, headers={"Retry-After": "5"})
    log.error("api_failed", exc_info=exc if isinstance(exc, Exception) else None)
    return ApiProblem(500)


def _finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code >= 400 and not response.get("Content-Type", "").startswith(MEDIA_TYPE):
        problem = ApiProblem(response.status_code)
        kept = {name: value for name, value in response.items() if name == "Allow"}
        response = answer(request, ApiProblem(problem.status, headers=kept))
    response["Cache-Control"] = "no-store"
    response["Vary"] = "Authorization, Cookie"
    return response
