"""The queue as workers and clock see it: JSON on the wire, and a Redis that may go away."""

from __future__ import annotations

import sys
import time

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

_PAUSE_SECONDS = 1.0
# Longer than an idle worker waits for a job.
_TIMEOUT_SECONDS = 60.0


def connect(url: str = "") -> redis.Redis:
    """Return a client that fails at once when Redis is away: waiting is the worker's business."""
    return redis.Redis.from_url(
        url or settings.REDIS_URL,
        retry=Retry(NoBackoff(), 1),
        socket_connect_timeout=5,
        # An idle worker waits in one long question, and no connection made earlier may give up on it.
        socket_timeout=_TIMEOUT_SECONDS,
    )


def queue_on(connection: redis.Redis) -> Queue:
    """Return the one queue, with JSON on the wire."""
    return Queue(settings.QUEUE, connection=connection, serializer=JSONSerializer)


def wait_for_redis(connection: redis.Redis) -> None:
    """Return once Redis answers."""
    while True:
        try:
            connection.ping()
        except (RedisError, OSError) as exc:
            print(f"Redis does not answer ({exc}); trying again.", file=sys.stderr, flush=True)  # noqa: T201
            time.sleep(_PAUSE_SECONDS)
        else:
            return
