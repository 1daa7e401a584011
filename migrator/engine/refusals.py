"""What a refusal means, or a line that broke: one of our errors.

This is the one border where what a client or a store says becomes an error of ours; nothing above reads a code.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import pycurl
from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError

from migrator.engine import errors
from migrator.engine.answers import Asked
from migrator.engine.documents import name_of, root_of, without_forbidden
from migrator.engine.lines import LineBroken, Reply

# Of a 404 whose body is no error document; boto3 has the status in its place.
NO_CODES = frozenset({"", "404"})
_CERTIFICATE_FAULTS = (
    ("expired", "expired"),
    ("subject name", "other name"),
    ("hostname mismatch", "other name"),
    ("ip address mismatch", "other name"),
)
_LOCK_WORDS = re.compile(r"object.?lock|worm|retention|legal.?hold", re.IGNORECASE)
# How AWS words that a person may write, but not with this key.
_KMS_PERMISSION = re.compile(r"\bkms:[A-Z]\w+")
_TLS_FAULTS = frozenset(
    {
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_ISSUER_ERROR,
    }
)
# A line that is lost while TLS begins has the number of a flaw in TLS, and only these words.
_LINE_LOST = (
    "unexpected eof",
    "ssl_error_syscall",
    "ssl_error_zero_return",
    "recv failure",
    "send failure",
    "connection reset",
    "broken pipe",
    "timed out",
)
_NO_HTTP = frozenset({pycurl.E_UNSUPPORTED_PROTOCOL, pycurl.E_FTP_WEIRD_SERVER_REPLY, pycurl.E_BAD_CONTENT_ENCODING})


def error_of(exc: Exception, asked: Asked) -> errors.EngineError:
    """Return the error of ours that an exception of the client, of the line or of a reader means."""
    if isinstance(exc, errors.EngineError):
        return exc
    if isinstance(exc, LineBroken):
        return _broken(exc, asked)
    if isinstance(exc, ClientError):
        return _refusal(_said_by(exc), asked)
    inner = exc.kwargs.get("error") if isinstance(exc, HTTPClientError) else None
    if isinstance(inner, (errors.EngineError, LineBroken)):
        return error_of(inner, asked)
    facts = asked.facts()
    if isinstance(exc, ParamValidationError):
        return errors.KeyInvalid(str(exc), store_message=str(exc), facts=facts)
    if isinstance(exc, UnicodeError):
        return errors.KeyInvalid(str(exc), facts=facts | {"key_fault": "a sign that is no text"})
    # All others are about an answer that cannot be read: no XML, no number, no end.
    return errors.AnswerUnreadable(str(exc), facts=facts | {"fault": "sent an answer that cannot be read"})


def refusal_of(reply: Reply, asked: Asked) -> errors.EngineError:
    """Return the error of ours that an answer of 300 or more means."""
    code, message, region = _error_in(reply.body)
    return _refusal(
        _Said(
            code=code or (str(reply.status) if asked.operation.startswith("Head") else ""),
            message=message,
            status=reply.status,
            request_id=reply.headers.get("x-amz-request-id", ""),
            date=reply.headers.get("date", ""),
            region=reply.headers.get("x-amz-bucket-region") or region,
            location=reply.headers.get("location", ""),
        ),
        asked,
    )


class _Said(NamedTuple):
    """What a refusal says of itself; all of it untrusted text."""

    code: str
    message: str
    status: int
    request_id: str
    date: str
    region: str
    location: str


def _said_by(exc: ClientError) -> _Said:
    said = exc.response.get("Error", {})
    meta = exc.response.get("ResponseMetadata", {})
    headers = {name.lower(): str(value) for name, value in meta.get("HTTPHeaders", {}).items()}
    return _Said(
        code=str(said.get("Code", "")),
        message=str(said.get("Message", "")),
        status=int(meta.get("HTTPStatusCode", 0)),
        request_id=str(meta.get("RequestId") or headers.get("x-amz-request-id", "")),
        date=headers.get("date", ""),
        region=headers.get("x-amz-bucket-region") or str(said.get("Region", "")),
        location=headers.get("location", ""),
    )


def _error_in(body: bytes) -> tuple[str, str, str]:
    """Return code, message and region of an error document; empty where there is none."""
    if b"<Error" not in body:
        return "", "", ""
    try:
        root = root_of(without_forbidden(body))
    except ValueError:
        return "", "", ""
    found = {name_of(child): child.text or "" for child in root}
    return found.get("Code", ""), found.get("Message", ""), found.get("Region", "")


def _broken(exc: LineBroken, asked: Asked) -> errors.EngineError:
    facts, words = asked.facts(), str(exc)
    text = words.lower()
    if exc.number in _TLS_FAULTS and not any(sign in text for sign in _LINE_LOST):
        fault = next((found for sign, found in _CERTIFICATE_FAULTS if sign in text), "unknown issuer")
        return errors.TlsProblem(words, facts=facts | {"tls": fault})
    if exc.number in _NO_HTTP:
        return errors.AnswerUnreadable(words, facts=facts | {"fault": "sent an answer that cannot be read"})
    if exc.number == pycurl.E_COULDNT_RESOLVE_HOST:
        return errors.NameNotFound(words, facts=facts)
    if exc.number == pycurl.E_OPERATION_TIMEDOUT and exc.connected and asked.operation == "GetObject":
        return errors.SourceTimeout(words, facts=facts)
    return (errors.EndpointUnreachable if exc.connected else errors.NotConnected)(words, facts=facts)


def _refusal(said: _Said, asked: Asked) -> errors.EngineError:
    message = errors.cleaned(said.message)
    facts = asked.facts()
    kind = errors.RedirectedToHttp if _leaves_tls(said, asked) else _kind(said.code, said.status, message, asked)
    if kind is errors.ClockSkew:
        facts["n"] = _minutes_off(said.date)
    if kind is errors.WrongRegion:
        facts["region"] = said.region
    if kind is errors.KmsRefused:
        facts["kms"] = _kms_fault(said.code, message)
    if kind is errors.StoreFault:
        is_late = said.code == "RequestTimeout" or said.status == 408
        facts["fault"] = "did not answer in time" if is_late else "had a fault of its own"
    if kind is errors.KeyInvalid:
        facts["key_fault"] = "it keeps objects as files, and no file can be a folder too"
    if kind is errors.ObjectTooLarge:
        facts["size"] = "too large"
    if kind in {errors.NotSupported, errors.DestConfig, errors.TagsRefused}:
        facts["feature"] = (_NOT_WRITTEN.get(asked.operation) if said.status == 405 else "") or message or said.code
    return kind(
        f"{asked.operation}: {said.code} {message}",
        store_code=said.code,
        store_message=message,
        request_id=said.request_id,
        http_status=said.status or None,
        facts=facts,
    )


def _leaves_tls(said: _Said, asked: Asked) -> bool:
    # Who names a region means that, wherever its redirect leads.
    is_redirect = 300 <= said.status < 400 and not said.region
    return is_redirect and asked.endpoint.startswith("https://") and said.location.lower().startswith("http://")


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
    "NoSuchTagSet": errors.Untagged,
    "NoSuchUpload": errors.UploadGone,
    "InvalidPart": errors.UploadGone,
    "InvalidPartOrder": errors.UploadGone,
    "EntityTooSmall": errors.UploadGone,
    "InvalidObjectState": errors.Archived,
    "InvalidRange": errors.RangeMismatch,
    "EntityTooLarge": errors.ObjectTooLarge,
    "KeyTooLongError": errors.KeyTooLong,
    "KeyTooLong": errors.KeyTooLong,
    "ObjectParentIsFile": errors.KeyInvalid,
    "ExistingObjectIsDirectory": errors.KeyInvalid,
    # Of a key that ends in a slash, where such an object is a folder.
    "DirectoryObjectContainsData": errors.KeyInvalid,
    "XMinioParentIsObject": errors.KeyInvalid,
    "QuotaExceeded": errors.DestinationFull,
    "XMinioStorageFull": errors.DestinationFull,
    "XMinioAdminBucketQuotaExceeded": errors.DestinationFull,
    "InsufficientStorage": errors.DestinationFull,
    "NotImplemented": errors.NotSupported,
    "InvalidStorageClass": errors.ClassRefused,
    "InvalidEncryptionAlgorithmError": errors.DestConfig,
    "InvalidRequest": errors.NotSupported,
    "InvalidArgument": errors.NotSupported,
    "MetadataTooLarge": errors.MetadataTooLarge,
    "InvalidTag": errors.TagsRefused,
    "ObjectLocked": errors.DestLocked,
}

_BY_STATUS: dict[int, type[errors.EngineError]] = {
    301: errors.WrongRegion,
    307: errors.WrongRegion,
    403: errors.AccessDenied,
    404: errors.ObjectMissing,
    405: errors.ObjectMissing,
    # GCS, and what stands before a store: no code of S3 comes with it, and it is worth another try.
    408: errors.StoreFault,
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
    meant = (_BY_CODE.get(code), _BY_STATUS.get(status))
    known = next((kind for kind in meant if kind and (asked.verb == "write" or kind not in _ONLY_OF_WRITES)), None)
    if known is errors.AccessDenied and _KMS_PERMISSION.search(message):
        return errors.KmsRefused
    if known is errors.AccessDenied and asked.verb == "write" and _LOCK_WORDS.search(message):
        return errors.DestLocked
    if known is errors.AccessDenied and asked.operation == "HeadObject":
        return errors.HeadDenied
    if known is errors.ObjectMissing:
        return _what_is_missing(code, status, asked)
    if known is not None:
        return known
    if status >= 500 or status == 200:
        # 200 with an <Error> body is how Complete says that it was not done.
        return errors.StoreFault
    return errors.UnknownAnswer


def _what_is_missing(code: str, status: int, asked: Asked) -> type[errors.EngineError]:
    """Return what a 404 or a 405 means, which depends on what was asked for."""
    if asked.operation in _BUCKET_OPERATIONS:
        # A delete marker is no answer to these: who does not allow the question does not know it.
        return errors.NotSupported if status == 405 else errors.BucketMissing
    if status == 405 and asked.operation in _NOT_WRITTEN:
        return errors.NotSupported
    if code in NO_CODES and asked.operation in _WRITES:
        # No word of the store's: something on the way says so, whose store is not there just now.
        return errors.StoreFault
    if asked.operation == "CreateMultipartUpload":
        # Nothing is asked for that could be missing.
        return errors.StoreFault
    return errors.UploadGone if asked.operation in _UPLOAD_OPERATIONS else errors.ObjectMissing


# A store may have no room or too small a quota for what it is asked for too: that says nothing of the destination.
_ONLY_OF_WRITES = frozenset({errors.DestinationFull, errors.ObjectTooLarge})
_BUCKET_OPERATIONS = frozenset(
    {"HeadBucket", "ListObjectsV2", "ListObjectVersions", "GetBucketVersioning", "ListMultipartUploads"}
)
_UPLOAD_OPERATIONS = frozenset({"UploadPart", "CompleteMultipartUpload", "ListParts"})
# What a store does not know that does not know these.
_NOT_WRITTEN = {"PutObject": "writing", "CreateMultipartUpload": "uploads in parts"}
_WRITES = frozenset({*_NOT_WRITTEN, "UploadPart", "CompleteMultipartUpload"})


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
