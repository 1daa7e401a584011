"""The whole product, started as anybody starts it and driven through its API."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from tests.benchmarks.page import Visitor
from tests.benchmarks.places import ROOT, Place
from tests.benchmarks.processes import Use, watched, workers_of
from tests.environment import ORDINARY

ADMIN, ADMIN_PASSWORD = "bench", "only-for-benchmarks-9"
_ENDED = ("finished", "incomplete", "cancelled", "paused")
# Each look is a request that the same cores answer; the figure is what the run itself says.
_LOOK_SECONDS = 1.0
# A signed bundle of a million records is made before its first byte comes.
_ANSWER_SECONDS = 900
_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: seconds from `started_at` to `finished_at`, its counts, and what the processes used meanwhile."""

    run: str
    seconds: float
    counts: dict[str, int]
    state: str
    use: Use


class Product:
    """A started installation."""

    def __init__(self, url: str, token: str, pid: int) -> None:
        self._url, self._token, self._pid = url.rstrip("/"), token, pid
        self.visitor: Visitor | None = None

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return workers_of(self._pid)

    def open_pages(self) -> None:
        """Sign in; from now on the page of each measured run is kept open."""
        self.visitor = Visitor(self._url, ADMIN, ADMIN_PASSWORD)

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
                "addressing_style": place.addressing.value,
                "access_key_id": place.access_key_id,
                "secret_access_key": place.secret_access_key,
            },
        )
        return str(made["id"])

    def probe(self, connection: str, bucket: str, *, write: bool) -> None:
        """Fill the profile of a bucket, as a person does who tests a connection before using it."""
        said = self.call("POST", f"/connections/{connection}/actions/test", {"bucket": bucket, "write": write})
        if not said["passed"]:
            raise SystemExit(f"the test of {bucket} did not pass: {said['steps']}")

    def task(self, name: str, source: tuple[str, str], dest: tuple[str, str], **options: Any) -> str:
        """Make a task between two (connection, bucket) and return its id."""
        ends = {
            side: {"connection": connection, "bucket": bucket, "prefix": ""}
            for side, (connection, bucket) in (("source", source), ("destination", dest))
        }
        return str(self.call("POST", "/tasks", {"name": name, **ends, "options": options})["id"])

    def measure(self, task: str, *, deadline: float = 3600, shares: bool = False) -> Measured:
        """Run a task to its end; with `shares` it is known afterwards what a worker took with all that it forked."""
        with watched(self._pid, shares=shares) as use:
            run = self.call("POST", f"/tasks/{task}/runs", {"kind": "copy", "start": True})
            with self.visitor.looking_at(run["id"]) if self.visitor else nullcontext():
                run = self.ended(run, deadline)
        if run["finished_at"] is None:
            raise SystemExit(f"the run is {run['state']}: {run['cause']} {run['cause_text']}")
        seconds = _seconds(run["finished_at"]) - _seconds(run["started_at"])
        return Measured(run["id"], seconds, run["counts"], run["state"], use)

    def take_report(self, run: str, form: str) -> tuple[int, Use]:
        """Take a report away as a person does; returns its size, and what the processes used meanwhile."""
        size = 0
        with watched(self._pid, shares=False) as use, self._asked("GET", f"/runs/{run}/report?format={form}") as answer:
            while piece := answer.read(_PIECE):
                size += len(piece)
        return size, use

    def failures(self, run: str) -> str:
        """Say what was not verified, and why."""
        records = self.call("GET", f"/runs/{run}/integrity/failures")["items"]
        return "; ".join(
            f"{each['object_key']} {each['verdict']}, {each['error_code'] or each['reason']}: {each['error_message']}"
            for each in records[:3]
        )

    def ended(self, run: dict[str, Any], deadline: float) -> dict[str, Any]:
        """Wait so many seconds for the end of a run, and return it as it is then."""
        ends = time.monotonic() + deadline
        while run["state"] not in _ENDED and time.monotonic() < ends:
            time.sleep(_LOOK_SECONDS)
            run = self.call("GET", f"/runs/{run['id']}")
        return run

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the JSON API; what it refuses ends the program with its words."""
        with self._asked(method, path, body) as answer:
            return dict(json.loads(answer.read()))

    @contextmanager
    def _asked(self, method: str, path: str, body: dict[str, Any] | None = None) -> Iterator[HTTPResponse]:
        request = urllib.request.Request(
            f"{self._url}/api/v1{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:
                yield answer
        except urllib.error.HTTPError as exc:
            raise SystemExit(f"{method} {path}: {exc.code} {exc.read().decode()}") from exc


@contextmanager
def started(data: Path, *, workers: int = 2, settings: Mapping[str, str] | None = None) -> Iterator[Product]:
    """Start the product on a folder of its own, with `settings` in its environment, and stop it again."""
    manage = [sys.executable, str(ROOT / "manage.py")]
    env = ORDINARY | (settings or {})
    process = subprocess.Popen(
        [*manage, "start", "--data", str(data), "--port", "0", "--workers", str(workers)],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = _url_of(process)
        person = ["create_user", ADMIN, "--role", "admin", "--password-stdin", "--data", str(data)]
        subprocess.run([*manage, *person], env=env, input=ADMIN_PASSWORD, text=True, check=True, capture_output=True)
        token = subprocess.run(
            [*manage, "create_token", ADMIN, "--data", str(data)], env=env, text=True, check=True, capture_output=True
        )
        yield Product(url, token.stdout.strip(), process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()


def _url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Truecopy is ready: "):
            return line.split(": ", 1)[1].strip()
    raise RuntimeError("the product did not start")


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
