"""Where the bytes come from and where they go: two S3 endpoints, and what the bench does there besides measuring."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from enum import StrEnum
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent.parent
# The one region whose name a request to make a bucket must not carry.
_FIRST_REGION = "us-east-1"
_SANDBOX_READY = "sandbox listening on "


class Addressing(StrEnum):
    """Where a request names the bucket. In its path is what every store on an address of its own understands."""

    PATH = "path"
    VIRTUAL = "virtual"


@dataclass(frozen=True, slots=True)
class Place:
    """One S3 endpoint to measure against."""

    url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str = _FIRST_REGION
    addressing: Addressing = Addressing.PATH


@dataclass(frozen=True, slots=True)
class Ends:
    """A source and a destination."""

    source: Place
    dest: Place

    @property
    def take_paths(self) -> bool:
        """Whether both take the name of a bucket in the path."""
        return {self.source.addressing, self.dest.addressing} == {Addressing.PATH}


@dataclass(frozen=True, slots=True)
class Held:
    """What a bucket held."""

    objects: int
    size: int


def client_of(place: Place) -> Any:
    """Return another client than ours, to fill a store and to look at it."""
    return boto3.client(
        "s3",
        endpoint_url=place.url,
        region_name=place.region,
        aws_access_key_id=place.access_key_id,
        aws_secret_access_key=place.secret_access_key,
        config=Config(
            # Presigned addresses too: a store of today refuses those of the version before.
            signature_version="s3v4",
            s3={"addressing_style": place.addressing.value},
            retries={"total_max_attempts": 1},
        ),
    )


@contextmanager
def sandboxes(folder: Path) -> Iterator[Ends]:
    """Start two sandboxes, each a process of its own, and stop them again."""
    with ExitStack() as stack:
        source, dest = (stack.enter_context(_sandbox(folder / side)) for side in ("source", "dest"))
        yield Ends(source, dest)


@contextmanager
def bucket(place: Place, name: str) -> Iterator[str]:
    """Make a bucket; afterwards empty it and remove it."""
    client = client_of(place)
    client.create_bucket(Bucket=name, **_in_region(place))
    try:
        yield name
    finally:
        emptied(place, name)
        client.delete_bucket(Bucket=name)
        client.close()


def _in_region(place: Place) -> dict[str, Any]:
    if place.region == _FIRST_REGION:
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": place.region}}


def emptied(place: Place, name: str) -> Held:
    """Remove what a bucket holds and return how much that was."""
    client = client_of(place)
    objects = size = 0
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
        entries = page.get("Contents", [])
        objects += len(entries)
        size += sum(entry["Size"] for entry in entries)
        if entries:
            gone = [{"Key": entry["Key"]} for entry in entries]
            client.delete_objects(Bucket=name, Delete={"Objects": gone, "Quiet": True})
    client.close()
    return Held(objects, size)


def server_of(place: Place) -> str:
    """Return what the server calls itself."""
    try:
        name = _headers_of(place.url).get("Server")
    except OSError as exc:
        raise SystemExit(f"{place.url} does not answer: {exc}") from exc
    return f"{name or 'a server without a name'} at {place.url}"


def has_latency_switch(ends: Ends) -> bool:
    """Whether both servers can be told to answer late: fasts3 can, by a path of its own."""
    try:
        return all(_set_latency(place, 0) for place in (ends.source, ends.dest))
    except OSError:
        return False


@contextmanager
def late_answers(ends: Ends, milliseconds: float) -> Iterator[None]:
    """Let both servers wait before each answer."""
    try:
        for place in (ends.source, ends.dest):
            _set_latency(place, milliseconds)
        yield
    finally:
        for place in (ends.source, ends.dest):
            _set_latency(place, 0)


def _set_latency(place: Place, milliseconds: float) -> bool:
    return _headers_of(f"{place.url.rstrip('/')}/__lat?ms={milliseconds}").get("Server") == "fasts3"


def _headers_of(url: str) -> Message:
    """Ask without a signature; what a refusal says of the server is enough."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            headers: Message = answer.headers
            return headers
    except urllib.error.HTTPError as refusal:
        return refusal.headers


@contextmanager
def _sandbox(folder: Path) -> Iterator[Place]:
    folder.mkdir(parents=True)
    key, secret = "bench", "not-a-secret-only-for-benchmarks"
    config = {"root": "objects", "port": 0, "keys": [{"access_key_id": key, "secret_access_key": secret}]}
    (folder / "sandbox.json").write_text(json.dumps(config), encoding="ascii")
    command = [sys.executable, "-m", "migrator.sandbox", str(folder / "sandbox.json")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline().strip()
            if not said.startswith(_SANDBOX_READY):
                raise RuntimeError(f"the sandbox did not start: {said}")
            yield Place(said.removeprefix(_SANDBOX_READY), key, secret)
        finally:
            process.terminate()
            process.wait(timeout=20)
