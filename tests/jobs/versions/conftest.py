"""Two stores that keep versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.sandbox import Sandbox
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """Two sandboxes with a bucket each that keeps versions."""
    traits = {"versioned": True}
    with (
        Sandbox(tmp_path / "source", buckets=[SOURCE_BUCKET], traits=traits, seed=1) as source,
        Sandbox(tmp_path / "dest", buckets=[DEST_BUCKET], traits=traits, seed=2, side="destination") as dest,
    ):
        yield Stores(source, dest)
