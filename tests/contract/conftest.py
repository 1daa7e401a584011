"""One suite for any S3 endpoint: the sandbox, versitygw where it is installed, a real store by variable.

TRUECOPY_S3_URL, TRUECOPY_S3_KEY, TRUECOPY_S3_SECRET, TRUECOPY_S3_BUCKET and, if need be, TRUECOPY_S3_REGION name
a store with a bucket in which the suite may write below a prefix of its own. TRUECOPY_VERSITYGW names the program
of that store where it is not on the path.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrator.engine.addresses import AddressRule
from migrator.engine.errors import EngineError
from migrator.engine.listing import list_objects
from migrator.engine.stores import Endpoint, Store
from migrator.sandbox import Sandbox

BUCKET = "contract-bucket"
RULE = AddressRule(allow_private=True)


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


PLACES = ["sandbox", pytest.param("versitygw", marks=pytest.mark.extras)]
if "TRUECOPY_S3_URL" in os.environ:
    PLACES.append(pytest.param("real", marks=pytest.mark.extras))


@pytest.fixture(scope="session", params=PLACES)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Endpoint, str, str]]:
    """An endpoint, a bucket and the kind of store."""
    if request.param == "sandbox":
        with Sandbox(tmp_path_factory.mktemp("sandbox"), buckets=[BUCKET]) as sandbox:
            key = sandbox.key
            yield _endpoint(sandbox.url, key.access_key_id, key.secret_access_key), BUCKET, "sandbox"
    elif request.param == "versitygw":
        yield from _versitygw(tmp_path_factory.mktemp("versitygw"))
    else:
        yield _real()


@pytest.fixture
def ground(place: tuple[Endpoint, str, str]) -> Iterator[Ground]:
    """A place for one test, emptied afterwards."""
    endpoint, bucket, kind = place
    store = Store(endpoint)
    ground = Ground(store, bucket, f"truecopy-contract/{secrets.token_hex(8)}/", kind)
    yield ground
    for upload in store.list_uploads(bucket, ground.prefix):
        store.abort_until_gone(bucket, upload.key, upload.upload_id)
    for entry in list(list_objects(store, bucket, ground.prefix)):
        with suppress(EngineError):
            store.delete(bucket, entry.key)
    store.close()


def _endpoint(url: str, key: str, secret: str, region: str = "us-east-1") -> Endpoint:
    return Endpoint(url=url, access_key_id=key, secret_access_key=secret, region=region, rule=RULE)


def _real() -> tuple[Endpoint, str, str]:
    url = os.environ["TRUECOPY_S3_URL"]
    region = os.environ.get("TRUECOPY_S3_REGION", "us-east-1")
    endpoint = _endpoint(url, os.environ["TRUECOPY_S3_KEY"], os.environ["TRUECOPY_S3_SECRET"], region)
    return endpoint, os.environ["TRUECOPY_S3_BUCKET"], "real"


def _versitygw(folder: Path) -> Iterator[tuple[Endpoint, str, str]]:
    program = os.environ.get("TRUECOPY_VERSITYGW") or shutil.which("versitygw")
    if not program:
        pytest.skip("versitygw is neither on the path nor named by TRUECOPY_VERSITYGW")
    (folder / "data" / BUCKET).mkdir(parents=True)
    port = _free_port()
    server = subprocess.Popen(
        [program, "--port", f"127.0.0.1:{port}", "posix", str(folder / "data")],
        env={"PATH": os.environ["PATH"], "ROOT_ACCESS_KEY": "contract", "ROOT_SECRET_KEY": "contract-secret"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield _endpoint(f"http://127.0.0.1:{port}", "contract", "contract-secret"), BUCKET, "versitygw"
    finally:
        server.terminate()
        server.wait(timeout=10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    for _ in range(200):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise TimeoutError("versitygw did not start")
