from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from migrator import services
from migrator.models import AuditEvent, Role, role_of
from migrator.services.people import setup_code_file

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-phrase-for-tests"


@pytest.fixture
def setup_code(db: None) -> str:
    User.objects.all().delete()
    setup_code_file().write_text("1234-abcd", encoding="ascii")
    return "1234-abcd"


def test_a_new_person_has_the_role_that_was_named(admin: User) -> None:
    person = services.create_user("new.person", "auditor", PASSWORD, by=admin)

    assert role_of(person) is Role.AUDITOR
    assert person.password.startswith("argon2")


def test_only_an_admin_makes_people(operator: User) -> None:
    with pytest.raises(services.Forbidden):
        services.create_user("new.person", "admin", PASSWORD, by=operator)


@pytest.mark.parametrize(
    ("username", "role", "password", "field"),
    [
        ("new person", "auditor", PASSWORD, "username"),
        ("", "auditor", PASSWORD, "username"),
        ("n" * 151, "auditor", PASSWORD, "username"),
        ("ADMIN", "auditor", PASSWORD, "username"),
        ("new.person", "king", PASSWORD, "role"),
        ("new.person", "auditor", "short", "password"),
        ("new.person", "auditor", "new.person", "password"),
    ],
)
def test_what_is_wrong_with_a_person_is_said_at_its_field(
    admin: User, username: str, role: str, password: str, field: str
) -> None:
    with pytest.raises(services.Refused) as refused:
        services.create_user(username, role, password, by=admin)

    assert [problem.field for problem in refused.value.problems] == [field]


def test_a_token_opens_for_its_person_and_is_kept_as_a_digest(operator: User) -> None:
    token, text = services.create_token(operator, "laptop")

    assert services.person_of_token(text) == operator
    assert text not in repr(token.__dict__)


def test_a_revoked_token_opens_nothing(operator: User) -> None:
    token, text = services.create_token(operator, "laptop")

    services.revoke_token(operator, token)

    assert services.person_of_token(text) is None


def test_a_token_past_its_end_opens_nothing(operator: User) -> None:
    _, text = services.create_token(operator, "old", expires_at=timezone.now() - timedelta(seconds=1))

    assert services.person_of_token(text) is None


def test_a_token_of_a_locked_person_opens_nothing(operator: User) -> None:
    _, text = services.create_token(operator, "laptop")
    User.objects.filter(pk=operator.pk).update(is_active=False)

    assert services.person_of_token(text) is None


def test_a_person_may_not_end_the_token_of_another(operator: User, auditor: User) -> None:
    token, _ = services.create_token(operator, "laptop")

    with pytest.raises(services.Forbidden):
        services.revoke_token(auditor, token)


def test_the_first_admin_is_made_with_the_code_of_the_terminal(setup_code: str) -> None:
    person = services.create_first_admin(f" {setup_code}\n", "first", PASSWORD)

    assert role_of(person) is Role.ADMIN
    assert not services.setup_is_open()
    assert not (settings.DATA_DIR / "setup-code").exists()


def test_a_wrong_code_makes_nobody(setup_code: str) -> None:
    with pytest.raises(services.Refused) as refused:
        services.create_first_admin("0000-0000", "first", PASSWORD)

    assert refused.value.problems[0].field == "code"
    assert not User.objects.exists()


def test_the_setup_is_closed_once_somebody_exists(setup_code: str, admin: User) -> None:
    with pytest.raises(services.Refused, match="closed"):
        services.create_first_admin(setup_code, "second", PASSWORD)


def test_what_people_do_is_written_down(admin: User) -> None:
    services.create_user("new.person", "auditor", PASSWORD, by=admin)

    event = AuditEvent.objects.get(action="user.created")
    assert (event.actor, event.target) == ("admin", "new.person")
    assert PASSWORD not in str(event.detail)
