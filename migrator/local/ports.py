"""Where the web process listens. The supervisor binds, so that a port is either ours or taken, and never lost."""

from __future__ import annotations

import errno
import socket

from migrator.local.folder import Refused

DEFAULT_PORT = 8000
_TRIES = 100


def listen(bind: str, port: int | None) -> socket.socket:
    """Return a listening socket on `bind`; without a port, on 8000 or the next free one. Raises `Refused`."""
    if port is not None:
        return _listen(bind, port)
    for candidate in range(DEFAULT_PORT, DEFAULT_PORT + _TRIES):
        try:
            return _listen(bind, candidate)
        except PortTaken:
            continue
    raise Refused(f"No port from {DEFAULT_PORT} to {DEFAULT_PORT + _TRIES - 1} is free. Choose one with --port.")


class PortTaken(Refused):
    """Another program listens there."""


def _listen(bind: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError, OverflowError) as exc:
        raise Refused(f"{bind} is not an address of this machine. Give one with --bind, such as 127.0.0.1.") from exc
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as exc:
        listener.close()
        raise _refusal(exc, bind, port) from exc
    return listener


def _refusal(exc: OSError, bind: str, port: int) -> Refused:
    if exc.errno == errno.EADDRINUSE:
        return PortTaken(f"Port {port} at {bind} is taken by another program. Choose another one with --port.")
    if exc.errno == errno.EACCES:
        return Refused(f"Port {port} needs rights that this user does not have. Choose one above 1023 with --port.")
    if exc.errno == errno.EADDRNOTAVAIL:
        return Refused(f"{bind} is not an address of this machine. Give one with --bind, such as 127.0.0.1.")
    return Refused(f"Port {port} at {bind} cannot be used: {exc.strerror}. Choose another one with --port.")


def url_of(listener: socket.socket) -> str:
    """Return the address to open in a browser on this machine."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  every address, so also this one
        host = "127.0.0.1" if listener.family == socket.AF_INET else "::1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
