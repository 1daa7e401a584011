"""AWS Signature Version 4, seen from the store: in the header, in the query, and chunk by chunk."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from migrator.sandbox.access import AccessKey
from migrator.sandbox.errors import S3Error
from migrator.sandbox.messages import Request

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING_UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING = frozenset({STREAMING_UNSIGNED, STREAMING_SIGNED, STREAMING_SIGNED_TRAILER})

_ALGORITHM = "AWS4-HMAC-SHA256"
_LARGEST_SKEW = 15 * 60
_CREDENTIAL = re.compile(r"([^/\s]+)/(\d{8})/([^/\s]+)/s3/aws4_request")
_TIME = re.compile(r"\d{8}T\d{6}Z")
_HEX64 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ChunkSigner:
    """What is needed to check the signature of each chunk of a signed stream."""

    key: bytes
    stamp: str
    scope: str
    seed_signature: str

    def of_chunk(self, previous: str, data_sha256: str) -> str:
        words = (f"{_ALGORITHM}-PAYLOAD", self.stamp, self.scope, previous, EMPTY_SHA256, data_sha256)
        return _hmac_hex(self.key, "\n".join(words))

    def of_trailer(self, previous: str, trailer_sha256: str) -> str:
        words = (f"{_ALGORITHM}-TRAILER", self.stamp, self.scope, previous, trailer_sha256)
        return _hmac_hex(self.key, "\n".join(words))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and what the request says of its payload: a hex SHA-256 or one of the words above."""

    key: AccessKey
    payload: str
    chunks: ChunkSigner


@dataclass(frozen=True, slots=True)
class _Claim:
    access_key_id: str
    day: str
    region: str
    stamp: str
    signed: tuple[str, ...]
    signature: str
    payload: str
    token: str
    lifetime: int


def authenticate(request: Request, keys: Mapping[str, AccessKey], region: str, clock: Callable[[], float]) -> Identity:
    """The identity behind a request; S3Error as AWS names it when there is none.

    Header and presigned requests are told apart as AWS does. A request without either is refused: the
    sandbox knows no anonymous access.
    """
    claim = _claim(request)
    key = keys.get(claim.access_key_id)
    if key is None:
        raise S3Error("InvalidAccessKeyId", extra={"AWSAccessKeyId": claim.access_key_id})
    _check_region(claim, region)
    _check_time(claim, clock())
    _check_token(claim, key, clock())
    scope = f"{claim.day}/{claim.region}/s3/aws4_request"
    canonical = canonical_request(request, claim.signed, claim.payload)
    to_sign = "\n".join((_ALGORITHM, claim.stamp, scope, hashlib.sha256(canonical).hexdigest()))
    signing_key = _signing_key(key.secret_access_key, claim.day, claim.region)
    if not hmac.compare_digest(_hmac_hex(signing_key, to_sign).encode(), claim.signature.encode("latin-1")):
        shown = {
            "AWSAccessKeyId": claim.access_key_id,
            "StringToSign": to_sign,
            "SignatureProvided": claim.signature,
            "CanonicalRequest": canonical.decode("latin-1"),
        }
        raise S3Error("SignatureDoesNotMatch", extra=shown)
    return Identity(key, claim.payload, ChunkSigner(signing_key, claim.stamp, scope, claim.signature))


def canonical_request(request: Request, signed: tuple[str, ...], payload: str) -> bytes:
    """The canonical request, rebuilt from what came over the wire."""
    headers = "".join(f"{name}:{_trimmed(request.header(name))}\n" for name in signed)
    lines = (
        request.method,
        _canonical_path(request.path),
        _canonical_query(request.query_text),
        headers,
        ";".join(signed),
        payload,
    )
    return "\n".join(lines).encode("latin-1")


def _trimmed(value: str) -> str:
    return re.sub("[ \\t]+", " ", value).strip(" ") if "  " in value or "\t" in value else value.strip(" ")


def _claim(request: Request) -> _Claim:
    authorization = request.header("authorization")
    if authorization:
        return _header_claim(request, authorization)
    if "X-Amz-Signature" in request.query or "X-Amz-Credential" in request.query:
        return _presigned_claim(request)
    raise S3Error("AccessDenied")


def _header_claim(request: Request, authorization: str) -> _Claim:
    scheme, _, rest = authorization.partition(" ")
    if scheme != _ALGORITHM:
        raise S3Error("InvalidRequest", "Please use AWS4-HMAC-SHA256.")
    fields = dict(entry.strip().partition("=")[::2] for entry in rest.split(","))
    credential = _CREDENTIAL.fullmatch(fields.get("Credential", ""))
    signed = tuple(fields.get("SignedHeaders", "").split(";"))
    if credential is None or "Signature" not in fields or "host" not in signed:
        raise S3Error("AuthorizationHeaderMalformed")
    stamp = request.header("x-amz-date")
    if not _TIME.fullmatch(stamp):
        raise S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    _check_signed_headers(request, signed)
    payload = _payload_word(request)
    return _Claim(
        credential[1],
        credential[2],
        credential[3],
        stamp,
        signed,
        fields["Signature"],
        payload,
        request.header("x-amz-security-token"),
        0,
    )


def _payload_word(request: Request) -> str:
    payload = request.header("x-amz-content-sha256")
    if not payload:
        raise S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if payload != UNSIGNED and payload not in STREAMING and not _HEX64.fullmatch(payload):
        raise S3Error(
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a known STREAMING- word, or a valid sha256 value.",
        )
    return payload


def _presigned_claim(request: Request) -> _Claim:
    query = request.query
    credential = _CREDENTIAL.fullmatch(query.get("X-Amz-Credential", ""))
    stamp, lifetime = query.get("X-Amz-Date", ""), query.get("X-Amz-Expires", "")
    if query.get("X-Amz-Algorithm") != _ALGORITHM or credential is None or not _TIME.fullmatch(stamp):
        raise S3Error("AuthorizationQueryParametersError")
    if not re.fullmatch(r"\d{1,6}", lifetime) or not 0 < int(lifetime) <= 604_800:
        raise S3Error("AuthorizationQueryParametersError", "X-Amz-Expires must be between 1 and 604800 seconds")
    signed = tuple(query.get("X-Amz-SignedHeaders", "").split(";"))
    _check_signed_headers(request, signed)
    return _Claim(
        credential[1],
        credential[2],
        credential[3],
        stamp,
        signed,
        query.get("X-Amz-Signature", ""),
        request.header("x-amz-content-sha256") or UNSIGNED,
        query.get("X-Amz-Security-Token", ""),
        int(lifetime),
    )


def _check_signed_headers(request: Request, signed: tuple[str, ...]) -> None:
    unsigned = [name for name in request.headers if name.startswith("x-amz-") and name not in signed]
    # A presigned address signs no payload word, and clients may still send one.
    if [name for name in unsigned if name != "x-amz-content-sha256"]:
        raise S3Error(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            extra={"HeadersNotSigned": ", ".join(unsigned)},
        )


def _check_region(claim: _Claim, region: str) -> None:
    if claim.region != region:
        raise S3Error(
            "AuthorizationHeaderMalformed",
            f"The authorization header is malformed; the region '{claim.region}' is wrong; expecting '{region}'",
            extra={"Region": region},
        )


def _check_time(claim: _Claim, now: float) -> None:
    asked = _seconds(claim.stamp)
    if claim.stamp[:8] != claim.day:
        raise S3Error("SignatureDoesNotMatch")
    if claim.lifetime:
        if now > asked + claim.lifetime:
            raise S3Error("AccessDenied", "Request has expired")
        if asked - now > _LARGEST_SKEW:
            raise S3Error("AccessDenied", "Request is not yet valid")
    elif abs(now - asked) > _LARGEST_SKEW:
        server = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        raise S3Error("RequestTimeTooSkewed", extra={"RequestTime": claim.stamp, "ServerTime": server})


def _check_token(claim: _Claim, key: AccessKey, now: float) -> None:
    if claim.token != key.session_token:
        raise S3Error("InvalidToken")
    if key.expires_at and now > key.expires_at:
        raise S3Error("ExpiredToken")


@lru_cache(256)
def _seconds(stamp: str) -> float:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as exc:
        raise S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from exc


@lru_cache(256)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for word in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return key


def _hmac_hex(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode("latin-1"), "sha256").hex()


@lru_cache(4096)
def _canonical_path(path: str) -> str:
    return quote(unquote_to_bytes(path.encode("latin-1")), safe="/~-_.")


@lru_cache(1024)
def _canonical_query(query_text: str) -> str:
    pairs = []
    for pair in query_text.split("&") if query_text else ():
        name, _, value = pair.partition("=")
        if name != "X-Amz-Signature":
            pairs.append((_encoded(name), _encoded(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text.replace("+", "%20").encode("latin-1")), safe="~-_.")
