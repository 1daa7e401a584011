"""Connections: made, edited, tested, shared and deleted by admins; the secret goes in and never comes out."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, Q
from django.utils import timezone

from migrator.credentials import CredentialsUnreadable, Secret, seal, unseal
from migrator.engine.addresses import check_bucket_name, check_endpoint_url
from migrator.engine.errors import AddressProblem
from migrator.engine.probing import try_connection
from migrator.jobs.sides import address_rule, endpoint_of
from migrator.models import Connection, Role, Run, StoreProfile
from migrator.services.audit import note
from migrator.services.refusal import Problem, Refused
from migrator.services.rights import require

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from migrator.engine.probing import Step

# What may be empty is asked for elsewhere.
_SENDABLE = re.compile(r"[ -~]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionInput:
    """What a person says about a connection. An empty secret in an edit keeps the stored one."""

    name: str
    kind: str = Connection.Kind.GENERIC
    endpoint_url: str
    region: str = "us-east-1"
    access_key_id: str
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    expires_at: datetime | None = None
    addressing_style: str = Connection.Addressing.AUTO
    ca_pem: str = ""
    shared_with: Sequence[str] = ()


def create_connection(by: User, given: ConnectionInput) -> Connection:
    """Store an address and its keys, sealed."""
    require(by, Role.ADMIN)
    problems = _problems(given)
    if not given.secret_access_key:
        problems.append(Problem("secret_access_key", "Enter the secret key that belongs to the access key."))
    people = _people(given.shared_with, problems)
    if problems:
        raise Refused.of(problems)
    connection = Connection(id=uuid.uuid4(), created_by=by.get_username())
    _fill(connection, given)
    connection.sealed_secret = seal(_secret(given), connection.id)
    _save(connection, people)
    note(by, "connection.created", connection, endpoint_url=connection.endpoint_url)
    return connection


def update_connection(by: User, connection: Connection, given: ConnectionInput) -> Connection:
    """Edit a connection. Without a new secret the stored one stays, unless the address changes."""
    require(by, Role.ADMIN)
    problems = _problems(given, connection)
    moved = given.endpoint_url.strip().rstrip("/") != connection.endpoint_url
    if moved:
        _refuse_while_running(connection)
    if given.session_token and not given.secret_access_key:
        problems.append(Problem("secret_access_key", "A session token belongs to its own secret key. Enter both."))
    elif moved and not given.secret_access_key:
        # Else a stored secret could be sent to an address of someone's choice.
        problems.append(Problem("secret_access_key", "The address changed, so enter the secret key again."))
    people = _people(given.shared_with, problems)
    if problems:
        raise Refused.of(problems)
    secret = _secret(given) if given.secret_access_key else unseal(connection.sealed_secret, connection.id)
    _fill(connection, given)
    connection.sealed_secret = seal(secret, connection.id)
    _save(connection, people)
    note(by, "connection.updated", connection, secret_replaced=bool(given.secret_access_key))
    return connection


def _refuse_while_running(connection: Connection) -> None:
    """Keep the address of a frozen plan. New keys for the same address are always welcome."""
    tasks = Q(task__source_connection=connection) | Q(task__dest_connection=connection)
    run = Run.objects.filter(tasks).exclude(state__in=Run.ENDED).select_related("task").first()
    if run is not None:
        raise Refused(
            f'"{run}" has not ended, and its plan is made for this address. '
            "Cancel it or wait for its end, then change the address.",
            code="run_not_ended",
        )


def delete_connection(by: User, connection: Connection) -> None:
    """Delete a connection that no task uses."""
    require(by, Role.ADMIN)
    name = connection.name
    try:
        connection.delete()
    except ProtectedError as exc:
        raise Refused(f'"{name}" is used by a task, so it cannot be deleted.', code="connection_in_use") from exc
    note(by, "connection.deleted", name)


def run_connection_test(by: User, connection: Connection, bucket: str = "", *, write: bool = False) -> list[Step]:
    """Try a connection step by step and keep the outcome; `write` allows a small object under a reserved prefix."""
    require(by, Role.ADMIN)
    if bucket:
        _check(lambda: check_bucket_name(bucket), "bucket")
    try:
        steps = list(try_connection(endpoint_of(connection), bucket or None, write))
    except CredentialsUnreadable as exc:
        raise Refused(exc.advice, code="credentials_refused") from exc
    Connection.objects.filter(pk=connection.pk).update(
        tested_at=timezone.now(), test_steps=[asdict(step) for step in steps]
    )
    _keep_profile(connection, bucket, steps, write=write)
    note(by, "connection.tested", connection, bucket=bucket, write=write)
    return steps


def _keep_profile(connection: Connection, bucket: str, steps: list[Step], *, write: bool) -> None:
    """Store what a test found out about a bucket, for the next plan: by writing as a destination, else as a source."""
    facts = steps[-1].profile if steps else None
    if facts is not None:
        StoreProfile.objects.update_or_create(
            connection=connection,
            bucket=bucket,
            side=StoreProfile.Side.DESTINATION if write else StoreProfile.Side.SOURCE,
            defaults={"facts": facts, "probed_at": timezone.now()},
        )


def mark_mixed(by: User, connection: Connection, bucket: str) -> None:
    """Say that a source bucket holds objects whose ETag only looks like an MD5; from the next plan on."""
    require(by, Role.ADMIN)
    marked = _source_of(connection, bucket).filter(mixed_since=None)
    if marked.update(mixed_since=timezone.now(), mixed_by=by.get_username()):
        note(by, "connection.mixed_marked", connection, bucket=bucket)


def unmark_mixed(by: User, connection: Connection, bucket: str) -> None:
    """Take such a mark back: from the next plan on what was found out by reading counts again."""
    require(by, Role.ADMIN)
    marked = _source_of(connection, bucket).exclude(mixed_since=None)
    if marked.update(mixed_since=None, mixed_by=""):
        note(by, "connection.mixed_unmarked", connection, bucket=bucket)


def _source_of(connection: Connection, bucket: str) -> QuerySet[StoreProfile]:
    """Return the profile of a source bucket; what is known as a destination alone has none to mark."""
    _check(lambda: check_bucket_name(bucket), "bucket")
    known = StoreProfile.objects.filter(connection=connection, bucket=bucket)
    source = known.filter(side=StoreProfile.Side.SOURCE)
    if source.exists():
        return source
    if known.exists():
        words = f'"{bucket}" is known as a destination only, and only a source can be marked. Test it without writing.'
    else:
        words = f'Nothing is known yet of "{bucket}" as a source. Test it without writing, then mark it.'
    raise Refused(words, field="bucket")


def _problems(given: ConnectionInput, connection: Connection | None = None) -> list[Problem]:
    problems: list[Problem] = []
    if not given.name.strip():
        problems.append(Problem("name", "Give the connection a name."))
    if len(given.name) > 100:
        problems.append(Problem("name", "A name has at most 100 characters."))
    others = Connection.objects.filter(name=given.name.strip())
    if connection is not None:
        others = others.exclude(pk=connection.pk)
    if others.exists():
        problems.append(Problem("name", f'There already is a connection called "{given.name.strip()}".'))
    if given.kind not in Connection.Kind.values:
        problems.append(Problem("kind", f"The kind is one of {', '.join(Connection.Kind.values)}."))
    if given.addressing_style not in Connection.Addressing.values:
        problems.append(
            Problem(
                "addressing_style",
                f"The addressing style is one of {', '.join(Connection.Addressing.values)}.",
            )
        )
    if not given.access_key_id.strip():
        problems.append(Problem("access_key_id", "Enter the access key."))
    if not given.region.strip():
        problems.append(Problem("region", "Enter the region, or us-east-1 if the service has none."))
    problems += _unsendable(given)
    try:
        check_endpoint_url(given.endpoint_url, address_rule())
    except AddressProblem as exc:
        problems.append(Problem("endpoint_url", exc.sentence))
    return problems


def _unsendable(given: ConnectionInput) -> list[Problem]:
    """Name what stands in a header of each request and cannot: what is copied from a page may bring signs unseen."""
    told = {"access_key_id": "access key", "session_token": "session token", "region": "region"}
    return [
        Problem(field, f"The {words} holds a sign that cannot be sent. Type it again.")
        for field, words in told.items()
        if not _SENDABLE.fullmatch(getattr(given, field).strip())
    ]


def _check(check: Any, field_name: str) -> None:
    try:
        check()
    except AddressProblem as exc:
        raise Refused(exc.sentence, field=field_name) from exc


def _people(names: Sequence[str], problems: list[Problem]) -> list[User]:
    people = list(User.objects.filter(username__in=names))
    missing = set(names) - {person.username for person in people}
    if missing:
        problems.append(Problem("shared_with", f"There is nobody called {', '.join(sorted(missing))}."))
    return people


def _secret(given: ConnectionInput) -> Secret:
    return Secret(given.secret_access_key.strip(), given.session_token.strip())


def _fill(connection: Connection, given: ConnectionInput) -> None:
    connection.name = given.name.strip()
    connection.kind = given.kind
    connection.endpoint_url = given.endpoint_url.strip().rstrip("/")
    connection.region = given.region.strip()
    connection.access_key_id = given.access_key_id.strip()
    connection.expires_at = given.expires_at
    connection.addressing_style = given.addressing_style
    connection.ca_pem = given.ca_pem.strip()


def _save(connection: Connection, people: list[User]) -> None:
    try:
        with transaction.atomic():
            connection.save()
            connection.shared_with.set(people)
    except IntegrityError as exc:
        raise Refused(f'There already is a connection called "{connection.name}".', field="name") from exc
