"""A sandbox with one bucket, and a client for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migrator.sandbox import Sandbox
from tests.sandbox import wire

BUCKET = "photos"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes of any kind; all are stopped in the end."""
    started: list[Sandbox] = []

    def start(**settings: Any) -> Sandbox:
        sandbox = Sandbox(tmp_path / f"sandbox-{len(started)}", **{"buckets": [BUCKET], "seed": 7, **settings})
        started.append(sandbox)
        return sandbox.start()

    yield start
    for sandbox in started:
        sandbox.stop()


@pytest.fixture
def sandbox(make: Callable[..., Sandbox]) -> Sandbox:
    return make()


@pytest.fixture
def s3(sandbox: Sandbox) -> Iterator[Any]:
    client = wire.client(sandbox)
    yield client
    client.close()


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    """Clients for sandboxes of one's own, closed in the end."""
    opened: list[Any] = []

    def connect(sandbox: Sandbox, **settings: Any) -> Any:
        opened.append(wire.client(sandbox, **settings))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()
