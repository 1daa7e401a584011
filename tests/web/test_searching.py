from __future__ import annotations

import pytest
from django.test import Client

from tests.web.conftest import Story, text_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("what", ["object_key", "dest_key", "calculated_md5", "sha256", "source_etag", "pk"])
def test_a_record_is_found_by_key_and_by_checksum(what: str, as_auditor: Client, story: Story) -> None:
    page = text_of(as_auditor.get("/search/", {"q": str(getattr(story.verified, what))}))

    assert f"/records/{story.verified.pk}/" in page


def test_a_task_and_its_runs_are_found_by_a_part_of_the_name(as_auditor: Client, story: Story) -> None:
    page = text_of(as_auditor.get("/search/", {"q": "archive"}))

    assert f"/tasks/{story.task.pk}/" in page
    assert f"/runs/{story.run.pk}/" in page


def test_nothing_found_is_said(as_auditor: Client) -> None:
    assert "Nothing found" in text_of(as_auditor.get("/search/", {"q": "nothing like this"}))


@pytest.mark.parametrize("text", ["\x00", "'; --", "%", "\u202e", "x" * 5000])
def test_a_strange_text_breaks_nothing(text: str, as_auditor: Client, story: Story) -> None:
    assert as_auditor.get("/search/", {"q": text}).status_code == 200


def test_an_empty_search_asks_what_to_look_for(as_auditor: Client) -> None:
    assert "Enter the name of a task" in text_of(as_auditor.get("/search/"))
