"""The demo: one machine with two sandbox stores, sample objects, three people and a task that is ready to run."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User

from migrator import services
from migrator.local.machine import Machine
from migrator.local.processes import Program
from migrator.local.samples import DAMAGED, samples
from migrator.models import Connection, Role, Task
from migrator.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TASK = "Archive to new storage"
# Slow enough to be watched, quick enough to be waited for.
BYTES_PER_S = 12 * 1024 * 1024
_SEEDED = "sandbox-source-is-filled"


@dataclass(frozen=True, slots=True)
class _Place:
    """One of the two stores, as the demo names it."""

    side: str
    connection: str
    bucket: str
    faults: tuple[dict[str, object], ...] = ()

    @property
    def program(self) -> str:
        return f"sandbox-{self.side}"


SOURCE = _Place(
    "source",
    "Old storage (sandbox)",
    "company-files",
    # Damaged on every read: this is what Truecopy is there to notice.
    ({"operation": "GetObject", "key": DAMAGED, "calls": "all", "at_byte": "seeded", "action": "flip", "seed": 7},),
)
DESTINATION = _Place("destination", "New storage (sandbox)", "company-archive")
_PLACES = (SOURCE, DESTINATION)


class Demonstration(Machine):
    """What `demo` runs."""

    def fill(self) -> None:
        """Start both stores, and make people, connections and the task, as far as they are missing."""
        self._start_stores()
        passwords = self._passwords()
        people = {name: _person(name, passwords[name]) for name in Role.values}
        for place in _PLACES:
            self.wait(place.program, partial(_listens, self._config(place)["port"]), "does not answer")
        source, destination = (self._connection(place, people[Role.ADMIN]) for place in _PLACES)
        _make_task(people[Role.OPERATOR], source, destination)

    def _start_stores(self) -> None:
        self._fill_source()
        for place in _PLACES:
            config = self._configure(place)
            command = (sys.executable, "-m", "migrator.sandbox", str(config))
            self.group.start(Program(place.program, command, serves=True))

    def greeting(self, url: str) -> Sequence[str]:
        """Return the address and the three people, and nothing behind them."""
        return [f"Truecopy is ready: {url}", *(f"{name}  {word}" for name, word in self._passwords().items())]

    def _passwords(self) -> dict[str, str]:
        fresh = "".join(f"{name}  {_password()}\n" for name in (Role.OPERATOR, Role.ADMIN, Role.AUDITOR))
        kept = self.folder.keep("people", fresh)
        return dict(line.split("  ", 1) for line in kept.splitlines())

    def _fill_source(self) -> None:
        if (self.folder.path / _SEEDED).exists():
            return
        for place in _PLACES:
            shutil.rmtree(self.folder.path / place.program, ignore_errors=True)
        sandbox = Sandbox(self.folder.path / SOURCE.program, seed=7)
        try:
            for sample in samples():
                sandbox.seed(SOURCE.bucket, sample.key, sample.content(), **sample.described)
                self.check_signals()
        finally:
            sandbox.stop()
        self.folder.keep(_SEEDED, "")

    def _configure(self, place: _Place) -> Path:
        """Write the store's configuration; it keeps its keys, and its port as long as that is free."""
        before = self._config(place)
        given = {
            "root": place.program,
            "side": place.side,
            "port": _free_port(before.get("port", 0)),
            "buckets": [place.bucket],
            "keys": before.get("keys")
            or [{"access_key_id": f"demo-{place.side}", "secret_access_key": secrets.token_urlsafe(24)}],
            "faults": list(place.faults),
            "fired_log": f"logs/{place.program}-faults.log",
        }
        self.folder.write(f"{place.program}.json", json.dumps(given, indent=2))
        return self.folder.path / f"{place.program}.json"

    def _config(self, place: _Place) -> dict[str, Any]:
        try:
            found = json.loads((self.folder.path / f"{place.program}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _connection(self, place: _Place, admin: User) -> Connection:
        config = self._config(place)
        url = f"http://127.0.0.1:{config['port']}"
        known = Connection.objects.filter(name=place.connection).first()
        if known is not None and known.endpoint_url == url:
            return known
        given = services.ConnectionInput(
            name=place.connection,
            kind=Connection.Kind.SANDBOX,
            endpoint_url=url,
            shared_with=[Role.OPERATOR] if known is None else [user.username for user in known.shared_with.all()],
            **config["keys"][0],
        )
        if known is None:
            return services.create_connection(admin, given)
        return services.update_connection(admin, known, given)


def _person(role: str, password: str) -> User:
    known = User.objects.filter(username=role).first()
    return known or services.create_user(role, role, password)


def _make_task(operator: User, source: Connection, destination: Connection) -> None:
    if Task.objects.filter(name=TASK).exists():
        return
    services.create_task(
        operator,
        services.TaskInput(
            name=TASK,
            source=services.PlaceInput(connection=source, bucket=SOURCE.bucket),
            destination=services.PlaceInput(connection=destination, bucket=DESTINATION.bucket),
            options={"bytes_per_s": BYTES_PER_S},
        ),
    )


def _password() -> str:
    # Without signs that look alike, in groups: it is typed from a terminal.
    return "-".join("".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(4)) for _ in range(4))


def _free_port(wanted: object) -> int:
    for port in (int(str(wanted)), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return 0


def _listens(port: object) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", int(str(port))), timeout=2):
            return True
    except OSError:
        return False
