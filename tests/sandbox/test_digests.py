"""A wrong digest is refused, and nothing is stored."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from migrator.sandbox import Sandbox
from migrator.sandbox.checksums import checksum_of
from migrator.sandbox.traits import ALGORITHMS
from tests.sandbox import wire

BODY = b"the bytes that were meant"
OTHER = b"the bytes that were sent."


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def is_empty(sandbox: Sandbox) -> bool:
    leftovers = list((sandbox._root / "incoming").iterdir())
    stored = [file for file in (sandbox._root / "data").rglob("*") if file.is_file()]
    return sandbox.keys("photos") == [] and leftovers == [] and stored == []


def test_the_right_content_md5_is_accepted(sandbox: Sandbox) -> None:
    reply = wire.ask(sandbox, "PUT", "/photos/a", BODY, {"Content-MD5": md5(BODY)})

    assert reply.status == 200
    assert sandbox.stored_bytes("photos", "a") == BODY


def test_a_wrong_content_md5_is_refused(sandbox: Sandbox) -> None:
    reply = wire.ask(sandbox, "PUT", "/photos/a", BODY, {"Content-MD5": md5(OTHER)})

    assert (reply.status, wire.code(reply)) == (400, "BadDigest")
    assert is_empty(sandbox)


def test_a_malformed_content_md5_is_refused(sandbox: Sandbox) -> None:
    reply = wire.ask(sandbox, "PUT", "/photos/a", BODY, {"Content-MD5": "bm90IGFuIG1kNQ=="})

    assert (reply.status, wire.code(reply)) == (400, "InvalidDigest")


def test_a_wrong_payload_hash_is_refused(sandbox: Sandbox) -> None:
    reply = wire.ask(sandbox, "PUT", "/photos/a", BODY, payload=hashlib.sha256(OTHER).hexdigest())

    assert (reply.status, wire.code(reply)) == (400, "XAmzContentSHA256Mismatch")
    assert is_empty(sandbox)


def test_an_unsigned_payload_is_taken_as_it_is(sandbox: Sandbox) -> None:
    reply = wire.ask(sandbox, "PUT", "/photos/a", BODY, payload="UNSIGNED-PAYLOAD")

    assert reply.status == 200


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_wrong_checksum_is_refused(sandbox: Sandbox, algorithm: str) -> None:
    header = {f"x-amz-checksum-{algorithm.lower()}": checksum_of(algorithm, OTHER)}
    reply = wire.ask(sandbox, "PUT", "/photos/a", BODY, header)

    assert (reply.status, wire.code(reply)) == (400, "BadDigest")
    assert is_empty(sandbox)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_right_checksum_is_kept_and_stated_on_request(sandbox: Sandbox, algorithm: str) -> None:
    name, value = f"x-amz-checksum-{algorithm.lower()}", checksum_of(algorithm, BODY)
    wire.ask(sandbox, "PUT", "/photos/a", BODY, {name: value})

    assert wire.ask(sandbox, "HEAD", "/photos/a", headers={"x-amz-checksum-mode": "ENABLED"}).headers[name] == value
    assert name not in wire.ask(sandbox, "HEAD", "/photos/a").headers


def test_two_checksums_at_once_are_refused(sandbox: Sandbox) -> None:
    both = {"x-amz-checksum-crc32": checksum_of("CRC32", BODY), "x-amz-checksum-sha1": checksum_of("SHA1", BODY)}
    reply = wire.ask(sandbox, "PUT", "/photos/a", BODY, both)

    assert (reply.status, wire.code(reply)) == (400, "InvalidRequest")


def test_a_promised_checksum_has_to_come(sandbox: Sandbox) -> None:
    reply = wire.ask(sandbox, "PUT", "/photos/a", BODY, {"x-amz-sdk-checksum-algorithm": "CRC32"})

    assert (reply.status, wire.code(reply)) == (400, "InvalidRequest")


def test_a_wrong_digest_of_a_part_is_refused_and_no_part_is_kept(sandbox: Sandbox, s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="photos", Key="a")["UploadId"]
    reply = wire.ask(sandbox, "PUT", f"/photos/a?partNumber=1&uploadId={upload}", BODY, {"Content-MD5": md5(OTHER)})

    assert (reply.status, wire.code(reply)) == (400, "BadDigest")
    assert "Parts" not in s3.list_parts(Bucket="photos", Key="a", UploadId=upload)


def test_a_wrong_digest_leaves_the_old_object_alone(sandbox: Sandbox) -> None:
    sandbox.seed("photos", "a", b"old")
    wire.ask(sandbox, "PUT", "/photos/a", BODY, {"Content-MD5": md5(OTHER)})

    assert sandbox.stored_bytes("photos", "a") == b"old"


def test_a_body_that_ends_early_is_incomplete(sandbox: Sandbox) -> None:
    headers = wire.sign(sandbox, "PUT", "/photos/a", BODY, {}, payload="UNSIGNED-PAYLOAD")
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(
        ["PUT /photos/a HTTP/1.1", f"Host: {sandbox.host}:{sandbox.port}", "Content-Length: 100", *lines]
    )
    answer = wire.send_raw(sandbox, head.encode() + b"\r\n\r\n" + BODY)

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"IncompleteBody" in answer
    assert is_empty(sandbox)


def test_a_delete_of_many_needs_a_digest(sandbox: Sandbox) -> None:
    body = b"<Delete><Object><Key>a</Key></Object></Delete>"

    assert wire.code(wire.ask(sandbox, "POST", "/photos?delete=", body)) == "InvalidRequest"
    assert wire.ask(sandbox, "POST", "/photos?delete=", body, {"Content-MD5": md5(body)}).status == 200


def test_a_checksum_in_a_trailer_is_checked(sandbox: Sandbox, connect: Callable[..., Any]) -> None:
    s3 = connect(sandbox, request_checksum_calculation="when_supported")
    s3.put_object(Bucket="photos", Key="a", Body=BODY, ChecksumAlgorithm="CRC32C")

    assert sandbox.stored_bytes("photos", "a") == BODY
    assert s3.head_object(Bucket="photos", Key="a", ChecksumMode="ENABLED")["ChecksumCRC32C"] == checksum_of(
        "CRC32C", BODY
    )
