"""A slow link: a proxy in threads that lets so many bytes a second pass in each direction."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from tests.benchmarks.places import Addressing, Ends, Place

_PIECE = 128 * 1024
# Who was idle may send so much at once; a sleep is no more exact than this.
_BURST_SECONDS = 0.01


class Allowance:
    """Bytes that may pass one direction of a link; all connections share it."""

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Wait until so many bytes may pass."""
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now - _BURST_SECONDS) + size / self._bytes_per_s
            wait = self._free_at - now
        if wait > 0:
            time.sleep(wait)


@contextmanager
def limited(ends: Ends, bytes_per_s: float) -> Iterator[Ends]:
    """Yield the same two stores, each behind a link of its own with so many bytes a second each way."""
    with ExitStack() as stack:
        source, dest = (stack.enter_context(_behind_link(place, bytes_per_s)) for place in (ends.source, ends.dest))
        yield Ends(source, dest)


@contextmanager
def _behind_link(place: Place, bytes_per_s: float) -> Iterator[Place]:
    address = urlsplit(place.url)
    if address.scheme != "http" or address.hostname is None:
        raise ValueError("a link can be limited only for plain http: a proxy would break the name in the certificate")
    if place.addressing is Addressing.VIRTUAL:
        raise ValueError("a link can be limited only where the bucket stands in the path: a proxy has one name")
    target = (address.hostname, address.port or 80)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    accepting = threading.Thread(target=_accept, args=(listener, target, bytes_per_s), daemon=True)
    accepting.start()
    try:
        yield replace(place, url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        # Closing alone would not wake a thread that waits for a connection.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()


def _accept(listener: socket.socket, target: tuple[str, int], bytes_per_s: float) -> None:
    there, back = Allowance(bytes_per_s), Allowance(bytes_per_s)
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        far = socket.create_connection(target)
        for one in (near, far):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for way in ((near, far, there), (far, near, back)):
            threading.Thread(target=_pass_on, args=way, daemon=True).start()


def _pass_on(giver: socket.socket, taker: socket.socket, allowance: Allowance) -> None:
    """Carry bytes one way; each way closes what it reads from, after the other side has heard of the end."""
    piece = memoryview(bytearray(_PIECE))
    with giver, contextlib.suppress(OSError):
        while size := giver.recv_into(piece):
            allowance.take(size)
            taker.sendall(piece[:size])
    with contextlib.suppress(OSError):
        taker.shutdown(socket.SHUT_WR)
