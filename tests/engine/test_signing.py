"""The signer beside botocore's own, over generated requests; and a worked example of Amazon's."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.engine.signing import EMPTY_SHA256, Signer, encoded_path, encoded_query

AT = datetime(2026, 11, 25, 8, 33, 21, tzinfo=UTC)
KEY, SECRET = "EXAMPLEKEYID", "example/secret+key"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=24)
# What the signer says of itself cannot also be given to it.
_OWN = {"date", "content-sha256", "security-token"}
tokens = (
    st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=12)
    .filter(lambda name: name not in _OWN)
    .map(lambda name: f"x-amz-{name}")
)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


def theirs(method: str, url: str, headers: dict[str, str], sha256: str, token: str, region: str) -> str:
    """The Authorization header that botocore makes of the same request at the same time."""
    request = AWSRequest(method=method, url=url, headers={**headers, "X-Amz-Content-SHA256": sha256})
    request.context["timestamp"] = AT.strftime("%Y%m%dT%H%M%SZ")
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
@settings(max_examples=1500, deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "HEAD", "POST", "DELETE"]),
    key=texts,
    query=st.lists(st.tuples(texts.filter(bool), texts), max_size=4),
    headers=st.dictionaries(tokens, values, max_size=4),
    token=st.sampled_from(["", "example-token=="]),
)
def test_a_signature_is_the_one_that_botocore_makes(
    region: str, method: str, key: str, query: list[tuple[str, str]], headers: dict[str, str], token: str
) -> None:
    path, asked = f"/bucket/{encoded_path(key)}", encoded_query(query)
    named = {"host": "s3.example.com:9000", **headers}

    signed = Signer(KEY, SECRET, region, token).sign(method, path, asked, named, EMPTY_SHA256, AT)

    url = f"https://s3.example.com:9000{path}" + (f"?{asked}" if asked else "")
    assert signed["Authorization"] == theirs(method, url, named, EMPTY_SHA256, token, region)


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
