"""Breaks the integrity core and the rules for pages in many small ways: docs/mutants.md has what the tests notice.

    python -m tests.mutants                 all mutants
    python -m tests.mutants PATTERN ...     those whose names fit, such as 'integrity.verdicts.*[37]'

mutmut does the work, as pyproject.toml says. Fails where a mutant survives that the page does not list; a run of all
of them also fails where the page lists one that does not survive.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "mutants.md"
# The whole core; of what lists a bucket, the rules that a page is held to.
EVERY = ("integrity.*", "migrator.engine.listing.*_fault*", "migrator.engine.versions.*_fault*")
OUTCOMES = ("killed", "survived", "timeout", "no tests", "suspicious", "segfault", "not checked")


def main(chosen: list[str]) -> int:
    """Run the mutants, print what became of them, and return the exit code."""
    patterns = chosen or EVERY
    _mutmut("run", "--max-children", "1", *patterns)
    outcomes = {name: outcome for name, outcome in _outcomes().items() if _fits(name, patterns)}
    alive = {name for name, outcome in outcomes.items() if outcome != "killed"}
    listed = set(re.findall(r"`((?:integrity|migrator)\.\S+__mutmut_\d+)`", PAGE.read_text(encoding="utf-8")))
    print(_table(outcomes))
    _name("not killed, and not in docs/mutants.md", alive - listed)
    gone = set() if chosen else listed - alive
    _name("in docs/mutants.md, and not among the survivors", gone)
    return 1 if alive - listed or gone else 0


def _mutmut(*arguments: str) -> str:
    """Run mutmut with few and always the same cases of each property; return what it printed."""
    program = Path(sys.executable).with_name("mutmut")
    done = subprocess.run(
        [program, *arguments],
        cwd=ROOT,
        env=os.environ | {"PROPERTIES": "steady"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}\nmutmut {arguments[0]} ended with {done.returncode}")
    return done.stdout


def _outcomes() -> dict[str, str]:
    lines = re.findall(
        r"^ *((?:integrity|migrator)\.\S+): (.+)$", _mutmut("results", "--all", "true"), flags=re.MULTILINE
    )
    return dict(lines)


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _table(outcomes: Mapping[str, str]) -> str:
    """Return the counts by module, as the page has them."""
    counts: dict[str, Counter[str]] = {}
    for name, outcome in outcomes.items():
        counts.setdefault(name.rpartition(".")[0], Counter())[outcome] += 1
    counts["together"] = sum(counts.values(), Counter())
    columns = [each for each in OUTCOMES if counts["together"][each] or each in OUTCOMES[:3]]
    rows = [
        [f"`{module}`", found.total(), *(found[each] for each in columns)] for module, found in sorted(counts.items())
    ]
    heading = ["module", "tried", *columns]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (heading, ["---"] * len(heading), *rows))


def _name(words: str, names: Iterable[str]) -> None:
    for name in sorted(names):
        print(f"{words}: {name}")
        print("\n".join(line for line in _mutmut("show", name).splitlines() if line.startswith(("- ", "+ "))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
