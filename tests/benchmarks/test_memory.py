"""What is made of the memory of a worker, and the whole measurement in small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.memory import QUICK_COUNTS, QUICK_SIZES, Point, Series, sets_of
from tests.benchmarks.sets import GIB, MIB
from tests.benchmarks.table import memory_rows, printed
from tests.environment import ORDINARY


def _series(of: str, unit: int, *peaks: float) -> Series:
    large, many = sets_of([64 * MIB, 5 * GIB, 20 * GIB], [100, 10_000, 1_010_000])
    objects = large if of == "size" else many
    return Series(
        of, unit, "unit", [Point(each, 1.0, peak, peak, {}) for each, peak in zip(objects, peaks, strict=True)]
    )


def test_the_slope_is_that_of_the_last_step_for_the_first_fills_what_is_bounded() -> None:
    assert _series("size", GIB, 100, 150, 165).slope == 1.0
    assert _series("count", 1_000_000, 100, 120, 122).slope == 2.0


@pytest.mark.parametrize(
    ("peaks", "verdicts"),
    [
        ((100, 150, 150), ["reached", "reached"]),
        ((100, 150, 159), ["reached", "not reached"]),
        ((100, 161, 161), ["not reached", "reached"]),
    ],
)
def test_neither_a_large_worker_nor_a_growing_one_reaches_its_bar(
    peaks: tuple[float, ...], verdicts: list[str]
) -> None:
    peak, slope = memory_rows(_series("size", GIB, *peaks))

    assert [peak.verdict, slope.verdict] == verdicts
    assert peak.value == max(peaks)
    assert "5,120 MiB" in peak.ours


def test_a_worker_that_is_too_large_says_which_process_it_was_and_what_was_beside_it() -> None:
    large, _ = sets_of([64 * MIB, 5 * GIB], [])
    points = [
        Point(large[0], 1.0, 100, 100, {}, peak_of="a worker itself"),
        Point(large[1], 1.0, 161, 170, {"serve": 121.0}, peak_of="what a worker forked for a job"),
    ]

    for row in memory_rows(Series("size", GIB, "GiB", points)):
        assert "the largest was what a worker forked for a job, at 5,120 MiB; " in printed([row])
        assert "a worker with what it forked 170 MiB; beside it serve 121 MiB" in printed([row])


@pytest.mark.slow
@pytest.mark.longest
def test_the_measurement_in_small_has_a_point_for_each_size_and_count(tmp_path: Path, project_root: Path) -> None:
    file = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.benchmarks", "--only", "memory", "--quick", "--json", str(file)]

    done = subprocess.run(command, cwd=project_root, env=ORDINARY, capture_output=True, text=True, timeout=900)

    assert done.returncode == 0, done.stderr
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    sizes, counts = (series["points"] for series in kept["memory"])
    assert [point["objects"]["size"] for point in sizes] == list(QUICK_SIZES)
    assert [point["objects"]["count"] for point in counts] == list(QUICK_COUNTS)
    for point in (*sizes, *counts):
        # A worker is never smaller than what it imports, and a report is made by somebody.
        assert 50 < point["peak_mib"] < 500
        assert 50 < point["tree_mib"] < 1000
        assert {"serve", "cron"} <= set(point["others_mib"])
        assert min(point["reports_mib"].values()) > 50
    assert [row["contest"] for row in kept["rows"]] == ["memory"] * 4
