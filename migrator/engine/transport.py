"""The data plane: requests sent over kept connections by libcurl; signed, watched, and to checked addresses only.

What boto3 costs for a small object is nearly all of what the copy costs, so bodies, parts and listings go this way
and boto3 keeps the control plane (`control`). Nothing comes from the environment: no proxy, no netrc, no bundle of
the user's. An address is checked where it is dialled: names are resolved here, and libcurl may connect to what was
checked and to nothing else.
"""

from __future__ import annotations

import hashlib
import io
import math
import socket
import threading
import time
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import BinaryIO
from urllib.parse import urlsplit

import pycurl

from integrity.digests import Buffer
from migrator.engine.addresses import AddressRule, dialable
from migrator.engine.buffers import Pipe
from migrator.engine.driving import Driver, Stream
from migrator.engine.errors import EndpointBlocked, NameNotFound
from migrator.engine.lines import Line, Reply, Request
from migrator.engine.signing import EMPTY_SHA256, UNSIGNED_PAYLOAD, Signer, encoded_path, encoded_query
from migrator.engine.trust import system_trust

# So many times as long as another answer one may be waited for that a store has much to look through for.
_SLOW = 3
# Slower than this a request is given up, whatever it carries.
LEAST_BYTES_PER_S = 4096
# libcurl fills it up to ten times before it hands the thread back, and all of that waits in memory.
_READ_BUFFER = 64 * 1024
_SEND_BUFFER = 256 * 1024
# What each of hundreds of lines holds for itself.
_SMALL_BUFFER = 64 * 1024
_ADDRESSES_HOLD_SECONDS = 30
_NOT_FOUND_HOLDS_SECONDS = 1
# A name may answer otherwise each time, and a request that was loaded with an earlier answer is dialled after the next.
_DIALLED_WITHIN_SECONDS = 300
_HASHED_AT_ONCE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One S3 endpoint with its credentials, what may be dialled to reach it, and whether we pay for its answers."""

    url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    region: str = "us-east-1"
    addressing_style: str = "auto"
    ca_pem: str = ""
    rule: AddressRule = field(default_factory=AddressRule)
    name: str = ""
    requester_pays: bool = False
    connect_seconds: float = 10
    read_seconds: float = 60


class _Lent(socket.socket):
    """A socket that libcurl makes a copy of: ours is closed as soon as nobody holds it."""

    def __del__(self) -> None:
        self.close()


class Transport:
    """The lines to one endpoint. Threads may share it; each request or body takes a line and gives it back."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        parts = urlsplit(endpoint.url)
        self._scheme = parts.scheme
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._shown_port = f":{parts.port}" if parts.port else ""
        self._signer = Signer(
            endpoint.access_key_id, endpoint.secret_access_key, endpoint.region or "us-east-1", endpoint.session_token
        )
        self.payer = _REQUESTER_PAYS if endpoint.requester_pays else {}
        self._idle: list[Driver] = []
        self._addresses: dict[str, tuple[float, tuple[str, ...] | NameNotFound]] = {}
        # Each address that was checked and may be dialled, and when that is forgotten: at the next check after it.
        self._checked_until: dict[str, float] = {}
        self._lock = threading.Lock()
        self._dated = ("", 0.0)
        self._is_closed = False

    def close(self) -> None:
        """Close the connections that are idle; those at work are closed when they come back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for driver in idle:
            driver.close()

    @property
    def clock_skew(self) -> int | None:
        """Seconds by which the store's clock was ahead of ours in its last answer; None if it did not say."""
        said, ours = self._dated
        try:
            return round(parsedate_to_datetime(said).timestamp() - ours)
        except (ValueError, TypeError):
            return None

    def exchange(self, request: Request, should_stop: Callable[[], bool] | None = None) -> Reply:
        """Send a request and return the whole answer.

        Raises `LineBroken`, `EndpointBlocked`, `NameNotFound`, and `Stopped` when asked to stop.
        """
        return self._exchanged(lambda line: self.load(line, request), should_stop)

    def exchange_signed(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send what somebody else has signed, and return the whole answer. Raises as `exchange` does."""
        request = Request(method=method, bucket="", body=body)
        host = urlsplit(url).hostname or ""
        return self._exchanged(lambda line: self._load(line, request, host, url, headers))

    def _exchanged(self, load: Callable[[Line], None], should_stop: Callable[[], bool] | None = None) -> Reply:
        driver = self._driver()
        driver.should_stop = should_stop
        try:
            load(driver.line)
            driver.finish()
            reply = driver.line.reply()
        except BaseException:
            driver.close()
            raise
        if reply.cut:
            driver.close()
        else:
            self._give_back(driver)
        self.heard(reply.headers)
        return reply

    def stream(
        self, request: Request, within: float | None = None, should_stop: Callable[[], bool] | None = None
    ) -> Stream:
        """Send a request and return as soon as the headers are there; the body comes as it is asked for.

        The body may take `within` seconds, or is for the caller to watch. Raises `Stopped` when asked to stop.
        """
        driver = self._driver()
        driver.should_stop = should_stop
        try:
            self.load(driver.line, request, streamed=True)
            driver.begin()
        except BaseException:
            driver.close()
            raise
        found = Stream(driver, self._give_back)
        # Nobody watches the words of a refusal.
        driver.end_within(within if found.status < 300 else self._seconds_for(request))
        self.heard(found.headers)
        return found

    def line(self) -> Line:
        """Return a line of one's own, to be driven with many others: it holds little."""
        line = Line(self._configure)
        line.easy.setopt(pycurl.UPLOAD_BUFFERSIZE, _SMALL_BUFFER)
        return line

    def load(self, line: Line, request: Request, *, streamed: bool = False) -> None:
        """Prepare a line for a request: signed now, its host's addresses checked now."""
        host = self._host_of(request.bucket)
        path = "/" if host != self._host else f"/{request.bucket}/" if request.key else f"/{request.bucket}"
        path += encoded_path(request.key)
        query = encoded_query(request.query)
        place = _bracketed(host) + self._shown_port
        signed = self._signer.sign(
            request.method,
            path,
            query,
            {**request.headers, **self.payer, "Host": place},
            _payload_sha256(request),
            datetime.now(UTC),
        )
        url = f"{self._scheme}://{place}{path}?{query}" if query else f"{self._scheme}://{place}{path}"
        self._load(line, request, host, url, signed, streamed=streamed)

    def _load(
        self, line: Line, request: Request, host: str, url: str, headers: Mapping[str, str], *, streamed: bool = False
    ) -> None:
        found = ",".join([_bracketed(each) for each in self._checked(host)])
        # Said each time: lines that are driven together share what is known of a name, also those of another endpoint.
        line.easy.setopt(pycurl.RESOLVE, [f"{host}:{self._port}:{found}"])
        lines = [f"{name}: {value}" if value else f"{name};" for name, value in headers.items()]
        lines += _SILENCED if "content-type" in headers or "Content-Type" in headers else _SILENCED_WITH_TYPE
        if request.method == "GET":
            lines += _AS_STORED
        if not (text := "".join(lines)).isascii() or not text.isprintable():
            # Such as a line feed in an ETag that a store has listed: what follows it would be a header of its own.
            raise ValueError("a sign that no header can hold")
        line.load(request, url, lines, 0 if streamed else self._seconds_for(request), self._silence_for(request))

    def heard(self, headers: Mapping[str, str]) -> None:
        """Remember what the store's clock said."""
        if "date" in headers:
            self._dated = (headers["date"], time.time())

    def _seconds_for(self, request: Request) -> float:
        waits = self.endpoint.connect_seconds + 2 * self._silence_for(request)
        return waits + _size_of(request.body) / LEAST_BYTES_PER_S

    def _silence_for(self, request: Request) -> int:
        seconds = max(1, int(self.endpoint.read_seconds))
        return _SLOW * seconds if request.is_slow else seconds

    def _host_of(self, bucket: str) -> str:
        """Return the host: the bucket stands before it where that is asked for and a certificate can name it."""
        if self.endpoint.addressing_style != "virtual" or not bucket:
            return self._host
        return self._host if "." in bucket and self._scheme == "https" else f"{bucket}.{self._host}"

    def _checked(self, host: str) -> tuple[str, ...]:
        until, found = self._addresses.get(host, (-math.inf, ()))
        if until < time.monotonic():
            until, found = self._addresses[host] = self._looked_up(host)
        if isinstance(found, NameNotFound):
            raise copy(found)
        return found

    def _looked_up(self, host: str) -> tuple[float, tuple[str, ...] | NameNotFound]:
        """Return what is found of a host now, and until when that holds: nothing for as long as it took, or a second.

        Lines that are driven together are loaded one after the other, and each would wait for a silent resolver anew.
        """
        began = time.monotonic()
        try:
            found = dialable(host, self._port, self.endpoint.rule, self.endpoint.connect_seconds)
        except NameNotFound as exc:
            now = time.monotonic()
            return now + min(now - began, _NOT_FOUND_HOLDS_SECONDS), copy(exc)
        self._may_be_dialled(found)
        return time.monotonic() + _ADDRESSES_HOLD_SECONDS, found

    def _may_be_dialled(self, checked: tuple[str, ...]) -> None:
        """Remember addresses that were checked just now, and forget those that no name has had for long."""
        now = time.monotonic()
        with self._lock:
            kept = {address: until for address, until in self._checked_until.items() if until > now}
            self._checked_until = kept | dict.fromkeys(checked, now + _DIALLED_WITHIN_SECONDS)

    def _configure(self, easy: pycurl.Curl, line: Line) -> None:
        end = self.endpoint
        for option, value in _ALWAYS:
            easy.setopt(option, value)
        easy.setopt(pycurl.CONNECTTIMEOUT_MS, int(end.connect_seconds * 1000))
        easy.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        easy.setopt(pycurl.OPENSOCKETFUNCTION, lambda _, address: self._dial(line, address))
        if end.ca_pem:
            easy.setopt(pycurl.CAINFO_BLOB, end.ca_pem.encode())
        else:
            trust = system_trust()
            # None takes back what libcurl was built with.
            easy.setopt(pycurl.CAINFO, trust.file)
            easy.setopt(pycurl.CAPATH, trust.folder)

    def _dial(self, line: Line, address: tuple[int, int, int, tuple[str, int]]) -> socket.socket | int:
        """Open a socket to an address that was checked; to any other one none is opened."""
        family, kind, protocol, where = address
        if where[0] not in self._checked_until:
            # A kept connection that was lost is no less lost where libcurl dials again, and now for another endpoint.
            if not line.is_connected:
                line.blocked = EndpointBlocked(facts={"host": self._host})
            return pycurl.SOCKET_BAD
        return _Lent(family, kind, protocol)

    def _driver(self) -> Driver:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Driver(Line(self._configure), self.endpoint.read_seconds)

    def _give_back(self, driver: Driver) -> None:
        driver.line.forget()
        driver.should_stop = None
        driver.end_within(None)
        with self._lock:
            if not self._is_closed:
                self._idle.append(driver)
                return
        driver.close()


_ALWAYS = (
    (pycurl.NOSIGNAL, 1),
    (pycurl.PROXY, ""),
    (pycurl.NOPROXY, "*"),
    (pycurl.PATH_AS_IS, 1),
    (pycurl.TCP_NODELAY, 1),
    (pycurl.TCP_KEEPALIVE, 1),
    (pycurl.FOLLOWLOCATION, 0),
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.BUFFERSIZE, _READ_BUFFER),
    (pycurl.UPLOAD_BUFFERSIZE, _SEND_BUFFER),
    (pycurl.USERAGENT, "truecopy"),
)
_REQUESTER_PAYS: Mapping[str, str] = {"x-amz-request-payer": "requester"}
# What libcurl would add of itself.
_SILENCED = ["Expect:", "Accept:"]
_SILENCED_WITH_TYPE = [*_SILENCED, "Content-Type:"]
# Without it a store may send a body in any coding. Not among the signed headers: proxies rewrite it, and GCS does.
# A HEAD goes without, so that it states the coding in which the object is stored.
_AS_STORED = ["Accept-Encoding: identity"]


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _size_of(body: Buffer | BinaryIO | Pipe | None) -> int:
    if body is None:
        return 0
    if isinstance(body, Pipe):
        return body.size
    if isinstance(body, (bytes, bytearray, memoryview)):
        return len(body)
    size = body.seek(0, io.SEEK_END)
    body.seek(0)
    return size


def _payload_sha256(request: Request) -> str:
    """Return the hash of the body in hex: every payload is signed."""
    body = request.body
    if isinstance(body, Pipe):
        return UNSIGNED_PAYLOAD
    if request.payload_sha256 or body is None:
        return request.payload_sha256 or EMPTY_SHA256
    if isinstance(body, (bytes, bytearray, memoryview)):
        return hashlib.sha256(body).hexdigest()
    running = hashlib.sha256()
    body.seek(0)
    while piece := body.read(_HASHED_AT_ONCE):
        running.update(piece)
    body.seek(0)
    return running.hexdigest()
