import json
import os
import subprocess
import sys
import time

import pytest

from migrator.local import processes
from migrator.local.folder import DataFolder
from migrator.local.processes import Group, Program, StartFailed, identity

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
)


@pytest.fixture
def data(tmp_path):
    (tmp_path / "logs").mkdir()
    return DataFolder(tmp_path)


@pytest.fixture
def group(data):
    group = Group(data, lambda _: None)
    yield group
    group.stop(0)


def _until(holds) -> bool:
    for _ in range(200):
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_a_stop_leaves_no_process(group):
    group.start(Program("sleep", SLEEP))
    pid = group.pid("sleep")

    group.stop(5)

    assert identity(pid) is None


def test_a_program_that_does_not_listen_is_killed_in_time(group):
    group.start(Program("stubborn", STUBBORN))
    _until(lambda: "up" in group.log_of("stubborn").read_text())
    pid, began = group.pid("stubborn"), time.monotonic()

    group.stop(1)

    assert identity(pid) is None
    assert time.monotonic() - began < 10


def test_a_program_has_a_session_of_its_own(group):
    group.start(Program("sleep", SLEEP))

    assert os.getsid(group.pid("sleep")) == group.pid("sleep")


def test_a_program_that_ends_is_started_again(group):
    group.start(Program("sleep", SLEEP))
    first = group.pid("sleep")
    os.kill(first, 9)

    assert _until(lambda: group.revive() or group.pid("sleep") != first)


def test_a_program_that_ends_while_starting_is_told_with_its_last_words(group):
    group.start(Program("broken", (sys.executable, "-c", "raise SystemExit('no such key')")))
    _until(lambda: "no such key" in group.log_of("broken").read_text())

    with pytest.raises(StartFailed, match=r"(?s)broken ended with exit code 1.*no such key.*doctor"):
        _until(lambda: group.check())


def test_a_leftover_is_stopped(data):
    process = subprocess.Popen(SLEEP, start_new_session=True)
    data.write("processes.json", json.dumps([{"pid": process.pid, "identity": identity(process.pid)}]))

    assert processes.stop_leftovers(data, 5) == 1
    assert process.wait(timeout=5) == -15


def test_a_stranger_with_the_same_process_id_is_left_alone(data):
    process = subprocess.Popen(SLEEP)
    data.write("processes.json", json.dumps([{"pid": process.pid, "identity": "an/earlier one"}]))

    assert processes.stop_leftovers(data, 5) == 0
    assert process.poll() is None
    process.kill()
    process.wait()


def test_a_broken_list_of_processes_is_no_obstacle(data):
    data.write("processes.json", "{")

    assert processes.stop_leftovers(data, 5) == 0
