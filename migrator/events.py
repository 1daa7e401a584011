"""The live vocabulary: small facts that say what changed. The database is the truth; a lost fact costs nothing."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import TypedDict

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


class Change(StrEnum):
    """What about a run has changed."""

    STATE = "state"
    PROGRESS = "progress"
    RECORDS = "records"


class RunChanged(TypedDict):
    """The one message of a run's group; `type` names the consumer's method `run_changed`."""

    type: str
    run: str
    change: str


def run_group(run_id: uuid.UUID | str) -> str:
    """Return the name of the group that hears of one run."""
    return f"run.{run_id}"


def publish(run_id: uuid.UUID | str, change: Change) -> None:
    """Tell whoever watches this run that something changed. Redis being away is no failure of the work."""
    layer = get_channel_layer()
    if layer is None:
        return
    message: RunChanged = {"type": "run.changed", "run": str(run_id), "change": change}
    try:
        async_to_sync(layer.group_send)(run_group(run_id), message)
    except (RedisError, OSError) as exc:
        log.warning("live_message_lost", run=str(run_id), error=type(exc).__name__)
