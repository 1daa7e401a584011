"""One flag: the process was asked to stop, so nothing new begins and a body on its way gets a moment to arrive."""

from __future__ import annotations

# A plain value and no `threading.Event`: an Event's lock would deadlock when a second signal interrupts the first.
_asked = False


def request_stop() -> None:
    """Ask the running job to stop. Safe to call from a signal handler."""
    global _asked
    _asked = True


def stopping() -> bool:
    """Whether the process was asked to stop."""
    return _asked
