"""Talking to the sandbox: through boto3, and straight over a socket with a signature of botocore's making."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from migrator.sandbox import AccessKey, Sandbox

_SESSION = boto3.session.Session()


def client(sandbox: Sandbox, key: AccessKey | None = None, **settings: Any) -> Any:
    """A boto3 client that adds nothing of its own: no checksums, no retries."""
    key = key or sandbox.key
    quiet = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    return _SESSION.client(
        "s3",
        endpoint_url=sandbox.url,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        aws_session_token=key.session_token or None,
        region_name=settings.pop("region_name", sandbox.region),
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, **{**quiet, **settings}),
    )


@dataclass(frozen=True)
class Reply:
    """body: what arrived, even if the answer broke off. error: how it broke off, or ""."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    error: str = ""


def ask(
    sandbox: Sandbox,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    payload: str = "",
    key: AccessKey | None = None,
) -> Reply:
    """One signed request, sent as it is. payload: x-amz-content-sha256, by default the right one."""
    signed = sign(sandbox, method, path, body, headers or {}, payload=payload, key=key)
    connection = http.client.HTTPConnection(sandbox.host, sandbox.port, timeout=10)
    try:
        connection.request(method, path, body, signed)
        return _read(connection.getresponse())
    except (http.client.HTTPException, OSError) as exc:
        return Reply(0, {}, b"", type(exc).__name__)
    finally:
        connection.close()


def sign(
    sandbox: Sandbox,
    method: str,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    payload: str = "",
    key: AccessKey | None = None,
) -> dict[str, str]:
    """The headers of a signed request."""
    key = key or sandbox.key
    request = AWSRequest(method, f"{sandbox.url}{path}", headers=dict(headers), data=body)
    if payload:
        request.headers["X-Amz-Content-SHA256"] = payload
    credentials = Credentials(key.access_key_id, key.secret_access_key, key.session_token or None)
    auth = S3SigV4Auth(credentials, "s3", sandbox.region)
    if payload:
        auth.payload = lambda _request: payload
    auth.add_auth(request)
    return dict(request.headers.items())


def code(reply: Reply) -> str:
    """The code of an error document."""
    return reply.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


def address(bucket: str, key: str) -> str:
    return f"/{bucket}/{quote(key)}"


def send_raw(sandbox: Sandbox, data: bytes) -> bytes:
    """Bytes as they are, the sending side closed afterwards; all that comes back."""
    with socket.create_connection((sandbox.host, sandbox.port), timeout=10) as line:
        line.sendall(data)
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(65536), b""))


def _read(response: http.client.HTTPResponse) -> Reply:
    headers = {name.lower(): value for name, value in response.getheaders()}
    pieces = []
    try:
        while piece := response.read1(65536):
            pieces.append(piece)
    except (http.client.HTTPException, OSError) as exc:
        return Reply(response.status, headers, b"".join(pieces), type(exc).__name__)
    body = b"".join(pieces)
    announced = headers.get("content-length", "")
    is_short = response.status != 304 and announced.isdecimal() and 0 < len(body) < int(announced)
    return Reply(response.status, headers, body, "IncompleteRead" if is_short else "")
