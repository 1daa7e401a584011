"""What is said to a store and what it says: objects, parts and pages, headers to write, bodies as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import lt
from typing import cast
from urllib.parse import quote, urlencode

from integrity.evidence import Origin
from integrity.layouts import MOST_PARTS
from integrity.values import named_value, plain_value
from migrator.engine.answers import Asked, checksums_in, http_date, number_in, range_of, rfc3339, statement_of
from migrator.engine.documents import document, name_of
from migrator.engine.driving import Stream
from migrator.engine.lines import LineBroken
from migrator.engine.refusals import error_of


def key_bytes(key: str) -> bytes:
    """Return the key as bytes; what was not UTF-8 in the listing comes back as it was."""
    return key.encode("utf-8", "surrogateescape")


# Twenty times what S3 takes as an object. A database's whole number still holds the sum of eight thousand of them.
LARGEST_SIZE = 2**50


@plain_value
class ListedObject:
    """One object in a listing; `last_modified` RFC 3339 in UTC, `etag` as the store wrote it."""

    key: str
    size: int
    etag: str
    last_modified: str
    storage_class: str = ""
    version_id: str = ""
    # A delete marker is on top of the key that this is a version of.
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class ListedMarker:
    """One delete marker in a listing of versions: no object, only the sign that its key was deleted."""

    key: str
    version_id: str
    is_latest: bool
    last_modified: str


@dataclass(frozen=True, slots=True)
class VersionPage:
    """One page of a listing of versions as it was said. Within a key each list is newest first."""

    name: str | None
    versions: tuple[ListedObject, ...]
    markers: tuple[ListedMarker, ...]
    truncated: bool | None
    next_key: str
    next_version: str
    common_prefixes: int = 0


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a listing as it was said; what is missing is None, nothing is judged here."""

    name: str | None
    entries: tuple[ListedObject, ...]
    truncated: bool | None
    next_token: str
    key_count: int | None
    common_prefixes: int = 0
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class ListedPart:
    """One part of an open upload."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class ToldPart:
    """One part of an object as its attributes tell it: size in bytes, checksums by S3 name in base64, if any."""

    size: int
    checksums: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ToldParts:
    """One page of an object's parts; `next_marker` is 0 on the last one."""

    parts: tuple[ToldPart, ...]
    next_marker: int


@dataclass(frozen=True, slots=True)
class ListedUpload:
    """One open multipart upload; `started_at` RFC 3339 in UTC, `initiator` the id of whoever began it, if stated."""

    key: str
    upload_id: str
    started_at: str
    initiator: str = ""


@dataclass(frozen=True, slots=True)
class SentPart:
    """What Complete needs of a part: its number, the ETag its reply stated, checksums by S3 name (base64)."""

    number: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)


@named_value
class WriteHeaders:
    """What an object carries besides its bytes. `content` has the header names of `CONTENT_HEADERS`."""

    content: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    storage_class: str = ""
    encryption: str = ""
    kms_key_id: str = ""

    def wire(self) -> dict[str, str]:
        """Return the request headers."""
        headers = dict(self.content)
        headers.update({f"x-amz-meta-{name}": value for name, value in self.metadata.items()})
        if self.tags:
            # Not every store tells them in the same order each time.
            headers["x-amz-tagging"] = urlencode(sorted(self.tags.items()), quote_via=quote)
        if self.storage_class:
            headers["x-amz-storage-class"] = self.storage_class
        if self.encryption:
            headers["x-amz-server-side-encryption"] = self.encryption
        if self.kms_key_id:
            headers["x-amz-server-side-encryption-aws-kms-key-id"] = self.kms_key_id
        return headers


class Body:
    """The answer to a GET: what it states, and the bytes as they come.

    `statement.size` is the size of the whole object, `length` the announced bytes of this body (None: not
    announced), `first_byte` where it starts. An error in mid-body is not retried here.
    """

    def __init__(self, stream: Stream, asked: Asked) -> None:
        self._stream = stream
        self._asked = asked
        self.status = stream.status
        self.headers = stream.headers
        self.statement = statement_of(stream.headers, Origin.GET)
        self.length = number_in(stream.headers.get("content-length"))
        self.content_range = range_of(stream.headers.get("content-range", ""))

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes; raise `SourceTimeout` for silence, `EndpointUnreachable` for a lost connection."""
        try:
            yield from self._stream.chunks()
        except LineBroken as exc:
            raise error_of(exc, self._asked) from exc

    def close(self) -> None:
        """Drop the connection unless the body was read to its end."""
        self._stream.close()


def tags_of(body: bytes) -> dict[str, str]:
    """Read the answer to GetObjectTagging. Raises ValueError where it is none."""
    root = document(body, "Tagging")
    rows = [
        {name_of(field): field.text or "" for field in element} for element in root.iter() if name_of(element) == "Tag"
    ]
    return {row["Key"]: row.get("Value", "") for row in rows if "Key" in row}


def told_parts_of(body: bytes, after: int = 0) -> ToldParts:
    """Read the answer to GetObjectAttributes about the parts behind `after`. Raises ValueError where it is none."""
    root = document(body, "GetObjectAttributesResponse", "GetObjectAttributesOutput")
    found = {name_of(element): element.text or "" for element in root.iter()}
    marker = int(found.get("NextPartNumberMarker") or 0) if found.get("IsTruncated") == "true" else None
    parts = [
        {name_of(field): field.text or "" for field in element} for element in root.iter() if name_of(element) == "Part"
    ]
    require_rising([int(part.get("PartNumber", "")) for part in parts], after, marker)
    return ToldParts(tuple(map(_told_part, parts)), marker or 0)


def _told_part(fields: Mapping[str, str]) -> ToldPart:
    prefix = "Checksum"
    checksums = {name[len(prefix) :]: text for name, text in fields.items() if name.startswith(prefix) and text}
    size = int(fields.get("Size", ""))
    if size < 0:
        raise ValueError("a part has a size below zero")
    return ToldPart(size, checksums)


def require_rising(numbers: Sequence[int], after: int, marker: int | None) -> None:
    """Raise ValueError where a page of parts is not one that comes after the part `after`, or never ends.

    `marker`: after which part the next page begins; None where there is none.
    """
    if not all(map(lt, (after, *numbers), numbers)):
        raise ValueError("a part is there twice, or the parts are not sorted")
    last = numbers[-1] if numbers else after
    if last > MOST_PARTS:
        raise ValueError("a part has a number that no part can have")
    if marker is not None and not max(last, after + 1) <= marker <= MOST_PARTS:
        raise ValueError("a page of parts leads back to one already seen, or does not say how to go on")


def rows_of(reply: Mapping[str, object], name: str) -> list[dict[str, object]]:
    """Return the rows of a list in a reply."""
    return cast("list[dict[str, object]]", reply.get(name) or [])


def int_of(value: object) -> int:
    """Return a number of a reply; raise ValueError where it is none."""
    return int(cast("int | str", value))


def time_of(value: object) -> str:
    """Return a time of a reply as RFC 3339 in UTC; empty if there is none."""
    return rfc3339(value) if isinstance(value, datetime) else http_date(str(value or ""))


def headers_of(reply: Mapping[str, object]) -> Mapping[str, str]:
    """Return a reply's headers with lower-case names."""
    meta = cast("dict[str, object]", reply["ResponseMetadata"])
    headers = cast("dict[str, str]", meta.get("HTTPHeaders") or {})
    return {name.lower(): value for name, value in headers.items()}


def status_of(reply: Mapping[str, object]) -> int:
    """Return a reply's HTTP status."""
    return int_of(cast("dict[str, object]", reply["ResponseMetadata"])["HTTPStatusCode"])


def stated_checksums_of(reply: Mapping[str, object]) -> Mapping[str, str]:
    """Return the checksums in the body of a reply."""
    wire = {f"x-amz-checksum-{name[8:].lower()}": str(value) for name, value in reply.items() if name[:8] == "Checksum"}
    return checksums_in(wire)
