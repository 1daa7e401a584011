"""The data plane against a server that does just what a test says, byte by byte."""

from __future__ import annotations

import gc
import io
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pycurl
import pytest

from migrator.engine import transport as transport_module
from migrator.engine.addresses import AddressRule
from migrator.engine.errors import EndpointBlocked, Stopped
from migrator.engine.lines import LARGEST_ERROR, READ_SIZE, Line, LineBroken, Request, raise_unless_cut
from migrator.engine.stores import Store
from migrator.engine.transport import Endpoint, Transport
from tests.engine.scripted import Parting, Told, Trickle, answering, taking_slowly

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
GET = Request(method="GET", bucket="bucket", key="key")


MIB = 1024 * 1024
PUT = Request(method="PUT", bucket="bucket", key="key", body=b"body")


class Vanishing(io.BytesIO):
    """A file that is there when its size is asked for, and gone when it is to be sent."""

    asked = 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self.asked += 1
        if self.asked > 2:
            raise OSError("stale file handle")
        return super().seek(offset, whence)


@pytest.fixture
def transports() -> Iterator[Callable[..., Transport]]:
    made: list[Transport] = []

    def make(told: Told, **changes: object) -> Transport:
        rule = changes.pop("rule", AddressRule(allow_private=True))
        plain = {"url": told.url, "access_key_id": "example", "secret_access_key": "example-secret"}
        short = {"connect_seconds": 2, "read_seconds": 1}
        made.append(Transport(Endpoint(rule=rule, **(plain | short | changes))))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.close()


Make = Callable[..., Transport]


@dataclass
class Resolver:
    """What every name resolves to."""

    address: str = "127.0.0.1"

    def resolve(self, *_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.address, 0))]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    found = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", found.resolve)
    return found


def performed(line: Line) -> None:
    """Drive a loaded line to its end, and close it. Raises what libcurl's error means."""
    try:
        line.easy.perform()
    except pycurl.error as exc:
        raise_unless_cut(line, *exc.args)
    finally:
        line.easy.close()


def test_a_connection_serves_request_after_request(transports: Make) -> None:
    with answering(OK, OK, OK) as told:
        transport = transports(told)

        bodies = [transport.exchange(GET).body for _ in range(3)]

    assert bodies == [b"hello"] * 3
    assert told.connections == 1


def test_a_request_goes_out_once_even_when_a_kept_connection_loses_it(transports: Make) -> None:
    with answering(OK, None, OK) as told:
        transport = transports(told)
        transport.exchange(GET)

        with pytest.raises(LineBroken):
            transport.exchange(Request(method="PUT", bucket="bucket", key="key", body=b"body"))

    assert len(told.requests) == 2


def test_bytes_beyond_the_announced_length_are_no_part_of_the_body(transports: Make) -> None:
    with answering(OK + b" and more", OK) as told:
        transport = transports(told)

        assert transport.exchange(GET).body == b"hello"
        assert transport.exchange(GET).body == b"hello"

    assert told.connections == 2


def test_a_body_shorter_than_announced_is_a_broken_line(transports: Make) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", None) as told:
        stream = transports(told).stream(GET)

        with pytest.raises(LineBroken):
            list(stream.chunks())


def test_what_came_before_a_break_is_not_lost(transports: Make) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello") as told:
        chunks = transports(told).stream(GET).chunks()

        assert next(chunks) == b"hello"
        with pytest.raises(LineBroken):
            next(chunks)


def test_what_comes_slowly_is_handed_over_before_the_next_byte(transports: Make) -> None:
    halting = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + 200 * b"a\r\n0123456789\r\n"
    with answering(halting) as told:
        chunks = transports(told, read_seconds=5).stream(GET).chunks()
        began = time.monotonic()

        assert len(next(chunks)) == 2_000
        assert time.monotonic() - began < 4


def test_a_body_that_flows_comes_in_large_pieces(transports: Make) -> None:
    flowing = b"HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n" + bytes(4 * 1024 * 1024)
    with answering(flowing) as told:
        sizes = [len(piece) for piece in transports(told).stream(GET).chunks()]

    assert sum(sizes) == 4 * 1024 * 1024
    assert min(sizes[:-1]) > READ_SIZE // 2


def test_what_came_together_with_a_break_is_not_lost(transports: Make) -> None:
    with answering(Parting(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")) as told:
        stream = transports(told).stream(GET)
        chunks = stream.chunks()

        assert stream.status == 200
        assert next(chunks) == b"hello"
        with pytest.raises(LineBroken):
            next(chunks)


def test_headers_alone_before_a_break_are_no_answer(transports: Make) -> None:
    with answering(Parting(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n")) as told, pytest.raises(LineBroken):
        transports(told).stream(GET)


def test_a_length_that_is_said_twice_and_differs_is_no_length(transports: Make) -> None:
    twice = b"HTTP/1.1 200 OK\r\nX-Size: 5\r\nX-Size: 6\r\nContent-Length: 5\r\n\r\nhello"
    with answering(twice) as told:
        assert transports(told).exchange(GET).headers["x-size"] == "5, 6"


def test_what_comes_behind_a_body_is_none_of_its_headers(transports: Make) -> None:
    head = b'HTTP/1.1 200 OK\r\nETag: "one"\r\nTransfer-Encoding: chunked\r\n\r\n'
    with answering(head + b'5\r\nhello\r\n0\r\nETag: "two"\r\nX-Amz-Version-Id: 3\r\n\r\n') as told:
        reply = transports(told).exchange(GET)

    assert (reply.body, reply.headers) == (b"hello", {"etag": '"one"', "transfer-encoding": "chunked"})


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 503 Service Unavailable: try later\r\nETag: one\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 Service Unavailable\nETag: one\nContent-Length: 0\n\n",
        b"HTTP/1.1 100 Continue: go on\n\nHTTP/1.1 503\nETag: one\nContent-Length: 0\n\n",
    ],
    ids=["a colon in its words", "bare line feeds", "after a Continue"],
)
def test_a_refusal_is_one_however_it_is_written(transports: Make, head: bytes) -> None:
    with answering(head, head) as told:
        transport = transports(told)
        reply, stream = transport.exchange(GET), transport.stream(GET)
        stream.close()

    assert (reply.status, reply.headers["etag"], stream.status) == (503, "one", 503)


def test_an_answer_without_end_is_cut(transports: Make) -> None:
    huge = b"HTTP/1.1 500 Oops\r\nContent-Length: 50000000\r\n\r\n" + b"x" * (2 * LARGEST_ERROR)
    with answering(huge) as told:
        reply = transports(told).exchange(GET)

    assert (reply.status, len(reply.body), reply.cut) == (500, LARGEST_ERROR, True)


def test_a_good_answer_above_its_bound_says_so(transports: Make) -> None:
    with answering(OK) as told:
        reply = transports(told).exchange(Request(method="GET", bucket="bucket", key="key", bound=3))

    assert (reply.body, reply.cut) == (b"hel", True)


def test_silence_ends_a_request(transports: Make) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n") as told:
        stream = transports(told).stream(GET)

        with pytest.raises(LineBroken) as broken:
            list(stream.chunks())

    assert broken.value.connected


def test_nothing_listens_there(transports: Make) -> None:
    told = Told()
    told.url = "http://127.0.0.1:1"

    with pytest.raises(LineBroken) as broken:
        transports(told).exchange(GET)

    assert not broken.value.connected


def test_an_address_that_is_not_allowed_is_not_dialled(transports: Make) -> None:
    with answering(OK) as told, pytest.raises(EndpointBlocked):
        transports(told, rule=AddressRule()).exchange(GET)

    assert told.connections == 0


def test_an_address_that_was_not_checked_is_not_dialled_by_whatever_way_it_comes(
    transports: Make, resolver: Resolver
) -> None:
    with answering(OK) as told:
        transport = transports(told, url=told.url.replace("127.0.0.1", "localhost"))
        resolver.address = "127.0.0.2"
        line = transport.line()
        transport.load(line, GET)
        # Of what was checked libcurl is told nothing, so it asks for the name itself.
        line.easy.setopt(pycurl.RESOLVE, [told.url.replace("http://127.0.0.1", "-localhost")])

        with pytest.raises(EndpointBlocked):
            performed(line)

    assert told.connections == 0


def test_a_request_is_dialled_where_its_name_was_when_it_was_loaded(
    transports: Make, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "_ADDRESSES_HOLD_SECONDS", -1)
    with answering(OK) as told:
        transport = transports(told, url=told.url.replace("127.0.0.1", "s3.example.com"))
        early, late = transport.line(), transport.line()
        transport.load(early, GET)
        for address in ("127.0.0.2", "127.0.0.3"):
            resolver.address = address
            transport.load(late, GET)

        performed(early)
        late.easy.close()

    assert told.connections == 1


def test_an_address_that_no_name_has_had_for_long_is_not_dialled(
    transports: Make, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "_ADDRESSES_HOLD_SECONDS", -1)
    monkeypatch.setattr(transport_module, "_DIALLED_WITHIN_SECONDS", -1)
    with answering(OK) as told:
        transport = transports(told, url=told.url.replace("127.0.0.1", "s3.example.com"))
        early, late = transport.line(), transport.line()
        transport.load(early, GET)
        resolver.address = "127.0.0.2"
        transport.load(late, GET)

        with pytest.raises(EndpointBlocked):
            performed(early)
        late.easy.close()

    assert told.connections == 0


@pytest.mark.parametrize("body", [b"some bytes", bytearray(b"some bytes"), memoryview(b"some bytes")])
def test_a_body_of_any_kind_arrives_whole(transports: Make, body: bytes) -> None:
    with answering(OK) as told:
        transports(told).exchange(Request(method="PUT", bucket="bucket", key="key", body=body))

    assert told.requests[0].endswith(b"\r\n\r\nsome bytes")


def test_a_file_is_sent_from_its_beginning(transports: Make) -> None:
    file = io.BytesIO(b"some bytes")
    file.seek(4)
    with answering(OK) as told:
        transports(told).exchange(Request(method="PUT", bucket="bucket", key="key", body=file))

    assert told.requests[0].endswith(b"\r\n\r\nsome bytes")


def test_what_is_sent_may_differ_from_what_is_signed(transports: Make) -> None:
    signed = Request(method="PUT", bucket="bucket", key="key", body=b"right", wire_body=b"wrong")
    with answering(OK) as told:
        transports(told).exchange(signed)

    assert told.requests[0].endswith(b"wrong")


def test_nothing_is_sent_that_nobody_asked_for(transports: Make) -> None:
    with answering(OK) as told:
        transports(told).exchange(Request(method="PUT", bucket="bucket", key="key", body=b"body"))

    names = {line.split(b":")[0].lower() for line in told.requests[0].split(b"\r\n\r\n")[0].split(b"\r\n")[1:]}
    assert names == {
        b"host",
        b"x-amz-content-sha256",
        b"x-amz-date",
        b"authorization",
        b"content-length",
        b"user-agent",
    }


@pytest.mark.parametrize("way", ["exchange", "stream", "line"])
def test_a_body_is_asked_for_as_it_is_stored_and_that_is_not_signed(transports: Make, way: str) -> None:
    with answering(OK) as told:
        transport = transports(told)
        if way == "exchange":
            transport.exchange(GET)
        elif way == "stream":
            list(transport.stream(GET).chunks())
        else:
            line = transport.line()
            transport.load(line, GET)
            line.easy.perform()
            line.easy.close()

    lines = told.requests[0].lower().split(b"\r\n")
    (signature,) = [each for each in lines if each.startswith(b"authorization:")]
    assert [each for each in lines if each.startswith(b"accept-encoding")] == [b"accept-encoding: identity"]
    assert b"accept-encoding" not in signature


@pytest.mark.parametrize("method", ["HEAD", "PUT"])
def test_what_brings_no_body_names_no_coding(transports: Make, method: str) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as told:
        transports(told).exchange(Request(method=method, bucket="bucket", key="key"))

    assert b"accept-encoding" not in told.requests[0].lower()


def test_a_body_that_cannot_be_loaded_leaves_the_line_as_good_as_new(transports: Make) -> None:
    with answering(OK, OK) as told:
        transport = transports(told)
        line = transport.line()
        transport.load(line, GET)
        line.easy.perform()

        vanishing = Request(method="PUT", bucket="bucket", key="key", body=Vanishing(b"body"), payload_sha256="0" * 64)
        with pytest.raises(OSError, match="stale"):
            transport.load(line, vanishing)
        transport.load(line, PUT)
        line.easy.perform()
        line.easy.close()

    assert [request.split(b" ", 1)[0] for request in told.requests] == [b"GET", b"PUT"]


def test_a_head_after_a_put_on_the_same_line_has_no_body(transports: Make) -> None:
    headed = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
    with answering(OK, headed, OK) as told:
        transport = transports(told)
        transport.exchange(Request(method="PUT", bucket="bucket", key="key", body=bytearray(b"body")))
        transport.exchange(Request(method="HEAD", bucket="bucket", key="key"))
        transport.exchange(GET)

    assert [request.split(b" ")[0] for request in told.requests] == [b"PUT", b"HEAD", b"GET"]
    assert told.requests[1].endswith(b"\r\n\r\n")
    assert told.connections == 1


@pytest.mark.parametrize(
    ("style", "bucket", "target", "host"),
    [
        ("path", "bucket", b"/bucket/a%20b//../c", b"localhost"),
        ("virtual", "bucket", b"/a%20b//../c", b"bucket.localhost"),
    ],
)
def test_the_bucket_stands_in_the_path_or_in_the_host(
    transports: Make, monkeypatch: pytest.MonkeyPatch, style: str, bucket: str, target: bytes, host: bytes
) -> None:
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: here)
    with answering(OK) as told:
        told.url = told.url.replace("127.0.0.1", "localhost")
        transport = transports(told, addressing_style=style)
        transport.exchange(Request(method="GET", bucket=bucket, key="a b//../c"))

    line, _, rest = told.requests[0].partition(b"\r\n")
    assert line.split(b" ")[1] == target
    assert b"Host: " + host in rest


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to count what is open")
def test_a_store_that_is_only_let_go_keeps_no_connection_open() -> None:
    rule = AddressRule(allow_private=True)
    named = OK.replace(b"OK\r\n", b'OK\r\nETag: "a"\r\n')
    with answering(*[named] * 20) as told, uncollected():
        end = Endpoint(url=told.url, access_key_id="example", secret_access_key="example-secret", rule=rule)
        Store(end).find("bucket", "key")
        before = len(list(Path("/proc/self/fd").iterdir()))

        for _ in range(10):
            Store(end).find("bucket", "key")

        # The other ends are closed by the server's thread, one after the other.
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 3


def test_what_comes_back_to_a_closed_transport_is_closed(transports: Make) -> None:
    with answering(OK, OK) as told:
        transport = transports(told)
        stream = transport.stream(GET)
        transport.close()

        assert list(stream.chunks()) == [b"hello"]
        assert transport._idle == []


SLOW_HEADERS = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + b"x-amz-more: and more\r\n" * 100 + b"\r\nhello"
SLOW_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"a" * 2000
SLOW_REFUSAL = SLOW_BODY.replace(b"200 OK", b"503 Slow Down")


@pytest.mark.slow
@pytest.mark.parametrize("answer", [SLOW_HEADERS, SLOW_BODY])
def test_an_answer_that_comes_byte_by_byte_has_a_limit_in_all(transports: Make, answer: bytes) -> None:
    with answering(Trickle(answer)) as told, in_seconds(15), pytest.raises(LineBroken, match=r"timed out|too slow"):
        transports(told, read_seconds=3).exchange(PUT)


@pytest.mark.slow
def test_a_body_that_is_taken_byte_by_byte_has_a_limit_by_its_size(
    transports: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "LEAST_BYTES_PER_S", 16 * MIB)
    body = Request(method="PUT", bucket="bucket", key="key", body=bytes(16 * MIB))
    with taking_slowly(1000) as url, in_seconds(15), pytest.raises(LineBroken, match="timed out"):
        transports(Told(url), read_seconds=3).exchange(body)


def test_the_headers_of_a_body_have_a_limit_in_all(transports: Make) -> None:
    with answering(Trickle(SLOW_HEADERS)) as told, in_seconds(8), pytest.raises(LineBroken, match="too slow"):
        transports(told).stream(GET)


@pytest.mark.slow
def test_the_words_of_a_refusal_have_a_limit_in_all(transports: Make) -> None:
    with answering(Trickle(SLOW_REFUSAL)) as told, in_seconds(15):
        refusal = transports(told, read_seconds=3).stream(GET)

        assert refusal.status == 503
        with pytest.raises(LineBroken, match="in time"):
            refusal.read(LARGEST_ERROR)
        refusal.close()


def test_a_body_that_nobody_watches_has_the_limit_that_it_is_given(transports: Make) -> None:
    with answering(Trickle(SLOW_BODY)) as told, in_seconds(8):
        stream = transports(told, read_seconds=5).stream(GET, within=2)

        with pytest.raises(LineBroken, match="in time"):
            list(stream.chunks())
        stream.close()


@pytest.mark.slow
def test_a_body_that_is_watched_has_no_other_limit(transports: Make) -> None:
    with answering(Trickle(SLOW_BODY[:-1400] + b"a" * 1400)) as told:
        assert sum(map(len, transports(told, read_seconds=5).stream(GET).chunks())) == 2000


def test_a_stop_is_heard_while_no_header_comes(transports: Make) -> None:
    with taking_slowly(1_000_000) as url, in_seconds(10), pytest.raises(Stopped):
        transports(Told(url), read_seconds=60).stream(GET, should_stop=from_now(0.5))


def test_a_stop_is_heard_while_a_body_is_silent(transports: Make) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") as told, in_seconds(10):
        stream = transports(told, read_seconds=60).stream(GET, should_stop=from_now(0.5))

        with pytest.raises(Stopped):
            list(stream.chunks())
        stream.close()


@contextmanager
def in_seconds(most: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < most


def from_now(seconds: float) -> Callable[[], bool]:
    """Wish to stop after so many seconds."""
    since = time.monotonic()
    return lambda: time.monotonic() - since > seconds


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is freed here but by who lets go of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
