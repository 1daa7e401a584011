"""ETags: how they are read, what they might be, and how ours are made.

Pure. The kind of an ETag says only what it *might* be; whether it may be compared is decided in `evidence`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_PARTS = 10_000

_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_MULTIPART = re.compile(r"[0-9a-f]{32}-([1-9][0-9]{0,4})", re.ASCII)


class EtagForm(StrEnum):
    """What an ETag looks like."""

    MD5 = "md5"
    MULTIPART = "multipart"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class EtagKind:
    """The form of an ETag, and of a multipart one how many parts it counts (else 0)."""

    form: EtagForm
    parts: int = 0


# A value once made: an object is asked about many times, and most are of these two kinds.
_AN_MD5, _OPAQUE = EtagKind(EtagForm.MD5), EtagKind(EtagForm.OPAQUE)


class PartLayout(Protocol):
    """What must be known of a part layout to write its ETag."""

    @property
    def multipart(self) -> bool: ...


LayoutT_contra = TypeVar("LayoutT_contra", bound=PartLayout, contravariant=True)


class Digested(Protocol[LayoutT_contra]):
    """Digests of an object, of the whole and of the parts of some layouts."""

    @property
    def md5_hex(self) -> str | None: ...

    def part_md5s(self, layout: LayoutT_contra) -> Sequence[bytes] | None: ...


# One object asks this of the same few texts twenty times, and hundreds of objects are on their way at once.
@lru_cache(maxsize=2048)
def normalise(text: str) -> str:
    """Return an ETag without blanks, weak mark and quotes, in lower case."""
    return text.strip().removeprefix("W/").removeprefix("w/").strip('"').lower()


@lru_cache(maxsize=2048)
def kind(text: str) -> EtagKind:
    """Return what an ETag might be; quotes, weak mark and case do not matter."""
    etag = normalise(text)
    if _MD5.fullmatch(etag):
        return _AN_MD5
    counted = _MULTIPART.fullmatch(etag)
    if counted and int(counted[1]) <= MOST_PARTS:
        return EtagKind(EtagForm.MULTIPART, int(counted[1]))
    return _OPAQUE


def multipart_etag(part_md5s: Iterable[bytes]) -> str:
    """Return the unquoted ETag of a multipart object from the raw 16-byte MD5 of each part in order."""
    digests = list(part_md5s)
    if not digests or any(len(digest) != 16 for digest in digests):
        raise ValueError("a multipart ETag is made of raw MD5 digests of 16 bytes, at least one")
    joined = hashlib.md5(b"".join(digests), usedforsecurity=False)
    return f"{joined.hexdigest()}-{len(digests)}"


def etag_of(digests: Digested[LayoutT_contra], layout: LayoutT_contra) -> str | None:
    """Return the ETag that these bytes have in this layout, or None where its digests were not computed."""
    if not layout.multipart:
        return digests.md5_hex
    parts = digests.part_md5s(layout)
    return None if parts is None else multipart_etag(parts)
