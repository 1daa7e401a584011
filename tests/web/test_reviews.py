from __future__ import annotations

import pytest
from django.test import Client

from integrity.models import Review, ReviewDecision
from migrator.models import AuditEvent
from tests.web.conftest import Story, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

REASON = "The owner sent these again by courier."


def test_cases_are_grouped_by_cause(as_admin: Client, story: Story) -> None:
    page = text_of(as_admin.get("/reviews/"))

    assert "Damaged between the source and us" in page
    assert "Encrypted with a key service" in page


def test_cases_are_filtered_by_run_and_verdict(as_admin: Client, story: Story) -> None:
    page = text_of(as_admin.get("/reviews/", {"run": story.run.pk, "verdict": "failed"}))

    assert "2019/damaged.pdf" in page
    assert "2019/sealed.bin" not in page


def test_one_decision_for_all_that_are_ticked(as_admin: Client, story: Story) -> None:
    ticked = [story.failed.pk, story.unverified.pk]
    as_admin.post("/reviews/decide/", {"record": ticked, "decision": "waive", "reason": REASON})

    assert [decision.reason for decision in ReviewDecision.objects.all()] == [REASON, REASON]
    assert AuditEvent.objects.filter(action="review.waive").count() == 2
    assert not Review.objects.filter(state="open").exists()


def test_nothing_ticked_decides_nothing(as_admin: Client, story: Story) -> None:
    response = as_admin.post("/reviews/decide/", {"decision": "retry"})

    assert response.status_code == 422
    assert "Tick at least one object." in text_of(response)


def test_a_refused_decision_keeps_what_was_ticked(as_admin: Client, story: Story) -> None:
    response = as_admin.post("/reviews/decide/", {"record": [story.failed.pk], "decision": "accept", "reason": "no"})

    assert f'value="{story.failed.pk}" aria-label="Tick 2019/damaged.pdf" checked' in text_of(response)
    assert not ReviewDecision.objects.exists()


def test_a_verified_record_cannot_be_decided_about(as_admin: Client, story: Story) -> None:
    response = as_admin.post("/reviews/decide/", {"record": [story.verified.pk], "decision": "retry"})

    assert response.status_code == 422


def test_nothing_to_review_names_the_last_run(as_admin: Client, story: Story) -> None:
    Review.objects.update(state="decided")

    assert "The last run ended" in text_of(as_admin.get("/reviews/"))


@pytest.mark.parametrize("query", ["run=nonsense", "cause=%00", "page=999", "state=%27"])
def test_a_strange_filter_breaks_nothing(query: str, as_admin: Client, story: Story) -> None:
    assert as_admin.get(f"/reviews/?{query}").status_code == 200
