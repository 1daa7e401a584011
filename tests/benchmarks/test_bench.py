"""The whole bench in small, for its correctness: no time that it measures passes or fails anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import one_pass
from tests.benchmarks.bars import FIGURES, MEMORY
from tests.benchmarks.programme import SETS
from tests.environment import ORDINARY
from tests.servers import found_program

pytestmark = [pytest.mark.slow, pytest.mark.longest, pytest.mark.extras]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, project_root: Path) -> dict[str, Any]:
    """What `python -m tests.benchmarks --quick` keeps, against two sandboxes."""
    for program in ("rclone", "s5cmd"):
        found_program(program)
    file = tmp_path_factory.mktemp("bench") / "bench.json"
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", str(file)]
    done = subprocess.run(command, cwd=project_root, env=ORDINARY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(file.read_text(encoding="utf-8")))


def test_every_figure_has_a_row_but_those_that_sandboxes_cannot_show(kept: dict[str, Any]) -> None:
    figures = [bar.figure for bar in FIGURES if bar.contest != "latency"]
    buffers = 2 * len(one_pass.BUFFERS) + 1

    assert [row["figure"] for row in kept["rows"][:-buffers]] == [*figures, MEMORY.figure]
    assert [row["contest"] for row in kept["rows"][-buffers:]] == ["pass"] * buffers
    assert [why.partition(":")[0] for why in kept["not_measured"]] == ["latency"]


def test_every_figure_lies_in_its_spread_and_is_plausible(kept: dict[str, Any]) -> None:
    rows = {row["figure"]: row for row in kept["rows"]}

    assert [name for name, row in rows.items() if not row["low"] <= row["value"] <= row["high"]] == []
    assert [name for name, row in rows.items() if not 0.01 < row["value"] < 1000] == []
    assert {row["verdict"] for row in rows.values()} <= {"reached", "not reached"}


def test_every_contestant_had_its_turn(kept: dict[str, Any]) -> None:
    taken = {name: list(contest["taken"]) for name, contest in kept["contests"].items()}

    assert list(taken) == [name for name in SETS if name != "latency"]
    assert {who.partition(",")[0] for who in taken["small"]} == {"ours", "s5cmd", "rclone"}
    assert taken["huge"] == ["ours, standard"]


def test_everything_that_was_spent_is_known(kept: dict[str, Any]) -> None:
    spent = [
        each
        for contest in kept["contests"].values()
        for steps in contest["taken"].values()
        for turns in steps.values()
        for each in turns
    ]

    assert [each for each in spent if not (each["seconds"] > 0 and each["cpu_seconds"] > 0)] == []
    assert [each for each in spent if not 5 < each["peak_mib"] < 2000] == []


def test_it_says_what_the_figures_were_taken_on(kept: dict[str, Any]) -> None:
    about = kept["about"]

    assert [said.split()[0] for said in about["peers"]] == ["rclone", "s5cmd"]
    assert "Truecopy-Sandbox at http://127.0.0.1:" in about["servers"]
    assert "its websocket" in about["page"]
    assert about["quick"] is True
