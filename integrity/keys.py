"""Object keys as text: a key is bytes, and not all of them are text that a database takes.

Pure. A key is handled as text in which bytes that are no UTF-8 are kept apart (`surrogateescape`).
"""

from __future__ import annotations

import base64

# Twice what a key may have. In an index PostgreSQL keeps no more than 2,704 bytes of a row.
LONGEST_TEXT = 2048
_MORE = "\u2026"


def as_text(key: str) -> str:
    """Return a key as text that every database takes: what is none stands in it as `\\xff` or `\\x00`.

    What is too long for an index is cut, and ends in an ellipsis.
    """
    if _is_text(key):
        return key
    text = _bytes_of(key).decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
    encoded = text.encode()
    return text if len(encoded) <= LONGEST_TEXT else encoded[:LONGEST_TEXT].decode("utf-8", "ignore") + _MORE


def in_base64(key: str) -> str:
    """Return the bytes of a key in base64 where `as_text` is not the key itself, else nothing."""
    return "" if _is_text(key) else base64.b64encode(_bytes_of(key)).decode("ascii")


def may_describe(text: str) -> bool:
    """Say whether text that `as_text` returned may be that of a key which is none itself."""
    return "\\x" in text or text.endswith(_MORE)


def from_record(text: str, coded: str | None) -> str:
    """Return the key of which a record holds this text and, where that is not the key itself, its base64."""
    return base64.b64decode(coded).decode("utf-8", "surrogateescape") if coded else text


def _is_text(key: str) -> bool:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return False
    # NUL ends a text in PostgreSQL.
    return size <= LONGEST_TEXT and "\x00" not in key


def _bytes_of(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")
