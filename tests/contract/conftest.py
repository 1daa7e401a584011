"""One suite for any S3 endpoint: the sandbox, real servers where they are installed, a store of yours by variable.

TRUECOPY_S3_URL, TRUECOPY_S3_KEY, TRUECOPY_S3_SECRET, TRUECOPY_S3_BUCKET and, if need be, TRUECOPY_S3_REGION name
a store with a bucket in which the suite may write below a prefix of its own.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from migrator.engine.addresses import AddressRule
from migrator.engine.errors import EngineError, UploadGone
from migrator.engine.listing import list_objects
from migrator.engine.messages import ListedUpload
from migrator.engine.stores import Endpoint, Store
from migrator.sandbox import Sandbox
from tests.servers import started_server

BUCKET = "contract-bucket"
RULE = AddressRule(allow_private=True)
REAL_SERVERS = ("versitygw", "seaweedfs", "rclone")


@dataclass(frozen=True)
class Ground:
    """A store, a bucket in it, and a prefix that is ours."""

    store: Store
    bucket: str
    prefix: str
    kind: str

    def key(self, name: str) -> str:
        return self.prefix + name

    def read(self, name: str) -> bytes:
        body = self.store.open(self.bucket, self.key(name))
        try:
            return b"".join(body.chunks())
        finally:
            body.close()


PLACES = ["sandbox", *(pytest.param(kind, marks=pytest.mark.extras) for kind in REAL_SERVERS)]
if "TRUECOPY_S3_URL" in os.environ:
    PLACES.append(pytest.param("real", marks=pytest.mark.extras))


@pytest.fixture(scope="session", params=PLACES)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Endpoint, str, str]]:
    """An endpoint, a bucket and the kind of store."""
    kind = request.param
    if kind == "real":
        yield _real()
    elif kind == "sandbox":
        with Sandbox(tmp_path_factory.mktemp(kind), buckets=[BUCKET]) as sandbox:
            key = sandbox.key
            yield _endpoint(sandbox.url, key.access_key_id, key.secret_access_key), BUCKET, kind
    else:
        with started_server(kind, tmp_path_factory.mktemp(kind), [BUCKET]) as server:
            yield _endpoint(server.url, server.access_key_id, server.secret_access_key), BUCKET, kind


@pytest.fixture
def ground(request: pytest.FixtureRequest, place: tuple[Endpoint, str, str]) -> Iterator[Ground]:
    """A place for one test, emptied afterwards."""
    endpoint, bucket, kind = place
    for fact in request.node.iter_markers("differs"):
        if kind in fact.args:
            # Strict: where the server no longer differs, the test says so.
            request.node.add_marker(pytest.mark.xfail(strict=True, reason=f"{kind} {fact.kwargs['by']}"))
    store = Store(endpoint)
    ground = Ground(store, bucket, f"truecopy-contract/{secrets.token_hex(8)}/", kind)
    yield ground
    for upload in open_uploads(ground):
        store.abort_until_gone(bucket, upload.key, upload.upload_id)
    for entry in list(list_objects(store, bucket, ground.prefix)):
        with suppress(EngineError):
            store.delete(bucket, entry.key)
    store.close()


def open_uploads(ground: Ground) -> tuple[ListedUpload, ...]:
    """List what is open below our prefix; rclone says "no such upload" until it has seen a first one."""
    try:
        return ground.store.list_uploads(ground.bucket, ground.prefix)
    except UploadGone:
        if ground.kind != "rclone":
            raise
        return ()


def _endpoint(url: str, key: str, secret: str, region: str = "us-east-1") -> Endpoint:
    return Endpoint(url=url, access_key_id=key, secret_access_key=secret, region=region, rule=RULE)


def _real() -> tuple[Endpoint, str, str]:
    url = os.environ["TRUECOPY_S3_URL"]
    region = os.environ.get("TRUECOPY_S3_REGION", "us-east-1")
    endpoint = _endpoint(url, os.environ["TRUECOPY_S3_KEY"], os.environ["TRUECOPY_S3_SECRET"], region)
    return endpoint, os.environ["TRUECOPY_S3_BUCKET"], "real"
