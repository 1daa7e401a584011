import json
import os
import signal
import subprocess
import sys
import zlib

from migrator.local.schedule import RECONCILE_SECONDS, Schedule
from tests.local.conftest import until


def test_what_the_clock_enqueues_is_json(queue):
    Schedule(queue.connection).enqueue_jobs()

    [payload] = [queue.connection.hget(f"rq:job:{job_id}", "data") for job_id in queue.job_ids]

    assert json.loads(zlib.decompress(payload)) == ["migrator.jobs.reconcile", None, [], {}]


def test_reconcile_goes_before_the_work_that_waits(queue):
    queue.enqueue("migrator.jobs.work", "some-run")

    Schedule(queue.connection).enqueue_jobs()

    assert queue.jobs[0].func_name == "migrator.jobs.reconcile"


def test_reconcile_does_not_wait_twice(queue):
    schedule = Schedule(queue.connection)
    schedule.enqueue_jobs()
    [job] = schedule.get_jobs()
    job.next_enqueue_time = job.latest_enqueue_time

    schedule.enqueue_jobs()

    assert queue.count == 1


def test_reconcile_comes_twice_a_minute(queue):
    [job] = Schedule(queue.connection).get_jobs()

    assert job.interval == RECONCILE_SECONDS == 30


def test_the_cron_command_enqueues_and_outlives_redis(queue, own_valkey, project_root):
    clock = subprocess.Popen(
        [sys.executable, "manage.py", "cron"], cwd=project_root, env={**os.environ, "REDIS_URL": own_valkey.url}
    )
    enqueued = until(lambda: queue.count == 1)
    own_valkey.stop()
    own_valkey.start()

    assert enqueued
    assert clock.poll() is None
    clock.send_signal(signal.SIGTERM)
    assert clock.wait(timeout=5) == 0
