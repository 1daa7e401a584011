"""/connections: where objects are kept, and the keys to it. A secret goes in and never comes out."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import Query as FromQuery
from ninja import Router, Schema, Status
from pydantic import Field

from migrator import services
from migrator.models import Connection, Role, StoreProfile, role_of
from migrator.models.run_facts import time_text
from migrator.web.access import found_or_404, visible_connections
from migrator.web.api.bodies import Body, Flag, LongText, Text, Time
from migrator.web.api.etags import check_unchanged, etag_of
from migrator.web.api.paging import Page, paged
from migrator.web.api.people import person_asking

if TYPE_CHECKING:
    from django.contrib.auth.models import User

router = Router(tags=["connections"])

Kind = Literal["generic", "aws", "minio", "ceph", "r2", "gcs", "b2", "wasabi", "sandbox"]
Addressing = Literal["path", "virtual", "auto"]
Endpoint = Annotated[Text, Field(max_length=500)]
Region = Annotated[Text, Field(max_length=60)]
AccessKey = Annotated[Text, Field(max_length=200)]


class NewConnection(Body):
    """A storage service and the keys to it."""

    name: Text
    kind: Kind = "generic"
    endpoint_url: Endpoint
    region: Region = "us-east-1"
    access_key_id: AccessKey
    secret_access_key: Annotated[Text, Field(json_schema_extra={"writeOnly": True, "format": "password"})]
    session_token: Annotated[LongText, Field(json_schema_extra={"writeOnly": True, "format": "password"})] = ""
    expires_at: Time | None = None
    addressing_style: Addressing = "auto"
    ca_pem: LongText = ""
    shared_with: list[Text] = []


class ConnectionChange(Body):
    """What is to change; what is left out stays. Without a secret the stored one stays."""

    name: Text | None = None
    kind: Kind | None = None
    endpoint_url: Endpoint | None = None
    region: Region | None = None
    access_key_id: AccessKey | None = None
    secret_access_key: Annotated[Text | None, Field(json_schema_extra={"writeOnly": True, "format": "password"})] = None
    session_token: Annotated[LongText | None, Field(json_schema_extra={"writeOnly": True, "format": "password"})] = None
    expires_at: Time | None = None
    addressing_style: Addressing | None = None
    ca_pem: LongText | None = None
    shared_with: list[Text] | None = None


class ConnectionTest(Body):
    """What to try. `write` allows a small object under a reserved prefix, which is removed again."""

    bucket: Text = ""
    write: Flag = False


class Marked(Body):
    """Which source bucket is meant."""

    bucket: Text


class TriedStep(Schema):
    """One step of a test, in words."""

    name: str
    outcome: str
    seconds: float | None = None
    words: str
    advice: str


class TrialAnswer(Schema):
    """What a test found out. `passed` is false as soon as one step failed."""

    passed: bool
    tested_at: str | None
    steps: list[TriedStep]


class ProfileAnswer(Schema):
    """The dated, probed facts about one bucket. `mixed_since` and `mixed_by`: who marked it as mixed, and when.

    `facts` are those that runs go by: in a marked bucket an `etag_single` of `md5` is `mixed`.
    """

    bucket: str
    side: str
    probed_at: str
    mixed_since: str | None
    mixed_by: str | None
    facts: dict[str, Any]


class ConnectionAnswer(Schema):
    """A connection without its secret. `shared_with` is null for those who may not know it."""

    id: str
    name: str
    kind: str
    endpoint_url: str
    region: str
    addressing_style: str
    has_ca_pem: bool
    access_key_hint: str
    expires_at: str | None
    shared_with: list[str] | None
    created_by: str
    created_at: str
    updated_at: str
    last_test: TrialAnswer | None
    profiles: list[ProfileAnswer]


class ConnectionPage(Schema):
    """One page of connections."""

    items: list[ConnectionAnswer]
    next_cursor: str | None


class ConnectionQuery(Page):
    """Filters of the list."""

    name: Text = ""
    kind: Kind | None = None
    sort: Literal["name", "-name", "created_at", "-created_at"] = "-created_at"


@router.get("", response=ConnectionPage, summary="List connections")
def list_connections(request: HttpRequest, asked: FromQuery[ConnectionQuery]) -> dict[str, Any]:
    """Operators see those shared with them, admins and auditors all."""
    person = person_asking(request)
    rows = visible_connections(person).prefetch_related("shared_with", "profiles")
    filters = Q()
    if asked.name:
        filters &= Q(name=asked.name)
    if asked.kind:
        filters &= Q(kind=asked.kind)
    found, next_cursor = paged(rows.filter(filters), asked, asked.sort)
    return {"items": [connection_facts(one, person) for one in found], "next_cursor": next_cursor}


@router.post("", response={201: ConnectionAnswer}, summary="Make a connection")
def create_connection(request: HttpRequest, given: NewConnection, response: HttpResponse) -> Status[dict[str, Any]]:
    """Admins only."""
    person = person_asking(request)
    connection = services.create_connection(person, services.ConnectionInput(**given.model_dump()))
    response["Location"] = f"/api/v1/connections/{connection.pk}"
    return Status(201, _answer(connection, person, response))


@router.get("/{uuid:connection_id}", response=ConnectionAnswer, summary="Read a connection")
def read_connection(request: HttpRequest, connection_id: uuid.UUID, response: HttpResponse) -> dict[str, Any]:
    """Never with its secret."""
    person = person_asking(request)
    return _answer(found_or_404(visible_connections(person), connection_id), person, response)


@router.patch("/{uuid:connection_id}", response=ConnectionAnswer, summary="Change a connection")
def change_connection(
    request: HttpRequest, connection_id: uuid.UUID, given: ConnectionChange, response: HttpResponse
) -> dict[str, Any]:
    """Admins only. A new address needs the secret again. `expires_at` may be set to null."""
    person = person_asking(request)
    connection = found_or_404(visible_connections(person), connection_id)
    check_unchanged(request, connection_facts(connection, person))
    changed = services.update_connection(person, connection, _merged(connection, given))
    return _answer(changed, person, response)


@router.delete("/{uuid:connection_id}", response={204: None}, summary="Delete a connection")
def delete_connection(request: HttpRequest, connection_id: uuid.UUID) -> Status[None]:
    """Admins only, and only while no task uses it."""
    person = person_asking(request)
    connection = found_or_404(visible_connections(person), connection_id)
    check_unchanged(request, connection_facts(connection, person))
    services.delete_connection(person, connection)
    return Status(204, None)


@router.post("/{uuid:connection_id}/actions/test", response=TrialAnswer, summary="Test a connection")
def try_connection(
    request: HttpRequest, connection_id: uuid.UUID, given: ConnectionTest | None = None
) -> dict[str, Any]:
    """Try it step by step. Admins only."""
    person = person_asking(request)
    connection = found_or_404(visible_connections(person), connection_id)
    given = given or ConnectionTest()
    services.run_connection_test(person, connection, given.bucket.strip(), write=given.write)
    connection.refresh_from_db()
    return _last_test(connection) or {"passed": False, "tested_at": None, "steps": []}


@router.post("/{uuid:connection_id}/actions/mark_mixed", response=ConnectionAnswer, summary="Mark a bucket as mixed")
def mark_mixed(request: HttpRequest, connection_id: uuid.UUID, given: Marked, response: HttpResponse) -> dict[str, Any]:
    """Say that some ETags of a source bucket are not made from the bytes. Admins only; from the next plan on."""
    person = person_asking(request)
    connection = found_or_404(visible_connections(person), connection_id)
    services.mark_mixed(person, connection, given.bucket.strip())
    return _answer(connection, person, response)


@router.post("/{uuid:connection_id}/actions/unmark_mixed", response=ConnectionAnswer, summary="Take such a mark back")
def unmark_mixed(
    request: HttpRequest, connection_id: uuid.UUID, given: Marked, response: HttpResponse
) -> dict[str, Any]:
    """What was found out by reading counts again. Admins only; from the next plan on."""
    person = person_asking(request)
    connection = found_or_404(visible_connections(person), connection_id)
    services.unmark_mixed(person, connection, given.bucket.strip())
    return _answer(connection, person, response)


def connection_facts(connection: Connection, person: User) -> dict[str, Any]:
    """Return what this person may know of a connection."""
    knows_people = role_of(person) is not Role.OPERATOR
    return {
        "id": str(connection.pk),
        "name": connection.name,
        "kind": connection.kind,
        "endpoint_url": connection.endpoint_url,
        "region": connection.region,
        "addressing_style": connection.addressing_style,
        "has_ca_pem": bool(connection.ca_pem),
        "access_key_hint": f"…{connection.access_key_id[-4:]}",
        "expires_at": time_text(connection.expires_at),
        "shared_with": sorted(one.get_username() for one in connection.shared_with.all()) if knows_people else None,
        "created_by": connection.created_by,
        "created_at": time_text(connection.created_at),
        "updated_at": time_text(connection.updated_at),
        "last_test": _last_test(connection),
        "profiles": [_profile_facts(one) for one in connection.profiles.all()],
    }


def _profile_facts(profile: StoreProfile) -> dict[str, Any]:
    return {
        "bucket": profile.bucket,
        "side": profile.side,
        "probed_at": time_text(profile.probed_at),
        "mixed_since": time_text(profile.mixed_since),
        "mixed_by": profile.mixed_by or None,
        "facts": profile.facts_in_use,
    }


def _answer(connection: Connection, person: User, response: HttpResponse) -> dict[str, Any]:
    facts = connection_facts(connection, person)
    response["ETag"] = etag_of(facts)
    return facts


def _last_test(connection: Connection) -> dict[str, Any] | None:
    if connection.tested_at is None:
        return None
    return {
        "passed": bool(connection.test_passed),
        "tested_at": time_text(connection.tested_at),
        "steps": connection.test_steps,
    }


def _merged(connection: Connection, given: ConnectionChange) -> services.ConnectionInput:
    """Return the connection as it shall be: what was named over what is stored. The secret is not read."""
    stored: dict[str, Any] = {
        "name": connection.name,
        "kind": connection.kind,
        "endpoint_url": connection.endpoint_url,
        "region": connection.region,
        "access_key_id": connection.access_key_id,
        "expires_at": connection.expires_at,
        "addressing_style": connection.addressing_style,
        "ca_pem": connection.ca_pem,
        "shared_with": [one.get_username() for one in connection.shared_with.all()],
    }
    named = given.model_dump(exclude_unset=True)
    nothing = {name for name, value in named.items() if value is None and name != "expires_at"}
    return services.ConnectionInput(**stored | {name: value for name, value in named.items() if name not in nothing})
