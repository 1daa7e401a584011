"""What people did, written down as they do it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migrator.models import AuditEvent

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def note(person: User | None, action: str, target: object, **detail: Any) -> None:
    """Add one event; `detail` must hold no secret."""
    AuditEvent.objects.create(
        actor=person.get_username() if person else "system",
        action=action,
        target=str(target)[:200],
        target_id=str(getattr(target, "pk", ""))[:64],
        detail=detail,
    )
