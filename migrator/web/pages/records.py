"""One record: the evidence side by side, and what people decided about it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from integrity.etags import EtagForm, kind
from integrity.evidence import Check, CheckName, ErrorCode, Outcome, Reason, checks_from_json, not_carried
from integrity.models import IntegrityRecord, Review, ReviewDecision
from integrity.verdicts import DestGrade, Judgement, Policy, SourceGrade, Verdict, judge
from integrity.wording import sentences, short_reason
from migrator import services
from migrator.models import Role, role_of
from migrator.web import wording
from migrator.web.access import for_roles, found_or_404, person_of, visible_records, visible_runs
from migrator.web.forms import DecisionForm, show_refusal
from migrator.web.matrix import matrix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.contrib.auth.models import User

OTHER_RUNS = 10


@for_roles()
def record(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """`/records/<id>/`."""
    found = found_or_404(visible_records(person_of(request)), pk)
    return render(request, "records/record.html", _context(request, found))


@require_POST
@for_roles(Role.ADMIN)
def record_decide(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Decide about a record that is not verified; the verdict stays."""
    found = found_or_404(visible_records(person_of(request)), pk)
    form = DecisionForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            services.decide(person_of(request), found, data["decision"], data["reason"])
        except services.Refused as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, "The decision is recorded. The verdict stays as it is.")
            return redirect("record", pk)
    return render(request, "records/record.html", _context(request, found, form), status=422)


def _context(request: HttpRequest, found: IntegrityRecord, form: DecisionForm | None = None) -> dict[str, Any]:
    person = person_of(request)
    review = Review.objects.filter(record=found).first()
    checks = checks_from_json(found.checks)
    judgement = judgement_of(found)
    finding, said = _words(found, sentences(checks, judgement) if judgement else ())
    others = (
        visible_records(person)
        .filter(task=found.task, object_key=found.object_key)
        .exclude(pk=found.pk)
        .order_by("-created_at")[:OTHER_RUNS]
    )
    return {
        "record": found,
        "run": visible_runs(person).filter(pk=found.run).first(),
        "badge": judgement.badge if judgement else "Skipped",
        "finding": finding,
        "sentences": said,
        "may_be_mixed": _may_be_mixed(found, checks),
        "source_words": (wording.SOURCE_GRADES_SINCE if found.compared_with else wording.SOURCE_GRADES).get(
            found.source_grade, ""
        ),
        "compared_with": _compared_with(person, found),
        "read_words": wording.READ[_what_was_read(found)],
        "dest_words": wording.DEST_GRADES.get(found.dest_grade, ""),
        "matrix": matrix(found),
        "not_carried": wording.not_carried_words(not_carried(found.checks, found.notes)),
        "checks": [_check_line(check, _titles(found)) for check in found.checks],
        "cause_title": wording.cause_title(found.error_code or found.reason) if found.verdict != "verified" else "",
        "attempts": found.attempt_log,
        "others": others,
        "review": review,
        "decisions": list(ReviewDecision.objects.filter(review=review)) if review else [],
        "may_decide": review is not None and role_of(person) is Role.ADMIN,
        "form": form or DecisionForm(),
    }


def _may_be_mixed(found: IntegrityRecord, checks: Sequence[Check]) -> bool:
    """Say whether nothing but the MD5 in a plain ETag of the source speaks against the bytes: it may be none."""
    against = {each.name for each in checks if each.outcome is Outcome.MISMATCH}
    return against == {CheckName.SOURCE_ETAG} and kind(found.source_etag).form is EtagForm.MD5


def judgement_of(record: IntegrityRecord) -> Judgement | None:
    """Return the judgement as it was recorded; `None` for a skipped item."""
    if not record.verdict:
        return None
    checks = checks_from_json(record.checks)
    return Judgement(
        verdict=Verdict(record.verdict),
        source_grade=SourceGrade(record.source_grade),
        dest_grade=DestGrade(record.dest_grade),
        error_code=ErrorCode(record.error_code) if record.error_code else None,
        reason=Reason(record.reason) if record.reason else None,
        narrow=judge(checks, Policy()).narrow,
    )


def _compared_with(person: User, found: IntegrityRecord) -> IntegrityRecord | None:
    """Return the earlier record that this one names, if the person may see it."""
    if found.compared_with is None:
        return None
    return visible_records(person).filter(pk=found.compared_with).first()


def _what_was_read(found: IntegrityRecord) -> str:
    if found.bytes_hashed is None:
        return "nothing"
    read_back = any(check["name"] == "dest_readback" and check["observed"] for check in found.checks)
    return "both" if read_back else "source"


def _words(found: IntegrityRecord, said: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return what is wrong or missing, if anything is, and the sentences about both legs."""
    if found.verdict not in ("failed", "unverified"):
        return "", said
    first, *legs = said
    told = found.error_message if found.error_message != first else ""
    return f"{first} {told}".strip(), tuple(legs)


def _titles(found: IntegrityRecord) -> Mapping[str, str]:
    return wording.CHECK_TITLES_SINCE if found.compared_with else wording.CHECK_TITLES


def _check_line(check: dict[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    """Return a check as a line of the list, with its reason in words."""
    reason = check.get("reason")
    return check | {
        "title": titles.get(check["name"], check["name"]),
        "reason_words": short_reason(CheckName(check["name"]), Reason(reason)) if reason else "",
    }
