"""Row C6: who wrote small objects dies before the listing that would have confirmed them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.sandbox import Sandbox
from migrator.sandbox.faults import Strike
from tests.benchmarks.places import Place
from tests.benchmarks.product import Product, started

pytestmark = pytest.mark.slow

BODIES = {f"photos/{number:03}": os.urandom(3_000 + number) for number in range(40)}
STALLED = {"side": "destination", "operation": "ListObjectsV2", "calls": "1", "action": "stall", "value": 30}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """An installation with one worker, that soon takes a silent one for lost."""
    home = tmp_path_factory.mktemp("product")
    with started(home, workers=1, settings={"STALE_AFTER_SECONDS": "5"}) as product:
        yield product


def test_row_c6_what_was_written_before_a_death_is_found_already_there(tmp_path: Path, product: Product) -> None:
    with Sandbox(tmp_path / "source") as source, Sandbox(tmp_path / "dest") as dest:
        for key, body in BODIES.items():
            source.seed("from-here", key, body)
        dest.create_bucket("to-there")
        run = _planned(product, source, dest)
        killed: list[int] = []

        def kill_the_horse(_: Strike) -> None:
            killed.extend(set(product.workers) - idle)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

        idle = set(product.workers)
        dest.on_fired(kill_the_horse)
        dest.plan_faults([STALLED])
        product.call("POST", f"/runs/{run['id']}/actions/start")
        run = product.ended(run, 120)

        assert killed
        assert dest.unfired == ()
        assert (run["state"], run["counts"]["verified"]) == ("finished", len(BODIES))
        records = product.call("GET", f"/runs/{run['id']}/integrity/records?limit=100")["items"]
        assert sorted(record["object_key"] for record in records) == sorted(BODIES)
        assert {tuple(record["notes"]) for record in records} == {("already_there",)}
        # Each was written once, by the one that died; the oracle reads the disk.
        assert [entry.operation for entry in dest.log].count("PutObject") >= len(BODIES)
        assert {key: dest.stored_bytes("to-there", key) for key in dest.keys("to-there")} == BODIES
        assert dest.open_uploads() == []


@pytest.mark.parametrize("bodies", [[b"same"] * 6, [b"v" * size for size in range(1, 7)]], ids=["same", "different"])
def test_a_death_in_the_midst_of_a_history_leaves_no_version_twice_and_none_out(
    tmp_path: Path, product: Product, bodies: list[bytes]
) -> None:
    traits = {"versioned": True}
    with Sandbox(tmp_path / "source", traits=traits) as source, Sandbox(tmp_path / "dest", traits=traits) as dest:
        for body in bodies:
            source.seed("from-here", "diary", body)
        dest.create_bucket("to-there")
        run = _planned(product, source, dest, versions="all")
        idle, killed = set(product.workers), list[int]()

        def kill_the_horse(_: Strike) -> None:
            killed.extend(set(product.workers) - idle)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

        dest.on_fired(kill_the_horse)
        # The third version is written, and the worker dies before it hears of it.
        dest.plan_faults([{"side": "destination", "operation": "PutObject", "calls": "3", "action": "drop_reply"}])
        product.call("POST", f"/runs/{run['id']}/actions/start")
        run = product.ended(run, 120)

        assert killed
        assert dest.unfired == ()
        assert (run["state"], run["counts"]["verified"]) == ("finished", len(bodies))
        versions = dest.version_ids("to-there", "diary")
        assert [dest.stored_bytes("to-there", "diary", version) for version in versions] == bodies
        records = product.call("GET", f"/runs/{run['id']}/integrity/records?limit=100")["items"]
        assert [record["dest_version_id"] for record in records] == versions


def _planned(product: Product, source: Sandbox, dest: Sandbox, **options: object) -> dict[str, object]:
    """Return a run that is ready to start."""
    ends = [
        (product.connect(side.url, Place(side.url, side.key.access_key_id, side.key.secret_access_key)), bucket)
        for side, bucket in ((source, "from-here"), (dest, "to-there"))
    ]
    task = product.task(f"From {source.url}", ends[0], ends[1], **options)
    run = product.call("POST", f"/tasks/{task}/runs", {"kind": "copy", "start": False})
    until = time.monotonic() + 60
    while run["state"] == "planning" and time.monotonic() < until:
        time.sleep(0.2)
        run = product.call("GET", f"/runs/{run['id']}")
    assert run["state"] == "ready"
    return run
