"""What a store's answer means: its headers as a statement, its refusal as one of our errors.

This is the one border where a client's exception becomes an error of ours; nothing above reads a code string.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    HTTPClientError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from integrity.evidence import Encryption, Origin, Statement
from migrator.engine import errors

CONTENT_HEADERS = (
    "content-type",
    "content-encoding",
    "content-language",
    "content-disposition",
    "cache-control",
    "expires",
    "x-amz-website-redirect-location",
)
_META = "x-amz-meta-"
_CHECKSUM = re.compile(r"x-amz-checksum-(crc32c?|crc64nvme|sha1|sha256|sha512|md5|xxhash\w+)")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)", re.ASCII)
_CERTIFICATE_FAULTS = (
    ("expired", "expired"),
    ("hostname mismatch", "other name"),
    ("doesn't match", "other name"),
    ("not valid for", "other name"),
)
_LOCK_WORDS = re.compile(r"object.?lock|worm|retention|legal.?hold", re.IGNORECASE)


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
    return rfc3339(datetime.now(UTC))


def rfc3339(moment: datetime) -> str:
    """Return an aware time as RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def statement_of(headers: Mapping[str, str], origin: Origin, *, etag: str | None = None) -> Statement:
    """Return what the headers (lower-case names) of one reply say about an object."""
    total = range_of(headers.get("content-range", ""))
    return Statement(
        origin=origin,
        at=now(),
        request_id=errors.cleaned(headers.get("x-amz-request-id", ""))[:200],
        size=total[2] if total else number_in(headers.get("content-length")),
        etag=etag if etag is not None else headers.get("etag") or None,
        version_id=version_of(headers),
        last_modified=http_date(headers.get("last-modified", "")),
        encryption=_encryption(headers),
        checksums=checksums_in(headers),
        checksum_type=headers.get("x-amz-checksum-type"),
        parts_count=number_in(headers.get("x-amz-mp-parts-count")),
        storage_class=headers.get("x-amz-storage-class"),
        content_headers={name: headers[name] for name in CONTENT_HEADERS if name in headers},
        metadata={name[len(_META) :]: value for name, value in headers.items() if name.startswith(_META)},
        missing_metadata=number_in(headers.get("x-amz-missing-meta")) or 0,
        tag_count=number_in(headers.get("x-amz-tagging-count")),
    )


def checksums_in(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the checksums a reply states, by the algorithm's S3 name."""
    found = ((_CHECKSUM.fullmatch(name), value) for name, value in headers.items())
    return {match[1].upper(): value for match, value in found if match and value}


def version_of(headers: Mapping[str, str]) -> str:
    """Return the version id; the one of an unversioned bucket ("null") counts as none."""
    version = headers.get("x-amz-version-id", "")
    return "" if version == "null" else version


def range_of(content_range: str) -> tuple[int, int, int] | None:
    """Return first byte, last byte and total of a Content-Range, or None if it says no such thing."""
    match = _CONTENT_RANGE.fullmatch(content_range.strip())
    if match is None or match[3] == "*":
        return None
    return int(match[1]), int(match[2]), int(match[3])


def number_in(text: str | None) -> int | None:
    """Return a count of bytes or parts written in plain digits, else None."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    return int(text)


def http_date(text: str) -> str:
    """Return an HTTP date as RFC 3339 in UTC; empty if it is none."""
    try:
        return rfc3339(parsedate_to_datetime(text)) if text else ""
    except (ValueError, TypeError, OverflowError):
        return ""


def error_of(exc: Exception, asked: Asked) -> errors.EngineError:
    """Return the error of ours that the client's exception means."""
    if isinstance(exc, errors.EngineError):
        return exc
    if isinstance(exc, ClientError):
        return _refusal(exc, asked)
    inner = exc.kwargs.get("error") if isinstance(exc, HTTPClientError) else None
    if isinstance(inner, errors.EngineError):
        return inner
    facts = asked.facts()
    if isinstance(exc, SSLError):
        text = str(exc).lower()
        fault = next((words for sign, words in _CERTIFICATE_FAULTS if sign in text), "unknown issuer")
        return errors.TlsProblem(str(exc), facts=facts | {"tls": fault})
    if isinstance(exc, ParamValidationError):
        return errors.KeyInvalid(str(exc), store_message=str(exc), facts=facts)
    if isinstance(exc, ResponseParserError):
        return errors.AnswerUnreadable(str(exc), facts=facts | {"fault": "sent an answer that cannot be read"})
    if isinstance(exc, (ReadTimeoutError, ConnectTimeoutError)):
        return errors.EndpointUnreachable(str(exc), facts=facts)
    if isinstance(exc, ValueError) and not isinstance(exc, UnicodeError):
        return errors.AnswerUnreadable(str(exc), facts=facts | {"fault": "sent an answer that cannot be read"})
    if isinstance(exc, UnicodeError):
        return errors.KeyInvalid(str(exc), facts=facts | {"key_fault": "a sign that is no text"})
    return errors.EndpointUnreachable(str(exc), facts=facts)


def _refusal(exc: ClientError, asked: Asked) -> errors.EngineError:
    said = exc.response.get("Error", {})
    meta = exc.response.get("ResponseMetadata", {})
    code = str(said.get("Code", ""))
    status = int(meta.get("HTTPStatusCode", 0))
    headers = {name.lower(): str(value) for name, value in meta.get("HTTPHeaders", {}).items()}
    message = errors.cleaned(str(said.get("Message", "")))
    facts = asked.facts()
    kind = _kind(code, status, message, asked)
    if kind is errors.ClockSkew:
        facts["n"] = _minutes_off(headers.get("date", ""))
    if kind is errors.WrongRegion:
        facts["region"] = headers.get("x-amz-bucket-region") or str(said.get("Region", ""))
    if kind is errors.KmsRefused:
        facts["kms"] = _kms_fault(code, message)
    if kind is errors.StoreFault:
        facts["fault"] = "did not answer in time" if code == "RequestTimeout" else "had a fault of its own"
    if kind in {errors.NotSupported, errors.DestConfig}:
        facts["feature"] = message or code
    return kind(
        f"{asked.operation}: {code} {message}",
        store_code=code,
        store_message=message,
        request_id=str(meta.get("RequestId") or headers.get("x-amz-request-id", "")),
        http_status=status or None,
        facts=facts,
    )


_BY_CODE: dict[str, type[errors.EngineError]] = {
    "AccessDenied": errors.AccessDenied,
    "AllAccessDisabled": errors.AccessDenied,
    "AccountProblem": errors.AccessDenied,
    "NoSuchBucket": errors.BucketMissing,
    "NoSuchKey": errors.ObjectMissing,
    "NoSuchVersion": errors.ObjectMissing,
    "MethodNotAllowed": errors.ObjectMissing,
    "InvalidAccessKeyId": errors.CredentialsRefused,
    "SignatureDoesNotMatch": errors.SecretRefused,
    "ExpiredToken": errors.CredentialsExpired,
    "TokenRefreshRequired": errors.CredentialsExpired,
    "InvalidToken": errors.CredentialsExpired,
    "RequestTimeTooSkewed": errors.ClockSkew,
    "PermanentRedirect": errors.WrongRegion,
    "AuthorizationHeaderMalformed": errors.WrongRegion,
    "IncorrectEndpoint": errors.WrongRegion,
    "SlowDown": errors.Throttled,
    "SlowDownRead": errors.Throttled,
    "SlowDownWrite": errors.Throttled,
    "ServiceUnavailable": errors.Throttled,
    "TooManyRequests": errors.Throttled,
    "TooManyRequestsException": errors.Throttled,
    "RequestLimitExceeded": errors.Throttled,
    "Throttling": errors.Throttled,
    "ThrottlingException": errors.Throttled,
    "InternalError": errors.StoreFault,
    "RequestTimeout": errors.StoreFault,
    "BadDigest": errors.DigestRejected,
    "InvalidDigest": errors.DigestRejected,
    "XAmzContentSHA256Mismatch": errors.DigestRejected,
    "XAmzContentChecksumMismatch": errors.DigestRejected,
    "IncompleteBody": errors.DigestRejected,
    "PreconditionFailed": errors.ConditionFailed,
    "ConditionalRequestConflict": errors.Conflict,
    "OperationAborted": errors.Conflict,
    "NoSuchUpload": errors.UploadGone,
    "InvalidPart": errors.UploadGone,
    "InvalidPartOrder": errors.UploadGone,
    "EntityTooSmall": errors.UploadGone,
    "InvalidObjectState": errors.Archived,
    "InvalidRange": errors.RangeMismatch,
    "EntityTooLarge": errors.ObjectTooLarge,
    "KeyTooLongError": errors.KeyTooLong,
    "KeyTooLong": errors.KeyTooLong,
    "QuotaExceeded": errors.DestinationFull,
    "XMinioStorageFull": errors.DestinationFull,
    "XMinioAdminBucketQuotaExceeded": errors.DestinationFull,
    "InsufficientStorage": errors.DestinationFull,
    "NotImplemented": errors.NotSupported,
    "InvalidStorageClass": errors.DestConfig,
    "InvalidEncryptionAlgorithmError": errors.DestConfig,
    "InvalidRequest": errors.NotSupported,
    "InvalidArgument": errors.NotSupported,
    "MetadataTooLarge": errors.DestConfig,
    "InvalidTag": errors.DestConfig,
    "ObjectLocked": errors.DestLocked,
}

_BY_STATUS: dict[int, type[errors.EngineError]] = {
    301: errors.WrongRegion,
    307: errors.WrongRegion,
    403: errors.AccessDenied,
    404: errors.ObjectMissing,
    405: errors.ObjectMissing,
    409: errors.Conflict,
    412: errors.ConditionFailed,
    413: errors.ObjectTooLarge,
    416: errors.RangeMismatch,
    429: errors.Throttled,
    501: errors.NotSupported,
    503: errors.Throttled,
    507: errors.DestinationFull,
}


def _kind(code: str, status: int, message: str, asked: Asked) -> type[errors.EngineError]:
    if code.startswith("KMS.") or code in {"KMSDisabled", "KMSAccessDenied"}:
        return errors.KmsRefused
    known = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if known is errors.AccessDenied and asked.verb == "write" and _LOCK_WORDS.search(message):
        return errors.DestLocked
    if known is errors.AccessDenied and asked.operation == "HeadObject":
        return errors.HeadDenied
    if known is errors.ObjectMissing and asked.operation in _BUCKET_OPERATIONS:
        return errors.BucketMissing
    if known is errors.ObjectMissing and asked.operation in _UPLOAD_OPERATIONS:
        return errors.UploadGone
    if known is not None:
        return known
    if status >= 500 or status == 200:
        # 200 with an <Error> body is how Complete says that it was not done.
        return errors.StoreFault
    return errors.UnknownAnswer


_BUCKET_OPERATIONS = frozenset({"HeadBucket", "ListObjectsV2", "ListMultipartUploads"})
_UPLOAD_OPERATIONS = frozenset({"UploadPart", "CompleteMultipartUpload", "ListParts"})


def _encryption(headers: Mapping[str, str]) -> Encryption:
    if "x-amz-server-side-encryption-customer-algorithm" in headers:
        return Encryption.SSE_C
    kind = headers.get("x-amz-server-side-encryption", "")
    if kind.startswith("aws:kms") or "x-amz-server-side-encryption-aws-kms-key-id" in headers:
        return Encryption.SSE_KMS
    return Encryption.SSE_S3 if kind else Encryption.NONE


def _minutes_off(date: str) -> str:
    try:
        off = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return ""
    return str(round(abs(off) / 60))


def _kms_fault(code: str, message: str) -> str:
    text = f"{code} {message}".lower()
    if "disabled" in text:
        return "disabled"
    return "not found" if "notfound" in text or "not found" in text else "not allowed"
