"""People and their tokens."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from migrator.models import ApiToken, Role, role_of
from migrator.services.audit import note
from migrator.services.refusal import Refused
from migrator.services.rights import require

if TYPE_CHECKING:
    from pathlib import Path

# A token in steady use is not a write to the database with each request.
_LAST_USE_PRECISION = timedelta(minutes=1)
# Django's own, which SQLite does not hold anybody to.
LONGEST_NAME = 150
TOKEN_PREFIX = "tcp_"  # noqa: S105  recognisable by secret scanners


def create_user(username: str, role: str, password: str, *, by: User | None = None) -> User:
    """Make a person with one role. `by` is an admin; `None` is the command line."""
    if by is not None:
        require(by, Role.ADMIN)
    username = username.strip()
    _check_person(username, role, password)
    with transaction.atomic():
        person = User.objects.create_user(username=username, password=password)
        person.groups.add(Group.objects.get(name=role))
        note(by, "user.created", person, role=role)
    return person


def setup_code_file() -> Path:
    """Return where the one-time code for the first admin is kept."""
    return settings.DATA_DIR / "setup-code"


def setup_is_open() -> bool:
    """Whether the first admin is still to be made: nobody exists, and `start` has printed a code."""
    return not User.objects.exists() and setup_code_file().exists()


def create_first_admin(code: str, username: str, password: str) -> User:
    """Make the first admin with the one-time code that the terminal printed; closes the setup for good."""
    if not setup_is_open():
        raise Refused("The setup of this installation is closed: it already has an admin. Sign in instead.")
    expected = setup_code_file().read_text(encoding="ascii").strip()
    if not hmac.compare_digest(code.strip().encode(), expected.encode()):
        raise Refused("This is not the code that the terminal printed. Copy it again, without blanks.", field="code")
    person = create_user(username, Role.ADMIN, password)
    setup_code_file().unlink(missing_ok=True)
    return person


def create_token(
    person: User, name: str, *, expires_at: datetime | None = None, by: User | None = None
) -> tuple[ApiToken, str]:
    """Make a token for a person and return it with its text, which is shown this once."""
    if by is not None and by != person:
        require(by, Role.ADMIN)
    if role_of(person) is None:
        raise Refused(f"{person.get_username()} has no role, so a token could do nothing.", field="user")
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=person,
        name=name.strip()[:100] or "token",
        digest=_digest(text),
        hint=text[:8],
        expires_at=expires_at,
    )
    note(by or person, "token.created", token)
    return token, text


def revoke_token(person: User, token: ApiToken) -> None:
    """End a token at once: one's own, or any as an admin."""
    if token.user_id != person.pk:
        require(person, Role.ADMIN)
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())
    note(person, "token.revoked", token)


def person_of_token(text: str) -> User | None:
    """Return the active person a token belongs to, or `None`."""
    now = timezone.now()
    token = (
        ApiToken.objects.select_related("user")
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now), digest=_digest(text), revoked_at__isnull=True)
        .filter(user__is_active=True)
        .first()
    )
    if token is None:
        return None
    if token.last_used_at is None or now - token.last_used_at > _LAST_USE_PRECISION:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token.user if isinstance(token.user, User) else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _check_person(username: str, role: str, password: str) -> None:
    if role not in Role.values:
        raise Refused(f"A role is one of {', '.join(Role.values)}.", field="role")
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError as exc:
        raise Refused("A name holds letters, digits and @ . + - _ only.", field="username") from exc
    if len(username) > LONGEST_NAME:
        raise Refused(f"A name has at most {LONGEST_NAME} characters.", field="username")
    if User.objects.filter(username__iexact=username).exists():
        raise Refused(f"There already is a person called {username}.", field="username")
    try:
        validate_password(password, User(username=username))
    except ValidationError as exc:
        raise Refused(" ".join(exc.messages), field="password") from exc
