"""What is known of the processes below a supervisor."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.benchmarks.processes import watched, workers_of

# A supervisor that starts what it is told, says so, and waits to be ended.
_SUPERVISOR = """
import subprocess, sys
children = [subprocess.Popen([sys.executable, "-c", sys.argv[1], name]) for name in sys.argv[2].split()]
print(*(child.pid for child in children), flush=True)
for child in children: child.wait()
print("all ended", flush=True)
sys.stdin.read()
"""
_SLEEP = "import time; time.sleep(60)"
_COUNT = "import time\nends = time.process_time() + 0.4\nwhile time.process_time() < ends: pass"
# Forks one that counts and ends, and never waits for it.
_FORK = f"""
import os, time
if os.fork():
    time.sleep(60)
{_COUNT}
print("counted", flush=True)
os._exit(0)
"""
_FORK_LARGE = """
import os, time
if os.fork():
    time.sleep(60)
large = b'x' * 60_000_000
print("large", flush=True)
time.sleep(60)
"""
_GROW = "import time; large = b'x' * 60_000_000; del large; time.sleep(0.5)"

Start = Callable[[str, str], subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a supervisor; whatever it started ends with the test."""
    with ExitStack() as stack:
        yield lambda work, names: stack.enter_context(_supervisor(work, names))


def test_a_worker_is_who_was_started_as_one(start: Start) -> None:
    supervisor = start(_SLEEP, "cron --workers worker")
    worker = int(_line(supervisor).split()[-1])
    # A process that was just started has no command line for a moment.
    ends = time.monotonic() + 5
    while not workers_of(supervisor.pid) and time.monotonic() < ends:
        time.sleep(0.01)

    assert workers_of(supervisor.pid) == [worker]


def test_the_cpu_of_who_has_ended_is_not_lost(start: Start) -> None:
    supervisor = start(_COUNT, "cron")

    with watched(supervisor.pid) as use:
        _line(supervisor)
        assert _line(supervisor) == "all ended"

    assert 0.3 < use.other_cpu_seconds < 5
    assert use.worker_cpu_seconds == 0


def test_who_ended_and_was_not_waited_for_is_still_a_worker(start: Start) -> None:
    supervisor = start(_FORK, "worker")

    with watched(supervisor.pid) as use:
        _line(supervisor)
        assert _line(supervisor) == "counted"
        time.sleep(0.2)

    assert 0.3 < use.worker_cpu_seconds < 5


def test_the_peak_is_seen_after_it_has_passed(start: Start) -> None:
    supervisor = start(_GROW, "worker")

    with watched(supervisor.pid) as use:
        _line(supervisor)
        _line(supervisor)

    assert 60 < use.peak_mib < 120
    assert use.peak_of == "a worker itself"


def test_a_worker_counts_with_what_it_forked_and_the_others_by_their_names(start: Start) -> None:
    supervisor = start(_FORK_LARGE, "worker")

    with watched(supervisor.pid) as use:
        _line(supervisor)
        assert _line(supervisor) == "large"
        time.sleep(0.3)

    # The one that was forked is the largest, and the worker is not the one that started it alone.
    assert 60 < use.peak_mib < 120
    assert use.peak_of == "what a worker forked for a job"
    assert use.tree_mib > use.peak_mib - 15
    assert use.others_mib == {}


def test_a_process_that_is_no_worker_has_a_name_and_is_not_one(start: Start) -> None:
    supervisor = start(_GROW, "cron")

    with watched(supervisor.pid) as use:
        _line(supervisor)
        _line(supervisor)

    assert use.peak_mib == use.tree_mib == 0
    # A process that was just started, or has just ended, has no command line for a moment.
    assert set(use.others_mib) - {""} == {sys.executable.rpartition("/")[2]}


@contextmanager
def _supervisor(work: str, names: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _SUPERVISOR, work, names]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0)
    with process:
        try:
            yield process
        finally:
            os.killpg(process.pid, 9)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
