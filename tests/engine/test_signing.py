"""The signer beside botocore's own, over generated requests of each kind; and a worked example of Amazon's."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlsplit

import pycurl
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from integrity.evidence import CARRIED_HEADERS, Origin, Statement
from migrator.engine.addresses import AddressRule
from migrator.engine.buffers import Pipe
from migrator.engine.carrying import Tags, write_headers
from migrator.engine.lines import Line, Request
from migrator.engine.messages import WriteHeaders
from migrator.engine.requests import (
    attributes_request,
    get_request,
    head_request,
    list_request,
    list_versions_request,
    part_request,
    put_request,
    tags_request,
)
from migrator.engine.signing import EMPTY_SHA256, UNSIGNED_PAYLOAD, Signer, encoded_path, encoded_query
from migrator.engine.transport import Endpoint, Transport

AT = datetime(2026, 11, 25, 8, 33, 21, tzinfo=UTC)
STAMP = "20261125T083321Z"
KEY, SECRET = "EXAMPLEKEYID", "example/secret+key"
# As with the properties of the core: `make properties` tries the many.
MANY, SOME = (1500, 300) if os.environ.get("PROPERTIES") == "thorough" else (200, 50)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=24)
# What the signer says of itself cannot also be given to it.
_OWN = {"date", "content-sha256", "security-token"}
tokens = (
    st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=12)
    .filter(lambda name: name not in _OWN)
    .map(lambda name: f"x-amz-{name}")
)
plain_names = st.sampled_from(
    ["Content-Type", "content-type", "Content-MD5", "Range", "If-Match", "If-None-Match", "cache-control", "expires"]
)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
hashes = st.just(UNSIGNED_PAYLOAD) | st.binary(max_size=64).map(lambda body: hashlib.sha256(body).hexdigest())


def theirs(
    method: str, url: str, headers: Mapping[str, str], sha256: str, token: str, region: str, at: str = STAMP
) -> str:
    """The Authorization header that botocore makes of the same request at the same time."""
    request = AWSRequest(method=method, url=url, headers={**headers, "X-Amz-Content-SHA256": sha256})
    request.context["timestamp"] = at
    request.context["payload_signing_enabled"] = True
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    auth = S3SigV4Auth(Credentials(KEY, SECRET, token or None), "s3", region)
    if token:
        request.headers["X-Amz-Security-Token"] = token
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    signed = auth.signed_headers(auth.headers_to_sign(request))
    return f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={signed}, Signature={signature}"


@pytest.mark.parametrize("region", ["us-east-1", "auto"])
@settings(max_examples=MANY, deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "HEAD", "POST", "DELETE"]),
    key=texts,
    query=st.lists(st.tuples(texts.filter(bool), texts), max_size=4),
    headers=st.dictionaries(tokens | plain_names, values, max_size=5).filter(
        lambda headers: len({name.lower() for name in headers}) == len(headers)
    ),
    sha256=hashes,
    token=st.sampled_from(["", "example-token=="]),
)
def test_a_signature_is_the_one_that_botocore_makes(
    region: str,
    method: str,
    key: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    sha256: str,
    token: str,
) -> None:
    path, asked = f"/bucket/{encoded_path(key)}", encoded_query(query)
    named = {"host": "s3.example.com:9000", **headers}

    signed = Signer(KEY, SECRET, region, token).sign(method, path, asked, named, sha256, AT)

    url = f"https://s3.example.com:9000{path}" + (f"?{asked}" if asked else "")
    assert signed["Authorization"] == theirs(method, url, named, sha256, token, region)


@dataclass
class Sheet:
    """In place of a line: takes down what it is loaded with, and sends nothing."""

    easy: pycurl.Curl = field(default_factory=pycurl.Curl)
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def load(self, _request: Request, url: str, headers: Sequence[str], _seconds: float, _silence: int) -> None:
        said = (re.fullmatch("([^:;]+)(?:: (.*)|;)", each) for each in headers)
        self.url, self.headers = url, {each[1]: each[2] or "" for each in said if each}


# What we say of the signing itself, and what is never signed.
_BESIDE = {"authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "accept-encoding"}
versions = st.sampled_from(["", "null", "3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"])
etags = st.sampled_from(["", '"9b2cf535f27731c974343645a3985328"', "9b2cf535f27731c974343645a3985328-7"])
named = {"bucket": st.just("bucket"), "key": texts.filter(bool)}
bodies = st.binary(max_size=300)
digests = {
    "content_md5": st.sampled_from(
        ["", base64.b64encode(hashlib.md5(b"body", usedforsecurity=False).digest()).decode()]
    ),
    "checksums": st.dictionaries(st.sampled_from(["CRC32", "CRC64NVME", "SHA256"]), st.just("AAAAAA=="), max_size=2),
}
# What a source may state: also what cannot be sent, so that it is seen what becomes of it.
stated = st.builds(
    lambda content, metadata: Statement(origin=Origin.GET, content_headers=content, metadata=metadata),
    st.dictionaries(st.sampled_from(sorted(CARRIED_HEADERS)), values.map(str.strip) | texts, max_size=4),
    st.dictionaries(
        st.from_regex(r"[!#$%&'*+.^_`|~0-9a-z-]{1,12}", fullmatch=True) | texts, values | texts, max_size=4
    ),
)
carried = st.builds(
    write_headers,
    stated,
    st.builds(Tags, st.dictionaries(texts.filter(bool), texts, max_size=3)),
    storage_class=st.sampled_from(["", "STANDARD_IA"]),
    encryption=st.sampled_from(["", "AES256", "aws:kms"]),
    kms_key_id=st.sampled_from(["", "arn:aws:kms:us-east-1:111122223333:key/example"]),
)


def of_bytes(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def put(body: bytes, kind: str, is_hashed: bool, headers: WriteHeaders, **more: object) -> tuple[Request, str]:
    """A PUT of such a body, and the hash that its signature must be over."""
    sent = {"bytes": bytes, "array": bytearray, "file": io.BytesIO, "pipe": lambda it: Pipe(len(it), 1)}[kind](body)
    known = of_bytes(body) if is_hashed and kind != "pipe" else ""
    request = put_request(body=sent, headers=headers, payload_sha256=known, **more)  # type: ignore[arg-type]
    return request, UNSIGNED_PAYLOAD if kind == "pipe" else of_bytes(body)


def part(body: bytes, is_signed: bool, known: str, **more: object) -> tuple[Request, str]:
    """An upload of such a part, and the hash that its signature must be over: the known one, whatever the body is."""
    request = part_request(body=body, is_signed=is_signed, payload_sha256=known, **more)  # type: ignore[arg-type]
    return request, (known or of_bytes(body)) if is_signed else UNSIGNED_PAYLOAD


def without_body(request: Request) -> tuple[Request, str]:
    return request, EMPTY_SHA256


KINDS = {
    "list": st.builds(list_request, st.just("bucket"), texts, token=texts, start_after=texts).map(without_body),
    "list_versions": st.builds(
        list_versions_request, st.just("bucket"), texts, key_marker=texts, version_marker=versions
    ).map(without_body),
    "head": st.builds(
        head_request,
        **named,
        version_id=versions,
        part_number=st.none() | st.integers(1, 10_000),
        checksums=st.booleans(),
    ).map(without_body),
    "attributes": st.builds(attributes_request, **named, version_id=versions, marker=st.integers(0, 10_000)).map(
        without_body
    ),
    "get": st.builds(
        get_request,
        **named,
        version_id=versions,
        if_match=etags,
        first_byte=st.integers(0, 1 << 50),
        last_byte=st.none() | st.integers(0, 1 << 50),
        checksums=st.booleans(),
    ).map(without_body),
    "tags": st.builds(tags_request, **named, version_id=versions).map(without_body),
    "put": st.builds(
        put,
        bodies,
        st.sampled_from(["bytes", "array", "file", "pipe"]),
        st.booleans(),
        carried,
        **named,
        **digests,
        if_none_match=st.booleans(),
        if_match=etags,
    ),
    "part": st.builds(
        part,
        bodies,
        st.booleans(),
        st.just("") | bodies.map(of_bytes),
        **named,
        **digests,
        upload_id=texts,
        number=st.integers(1, 10_000),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=SOME, deadline=None)
@given(data=st.data(), token=st.sampled_from(["", "example-token=="]), pays=st.booleans())
def test_each_kind_of_request_goes_out_with_the_signature_that_botocore_makes(
    kind: str, data: st.DataObject, token: str, pays: bool
) -> None:
    request, sha256 = data.draw(KINDS[kind])
    sheet = Sheet()
    end = Endpoint(
        url="http://127.0.0.1:9000",
        access_key_id=KEY,
        secret_access_key=SECRET,
        session_token=token,
        rule=AddressRule(allow_private=True),
        requester_pays=pays,
    )

    Transport(end).load(cast("Line", sheet), request)

    sent = {name: value for name, value in sheet.headers.items() if name.lower() not in _BESIDE}
    at = sheet.headers["x-amz-date"]
    assert sheet.headers["Authorization"] == theirs(request.method, sheet.url, sent, sha256, token, end.region, at)
    assert ("x-amz-request-payer" in sent) is pays


def test_the_worked_example_of_amazon_gives_its_signature() -> None:
    # "Example: GET Object", Amazon S3 API reference, Authenticating Requests: Using the Authorization Header.
    signer = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
    at = datetime(2013, 5, 24, tzinfo=UTC)

    signed = signer.sign(
        "GET", "/test.txt", "", {"Host": "examplebucket.s3.amazonaws.com", "Range": "bytes=0-9"}, EMPTY_SHA256, at
    )

    assert signed["Authorization"].endswith("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")


def test_another_day_has_another_key() -> None:
    signer = Signer(KEY, SECRET, "us-east-1")
    today = signer.sign("GET", "/b/k", "", {"Host": "h"}, EMPTY_SHA256, AT)["Authorization"]

    signer.sign("GET", "/b/k", "", {"Host": "h"}, EMPTY_SHA256, AT.replace(day=26))

    assert signer.sign("GET", "/b/k", "", {"Host": "h"}, EMPTY_SHA256, AT)["Authorization"] == today


def test_no_secret_shows_in_the_signers_own_text() -> None:
    assert SECRET not in repr(Signer(KEY, SECRET, "us-east-1", "example-token"))


def test_slashes_stay_in_a_path_and_blanks_become_percent_20() -> None:
    assert urlsplit("https://h/" + encoded_path("a//b c+é")).path == "/a//b%20c%2B%C3%A9"
