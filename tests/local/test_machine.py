import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from django.conf import settings
from django.utils import timezone

from migrator import jobs
from migrator.local import machine, ports
from migrator.models import Batch, Connection, Run, Task
from migrator.services import people
from tests.local.conftest import until

ROOT = Path(__file__).resolve().parent.parent.parent
NOT_OURS = {"DATA_DIR", "REDIS_URL", "DATABASE_URL", "SECRET_KEY", "CREDENTIALS_KEY", "ENDPOINT_ALLOW"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in NOT_OURS}


def manage(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False, **options)


def processes_of(data: Path) -> dict[int, str]:
    """All processes that were started for this data folder: their command lines by process id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            variables = (folder / "environ").read_bytes().split(b"\0")
            # Valkey writes over both, but works in its folder.
            works_there = os.readlink(folder / "cwd") == str(data / "valkey")
            if works_there or str(data).encode() in words or f"DATA_DIR={data}".encode() in variables:
                found[int(folder.name)] = b" ".join(words).decode()
    return found


def programs_of(started: "Running") -> list[str]:
    """The command lines of what runs for a data folder, without what a program began itself for a moment.

    A worker forks a horse for each job, `reconcile` first of all, and the clock asks the system about itself. What
    a killed supervisor left behind has lost its parent, and so it is counted.
    """
    found = processes_of(started.data)
    programs = found.keys() - {started.process.pid}
    return [command for pid, command in found.items() if _parent(pid) not in programs]


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        # The name in brackets may hold blanks and brackets, so count from the last one.
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    return 0


def all_gone(data: Path) -> bool:
    """Whether nothing runs for a data folder; what was just killed may need a moment to leave."""
    return until(lambda: not processes_of(data), 1)


class Running:
    """`manage.py start` or `demo` as a person runs it, in a session of its own."""

    def __init__(self, command: str, data: Path, *options: str) -> None:
        self.data = data
        arguments = [sys.executable, str(ROOT / "manage.py"), command, "--data", str(data), "--port", "0", *options]
        self.process = subprocess.Popen(
            arguments, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
        )
        self._said: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.said: list[str] = []
        self.url = ""

    def __enter__(self) -> Self:
        self.url = self.await_line("Truecopy is ready: ").split()[-1]
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGTERM)

    def _read(self) -> None:
        with self.process.stdout as stream:
            for line in stream:
                self._said.put(line.rstrip("\n"))

    def await_line(self, beginning: str) -> str:
        deadline = time.monotonic() + 45
        while time.monotonic() < deadline:
            try:
                self.said.append(self._said.get(timeout=0.2))
            except queue.Empty:
                if self.process.poll() is not None:
                    break
                continue
            if self.said[-1].startswith(beginning):
                return self.said[-1]
        raise AssertionError("\n".join(self.said))

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """Stop as the terminal does, to the whole foreground group; the seconds it took."""
        began = time.monotonic()
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        self.process.wait(timeout=15)
        self._reader.join()
        return time.monotonic() - began


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tc with a blank ") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Running]:
    with Running("start", folder / "data", "--workers", "1") as started:
        yield started


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code


def test_start_and_services_agree_on_the_setup_code():
    assert people.setup_code_file() == settings.DATA_DIR / machine.SETUP_CODE


def test_what_a_killed_worker_held_is_given_back_at_the_next_start(operator, valkey):
    place = Connection.objects.create(name="place", endpoint_url="http://127.0.0.1:9", sealed_secret=b"")
    task = Task.objects.create(name="task", source_connection=place, dest_connection=place, owner=operator)
    run = Run.objects.create(task=task, number=1, state=Run.State.RUNNING, planned=1, created_by=operator)
    held = Batch.objects.create(
        run=run, number=1, items=b"", item_count=1, first_index=0, size=1, state="running", heartbeat_at=timezone.now()
    )

    machine._free_batches()
    jobs.reconcile()

    held.refresh_from_db()
    assert held.state == Batch.State.PENDING


def test_the_sign_in_page_answers(running):
    assert status(f"{running.url}login/") == 200


def test_the_first_admin_is_made_with_a_code_from_the_terminal(running):
    line = running.await_line("Make the first admin at ")

    assert f"{running.url}setup/" in line
    assert line.split()[-1] == (running.data / "setup-code").read_text()


def test_the_doctor_finds_the_same_instance_well(running):
    answer = manage("doctor", "--data", str(running.data), "--json")

    assert json.loads(answer.stdout)["ok"], answer.stdout
    assert answer.returncode == 0


def test_a_person_and_a_token_are_made_from_the_command_line(running):
    data = ("--data", str(running.data))
    made = manage("create_user", "ada", "--role", "admin", "--password-stdin", *data, input="a long pass phrase\n")
    token = manage("create_token", "ada", *data)

    assert made.returncode == 0, made.stderr
    assert re.fullmatch(r"\S+\n", token.stdout)


def test_a_second_instance_on_the_folder_is_refused(running):
    second = manage("start", "--data", str(running.data))

    assert second.returncode == 1
    assert f"already running at {running.url}" in second.stderr


def test_a_worker_that_is_killed_comes_back(running):
    [worker] = [one for one in json.loads((running.data / "processes.json").read_text()) if one["name"] == "worker-1"]
    os.kill(worker["pid"], signal.SIGKILL)

    running.await_line("worker-1 ended with SIGKILL")

    assert until(lambda: any("manage.py worker" in command for command in processes_of(running.data).values()))


def test_nobody_else_can_read_what_is_kept(running):
    open_to_others = [path for path in running.data.rglob("*") if path.stat().st_mode & 0o077]

    assert open_to_others == []


def test_ctrl_c_ends_everything_under_a_very_long_path(folder):
    data = folder / ("a very long path " * 12) / "data"
    with Running("start", data) as started:
        before = programs_of(started)

        seconds = started.stop()

    assert len(before) == 6  # this one, Valkey, web, two workers, cron
    assert all_gone(data)
    assert started.process.returncode == 0
    assert seconds < 5
    assert "Traceback" not in "\n".join(started.said)


def test_a_start_after_a_kill_finds_nothing_in_its_way(folder):
    data = folder / "killed"
    with Running("start", data, "--workers", "1") as first:
        first.process.kill()

    with Running("start", data, "--workers", "1") as second:
        assert status(f"{second.url}login/") == 200
        assert len(programs_of(second)) == 5
        assert second.stop(signal.SIGTERM) < 5

    assert all_gone(data)


def test_a_given_port_that_is_taken_is_exit_2(folder):
    with ports.listen("127.0.0.1", 0) as other:
        port = str(other.getsockname()[1])
        answer = manage("start", "--data", str(folder / "port"), "--port", port)

    assert answer.returncode == 2
    assert f"Port {port} at 127.0.0.1 is taken" in answer.stderr


@pytest.mark.parametrize("wrong", [("--port", "70000"), ("--port", "x"), ("--workers", "0")])
def test_a_wrong_number_is_exit_2(folder, wrong):
    assert manage("start", "--data", str(folder / "port"), *wrong).returncode == 2


def test_start_refuses_the_folder_of_a_demo(folder):
    (folder / "demo").mkdir(exist_ok=True)
    (folder / "demo" / "this-is-a-demo").touch()

    answer = manage("start", "--data", str(folder / "demo"))

    assert answer.returncode == 2
    assert "folder of a demo" in answer.stderr


def test_a_doctor_without_an_installation_says_what_to_do(folder):
    answer = manage("doctor", "--data", str(folder / "nothing"))

    assert answer.returncode == 1
    assert "make start" in answer.stdout
    assert "Traceback" not in answer.stderr
