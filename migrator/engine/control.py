"""The control plane: a boto3 client with explicit settings, whose requests go over our own transport.

boto3 knows how uploads are made, completed and listed, and reads their answers; it signs, and what it signed is
sent through its `before-send` event over the same checked lines as everything else. Nothing comes from the
environment or from files of the machine's user.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, TypedDict, cast

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.config import Config
from botocore.utils import parse_timestamp

from migrator.engine.answers import Asked
from migrator.engine.documents import begun, harmless_root, without_forbidden
from migrator.engine.errors import AnswerUnreadable
from migrator.engine.lines import ENDLESS, Reply
from migrator.engine.refusals import error_of
from migrator.engine.transport import Endpoint, Transport

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

# DEBUG logs of the client print temporary tokens and customer keys.
for _name in ("boto3", "botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_make_client_lock = threading.Lock()


class _Params(TypedDict):
    """What botocore is about to send, as far as it is looked at here."""

    headers: dict[str, str]
    body: bytes
    context: dict[str, dict[str, object]]


class Client:
    """A boto3 S3 client for one endpoint. `adding` adds raw headers, and a body, to the calls of this thread."""

    def __init__(self, transport: Transport) -> None:
        self._extra = threading.local()
        self._transport = transport

    @cached_property
    def s3(self) -> S3Client:
        """The client itself, made when it is first asked for: a job that copies small objects never asks."""
        client = _make_client(self._transport.endpoint)
        register = cast("Callable[[str, object], None]", client.meta.events.register)
        register("before-call.s3", self._add)
        register("before-send.s3", self._send)
        return client

    @contextlib.contextmanager
    def adding(self, headers: Mapping[str, str], asked: Asked, body: bytes = b"") -> Iterator[None]:
        """Send `headers`, signed, with every call of this thread inside the block, which is about `asked`.

        So too `body`, if there is one, in place of the one that the first call makes.
        """
        self._extra.headers, self._extra.asked, self._extra.body = headers, asked, body
        try:
            yield
        finally:
            self._extra.headers, self._extra.body = {}, b""

    def close(self) -> None:
        """Let the client go; its connections are the transport's."""
        if "s3" in self.__dict__:
            self.s3.close()

    def _add(self, params: _Params, **_: object) -> None:
        params["headers"].update(self._transport.payer)
        params["headers"].update(getattr(self._extra, "headers", {}))
        if getattr(self._extra, "body", b""):
            params["body"] = self._extra.body
        # A redirect is an answer. Else botocore asks for the bucket's region, and that is redirected too, without end.
        params["context"].setdefault("s3_redirect", {})["redirected"] = True

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        headers = {name: _text(value) for name, value in request.headers.items() if name.lower() != "content-length"}
        body = request.body if isinstance(request.body, bytes) else _text(request.body or "").encode()
        # What it raises comes back from the call in a wrapping of botocore's, and is taken out in `refusals`.
        reply = self._transport.exchange_signed(str(request.method), str(request.url), headers, body)
        if reply.cut and reply.status < 300:
            raise AnswerUnreadable(facts=self._extra.asked.facts() | {"fault": ENDLESS})
        body = self._harmless(reply, is_question=request.method == "GET")
        make = cast("Callable[..., AWSResponse]", AWSResponse)
        return make(str(request.url), reply.status, HeadersDict(reply.headers), _Raw(body))

    def _harmless(self, reply: Reply, *, is_question: bool) -> bytes:
        """Return the body that botocore may read; of a refusal that is none, the status says enough."""
        is_refused = reply.status >= 300
        try:
            return self._readable(begun(reply.body), is_refused=is_refused, is_question=is_question)
        except ValueError as exc:
            if is_refused:
                return b""
            raise error_of(exc, self._extra.asked) from exc

    def _readable(self, body: bytes, *, is_refused: bool, is_question: bool) -> bytes:
        """Return what botocore takes as it is meant: of nothing, or of somebody's page, it would make a good answer."""
        try:
            root = harmless_root(body) if body else ""
        except ValueError:
            # What is said of one object repeats its key, which is not read there, but may be no XML.
            if not self._extra.asked.key:
                raise
            body = without_forbidden(body)
            root = harmless_root(body)
        if not is_refused and (root.lower() == "html" or (is_question and not body)):
            raise ValueError("nothing, or a page for people, where a store was asked")
        return body


class _Raw:
    """What botocore reads an answer's body from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _make_client(endpoint: Endpoint) -> S3Client:
    with _make_client_lock:
        client = _session().create_client(
            "s3",
            region_name=endpoint.region or "us-east-1",
            endpoint_url=endpoint.url,
            aws_access_key_id=endpoint.access_key_id,
            aws_secret_access_key=endpoint.secret_access_key,
            aws_session_token=endpoint.session_token or None,
            config=_config(endpoint),
        )
    return cast("S3Client", client)


def _config(endpoint: Endpoint) -> Config:
    return Config(
        signature_version="s3v4",
        proxies={},
        # Retries are ours (`stores`): each is seen and slows the pace, and an ambiguous one is resolved.
        retries={"mode": "standard", "total_max_attempts": 1},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": "virtual" if endpoint.addressing_style == "virtual" else "path",
            "payload_signing_enabled": True,
        },
    )


@cache
def _session() -> botocore.session.Session:
    # No profile, file or bundle of the machine's user decides what we talk to, or with which keys.
    session = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
            "ca_bundle": (None, None, None, None),
        }
    )
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time_in)
    return session


def _time_in(text: str) -> datetime | None:
    """Return a time, None where it is none: hardly one is read here, and none may spoil the answer it stands in."""
    try:
        return parse_timestamp(text)
    except (ValueError, RuntimeError):
        return None
