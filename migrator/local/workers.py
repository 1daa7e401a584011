"""Our RQ worker: JSON only, our four functions only, and steadier than RQ's own.

RQ 3 as it comes does four things that we cannot have. Its worker ends when Redis goes away, and the work horse lives
on as an orphan. The first SIGTERM never reaches the horse, and the second kills it. It unpickles unless told
otherwise. It runs whatever function a queue names. Here a worker waits for Redis, a horse dies with its parent, a
stop reaches the horse as SIGUSR1 so that it ends in order, and a job that is not ours is thrown away.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import redis
from django.db import connections
from redis.exceptions import RedisError
from rq import Queue
from rq import Worker as RqWorker
from rq.exceptions import DeserializationError, StopRequested
from rq.serializers import JSONSerializer
from rq.utils import now

from migrator import jobs
from migrator.local import queues
from migrator.local.leash import die_with_parent

if TYPE_CHECKING:
    from rq.executions import Execution
    from rq.job import Job

STOP_HORSE = signal.SIGUSR1
# How often the worker looks after its horse, and how often it tells Redis that it lives.
_LOOK_SECONDS = 1
_HEARTBEAT_SECONDS = 10
_TTL_SECONDS = 45
_PAUSE_SECONDS = 1.0
# Until these are ready in the child, a signal would take the horse down in place of stopping it.
_HORSE_SIGNALS = frozenset({STOP_HORSE, signal.SIGTERM, signal.SIGINT})


def refusal(job: Job, allowed: frozenset[str]) -> str:
    """Return why this job must not run, or an empty text. Whoever can write to Redis can put anything there."""
    try:
        name, arguments = job.func_name, job.args
        if job.instance is not None or job.kwargs:
            return "it has an instance or keyword arguments"
    except DeserializationError:
        return "it is not JSON"
    except (TypeError, ValueError, AttributeError):
        return "it is malformed"
    if name not in allowed:
        return f"{str(name)[:100]!r} is none of our functions"
    if len(arguments) > 1 or not all(isinstance(one, str) and len(one) <= 64 for one in arguments):
        return "its arguments are not an id"
    callbacks = (job._success_callback_name, job._failure_callback_name, job._stopped_callback_name)
    if any(isinstance(one, str) and one for one in callbacks) or getattr(job, "webhooks", None):
        return "it names a callback"
    return ""


class Worker(RqWorker):
    """One worker on the queue `truecopy`. `grace` is how many seconds a horse has to stop before it is killed."""

    max_connection_wait_time = 5.0

    def __init__(self, connection: redis.Redis, *, grace: float, allowed: frozenset[str] = jobs.ALLOWED) -> None:
        super().__init__(
            [queues.queue_on(connection)],
            name=f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(2)}",
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=_TTL_SECONDS,
            job_monitoring_interval=_LOOK_SECONDS,
        )
        self._own_pid = os.getpid()
        self._grace = grace
        self._allowed = allowed
        self._kill_horse_at: float | None = None
        self._beat_at = 0.0

    # --- what may run ----------------------------------------------------------------------------------------

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a job of ours in a work horse; throw away every other."""
        reason = refusal(job, self._allowed)
        try:
            if reason:
                self._throw_away(job, queue, reason)
            else:
                super().execute_job(job, queue)
        except RedisError as exc:
            self.log.warning("Worker %s: job %s not begun or not booked: %s", self.name, job.id, exc)

    def _throw_away(self, job: Job, queue: Queue, reason: str) -> None:
        self.log.error("Worker %s: job %s thrown away: %s", self.name, job.id, reason)
        with self.connection.pipeline() as pipeline:
            pipeline.lrem(queue.intermediate_queue_key, 0, job.id)
            pipeline.delete(job.key)
            pipeline.execute()

    # --- the work horse --------------------------------------------------------------------------------------

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Fork, with the horse's signals held back until it can answer them."""
        connections.close_all()
        signal.pthread_sigmask(signal.SIG_BLOCK, _HORSE_SIGNALS)
        try:
            super().fork_work_horse(job, queue)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HORSE_SIGNALS)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Run the job in the child, bound to the parent's life."""
        _die_with(self._own_pid)
        if self._stop_requested:
            jobs.request_stop()
        super().main_work_horse(job, queue)

    def setup_work_horse_signals(self) -> None:
        """Stop in order when the parent says so, and also when a whole group is terminated."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: jobs.request_stop())
        signal.signal(STOP_HORSE, lambda *_: jobs.request_stop())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HORSE_SIGNALS)

    def handle_warm_shutdown_request(self) -> None:
        """Hand the stop on to the horse, and give it its time."""
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        # RQ notes a stop only while a job runs, and else trusts the exception that its handler raises.
        self._stop_requested = True
        self._kill_horse_at = time.monotonic() + self._grace
        self.kill_horse(STOP_HORSE)

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        """Signal the horse alone: RQ signals its group, which is our own one until the horse has left it."""
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, sig)

    def monitor_work_horse(self, job: Job, queue: Queue, execution: Execution) -> None:
        """Stay with the horse until it ends, whatever becomes of Redis."""
        while True:
            try:
                super().monitor_work_horse(job, queue, execution)
            except RedisError as exc:
                self.log.warning("Worker %s: Redis is away while job %s runs: %s", self.name, job.id, exc)
                if self.horse_pid:
                    time.sleep(_PAUSE_SECONDS)
                    continue
            return

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """Called every second while a horse runs."""
        clock = time.monotonic()
        if self._kill_horse_at is not None and clock > self._kill_horse_at:
            self.log.warning("Worker %s: the horse did not stop within %s s", self.name, self._grace)
            self.kill_horse()
        if clock - self._beat_at < _HEARTBEAT_SECONDS:
            return
        self._beat_at = clock
        try:
            super().maintain_heartbeats(job, execution)
            self._register_again()
        except RedisError as exc:
            self.log.warning("Worker %s: no heartbeat: %s", self.name, exc)

    # --- Redis may go away and come back empty -----------------------------------------------------------------

    def dequeue_job_and_maintain_ttl(self, *arguments: Any, **options: Any) -> Any:
        """Wait for the next job. Neither a full or absent Redis nor a job that cannot be read ends the worker."""
        while True:
            try:
                return super().dequeue_job_and_maintain_ttl(*arguments, **options)
            except StopRequested:
                raise
            except Exception as exc:  # noqa: BLE001  whatever lies in Redis may be broken in any way
                self.log.error("Worker %s: no job taken: %s: %s", self.name, type(exc).__name__, exc)
                time.sleep(_PAUSE_SECONDS)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tell Redis that this worker lives; a Redis that came back empty hears everything about it again."""
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
            return
        try:
            super().heartbeat(timeout)
            self._register_again()
        except RedisError as exc:
            self.log.warning("Worker %s: no heartbeat: %s", self.name, exc)
        if self._stop_requested and not self.horse_pid:
            # What the signal raised may have ended in a logging handler or a finalizer, which swallow all exceptions.
            raise StopRequested

    def _register_again(self) -> None:
        if self.connection.sismember(self.redis_workers_keys, self.key):
            return
        from rq import worker_registration

        with self.connection.pipeline() as pipeline:
            pipeline.hset(self.key, mapping=self.serialize())
            pipeline.expire(self.key, self.worker_ttl + 60)
            worker_registration.register(self, pipeline)
            pipeline.execute()

    def set_state(self, state: str, pipeline: Any = None) -> None:
        """Keep the state, and tell Redis if it is there."""
        try:
            super().set_state(state, pipeline)
        except RedisError as exc:
            self.log.warning("Worker %s: state not told: %s", self.name, exc)

    def check_for_suspension(self, burst: bool) -> None:
        """Do nothing: a run is paused, a worker is stopped, and nothing else halts the work."""

    def run_maintenance_tasks(self) -> None:
        """Clean RQ's registries; what fails here must not end the worker."""
        try:
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        except StopRequested:
            raise
        except Exception as exc:  # noqa: BLE001  whatever lies in Redis may be broken in any way
            self.log.warning("Worker %s: maintenance left out: %s: %s", self.name, type(exc).__name__, exc)
            self.last_cleaned_at = now()  # type: ignore[assignment]

    def teardown(self) -> None:
        """Sign off, if Redis is there to hear it."""
        try:
            super().teardown()  # type: ignore[no-untyped-call]
        except RedisError as exc:
            self.log.warning("Worker %s: not signed off: %s", self.name, exc)

    def _set_ip_address(self, connection: redis.Redis) -> None:
        """Ask for no address: redis-py cannot read the answer when the socket's path has a blank in it."""
        connection.client_setname(self.name)
        self.ip_address = "unknown"

    # --- less of RQ ---------------------------------------------------------------------------------------------

    def subscribe(self) -> None:
        """Do nothing: commands through Redis (kill a horse, stop a worker) are not for whoever can write there."""

    def set_shutdown_requested_date(self) -> None:
        """Do nothing: a signal handler must not talk to Redis."""


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        die_with_parent(signal.SIGKILL)
    else:
        threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()
    # It may have ended before the request was made.
    if os.getppid() != parent:
        os._exit(1)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)
