"""One flag: the process was asked to stop, so work ends at the next part boundary."""

from __future__ import annotations

import threading

_stop = threading.Event()


def request_stop() -> None:
    """Ask the running job to stop at the next part boundary. Safe to call from a signal handler."""
    _stop.set()


def stopping() -> bool:
    """Whether the process was asked to stop."""
    return _stop.is_set()
