"""What happens by the clock: `reconcile` every 30 seconds, on RQ's CronScheduler, with JSON on the wire."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from django.conf import settings
from redis.exceptions import RedisError
from rq.cron import CronJob, CronScheduler
from rq.exceptions import SchedulerNotFound, StopRequested
from rq.utils import now

from migrator.local import queues

if TYPE_CHECKING:
    import redis

RECONCILE_SECONDS = 30
_PAUSE_SECONDS = 1.0


class Schedule(CronScheduler):
    """RQ's scheduler pickles, and ends when Redis goes away. This one does neither."""

    def __init__(self, connection: redis.Redis) -> None:
        super().__init__(connection=connection)
        self._stopping = False
        self._waiting: dict[str, str] = {}
        # By name: the clock need not load what the workers run.
        self._cron_jobs.append(CronJob(settings.QUEUE, func_name="migrator.jobs.reconcile", interval=RECONCILE_SECONDS))

    def run(self) -> None:
        """Enqueue what is due until SIGTERM or SIGINT."""
        # The signal raises wherever it finds us, in the pause between two tries too.
        with contextlib.suppress(StopRequested, KeyboardInterrupt):
            while not self._stopping:
                try:
                    self.start()  # type: ignore[no-untyped-call]
                except (RedisError, OSError) as exc:
                    self.log.warning("Redis is away, trying again: %s", exc)
                    time.sleep(0 if self._stopping else _PAUSE_SECONDS)

    def enqueue_jobs(self) -> list[Any]:
        """Enqueue what is due, before the work that waits: it is what frees lost work. None waits twice."""
        queue = queues.queue_on(self.connection)
        due = [job for job in self.get_jobs() if job.should_run()]
        for job in due:
            if not self._waits(queue.key, job.func_name):
                enqueued = queue.enqueue(job.func_name, at_front=True, job_timeout=300, result_ttl=0, failure_ttl=3600)
                self._waiting[job.func_name] = enqueued.id
            job.set_enqueue_time(now())
        return due

    def register_death(self, pipeline: Any = None) -> None:
        """Sign off, if Redis is there to hear it and has not come back empty."""
        with contextlib.suppress(RedisError, SchedulerNotFound):
            super().register_death(pipeline)

    def _waits(self, queue_key: str, name: str) -> bool:
        last = self._waiting.get(name)
        return last is not None and self.connection.lpos(queue_key, last) is not None

    def _request_stop(self, signum: int, frame: Any) -> None:
        self._stopping = True
        super()._request_stop(signum, frame)  # type: ignore[no-untyped-call]
