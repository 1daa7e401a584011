"""What the processes of an installation use, as /proc tells it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_LOOK_SECONDS = 0.1
# In the text after the name of the program: user and system time, own and of children that have ended.
_TIMES = slice(11, 15)


@dataclass(slots=True)
class Use:
    """What was used while somebody watched: seconds of CPU, and the largest resident set of a worker in MiB."""

    worker_cpu_seconds: float = 0.0
    other_cpu_seconds: float = 0.0
    peak_mib: float = 0.0


@contextmanager
def watched(supervisor: int) -> Iterator[Use]:
    """Watch the processes below a supervisor; what they used is known at the end."""
    use, done = Use(), threading.Event()
    workers, others = _cpu_seconds(supervisor)

    def watch() -> None:
        while not done.wait(_LOOK_SECONDS):
            use.peak_mib = max([use.peak_mib, *(_peak_mib(pid) for pid in workers_of(supervisor))])

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield use
    finally:
        done.set()
        thread.join()
        workers_after, others_after = _cpu_seconds(supervisor)
        use.worker_cpu_seconds, use.other_cpu_seconds = workers_after - workers, others_after - others


def workers_of(supervisor: int) -> list[int]:
    """Return the workers below a supervisor, those that a worker forked among them."""
    return [pid for pid, is_worker in _tree(supervisor) if is_worker]


def _cpu_seconds(supervisor: int) -> tuple[float, float]:
    """Return what the workers and what all others have used up to now."""
    used = {True: 0.0, False: 0.0}
    for pid, is_worker in _tree(supervisor):
        used[is_worker] += _own_and_ended(pid)
    return used[True], used[False]


def _tree(root: int) -> Iterator[tuple[int, bool]]:
    """Yield every process from here down, and whether it is a worker or was forked by one."""
    todo = [(root, False)]
    while todo:
        pid, is_worker = todo.pop()
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        # Who has ended and was not waited for has no command any more.
        is_worker = is_worker or b"worker" in command
        todo += [(int(child), is_worker) for child in children]
        yield pid, is_worker


def _own_and_ended(pid: int) -> float:
    """Return the CPU of a process and of its children that have ended, so that none is lost when it ends."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in stat.rpartition(")")[2].split()[_TIMES]) / _TICKS


def _peak_mib(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)
