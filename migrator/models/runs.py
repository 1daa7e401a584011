"""Runs, their batches, and the uploads they hold open."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from integrity.keys import from_record
from migrator.models.connections import Connection
from migrator.models.tasks import Task


class Run(models.Model):
    """One execution of a task. Its counts move by `F()` under the fencing token of a batch."""

    class Kind(models.TextChoices):
        COPY = "copy", "Copy"
        VERIFY = "verify", "Verify"
        RETRY = "retry", "Retry"

    class State(models.TextChoices):
        PLANNING = "planning", "Planning"
        READY = "ready", "Ready"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        FINISHED = "finished", "Finished"
        INCOMPLETE = "incomplete", "Incomplete"
        CANCELLED = "cancelled", "Cancelled"

    ENDED = (State.FINISHED, State.INCOMPLETE, State.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="runs")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.COPY)
    state = models.CharField(max_length=12, choices=State, default=State.PLANNING, db_index=True)
    cause = models.CharField(max_length=40, blank=True, default="")
    # What a person reads about the cause, and who or what brought it about.
    cause_text = models.CharField(max_length=600, blank=True, default="")
    retry_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="retries")
    options = models.JSONField(default=dict)
    auto_start = models.BooleanField(default=False)
    empty_confirmed = models.BooleanField(default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="runs")
    created_at = models.DateTimeField(auto_now_add=True)
    # The first listing request, and the first moment at which objects could be copied.
    started_at = models.DateTimeField(null=True, blank=True)
    begun_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)

    plan_attempt = models.PositiveIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    listing_complete = models.BooleanField(default=False)
    plan_summary = models.JSONField(default=dict, blank=True)
    profiles = models.JSONField(default=dict, blank=True)

    planned = models.PositiveBigIntegerField(default=0)
    verified = models.PositiveBigIntegerField(default=0)
    unverified = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    skipped = models.PositiveBigIntegerField(default=0)
    bytes_planned = models.PositiveBigIntegerField(default=0)
    bytes_settled = models.PositiveBigIntegerField(default=0)
    bytes_copied = models.PositiveBigIntegerField(default=0)
    ledger_root = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["task", "number"], name="run_number_once_a_task"),
            models.CheckConstraint(
                name="books_never_exceed_the_plan",
                condition=Q(planned__gte=F("verified") + F("unverified") + F("failed") + F("skipped")),
            ),
            models.CheckConstraint(
                name="finished_means_nothing_pending",
                condition=~Q(state="finished")
                | Q(
                    planned=F("verified") + F("unverified") + F("failed") + F("skipped"),
                    listing_complete=True,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} · run {self.number}"

    @property
    def pending(self) -> int:
        """Items without a record: what is left of the plan."""
        return self.planned - self.settled

    @property
    def settled(self) -> int:
        """Items with a record."""
        return self.verified + self.unverified + self.failed + self.skipped

    @property
    def not_verified(self) -> int:
        """Settled items that a person should look at."""
        return self.unverified + self.failed

    @property
    def has_ended(self) -> bool:
        """Whether no further work will happen in this run."""
        return self.state in self.ENDED


class Batch(models.Model):
    """A piece of a run's frozen plan, claimed and settled as one.

    `attempt` is the fencing token: each claim takes the next number, and only its holder may write.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        RUNNING = "running", "Running"
        SETTLED = "settled", "Settled"

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="batches")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempt = models.PositiveIntegerField(default=0)
    # Attempts before a person resumed the run: what was wrong then may be mended.
    attempts_forgiven = models.PositiveIntegerField(default=0)
    items = models.BinaryField()
    item_count = models.PositiveIntegerField()
    first_index = models.PositiveBigIntegerField()
    size = models.PositiveBigIntegerField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    bytes_in_flight = models.PositiveBigIntegerField(default=0)
    worker = models.CharField(max_length=120, blank=True, default="")
    link = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        ordering = ["run", "number"]
        indexes = [models.Index(fields=["run", "state", "number"])]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="batch_number_once_a_run")]

    def __str__(self) -> str:
        return f"{self.run} · batch {self.number}"


class OpenUpload(models.Model):
    """A multipart upload of ours that may still be open: written before its first part, deleted when it is gone."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="open_uploads")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="open_uploads")
    batch_number = models.PositiveIntegerField()
    batch_attempt = models.PositiveIntegerField()
    bucket = models.CharField(max_length=63)
    object_key = models.TextField()
    # Its bytes, where they are no text that a database takes; a worker of a release before names none.
    key_base64 = models.TextField(blank=True, default="", db_default="")
    upload_id = models.TextField()
    # A digest of what it was opened for. Empty where that is not known; a worker of a release before names none.
    purpose = models.CharField(max_length=64, blank=True, default="", db_default="")
    tried_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.bucket}/{self.object_key}"

    @property
    def dest_key(self) -> str:
        """The key of the object that it was to become, to the byte."""
        return from_record(self.object_key, self.key_base64)
