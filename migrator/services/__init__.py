"""What a person can do: one function a verb. Every write by a person goes through here.

A verb's first line asks whether this person may; what cannot be done is `Refused`, in words a person understands.
"""

from migrator.services.connections import (
    ConnectionInput,
    create_connection,
    delete_connection,
    mark_mixed,
    run_connection_test,
    unmark_mixed,
    update_connection,
)
from migrator.services.fidelity_options import ENCRYPTION_TYPES
from migrator.services.people import (
    create_first_admin,
    create_token,
    create_user,
    person_of_token,
    revoke_token,
    setup_is_open,
)
from migrator.services.refusal import Forbidden, Refused
from migrator.services.reviews import decide
from migrator.services.runs import cancel_run, pause_run, resume_run, retry_run, start_planned_run, start_run
from migrator.services.tasks import LEAVABLE_DIGESTS, PlaceInput, TaskInput, create_task, update_task

__all__ = [
    "ENCRYPTION_TYPES",
    "LEAVABLE_DIGESTS",
    "ConnectionInput",
    "Forbidden",
    "PlaceInput",
    "Refused",
    "TaskInput",
    "cancel_run",
    "create_connection",
    "create_first_admin",
    "create_task",
    "create_token",
    "create_user",
    "decide",
    "delete_connection",
    "mark_mixed",
    "pause_run",
    "person_of_token",
    "resume_run",
    "retry_run",
    "revoke_token",
    "run_connection_test",
    "setup_is_open",
    "start_planned_run",
    "start_run",
    "unmark_mixed",
    "update_connection",
    "update_task",
]
