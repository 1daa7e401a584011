"""Connections and HTTP/1.1: requests in, deliveries out, bodies streamed both ways in bounded memory."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

import httptools

from migrator.sandbox.errors import LineBroken, S3Error
from migrator.sandbox.messages import Request

_HIGH_WATER = 2 * 1024 * 1024
_LOW_WATER = 512 * 1024
# An error may be answered before the body was read; what is left up to here is read and thrown away,
# because closing with unread bytes would reset the connection and the answer with it.
_LARGEST_DRAIN = 64 * 1024 * 1024
_MOST_HEADER_BYTES = 64 * 1024
_READ_BEFORE_RESET_SECONDS = 0.05
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Delivery:
    """An answer in its final shape: what goes on the wire, and what becomes of the connection.

    framing: length, chunked or close. length: what Content-Length says; None writes none.
    ending: keep, close (clean) or reset.
    """

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    framing: str = "length"
    length: int | str | None = 0
    ending: str = "keep"
    is_silent: bool = False


Respond = Callable[[Request], Awaitable[Delivery]]


class WireBody:
    """A request's body as it arrives. Reading pauses while the reader is behind."""

    __slots__ = ("_chunks", "_connection", "_error", "_is_complete", "_size", "_waiter", "expects_continue")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._is_complete = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.expects_continue = False

    @property
    def is_complete(self) -> bool:
        return self._is_complete

    async def read(self) -> bytes:
        """All that has arrived, at most some MiB; b"" at the end."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._is_complete:
                return b""
            self._ask_for_more()
            self._waiter = self._connection.loop.create_future()
            await self._waiter
            self._waiter = None
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        self._connection.resume_reading()
        return data

    def _ask_for_more(self) -> None:
        if self.expects_continue:
            self.expects_continue = False
            self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def feed(self, data: bytes) -> None:
        self._chunks.append(data)
        self._size += len(data)
        if self._size > _HIGH_WATER:
            self._connection.pause_reading()
        self._wake()

    def finish(self) -> None:
        self._is_complete = True
        self._wake()

    def fail(self, error: Exception) -> None:
        if not self._is_complete:
            self._error = error
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Connection(asyncio.Protocol):
    """One client. Requests are answered in the order in which they came."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, respond: Respond, is_refused: Callable[[], bool], others: set[Connection]
    ) -> None:
        self.loop = loop
        self._respond = respond
        self._is_refused = is_refused
        self._others = others
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._requests: deque[Request] = deque()
        self._arrived: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_paused = False
        self._is_lost = False
        self._is_ended = False
        self._body: WireBody | None = None
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._header_bytes = 0

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._is_refused():
            self._transport.abort()
            return
        self._others.add(self)
        self._task = self.loop.create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.close()

    def eof_received(self) -> bool:
        self._is_ended = True
        if self._body is not None:
            self._body.fail(S3Error("IncompleteBody"))
        self._wake()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._is_lost = True
        self._others.discard(self)
        if self._body is not None:
            self._body.fail(LineBroken())
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._wake()

    def pause_writing(self) -> None:
        self._drained = self.loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # The parser's side

    def on_message_begin(self) -> None:
        self._url, self._headers, self._header_bytes = b"", [], 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _MOST_HEADER_BYTES:
            raise ValueError("too many headers")
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self._body = WireBody(self)
        headers: dict[str, str] = {}
        for name, value in self._headers:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        self._body.expects_continue = headers.get("expect", "").lower() == "100-continue"
        length = headers.get("content-length", "")
        request = Request(
            method=self._parser.get_method().decode(),
            target=self._url.decode("latin-1"),
            headers=headers,
            body=self._body,
            content_length=int(length) if length.isdecimal() else None,
            raw_headers=self._headers,
            is_chunked="chunked" in headers.get("transfer-encoding", "").lower(),
        )
        self._requests.append(request)
        self._wake()

    def on_body(self, data: bytes) -> None:
        if self._body is not None:
            self._body.feed(data)

    def on_message_complete(self) -> None:
        if self._body is not None:
            self._body.finish()

    # What the answers need

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._is_lost:
            self._transport.write(data)

    def pause_reading(self) -> None:
        if self._transport is not None and not self._is_paused and not self._is_lost:
            self._is_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and self._is_paused and not self._is_lost:
            self._is_paused = False
            self._transport.resume_reading()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End with a reset, where the system lets us."""
        if self._transport is None or self._is_lost:
            return
        # A TLS transport whose line is gone already names no socket any more.
        line = self._transport.get_extra_info("socket")
        if line is not None:
            with contextlib.suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()

    async def stop(self) -> None:
        """End at once; used when the server stops."""
        self.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    # The loop of one connection

    async def _serve(self) -> None:
        try:
            while (request := await self._next()) is not None:
                if not await self._answer(request):
                    break
        except LineBroken:
            pass
        finally:
            self.close()

    async def _next(self) -> Request | None:
        while not self._requests:
            if self._is_lost or self._is_ended:
                return None
            self._arrived = self.loop.create_future()
            await self._arrived
            self._arrived = None
        return self._requests.popleft()

    async def _answer(self, request: Request) -> bool:
        """Answer one request; False when the connection is to end."""
        delivery = await self._respond(request)
        if delivery.ending == "reset" and delivery.is_silent:
            self.abort()
            return False
        body = cast("WireBody", request.body)
        keeps = delivery.ending == "keep" and self._keeps_alive(request)
        if not body.is_complete and body.expects_continue:
            keeps = False
        await self._send(request, delivery, keeps=keeps)
        if delivery.ending == "reset":
            await self._flush()
            # A reset also takes along what the other side has not read yet.
            await asyncio.sleep(_READ_BEFORE_RESET_SECONDS)
            self.abort()
            return False
        return keeps and await self._drain_request(body)

    def _keeps_alive(self, request: Request) -> bool:
        return request.header("connection").lower() != "close"

    async def _send(self, request: Request, delivery: Delivery, *, keeps: bool) -> None:
        head = _head(delivery, keeps=keeps)
        if request.method == "HEAD" or delivery.status in (204, 304):
            self.write(head)
            if delivery.stream is not None:
                await cast("AsyncIteratorWithClose", delivery.stream).aclose()
        elif delivery.stream is None:
            self.write(head + _framed(delivery.body, delivery.framing, is_last=True))
        else:
            self.write(head)
            await self._send_stream(delivery)
        await self._drain()

    async def _send_stream(self, delivery: Delivery) -> None:
        stream = cast("AsyncIteratorWithClose", delivery.stream)
        try:
            async for chunk in stream:
                self.write(_framed(chunk, delivery.framing, is_last=False))
                await self._drain()
        finally:
            await stream.aclose()
        if delivery.framing == "chunked" and delivery.ending != "reset":
            self.write(b"0\r\n\r\n")

    async def _flush(self) -> None:
        """Wait until all that was written has left; a reset would take it along."""
        while self._transport is not None and self._transport.get_write_buffer_size() and not self._is_lost:
            await asyncio.sleep(0.002)

    async def _drain(self) -> None:
        if self._drained is not None:
            await self._drained
        if self._is_lost:
            raise LineBroken

    async def _drain_request(self, body: WireBody) -> bool:
        """Throw away what is left of the body; False when that is too much or the client is gone."""
        left = _LARGEST_DRAIN
        while not body.is_complete:
            try:
                left -= len(await body.read())
            except S3Error:
                return False
            if left < 0:
                return False
        return True


class AsyncIteratorWithClose(AsyncIterator[bytes]):
    """The type of an async generator, as far as it is used here."""

    async def aclose(self) -> None: ...


def _head(delivery: Delivery, *, keeps: bool) -> bytes:
    try:
        phrase = HTTPStatus(delivery.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {delivery.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in delivery.headers]
    if delivery.framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
    elif delivery.framing == "length" and delivery.length is not None and delivery.status not in (204, 304):
        lines.append(f"Content-Length: {delivery.length}")
    if not keeps:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "\r\n")).encode("latin-1")


def _framed(data: bytes, framing: str, *, is_last: bool) -> bytes:
    if framing != "chunked":
        return data
    framed = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    return framed + b"0\r\n\r\n" if is_last else framed
