"""I5: the memory of a worker does not grow with what it copies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from integrity.layouts import MIB
from migrator.sandbox import Sandbox
from tests.faults.two_stores import DEST, SOURCE

PEAK = """
import sys
from migrator.engine.addresses import AddressRule
from migrator.engine.copying import Copier, CopyOptions, Side
from migrator.engine.listing import list_objects
from migrator.engine.planning import plan
from migrator.engine.stores import Endpoint, Store
from tests.faults.two_stores import DEST, SOURCE, Told

def store(url):
    keys = {"access_key_id": "sandbox", "secret_access_key": "sandbox-secret"}
    return Store(Endpoint(url=url, rule=AddressRule(True), **keys))

source, dest = (store(url) for url in sys.argv[1:3])
(batch,) = plan(list_objects(source, SOURCE), ())
sides = Side(source, SOURCE), Side(dest, DEST)
copier = Copier(*sides, CopyOptions(), Told(), concurrency=int(sys.argv[3]))
assert all(not finding.error_code for finding in copier.copy_batch(batch.items))
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def peak_kib(root: Path, sizes: list[int], concurrency: int = 8) -> int:
    with Sandbox(root / "source", buckets=[SOURCE]) as source, Sandbox(root / "dest", buckets=[DEST]) as dest:
        for number, size in enumerate(sizes):
            source.seed_sparse(SOURCE, f"film-{number}", size)
        done = subprocess.run(
            [sys.executable, "-c", PEAK, source.url, dest.url, str(concurrency)],
            capture_output=True,
            text=True,
            check=True,
        )
    return int(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
@pytest.mark.parametrize(
    ("sizes", "more_mib"),
    [
        # One object fills no budget; many do, and their requests hold copies beside it.
        pytest.param([40 * MIB] * 6, 80, id="several"),
        pytest.param([768 * MIB], 40, id="large", marks=pytest.mark.slow),
        pytest.param([15 * MIB] * 24, 80, id="singles", marks=pytest.mark.slow),
    ],
)
def test_peak_memory_does_not_grow_with_what_is_copied(tmp_path: Path, sizes: list[int], more_mib: int) -> None:
    small = peak_kib(tmp_path / "small", [64 * MIB])

    assert peak_kib(tmp_path / "more", sizes) - small < more_mib * 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_peak_memory_does_not_grow_with_how_many_may_be_at_work(tmp_path: Path) -> None:
    sizes = [24 * MIB] * 40
    usual = peak_kib(tmp_path / "usual", sizes)

    assert peak_kib(tmp_path / "many", sizes, concurrency=64) - usual < 20 * 1024
