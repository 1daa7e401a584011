"""People: their roles, their tokens, and what they did."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class Role(models.TextChoices):
    """What a person may do. A role is a group of that name; it has nothing to do with `is_staff`."""

    OPERATOR = "operator", "Operator"
    ADMIN = "admin", "Admin"
    AUDITOR = "auditor", "Auditor"


def role_of(user: AbstractBaseUser | AnonymousUser | None) -> Role | None:
    """Return the role of an active person, or `None` for a stranger. Asks the database once for each object."""
    from django.contrib.auth.models import User

    if not isinstance(user, User) or not user.is_active:
        return None
    cached = getattr(user, "_truecopy_role", None)
    if cached is None:
        names = set(user.groups.values_list("name", flat=True))
        # Of several groups the widest counts.
        cached = next((role for role in (Role.ADMIN, Role.OPERATOR, Role.AUDITOR) if role.value in names), None)
        user._truecopy_role = cached  # type: ignore[attr-defined]
    return cached


class ApiToken(models.Model):
    """A key to the JSON API. Only its SHA-256 is kept; the text is shown once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"


class AuditEvent(models.Model):
    """One thing a person did. Rows are added, never changed."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=200, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target}"
