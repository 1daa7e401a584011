"""One caller for each person, and a second operator whose things are not the first one's."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User

from tests.api.caller import Caller


@pytest.fixture
def stranger(db: None) -> Caller:
    """Somebody without a token."""
    return Caller()


@pytest.fixture
def as_operator(operator: User) -> Caller:
    """The API as the operator."""
    return Caller(operator)


@pytest.fixture
def as_admin(admin: User) -> Caller:
    """The API as the admin."""
    return Caller(admin)


@pytest.fixture
def as_auditor(auditor: User) -> Caller:
    """The API as the auditor."""
    return Caller(auditor)


@pytest.fixture
def colleague(db: None) -> User:
    """Another operator."""
    person, _ = User.objects.get_or_create(username="colleague")
    person.groups.add(Group.objects.get_or_create(name="operator")[0])
    return person


@pytest.fixture
def as_colleague(colleague: User) -> Caller:
    """The API as the other operator."""
    return Caller(colleague)
