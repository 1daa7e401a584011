"""What Truecopy keeps: one module for each noun."""

from migrator.models.connections import Connection, StoreProfile
from migrator.models.people import ApiToken, AuditEvent, Role, role_of
from migrator.models.replies import IdempotentReply
from migrator.models.runs import Batch, OpenUpload, Run
from migrator.models.tasks import DEFAULT_OPTIONS, Task

__all__ = [
    "DEFAULT_OPTIONS",
    "ApiToken",
    "AuditEvent",
    "Batch",
    "Connection",
    "IdempotentReply",
    "OpenUpload",
    "Role",
    "Run",
    "StoreProfile",
    "Task",
    "role_of",
]
