"""What the table makes of what was measured."""

from __future__ import annotations

from tests.benchmarks.bars import FIGURES, OURS, STRICT
from tests.benchmarks.contests import Contest, Outcome, Spent, Step
from tests.benchmarks.one_pass import Pairs
from tests.benchmarks.peers import DEFAULTS, Rclone, S5cmd, in_flight
from tests.benchmarks.places import Ends, Place
from tests.benchmarks.sets import KIB, MIB, ObjectSet
from tests.benchmarks.table import Row, pass_row, printed, rows_of

_NOWHERE = Place("http://nowhere.invalid", "nobody", "nothing")
_ENDS = Ends(_NOWHERE, _NOWHERE)
_DEFAULT, _TUNED, _S5CMD = Rclone("", _ENDS, DEFAULTS), Rclone("", _ENDS, in_flight(32)), S5cmd("", _ENDS)
DEFAULT, TUNED, S5CMD = _DEFAULT.name, _TUNED.name, _S5CMD.name


def _spent(*seconds: float, cpu: float = 8.0, peak: float = 100.0) -> list[Spent]:
    return [Spent(each, cpu, peak) for each in seconds]


def _outcome(contest: str, objects: ObjectSet, **taken: list[Spent]) -> Outcome:
    """Return what a contest came to in which both steps took the same, and 8 s where nothing is said."""
    names = {OURS: "ours", STRICT: "strict", DEFAULT: "default", TUNED: "tuned", S5CMD: "s5cmd"}
    turns = {name: taken.get(short, _spent(8.0)) for name, short in names.items()}
    held = Contest(contest, objects, _ENDS, [_DEFAULT, _TUNED, _S5CMD])
    return Outcome(held, {name: {Step.COPY: took, Step.PROVE: took} for name, took in turns.items()})


def _small(**taken: list[Spent]) -> Outcome:
    return _outcome("small", ObjectSet(1000, 4 * KIB), **taken)


def _row(figure: str, *outcomes: Outcome) -> Row:
    return next(row for row in rows_of(outcomes) if row.figure == figure)


def test_a_figure_is_the_median_of_the_pairs_with_its_least_and_its_most() -> None:
    row = _row("4 KiB, rclone copy", _small(ours=_spent(1, 2, 1), tuned=_spent(2, 2, 3)))

    assert (row.value, row.low, row.high, row.pairs) == (2, 1, 3, 3)


def test_rclone_counts_at_its_quickest_setting() -> None:
    row = _row("4 KiB, rclone copy", _small(ours=_spent(1), default=_spent(7), tuned=_spent(4)))

    assert (row.value, row.theirs) == (4, f"{TUNED} 250 objects/s")


def test_a_figure_against_the_defaults_does_not_look_at_other_settings() -> None:
    outcome = _outcome("latency", ObjectSet(1000, 4 * KIB), ours=_spent(1), default=_spent(30), tuned=_spent(2))

    row = _row("4 KiB, late answers, rclone copy by default", outcome)

    assert (row.value, row.verdict) == (30, "reached")


def test_a_ratio_reaches_its_bar_from_above() -> None:
    rows = [_row("4 KiB, rclone copy", _small(ours=_spent(1), tuned=_spent(theirs))) for theirs in (1.49, 1.5)]

    assert [row.verdict for row in rows] == ["not reached", "reached"]


def test_cpu_reaches_its_bar_from_below() -> None:
    figure = "4 KiB, CPU, rclone copy + check"

    rows = [_row(figure, _small(ours=_spent(8, cpu=ours), tuned=_spent(7))) for ours in (4.0, 4.1)]

    assert [row.verdict for row in rows] == ["reached", "not reached"]


def test_strict_and_s5cmd_have_rows_of_their_own() -> None:
    outcome = _small(ours=_spent(1), strict=_spent(4), s5cmd=_spent(2))

    rows = [_row(f"4 KiB, {name}", outcome) for name in ("strict, rclone copy + check", "s5cmd down, up")]

    assert [row.value for row in rows] == [2, 2]


def test_a_link_is_measured_by_what_it_could_carry() -> None:
    row = _row("link of 100 MB/s, the link itself", _outcome("link", ObjectSet(1, 600_000_000), ours=_spent(6.25)))

    assert (row.value, row.verdict) == (0.96, "not reached")


def test_memory_is_that_of_the_largest_worker_in_any_contest() -> None:
    large = _outcome("large", ObjectSet(1, 512 * MIB), strict=_spent(1, peak=161))

    row = _row("peak of a worker, any set", _small(), large)

    assert (row.value, row.low, row.ours) == (161, 100, f"the largest in large ({STRICT})")


def test_a_worker_that_is_too_large_says_which_process_it_was_and_what_each_set_took() -> None:
    forked = [Spent(1, 1, 161, peak_of="what a worker forked for a job"), Spent(1, 1, 150, peak_of="a worker itself")]
    large = _outcome("large", ObjectSet(1, 512 * MIB), strict=forked)

    said = printed([_row("peak of a worker, any set", _small(), large)])

    assert "the largest was what a worker forked for a job; " in said
    assert f"small ({OURS}) 100 MiB, " in said
    assert f"large ({STRICT}) 161 MiB" in said


def test_without_a_peer_there_is_no_row_against_it() -> None:
    alone = Outcome(Contest("small", ObjectSet(1000, 4 * KIB), _ENDS, []), _small().taken)

    assert [row.contest for row in rows_of([alone])] == ["every"]


def test_every_figure_to_reach_has_a_row() -> None:
    contests = dict.fromkeys(bar.contest for bar in FIGURES)

    rows = list(rows_of(_outcome(name, ObjectSet(1, MIB)) for name in contests))

    assert [row.figure for row in rows[:-1]] == [bar.figure for bar in FIGURES]


def test_the_pass_is_compared_with_the_bare_loop() -> None:
    row = pass_row(Pairs("buffers of 64 KiB", 9_000_000, bare=[0.9, 0.8, 1.0], ours=[1.0, 1.0, 1.0]))

    assert (row.value, row.low, row.high, row.ours) == (0.9, 0.8, 1.0, "the pass 9 MB/s")


def test_a_pass_that_falls_short_says_what_each_digest_takes_alone() -> None:
    alone = {"MD5": 0.5, "CRC32": 0.009}

    said = printed([pass_row(Pairs("buffers of 64 KiB", 9_000_000, bare=[0.8], ours=[1.0], alone=alone))])

    assert "each alone in one thread: MD5 18 MB/s, CRC32 1,000 MB/s" in said


def test_what_falls_short_says_what_our_processes_did() -> None:
    row = _row("4 KiB, rclone copy", _small(ours=_spent(10, cpu=15)))

    assert "of 10.00 s the workers kept 1.50 cores busy (15,000 µs an object)" in printed([row])


def test_the_printed_table_shows_bar_aim_ratio_and_spread() -> None:
    row = _row("4 KiB, rclone copy", _small(ours=_spent(1, 1), tuned=_spent(2, 4)))

    line = printed([row]).splitlines()[1]

    assert line.split()[-9:] == ["≥", "1.5", "2", "3.00", "2.00", "to", "4.00", "2", "reached"]
