"""A server that does just what a test says, byte by byte."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Told:
    """What reached the server: each request whole, and how many connections were made."""

    def __init__(self, url: str = "") -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = url


class Parting(bytes):
    """An answer that ends the connection: its bytes and the end come in one segment, at once."""


class Trickle(bytes):
    """An answer that comes byte by byte, a hundred of them in a second."""


@contextmanager
def answering(*answers: bytes | None) -> Iterator[Told]:
    """Answer request after request, on whatever connection; None ends the connection without a word."""
    told, script = Told(), iter(answers)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        told.url = f"http://127.0.0.1:{listening.getsockname()[1]}"

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = listening.accept()
                    told.connections += 1
                    with line:
                        _talk(line, told, script)

        threading.Thread(target=serve, daemon=True).start()
        yield told
        listening.shutdown(socket.SHUT_RDWR)


def _talk(line: socket.socket, told: Told, script: Iterator[bytes | None]) -> None:
    for request in _requests(line.recv):
        told.requests.append(request)
        answer = next(script, None)
        if answer is None:
            return
        # Held back until the connection is closed, which sends it on.
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, isinstance(answer, Parting))
        for piece in _pieces(answer):
            line.sendall(piece)
        if isinstance(answer, Parting):
            return


def _pieces(answer: bytes) -> Iterator[bytes]:
    if not isinstance(answer, Trickle):
        yield answer
        return
    for at in range(len(answer)):
        time.sleep(0.01)
        yield answer[at : at + 1]


@contextmanager
def hanging_up(linger_seconds: int | None) -> Iterator[Told]:
    """End each connection as soon as something came over it, with a reset where it lingers for no second."""
    told = Told()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        told.url = f"https://127.0.0.1:{listening.getsockname()[1]}"

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = listening.accept()
                    told.connections += 1
                    with line, suppress(OSError):
                        line.recv(65536)
                        if linger_seconds is not None:
                            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, linger_seconds))

        threading.Thread(target=serve, daemon=True).start()
        yield told
        listening.shutdown(socket.SHUT_RDWR)


@contextmanager
def taking_slowly(bytes_per_s: int) -> Iterator[str]:
    """Take what is sent at this pace and never answer; gives the server's URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Little waits in the kernel, so that the pace is felt.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        def serve() -> None:
            with suppress(OSError):
                line, _ = listening.accept()
                with line:
                    while line.recv(max(1, bytes_per_s // 20)):
                        time.sleep(0.05)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def _requests(receive: Callable[[int], bytes]) -> Iterator[bytes]:
    held = b""
    while True:
        while b"\r\n\r\n" not in held:
            more = receive(65536)
            if not more:
                return
            held += more
        head, _, held = held.partition(b"\r\n\r\n")
        sizes = [int(each.split(b":")[1]) for each in head.split(b"\r\n") if each.lower().startswith(b"content-length")]
        while len(held) < sum(sizes):
            held += receive(65536)
        yield head + b"\r\n\r\n" + held[: sum(sizes)]
        held = held[sum(sizes) :]
