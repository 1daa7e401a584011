"""Signature Version 4 for S3: what a request must carry so that the store knows who sent it.

Pure: no clock and no socket. Made small because signing is a quarter of what a small object costs with botocore;
the tests compare it with botocore's own signer over thousands of requests. Source: "Authenticating Requests (AWS
Signature Version 4)" in the Amazon S3 API reference.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

EMPTY_SHA256 = hashlib.sha256().hexdigest()
# In place of the payload's hash: the signature covers the headers only, a Content-MD5 among them.
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
# What a URI may hold as it is. Everything else is written as %XX, in capitals.
_UNRESERVED = "-._~"
# Proxies and clients change these on the way, so they are never signed.
_UNSIGNED = frozenset({"authorization", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id", "connection"})


@dataclass(slots=True)
class Signer:
    """Signs requests of one access key in one region; the key of the day is derived once a day."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str
    session_token: str = field(default="", repr=False)
    _day: str = field(default="", repr=False)
    _day_key: _Key = field(default_factory=lambda: _Key(b""), repr=False)

    def sign(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        payload_sha256: str,
        at: datetime,
    ) -> dict[str, str]:
        """Return `headers` and those that make them a signed request; `Host` must be among them.

        `path` and `query` are encoded already, by `encoded_path` and `encoded_query`; `at` is aware, in UTC.
        """
        # A tenth of what strftime costs, each time.
        stamp = f"{at.year:04}{at.month:02}{at.day:02}T{at.hour:02}{at.minute:02}{at.second:02}Z"
        signed = {**headers, "x-amz-content-sha256": payload_sha256, "x-amz-date": stamp}
        if self.session_token:
            signed["x-amz-security-token"] = self.session_token
        lines = sorted([(low, value) for name, value in signed.items() if (low := name.lower()) not in _UNSIGNED])
        names = ";".join([name for name, _ in lines])
        canonical = "\n".join(
            [method, path, query, *[f"{name}:{_squeezed(value)}" for name, value in lines], "", names, payload_sha256]
        )
        day = stamp[:8]
        scope = f"{day}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode("utf-8")).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode()
        signature = self._key_of(day).signature(to_sign)
        signed["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return signed

    def _key_of(self, day: str) -> _Key:
        if day != self._day:
            key = f"AWS4{self.secret_access_key}".encode()
            for word in (day, self.region, "s3", "aws4_request"):
                key = hmac.digest(key, word.encode(), "sha256")
            # The key first: a thread that sees the new day must not find the old key.
            self._day_key, self._day = _Key(key), day
        return self._day_key


class _Key:
    """An HMAC-SHA256 key of at most 64 bytes, the part of it that stays the same computed once.

    `hmac.digest` lets go of the interpreter for these two microseconds; where other threads compute it comes back
    after hundreds. Source: RFC 2104.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(hashlib.sha256().block_size, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def signature(self, text: bytes) -> str:
        """Return the signature of a text, in hex."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.hexdigest()


def encoded_path(key: str) -> str:
    """Return a bucket or key as it stands in a path; slashes stay, other signs are UTF-8 in %XX.

    Raises UnicodeEncodeError for what is no text.
    """
    return quote(key, safe=_UNRESERVED + "/")


def encoded_query(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a query in the order that is signed: by name, then by value."""
    if not pairs:
        return ""
    quoted = sorted((quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED)) for name, value in pairs)
    return "&".join([f"{name}={value}" for name, value in quoted])


def _squeezed(value: str) -> str:
    """Return a header's value without blanks around it and with single ones inside."""
    return " ".join(value.split())
