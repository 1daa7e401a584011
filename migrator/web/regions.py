"""What the live regions of a run show: the same fragments for the page, the socket and the poll."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string
from django.utils import timezone

from integrity import records
from integrity.evidence import ErrorCode, Reason
from integrity.models import IntegrityRecord, Review
from integrity.wording import MISMATCH_WORDS, REASON_WORDS
from migrator.engine.carrying import class_of_copy
from migrator.models import Batch, Run
from migrator.models.progress import Progress, progress_of
from migrator.web import foretold, wording
from migrator.web.access import may_steer

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import User

FEED_LENGTH = 50
HEARTBEAT_LATE_SECONDS = 30
FEW_LEFT = 5

# Of a run in a phase: the regions that a frame may replace, and their fragments. The ids in the page are these names.
_REGIONS: dict[str, dict[str, str]] = {
    "planning": {"run-head": "runs/_head.html", "run-status": "runs/_status.html"},
    "ready": {"run-head": "runs/_head.html", "run-status": "runs/_status.html"},
    "moving": {
        "run-head": "runs/_head.html",
        "run-actions": "runs/_actions.html",
        "run-progress": "runs/_progress.html",
        "run-books": "runs/_books.html",
        "run-causes": "runs/_causes.html",
        "run-feed": "runs/_feed.html",
        "run-status": "runs/_status.html",
    },
}
_REGIONS["ended"] = _REGIONS["moving"]


def phase_of(run: Run) -> str:
    """Return which of the four layouts a run has: `planning`, `ready`, `moving` or `ended`."""
    if run.has_ended:
        return "ended"
    return "moving" if run.state in (Run.State.RUNNING, Run.State.PAUSED) else run.state


def run_context(run: Run, person: User, *, only_not_verified: bool = False) -> dict[str, Any]:
    """Return what every fragment of a run needs; a handful of queries, none over all records."""
    progress = progress_of(run)
    phase = phase_of(run)
    context = progress_context(run, progress) | {
        "task": run.task,
        "phase": phase,
        "can_steer": may_steer(person, run),
        "books": wording.books(run),
        "only_not_verified": only_not_verified,
        "is_live": not run.has_ended,
        "is_verify": wording.is_verify(run),
    }
    context["status_line"] = wording.status_line(run, context["percent"])
    context["steps"] = _steps(run)
    if phase == "ready":
        context |= _preview(run)
    if phase in ("moving", "ended"):
        context |= _moving(run, progress, only_not_verified=only_not_verified)
    return context


def progress_context(run: Run, progress: Progress) -> dict[str, Any]:
    """Return what a bar of a run needs."""
    return {"run": run, "progress": progress, "headline": wording.headline(run), **_bar(run, progress)}


def frame(context: dict[str, Any], shown_phase: str, shown: dict[str, str]) -> str:
    """Return the HTML that brings a page from what it shows to the present state.

    `shown` maps regions to what was sent last and is brought up to date; a region that is the same is left out.
    A change of phase replaces the whole body of the page.
    """
    pieces = [_pulse(context)]
    if context["phase"] != shown_phase:
        shown.clear()
        pieces += [render_to_string(f"runs/{name}.html", context | {"oob": True}) for name in ("_body", "_status")]
        return "".join(pieces)
    for name, template in _REGIONS[context["phase"]].items():
        html = render_to_string(template, context | {"oob": True})
        if shown.get(name) != html:
            shown[name] = html
            pieces.append(html)
    return "".join(pieces)


def _pulse(context: dict[str, Any]) -> str:
    """Return the sign of life of each frame, with a number that only rises: the milliseconds of the clock."""
    return render_to_string("runs/_pulse.html", context | {"sequence": time.time_ns() // 1_000_000})


def _bar(run: Run, progress: Progress) -> dict[str, Any]:
    """Return the bar in thousandths: the smaller of both shares, and bytes in flight as a lighter stretch."""
    by_items = run.settled * 1000 // run.planned if run.planned else (1000 if run.state == Run.State.FINISHED else 0)
    settled = min(progress.bytes_settled, run.bytes_planned)
    done = min(run.bytes_planned, settled + progress.bytes_in_flight)
    by_bytes = settled * 1000 // run.bytes_planned if run.bytes_planned else by_items
    in_flight = (done - settled) * 1000 // run.bytes_planned if run.bytes_planned else 0
    settled_share = min(by_items, by_bytes)
    # A full bar is for a run with nothing pending.
    flight_end = min(settled_share + in_flight, 1000 if not run.pending else 995)
    return {
        "settled_share": settled_share,
        "flight_share": max(0, flight_end - settled_share),
        "percent": settled_share // 10,
        "bytes_done": done,
    }


def _moving(run: Run, progress: Progress, *, only_not_verified: bool) -> dict[str, Any]:
    running_seconds = (timezone.now() - (run.begun_at or run.created_at)).total_seconds()
    silent = _silent_since(progress)
    return {
        "time_left": "" if silent else wording.time_left(run, progress, running_seconds),
        "bottleneck": _bottleneck(run, progress),
        "took_seconds": (run.finished_at - run.begun_at).total_seconds() if run.finished_at and run.begun_at else None,
        "causes": causes_with_words(run) if run.not_verified else [],
        "open_reviews": Review.objects.filter(run=run.pk, state=Review.State.OPEN).count() if run.not_verified else 0,
        "feed": records.newest(run.pk, FEED_LENGTH, not_verified_only=only_not_verified),
    }


def _steps(run: Run) -> list[dict[str, Any]]:
    """Return the steps of a run that has not ended, with what is behind it and what is ahead."""
    names = ("planning", "ready", "running", "finished")
    now = (
        names.index("running" if run.state == Run.State.PAUSED else run.state)
        if run.state
        in (
            *names,
            Run.State.PAUSED,
        )
        else len(names)
    )
    times = {"planning": run.started_at or run.created_at}
    return [
        {
            "word": wording.shown("run", name).word,
            "icon": "check" if place < now else wording.shown("run", name).icon,
            "tone": "past" if place < now else "now" if place == now else "ahead",
            "at": times.get(name) if place <= now else None,
        }
        for place, name in enumerate(names)
    ]


def causes_with_words(run: Run) -> list[dict[str, Any]]:
    """Return what was not verified grouped by cause, with a title, plain words and one example each."""
    return [
        row | {"title": wording.cause_title(row["cause"]), "words": cause_words(run, row["cause"], row["verdict"])}
        for row in records.causes(run.pk)
    ]


def cause_words(run: Run, cause: str, verdict: str) -> str:
    """Return what a cause means: of a failed check from the checks, of an error as it was said at the time."""
    if cause in MISMATCH_WORDS:
        return MISMATCH_WORDS[ErrorCode(cause)]
    if cause in REASON_WORDS:
        return REASON_WORDS[Reason(cause)]
    example = IntegrityRecord.objects.filter(run=run.pk, verdict=verdict, error_code=cause).first()
    return example.error_message if example else ""


def _bottleneck(run: Run, progress: Progress) -> str:
    """Return what the run waits for, in words; the first that applies."""
    if run.state != Run.State.RUNNING:
        return ""
    working = Batch.objects.filter(run=run, state=Batch.State.RUNNING).count()
    if not working:
        return "Waiting for a free worker." if run.pending else "All objects are settled; the books are being closed."
    silent = _silent_since(progress)
    if silent:
        return f"No worker has reported since {silent:%H:%M} UTC. Ask an admin to look at the workers."
    limit = run.options.get("bytes_per_s")
    if limit and progress.bytes_per_s >= 0.8 * limit:
        return f"Held at {limit / 1024**2:,.1f} MiB/s by this task."
    if run.pending <= FEW_LEFT and run.planned > FEW_LEFT:
        return f"{wording.objects(run.pending)} {'is' if run.pending == 1 else 'are'} left."
    return f"{working} {'batch is' if working == 1 else 'batches are'} being worked on."


def _silent_since(progress: Progress) -> datetime | None:
    """Return since when no worker has reported, if that is longer ago than it should be."""
    heard = progress.heard_at
    late = heard is not None and (timezone.now() - heard).total_seconds() > HEARTBEAT_LATE_SECONDS
    return heard if late else None


def _preview(run: Run) -> dict[str, Any]:
    summary = run.plan_summary
    excluded = summary.get("excluded", {})
    return {
        "summary": summary,
        "all_versions": run.options.get("versions") == "all",
        "hazards": [
            {"count": count, "words": wording.HAZARDS[name]}
            for name in wording.HAZARDS
            if (count := summary.get(name) or summary.get("hazards", {}).get(name, 0))
        ],
        "classes_left": _classes_left(run),
        "excluded": sum(count for name, count in excluded.items() if name != "sample"),
        "not_drawn": excluded.get("sample", 0),
        "existing": summary.get("existing_same_size", 0) + summary.get("existing_different", 0),
        **_foretold(summary.get("forecast")),
        "forecast": [*_forecast(run), *_tags_left(run)],
        "promises": _promises(run),
        "requests": _requests_an_object(run) * run.planned + 2 * (run.planned // 1000 + 1),
        "depth": run.options.get("verify_depth", ""),
        "needs_confirmation": run.planned == 0 and not run.empty_confirmed,
    }


def _classes_left(run: Run) -> str:
    """Return which storage classes of the source's objects are not carried over, with counts; empty if none is."""
    if wording.is_verify(run):
        return ""
    counts, classes = run.plan_summary.get("storage_classes", {}), run.options.get("storage_class_map") or {}
    # The most frequent first: not every database keeps an order.
    by_count = sorted(counts, key=lambda name: (-counts[name], name))
    copied_as = {name: class_of_copy(name, classes) for name in by_count}
    left = [f"{counts[name]:,} in {name}" for name, found in copied_as.items() if found and found.expected is None]
    return ", ".join(left)


def _requests_an_object(run: Run) -> int:
    """Return about how many requests an object takes, at most; `auto` asks first and may then have to read."""
    if not wording.is_verify(run):
        return 2
    return 7 if run.options.get("verify_depth") == "auto" else 4


def _foretold(forecast: dict[str, Any] | None) -> dict[str, Any]:
    """Return the forecast in words; an empty plan, and one of an earlier version, has none."""
    if not forecast or not forecast["objects"]:
        return {}
    short = foretold.shortfall_lines(forecast)
    # What rests on a sample is no promise, so it is not shown as one.
    tone = "unverified" if short else "info" if forecast["assumed"] else "verified"
    whole = _line(tone, foretold.summary_line(forecast))
    return {
        "foretold": [whole, *(_line("unverified", words) for words in short)],
        "foretold_from": foretold.basis_line(forecast),
        "foretold_helps": foretold.helps_of(forecast),
        "out_of_reach": forecast["out_of_reach"],
    }


def _forecast(run: Run) -> list[dict[str, str]]:
    """Return what can be said before the start about what will be provable, from the profiles of both sides."""
    source, destination = run.profiles.get("source", {}), run.profiles.get("destination", {})
    lines = []
    etag, depth = destination.get("etag_single"), run.options.get("verify_depth") if wording.is_verify(run) else None
    if depth == "statements":
        return [
            _line(
                "unverified",
                "No object is read: differences are found, but what no earlier run has read cannot become verified.",
            )
        ]
    if depth == "auto":
        lines += _asked_first(destination)
    elif depth == "both":
        lines.append(_line("verified", "Each object is read at both ends, so nothing rests on the destination's word."))
    elif destination.get("content_md5") == "rejects":
        lines.append(
            _line("verified", "The destination has shown that it refuses damaged data, so what it accepts counts.")
        )
    elif not destination.get("probed_at") or destination.get("content_md5", "unknown") == "unknown":
        lines.append(
            _line("unverified", "The destination has not been tried, so its word will not count as proof (unverified).")
        )
    else:
        lines.append(
            _line("unverified", "The destination did not refuse damaged data, so its word will not count as proof.")
        )
    if etag == "md5":
        lines.append(_line("verified", "What it states about a stored object is made from its bytes."))
    elif etag:
        lines.append(_line("info", "What it states about a stored object is not made from its bytes alone."))
    if source.get("etag_single") == "md5":
        lines.append(_line("verified", "The source states checksums that were seen to fit its objects."))
    elif source.get("etag_single") == "mixed":
        words = "Not all of the source's ETags are MD5s. Where one differs, a checksum decides."
        lines.append(_line("unverified", words))
    elif source.get("etag_single") in ("opaque", "disproved"):
        lines.append(
            _line("unverified", "The source's ETags are not made from the bytes; a second reading would be the proof.")
        )
    return lines


def _tags_left(run: Run) -> list[dict[str, str]]:
    """Return what becomes of the tags that the task wants, where a store does not know any."""
    if not run.options.get("tags"):
        return []
    done = "compared" if wording.is_verify(run) else "carried over"
    lacking = [side for side in ("source", "destination") if run.profiles.get(side, {}).get("tagging") is False]
    return [_line("unverified", f"The {side} does not know tags, so none are {done}.") for side in lacking]


def _asked_first(destination: dict[str, Any]) -> list[dict[str, str]]:
    """Return what can be said of a run that reads only what the statements do not settle."""
    lines = [_line("info", "An object is read only where what both stores state does not settle it: once at each end.")]
    if destination.get("content_md5") == "rejects":
        words = "The destination has shown that it refuses damaged data, so what it states counts."
        return [*lines, _line("verified", words)]
    words = "The destination has not shown that it refuses damaged data, so its word alone proves no object."
    return [*lines, _line("info", words)]


def _line(tone: str, words: str) -> dict[str, str]:
    return {
        "tone": tone,
        "icon": {"verified": "check", "unverified": "unverified", "info": "info"}[tone],
        "words": words,
    }


_OF_A_COPY = ("Storage classes", "Encryption at the destination")
_OF_A_COMPARISON = ("What is compared", "Sample", "How sure to be")


def _promises(run: Run) -> list[str]:
    options = run.options
    if wording.is_verify(run):
        return [
            "Nothing is copied, replaced or deleted, neither at the source nor at the destination.",
            *(f"{label}: {words}." for label, words in wording.option_lines(options) if label in _OF_A_COMPARISON),
        ]
    lines = ["Nothing is deleted, neither at the source nor at the destination."]
    if options.get("if_exists") != "replace_if_matches":
        lines.append("Nothing is replaced at the destination.")
    lines += [
        words for name, choices in wording.OPTION_WORDS.items() if (words := choices.get(str(options.get(name)), ""))
    ]
    lines += [f"{label}: {words}." for label, words in wording.option_lines(options) if label in _OF_A_COPY]
    return [*lines, f"Not carried over: {wording.not_carried_words(wording.not_carried_by(options))}."]


def profile_lines(run: Run) -> list[dict[str, str]]:
    """Return what was known of both buckets when the run was planned: side, date, and what was shown, in words."""
    task = run.task
    places = (
        ("source", "Source", f"{task.source_connection.name}: {task.source_bucket}"),
        ("destination", "Destination", f"{task.dest_connection.name}: {task.dest_bucket}"),
    )
    return [
        {"side": word, "place": place, **wording.profile_words(run.profiles.get(side, {}))}
        for side, word, place in places
    ]
