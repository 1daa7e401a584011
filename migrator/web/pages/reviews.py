"""What was not verified, grouped by cause, and the desk where admins decide."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from integrity.models import IntegrityRecord, Review
from migrator import services
from migrator.models import Role, Run, role_of
from migrator.web import regions, wording
from migrator.web.access import asked, for_roles, person_of, visible_records, visible_runs
from migrator.web.forms import DecisionForm, show_refusal

if TYPE_CHECKING:
    from django.db.models import QuerySet

CASES_A_PAGE = 50


@for_roles()
def reviews(request: HttpRequest) -> HttpResponse:
    """`/reviews/`, of one run or of all that a person may see; open ones unless asked otherwise."""
    return render(request, "reviews/list.html", _context(request))


@require_POST
@for_roles(Role.ADMIN)
def reviews_decide(request: HttpRequest) -> HttpResponse:
    """Decide about the ticked records, all of which were on the screen."""
    person = person_of(request)
    form = DecisionForm(request.POST)
    ticked = visible_records(person).filter(pk__in=_ids(request.POST.getlist("record")), review__isnull=False)
    chosen = list(ticked[:CASES_A_PAGE])
    if not chosen:
        form.add_error(None, "Tick at least one object.")
    if form.is_valid():
        data = form.cleaned_data
        try:
            for found in chosen:
                services.decide(person, found, data["decision"], data["reason"])
        except services.Refused as refused:
            show_refusal(form, refused)
        else:
            words = f"Decided about {wording.objects(len(chosen))}. The verdicts stay as they are."
            messages.success(request, words)
            return redirect(f"{request.path.removesuffix('decide/')}?{request.GET.urlencode()}")
    context = _context(request) | {"form": form, "ticked": {str(found.pk) for found in chosen}}
    return render(request, "reviews/list.html", context, status=422)


def _context(request: HttpRequest) -> dict[str, Any]:
    person = person_of(request)
    chosen = {name: asked(request, name) for name in ("run", "cause", "verdict", "state")}
    chosen["state"] = chosen["state"] or Review.State.OPEN
    runs = visible_runs(person)
    cases = _cases(runs, chosen)
    page = Paginator(cases, CASES_A_PAGE).get_page(request.GET.get("page"))
    last = runs.filter(state__in=Run.ENDED).order_by("-finished_at").first()
    return {
        "page": page,
        "groups": _groups(list(page)),
        "counts": list(cases.order_by().values("cause").annotate(count=Count("pk")).order_by("-count")),
        "asked": chosen,
        "chosen_run": runs.filter(pk=chosen["run"]).first() if _ids([chosen["run"]]) else None,
        "causes": [
            (row["cause"], wording.cause_title(row["cause"]))
            for row in Review.objects.filter(run__in=runs.order_by().values("pk")).values("cause").distinct()
        ],
        "runs": runs.filter(pk__in=Review.objects.values("run"))[:100],
        "may_decide": role_of(person) is Role.ADMIN,
        "form": DecisionForm(initial={"decision": "retry"}),
        "last_run": last,
        "query_string": request.GET.urlencode(),
        "ticked": set(),
    }


def _cases(runs: QuerySet[Run], chosen: dict[str, str]) -> QuerySet[Review]:
    cases = Review.objects.filter(run__in=runs.order_by().values("pk")).select_related("record")
    if chosen["state"] in Review.State.values:
        cases = cases.filter(state=chosen["state"])
    if _ids([chosen["run"]]):
        cases = cases.filter(run=chosen["run"])
    if chosen["cause"]:
        cases = cases.filter(cause=chosen["cause"])
    if chosen["verdict"] in ("failed", "unverified"):
        cases = cases.filter(record__verdict=chosen["verdict"])
    return cases.order_by("cause", "-opened_at", "pk").prefetch_related("decisions")


def _groups(cases: list[Review]) -> list[dict[str, Any]]:
    """Return the cases of a page by cause, each group with a title and plain words."""
    groups: dict[str, list[Review]] = {}
    for case in cases:
        groups.setdefault(case.cause, []).append(case)
    return [
        {"cause": cause, "title": wording.cause_title(cause), "words": _words(members[0].record), "cases": members}
        for cause, members in groups.items()
    ]


def _words(record: IntegrityRecord) -> str:
    run = Run(pk=record.run)
    return regions.cause_words(run, record.error_code or record.reason, record.verdict)


def _ids(texts: list[str]) -> list[uuid.UUID]:
    found = []
    for text in texts:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return found
