import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from migrator.local import queues
from migrator.local import valkey as server_of
from tests.local import errands


def until(holds: Callable[[], object], seconds: float = 15) -> bool:
    """Whether it holds in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


class OwnValkey:
    """A Valkey that a test may stop and start again, empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = server_of.settle_socket(folder, "")
        self.url = server_of.url_of(self._socket)

    def start(self) -> None:
        server = server_of.binary()
        assert server is not None
        command = [server, "--port", "0", "--unixsocket", str(self._socket), "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        assert server_of.wait_until_ready(self.url, 10)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def own_valkey() -> Iterator[OwnValkey]:
    with tempfile.TemporaryDirectory(prefix="tc-") as folder:
        server = OwnValkey(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def queue(own_valkey: OwnValkey) -> Iterator[object]:
    """The queue on that Valkey."""
    connection = queues.connect(own_valkey.url)
    yield queues.queue_on(connection)
    connection.close()


@pytest.fixture
def errand_worker(own_valkey: OwnValkey, project_root: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a real worker on that Valkey; it runs the jobs of `errands`."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.local.errands", "--redis", own_valkey.url, *options]
        # In a group of its own: what a worker does to its group must not reach the tests.
        worker = subprocess.Popen(
            command, cwd=project_root, env={**os.environ, "PYTHONWARNINGS": "default"}, start_new_session=True
        )
        started.append(worker)
        connection = redis.Redis.from_url(own_valkey.url)
        # A worker is known before it heeds signals; it does when it looks for work.
        assert until(
            lambda: any(
                connection.hget(name, "state") in (b"idle", b"busy")
                for name in connection.smembers("rq:workers:truecopy")
            )
        )
        connection.close()
        return worker

    yield start
    for worker in started:
        worker.kill()
        worker.wait()


@pytest.fixture(autouse=True)
def _no_errands_left() -> Iterator[None]:
    yield
    for left in errands.place("x").parent.glob("errand-*"):
        left.unlink()
