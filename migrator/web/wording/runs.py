"""How a run stands, in words: its books, its headline, what is left of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.web.wording.titles import cause_title, shown

if TYPE_CHECKING:
    from migrator.models import Run
    from migrator.models.progress import Progress


@dataclass(frozen=True, slots=True)
class BookLine:
    """One count of the books, with what it means."""

    name: str
    word: str
    icon: str
    count: int
    means: str


_MEANS = {
    "verified": "proven equal, by the evidence shown",
    "unverified": "copied, but not proven",
    "failed": "not copied, or proven different",
    "skipped": "proven by an earlier run and unchanged since, so not copied again",
    "pending": "still to do",
}


_MEANS_COMPARED = {
    "unverified": "compared, but not proven",
    "failed": "missing, not readable, or proven different",
}


def books(run: Run) -> list[BookLine]:
    """Return the five counts that add up to the plan, in their fixed order."""
    counts = {
        "verified": run.verified,
        "unverified": run.unverified,
        "failed": run.failed,
        "skipped": run.skipped,
        "pending": run.pending,
    }
    means = _MEANS | (_MEANS_COMPARED if is_verify(run) else {})
    return [
        BookLine(name, shown("verdict", name).word, shown("verdict", name).icon, count, means[name])
        for name, count in counts.items()
    ]


def is_verify(run: Run) -> bool:
    """Say whether a run only compares: then no word may claim that it copies."""
    return run.kind == "verify"


def objects(count: int) -> str:
    """Return a count of objects in words."""
    return f"{count:,} object" if count == 1 else f"{count:,} objects"


def headline(run: Run) -> str:
    """Return in one sentence how a run stands. `All … verified` only where the books say so."""
    if run.state == "planning":
        return "We list both sides and freeze what this run will do. Nothing is copied yet."
    if run.state == "ready":
        return _ready(run)
    if run.state == "running":
        return f"{run.settled:,} of {objects(run.planned)} are settled."
    if run.state == "paused":
        return run.cause_text or f"Paused: {cause_title(run.cause)}."
    if run.state == "cancelled":
        return f"{run.cause_text or 'Cancelled.'} {objects(run.pending)} of the plan were not reached."
    if run.state == "incomplete":
        return f"{cause_title(run.cause)}. {run.cause_text}".strip()
    return _finished(run)


def _ready(run: Run) -> str:
    if is_verify(run):
        return _ready_to_compare(run)
    if run.planned == 0:
        return "Nothing to copy: the prefix holds no object."
    return f"The plan is frozen: {objects(run.planned)}. Nothing is copied until someone starts this run."


def _ready_to_compare(run: Run) -> str:
    if run.planned == 0:
        return "Nothing to compare: no object of the source is in this plan."
    return f"The plan is frozen: {objects(run.planned)} to compare. This run copies nothing."


def _finished(run: Run) -> str:
    if run.planned == 0:
        verb = "compare" if is_verify(run) else "copy"
        return f"Finished with an empty plan: there was no object to {verb}, and a person confirmed that."
    if run.not_verified:
        verb = "is" if run.not_verified == 1 else "are"
        return f"{run.not_verified:,} of {objects(run.planned)} {verb} not verified."
    if run.skipped == run.planned:
        return f"All {objects(run.planned)} were proven by an earlier run and are unchanged since; nothing was copied."
    if run.skipped:
        return (
            f"{objects(run.verified)} are copied and verified; {run.skipped:,} were skipped, "
            "proven by an earlier run and unchanged since."
        )
    if is_verify(run):
        sampled = " of the sample" if run.options.get("sample_percent") else ""
        return f"All {objects(run.planned)}{sampled} are verified by comparing; nothing was copied."
    if run.planned == 1:
        return "The one object of this run is copied and verified."
    return f"All {objects(run.planned)} are copied and verified."


def status_line(run: Run, percent: int) -> str:
    """Return what a screen reader is told: it changes only with the state, each tenth, and the first bad item."""
    if run.state != "running":
        return f"{shown('run', run.state).word}. {headline(run)}"
    alarm = " Some objects are not verified." if run.not_verified else ""
    return f"Running. {percent // 10 * 10} percent done.{alarm}"


def time_left(run: Run, progress: Progress, running_seconds: float) -> str:
    """Return a range for what is left, hidden at first and while nothing moves."""
    if run.state != "running" or progress.eta_seconds is None:
        return ""
    if running_seconds < 30:
        return ""
    low, high = progress.eta_seconds * 0.9, progress.eta_seconds * 1.4 + 5
    if high < 90:
        return f"about {max(5, round(high / 5) * 5)} s"
    if high < 3600:
        return f"{max(1, round(low / 60))} to {round(high / 60) + (round(high / 60) <= round(low / 60))} min"
    if high < 24 * 3600:
        return f"{low / 3600:.1f} to {high / 3600:.1f} h"
    return f"{low / 86400:.1f} to {high / 86400:.1f} days"
