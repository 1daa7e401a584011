"""The root of the tree: what every error carries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from integrity.evidence import ErrorCode

LONGEST_STORE_MESSAGE = 500
# Control characters, line separators, and marks that turn the direction of writing around.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_BRACES = re.compile(r"\{(\w+)\}")

# What a sentence says where the request did not tell.
_UNSAID = {
    "connection": "The connection",
    "bucket": "the bucket",
    "endpoint": "this address",
    "host": "the storage service",
    "verb": "do this",
    "permission": "it",
    "region": "another region",
    "other": "something else",
    "n": "some",
    "size": "all",
    "limit": "less",
    "feature": "what we asked for",
    "where": "",
    "fault": "had a fault of its own",
    "tls": "unknown issuer",
    "kms": "not allowed",
    "key_fault": "a reserved character",
    "check": "checksum",
    "side": "store",
    "code": "no code",
    "class": "its own",
    "reference": "none",
    "range": "some keys",
    "cause": "its record says why.",
}


def cleaned(text: str) -> str:
    """Return a store's own words without control characters, at most 500 characters; still untrusted."""
    return _CONTROL.sub(" ", text).strip()[:LONGEST_STORE_MESSAGE]


class EngineError(Exception):
    """Root of the tree.

    `facts` fill the braces of the advice (connection, bucket, verb, permission, ...): on the class `advice` and
    `advice_admin` are texts with braces, on an error they are sentences for staff and for admins.
    """

    code: ClassVar[ErrorCode | None] = None
    retryable: bool = False
    advice: str = (
        "The storage service gave a reason that we do not know ({code}). Send reference {reference} to your admin."
    )
    advice_admin: str = ""
    pause_cause: ClassVar[str | None] = None
    refuse_cause: ClassVar[str | None] = None

    def __init__(
        self,
        message: str = "",
        *,
        store_code: str = "",
        store_message: str = "",
        request_id: str = "",
        http_status: int | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        self.store_code = cleaned(store_code)[:100]
        self.store_message = cleaned(store_message)
        self.request_id = cleaned(request_id)[:200]
        self.http_status = http_status
        self.facts = {name: value for name, value in (facts or {}).items() if value}
        self.advice = self._filled(self.advice)
        self.advice_admin = self._filled(self.advice_admin) or self.advice
        super().__init__(message or self.store_code or type(self).__name__)

    @property
    def error_code(self) -> ErrorCode | None:
        """The code a record of this error gets."""
        return self.code

    def _filled(self, text: str) -> str:
        known = {**_UNSAID, "code": self.store_code, "reference": self.request_id, **self.facts}
        return _BRACES.sub(lambda brace: known.get(brace[1]) or _UNSAID.get(brace[1], brace[1]), text)
