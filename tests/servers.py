"""Real S3 servers that are not ours, each started with one call: for the contract suite and for whole migrations.

Their programs are looked for on the path, where `.ci/run` puts them.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.benchmarks.places import Place, client_of

KEY, SECRET = "example-access-key", "example-secret-key"
_SECONDS_TO_START = 60


@contextmanager
def started_server(kind: str, folder: Path, buckets: Sequence[str]) -> Iterator[Place]:
    """Start a server of this kind with its data in `folder`, make the buckets, and stop it again."""
    program, command_of = SERVERS[kind]
    found = found_program(program)
    port = free_port()
    (folder / "data").mkdir(parents=True)
    secrets = {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}
    with (folder / "log").open("wb") as log:
        command = [found, *command_of(port, folder)]
        server = subprocess.Popen(command, env=os.environ | secrets, cwd=folder, stdout=log, stderr=log)
        try:
            place = Place(f"http://127.0.0.1:{port}", KEY, SECRET)
            _make_buckets(place, buckets, server)
            yield place
        finally:
            # Nothing of theirs is kept, and not every one of them ends soon when it is asked to.
            server.kill()
            server.wait(timeout=20)


def found_program(name: str) -> str:
    """Return where a program is; without it the test is skipped, or fails where `.ci/run` should have installed it."""
    found = shutil.which(name)
    if found is None:
        no_program = pytest.fail if os.environ.get("CI") else pytest.skip
        no_program(f"there is no {name} on the path (.ci/run installs it)")
    return str(found)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _make_buckets(place: Place, buckets: Sequence[str], server: subprocess.Popen[bytes]) -> None:
    """Make the buckets as soon as the server takes requests."""
    client, left = client_of(place), list(buckets)
    deadline = time.monotonic() + _SECONDS_TO_START
    while left:
        try:
            client.create_bucket(Bucket=left[0])
            left.pop(0)
        except (BotoCoreError, ClientError) as exc:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{server.args!r} did not start") from exc
            time.sleep(0.1)
    client.close()


def _versitygw(port: int, folder: Path) -> list[str]:
    return ["--port", f"127.0.0.1:{port}", "posix", str(folder / "data")]


def _seaweedfs(port: int, folder: Path) -> list[str]:
    keys = [{"accessKey": KEY, "secretKey": SECRET}]
    identities = {"identities": [{"name": "tests", "credentials": keys, "actions": ["Admin"]}]}
    (folder / "identities.json").write_text(json.dumps(identities), encoding="ascii")
    ports = {f"-{part}.port": free_port() for part in ("master", "volume", "filer")}
    ports |= {f"-{part}.port.grpc": free_port() for part in ("master", "volume", "filer", "s3")}
    given = [f"{name}={port}" for name, port in ports.items()]
    where = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder / 'data'}", f"-s3.port={port}"]
    return ["server", "-s3", *where, *given, f"-s3.config={folder / 'identities.json'}", "-volume.max=50"]


def _rclone(port: int, folder: Path) -> list[str]:
    return ["serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}", str(folder / "data")]


# The program on the path, and the arguments it is started with.
SERVERS: dict[str, tuple[str, Callable[[int, Path], list[str]]]] = {
    "versitygw": ("versitygw", _versitygw),
    "seaweedfs": ("weed", _seaweedfs),
    "rclone": ("rclone", _rclone),
}
