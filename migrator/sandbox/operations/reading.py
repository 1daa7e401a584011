"""GetObject and HeadObject."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

from migrator.sandbox.call import Call
from migrator.sandbox.conditions import check_read, requested_range
from migrator.sandbox.disk import FileStream
from migrator.sandbox.errors import S3Error
from migrator.sandbox.messages import Answer
from migrator.sandbox.operations.described import (
    check_customer_key,
    checksum_headers,
    object_headers,
    refuse_encryption_words,
)
from migrator.sandbox.rows import Version
from migrator.sandbox.store import ARCHIVED

_SMALL = 64 * 1024
_OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-language": "Content-Language",
    "response-expires": "Expires",
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
}


async def get_object(call: Call) -> Answer:
    version = _readable(call)
    if call.store.storage_class(version) in ARCHIVED:
        raise S3Error("InvalidObjectState", extra={"StorageClass": call.store.storage_class(version)})
    answer = _headed(call, version)
    if call.traits.gzip == "unpacked" and version.facts.headers.get("Content-Encoding") == "gzip":
        return _unpacked(call, version, answer)
    start, length = _window(answer, version)
    if length <= _SMALL:
        answer.body = b"".join(call.store.disk.pieces(version.segments, start, start + length))
    else:
        answer.body = FileStream(call.store.disk, version.segments, start, length)
    return answer


async def head_object(call: Call) -> Answer:
    version = _readable(call)
    answer = _headed(call, version)
    start, length = _window(answer, version)
    answer.body = FileStream(call.store.disk, version.segments, start, length)
    return answer


def _readable(call: Call) -> Version:
    refuse_encryption_words(call)
    version = call.version()
    check_read(_honoured(call), version)
    check_customer_key(call, version)
    return version


def _honoured(call: Call) -> Mapping[str, str]:
    if call.traits.if_match == "honoured":
        return call.request.headers
    return {name: value for name, value in call.request.headers.items() if name != "if-match"}


def _headed(call: Call, version: Version) -> Answer:
    """The answer without its body. A window on the object shows in Content-Range."""
    answer = Answer(200, object_headers(call, version))
    answer.headers |= {wire: call.query(name) for name, wire in _OVERRIDES.items() if call.query(name)}
    asks_checksum = call.header("x-amz-checksum-mode").upper() == "ENABLED"
    if asks_checksum and call.traits.checksum_others == "refused" and not call.traits.checksums:
        raise S3Error("InvalidArgument", "Unsupported header 'x-amz-checksum-mode'")
    if call.query("partNumber") and call.traits.part_number != "ignored":
        _show_part(call, version, answer)
    elif call.header("range") and call.traits.range == "honoured":
        window = requested_range(call.header("range"), version.size)
        if window is not None:
            _show_window(answer, version, *window)
    states = call.traits.checksum_on_head or call.operation != "HeadObject"
    shows_part = "x-amz-mp-parts-count" in answer.headers
    if asks_checksum and states and (shows_part or not call.header("range")):
        answer.headers |= checksum_headers(version.facts, int(call.query("partNumber")) if shows_part else 0)
    return answer


def _show_part(call: Call, version: Version, answer: Answer) -> None:
    if call.traits.part_number == "refused":
        raise S3Error("NotImplemented")
    text, parts = call.query("partNumber"), version.facts.parts
    if call.header("range"):
        raise S3Error("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise S3Error("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    number = int(text)
    if not parts:
        if number != 1:
            raise _no_such_part(call, 1)
        _show_window(answer, version, 0, version.size)
        return
    if number > len(parts):
        raise _no_such_part(call, len(parts))
    answer.headers["x-amz-mp-parts-count"] = str(len(parts))
    _show_window(answer, version, sum(part.size for part in parts[: number - 1]), parts[number - 1].size)


def _no_such_part(call: Call, count: int) -> S3Error:
    if call.traits.part_number_error == "400":
        return S3Error("InvalidPart")
    extra = {"ActualPartCount": str(count), "PartNumberRequested": call.query("partNumber")}
    return S3Error("InvalidPartNumber", extra=extra)


def _show_window(answer: Answer, version: Version, start: int, length: int) -> None:
    if not version.size:
        return
    answer.status = 206
    answer.headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{version.size}"


def _window(answer: Answer, version: Version) -> tuple[int, int]:
    shown = answer.headers.get("Content-Range")
    if shown is None:
        return 0, version.size
    first, _, last = shown.removeprefix("bytes ").partition("/")[0].partition("-")
    return int(first), int(last) - int(first) + 1


def _unpacked(call: Call, version: Version, answer: Answer) -> Answer:
    """What a meddling proxy makes of it: the content unpacked, its encoding no longer mentioned."""
    answer.body = gzip.decompress(call.store.disk.read(version.segments))
    answer.status = 200
    for name in ("Content-Encoding", "Content-Range"):
        answer.headers.pop(name, None)
    return answer
