"""A request's payload: the bytes that are meant, whatever framing carried them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import AsyncIterator, Callable

from migrator.sandbox.errors import S3Error
from migrator.sandbox.messages import Request
from migrator.sandbox.signatures import (
    STREAMING,
    STREAMING_SIGNED_TRAILER,
    STREAMING_UNSIGNED,
    ChunkSigner,
    Identity,
)
from migrator.sandbox.traits import Traits

_LARGEST_LINE = 16 * 1024
_LARGEST_DOCUMENT = 16 * 1024 * 1024


class Payload:
    """The payload of one request.

    length: as announced, None where the client does not say. sha256: the hex digest it has to have, or "".
    md5: the raw Content-MD5, or b"". trailers: complete once the chunks have been read.
    """

    def __init__(self, request: Request, identity: Identity, traits: Traits) -> None:
        self._request = request
        self._identity = identity
        self._is_framed = identity.payload in STREAMING and traits.aws_chunked == "decoded"
        self.trailers: dict[str, str] = {}
        self.length = self._announced()
        self.sha256 = "" if len(identity.payload) != 64 or traits.payload_sha256 == "ignores" else identity.payload
        self.given_md5 = _content_md5(request, traits)
        self.md5 = b"" if traits.content_md5 == "ignores" else self.given_md5

    @property
    def promised_trailers(self) -> tuple[str, ...]:
        if not self._is_framed:
            return ()
        return tuple(name.strip().lower() for name in self._request.header("x-amz-trailer").split(",") if name)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The payload in pieces; IncompleteBody when it is shorter than announced."""
        size = 0
        unframe = Unframer(self._identity.payload, self._identity.chunks) if self._is_framed else None
        while data := await self._request.body.read():
            for chunk in unframe.feed(data) if unframe else (data,):
                size += len(chunk)
                yield chunk
        if unframe:
            self.trailers = unframe.finish()
        if self.length is not None and size != self.length:
            raise S3Error("IncompleteBody")

    async def document(self, *, needs_digest: bool = False) -> bytes:
        """The whole payload of a request that carries XML, its digests checked."""
        if needs_digest and not (self.given_md5 or self._has_checksum()):
            raise S3Error("InvalidRequest", "Missing required header for this request: Content-MD5")
        pieces, size = [], 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > _LARGEST_DOCUMENT:
                raise S3Error("MaxMessageLengthExceeded")
            pieces.append(chunk)
        data = b"".join(pieces)
        if self.sha256 and hashlib.sha256(data).hexdigest() != self.sha256:
            raise S3Error("XAmzContentSHA256Mismatch")
        if self.md5 and hashlib.md5(data).digest() != self.md5:
            raise S3Error("BadDigest")
        return data

    def _has_checksum(self) -> bool:
        names = (*self._request.headers, *self.promised_trailers)
        return any(name.startswith("x-amz-checksum-") for name in names)

    def _announced(self) -> int | None:
        if not self._is_framed:
            return self._request.content_length
        decoded = self._request.header("x-amz-decoded-content-length")
        if not decoded.isdecimal():
            raise S3Error("MissingContentLength")
        return int(decoded)


def _content_md5(request: Request, traits: Traits) -> bytes:
    text = request.header("content-md5")
    if "content-md5" not in request.headers:
        return b""
    if traits.content_md5 == "refuses":
        raise S3Error("NotImplemented", "Content-MD5 is not supported.")
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise S3Error("InvalidDigest") from exc
    if len(raw) != 16:
        raise S3Error("InvalidDigest")
    return raw


class Unframer:
    """Takes aws-chunked framing apart: pieces of the payload out, chunk signatures checked on the way."""

    def __init__(self, word: str, signer: ChunkSigner) -> None:
        self._signer = None if word == STREAMING_UNSIGNED else signer
        self._has_trailer = word in (STREAMING_UNSIGNED, STREAMING_SIGNED_TRAILER)
        self._previous = signer.seed_signature
        self._signature = ""
        self._buffer = bytearray()
        self._left = 0
        self._hash = hashlib.sha256()
        self._trailer_lines: list[str] = []
        self._take: Callable[[], bytes | None] = self._take_header

    def feed(self, data: bytes) -> list[bytes]:
        """The payload bytes that these wire bytes complete."""
        self._buffer += data
        pieces = []
        while (piece := self._take()) is not None:
            if piece:
                pieces.append(piece)
        return pieces

    def finish(self) -> dict[str, str]:
        """The trailers, once all has been fed; IncompleteBody if the last chunk never came."""
        if self._take == self._take_trailer and not self._has_trailer and not self._buffer:
            self._take = self._take_nothing
        if self._take != self._take_nothing:
            raise S3Error("IncompleteBody")
        trailers = {}
        for line in self._trailer_lines:
            name, _, value = line.partition(":")
            trailers[name.strip().lower()] = value.strip()
        self._check_trailer(trailers.pop("x-amz-trailer-signature", ""))
        return trailers

    def _line(self) -> str | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _LARGEST_LINE:
                raise S3Error("InvalidRequest", "The chunk header is too long.")
            return None
        line = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + 2]
        return line

    def _take_header(self) -> bytes | None:
        line = self._line()
        if line is None:
            return None
        size, _, extension = line.partition(";")
        try:
            self._left = int(size, 16)
        except ValueError as exc:
            raise S3Error("InvalidRequest", "The chunk size is not a number.") from exc
        self._signature = extension.strip().removeprefix("chunk-signature=")
        self._hash = hashlib.sha256()
        if self._left:
            self._take = self._take_data
        else:
            self._check_chunk()
            self._take = self._take_trailer
        return b""

    def _take_data(self) -> bytes | None:
        if not self._buffer:
            return None
        piece = bytes(self._buffer[: self._left])
        del self._buffer[: self._left]
        self._left -= len(piece)
        if self._signer:
            self._hash.update(piece)
        if not self._left:
            self._check_chunk()
            self._take = self._take_end_of_data
        return piece

    def _take_end_of_data(self) -> bytes | None:
        if len(self._buffer) < 2:
            return None
        if self._buffer[:2] != b"\r\n":
            raise S3Error("InvalidRequest", "A chunk is longer than its header says.")
        del self._buffer[:2]
        self._take = self._take_header
        return b""

    def _take_trailer(self) -> bytes | None:
        line = self._line()
        if line is None:
            return None
        if line:
            self._trailer_lines.append(line)
        else:
            self._take = self._take_nothing
        return b""

    def _take_nothing(self) -> bytes | None:
        return None

    def _check_chunk(self) -> None:
        if self._signer is None:
            return
        expected = self._signer.of_chunk(self._previous, self._hash.hexdigest())
        if expected != self._signature:
            raise S3Error("SignatureDoesNotMatch")
        self._previous = expected

    def _check_trailer(self, signature: str) -> None:
        if self._signer is None or not self._has_trailer:
            return
        lines = [line for line in self._trailer_lines if not line.lower().startswith("x-amz-trailer-signature")]
        signed = "".join(f"{line}\n" for line in lines)
        if self._signer.of_trailer(self._previous, hashlib.sha256(signed.encode()).hexdigest()) != signature:
            raise S3Error("SignatureDoesNotMatch")
