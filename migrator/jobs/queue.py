"""Putting jobs on the queue: ids as arguments, JSON on the wire, and no harm when Redis is away."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING

import django_rq
import structlog
from django.conf import settings
from django.db import transaction
from redis.exceptions import RedisError
from rq import Worker

if TYPE_CHECKING:
    from rq import Queue

log = structlog.get_logger(__name__)


def enqueue(verb: str, run_id: uuid.UUID | str) -> None:
    """Enqueue `migrator.jobs.<verb>` for a run once the transaction at hand is committed."""
    transaction.on_commit(partial(_enqueue_now, verb, str(run_id)))


def queued_for(verb: str, run_id: uuid.UUID | str) -> int:
    """Return how many jobs of this verb wait for this run."""
    prefix = _prefix(verb, run_id)
    return sum(1 for job_id in _queue().job_ids if job_id.startswith(prefix))


def worker_count() -> int:
    """Return how many workers have registered and are alive."""
    return Worker.count(queue=_queue())


def _enqueue_now(verb: str, run_id: str) -> None:
    try:
        _queue().enqueue(
            f"migrator.jobs.{verb}",
            run_id,
            job_id=f"{_prefix(verb, run_id)}{uuid.uuid4().hex[:8]}",
            # No limit: the heartbeat in the database is the watchdog, and one object may take days.
            job_timeout=-1,
            result_ttl=0,
            failure_ttl=24 * 3600,
        )
    except (RedisError, OSError) as exc:
        # The run's state is in the database; `reconcile` enqueues what is missing once Redis is back.
        log.error("enqueue_failed", verb=verb, run=run_id, error=type(exc).__name__)


def _prefix(verb: str, run_id: uuid.UUID | str) -> str:
    return f"{verb}-{run_id}-"


def _queue() -> Queue:
    return django_rq.get_queue(settings.QUEUE)
