"""Where the time of the workers goes, as py-spy samples it from outside."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SHOWN = 15
# Threads that only wait; py-spy does not always see that they do.
_WAITING = frozenset(
    {
        "_worker (concurrent/futures/thread.py)",
        "Condition.wait (threading.py)",
        "Thread._wait_for_tstate_lock (threading.py)",
        "Worker.wait_for_horse (rq/worker/worker_classes.py)",
        "SocketBuffer._read_from_socket (redis/_parsers/socket.py)",
    }
)


@dataclass(frozen=True, slots=True)
class Share:
    """The part of the samples, those of waiting threads left out, in which this function itself ran."""

    share: float
    function: str


@contextmanager
def recorded(py_spy: str, workers: Sequence[int], into: list[Share]) -> Iterator[None]:
    """Sample the workers and what they fork; the largest shares are known at the end."""
    with tempfile.TemporaryDirectory(prefix="tc-profile-") as folder:
        files = [Path(folder) / str(pid) for pid in workers]
        recorders = [_started(py_spy, pid, file) for pid, file in zip(workers, files, strict=True)]
        try:
            yield
        finally:
            for recorder in recorders:
                recorder.send_signal(signal.SIGINT)
            for recorder in recorders:
                recorder.wait(timeout=60)
        into.extend(shares(file.read_text(encoding="utf-8") for file in files if file.exists()))


def shares(stacks: Iterator[str]) -> list[Share]:
    """Read py-spy's raw format: a stack, outermost first, and how often it was seen."""
    seen = Counter[str]()
    for line in "".join(stacks).splitlines():
        stack, _, times = line.rpartition(" ")
        function = re.sub(r":\d+\)$", ")", stack.rpartition(";")[2])
        if function not in _WAITING:
            seen[function] += int(times)
    total = seen.total()
    return [Share(times / total, function) for function, times in seen.most_common(_SHOWN)]


def _started(py_spy: str, pid: int, file: Path) -> subprocess.Popen[bytes]:
    command = [py_spy, "record", "--subprocesses", "--format", "raw", "--pid", str(pid), "--output", str(file)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet)
