"""Decisions about what was not verified. They stand beside the verdict and never change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from integrity.models import IntegrityRecord, Review, ReviewDecision
from migrator.models import Role
from migrator.services.audit import note
from migrator.services.refusal import Refused
from migrator.services.rights import require

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LEAST_REASON = 10


def decide(by: User, record: IntegrityRecord, decision: str, reason: str = "") -> ReviewDecision:
    """Decide about a record that is not verified; `accept` and `waive` need a written reason."""
    require(by, Role.ADMIN)
    reason = reason.strip()
    review = Review.objects.filter(record=record).first()
    if review is None:
        raise Refused("This object is verified, so there is nothing to decide.", code="nothing_to_review")
    if decision not in ReviewDecision.Decision.values:
        raise Refused(f"A decision is one of {', '.join(ReviewDecision.Decision.values)}.", field="decision")
    if decision != ReviewDecision.Decision.RETRY and len(reason) < LEAST_REASON:
        raise Refused(f"Write the reason in at least {LEAST_REASON} characters; auditors will read it.", field="reason")
    if len(reason) > 1000:
        raise Refused("A reason has at most 1,000 characters.", field="reason")
    with transaction.atomic():
        decided = ReviewDecision.objects.create(
            review=review,
            decision=decision,
            reason=reason,
            record_digest=record.record_digest,
            person_id=str(by.pk),
            person_name=by.get_username(),
            decided_at=timezone.now(),
        )
        Review.objects.filter(pk=review.pk).update(state=Review.State.DECIDED)
        note(by, f"review.{decision}", record, reason=reason)
    return decided
