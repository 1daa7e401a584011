"""One request and its answer on one handle of libcurl: loaded, driven by whoever holds it, then read.

A line is one connection's worth and is used by one thread at a time. It sends a request once, bounds what it takes
of the answer, and knows nothing of signatures, addresses or stores: those are the transport's.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import lru_cache
from typing import BinaryIO

import pycurl

from integrity.digests import Buffer
from integrity.values import named_value, plain_value
from migrator.engine.buffers import Pipe
from migrator.engine.errors import EngineError

# A page of a thousand of the longest keys has less than four, each byte of them coded.
LARGEST_ANSWER = 8 * 1024 * 1024
ENDLESS = f"sent an answer of more than {LARGEST_ANSWER // 1024**2} MiB"
LARGEST_ERROR = 64 * 1024
METADATA = "x-amz-meta-"
_STATUS_LINE = re.compile(r"HTTP/[\d.]+ +(\d{3})\b")
READ_SIZE = 512 * 1024
# libcurl hands over 16 KiB at a time.
_BLOCKS_TAKEN = READ_SIZE // (16 * 1024)


@named_value
class Request:
    """One request to a bucket or an object in it.

    `body` is bytes, a file that is read from its beginning each time it is sent, or a pipe that is sent once and
    unsigned. `payload_sha256` (hex) spares hashing what was hashed already; `wire_body`, of the same length, goes out
    in place of the body that is signed. `bound` is the most that is taken of a good answer, in bytes. `is_slow`: the
    store may have much to look through before it answers.
    """

    method: str
    bucket: str
    key: str = ""
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Buffer | BinaryIO | Pipe | None = None
    payload_sha256: str = ""
    wire_body: bytes | None = None
    bound: int = LARGEST_ANSWER
    is_slow: bool = False


@plain_value
class Reply:
    """A whole answer: its status, headers by lower-case name (of user metadata the prefix only), and body.

    `cut` says that there was more than the bound: an error is cut, anything else is for the caller to refuse.
    """

    status: int
    headers: dict[str, str]
    body: bytes = b""
    cut: bool = False


class LineBroken(Exception):
    """libcurl gave up: its error number, its words, and whether a connection had been made."""

    def __init__(self, number: int, words: str, *, connected: bool) -> None:
        super().__init__(words)
        self.number = number
        self.connected = connected


class Line:
    """One handle of libcurl: prepared for a request, driven by whoever holds it, then read."""

    __slots__ = (
        "_blocks",
        "_bound",
        "_headers",
        "_held",
        "_method",
        "_most",
        "_reads",
        "_seconds",
        "_sent",
        "_silence",
        "_size",
        "blocked",
        "easy",
        "token",
        "was_cut",
    )

    def __init__(self, configure: Callable[[pycurl.Curl, Line], None]) -> None:
        self.easy = pycurl.Curl()
        self.token: object = None
        self.blocked: EngineError | None = None
        self.was_cut = False
        self._reads = False
        self._sent = 0
        # The very list that libcurl appends to.
        self._headers: list[bytes] = []
        self._blocks: list[bytes] = []
        self._size = self._held = self._bound = self._most = 0
        self._method, self._seconds, self._silence = "", 0.0, 0
        configure(self.easy, self)
        self.easy.setopt(pycurl.PREREQFUNCTION, self._before_sending)
        self.easy.setopt(pycurl.HEADERFUNCTION, self._headers.append)
        self.easy.setopt(pycurl.WRITEFUNCTION, self._take)

    def load(self, request: Request, url: str, headers: list[str], seconds: float, silence: int) -> None:
        """Set all that belongs to one request.

        `seconds` is the most that it may take in all (0: no such limit), `silence` those in which nothing may come.
        """
        easy = self.easy
        self._headers.clear()
        self._blocks = []
        self._size, self._held, self._most = 0, 0, request.bound
        self._bound = min(request.bound, LARGEST_ERROR)
        self.was_cut, self.blocked = False, None
        easy.setopt(pycurl.URL, url)
        easy.setopt(pycurl.HTTPHEADER, headers)
        # What is left as it was need not be said again: each word to libcurl costs two microseconds.
        if seconds != self._seconds:
            easy.setopt(pycurl.TIMEOUT_MS, int(seconds * 1000))
            self._seconds = seconds
        if silence != self._silence:
            easy.setopt(pycurl.LOW_SPEED_TIME, silence)
            self._silence = silence
        self._sent = 0
        self._load_method(request)

    def _load_method(self, request: Request) -> None:
        easy, method, before = self.easy, request.method, self._method
        if method == before == "GET":
            return
        # Until all is set: a body that cannot be loaded must not leave the word of the request before.
        self._method = ""
        # This also takes back what the request before has set: no body to come, a body to send.
        easy.setopt(pycurl.HTTPGET, 1)
        if method in ("GET", "HEAD"):
            easy.unsetopt(pycurl.CUSTOMREQUEST)
            if method == "HEAD":
                easy.setopt(pycurl.NOBODY, 1)
            self._method = method
            return
        self._load_body(request.wire_body if request.wire_body is not None else request.body)
        if method != before:
            easy.setopt(pycurl.CUSTOMREQUEST, method)
        self._method = method

    def forget(self) -> None:
        """Let go of what the last request held: a body may be as large as the whole budget."""
        self.token = None
        self._headers.clear()
        self._blocks = []
        if self._method == "GET":
            return
        self.easy.setopt(pycurl.POSTFIELDS, b"")
        if self._reads:
            self._reads = False
            self.easy.setopt(pycurl.READFUNCTION, _NOTHING.read)
            self.easy.setopt(pycurl.SEEKFUNCTION, _NOTHING.seek)

    def reply(self) -> Reply:
        """Return the whole answer to the request that was sent."""
        status, headers = self.head()
        return Reply(status, headers, b"".join(self._blocks), self.was_cut)

    def head(self) -> tuple[int, dict[str, str]]:
        """Return status and headers so far; of several blocks (100 Continue) the last."""
        status, found, is_whole = 0, dict[str, str](), False
        # Some servers end lines with a bare line feed, and the words beside a status may hold a colon.
        for line in b"".join(self._headers).decode("latin-1").split("\n"):
            begun = _STATUS_LINE.match(line)
            if begun is not None:
                status, found, is_whole = int(begun[1]), {}, False
                continue
            spelled, colon, value = line.partition(":")
            if not colon:
                is_whole = is_whole or not line.strip()
            elif not is_whole:
                # What comes behind a body is none of its headers, and whoever reads as it comes never sees it.
                name, value = _name_of(spelled), value.strip()
                # Said twice: a length or a range that is not the same twice is none.
                found[name] = value if found.get(name, value) == value else f"{found[name]}, {value}"
        return status, found

    @property
    def is_headed(self) -> bool:
        """Whether all headers of the final answer have come."""
        return bool(self._blocks) or (bool(self._headers) and not self._headers[-1].strip() and self.head()[0] >= 200)

    @property
    def is_connected(self) -> bool:
        """Whether there was a connection on which this request could go out."""
        return self._sent > 0

    @property
    def held(self) -> int:
        """How many bytes of the body have come and were not taken yet."""
        return self._held

    def taken(self) -> bytes:
        """Return the next of the bytes that have come, about `READ_SIZE` of them at most.

        One answer to libcurl can bring several MiB. Pieces of one size, and not of a MiB or more, are what the
        allocator gives out again and again without asking the system for fresh pages, which costs more than hashing.
        """
        # A slow line brings small blocks, and many of them are still a small piece.
        count = len(self._blocks) if self._held <= READ_SIZE else _BLOCKS_TAKEN
        blocks = self._blocks[:count]
        del self._blocks[:count]
        piece = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        self._held -= len(piece)
        return piece

    def _before_sending(self, *_: object) -> int:
        """Let a request go out once. libcurl repeats what a kept connection lost without an answer, writes too."""
        self._sent += 1
        return pycurl.PREREQFUNC_OK if self._sent == 1 else pycurl.PREREQFUNC_ABORT

    def _take(self, block: bytes) -> int:
        self._size += len(block)
        if self._size > self._bound:
            if self._bound < self._most:
                # Now that there is an answer: only an error is bound so narrowly.
                self._bound = self._most if self.head()[0] < 300 else LARGEST_ERROR
            if self._size > self._bound:
                self.was_cut = True
                kept = block[: len(block) - (self._size - self._bound)]
                self._blocks.append(kept)
                self._held += len(kept)
                return 0
        self._blocks.append(block)
        self._held += len(block)
        return len(block)

    def _load_body(self, body: Buffer | BinaryIO | Pipe | None) -> None:
        easy = self.easy
        if body is None or isinstance(body, bytes):
            easy.setopt(pycurl.POSTFIELDS, body or b"")
            return
        self._reads = True
        easy.setopt(pycurl.UPLOAD, 1)
        if isinstance(body, Pipe):
            pipe = body
            easy.setopt(pycurl.INFILESIZE_LARGE, pipe.size)
            easy.setopt(pycurl.READFUNCTION, lambda count: _or_abort(pipe.read(count)))
            easy.setopt(pycurl.SEEKFUNCTION, lambda *_: pycurl.SEEKFUNC_FAIL)
            return
        source = _Rewindable(body)
        easy.setopt(pycurl.INFILESIZE_LARGE, source.size)
        easy.setopt(pycurl.READFUNCTION, source.read)
        easy.setopt(pycurl.SEEKFUNCTION, source.seek)


# A store spells the same dozen names in every answer.
@lru_cache(maxsize=256)
def _name_of(spelled: str) -> str:
    """Return a header's name in lower case, of user metadata the prefix only.

    Two names of metadata that differ in their spelling only are two: what becomes of them must show.
    """
    spelled = spelled.strip()
    name = spelled.lower()
    return METADATA + spelled[len(METADATA) :] if name.startswith(METADATA) else name


class _Rewindable:
    """A body that libcurl reads in pieces and may read again."""

    def __init__(self, body: Buffer | BinaryIO) -> None:
        self._file: BinaryIO | None = None
        self._view = memoryview(b"")
        self._at = 0
        if isinstance(body, (bytes, bytearray, memoryview)):
            self._view = memoryview(body)
            self.size = len(self._view)
        else:
            self._file = body
            self.size = body.seek(0, io.SEEK_END)
            body.seek(0)

    def read(self, count: int) -> Buffer:
        if self._file is not None:
            return self._file.read(count)
        piece = self._view[self._at : self._at + count]
        self._at += len(piece)
        return piece

    def seek(self, offset: int, origin: int) -> int:
        if origin != io.SEEK_SET:
            return pycurl.SEEKFUNC_CANTSEEK
        self._at = offset
        if self._file is not None:
            self._file.seek(offset)
        return pycurl.SEEKFUNC_OK


_NOTHING = _Rewindable(b"")


def raise_unless_cut(line: Line, number: int, words: str) -> None:
    """Raise what libcurl's error means, unless we ended an answer that was too long."""
    if line.blocked is not None:
        raise line.blocked
    if number == pycurl.E_WRITE_ERROR and line.was_cut:
        return
    raise LineBroken(number, words, connected=line.is_connected)


def _or_abort(piece: Buffer | None) -> Buffer | int:
    return pycurl.READFUNC_ABORT if piece is None else piece
