"""Tasks: what to move, from where to where, and how sure to be."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models

from migrator.models.connections import Connection

# Every option a task can have, with what holds when nothing is said.
DEFAULT_OPTIONS: dict[str, Any] = {
    "if_exists": "fail_if_exists",
    "policy": "standard",
    "fidelity": "report",
    "read_back_percent": 0,
    "double_read": False,
    "leave_out_digests": [],
    "tags": True,
    "probe": True,
    "requester_pays": False,
    "include": [],
    "exclude": [],
    "min_size": None,
    "max_size": None,
    "modified_after": None,
    "modified_before": None,
    "versions": "latest",
    "storage_class_map": {},
    "encryption": None,
    "canary": "first",
    "bytes_per_s": None,
}


class Task(models.Model):
    """A definition of what to move; it can be run again and again."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        ARCHIVED = "archived", "Archived"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=150, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    source_connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="source_tasks")
    source_bucket = models.CharField(max_length=63)
    source_prefix = models.CharField(max_length=1024, blank=True, default="")
    dest_connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="dest_tasks")
    dest_bucket = models.CharField(max_length=63)
    dest_prefix = models.CharField(max_length=1024, blank=True, default="")
    options = models.JSONField(default=dict, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="tasks")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def all_options(self) -> dict[str, Any]:
        """Every option with its value: what was said over what holds when nothing is said."""
        said: dict[str, Any] = self.options
        return DEFAULT_OPTIONS | said

    @property
    def source_place(self) -> str:
        """Return where the objects come from, as a person reads it."""
        return f"{self.source_connection.name}: {self.source_bucket}/{self.source_prefix}"

    @property
    def dest_place(self) -> str:
        """Return where the objects go, as a person reads it."""
        return f"{self.dest_connection.name}: {self.dest_bucket}/{self.dest_prefix}"
