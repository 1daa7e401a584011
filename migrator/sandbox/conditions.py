"""Conditional requests and ranges, as the S3 API words them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from migrator.sandbox.errors import S3Error
from migrator.sandbox.rows import Version

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def check_read(headers: Mapping[str, str], version: Version, *, prefix: str = "", is_copy: bool = False) -> None:
    """412 or 304 where a condition of a read does not hold. prefix: x-amz-copy-source- for a copy."""
    if_match, if_none_match = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    if if_match is not None:
        if not _names(if_match, version.etag):
            raise S3Error("PreconditionFailed", extra={"Condition": "If-Match"})
    elif _is_changed_since(version, headers.get(f"{prefix}if-unmodified-since")) is True:
        raise S3Error("PreconditionFailed", extra={"Condition": "If-Unmodified-Since"})
    fails = False
    if if_none_match is not None:
        fails = _names(if_none_match, version.etag)
    elif _is_changed_since(version, headers.get(f"{prefix}if-modified-since")) is False:
        fails = True
    if fails and is_copy:
        raise S3Error("PreconditionFailed")
    if fails:
        raise S3Error("NotModified", headers={"ETag": f'"{version.etag}"'})


def check_write(headers: Mapping[str, str], current: Version | None) -> None:
    """If-None-Match and If-Match of a write, against what the key holds now."""
    exists = current is not None and not current.is_marker
    if_none_match, if_match = headers.get("if-none-match"), headers.get("if-match")
    if if_none_match is not None and current is not None and exists and _names(if_none_match, current.etag):
        raise S3Error("PreconditionFailed", extra={"Condition": "If-None-Match"})
    if if_match is not None:
        if current is None or not exists:
            raise S3Error("NoSuchKey")
        if not _names(if_match, current.etag):
            raise S3Error("PreconditionFailed", extra={"Condition": "If-Match"})


def check_delete(headers: Mapping[str, str], current: Version | None) -> None:
    """If-Match, size and time of a delete."""
    size, moment = headers.get("x-amz-if-match-size"), headers.get("x-amz-if-match-last-modified-time")
    if_match = headers.get("if-match")
    if current is None or (size is None and moment is None and if_match is None):
        return
    fails = (
        (if_match is not None and not _names(if_match, current.etag))
        or (size is not None and size != str(current.size))
        or (moment is not None and _moment(moment) != int(current.modified))
    )
    if fails:
        raise S3Error("PreconditionFailed")


def requested_range(text: str, size: int) -> tuple[int, int] | None:
    """(start, length) of a byte range; None where the header is to be ignored; InvalidRange beyond the end."""
    found = _RANGE.fullmatch(text.strip())
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
        start, end = max(size - int(last), 0), size
        if not int(last) or not size:
            raise S3Error("InvalidRange", headers={"Content-Range": f"bytes */{size}"})
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
        if start >= size:
            raise S3Error("InvalidRange", headers={"Content-Range": f"bytes */{size}"})
    return start, end - start


def _names(condition: str, etag: str) -> bool:
    """Whether a list of entity tags, or *, names this one."""
    wanted = (entry.strip().removeprefix("W/").strip('"') for entry in condition.split(","))
    return condition.strip() == "*" or etag in wanted


def _is_changed_since(version: Version, text: str | None) -> bool | None:
    moment = _moment(text) if text else None
    return None if moment is None else int(version.modified) > moment


def _moment(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError):
        return None
