"""From an answer to what really goes over the wire: the place where faults bend answers and bodies."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import cast

from migrator.sandbox.damage import flipped
from migrator.sandbox.errors import CODES, S3Error
from migrator.sandbox.faults import BODY_ACTIONS, WRITES, Strike
from migrator.sandbox.markup import document
from migrator.sandbox.messages import Answer, xml_answer
from migrator.sandbox.server import Delivery

_HTML = b"<html><head><title>Gateway</title></head><body><h1>Please sign in</h1></body></html>"
_CODE_BY_STATUS = {
    301: "PermanentRedirect",
    400: "InvalidRequest",
    403: "AccessDenied",
    404: "NoSuchKey",
    405: "MethodNotAllowed",
    409: "ConditionalRequestConflict",
    412: "PreconditionFailed",
    500: "InternalError",
    501: "NotImplemented",
    503: "SlowDown",
    507: "InsufficientStorage",
}
_SLICE = 64 * 1024


def instead(strike: Strike) -> Answer | None:
    """The answer that a fault gives in place of the operation; None if the operation is to run."""
    if strike.action == "status":
        return _status(strike)
    if strike.action == "error_in_200":
        code = strike.fault.value if isinstance(strike.fault.value, str) else "InternalError"
        return xml_answer(error_document(S3Error(code)))
    if strike.action == "huge_body":
        headers = {"Content-Type": "application/xml", **cast("dict[str, str]", strike.option("headers", {}))}
        return Answer(int(cast("int", strike.option("status", 200))), headers, _Huge(strike))
    if strike.action == "redirect":
        return _redirect(strike)
    if strike.action in ("empty_200", "html_200") and strike.fault.value != "done":
        return _hollow(strike)
    return None


def bend(answer: Answer, strike: Strike) -> Answer:
    """The operation's answer, as an answer fault changes it."""
    if strike.action in ("empty_200", "html_200"):
        return _hollow(strike)
    if strike.action == "header":
        return _with_headers(answer, strike)
    if strike.action == "etag":
        return _with_etag(answer, strike)
    if strike.action == "xml":
        return _with_xml(answer, strike)
    return answer


def shape(answer: Answer, strike: Strike | None, *, is_head: bool) -> Delivery:
    """The delivery of an answer, its body bent if a body fault strikes."""
    delivery = _plain(answer, is_head=is_head)
    if strike is None:
        return delivery
    if is_head:
        if strike.action == "header" and "content-length" in _removed(strike):
            delivery.length = None
        return delivery
    if strike.action == "drop_reply":
        return Delivery(ending="reset", is_silent=True)
    if strike.action in BODY_ACTIONS and strike.operation not in WRITES:
        _bend_body(delivery, answer, strike)
    return delivery


def error_document(error: S3Error, request_id: str = "", resource: str = "") -> bytes:
    tree = {"Code": error.code, "Message": error.message, **error.extra}
    tree |= {"Resource": resource, "RequestId": request_id, "HostId": request_id}
    return document("Error", tree, namespace=False)


def _plain(answer: Answer, *, is_head: bool) -> Delivery:
    headers = [(name, value) for name, value in answer.headers.items() if name != "Content-Length"]
    delivery = Delivery(answer.status, headers, length=answer.length)
    announced = answer.headers.get("Content-Length")
    if announced is not None:
        delivery.length = announced
        delivery.ending = "keep" if is_head else "close"
    if is_head:
        return delivery
    if isinstance(answer.body, bytes):
        delivery.body = answer.body
    else:
        delivery.stream = answer.body.chunks()
    return delivery


# Answers that no operation gave


def _status(strike: Strike) -> Answer:
    value = strike.fault.value
    status = value if isinstance(value, int) else int(cast("int", strike.option("status", 503)))
    code = str(strike.option("code") or _CODE_BY_STATUS.get(status, "InternalError"))
    usual = CODES.get(code, (status, code))[1]
    error = S3Error(code, str(strike.option("message") or usual), status=status)
    headers = cast("Mapping[str, str]", strike.option("headers", {}))
    return xml_answer(error_document(error), status, dict(headers))


def _redirect(strike: Strike) -> Answer:
    value = strike.fault.value
    location = value if isinstance(value, str) else str(strike.option("location", "http://127.0.0.1:9/"))
    status = int(cast("int", strike.option("status", 301)))
    error = S3Error("PermanentRedirect", status=status, extra={"Endpoint": location})
    return xml_answer(error_document(error), status, {"Location": location})


def _hollow(strike: Strike) -> Answer:
    if strike.action == "empty_200":
        return Answer(200)
    return Answer(200, {"Content-Type": "text/html"}, _HTML)


class _Huge:
    """A document without end, as far as a client can tell."""

    def __init__(self, strike: Strike) -> None:
        size = strike.option("bytes", strike.fault.value)
        self.length = size if isinstance(size, int) else 50 * 1024 * 1024

    async def chunks(self) -> AsyncIterator[bytes]:
        opening = b"<Error><Code>InternalError</Code><Message>"[: self.length]
        yield opening
        left = self.length - len(opening)
        while left:
            piece = b"x" * min(left, _SLICE)
            left -= len(piece)
            yield piece


# Answers changed


def _with_headers(answer: Answer, strike: Strike) -> Answer:
    removed = _removed(strike)
    added = cast("Mapping[str, str]", strike.option("set", {}))
    removed |= {name.lower() for name in added}
    kept = {name: value for name, value in answer.headers.items() if name.lower() not in removed}
    fresh = {_canonical(name): str(value) for name, value in added.items()}
    return Answer(answer.status, kept | fresh, answer.body)


def _removed(strike: Strike) -> set[str]:
    return {str(name).lower() for name in cast("list[str]", strike.option("remove", []))}


def _canonical(name: str) -> str:
    return "Content-Length" if name.lower() == "content-length" else name


def _with_etag(answer: Answer, strike: Strike) -> Answer:
    value = strike.fault.value
    old = answer.headers.get("ETag", "").strip('"')
    etag = value if isinstance(value, str) and value != "random" else strike.noise(16).hex()
    headers = {**answer.headers, "ETag": f'"{etag}"'} if old else dict(answer.headers)
    body = answer.body
    if isinstance(body, bytes) and b"<ETag>" in body:
        body = re.sub(rb"<ETag>[^<]*</ETag>", f"<ETag>&quot;{etag}&quot;</ETag>".encode(), body)
    return Answer(answer.status, headers, body)


def _with_xml(answer: Answer, strike: Strike) -> Answer:
    if not isinstance(answer.body, bytes):
        return answer
    if isinstance(strike.fault.value, str):
        return Answer(answer.status, answer.headers, strike.fault.value.encode())
    find, put = str(strike.option("find", "")), str(strike.option("put", ""))
    return Answer(answer.status, answer.headers, answer.body.replace(find.encode(), put.encode()))


# Bodies bent


def _bend_body(delivery: Delivery, answer: Answer, strike: Strike) -> None:
    length = answer.length
    offset = strike.offset(length)
    if delivery.stream is None:
        delivery.stream, delivery.body = _slices(cast("bytes", answer.body)), b""
    source = delivery.stream
    if strike.action == "flip":
        delivery.stream = _flip(source, offset, strike.mask())
    elif strike.action == "swap":
        delivery.stream = _swap(source, offset, strike)
    elif strike.action == "stall":
        delivery.stream = _stall(source, offset, strike.number(3600))
    elif strike.action == "drip":
        delivery.stream = _drip(source, offset, strike.number(1000))
    elif strike.action == "extend":
        _extend(delivery, source, strike)
    else:
        _end_early(delivery, source, offset, strike)


def _end_early(delivery: Delivery, source: AsyncIterator[bytes], offset: int, strike: Strike) -> None:
    framing = strike.fault.value if strike.fault.value in ("chunked", "close") else ""
    if strike.action == "no_length":
        framing = framing or "chunked"
        if isinstance(strike.fault.at_byte, int) or strike.fault.at_byte == "seeded":
            delivery.stream = _cut(source, offset)
    else:
        delivery.stream = _cut(source, offset)
    delivery.framing = str(framing or "length")
    delivery.ending = "reset" if strike.action == "reset" else "keep" if framing == "chunked" else "close"


def _extend(delivery: Delivery, source: AsyncIterator[bytes], strike: Strike) -> None:
    extra = strike.option("bytes", strike.fault.value)
    added = strike.noise(extra if isinstance(extra, int) else 1)
    delivery.stream = _longer(source, added)
    if strike.option("announced", True):
        if isinstance(delivery.length, int):
            delivery.length += len(added)
    else:
        delivery.ending = "close"


async def _slices(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), _SLICE):
        yield data[start : start + _SLICE]


async def _flip(source: AsyncIterator[bytes], offset: int, mask: int) -> AsyncIterator[bytes]:
    position = 0
    async for chunk in source:
        inside = 0 <= offset - position < len(chunk)
        yield flipped(chunk, offset - position, mask) if inside else chunk
        position += len(chunk)


async def _swap(source: AsyncIterator[bytes], offset: int, strike: Strike) -> AsyncIterator[bytes]:
    """Other bytes from the offset on: those that were there, each with at least one bit changed."""
    position, table = 0, bytes((byte ^ (strike.noise(1)[0] | 1)) for byte in range(256))
    async for chunk in source:
        kept = min(max(offset - position, 0), len(chunk))
        yield chunk[:kept] + chunk[kept:].translate(table)
        position += len(chunk)


async def _stall(source: AsyncIterator[bytes], offset: int, seconds: float) -> AsyncIterator[bytes]:
    position, has_stalled = 0, False
    async for chunk in source:
        if not has_stalled and position + len(chunk) >= offset:
            has_stalled = True
            kept = offset - position
            yield chunk[:kept]
            await asyncio.sleep(seconds)
            chunk = chunk[kept:]
            position += kept
        position += len(chunk)
        yield chunk


async def _drip(source: AsyncIterator[bytes], offset: int, bytes_per_s: float) -> AsyncIterator[bytes]:
    position, step = 0, max(int(bytes_per_s / 20), 1)
    async for chunk in source:
        kept = min(max(offset - position, 0), len(chunk))
        yield chunk[:kept]
        for start in range(kept, len(chunk), step):
            piece = chunk[start : start + step]
            await asyncio.sleep(len(piece) / max(bytes_per_s, 0.001))
            yield piece
        position += len(chunk)


async def _cut(source: AsyncIterator[bytes], offset: int) -> AsyncIterator[bytes]:
    left = offset
    async for chunk in source:
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


async def _longer(source: AsyncIterator[bytes], added: bytes) -> AsyncIterator[bytes]:
    async for chunk in source:
        yield chunk
    yield added
