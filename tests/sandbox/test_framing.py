"""aws-chunked bodies: taken apart, their signatures and trailers checked."""

from __future__ import annotations

import hashlib

import pytest

from migrator.sandbox import Sandbox
from migrator.sandbox.checksums import checksum_of
from migrator.sandbox.errors import S3Error
from migrator.sandbox.payload import Unframer
from migrator.sandbox.signatures import STREAMING_SIGNED, STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED, ChunkSigner
from tests.sandbox import wire

BODY = b"framed " * 40
SIGNER = ChunkSigner(b"key", "20260101T000000Z", "20260101/us-east-1/s3/aws4_request", "seed")


def unsigned(*, trailer: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(BODY), BODY, trailer)


def headers(trailer: str = "x-amz-checksum-crc32") -> dict[str, str]:
    return {
        "Content-Encoding": "aws-chunked",
        "X-Amz-Decoded-Content-Length": str(len(BODY)),
        "X-Amz-Trailer": trailer,
    }


def signed(*, spoil: bool = False) -> bytes:
    first = SIGNER.of_chunk("seed", hashlib.sha256(BODY).hexdigest())
    last = SIGNER.of_chunk(first, hashlib.sha256(b"").hexdigest())
    body = BODY[::-1] if spoil else BODY
    return b"%x;chunk-signature=%b\r\n%b\r\n0;chunk-signature=%b\r\n\r\n" % (
        len(BODY),
        first.encode(),
        body,
        last.encode(),
    )


def test_an_unsigned_trailer_body_is_stored_without_its_framing(sandbox: Sandbox) -> None:
    body = unsigned(trailer=f"x-amz-checksum-crc32:{checksum_of('CRC32', BODY)}\r\n".encode())
    reply = wire.ask(sandbox, "PUT", "/photos/a", body, headers(), payload=STREAMING_UNSIGNED)

    assert reply.status == 200
    assert sandbox.stored_bytes("photos", "a") == BODY
    assert "content-encoding" not in wire.ask(sandbox, "HEAD", "/photos/a").headers


def test_a_wrong_trailer_is_refused(sandbox: Sandbox) -> None:
    body = unsigned(trailer=f"x-amz-checksum-crc32:{checksum_of('CRC32', b'other')}\r\n".encode())
    reply = wire.ask(sandbox, "PUT", "/photos/a", body, headers(), payload=STREAMING_UNSIGNED)

    assert (reply.status, wire.code(reply)) == (400, "BadDigest")
    assert sandbox.keys("photos") == []


def test_a_promised_trailer_that_never_comes_is_refused(sandbox: Sandbox) -> None:
    reply = wire.ask(sandbox, "PUT", "/photos/a", unsigned(trailer=b""), headers(), payload=STREAMING_UNSIGNED)

    assert reply.status == 400
    assert sandbox.keys("photos") == []


def test_a_decoded_length_that_is_wrong_is_incomplete(sandbox: Sandbox) -> None:
    body = unsigned(trailer=f"x-amz-checksum-crc32:{checksum_of('CRC32', BODY)}\r\n".encode())
    longer = {**headers(), "X-Amz-Decoded-Content-Length": str(len(BODY) + 1)}
    reply = wire.ask(sandbox, "PUT", "/photos/a", body, longer, payload=STREAMING_UNSIGNED)

    assert wire.code(reply) == "IncompleteBody"


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_framing_comes_off_however_the_bytes_arrive(size: int) -> None:
    data, unframer = signed(), Unframer(STREAMING_SIGNED, SIGNER)
    pieces = [piece for start in range(0, len(data), size) for piece in unframer.feed(data[start : start + size])]

    assert b"".join(pieces) == BODY
    assert unframer.finish() == {}


def test_a_chunk_that_was_changed_does_not_fit_its_signature() -> None:
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        Unframer(STREAMING_SIGNED, SIGNER).feed(signed(spoil=True))


def test_a_stream_without_its_last_chunk_is_incomplete() -> None:
    unframer = Unframer(STREAMING_SIGNED, SIGNER)
    unframer.feed(signed()[: len(BODY)])

    with pytest.raises(S3Error, match="IncompleteBody"):
        unframer.finish()


def test_a_signed_trailer_has_to_fit_its_signature() -> None:
    unframer = Unframer(STREAMING_SIGNED_TRAILER, SIGNER)
    last = SIGNER.of_chunk("seed", hashlib.sha256(b"").hexdigest())
    unframer.feed(b"0;chunk-signature=%b\r\nx-amz-checksum-crc32:AAAAAA==\r\n" % last.encode())
    unframer.feed(b"x-amz-trailer-signature:0000\r\n\r\n")

    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        unframer.finish()
