import contextlib
import json
import os
import signal
import subprocess
import sys
import zlib

import pytest
from rq import Queue
from rq.exceptions import StopRequested
from rq.serializers import DefaultSerializer

from migrator import jobs
from migrator.jobs.queue import enqueue
from migrator.local import queues, workers
from migrator.local.processes import identity
from tests.local import errands
from tests.local.conftest import until

RUN = "0b54e3d2-6a5e-4a32-9d0f-6a2f6d1c9a10"


def _word(name: str) -> str:
    return errands.place(name).read_text() if errands.place(name).exists() else ""


def test_what_services_enqueue_is_json(valkey, db, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        enqueue("work", RUN)
    queue = queues.queue_on(queues.connect())

    [payload] = [queue.connection.hget(f"rq:job:{job_id}", "data") for job_id in queue.job_ids]

    assert json.loads(zlib.decompress(payload)) == ["migrator.jobs.work", None, [RUN], {}]
    queue.connection.close()


def test_a_job_of_ours_is_not_refused(queue):
    assert workers.refusal(queue.enqueue("migrator.jobs.work", RUN), jobs.ALLOWED) == ""


@pytest.mark.parametrize(
    ("function", "options"),
    [
        pytest.param("os.system", {"args": ("true",)}, id="a foreign function"),
        pytest.param("migrator.jobs.work", {"args": (RUN, RUN)}, id="more than an id"),
        pytest.param("migrator.jobs.work", {"args": ({"id": RUN},)}, id="an argument that is no text"),
        pytest.param("migrator.jobs.work", {"kwargs": {"run_id": RUN}}, id="keyword arguments"),
        pytest.param("migrator.jobs.work", {"args": (RUN,), "on_failure": "os.abort"}, id="a callback"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_not_ours_is_refused(queue, function, options):
    from rq import Callback

    if "on_failure" in options:
        options = {**options, "on_failure": Callback(options["on_failure"])}
    job = queue.enqueue_call(function, **options)

    assert workers.refusal(queue.fetch_job(job.id), jobs.ALLOWED)


def test_a_pickled_job_is_refused_unread(queue):
    pickled = Queue(queue.name, connection=queue.connection, serializer=DefaultSerializer)
    job = pickled.enqueue("migrator.jobs.work", RUN)

    assert workers.refusal(queue.fetch_job(job.id), jobs.ALLOWED) == "it is not JSON"


def test_a_foreign_job_is_thrown_away_and_the_next_one_runs(queue, errand_worker):
    foreign = queue.enqueue("os.getcwd")
    queue.enqueue("tests.local.errands.leave_word", "next")

    errand_worker()

    assert until(lambda: _word("next") == "done")
    assert not queue.connection.exists(foreign.key)
    assert not queue.intermediate_queue.get_job_ids()


def test_the_worker_command_takes_a_job_and_stops_on_request(valkey, project_root):
    queue = queues.queue_on(queues.connect())
    job = queue.enqueue("os.getcwd")
    worker = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=project_root, stderr=subprocess.PIPE)
    # A job that is not one of ours is removed, and nothing is left of it when it was looked at.
    taken = until(lambda: not queue.connection.exists(job.key))

    worker.terminate()

    _, said = worker.communicate(timeout=10)
    assert taken
    assert worker.returncode == 0
    assert b"none of our functions" in said
    queue.connection.close()


def test_a_stop_reaches_the_horse_at_a_boundary(queue, errand_worker):
    worker = errand_worker()
    queue.enqueue("tests.local.errands.work_until_stopped", "stop")
    until(lambda: _word("stop"))

    worker.terminate()

    assert worker.wait(timeout=5) == 0
    assert _word("stop") == "stopped at a boundary"


def test_a_stop_while_the_horse_is_born_reaches_it_and_not_the_worker(queue, errand_worker):
    queue.enqueue("tests.local.errands.work_until_stopped", "born")

    worker = errand_worker("--stop-in-fork")

    assert worker.wait(timeout=10) == 0
    assert _word("born") == "stopped at a boundary"


def test_a_horse_that_does_not_stop_is_killed_after_its_grace(queue, errand_worker):
    worker = errand_worker("--grace", "0.5")
    queue.enqueue("tests.local.errands.never_stop", "never")
    until(lambda: _word("never"))

    worker.terminate()

    assert worker.wait(timeout=6) == 0
    assert identity(int(_word("never"))) is None


def test_a_horse_dies_with_its_worker(queue, errand_worker):
    worker = errand_worker()
    queue.enqueue("tests.local.errands.never_stop", "orphan")
    until(lambda: _word("orphan"))

    worker.kill()

    assert until(lambda: identity(int(_word("orphan"))) is None)


def test_a_horse_that_is_terminated_with_its_group_stops_at_a_boundary(queue, errand_worker):
    errand_worker()
    queue.enqueue("tests.local.errands.work_until_stopped", "group")
    until(lambda: _word("group"))

    os.kill(int(_word("group")), signal.SIGTERM)

    assert until(lambda: _word("group") == "stopped at a boundary")


def test_a_running_job_outlives_redis_and_the_worker_hears_of_the_new_one(queue, errand_worker, own_valkey):
    worker = errand_worker()
    queue.enqueue("tests.local.errands.work_on", "long")
    until(lambda: _word("long"))

    own_valkey.stop()
    errands.place("long").unlink()
    finished = until(lambda: _word("long-done"))
    own_valkey.start()
    registered_again = until(lambda: queue.connection.scard("rq:workers:truecopy"))
    queue.enqueue("tests.local.errands.leave_word", "after")

    assert finished
    assert registered_again
    assert until(lambda: _word("after"))
    assert worker.poll() is None


@pytest.fixture
def _signals_as_they_were():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_signals_as_they_were")
@pytest.mark.parametrize("away", [False, True], ids=["Redis there", "Redis away"])
def test_a_stop_whose_exception_was_swallowed_ends_an_idle_worker(queue, own_valkey, away):
    worker = workers.Worker(queue.connection, grace=1)
    worker.register_birth()
    if away:
        own_valkey.stop()
    with contextlib.suppress(StopRequested):
        worker.request_stop(signal.SIGTERM, None)

    with pytest.raises(StopRequested):
        worker.heartbeat()


def test_a_worker_stops_while_redis_is_away(queue, errand_worker, own_valkey):
    worker = errand_worker()
    own_valkey.stop()

    worker.terminate()

    stopped = worker.wait(timeout=15)
    own_valkey.start()
    assert stopped == 0
