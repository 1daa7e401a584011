"""GET and HEAD: ranges, conditions, parts, headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from migrator.sandbox import Sandbox
from tests.sandbox import wire

BODY = bytes(range(200))
PAST, FUTURE = "Mon, 01 Jan 2001 00:00:00 GMT", "Mon, 01 Jan 2035 00:00:00 GMT"


@pytest.fixture
def filled(sandbox: Sandbox) -> Sandbox:
    sandbox.seed("photos", "a", BODY)
    return sandbox


def get(sandbox: Sandbox, **headers: str) -> wire.Reply:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return wire.ask(sandbox, "GET", "/photos/a", headers=given)


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-9", 206, 0, 9),
        ("bytes=190-", 206, 190, 199),
        ("bytes=-10", 206, 190, 199),
        ("bytes=-500", 206, 0, 199),
        ("bytes=100-5000", 206, 100, 199),
        ("bytes=9-3", 200, 0, 199),
        ("lines=1-2", 200, 0, 199),
        ("bytes=0-1,5-6", 200, 0, 199),
    ],
)
def test_a_range_gives_just_those_bytes(filled: Sandbox, asked: str, status: int, first: int, last: int) -> None:
    reply = get(filled, Range=asked)

    assert (reply.status, reply.body) == (status, BODY[first : last + 1])
    assert reply.headers.get("content-range", f"bytes {first}-{last}/200") == f"bytes {first}-{last}/200"


@pytest.mark.parametrize("asked", ["bytes=200-", "bytes=200-300", "bytes=-0"])
def test_a_range_beyond_the_end_is_416(filled: Sandbox, asked: str) -> None:
    reply = get(filled, Range=asked)

    assert (reply.status, wire.code(reply)) == (416, "InvalidRange")


def test_an_empty_object_has_no_range(sandbox: Sandbox) -> None:
    sandbox.seed("photos", "a", b"")

    assert get(sandbox, Range="bytes=0-").status == 416
    assert get(sandbox).headers["content-length"] == "0"


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"If-Match": "ETAG"}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-None-Match": "ETAG"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-Modified-Since": PAST}, 200),
        ({"If-Modified-Since": FUTURE}, 304),
        ({"If-Unmodified-Since": PAST}, 412),
        ({"If-Unmodified-Since": FUTURE}, 200),
        ({"If-Match": "ETAG", "If-Unmodified-Since": PAST}, 200),
        ({"If-None-Match": '"other"', "If-Modified-Since": FUTURE}, 200),
    ],
)
def test_conditions_decide_whether_there_is_a_body(filled: Sandbox, condition: Mapping[str, str], status: int) -> None:
    etag = get(filled).headers["etag"]
    headers = {name: value.replace("ETAG", etag) for name, value in condition.items()}

    assert wire.ask(filled, "GET", "/photos/a", headers=headers).status == status
    assert wire.ask(filled, "HEAD", "/photos/a", headers=headers).status == status


def test_a_head_has_the_length_and_no_body(filled: Sandbox) -> None:
    reply = wire.ask(filled, "HEAD", "/photos/a")

    assert (reply.status, reply.headers["content-length"], reply.body) == (200, "200", b"")


def test_a_part_number_of_a_plain_object_is_the_whole_once(filled: Sandbox) -> None:
    first = wire.ask(filled, "GET", "/photos/a?partNumber=1")

    assert (first.status, first.body, "x-amz-mp-parts-count" in first.headers) == (206, BODY, False)
    assert wire.ask(filled, "GET", "/photos/a?partNumber=2").status == 416
    assert wire.ask(filled, "GET", "/photos/a?partNumber=0").status == 400


def test_a_part_number_gives_that_part(sandbox: Sandbox) -> None:
    sandbox.seed("photos", "a", BODY, part_sizes=[80, 80, 40])
    second = wire.ask(sandbox, "GET", "/photos/a?partNumber=2")

    assert (second.status, second.body) == (206, BODY[80:160])
    assert second.headers["content-range"] == "bytes 80-159/200"
    assert second.headers["x-amz-mp-parts-count"] == "3"
    assert wire.ask(sandbox, "GET", "/photos/a?partNumber=4").status == 416


def test_a_part_number_and_a_range_exclude_each_other(filled: Sandbox) -> None:
    reply = wire.ask(filled, "GET", "/photos/a?partNumber=1", headers={"Range": "bytes=0-1"})

    assert (reply.status, wire.code(reply)) == (400, "InvalidRequest")


def test_headers_and_metadata_come_back_as_they_went_in(sandbox: Sandbox) -> None:
    given = {
        "Content-Type": "image/x-odd",
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="a b"',
        "Content-Encoding": "gzip",
        "Content-Language": "de",
        "Expires": "never, really",
        "x-amz-meta-Who": "me",
        "x-amz-website-redirect-location": "/there",
        "x-amz-storage-class": "STANDARD_IA",
    }
    wire.ask(sandbox, "PUT", "/photos/a", BODY, given)
    seen = wire.ask(sandbox, "HEAD", "/photos/a").headers

    assert {name.lower(): value for name, value in given.items()}.items() <= dict(seen).items()


def test_metadata_that_is_not_ascii_keeps_its_bytes(sandbox: Sandbox) -> None:
    sandbox.seed("photos", "a", BODY, metadata={"name": "café".encode().decode("latin-1")})

    assert get(sandbox).headers["x-amz-meta-name"].encode("latin-1") == "café".encode()


def test_metadata_above_two_kilobytes_is_too_large(sandbox: Sandbox) -> None:
    reply = wire.ask(sandbox, "PUT", "/photos/a", BODY, {"x-amz-meta-long": "x" * 2050})

    assert wire.code(reply) == "MetadataTooLarge"


def test_an_unknown_storage_class_is_refused(sandbox: Sandbox) -> None:
    reply = wire.ask(sandbox, "PUT", "/photos/a", BODY, {"x-amz-storage-class": "COLDISH"})

    assert wire.code(reply) == "InvalidStorageClass"


def test_an_archived_object_can_be_seen_but_not_read(sandbox: Sandbox) -> None:
    sandbox.seed("photos", "a", BODY, storage_class="GLACIER")

    assert wire.code(get(sandbox)) == "InvalidObjectState"
    assert wire.ask(sandbox, "HEAD", "/photos/a").headers["x-amz-storage-class"] == "GLACIER"


def test_the_query_can_override_answer_headers(filled: Sandbox) -> None:
    reply = wire.ask(filled, "GET", "/photos/a?response-content-type=text%2Fodd")

    assert reply.headers["content-type"] == "text/odd"


def test_the_largest_keys_fit_and_one_byte_more_does_not(sandbox: Sandbox) -> None:
    assert wire.ask(sandbox, "PUT", f"/photos/{'k' * 1024}", BODY).status == 200
    assert wire.code(wire.ask(sandbox, "PUT", f"/photos/{'k' * 1025}", BODY)) == "KeyTooLongError"


def test_a_connection_serves_many_requests(filled: Sandbox, connect: Callable[..., Any]) -> None:
    s3 = connect(filled, max_pool_connections=1)
    bodies = {s3.get_object(Bucket="photos", Key="a")["Body"].read() for _ in range(20)}

    assert bodies == {BODY}


def test_a_bucket_can_stand_in_the_host_name(filled: Sandbox) -> None:
    headers = wire.sign(filled, "GET", "/a", b"", {"Host": f"photos.localhost:{filled.port}"})
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    answer = wire.send_raw(filled, f"GET /a HTTP/1.1\r\n{lines}\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(BODY)
