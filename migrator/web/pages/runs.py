"""Runs: the preview, the live page, the records, the summary, and the downloads."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from integrity import records
from integrity.models import ReviewDecision
from migrator import services
from migrator.models import Role, Run
from migrator.web import regions, wording
from migrator.web.access import asked, for_roles, found_or_404, person_of, visible_runs
from migrator.web.downloads import STREAMED, report_response
from migrator.web.pages import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User

    from integrity.models import IntegrityRecord

RUNS_A_PAGE = 25
RECORDS_A_PAGE = 100
EXCEPTIONS_NAMED = 500
# Digits of an index that a database can still take.
LONGEST_INDEX = 19
_VERDICTS = [(name, wording.shown("verdict", name).word) for name in ("verified", "unverified", "failed", "skipped")]
_VERBS: dict[str, Callable[[User, Run], object]] = {
    "pause": services.pause_run,
    "resume": services.resume_run,
    "cancel": services.cancel_run,
}


@for_roles()
def runs(request: HttpRequest) -> HttpResponse:
    """`/runs/`, newest first, by state where asked."""
    state = request.GET.get("state", "")
    found = visible_runs(person_of(request))
    if state in Run.State.values:
        found = found.filter(state=state)
    page = Paginator(found, RUNS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "runs/list.html", {"page": page, "state": state, "states": Run.State.choices})


@for_roles()
def run(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """`/runs/<id>/`: preview, live page or closing page, as the run stands."""
    found = found_or_404(visible_runs(person_of(request)), pk)
    return render(request, "runs/run.html", _context(request, found))


@for_roles()
def run_live(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The same frame as over the socket, for a page whose socket is down."""
    found = found_or_404(visible_runs(person_of(request)), pk)
    return HttpResponse(regions.frame(_context(request, found), request.GET.get("phase", ""), {}))


@require_POST
@for_roles(Role.OPERATOR, Role.ADMIN)
def run_start(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Start a planned run."""
    found = found_or_404(visible_runs(person_of(request)), pk)
    try:
        services.start_planned_run(person_of(request), found, confirm_empty="confirm_empty" in request.POST)
    except services.Refused as refused:
        return errors.refused(request, refused, found)
    return redirect("run", found.pk)


@require_POST
@for_roles(Role.OPERATOR, Role.ADMIN)
def run_move(request: HttpRequest, pk: uuid.UUID, verb: str) -> HttpResponse:
    """Pause, resume or cancel a run."""
    return _move(request, found_or_404(visible_runs(person_of(request)), pk), verb)


@for_roles(Role.OPERATOR, Role.ADMIN)
def run_cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask before cancelling, where there is no script for a dialog."""
    found = found_or_404(visible_runs(person_of(request)), pk)
    if request.method == "POST":
        return _move(request, found, "cancel")
    return render(request, "runs/cancel.html", {"run": found, "task": found.task})


@require_POST
@for_roles(Role.OPERATOR, Role.ADMIN)
def run_retry(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Plan a run over just the items that failed or stayed unverified."""
    found = found_or_404(visible_runs(person_of(request)), pk)
    try:
        again = services.retry_run(person_of(request), found, start=False)
    except services.Refused as refused:
        return errors.refused(request, refused, found)
    return redirect("run", again.pk)


@for_roles()
def run_records(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """`/runs/<id>/records/`: every record in plan order, filtered, a hundred at a time."""
    found = found_or_404(visible_runs(person_of(request)), pk)
    filters = {name: asked(request, name) for name in ("verdict", "reason", "key_prefix")}
    after = request.GET.get("after", "")
    selected = records.select(
        found.pk,
        verdict=filters["verdict"],
        reason=filters["reason"],
        key_prefix=filters["key_prefix"],
        after_index=int(after) if after.isdecimal() and len(after) < LONGEST_INDEX else None,
    )
    rows = list(selected[: RECORDS_A_PAGE + 1])
    context = {
        "run": found,
        "task": found.task,
        "records": rows[:RECORDS_A_PAGE],
        "next_after": rows[RECORDS_A_PAGE - 1].index if len(rows) > RECORDS_A_PAGE else None,
        "is_first": not after,
        "verdict_choices": _VERDICTS,
        "causes": [(row["cause"], wording.cause_title(row["cause"])) for row in records.causes(found.pk)],
        **filters,
    }
    return render(request, "runs/records.html", context)


@for_roles()
def run_summary(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """`/runs/<id>/summary/`: what an auditor prints."""
    found = found_or_404(visible_runs(person_of(request)), pk)
    exceptions = records.select(found.pk, failures_only=True).select_related("review")
    named = list(exceptions[:EXCEPTIONS_NAMED])
    decisions = _decisions(named)
    context = _context(request, found) | {
        "grades": records.grades(found.pk),
        "causes": regions.causes_with_words(found),
        "exceptions": [(record, decisions.get(record.pk, [])) for record in named],
        "exceptions_left": max(0, found.not_verified - len(named)),
        "options": wording.option_lines(found.options),
        "made_at": timezone.now(),
        "profiles": regions.profile_lines(found),
        "source_grades": wording.SOURCE_GRADES,
        "dest_grades": wording.DEST_GRADES,
        "not_carried": [wording.NOT_CARRIED[name] for name in wording.not_carried_by(found.options)],
    }
    return render(request, "runs/summary.html", context)


@for_roles()
def run_report(request: HttpRequest, pk: uuid.UUID, form: str) -> HttpResponseBase:
    """`/runs/<id>/report.csv|jsonl`: every record, streamed as it stands now; marked unsealed before the end."""
    found = found_or_404(visible_runs(person_of(request)), pk)
    if form not in STREAMED:
        raise Http404("A report is csv or jsonl.")
    return report_response(found, form)


def _move(request: HttpRequest, found: Run, verb: str) -> HttpResponse:
    try:
        _VERBS[verb](person_of(request), found)
    except services.Refused as refused:
        return errors.refused(request, refused, found)
    return redirect("run", found.pk)


def _context(request: HttpRequest, found: Run) -> dict[str, object]:
    only = request.GET.get("feed") == "not_verified"
    return regions.run_context(found, person_of(request), only_not_verified=only)


def _decisions(named: list[IntegrityRecord]) -> dict[uuid.UUID, list[ReviewDecision]]:
    made: dict[uuid.UUID, list[ReviewDecision]] = {}
    ids = [record.pk for record in named]
    for decision in ReviewDecision.objects.filter(review__record__in=ids).select_related("review"):
        made.setdefault(decision.review.record_id, []).append(decision)
    return made
