"""Who may do what. Roles are groups; a right is asked for in the first line of each verb."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.models import Role, role_of
from migrator.services.refusal import Forbidden

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from migrator.models import Connection, Run, Task


def require(person: User, *roles: Role) -> None:
    """Raise `Forbidden` unless the person has one of these roles."""
    if role_of(person) not in roles:
        allowed = " or ".join(f"{'an' if role.label[0] in 'AO' else 'a'} {role.label.lower()}" for role in roles)
        raise Forbidden(f"Only {allowed} may do this.")


def require_task(person: User, task: Task) -> None:
    """Raise `Forbidden` unless the person may launch this task: its owner, or any admin."""
    require(person, Role.OPERATOR, Role.ADMIN)
    if role_of(person) is Role.OPERATOR and task.owner_id != person.pk:
        raise Forbidden("This task belongs to someone else. Ask its owner or an admin.")


def require_run(person: User, run: Run) -> None:
    """Raise `Forbidden` unless the person may steer this run: who started it, or any admin."""
    require(person, Role.OPERATOR, Role.ADMIN)
    if role_of(person) is Role.OPERATOR and run.created_by_id != person.pk:
        raise Forbidden("This run was started by someone else. Ask that person or an admin.")


def may_use(person: User, connection: Connection) -> bool:
    """Whether the person may pick this connection for a task."""
    if role_of(person) is Role.ADMIN:
        return True
    return role_of(person) is Role.OPERATOR and connection.shared_with.filter(pk=person.pk).exists()
