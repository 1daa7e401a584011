"""The whole product, started as anybody starts it, driven through its API; and the memory of its workers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from tests.environment import ORDINARY

ADMIN_PASSWORD = "only-for-benchmarks-9"
_ENDED = ("finished", "incomplete", "cancelled", "paused")


@dataclass(frozen=True, slots=True)
class Place:
    """One S3 endpoint to measure against."""

    url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str = "us-east-1"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: seconds from `started_at` to `finished_at`, its counts, and the largest worker in MiB."""

    seconds: float
    counts: dict[str, int]
    state: str
    peak_mib: float


class Product:
    """A started installation with two connections."""

    def __init__(self, url: str, token: str, pid: int) -> None:
        self._url, self._token, self._pid = url.rstrip("/"), token, pid

    def connect(self, name: str, place: Place) -> str:
        """Make a connection and return its id."""
        made = self.call(
            "POST",
            "/connections",
            {
                "name": name,
                "kind": "generic",
                "endpoint_url": place.url,
                "region": place.region,
                "access_key_id": place.access_key_id,
                "secret_access_key": place.secret_access_key,
            },
        )
        return str(made["id"])

    def task(self, name: str, source: tuple[str, str], dest: tuple[str, str], **options: Any) -> str:
        """Make a task between two (connection, bucket) and return its id."""
        ends = {
            side: {"connection": connection, "bucket": bucket, "prefix": ""}
            for side, (connection, bucket) in (("source", source), ("destination", dest))
        }
        return str(self.call("POST", "/tasks", {"name": name, **ends, "options": options})["id"])

    def measure(self, task: str, *, deadline: float = 3600) -> Measured:
        """Run a task to its end."""
        with peak_of_workers(self._pid) as peak:
            run = self.call("POST", f"/tasks/{task}/runs", {"kind": "copy", "start": True})
            ends = time.monotonic() + deadline
            while run["state"] not in _ENDED and time.monotonic() < ends:
                time.sleep(0.2)
                run = self.call("GET", f"/runs/{run['id']}")
        if run["finished_at"] is None:
            raise SystemExit(f"the run is {run['state']}: {run['cause']} {run['cause_text']}")
        seconds = _seconds(run["finished_at"]) - _seconds(run["started_at"])
        return Measured(seconds, run["counts"], run["state"], peak[0] / 1024)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the JSON API; what it refuses ends the program with its words."""
        request = urllib.request.Request(
            f"{self._url}/api/v1{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return dict(json.loads(answer.read()))
        except urllib.error.HTTPError as exc:
            raise SystemExit(f"{method} {path}: {exc.code} {exc.read().decode()}") from exc


@contextmanager
def started(data: Path, *, workers: int = 2) -> Iterator[Product]:
    """Start the product on a folder of its own and stop it again."""
    manage = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py")]
    env = ORDINARY
    process = subprocess.Popen(
        [*manage, "start", "--data", str(data), "--port", "0", "--workers", str(workers)],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = _url_of(process)
        person = ["create_user", "bench", "--role", "admin", "--password-stdin", "--data", str(data)]
        subprocess.run([*manage, *person], env=env, input=ADMIN_PASSWORD, text=True, check=True, capture_output=True)
        token = subprocess.run(
            [*manage, "create_token", "bench", "--data", str(data)], env=env, text=True, check=True, capture_output=True
        )
        yield Product(url, token.stdout.strip(), process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def peak_of_workers(supervisor: int) -> Iterator[list[int]]:
    """Watch the processes below a supervisor; the list's only value is the largest resident set of a worker, in KiB."""
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peak[0] = max([peak[0], *(_resident(pid) for pid in _workers(supervisor))])

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _workers(supervisor: int) -> list[int]:
    found, todo = [], [supervisor]
    while todo:
        pid = todo.pop()
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        todo += [int(child) for child in children]
        if b"worker" in command:
            found.append(pid)
    return found


def _resident(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)


def _url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Truecopy is ready: "):
            return line.split(": ", 1)[1].strip()
    raise RuntimeError("the product did not start")


def _seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
