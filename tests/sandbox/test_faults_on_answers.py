"""What each fault of the body, the answer and the line does on the wire."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from migrator.sandbox import Sandbox
from tests.sandbox import wire

BODY = bytes(range(256)) * 800


@pytest.fixture
def struck(make: Callable[..., Sandbox]) -> Iterator[Callable[..., Sandbox]]:
    """A sandbox with one object and one fault on its first read; the fault has to fire."""
    made: list[Sandbox] = []

    def start(action: str, value: object = None, **fault: object) -> Sandbox:
        plan = {"operation": "GetObject", "calls": "1", "seed": 3, **fault, "action": action, "value": value}
        made.append(make(faults=[plan]))
        made[-1].seed("photos", "a", BODY)
        return made[-1]

    yield start
    for sandbox in made:
        assert sandbox.unfired == ()


def get(sandbox: Sandbox) -> wire.Reply:
    return wire.ask(sandbox, "GET", "/photos/a")


def test_flip_changes_one_bit_once(struck: Callable[..., Sandbox]) -> None:
    sandbox = struck("flip")
    first, second = get(sandbox), get(sandbox)
    changed = [(ours, theirs) for ours, theirs in zip(BODY, first.body, strict=True) if ours != theirs]

    assert len(changed) == 1
    assert (changed[0][0] ^ changed[0][1]).bit_count() == 1
    assert second.body == BODY


def test_flip_at_a_byte_hits_that_byte(struck: Callable[..., Sandbox]) -> None:
    body = get(struck("flip", 0xFF, at_byte=100_000)).body

    assert body[100_000] == BODY[100_000] ^ 0xFF
    assert body[:100_000] + body[100_001:] == BODY[:100_000] + BODY[100_001:]


def test_the_same_plan_gives_the_same_bytes(make: Callable[..., Sandbox]) -> None:
    plan = [{"operation": "GetObject", "action": "flip", "seed": 11}]
    one, two = make(faults=plan), make(faults=plan)
    one.seed("photos", "a", BODY)
    two.seed("photos", "a", BODY)

    assert [get(one).body, get(one).body] == [get(two).body, get(two).body]


def test_truncate_ends_early_and_cleanly(struck: Callable[..., Sandbox]) -> None:
    reply = get(struck("truncate", at_byte=1000))

    assert (reply.body, reply.error) == (BODY[:1000], "IncompleteRead")
    assert reply.headers["content-length"] == str(len(BODY))


def test_truncate_of_a_chunked_body_looks_complete(struck: Callable[..., Sandbox]) -> None:
    reply = get(struck("truncate", "chunked", at_byte=1000))

    assert (reply.body, reply.error) == (BODY[:1000], "")
    assert "content-length" not in reply.headers


def test_truncate_of_a_close_delimited_body_looks_complete(struck: Callable[..., Sandbox]) -> None:
    reply = get(struck("truncate", "close", at_byte=1000))

    assert (reply.body, reply.error) == (BODY[:1000], "")
    assert reply.headers["connection"] == "close"


def test_reset_breaks_the_connection_after_that_byte(struck: Callable[..., Sandbox]) -> None:
    reply = get(struck("reset", at_byte=1000))

    assert reply.error == "ConnectionResetError"
    assert reply.body == BODY[: len(reply.body)]


@pytest.mark.parametrize("way", ["chunked", "close"])
def test_no_length_leaves_the_length_out(struck: Callable[..., Sandbox], way: str) -> None:
    reply = get(struck("no_length", way))

    assert reply.body == BODY
    assert "content-length" not in reply.headers


def test_extend_makes_the_body_longer_and_says_so(struck: Callable[..., Sandbox]) -> None:
    reply = get(struck("extend", 5))

    assert (len(reply.body), reply.body[: len(BODY)]) == (len(BODY) + 5, BODY)
    assert reply.headers["content-length"] == str(len(BODY) + 5)


def test_extend_can_keep_quiet_about_it(struck: Callable[..., Sandbox]) -> None:
    sandbox = struck("extend", {"bytes": 5, "announced": False})
    headers = wire.sign(sandbox, "GET", "/photos/a", b"", {})
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    answer = wire.send_raw(
        sandbox, f"GET /photos/a HTTP/1.1\r\nHost: {sandbox.host}:{sandbox.port}\r\n{lines}\r\n".encode()
    )
    head, _, body = answer.partition(b"\r\n\r\n")

    assert f"Content-Length: {len(BODY)}".encode() in head
    assert len(body) == len(BODY) + 5


def test_stall_waits_in_the_middle(struck: Callable[..., Sandbox]) -> None:
    begin = time.monotonic()
    reply = get(struck("stall", 0.3, at_byte=1000))

    assert reply.body == BODY
    assert time.monotonic() - begin >= 0.3


def test_drip_slows_the_rest(struck: Callable[..., Sandbox]) -> None:
    begin = time.monotonic()
    reply = get(struck("drip", 10_000, at_byte=len(BODY) - 3000))

    assert reply.body == BODY
    assert time.monotonic() - begin >= 0.25


def test_swap_sends_other_bytes_from_there_on(struck: Callable[..., Sandbox]) -> None:
    body = get(struck("swap", at_byte=70_000)).body

    assert body[:70_000] == BODY[:70_000]
    assert all(ours != theirs for ours, theirs in zip(BODY[70_000:], body[70_000:], strict=True))


def test_a_body_fault_acts_on_a_range_too(struck: Callable[..., Sandbox]) -> None:
    sandbox = struck("flip", 1, at_byte=0)
    reply = wire.ask(sandbox, "GET", "/photos/a", headers={"Range": "bytes=10-19"})

    assert reply.body == bytes([BODY[10] ^ 1]) + BODY[11:20]


@pytest.mark.parametrize(
    ("value", "status", "code"),
    [
        (503, 503, "SlowDown"),
        (None, 503, "SlowDown"),
        (500, 500, "InternalError"),
        ({"status": 400, "code": "ExpiredToken"}, 400, "ExpiredToken"),
        ({"status": 507}, 507, "InsufficientStorage"),
    ],
)
def test_status_answers_with_that_error(struck: Callable[..., Sandbox], value: object, status: int, code: str) -> None:
    sandbox = struck("status", value)
    reply = get(sandbox)

    assert (reply.status, wire.code(reply)) == (status, code)
    assert get(sandbox).status == 200


def test_status_does_not_do_the_work(make: Callable[..., Sandbox]) -> None:
    sandbox = make(faults=[{"operation": "PutObject", "action": "status", "calls": "1"}])

    assert wire.ask(sandbox, "PUT", "/photos/a", BODY).status == 503
    assert sandbox.keys("photos") == []


def test_error_in_200_answers_a_complete_that_was_not_done(
    make: Callable[..., Sandbox], connect: Callable[..., Any]
) -> None:
    sandbox = make(faults=[{"operation": "CompleteMultipartUpload", "action": "error_in_200", "calls": "1"}])
    s3 = connect(sandbox)
    upload = s3.create_multipart_upload(Bucket="photos", Key="a")["UploadId"]
    reply = wire.ask(sandbox, "POST", f"/photos/a?uploadId={upload}", b"<CompleteMultipartUpload/>")

    assert (reply.status, wire.code(reply)) == (200, "InternalError")
    assert len(sandbox.open_uploads()) == 1


@pytest.mark.parametrize(("action", "body"), [("empty_200", b""), ("html_200", b"<html>")])
def test_a_hollow_200_says_nothing_of_an_object(struck: Callable[..., Sandbox], action: str, body: bytes) -> None:
    reply = get(struck(action))

    assert reply.status == 200
    assert reply.body.startswith(body)
    assert "etag" not in reply.headers


@pytest.mark.parametrize(("value", "stored"), [(None, []), ("done", ["a"])])
def test_a_hollow_200_may_come_after_the_work_or_instead(
    make: Callable[..., Sandbox], value: object, stored: list[str]
) -> None:
    sandbox = make(faults=[{"operation": "PutObject", "action": "empty_200", "value": value}])
    wire.ask(sandbox, "PUT", "/photos/a", BODY)

    assert sandbox.keys("photos") == stored


def test_drop_reply_does_the_work_and_loses_the_answer(make: Callable[..., Sandbox]) -> None:
    sandbox = make(faults=[{"operation": "PutObject", "action": "drop_reply", "calls": "1"}])
    reply = wire.ask(sandbox, "PUT", "/photos/a", BODY)

    assert reply.status == 0
    assert sandbox.stored_bytes("photos", "a") == BODY


def test_header_sets_and_removes(struck: Callable[..., Sandbox]) -> None:
    reply = get(struck("header", {"set": {"x-amz-meta-a": "b"}, "remove": ["etag"]}))

    assert reply.headers["x-amz-meta-a"] == "b"
    assert "etag" not in reply.headers


def test_header_takes_the_length_from_a_head(make: Callable[..., Sandbox]) -> None:
    sandbox = make(faults=[{"operation": "HeadObject", "action": "header", "value": {"remove": ["Content-Length"]}}])
    wire.ask(sandbox, "PUT", "/photos/a", BODY)

    reply = wire.ask(sandbox, "HEAD", "/photos/a")

    assert reply.status == 200
    assert "content-length" not in reply.headers


def test_header_can_lie_about_the_length(struck: Callable[..., Sandbox]) -> None:
    reply = get(struck("header", {"set": {"content-length": "100"}}))

    assert reply.body == BODY[:100]


@pytest.mark.parametrize("value", ["d41d8cd98f00b204e9800998ecf8427e", "random"])
def test_etag_changes_the_etag(struck: Callable[..., Sandbox], value: str) -> None:
    sandbox = struck("etag", value)
    lie, truth = get(sandbox).headers["etag"], get(sandbox).headers["etag"]

    assert lie != truth
    assert lie == f'"{value}"' or value == "random"


def test_xml_replaces_a_listing_or_part_of_it(make: Callable[..., Sandbox]) -> None:
    find = {"find": "<IsTruncated>false</IsTruncated>", "put": "<IsTruncated>true</IsTruncated>"}
    whole = {"operation": "ListObjectsV2", "action": "xml", "calls": "2", "value": "<ListBucketResult/>"}
    sandbox = make(faults=[{"operation": "ListObjectsV2", "action": "xml", "calls": "1", "value": find}, whole])

    assert b"<IsTruncated>true" in wire.ask(sandbox, "GET", "/photos?list-type=2").body
    assert wire.ask(sandbox, "GET", "/photos?list-type=2").body == b"<ListBucketResult/>"


def test_huge_body_is_as_long_as_it_says(struck: Callable[..., Sandbox]) -> None:
    reply = get(struck("huge_body", {"bytes": 3_000_000, "status": 500}))

    assert (reply.status, len(reply.body)) == (500, 3_000_000)


def test_redirect_names_another_place(struck: Callable[..., Sandbox]) -> None:
    reply = get(struck("redirect", {"location": "http://127.0.0.1:9/x", "status": 307}))

    assert (reply.status, reply.headers["location"]) == (307, "http://127.0.0.1:9/x")


def test_refuse_ends_connections_unread(make: Callable[..., Sandbox]) -> None:
    sandbox = make(faults=[{"action": "refuse", "calls": "1-2"}])

    assert [wire.ask(sandbox, "GET", "/").status for _ in range(3)] == [0, 0, 200]
    assert sandbox.unfired == ()


def handshake(sandbox: Sandbox) -> str:
    context = ssl.create_default_context(cadata=sandbox.ca_pem)
    connection = http.client.HTTPSConnection(sandbox.host, sandbox.port, context=context, timeout=10)
    try:
        connection.request("GET", "/")
        return str(connection.getresponse().status)
    except ssl.SSLCertVerificationError as exc:
        return exc.verify_message
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("flaw", "words"), [("wrong_name", "mismatch"), ("expired", "expired"), ("untrusted", "local issuer")]
)
def test_tls_shows_a_bad_certificate_once(make: Callable[..., Sandbox], flaw: str, words: str) -> None:
    sandbox = make(tls=True, faults=[{"action": "tls", "value": flaw, "calls": "1"}])

    assert words in handshake(sandbox)
    assert handshake(sandbox) == "403"


def test_a_head_is_spared_by_body_faults(make: Callable[..., Sandbox]) -> None:
    sandbox = make(faults=[{"action": "truncate"}])
    sandbox.seed("photos", "a", BODY)

    assert wire.ask(sandbox, "HEAD", "/photos/a").headers["content-length"] == str(len(BODY))


def test_the_log_of_fired_faults_names_each(struck: Callable[..., Sandbox]) -> None:
    sandbox = struck("flip")
    get(sandbox)

    assert [(fired.action, fired.operation, fired.key, fired.call) for fired in sandbox.fired] == [
        ("flip", "GetObject", "a", 1)
    ]
