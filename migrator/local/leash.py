"""Run a program that dies with its parent:  python -I -S leash.py [--parent PID] -- PROGRAM ARGUMENT…

On Linux the kernel is asked to send SIGTERM when the parent ends, and the program takes this process's place.
Elsewhere this process stays, looks every 0.2 s whether its parent is still there, and hands signals and the exit
code on. It is run as a file, without site-packages, because every start of a program goes through it.
"""

from __future__ import annotations

import os
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 0.2
_GRACE_SECONDS = 5.0


def main(arguments: list[str]) -> int:
    """Replace this process by the program named behind `--`, or run it and return its exit code."""
    mark = arguments.index("--")
    options, command = arguments[:mark], arguments[mark + 1 :]
    parent = int(options[options.index("--parent") + 1]) if "--parent" in options else os.getppid()
    # Python ignores these two, and a program would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    if sys.platform == "linux" and "--watch" not in options:
        die_with_parent(signal.SIGTERM)
        if os.getppid() != parent:
            return 1
        os.execvp(command[0], command)  # noqa: S606  that is what it is for
    return _watch(command, parent)


def die_with_parent(with_signal: int) -> None:
    """Ask the kernel to send this process a signal when its parent ends. Linux only; an exec keeps it, a fork not."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, with_signal, 0, 0, 0)


def _watch(command: list[str], parent: int) -> int:
    child = os.posix_spawn(command[0], command, os.environ)
    for handed_on in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(handed_on, lambda number, _: os.kill(child, number))
    killed_at: float | None = None
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if os.getppid() != parent and killed_at is None:
            os.kill(child, signal.SIGTERM)
            killed_at = time.monotonic() + _GRACE_SECONDS
        if killed_at is not None and time.monotonic() > killed_at:
            os.kill(child, signal.SIGKILL)
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
