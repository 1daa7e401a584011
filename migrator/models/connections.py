"""Connections to S3 endpoints, and what was found out about the buckets behind them."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models

from integrity.evidence import profile_from_json, profile_to_json


class Connection(models.Model):
    """One S3 endpoint with its credentials. The secret is sealed; only `credentials` can open it."""

    class Kind(models.TextChoices):
        GENERIC = "generic", "Any S3 service"
        AWS = "aws", "Amazon S3"
        MINIO = "minio", "MinIO"
        CEPH = "ceph", "Ceph"
        R2 = "r2", "Cloudflare R2"
        GCS = "gcs", "Google Cloud Storage"
        B2 = "b2", "Backblaze B2"
        WASABI = "wasabi", "Wasabi"
        SANDBOX = "sandbox", "Sandbox"

    class Addressing(models.TextChoices):
        AUTO = "auto", "Automatic"
        PATH = "path", "Bucket in the path"
        VIRTUAL = "virtual", "Bucket in the host name"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.GENERIC)
    endpoint_url = models.CharField(max_length=500)
    region = models.CharField(max_length=60, default="us-east-1")
    addressing_style = models.CharField(max_length=10, choices=Addressing, default=Addressing.AUTO)
    ca_pem = models.TextField(default="", blank=True)
    access_key_id = models.CharField(max_length=200)
    sealed_secret = models.BinaryField()
    expires_at = models.DateTimeField(null=True, blank=True)
    shared_with = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="shared_connections", blank=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    test_steps = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def test_passed(self) -> bool | None:
        """Whether the last test had no failed step; `None` when there was no test."""
        if self.tested_at is None:
            return None
        return all(step["outcome"] != "failed" for step in self.test_steps)


class StoreProfile(models.Model):
    """The dated, probed facts about one bucket behind a connection (`integrity.evidence.Profile` as JSON).

    `mixed_since` and `mixed_by`: that a person has marked this source `mixed`, which outlives every new probe.
    """

    class Side(models.TextChoices):
        SOURCE = "source", "Source"
        DESTINATION = "destination", "Destination"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="profiles")
    bucket = models.CharField(max_length=63)
    side = models.CharField(max_length=12, choices=Side)
    facts = models.JSONField()
    probed_at = models.DateTimeField()
    mixed_since = models.DateTimeField(null=True, blank=True)
    mixed_by = models.CharField(max_length=150, default="", db_default="", blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "bucket", "side"], name="one_profile_a_side")]

    def __str__(self) -> str:
        return f"{self.connection} / {self.bucket}"

    @property
    def facts_in_use(self) -> dict[str, Any]:
        """What a run goes by: what was probed, but for what a person has marked."""
        probed: dict[str, Any] = self.facts
        if self.mixed_since is None:
            return probed
        return profile_to_json(profile_from_json(probed).with_mixed_etags())
