"""Who may ask: signatures, clocks, tokens, rules."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from migrator.sandbox import AccessKey, Rule, Sandbox, SandboxProblem
from tests.sandbox import wire

READER = AccessKey("reader", "reader-secret", rules=(Rule("allow", "Get*"), Rule("allow", "List*")))


def test_a_right_signature_is_let_in(sandbox: Sandbox) -> None:
    assert wire.ask(sandbox, "GET", "/").status == 200


def test_an_unknown_key_is_named(sandbox: Sandbox) -> None:
    reply = wire.ask(sandbox, "GET", "/", key=AccessKey("nobody", "secret"))

    assert (reply.status, wire.code(reply)) == (403, "InvalidAccessKeyId")


def test_a_wrong_secret_does_not_match(sandbox: Sandbox) -> None:
    reply = wire.ask(sandbox, "GET", "/", key=replace(sandbox.key, secret_access_key="guess"))

    assert (reply.status, wire.code(reply)) == (403, "SignatureDoesNotMatch")


def test_a_request_without_a_signature_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{sandbox.url}/photos/a")

    assert caught.value.code == 403
    caught.value.close()


def test_a_changed_query_does_not_match(sandbox: Sandbox) -> None:
    headers = wire.sign(sandbox, "GET", "/photos?list-type=2&prefix=a", b"", {})
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    host = f"{sandbox.host}:{sandbox.port}"
    answer = wire.send_raw(
        sandbox, f"GET /photos?list-type=2&prefix=b HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode()
    )

    assert b"SignatureDoesNotMatch" in answer


@pytest.mark.parametrize("key", ["a b+c%d", "ü/é~", "a//b", "/lead", "x?y#z&w=1", "..", "tab\tkey", "' \"<>"])
def test_odd_keys_are_signed_alike_on_both_sides(sandbox: Sandbox, s3: Any, key: str) -> None:
    s3.put_object(Bucket="photos", Key=key, Body=b"odd")

    assert sandbox.stored_bytes("photos", key) == b"odd"
    assert s3.get_object(Bucket="photos", Key=key)["Body"].read() == b"odd"


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_clock_that_is_off_is_told_so(make: Callable[..., Sandbox], minutes: int) -> None:
    sandbox = make(clock=lambda: time.time() + minutes * 60)
    reply = wire.ask(sandbox, "GET", "/")

    assert (reply.status, wire.code(reply)) == (403, "RequestTimeTooSkewed")


def test_a_wrong_region_is_named(sandbox: Sandbox, connect: Callable[..., Any]) -> None:
    with pytest.raises(ClientError, match=r"AuthorizationHeaderMalformed.*'us-east-1'"):
        connect(sandbox, region_name="eu-west-1").list_buckets()


def test_a_session_token_is_needed_and_expires(make: Callable[..., Sandbox]) -> None:
    key = AccessKey("short", "lived", session_token="token", expires_at=time.time() + 60)
    old = AccessKey("old", "lived", session_token="token", expires_at=time.time() - 60)
    sandbox = make(keys=[key, old])

    assert wire.ask(sandbox, "GET", "/").status == 200
    assert wire.code(wire.ask(sandbox, "GET", "/", key=replace(key, session_token=""))) == "InvalidToken"
    assert wire.code(wire.ask(sandbox, "GET", "/", key=old)) == "ExpiredToken"


def test_a_reader_cannot_write(make: Callable[..., Sandbox]) -> None:
    sandbox = make(keys=[READER])
    reply = wire.ask(sandbox, "PUT", "/photos/a", b"x")

    assert (reply.status, wire.code(reply)) == (403, "AccessDenied")
    assert wire.ask(sandbox, "GET", "/photos?list-type=2").status == 200


def test_a_deny_wins_over_an_allow(make: Callable[..., Sandbox]) -> None:
    rules = (Rule("allow"), Rule("deny", "GetObject", key="secret/*"))
    sandbox = make(keys=[AccessKey("most", "most-secret", rules=rules)])
    sandbox.seed("photos", "secret/a", b"x")
    sandbox.seed("photos", "open", b"x")

    assert wire.ask(sandbox, "GET", "/photos/secret/a").status == 403
    assert wire.ask(sandbox, "GET", "/photos/open").status == 200


def test_a_bucket_is_closed_to_other_owners(make: Callable[..., Sandbox]) -> None:
    stranger = AccessKey("stranger", "stranger-secret", owner="somebody")
    sandbox = make(keys=[AccessKey("mine", "my-secret"), stranger])

    assert wire.code(wire.ask(sandbox, "GET", "/photos?list-type=2", key=stranger)) == "AccessDenied"
    assert wire.code(wire.ask(sandbox, "PUT", "/photos", key=stranger)) == "BucketAlreadyExists"


def test_a_presigned_address_opens_and_runs_out(make: Callable[..., Sandbox], connect: Callable[..., Any]) -> None:
    now = [time.time()]
    sandbox = make(clock=lambda: now[0])
    sandbox.seed("photos", "a", b"shared")
    address = connect(sandbox, signature_version="s3v4").generate_presigned_url(
        "get_object", Params={"Bucket": "photos", "Key": "a"}, ExpiresIn=60
    )

    with urllib.request.urlopen(address) as answer:
        assert answer.read() == b"shared"
    now[0] += 120
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(address)
    assert caught.value.code == 403
    caught.value.close()


def test_an_access_key_without_its_secret_is_a_problem() -> None:
    with pytest.raises(SandboxProblem, match="secret_access_key"):
        AccessKey.of({"access_key_id": "half"})


def test_a_secret_never_shows_in_a_key() -> None:
    assert "hidden" not in repr(AccessKey("a", "hidden", session_token="hidden too"))
