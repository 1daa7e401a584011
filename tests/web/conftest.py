"""Three people at their browsers, a second operator, and a finished run to look at."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.test import Client

from integrity.models import IntegrityRecord
from migrator.models import Run, Task
from tests.web.rows import a_record, a_run, a_task, settled


def _browser(person: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def as_operator(operator: User) -> Client:
    """The operator's browser."""
    return _browser(operator)


@pytest.fixture
def as_admin(admin: User) -> Client:
    """The admin's browser."""
    return _browser(admin)


@pytest.fixture
def as_auditor(auditor: User) -> Client:
    """The auditor's browser."""
    return _browser(auditor)


@pytest.fixture
def colleague(db: None) -> User:
    """Another operator."""
    person = User.objects.create_user("colleague")
    person.groups.add(Group.objects.get_or_create(name="operator")[0])
    return person


@pytest.fixture
def as_colleague(colleague: User) -> Client:
    """The other operator's browser."""
    return _browser(colleague)


@pytest.fixture(autouse=True)
def _nothing_counted_yet() -> None:
    """Forget how often somebody has tried."""
    cache.clear()


@dataclass(frozen=True, slots=True)
class Story:
    """A task of the operator with a finished run: one record of each kind."""

    task: Task
    run: Run
    verified: IntegrityRecord
    unverified: IntegrityRecord
    failed: IntegrityRecord


@pytest.fixture
def story(operator: User) -> Story:
    """What most pages are looked at with."""
    task = a_task(operator)
    run = a_run(task, "planning")
    verified = a_record(run, "2019/one.jpg")
    unverified = a_record(run, "2019/sealed.bin", "unverified")
    failed = a_record(run, "2019/damaged.pdf", "failed")
    return Story(task, settled(run, "finished"), verified, unverified, failed)


def text_of(response: object) -> str:
    """Return the page as text."""
    return response.content.decode()  # type: ignore[attr-defined, no-any-return]
