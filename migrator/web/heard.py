"""What Redis says about itself and the workers, asked with little patience."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Worker

WAITS_SECONDS = 2
# A worker speaks at least every half minute, busy or not.
SILENT_AFTER = timedelta(seconds=90)


def ping() -> None:
    """Return when Redis answers; raises `RedisError` or `OSError`."""
    with _client() as client:
        client.ping()


def workers_heard() -> int:
    """Return how many workers have spoken lately; raises `RedisError` or `OSError`."""
    oldest = datetime.now(UTC) - SILENT_AFTER
    with _client() as client:
        beats = [worker.last_heartbeat for worker in Worker.all(connection=client)]
    return sum(beat is not None and beat >= oldest for beat in beats)


def jobs_waiting() -> int:
    """Return how many jobs wait in the queue; raises `RedisError` or `OSError`."""
    with _client() as client:
        return int(client.llen(f"rq:queue:{settings.QUEUE}"))


def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL or "unix:///nowhere",
        retry=Retry(NoBackoff(), 0),
        socket_timeout=WAITS_SECONDS,
        socket_connect_timeout=WAITS_SECONDS,
    )
