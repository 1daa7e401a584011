"""From rows to what the engine works with: endpoints, stores, and the two sides of a run."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.conf import settings

from integrity.digests import Algorithm
from integrity.evidence import profile_from_json
from integrity.history import Places
from integrity.verdicts import Fidelity, Policy, PolicyName
from migrator import credentials
from migrator.engine.addresses import AddressRule
from migrator.engine.copying import CopyOptions, Side
from migrator.engine.pacing import Patience
from migrator.engine.stores import Endpoint, Store

if TYPE_CHECKING:
    import uuid
    from datetime import datetime

    from migrator.models import Connection, Run

# So many stores stay open between two questions; a job needs two.
MOST_STORES = 16
# Clients are made after the fork, and live until the row they were made from is edited or others were asked for since.
_stores: dict[tuple[int, uuid.UUID, datetime, bool], Store] = {}


def address_rule() -> AddressRule:
    """Return which addresses this installation may reach."""
    return AddressRule(allow_private=settings.ONE_MACHINE, allowed=tuple(settings.ENDPOINT_ALLOW))


def endpoint_of(connection: Connection) -> Endpoint:
    """Open the credentials of a connection; raises `CredentialsUnreadable`."""
    secret = credentials.unseal(connection.sealed_secret, connection.id)
    return Endpoint(
        url=connection.endpoint_url,
        region=connection.region,
        access_key_id=connection.access_key_id,
        secret_access_key=secret.secret_access_key,
        session_token=secret.session_token,
        addressing_style=connection.addressing_style,
        ca_pem=connection.ca_pem,
        rule=address_rule(),
        name=connection.name,
    )


def impatient_store_of(connection: Connection, *, requester_pays: bool = False) -> Store:
    """Return a store for a question that a person waits for: short deadlines, no second try."""
    endpoint = replace(endpoint_of(connection), requester_pays=requester_pays, connect_seconds=5, read_seconds=10)
    return Store(endpoint, patience=Patience(tries=1))


def store_of(connection: Connection, *, requester_pays: bool = False) -> Store:
    """Return this process's store for a connection, made anew when the connection was edited.

    `requester_pays`: each of its requests says that we pay for it.
    """
    key = (os.getpid(), connection.id, connection.updated_at, requester_pays)
    # The one that was asked for last stands last.
    store = _stores.pop(key, None) or Store(replace(endpoint_of(connection), requester_pays=requester_pays))
    _stores[key] = store
    while len(_stores) > MOST_STORES:
        _stores.pop(next(iter(_stores)), None)
    return store


def source_store_of(run: Run) -> Store:
    """Return the store that a run reads."""
    return store_of(run.task.source_connection, requester_pays=bool(run.options["requester_pays"]))


def sides_of(run: Run) -> tuple[Side, Side]:
    """Return source and destination of a planned run, with the profiles its plan was made under."""
    task, profiles = run.task, run.profiles
    source = Side(
        store=source_store_of(run),
        bucket=task.source_bucket,
        prefix=task.source_prefix,
        profile=profile_from_json(profiles.get("source", {})),
    )
    destination = Side(
        store=store_of(task.dest_connection),
        bucket=task.dest_bucket,
        prefix=task.dest_prefix,
        profile=profile_from_json(profiles.get("destination", {})),
    )
    return source, destination


def places_of(run: Run) -> Places:
    """Return the two places of a run as its records name them; an edit of a connection begins them anew."""
    task = run.task
    return Places(
        task=task.pk,
        source=task.source_place[:300],
        dest=task.dest_place[:300],
        since=max(task.source_connection.updated_at, task.dest_connection.updated_at),
    )


def policy_of(options: dict[str, Any]) -> Policy:
    """Return the policy that a run's options name."""
    return Policy(PolicyName(options["policy"]), Fidelity(options["fidelity"]))


def copy_options(run: Run) -> CopyOptions:
    """Return what the engine is told of a run's options."""
    options = run.options
    encryption = options["encryption"] or {}
    return CopyOptions(
        if_exists=options["if_exists"],
        policy=policy_of(options),
        tags=options["tags"],
        read_back_percent=options["read_back_percent"],
        # Another draw for each run, and one that anybody can draw again.
        read_back_seed=str(run.pk),
        double_read=options["double_read"],
        # A run that was planned before this option existed leaves nothing out.
        leave_out_digests=frozenset(map(Algorithm, options.get("leave_out_digests", ()))),
        bytes_per_s=options["bytes_per_s"],
        storage_class_map=options["storage_class_map"],
        encryption=encryption.get("type", ""),
        kms_key_id=encryption.get("key_id") or "",
    )
