"""The S3 client: explicit settings, nothing from the environment, and a guard on the address that is dialled.

botocore's HTTP session is replaced, through its `before-send` event, by one of the same kind that connects
only to addresses checked at that moment, reads bodies as they come, and reads no answer beyond a bound.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

import botocore.session
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSPreparedRequest,
    AWSResponse,
)
from botocore.config import Config
from botocore.httpsession import URLLib3Session, get_cert_path
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import create_connection

from migrator.engine.addresses import AddressRule, dialable
from migrator.engine.errors import AnswerUnreadable

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from urllib3 import PoolManager

# DEBUG logs of the client print temporary tokens and customer keys.
for _name in ("boto3", "botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)

LARGEST_ANSWER = 16 * 1024 * 1024
LARGEST_ERROR = 64 * 1024
_make_client_lock = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One S3 endpoint with its credentials, and what may be dialled to reach it."""

    url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    region: str = "us-east-1"
    addressing_style: str = "auto"
    ca_pem: str = ""
    rule: AddressRule = field(default_factory=AddressRule)
    name: str = ""
    connect_seconds: float = 10
    read_seconds: float = 60


class Client:
    """A boto3 S3 client for one endpoint. `adding` adds raw headers to the calls of this thread."""

    def __init__(self, endpoint: Endpoint, connections: int) -> None:
        self._extra = threading.local()
        self._dated = ("", 0.0)
        self._ca_file = _written_ca(endpoint.ca_pem)
        self._session = _GuardedSession(endpoint, connections, self._ca_file)
        self.s3 = _make_client(endpoint, connections)
        register = cast("Callable[[str, object], None]", self.s3.meta.events.register)
        register("before-call.s3", self._add_headers)
        register("before-send.s3", self._send)

    @contextlib.contextmanager
    def adding(self, headers: Mapping[str, str], wire_body: bytes | None = None) -> Iterator[None]:
        """Send `headers`, signed, with every call of this thread inside the block.

        `wire_body` goes out in place of the body that was signed: a wrong payload, to see it refused.
        """
        self._extra.headers, self._extra.wire_body = headers, wire_body
        try:
            yield
        finally:
            self._extra.headers, self._extra.wire_body = {}, None

    def close(self) -> None:
        """Close pooled connections."""
        self._session.close()
        self.s3.close()
        if self._ca_file:
            with contextlib.suppress(OSError):
                os.unlink(self._ca_file)

    def _add_headers(self, params: dict[str, dict[str, str]], **_: object) -> None:
        params["headers"].update(getattr(self._extra, "headers", {}))

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        instead: bytes | None = getattr(self._extra, "wire_body", None)
        if instead is not None:
            request.body = instead
        response = self._session.send(request)
        self._dated = (str(response.headers.get("date", "")), time.time())
        return response

    @property
    def clock_skew(self) -> int | None:
        """Seconds by which the store's clock was ahead of ours in its last answer; None if it did not say."""
        said, ours = self._dated
        try:
            return round(parsedate_to_datetime(said).timestamp() - ours)
        except (ValueError, TypeError):
            return None


class _GuardedSession:
    """botocore's session with connections that check what they dial."""

    def __init__(self, endpoint: Endpoint, connections: int, ca_file: str) -> None:
        # The published types of botocore are narrower than what it takes.
        make = cast("Callable[..., URLLib3Session]", URLLib3Session)
        self._inner = make(
            verify=ca_file or True,
            proxies={},
            timeout=(endpoint.connect_seconds, endpoint.read_seconds),
            max_pool_connections=connections,
            socket_options=[
                (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            ],
        )
        manager = cast("PoolManager", vars(self._inner)["_manager"])
        manager.pool_classes_by_scheme = _guarded_pools(endpoint.rule)

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Send and return the answer; all but the body of a good GET is read here, up to a bound."""
        wants_stream = request.stream_output
        request.stream_output = True
        response = self._inner.send(request)
        raw = cast("_RawResponse", response.raw)
        if wants_stream and response.status_code < 300:
            body: object = _AsItComes(raw)
        elif response.status_code >= 300:
            body = _Read(raw, LARGEST_ERROR, cut=True)
        else:
            body = _Read(raw, LARGEST_ANSWER, cut=False)
        make = cast("Callable[..., AWSResponse]", AWSResponse)
        return make(response.url, response.status_code, response.headers, body)

    def close(self) -> None:
        self._inner.close()


class _RawResponse(Protocol):
    """What we use of urllib3's response."""

    def read(self, amt: int) -> bytes: ...
    def read1(self, amt: int) -> bytes: ...
    def release_conn(self) -> None: ...
    def close(self) -> None: ...


class _AsItComes:
    """A body read in pieces as they arrive, so that a slow one is noticed by whoever reads."""

    def __init__(self, raw: _RawResponse) -> None:
        self._raw = raw

    def read(self, amt: int) -> bytes:
        return self._raw.read1(amt)

    def stream(self) -> Iterator[bytes]:
        while chunk := self._raw.read1(64 * 1024):
            yield chunk

    def close(self) -> None:
        self._raw.close()


class _Read:
    """An answer read whole. Above the bound an error is cut, anything else is refused."""

    def __init__(self, raw: _RawResponse, bound: int, *, cut: bool) -> None:
        self._data = raw.read(bound + 1)
        if len(self._data) <= bound:
            raw.release_conn()
            return
        raw.close()
        if not cut:
            raise AnswerUnreadable(facts={"fault": "sent an answer of more than 16 MiB"})
        self._data = self._data[:bound]

    def stream(self) -> Iterator[bytes]:
        yield self._data


def _guarded_pools(rule: AddressRule) -> dict[str, type]:
    def dial(connection: AWSHTTPConnection | AWSHTTPSConnection) -> socket.socket:
        # The addresses are checked and dialled as such: between check and use no name is resolved again.
        problem: OSError | None = None
        for address in dialable(connection.host, connection.port, rule):
            try:
                return create_connection(
                    (address, connection.port),
                    connection.timeout,
                    source_address=connection.source_address,
                    socket_options=connection.socket_options,
                )
            except OSError as exc:
                problem = exc
        if isinstance(problem, TimeoutError):
            raise ConnectTimeoutError(connection, f"no answer from {connection.host}") from problem
        raise NewConnectionError(connection, f"no connection to {connection.host}") from problem

    class Plain(AWSHTTPConnection):
        def _new_conn(self) -> socket.socket:
            return dial(self)

    class Tls(AWSHTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return dial(self)

    class PlainPool(AWSHTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(AWSHTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


def _make_client(endpoint: Endpoint, connections: int) -> S3Client:
    with _make_client_lock:
        client = _session().create_client(
            "s3",
            region_name=endpoint.region or "us-east-1",
            endpoint_url=endpoint.url,
            aws_access_key_id=endpoint.access_key_id,
            aws_secret_access_key=endpoint.secret_access_key,
            aws_session_token=endpoint.session_token or None,
            config=_config(endpoint, connections),
        )
    return cast("S3Client", client)


def _config(endpoint: Endpoint, connections: int) -> Config:
    return Config(
        signature_version="s3v4",
        connect_timeout=endpoint.connect_seconds,
        read_timeout=endpoint.read_seconds,
        tcp_keepalive=True,
        proxies={},
        max_pool_connections=connections,
        # Retries are ours (`stores`): each is seen and slows the pace, and an ambiguous one is resolved.
        retries={"mode": "standard", "total_max_attempts": 1},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": "virtual" if endpoint.addressing_style == "virtual" else "path",
            "payload_signing_enabled": True,
        },
    )


def tls_context(ca_pem: str) -> ssl.SSLContext:
    """Return a TLS context that trusts what the client trusts."""
    if ca_pem:
        return ssl.create_default_context(cadata=ca_pem)
    return ssl.create_default_context(cafile=get_cert_path(True))


@cache
def _session() -> botocore.session.Session:
    # No profile, file or bundle of the machine's user decides what we talk to, or with which keys.
    return botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
            "ca_bundle": (None, None, None, None),
        }
    )


def _written_ca(pem: str) -> str:
    if not pem:
        return ""
    handle, path = tempfile.mkstemp(suffix=".pem")
    with os.fdopen(handle, "w") as file:
        file.write(pem)
    return path
