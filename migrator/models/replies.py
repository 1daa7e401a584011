"""Replies of the API that are kept for a day, so that a request sent twice is done once."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class IdempotentReply(models.Model):
    """What a person got for an Idempotency-Key. `status` is 0 while the first request is still at work."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    # A keyed digest over method, address and body: the body may hold a secret.
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    location = models.CharField(max_length=300, blank=True, default="")
    etag = models.CharField(max_length=100, blank=True, default="")
    body = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "key"], name="one_reply_a_key")]

    def __str__(self) -> str:
        return self.key
