"""`make bench`: the table of figures to reach, with what was measured on this machine.

    python -m tests.benchmarks                       against two sandboxes (slow servers: they check everything)
    python -m tests.benchmarks --source URL --dest URL --key ID      (the secret in TRUECOPY_BENCH_SECRET)
    python -m tests.benchmarks --only small,large    some contests only
    python -m tests.benchmarks --pass                only what the one pass over the bytes costs
    python -m tests.benchmarks --only memory         a worker at 64 MiB to 20 GiB, at 100 to 1,000,000 objects
    python -m tests.benchmarks --quick               a few small objects, for a look whether it works

Ratios count, not seconds: everybody copies the same objects between the same servers, in turns. docs/performance.md
says what each row means. The exit status says whether it could be measured, never how quick it was.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.benchmarks import memory, one_pass, peers, places, profiles, surroundings
from tests.benchmarks.contests import NotCopied, Outcome, held
from tests.benchmarks.endpoints import add_endpoints, named_ends
from tests.benchmarks.places import Ends
from tests.benchmarks.product import started
from tests.benchmarks.programme import CONTESTS, Programme
from tests.benchmarks.table import Row, memory_rows, pass_row, printed, rows_of

_PASS = "pass"
# Takes an hour, so only where it is asked for.
_MEMORY = "memory"
_ALL = (*CONTESTS, _PASS, _MEMORY)


@dataclass(slots=True)
class Found:
    """All that was measured, and what was not and why."""

    about: dict[str, object]
    rows: list[Row] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    profiles: dict[str, list[profiles.Share]] = field(default_factory=dict)
    memory: list[memory.Series] = field(default_factory=list)
    not_measured: list[str] = field(default_factory=list)
    failed: bool = False


def main() -> None:
    """Measure, print, and keep the figures as JSON."""
    wish = _wish()
    found = Found(_about(wish))
    if set(wish.only) & set(CONTESTS):
        _contests(wish, found)
    if _MEMORY in wish.only:
        _memory(wish, found)
    if _PASS in wish.only:
        found.rows += [pass_row(pairs) for pairs in one_pass.measured(wish.pairs, quick=wish.quick)]
    _print(found)
    _keep(found, wish.json)
    if found.failed:
        sys.exit(1)


def _wish() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    add_endpoints(parser)
    parser.add_argument("--servers", default="", metavar="WORDS", help="what to call the servers in the output")
    parser.add_argument("--pairs", type=int, help="turns of each contestant (5; with --quick 1)")
    parser.add_argument("--latency", type=float, metavar="MS", help="late answers too; only fasts3 can be told to")
    parser.add_argument("--only", help=f"some of: {', '.join(_ALL)} (all but the last)", metavar="NAMES")
    parser.add_argument("--pass", dest="only", action="store_const", const=_PASS, help="the same as --only pass")
    parser.add_argument("--profile", action="store_true", help="one more turn of ours each, sampled by py-spy")
    parser.add_argument("--quick", action="store_true", help="a few small objects: says whether it works, no more")
    parser.add_argument("--json", type=Path, default=places.ROOT / ".local/bench.json", metavar="FILE")
    wish = parser.parse_args()
    if bool(wish.source) != bool(wish.dest):
        parser.error("name both --source and --dest, or neither")
    wish.only = wish.only.split(",") if wish.only else [*CONTESTS, _PASS]
    if unknown := set(wish.only) - set(_ALL):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    wish.pairs = wish.pairs or (1 if wish.quick else 5)
    return wish


def _about(wish: argparse.Namespace) -> dict[str, object]:
    return {
        "truecopy": surroundings.truecopy(),
        "machine": surroundings.machine(),
        "date": surroundings.date(),
        "load_before": surroundings.load(),
        "pairs": wish.pairs,
        "quick": wish.quick,
        "servers": wish.servers,
        "peers": [],
        "page": "",
    }


def _contests(wish: argparse.Namespace, found: Found) -> None:
    """Hold every contest that is asked for and can be held here."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tc-bench-")))
        ends = _ends(wish, home, stack, found)
        product = stack.enter_context(started(home / "product"))
        product.open_pages()
        programme = Programme(product, ends, _peers(ends, found), stack, quick=wish.quick, latency=wish.latency)
        py_spy = _py_spy(wish, found)
        stamp = secrets.token_hex(3)
        for name in [name for name in CONTESTS if name in wish.only]:
            contest = programme.contest(name)
            if isinstance(contest, str):
                found.not_measured.append(contest)
                continue
            if py_spy is not None:
                contest = programme.profiled(contest, py_spy, found.profiles)
            try:
                found.outcomes.append(held(contest, wish.pairs, stamp, _say))
            except NotCopied as why:
                found.failed = True
                found.not_measured.append(f"{name}: {why}")
        frames = product.visitor.frames if product.visitor else 0
        found.about["page"] = f"the page of each run was open and got {frames} frames over its websocket"
    found.rows += rows_of(found.outcomes)


def _memory(wish: argparse.Namespace, found: Found) -> None:
    """Measure a worker at sizes and at numbers of objects far apart."""
    sizes = memory.QUICK_SIZES if wish.quick else memory.SIZES
    counts = memory.QUICK_COUNTS if wish.quick else memory.COUNTS
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tc-bench-")))
        ends = _ends(wish, home, stack, found)
        try:
            found.memory += memory.measured(ends, home, *memory.sets_of(sizes, counts), _say)
        except NotCopied as why:
            found.failed = True
            found.not_measured.append(str(why))
    found.rows += [row for series in found.memory for row in memory_rows(series)]


def _ends(wish: argparse.Namespace, home: Path, stack: ExitStack, found: Found) -> Ends:
    ends = named_ends(wish)
    if ends is None:
        ends = stack.enter_context(places.sandboxes(home))
        wish.servers = wish.servers or "two sandboxes of ours: slow servers, for they check everything they are told"
    names = [places.server_of(place) for place in (ends.source, ends.dest)]
    found.about["servers"] = f"{wish.servers + ': ' if wish.servers else ''}{' and '.join(names)}"
    return ends


def _peers(ends: Ends, found: Found) -> dict[str, str]:
    """Return the programs that are there and can go between these ends, and say their versions."""
    programs = {name: path for name in peers.PACKAGES if (path := peers.found(name)) is not None}
    missing = dict.fromkeys(peers.PACKAGES.keys() - programs, "it is not on the path and could not be installed")
    for name, why in (missing | peers.unfit_for(ends)).items():
        programs.pop(name, None)
        found.not_measured.append(f"everything against {name}: {why}")
    found.about["peers"] = [peers.version_of(name, path) for name, path in programs.items()]
    return programs


def _py_spy(wish: argparse.Namespace, found: Found) -> str | None:
    if not wish.profile:
        return None
    py_spy = peers.found("py-spy", "py-spy")
    if py_spy is None:
        found.not_measured.append("the profile: py-spy is not on the path and could not be installed")
    return py_spy


def _print(found: Found) -> None:
    print(printed(found.rows))
    if not all(row.reached for row in found.rows):
        print("\ndocs/performance.md says where the time goes; --profile shows it for this run")
    for contest, shares in found.profiles.items():
        print(f"\nwhere the workers were in {contest}, by the function itself:")
        if not shares:
            print("  py-spy saw nothing; it may have to run as root")
        for each in shares:
            print(f"  {each.share:6.1%}  {each.function}")
    if found.not_measured:
        print("\nnot measured:", *(f"  {sentence}" for sentence in found.not_measured), sep="\n")
    if found.about["quick"]:
        print("\nQuick: these figures say that the bench works, and nothing about speed.")
    print("\n" + "; ".join(_facts(found)))


def _facts(found: Found) -> list[str]:
    about = found.about
    facts = [str(about[name]) for name in ("truecopy", "machine", "date", "servers", "page") if about[name]]
    peers_said = about["peers"]
    if isinstance(peers_said, list) and peers_said:
        facts.append(f"peers {', '.join(peers_said)}")
    return [*facts, f"load before the start {about['load_before']:.1f}"]


def _keep(found: Found, file: Path) -> None:
    contests = {
        outcome.contest.name: {
            "objects": asdict(outcome.contest.objects),
            "taken": {
                name: {step: [asdict(spent) for spent in turns] for step, turns in steps.items()}
                for name, steps in outcome.taken.items()
            },
        }
        for outcome in found.outcomes
    }
    kept = {
        "about": found.about,
        "rows": [asdict(row) | {"verdict": row.verdict} for row in found.rows],
        "contests": contests,
        "memory": [asdict(series) | {"slope": series.slope} for series in found.memory],
        "profiles": {name: [asdict(share) for share in shares] for name, shares in found.profiles.items()},
        "not_measured": found.not_measured,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"kept in {file}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
