from __future__ import annotations

import base64
import json
import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client

from migrator import services
from migrator.models import Connection
from tests.api.caller import Caller, new_connection, pointers

pytestmark = pytest.mark.django_db

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}


def test_a_problem_has_every_member_and_its_media_type(stranger: Caller) -> None:
    response = stranger.get("/runs")

    assert response["Content-Type"] == "application/problem+json"
    assert set(response.json()) == MEMBERS
    assert (response.status_code, response.json()["status"], response.json()["instance"]) == (401, 401, "/api/v1/runs")
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("token", ["tcp_wrong", "x", "\u00e9"])
def test_a_wrong_token_is_401(db: None, token: str) -> None:
    response = Caller(token=token).get("/runs")

    assert (response.status_code, response.json()["code"]) == (401, "token_refused")


def test_another_scheme_is_401(stranger: Caller) -> None:
    assert stranger.get("/runs", Authorization="Basic b3BlcmF0b3I6eA==").status_code == 401


def test_a_person_without_a_role_is_403(operator: User) -> None:
    caller = Caller(operator)
    operator.groups.clear()

    assert (caller.get("/runs").status_code, caller.get("/runs").json()["code"]) == (403, "no_role")


def test_an_unknown_address_is_a_problem_too(as_admin: Caller) -> None:
    response = as_admin.get("/nothing/here")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_a_method_that_is_not_there_is_405_and_says_which_are(as_admin: Caller, method: str) -> None:
    response = getattr(as_admin, method)("/runs")

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response["Allow"] == "GET"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"name": NaN}',
        b"\xff\xfe",
        b'{"name": "a", "name": "b"}',
        b"[" * 100_000,
        b'{"name": ' + b"9" * 10_000 + b"}",
    ],
)
def test_malformed_json_is_400(as_admin: Caller, body: bytes) -> None:
    response = as_admin.post("/connections", body)

    assert (response.status_code, response.json()["code"]) == (400, "malformed_json")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"7", b""])
def test_a_body_that_is_no_object_is_422(as_admin: Caller, body: bytes) -> None:
    assert as_admin.post("/connections", body).status_code == 422


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_a_character_that_cannot_be_stored_is_422(as_admin: Caller, text: str) -> None:
    response = as_admin.post("/connections", new_connection(text))

    assert response.status_code == 422
    assert not Connection.objects.exists()


@pytest.mark.parametrize("options", [{"include": ["a\x00b"]}, {"a\ud800": 1}, {"storage_class_map": {"a": ["\x00"]}}])
def test_nor_is_it_taken_in_a_free_form_part(as_operator: Caller, options: dict[str, object]) -> None:
    place = {"connection": "Old store", "bucket": "photos"}
    body = {"name": "Archive", "source": place, "destination": place, "options": options}

    response = as_operator.post("/tasks", body)

    assert (response.status_code, "cannot be stored" in response.json()["detail"]) == (422, True)


def test_a_form_is_415(as_admin: Caller) -> None:
    response = as_admin.post("/connections", b"name=x", Content_Type="application/x-www-form-urlencoded")

    assert response.status_code == 415


def test_a_body_beyond_one_mebibyte_is_413(as_admin: Caller) -> None:
    response = as_admin.post("/connections", b'{"name": "' + b"x" * 1024 * 1024 + b'"}')

    assert response.status_code == 413


def test_an_unknown_field_is_422_at_its_pointer(as_admin: Caller) -> None:
    response = as_admin.post("/connections", new_connection(colour="red", **{"a/b": 1}))

    assert response.status_code == 422
    assert pointers(response) == ["/colour", "/a~1b"]


def test_wrong_types_are_422_each_at_its_pointer(as_admin: Caller) -> None:
    body = new_connection(name=7, expires_at="tomorrow", shared_with="all", kind="tape")

    response = as_admin.post("/connections", body)

    assert sorted(pointers(response)) == ["/expires_at", "/kind", "/name", "/shared_with"]


def test_missing_fields_are_named(as_admin: Caller) -> None:
    response = as_admin.post("/connections", {})

    assert sorted(pointers(response)) == ["/access_key_id", "/endpoint_url", "/name", "/secret_access_key"]


def test_an_unknown_parameter_is_422(as_admin: Caller) -> None:
    response = as_admin.get("/runs?stat=finished")

    assert (response.status_code, pointers(response)) == (422, ["/stat"])


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "cursor=x", "cursor=bnVsbA", "sort=name", "task=1"]
)
def test_a_parameter_of_the_wrong_kind_is_422_at_its_name(as_admin: Caller, query: str) -> None:
    response = as_admin.get(f"/runs?{query}")

    assert (response.status_code, pointers(response)) == (422, [f"/{query.split('=')[0]}"])


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("name", "a\x00"),
        ("name", "\ud800"),
        ("created_at", "2026-11-29T20:00:00"),
        ("created_at", "0001-01-01T00:00:00+23:59"),
        ("-created_at", "9999-12-31T23:59:59-23:59"),
    ],
)
def test_a_cursor_that_names_what_no_database_takes_is_422(as_admin: Caller, sort: str, value: str) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps([sort, value, str(uuid.uuid4())]).encode()).decode().rstrip("=")

    response = as_admin.get(f"/tasks?sort={sort}&cursor={cursor}")

    assert (response.status_code, pointers(response)) == (422, ["/cursor"])


def test_a_parameter_named_twice_is_400(as_admin: Caller) -> None:
    assert as_admin.get("/runs?state=ready&state=paused").status_code == 400


def test_an_id_that_is_none_is_404(as_admin: Caller) -> None:
    assert [as_admin.get(f"/{noun}/1").status_code for noun in ("runs", "tasks", "connections", "records")] == [404] * 4


def test_no_answer_is_kept_by_a_cache(as_admin: Caller) -> None:
    assert as_admin.get("/runs")["Cache-Control"] == "no-store"


def test_a_session_reads_without_and_writes_only_with_a_csrf_token(admin: User) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(admin)

    assert client.get("/api/v1/runs").status_code == 200
    refused = client.post("/api/v1/connections", new_connection(), content_type="application/json")

    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_refused")
    assert not Connection.objects.exists()


def test_a_session_with_the_csrf_token_may_write(admin: User) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(admin)
    client.cookies["csrftoken"] = "a" * 32

    response = client.post(
        "/api/v1/connections", new_connection(), content_type="application/json", headers={"X-CSRFToken": "a" * 32}
    )

    assert response.status_code == 201


def test_a_wrong_token_is_not_helped_out_by_a_cookie(admin: User) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(admin)

    assert client.get("/api/v1/runs", headers={"Authorization": "Bearer tcp_wrong"}).status_code == 401


def test_a_fault_of_ours_is_a_problem_that_tells_nothing(admin: User, settings: object) -> None:
    caller = Caller(admin)
    connection = services.create_connection(admin, services.ConnectionInput(**new_connection()))
    Connection.objects.filter(pk=connection.pk).update(test_steps=7, tested_at=connection.created_at)

    response = caller.get("/connections")

    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "Traceback" not in json.dumps(response.json())
