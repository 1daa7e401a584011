"""What the processes of an installation use, as /proc tells it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_LOOK_SECONDS = 0.1
# To tell shared pages apart the system walks through all of a process's memory: too dear for each look.
_LOOKS_A_SHARE = 10
# In the text after the name of the program: user and system time, own and of children that have ended.
_TIMES = slice(11, 15)


@dataclass(slots=True)
class Use:
    """What was used while somebody watched: seconds of CPU, and the largest resident sets in MiB.

    `peak_mib` is the largest process among the workers and what they forked, `peak_of` which of the two, `tree_mib`
    the largest worker together with what it forked, where pages that both have count once. `others_mib` has the rest
    by their names, as they were seen: they live on, and what one took before must not count.
    """

    worker_cpu_seconds: float = 0.0
    other_cpu_seconds: float = 0.0
    peak_mib: float = 0.0
    peak_of: str = ""
    tree_mib: float = 0.0
    others_mib: dict[str, float] = field(default_factory=dict)

    def look(self, supervisor: int, *, shares: bool) -> None:
        """Look at every process once, and keep what is larger than before; `shares`: at shared pages too."""
        for pid, command in _children(supervisor):
            if not _is_worker(command):
                name = _name(command)
                self.others_mib[name] = max(self.others_mib.get(name, 0.0), _mib_in(pid, "status", "VmRSS:"))
                continue
            family = [one for one, _ in _tree(pid)]
            for one in family:
                self._seen(_peak_mib(one), "a worker itself" if one == pid else "what a worker forked for a job")
            if shares:
                self.tree_mib = max(self.tree_mib, sum(_shared_mib(one) for one in family))

    def _seen(self, mib: float, of: str) -> None:
        if mib > self.peak_mib:
            self.peak_mib, self.peak_of = mib, of


@contextmanager
def watched(supervisor: int, *, shares: bool = True) -> Iterator[Use]:
    """Watch the processes below a supervisor; what they used is known at the end, `tree_mib` only with `shares`.

    Without, for runs whose seconds count: looking at shared pages holds up the process that is looked at.
    """
    use, done = Use(), threading.Event()
    workers, others = _cpu_seconds(supervisor)

    def watch() -> None:
        looks = 0
        while not done.wait(_LOOK_SECONDS):
            use.look(supervisor, shares=shares and looks % _LOOKS_A_SHARE == 0)
            looks += 1

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield use
    finally:
        done.set()
        thread.join()
        use.look(supervisor, shares=shares)
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
    todo = [(root, _command(root), False)]
    while todo:
        pid, command, is_worker = todo.pop()
        # Who has ended and was not waited for has no command any more.
        is_worker = is_worker or _is_worker(command)
        todo += [(child, said, is_worker) for child, said in _children(pid)]
        yield pid, is_worker


def _children(pid: int) -> list[tuple[int, Sequence[str]]]:
    """Return the children of a process and how each was called; none where it is gone."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [(int(child), _command(int(child))) for child in children]


def _command(pid: int) -> Sequence[str]:
    try:
        said = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return said.rstrip("\0").split("\0")


def _is_worker(command: Sequence[str]) -> bool:
    return "worker" in command


def _name(command: Sequence[str]) -> str:
    """Return what a process is for: the command of manage.py, the module, or the program."""
    if "-m" in command[1:-1]:
        return command[command.index("-m") + 1].rpartition(".")[2]
    if len(command) > 2 and command[1].endswith("manage.py"):
        return command[2]
    return command[0].split(" ")[0].rpartition("/")[2] if command else ""


def _own_and_ended(pid: int) -> float:
    """Return the CPU of a process and of its children that have ended, so that none is lost when it ends."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in stat.rpartition(")")[2].split()[_TIMES]) / _TICKS


def _peak_mib(pid: int) -> float:
    return _mib_in(pid, "status", "VmHWM:")


def _shared_mib(pid: int) -> float:
    """Return a process's part of the memory it uses: a page that several have counts in each by its share."""
    return _mib_in(pid, "smaps_rollup", "Pss:")


def _mib_in(pid: int, file: str, name: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)
