"""Integrity records and reviews. Rows name tasks, runs and people by UUID and text, so the evidence outlives them."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q

from integrity.keys import from_record, may_describe

# Keys are bytes: compared byte by byte, in every database. SQLite's BINARY is its default.
VERDICTS = ("verified", "failed", "unverified")


class IntegrityRecord(models.Model):
    """What happened to one item of one run, and what was proven of it. Rows are added, never changed.

    Digests are lower-case hex, ETags stand without quotes, sizes are bytes. The constraints make an unproven
    match impossible, whoever writes the row; `compared_with` names the earlier record whose digests stand here: then
    this run read nothing, and `bytes_hashed` is null. What `checks` may claim is kept by `integrity.guards`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.UUIDField()
    task = models.UUIDField()
    task_name = models.CharField(max_length=150)
    run_number = models.PositiveIntegerField()
    batch_number = models.PositiveIntegerField()
    index = models.PositiveBigIntegerField()

    source_place = models.CharField(max_length=300)
    dest_place = models.CharField(max_length=300)
    object_key = models.TextField()
    dest_key = models.TextField()
    source_version_id = models.CharField(max_length=1024, blank=True, default="")
    dest_version_id = models.CharField(max_length=1024, blank=True, default="")
    source_etag = models.TextField(blank=True, default="")
    dest_etag = models.TextField(blank=True, default="")
    calculated_etag = models.TextField(blank=True, default="")
    calculated_md5 = models.CharField(max_length=32, blank=True, default="")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    crc32 = models.CharField(max_length=8, blank=True, default="")
    crc32c = models.CharField(max_length=8, blank=True, default="")
    crc64nvme = models.CharField(max_length=16, blank=True, default="")
    source_size = models.PositiveBigIntegerField(null=True)
    bytes_hashed = models.PositiveBigIntegerField(null=True)
    dest_size = models.PositiveBigIntegerField(null=True)
    part_count = models.PositiveIntegerField(null=True)
    compared_with = models.UUIDField(null=True)
    source_facts = models.JSONField(default=dict)
    dest_facts = models.JSONField(default=dict)

    etag_match = models.BooleanField(null=True)
    size_match = models.BooleanField(null=True)
    md5_match = models.BooleanField(null=True)
    checks = models.JSONField(default=list)
    verdict = models.CharField(max_length=10, blank=True, default="")
    reason = models.CharField(max_length=40, blank=True, default="")
    source_grade = models.CharField(max_length=10, blank=True, default="")
    dest_grade = models.CharField(max_length=10, blank=True, default="")
    is_valid = models.BooleanField(default=False)
    notes = models.JSONField(default=list)
    attempts = models.PositiveIntegerField(default=1)
    attempt_log = models.JSONField(default=list)
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_message = models.CharField(max_length=600, blank=True, default="")
    record_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["run", "index"]
        indexes = [
            models.Index(fields=["run", "verdict", "index"]),
            # With the bytes: how fast a run goes is summed up from the index alone, whatever a record holds besides.
            models.Index(fields=["run", "created_at", "bytes_hashed"]),
            models.Index(fields=["task", "object_key"]),
        ]
        constraints = [
            models.UniqueConstraint(fields=["run", "index"], name="one_record_an_item"),
            models.CheckConstraint(
                name="a_verdict_or_a_reason_to_skip",
                condition=Q(verdict__in=VERDICTS) | Q(verdict="", reason="already_verified"),
            ),
            models.CheckConstraint(
                name="valid_means_verified",
                condition=Q(is_valid=True, verdict="verified") | (Q(is_valid=False) & ~Q(verdict="verified")),
            ),
            models.CheckConstraint(
                name="verified_means_both_sizes_and_a_grade_each",
                condition=~Q(verdict="verified")
                | Q(
                    error_code="",
                    # NULL is no refusal in a check constraint, hence both.
                    size_match__isnull=False,
                    size_match=True,
                    source_size=F("dest_size"),
                    source_grade__in=["S1 reread", "S2", "S3"],
                    dest_grade__in=["D2", "D3", "D4"],
                ),
            ),
            models.CheckConstraint(
                name="failed_means_an_error_code",
                condition=Q(verdict="failed") & ~Q(error_code="") | ~Q(verdict="failed") & Q(error_code=""),
            ),
            models.CheckConstraint(
                name="unverified_means_a_reason",
                condition=~Q(verdict="unverified") | ~Q(reason=""),
            ),
            models.CheckConstraint(
                name="a_size_match_needs_equal_sizes",
                condition=~Q(size_match=True)
                | Q(
                    source_size__isnull=False,
                    dest_size__isnull=False,
                    source_size=F("dest_size"),
                )
                & (Q(bytes_hashed__isnull=False, bytes_hashed=F("source_size")) | Q(compared_with__isnull=False)),
            ),
            models.CheckConstraint(
                name="an_etag_match_needs_equal_etags",
                # A store may state the MD5 of an object that it took in parts, hence either. The source's parts
                # may be others than the destination's, so its ETag of parts is provable from the checks alone.
                condition=~Q(etag_match=True)
                | ~Q(source_etag="")
                & ~Q(dest_etag="")
                & (Q(dest_etag=F("calculated_etag")) | Q(dest_etag=F("calculated_md5")))
                & (Q(source_etag=F("calculated_md5")) | Q(source_etag__contains="-")),
            ),
            models.CheckConstraint(
                name="an_md5_match_needs_three_equal_md5s",
                condition=~Q(md5_match=True)
                | ~Q(calculated_md5="") & Q(source_etag=F("calculated_md5"), dest_etag=F("calculated_md5")),
            ),
            models.CheckConstraint(
                name="digests_are_of_bytes_that_were_hashed",
                condition=Q(bytes_hashed__isnull=False)
                | Q(compared_with__isnull=False)
                | Q(calculated_etag="", calculated_md5="", sha256="", crc32="", crc32c="", crc64nvme=""),
            ),
            models.CheckConstraint(
                name="nothing_was_read_where_an_earlier_record_is_named",
                condition=Q(compared_with__isnull=True)
                | Q(bytes_hashed__isnull=True, source_grade__in=["S0", "S1", "S2", "S3"]) & ~Q(dest_grade="D4"),
            ),
            models.CheckConstraint(
                name="a_second_reading_needs_a_sha256",
                condition=~Q(source_grade="S1 reread") & ~Q(dest_grade="D4") | ~Q(sha256=""),
            ),
        ]

    def __str__(self) -> str:
        return self.object_key

    @property
    def key(self) -> str:
        """The key of the object, to the byte. Where its text may describe another it is asked of `source_facts`."""
        is_described = may_describe(self.object_key)
        return from_record(self.object_key, self.source_facts.get("key_base64") if is_described else None)

    @property
    def key_of_copy(self) -> str:
        """The key of its copy, to the byte; so too with `dest_facts`."""
        is_described = may_describe(self.dest_key)
        return from_record(self.dest_key, self.dest_facts.get("key_base64") if is_described else None)

    @property
    def needs_a_person(self) -> bool:
        """Whether this record opened a review."""
        return self.verdict in ("failed", "unverified")


class Review(models.Model):
    """The case opened for a record that is not verified. What people decide never changes the verdict."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DECIDED = "decided", "Decided"

    record = models.OneToOneField(IntegrityRecord, on_delete=models.PROTECT, related_name="review")
    run = models.UUIDField(db_index=True)
    cause = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN, db_index=True)
    opened_at = models.DateTimeField()

    class Meta:
        ordering = ["-opened_at", "pk"]

    def __str__(self) -> str:
        return f"{self.record}: {self.cause}"


class ReviewDecision(models.Model):
    """One decision about a review, with its author and reason. Rows are added, never changed; the last one holds."""

    class Decision(models.TextChoices):
        RETRY = "retry", "Retry in the next run"
        ACCEPT = "accept", "Accept this copy"
        WAIVE = "waive", "Not needed at the destination"

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="decisions")
    decision = models.CharField(max_length=10, choices=Decision)
    reason = models.CharField(max_length=1000, blank=True, default="")
    record_digest = models.CharField(max_length=64)
    person_id = models.CharField(max_length=64)
    person_name = models.CharField(max_length=150)
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["decided_at", "pk"]
        constraints = [
            models.CheckConstraint(name="accept_and_waive_need_a_reason", condition=Q(decision="retry") | ~Q(reason=""))
        ]

    def __str__(self) -> str:
        return f"{self.decision} by {self.person_name}"
