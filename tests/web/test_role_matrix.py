"""Who reaches what: every address, tried by each role and by nobody. An address without an entry fails."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from migrator import services
from tests.web.conftest import Story
from tests.web.rows import a_connection, a_run

pytestmark = pytest.mark.django_db

# name: method, then the status for operator (of their own things), admin, auditor and nobody.
MATRIX = {
    "dashboard": ("get", 200, 200, 200, 302),
    "login": ("get", 302, 302, 302, 200),
    "logout": ("post", 302, 302, 302, 302),
    "setup": ("get", 410, 410, 410, 410),
    "theme": ("post", 302, 302, 302, 302),
    "help": ("get", 200, 200, 200, 302),
    "search": ("get", 200, 200, 200, 302),
    "connections": ("get", 200, 200, 200, 302),
    "connection-new": ("get", 403, 200, 403, 302),
    "connection": ("get", 200, 200, 200, 302),
    "connection-edit": ("get", 403, 200, 403, 302),
    "connection-test": ("post", 403, 200, 403, 302),
    "connection-mark": ("post", 403, 302, 403, 302),
    "connection-unmark": ("post", 403, 302, 403, 302),
    "connection-delete": ("post", 403, 302, 403, 302),
    "tasks": ("get", 200, 200, 200, 302),
    "task-new": ("get", 200, 200, 403, 302),
    "task-keys": ("get", 200, 200, 403, 302),
    "task": ("get", 200, 200, 200, 302),
    "task-edit": ("get", 200, 200, 403, 302),
    "task-plan": ("post", 302, 302, 403, 302),
    "runs": ("get", 200, 200, 200, 302),
    "run": ("get", 200, 200, 200, 302),
    "run-live": ("get", 200, 200, 200, 302),
    "run-start": ("post", 409, 409, 403, 302),
    "run-pause": ("post", 409, 409, 403, 302),
    "run-resume": ("post", 409, 409, 403, 302),
    "run-cancel": ("get", 200, 200, 403, 302),
    "run-retry": ("post", 302, 302, 403, 302),
    "run-records": ("get", 200, 200, 200, 302),
    "run-summary": ("get", 200, 200, 200, 302),
    "run-report": ("get", 404, 404, 404, 302),
    "record": ("get", 200, 200, 200, 302),
    "record-decide": ("post", 403, 422, 403, 302),
    "reviews": ("get", 200, 200, 200, 302),
    "reviews-decide": ("post", 403, 422, 403, 302),
    "tokens": ("get", 200, 200, 200, 302),
    "token-revoke": ("post", 302, 404, 404, 302),
}
# The API and the health pages have tables of their own in tests/api.
ELSEWHERE = ("api/v1/", "healthz", "readyz", "metrics")
# What a stranger may reach.
OPEN = ("login", "logout", "setup")
OWN = ("connection", "task", "run", "run-live", "run-records", "run-summary", "record", "run-cancel", "task-edit")


def page_names() -> set[str]:
    names = set()
    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLPattern):
            names.add(pattern.name or str(pattern.pattern))
        elif not str(pattern.pattern).startswith(ELSEWHERE):
            names |= {
                child.name or str(child.pattern)
                for child in pattern.url_patterns
                if not str(child.pattern).startswith(ELSEWHERE)
            }
    return names


@pytest.fixture
def address_of(story: Story, operator: User) -> dict[str, str]:
    token, _ = services.create_token(operator, "mine")
    ids = {
        "connection": story.task.source_connection_id,
        "task": story.task.pk,
        "run": story.run.pk,
        "record": story.failed.pk,
        "token": token.pk,
    }
    found = {}
    for name in MATRIX:
        noun = name.split("-")[0]
        plain = name.endswith("s") or name in ("task-new", "task-keys", "connection-new", "reviews-decide", "dashboard")
        arguments = [] if plain and name != "run-records" else [ids[noun]] if noun in ids else []
        if name == "connection-delete":
            arguments = [a_connection("Unused").pk]
        found[name] = reverse(name, args=[*arguments, "docx"] if name == "run-report" else arguments)
    return found


@pytest.fixture
def browsers(as_operator: Client, as_admin: Client, as_auditor: Client) -> tuple[Client, ...]:
    return as_operator, as_admin, as_auditor, Client()


def test_every_address_has_an_entry() -> None:
    assert page_names() == set(MATRIX)


@pytest.mark.parametrize("name", MATRIX)
def test_each_person_gets_what_the_matrix_says(
    name: str, address_of: dict[str, str], browsers: tuple[Client, ...], valkey: str
) -> None:
    method, *expected = MATRIX[name]

    answers = [getattr(browser, method)(address_of[name]) for browser in browsers]

    assert [answer.status_code for answer in answers] == expected
    assert name in OPEN or answers[-1]["Location"].startswith("/login/?next=")


@pytest.mark.parametrize("name", OWN)
def test_what_belongs_to_another_operator_does_not_exist(
    name: str, address_of: dict[str, str], as_colleague: Client
) -> None:
    assert as_colleague.get(address_of[name]).status_code == 404


@pytest.mark.parametrize("name", ["task-plan", "run-start", "run-pause", "run-resume", "run-cancel", "run-retry"])
def test_another_operator_cannot_steer(name: str, address_of: dict[str, str], as_colleague: Client) -> None:
    assert as_colleague.post(address_of[name]).status_code == 404


def test_lists_show_an_operator_nothing_of_others(story: Story, as_colleague: Client) -> None:
    pages = [as_colleague.get(path).content.decode() for path in ("/", "/tasks/", "/runs/", "/reviews/")]
    found = as_colleague.get("/search/", {"q": "Archive"}).content.decode()

    assert not any(story.task.name in page for page in [*pages, found])


def test_a_person_without_a_role_sees_nothing(as_operator: Client, operator: User) -> None:
    operator.groups.clear()

    assert as_operator.get("/").status_code == 403


def test_a_forged_form_marks_nothing(story: Story, admin: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")

    response = strict.post(f"/connections/{story.task.source_connection_id}/mark/", {"bucket": "photos"})

    assert response.status_code == 403


def test_a_forged_form_changes_nothing(story: Story, operator: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    run = a_run(story.task, "running", planned=4)

    response = strict.post(f"/runs/{run.pk}/pause/")

    run.refresh_from_db()
    assert (response.status_code, run.state) == (403, "running")
    assert "This form is older than your session" in response.content.decode()
