"""The slow link."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.benchmarks.link import Allowance, limited
from tests.benchmarks.places import Addressing, Ends, Place

_SENT = b"abcd" * 250_000


@pytest.fixture
def giver() -> Iterator[str]:
    """A server that says a million bytes to whoever comes, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_give, args=(listener, 2), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_so_many_bytes_take_their_time() -> None:
    allowance, began = Allowance(1e6), time.monotonic()

    for _ in range(10):
        allowance.take(20_000)

    assert 0.18 < time.monotonic() - began < 5


def test_who_was_idle_has_saved_nothing() -> None:
    allowance = Allowance(1e6)
    allowance.take(1)
    time.sleep(0.2)

    began = time.monotonic()
    allowance.take(100_000)

    assert time.monotonic() - began > 0.08


def test_everything_arrives_and_no_sooner_than_the_link_allows(giver: str) -> None:
    with limited(Ends(Place(giver, "", ""), Place(giver, "", "")), 4e6) as ends:
        began = time.monotonic()

        got = _all_from(ends.source.url)

    assert got == _SENT
    assert time.monotonic() - began > 0.23


def test_connections_share_the_link(giver: str) -> None:
    with limited(Ends(Place(giver, "", ""), Place(giver, "", "")), 8e6) as ends:
        began = time.monotonic()
        readers = [threading.Thread(target=_all_from, args=(ends.source.url,)) for _ in range(2)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()

    assert time.monotonic() - began > 0.23


def test_a_link_over_tls_is_refused() -> None:
    place = Place("https://s3.example", "", "")

    with pytest.raises(ValueError, match="only for plain http"), limited(Ends(place, place), 1e6):
        pass


def test_a_link_to_a_bucket_in_the_host_name_is_refused() -> None:
    place = Place("http://s3.example", "", "", addressing=Addressing.VIRTUAL)

    with pytest.raises(ValueError, match="bucket stands in the path"), limited(Ends(place, place), 1e6):
        pass


def _give(listener: socket.socket, times: int) -> None:
    for _ in range(times):
        try:
            line, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_say_all, args=(line,), daemon=True).start()


def _say_all(line: socket.socket) -> None:
    with line:
        line.sendall(_SENT)


def _all_from(url: str) -> bytes:
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as line:
        pieces = list(iter(lambda: line.recv(65536), b""))
    return b"".join(pieces)
