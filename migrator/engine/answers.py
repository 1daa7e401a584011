"""What the headers of a store's answer say: a statement about one object, or one of its parts: a date, a range."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from sys import intern

from integrity.checksums import DIGEST_BYTES, parse
from integrity.etags import normalise
from integrity.evidence import Encryption, Origin, Statement
from migrator.engine.errors import cleaned

CONTENT_HEADERS = (
    "content-type",
    "content-encoding",
    "content-language",
    "content-disposition",
    "cache-control",
    "expires",
    "x-amz-website-redirect-location",
)
# S3 has no longer ones, and a record keeps none.
LONGEST_VERSION_ID = 1024
# One for all answers that name none: an upload keeps up to 10,000 of them.
_NONE: Mapping[str, str] = {}
_AMZ = "x-amz-"
_META = "x-amz-meta-"
_SSE = "x-amz-server-side-encryption"
_SSE_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
_CHECKSUM = re.compile(r"x-amz-checksum-(crc32c?|crc64nvme|sha1|sha256|sha512|md5|xxhash\w+)")
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request was for, in the words of a sentence: who may not do what, where."""

    operation: str
    verb: str
    permission: str
    connection: str
    endpoint: str
    region: str
    bucket: str = ""
    key: str = ""

    def facts(self) -> dict[str, str]:
        """Return the braces of the advice texts."""
        host = self.endpoint.partition("://")[2]
        return {
            "verb": self.verb,
            "permission": self.permission,
            "connection": self.connection,
            "endpoint": self.endpoint,
            "host": host,
            "bucket": self.bucket,
            "other": self.region,
        }


def now() -> str:
    """Return the present time as RFC 3339 in UTC with microseconds."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second(seconds)}.{nanoseconds // 1000:06d}Z"


# Asked for several times for each of a thousand objects a second.
@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def rfc3339(moment: datetime) -> str:
    """Return a time as RFC 3339 in UTC; one without a zone is one. Raises ValueError where no calendar has it."""
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    try:
        return zoned.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"
    except OverflowError as exc:
        raise ValueError(str(exc)) from exc


def statement_of(
    headers: Mapping[str, str], origin: Origin, *, etag: str | None = None, is_sized: bool = True
) -> Statement:
    """Return what the headers (lower-case names, see `Reply`) of one reply say about an object.

    `is_sized`: the length is the object's; that of an answer to a write is its own.
    """
    total = range_of(headers["content-range"]) if "content-range" in headers else None
    size = total[2] if total else number_in(headers.get("content-length"))
    # Most of what is asked for has this prefix, and most answers have next to nothing with it.
    own = {name: value for name, value in headers.items() if name.startswith(_AMZ)}
    said = own.get
    return Statement(
        origin=origin,
        at=now(),
        request_id=cleaned(said("x-amz-request-id", ""))[:200],
        size=size if is_sized else None,
        etag=named_etag(etag if etag is not None else headers.get("etag")),
        version_id=version_of(own),
        last_modified=http_date(headers.get("last-modified", "")),
        encryption=_encryption(own),
        encryption_word=said(_SSE, ""),
        kms_key_id=said(_SSE_KEY, ""),
        checksums=checksums_in(own),
        checksum_type=said("x-amz-checksum-type"),
        parts_count=number_in(said("x-amz-mp-parts-count")),
        storage_class=said("x-amz-storage-class"),
        content_headers={name: headers[name] for name in CONTENT_HEADERS if name in headers} or _NONE,
        metadata=_metadata(own),
        missing_metadata=number_in(said("x-amz-missing-meta")) or 0,
        tag_count=number_in(said("x-amz-tagging-count")),
    )


def named_etag(text: str | None) -> str | None:
    """Return an ETag as it was stated; an empty one, in quotes even, names nothing and counts as none."""
    return text if text and normalise(text).strip() else None


def written_statement(headers: Mapping[str, str], origin: Origin) -> Statement:
    """Return what the answer to a write states; its length is that of the answer, not of the object."""
    return statement_of(headers, origin, is_sized=False)


def checksums_in(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the checksums a reply states, by the algorithm's S3 name; what can be none is left out."""
    # Few headers are checksums: look closer only at what begins like one.
    named = [(name, value) for name, value in headers.items() if value and name.startswith("x-amz-checksum-")]
    if not named:
        return _NONE
    found = ((_CHECKSUM.fullmatch(name), value) for name, value in named)
    stated = {intern(match[1].upper()): value for match, value in found if match}
    # It says nothing of the bytes, right or wrong. Of an algorithm that nobody knows any text may be one.
    return {name: value for name, value in stated.items() if name not in DIGEST_BYTES or parse(name, value)}


def version_of(headers: Mapping[str, str]) -> str:
    """Return the version id; the one of an unversioned bucket ("null") counts as none, and so does one without end."""
    version = headers.get("x-amz-version-id", "")
    return "" if version == "null" or len(version) > LONGEST_VERSION_ID else version


def range_of(content_range: str) -> tuple[int, int, int] | None:
    """Return first byte, last byte and total of a Content-Range, or None if it says no such thing."""
    match = _CONTENT_RANGE.fullmatch(content_range.strip())
    if match is None or match[3] == "*":
        return None
    return int(match[1]), int(match[2]), int(match[3])


def number_in(text: str | None) -> int | None:
    """Return a count of bytes or parts written in plain digits, else None: there is no use for more than 18 of them."""
    if text is None or len(text) > 18 or not text.isascii() or not text.isdigit():
        return None
    return int(text)


# The objects of a bucket, and the answers of one second, share their dates.
@lru_cache(maxsize=1024)
def http_date(text: str) -> str:
    """Return an HTTP date as RFC 3339 in UTC; empty if it is none."""
    try:
        return rfc3339(parsedate_to_datetime(text)) if text else ""
    except (ValueError, TypeError, OverflowError):
        return ""


def _metadata(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the user metadata by lower-case name, as the wire knows it; names that collapse stay as they were."""
    spelled = {name[len(_META) :]: value for name, value in headers.items() if name.startswith(_META)}
    if not spelled:
        return _NONE
    lowered = {name.lower(): value for name, value in spelled.items()}
    return lowered if len(lowered) == len(spelled) else spelled


def _encryption(headers: Mapping[str, str]) -> Encryption:
    if "x-amz-server-side-encryption-customer-algorithm" in headers:
        return Encryption.SSE_C
    return Encryption.SSE_KMS if _SSE_KEY in headers else Encryption.of(headers.get(_SSE, ""))
