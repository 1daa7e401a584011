"""The table: each figure to reach beside what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.bars import FIGURES, LINK_BYTES_PER_S, MEMORY, Bar, Measure, memory_bars, pass_bar
from tests.benchmarks.contests import Outcome, Spent, Step
from tests.benchmarks.memory import Series
from tests.benchmarks.one_pass import Pairs
from tests.benchmarks.sets import ObjectSet

_HEAD = ("figure, against", "bar", "aim", "measured", "spread", "n", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: the median over the pairs, its smallest and largest value, and what was compared."""

    contest: str
    figure: str
    measure: str
    bar: str
    aim: float | None
    value: float
    low: float
    high: float
    pairs: int
    reached: bool
    ours: str
    theirs: str
    where_time_went: str = ""

    @property
    def verdict(self) -> str:
        """Say whether the bar is reached."""
        return "reached" if self.reached else "not reached"


def rows_of(outcomes: Iterable[Outcome]) -> Iterator[Row]:
    """Yield the rows of every contest that was held, and of the memory in all of them."""
    by_name = {outcome.contest.name: outcome for outcome in outcomes}
    for bar in FIGURES:
        outcome = by_name.get(bar.contest)
        if outcome is None:
            continue
        if bar.measure is Measure.LINK:
            yield _link_row(bar, outcome)
        elif peers := _peers(bar, outcome):
            yield _row_against(bar, outcome, min(peers, key=lambda name: _seconds(outcome.of(name, bar.step))))
    if by_name:
        yield _memory_row(by_name.values())


def pass_row(found: Pairs) -> Row:
    """Return the row of the pass over one kind of buffers."""
    values = [bare / ours for bare, ours in zip(found.bare, found.ours, strict=True)]
    speeds = [f"{found.size / 1e6 / median(seconds):,.0f} MB/s" for seconds in (found.ours, found.bare)]
    alone = ", ".join(f"{name} {found.size / 1e6 / seconds:,.0f} MB/s" for name, seconds in found.alone.items())
    where = f"each alone in one thread: {alone}"
    return _row(pass_bar(found.figure), values, f"the pass {speeds[0]}", f"a bare loop {speeds[1]}", where)


def memory_rows(series: Series) -> tuple[Row, Row]:
    """Return the rows of the largest worker, and of its growth over the last step."""
    peak, slope = memory_bars(series.of, series.unit_name)
    peaks = [point.peak_mib for point in series.points]
    said = "; ".join(f"{series.words(point)} {point.peak_mib:.0f} MiB" for point in series.points)
    largest = max(series.points, key=lambda point: point.peak_mib)
    others = ", ".join(f"{name} {mib:.0f} MiB" for name, mib in largest.others_mib.items())
    where = (
        f"the largest was {largest.peak_of}, at {series.words(largest)}; "
        f"a worker with what it forked {largest.tree_mib:.0f} MiB; beside it {others or 'nothing'}"
    )
    return _row(peak, peaks, said, where=where), _row(slope, [series.slope], said, where=where)


def printed(rows: Sequence[Row]) -> str:
    """Return the table as text; below each figure stands what was compared."""
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    lines = []
    for number, line in enumerate(cells):
        padded = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        lines.append("  ".join([line[0].ljust(widths[0]), *padded[1:-1], line[-1]]).rstrip())
        if number:
            row = rows[number - 1]
            lines.append(f"    {row.ours}" + (f"; {row.theirs}" if row.theirs else ""))
            if not row.reached and row.where_time_went:
                lines.append(f"    {row.where_time_went}")
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    spread = f"{row.low:.2f} to {row.high:.2f}"
    aim = "" if row.aim is None else f"{row.aim:g}"
    return row.figure, row.bar, aim, f"{row.value:.2f}", spread, str(row.pairs), row.verdict


def _row(bar: Bar, values: Sequence[float], ours: str, theirs: str = "", where: str = "") -> Row:
    value = max(values) if bar.measure is Measure.MEMORY else median(values)
    limit = f"≥ {bar.least:g}" if bar.least is not None else f"≤ {bar.most:g}"
    found = (value, min(values), max(values), len(values), bar.is_met(value))
    return Row(bar.contest, bar.figure, bar.measure, limit, bar.aim, *found, ours, theirs, where)


def _peers(bar: Bar, outcome: Outcome) -> list[str]:
    contestants = outcome.contest.contestants
    return [one.name for one in contestants if one.kind == bar.peer and bar.setting in ("", one.name)]


def _row_against(bar: Bar, outcome: Outcome, peer: str) -> Row:
    ours, theirs = outcome.of(bar.ours, bar.step), outcome.of(peer, bar.step)
    objects, where = outcome.contest.objects, _where_time_went(ours, outcome.contest.objects)
    pairs = list(zip(ours, theirs, strict=False))
    if bar.measure is Measure.CPU:
        values = [mine.cpu_seconds / other.cpu_seconds for mine, other in pairs]
        costs = [objects.cost(median(each.cpu_seconds for each in spent)) for spent in (ours, theirs)]
        return _row(bar, values, f"{bar.ours} {costs[0]}", f"{peer} {costs[1]}", where)
    values = [other.seconds / mine.seconds for mine, other in pairs]
    speeds = [objects.speed(_seconds(spent)) for spent in (ours, theirs)]
    then = " and check --download" if bar.step is Step.PROVE else ""
    return _row(bar, values, f"{bar.ours} {speeds[0]}", f"{peer}{then} {speeds[1]}", where)


def _link_row(bar: Bar, outcome: Outcome) -> Row:
    ours, size = outcome.of(bar.ours, bar.step), outcome.contest.objects.held.size
    values = [size / each.seconds / LINK_BYTES_PER_S for each in ours]
    said = f"{bar.ours} {outcome.contest.objects.speed(_seconds(ours))}"
    return _row(bar, values, said, where=_where_time_went(ours, outcome.contest.objects))


def _memory_row(outcomes: Iterable[Outcome]) -> Row:
    """Return the largest worker of all: there is no set and no size at which it may be larger."""
    turns = {
        f"{outcome.contest.name} ({name})": max(outcome.of(name, Step.COPY), key=lambda each: each.peak_mib)
        for outcome in outcomes
        for name in outcome.taken
        if name.startswith("ours")
    }
    largest = max(turns, key=lambda name: turns[name].peak_mib)
    sets = ", ".join(f"{name} {spent.peak_mib:.0f} MiB" for name, spent in turns.items())
    where = f"the largest was {turns[largest].peak_of}; {sets}"
    return _row(MEMORY, [spent.peak_mib for spent in turns.values()], f"the largest in {largest}", where=where)


def _where_time_went(ours: Sequence[Spent], objects: ObjectSet) -> str:
    """Say what our processes did meanwhile: whoever keeps all cores busy lacks CPU, the others wait."""
    seconds = _seconds(ours)
    workers = median(each.cpu_seconds for each in ours)
    others = median(each.other_cpu_seconds for each in ours)
    return (
        f"of {seconds:.2f} s the workers kept {workers / seconds:.2f} cores busy ({objects.cost(workers)}), "
        f"page, Valkey and cron {others / seconds:.2f}"
    )


def _seconds(spent: Sequence[Spent]) -> float:
    return median(each.seconds for each in spent)
