"""A request as it came, and the answer to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote_to_bytes

from migrator.sandbox.errors import S3Error


class Body(Protocol):
    """The bytes that follow a request's headers."""

    async def read(self) -> bytes:
        """Some bytes, b"" at the end; IncompleteBody if the client ended early."""
        ...


@dataclass(slots=True)
class Request:
    """headers: lower-case names; values as latin-1 text, one for each name (repeats joined by a comma)."""

    method: str
    target: str
    headers: dict[str, str]
    body: Body
    path: str = ""
    query_text: str = ""
    query: dict[str, str] = field(default_factory=dict)
    content_length: int | None = None
    raw_headers: list[tuple[str, str]] = field(default_factory=list)
    is_chunked: bool = False

    def __post_init__(self) -> None:
        self.path, _, self.query_text = self.target.partition("?")
        for pair in self.query_text.split("&") if self.query_text else ():
            name, _, value = pair.partition("=")
            self.query[decoded(name, plus=True)] = decoded(value, plus=True)

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    @property
    def resource(self) -> str:
        return decoded(self.path)


def decoded(text: str, *, plus: bool = False) -> str:
    """Percent-decoding to UTF-8; InvalidURI for anything else."""
    if plus:
        text = text.replace("+", " ")
    if "%" not in text and text.isascii():
        return text
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode()
    except UnicodeError as exc:
        raise S3Error("InvalidURI") from exc


class Stream(Protocol):
    """A body too large to hold."""

    length: int

    def chunks(self) -> AsyncIterator[bytes]: ...


@dataclass(slots=True)
class Answer:
    """headers: names as they go on the wire. body: bytes, or a stream from the disk."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Stream = b""

    @property
    def length(self) -> int:
        return len(self.body) if isinstance(self.body, bytes) else self.body.length


def xml_answer(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, {"Content-Type": "application/xml", **(headers or {})}, body)
