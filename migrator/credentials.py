"""Credentials sealed at rest with AES-256-GCM, under a key that is neither in the database nor in Redis."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

if TYPE_CHECKING:
    import uuid

_VERSION = b"\x01"
_NONCE_BYTES = 12


class CredentialsUnreadable(Exception):
    """The sealed credentials cannot be opened: the key is missing, another one, or the row was changed."""

    advice = (
        "The stored credentials of this connection cannot be opened with the key of this installation. "
        "Nothing was sent. Ask an admin to enter them again, or to set CREDENTIALS_KEY to the key they were made with."
    )


@dataclass(frozen=True, slots=True)
class Secret:
    """The part of a connection's credentials that nobody is shown again."""

    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def seal(secret: Secret, connection_id: uuid.UUID) -> bytes:
    """Return `secret` encrypted and bound to its connection: a row copied to another connection does not open."""
    nonce = os.urandom(_NONCE_BYTES)
    plain = json.dumps([secret.secret_access_key, secret.session_token]).encode()
    return _VERSION + nonce + _cipher().encrypt(nonce, plain, connection_id.bytes)


def unseal(sealed: bytes | memoryview, connection_id: uuid.UUID) -> Secret:
    """Open what `seal` returned for the same connection; raises `CredentialsUnreadable`."""
    kept = bytes(sealed)
    if kept[:1] != _VERSION:
        raise CredentialsUnreadable(CredentialsUnreadable.advice)
    nonce, cipher_text = kept[1 : 1 + _NONCE_BYTES], kept[1 + _NONCE_BYTES :]
    try:
        plain = _cipher().decrypt(nonce, cipher_text, connection_id.bytes)
    except InvalidTag as exc:
        raise CredentialsUnreadable(CredentialsUnreadable.advice) from exc
    secret_access_key, session_token = json.loads(plain)
    return Secret(secret_access_key, session_token)


def _cipher() -> AESGCM:
    if not settings.CREDENTIALS_KEY:
        raise CredentialsUnreadable(CredentialsUnreadable.advice)
    return AESGCM(base64.b64decode(settings.CREDENTIALS_KEY))
