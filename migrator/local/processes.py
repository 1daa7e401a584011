"""The programs of one machine as a group: started on a leash, watched, started again, and ended together."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from migrator.local.folder import DataFolder

_ROOT = Path(__file__).resolve().parent.parent.parent
_LEASH = Path(__file__).with_name("leash.py")
_LOOK_SECONDS = 0.05
_LONGEST_PAUSE = 30.0
# A program that ran this long starts again at once when it ends.
_STEADY_SECONDS = 60.0
_LARGEST_LOG = 10 * 1024 * 1024
_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `serves` marks what others depend on while they stop: it is stopped after them."""

    name: str
    command: tuple[str, ...]
    serves: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    inherits: tuple[int, ...] = ()


@dataclass(slots=True)
class _Child:
    program: Program
    process: subprocess.Popen[bytes]
    started: float
    pause: float = 0.5
    again_at: float | None = None


class StartFailed(Exception):
    """A program ended while the machine was still starting; the text says what to do."""


class Group:
    """The running programs of one data folder. Used from one thread: a leash is tied to the thread that made it."""

    def __init__(self, folder: DataFolder, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._children: dict[str, _Child] = {}

    def start(self, program: Program) -> None:
        """Start a program in a session of its own, with its output in the log that carries its name."""
        self._children[program.name] = _Child(program, self._spawn(program), time.monotonic())
        self._remember()

    def pid(self, name: str) -> int:
        """Return the process id of a program."""
        return self._children[name].process.pid

    def log_of(self, name: str) -> Path:
        """Return where a program's output goes."""
        return self._folder.logs / f"{name}.log"

    def check(self) -> None:
        """Raise `StartFailed` if a program has ended; for the time until all are up."""
        for name, child in self._children.items():
            if child.process.poll() is not None:
                raise StartFailed(self.failure(name, f"ended with {_ending(child.process.returncode)}"))

    def failure(self, name: str, what: str) -> str:
        """Return what a person needs to know about a program that did not come up."""
        log = self.log_of(name)
        return f"{name} {what}.\n{tail(log)}\nThe whole log is {log}. `python manage.py doctor` says what is missing."

    def revive(self) -> None:
        """Start again what has ended, each time after a longer pause; to be called again and again."""
        now = time.monotonic()
        for name, child in self._children.items():
            if child.again_at is None:
                if child.process.poll() is not None:
                    self._plan_restart(name, child, now)
            elif now >= child.again_at:
                child.process = self._spawn(child.program)
                child.started, child.again_at = time.monotonic(), None
                self._remember()

    def _plan_restart(self, name: str, child: _Child, now: float) -> None:
        child.pause = 0.5 if now - child.started > _STEADY_SECONDS else min(child.pause * 2, _LONGEST_PAUSE)
        child.again_at = now + child.pause
        self._say(
            f"{name} ended with {_ending(child.process.returncode)}; it starts again in {child.pause:.0f} s. "
            f"Its log is {self.log_of(name)}"
        )

    def stop(self, seconds: float, *, hurry: Callable[[], bool] = lambda: False) -> None:
        """End every program: first those that depend on others. What is left after `seconds` is killed."""
        deadline = time.monotonic() + seconds
        served = [child for child in self._children.values() if not child.program.serves]
        serving = [child for child in self._children.values() if child.program.serves]
        _end(served, deadline - seconds * 0.2, hurry)
        _end(serving, deadline, hurry)
        self._children.clear()
        self._folder.processes.unlink(missing_ok=True)

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        log = self.log_of(program.name)
        if log.exists() and log.stat().st_size > _LARGEST_LOG:
            log.replace(log.with_suffix(".log.1"))
        command = (sys.executable, "-I", "-S", str(_LEASH), "--parent", str(os.getpid()), "--", *program.command)
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603  our own programs
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=_ROOT,
                env={**os.environ, **program.environment},
                pass_fds=program.inherits,
                # The terminal's Ctrl-C is for the supervisor alone.
                start_new_session=True,
            )

    def _remember(self) -> None:
        rows = [
            {"name": name, "pid": child.process.pid, "identity": identity(child.process.pid)}
            for name, child in self._children.items()
            if child.process.returncode is None
        ]
        self._folder.write("processes.json", json.dumps(rows))


def _end(children: Sequence[_Child], deadline: float, hurry: Callable[[], bool]) -> None:
    running = [child.process for child in children if child.process.poll() is None]
    for process in running:
        process.terminate()
    while any(process.poll() is None for process in running) and time.monotonic() < deadline and not hurry():
        time.sleep(_LOOK_SECONDS)
    for process in running:
        if process.poll() is None:
            _kill_group(process.pid)
            process.wait()


def stop_leftovers(folder: DataFolder, seconds: float) -> int:
    """End what a killed supervisor of this folder left running; return how many there were.

    Only for the holder of the folder's lock. A process counts only if it is the very one that was started then:
    process ids are used again.
    """
    pids = [pid for pid, known_as in _remembered(folder) if known_as and identity(pid) == known_as]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while any(identity(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    for pid in pids:
        if identity(pid):
            _kill_group(pid)
    folder.processes.unlink(missing_ok=True)
    return len(pids)


def _remembered(folder: DataFolder) -> list[tuple[int, str]]:
    try:
        rows = json.loads(folder.processes.read_text(encoding="utf-8"))
        return [(int(row["pid"]), str(row["identity"] or "")) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def identity(pid: int) -> str | None:
    """Return what tells this process from a later one with the same id; `None` if it is gone or only a zombie."""
    if sys.platform != "linux":
        return _identity_by_ps(pid)
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The name in brackets may hold blanks and brackets, so count from the last one: state is field 3, start is 22.
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else f"{boot}/{fields[19]}"


def _identity_by_ps(pid: int) -> str | None:
    command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  nothing from outside
    return found.stdout.strip() or None


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def tail(log: Path) -> str:
    """Return the last lines of a log, indented."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16 * 1024))
            lines = file.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
    except OSError:
        return "    (there is no log)"
    return "\n".join(f"    {line}" for line in lines) or "    (the log is empty)"
