"""What can go wrong between us and a store, with what to do about it.

Errors carry policy: `code` is the closed list of the record's failure codes, `retryable` says whether another
attempt is worth it, `pause_cause` is set where a person must act before anything else can succeed, and
`refuse_cause` where a plan cannot even begin. A caller never reads a code string of a store.

    EngineError
    ├─ Stopped                     a person or a deploy asked us to stop; the item stays pending
    ├─ AddressProblem              an endpoint, bucket or prefix that we do not take, at its field
    ├─ PlanUnreadable · ListingInvalid · ListingIncomplete      the run cannot be whole
    ├─ TooManyVersions · VersionsNotKept · VersionsNotListed    nor a copy of every version
    ├─ ConnectionProblem           a person must act: the run pauses once, with its cause
    │  ├─ CredentialsExpired · CredentialsRefused · SecretRefused · WrongRegion · ClockSkew
    │  └─ BucketMissing · DestinationFull · LocalDiskFull
    ├─ StoreBusy                   retryable
    │  ├─ Throttled · StoreFault · AnswerUnreadable · EndpointUnreachable · NameNotFound · NobodyThere
    │  └─ SourceTimeout · TooSlow
    └─ ItemProblem                 this item only; many alike pause the run
       ├─ ObjectMissing · ConditionFailed · Conflict · UploadGone · NotSupported     told apart by the caller
       ├─ SourceGone · ListedNotFound · SourceChanged · Archived · TranscodedByStore
       ├─ RangeMismatch · ShortRead
       ├─ EvidenceMismatch         a check is a mismatch: the code is that of the check
       ├─ DigestRejected · CompleteFailed · DestMissing · DestExists · DestLocked · DestConfig
       ├─ ClassNotNamed · ClassRefused                                               of storage classes
       ├─ PartNotTaken · PartsRefused · PartsTooSmall                                of an upload at its end
       ├─ NotAtDestination · VersionNotThere · StatementsDiffer                      of what is only compared
       ├─ VersionBeforeFailed · VersionsNoLongerKept                                 of one version after another
       ├─ KeyTooLong · KeyInvalid · ObjectTooLarge
       ├─ AccessDenied · HeadDenied · ReadRefused · KmsRefused · UnknownAnswer · TlsProblem · EndpointBlocked
       └─ LocalMemoryCorruption · WorkerCrash · InternalError
"""

# The names say what happened, not that they are errors: their root does.

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from integrity.evidence import Check, ErrorCode

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
    retryable: ClassVar[bool] = False
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


class Stopped(EngineError):
    """Pause, cancel or deploy: the work stops at the next border; unfinished items stay pending."""

    advice = "The work was stopped. Nothing is lost; it goes on where it stopped."


class AddressProblem(EngineError):
    """An endpoint, bucket name or prefix that we do not take. `field` is the form field it belongs to."""

    refuse_cause = "bucket_name_invalid"
    advice = "{sentence}"

    def __init__(self, field: str, sentence: str) -> None:
        self.field = field
        self.sentence = sentence
        super().__init__(sentence, facts={"sentence": sentence})


class PlanUnreadable(EngineError):
    """The items of a batch are in a format that this version does not know."""

    refuse_cause = "plan_unreadable"
    advice = "This plan was written by another version of Truecopy and cannot be read by this one. Plan the task again."


class ListingInvalid(EngineError):
    """A page of a listing is not one, again and again. Zero objects is never concluded from it."""

    retryable = True
    refuse_cause = "listing_invalid"
    advice = "The storage service said yes but sent no proof. We do not count it and ask again."
    advice_admin = (
        'The listing of "{bucket}" makes no sense: {fault}. We cannot say which objects there are. '
        "Ask the owner of the storage service, then plan again."
    )


class ListingIncomplete(EngineError):
    """A range of keys cannot be listed."""

    refuse_cause = "listing_incomplete"
    advice = 'A part of "{bucket}" cannot be listed. What is missing is named in the report.'


class TooManyVersions(EngineError):
    """One key has more versions than are kept in memory to turn their order around."""

    refuse_cause = "too_many_versions"
    advice = (
        'The key "{key}" has more than {limit} versions and delete markers, and a plan takes no more of one key. Leave '
        "it out with a pattern (exclude), or copy its latest version only, then plan again."
    )


class VersionsNotKept(EngineError):
    """The destination keeps one version of each key, so all but the last would be overwritten."""

    refuse_cause = "versions_not_kept"
    advice = (
        'The task copies every version, but "{bucket}" at the destination does not keep versions: each copy would '
        "overwrite the one before. Nothing was copied. Switch versioning on there, or copy the latest versions only, "
        "then plan again."
    )


class VersionsNotListed(EngineError):
    """The store does not know ListObjectVersions."""

    refuse_cause = "versions_not_listed"
    advice = (
        'The storage service cannot list the versions in "{bucket}", so we cannot say which there are. '
        "Copy the latest versions only, then plan again."
    )


class ConnectionProblem(EngineError):
    """A person must act; no item is to blame. The run pauses once, with its cause."""


class CredentialsExpired(ConnectionProblem):
    """ExpiredToken, TokenRefreshRequired, InvalidToken."""

    pause_cause = refuse_cause = "credentials_expired"
    advice = (
        "These temporary credentials have run out. The run waits; with new ones it goes on where it stopped. "
        "Tell an admin."
    )
    advice_admin = "These temporary credentials have run out. Enter new ones; the run goes on where it stopped."


class CredentialsRefused(ConnectionProblem):
    """InvalidAccessKeyId, SignatureDoesNotMatch."""

    pause_cause = refuse_cause = "credentials_refused"
    advice = (
        'The storage service does not accept the keys of "{connection}". The run waits. '
        "Tell an admin to enter them again."
    )
    advice_admin = (
        "The storage service does not know this access key. It was deleted, or it belongs to another "
        "service. "
        "Enter a new one."
    )


class SecretRefused(CredentialsRefused):
    """SignatureDoesNotMatch, confirmed by a plain request."""

    advice_admin = (
        "The secret key does not fit the access key, or something on the way changed the request. "
        "Enter the secret again, without blanks."
    )


class WrongRegion(ConnectionProblem):
    """PermanentRedirect, AuthorizationHeaderMalformed."""

    pause_cause = refuse_cause = "wrong_region"
    advice = (
        '"{bucket}" is in region {region}; the connection says {other}. '
        "Tell an admin to change the region of the connection."
    )
    advice_admin = '"{bucket}" is in region {region}; the connection says {other}. Change the region of the connection.'


class ClockSkew(ConnectionProblem):
    """RequestTimeTooSkewed."""

    pause_cause = refuse_cause = "clock_skew"
    advice = (
        "The clock of this server and that of the storage service differ by {n} minutes. Set the clock, then continue."
    )


class BucketMissing(ConnectionProblem):
    """NoSuchBucket."""

    pause_cause = refuse_cause = "bucket_missing"
    advice = 'There is no bucket "{bucket}" at {endpoint}. Check the spelling, or pick one from the list.'


class DestinationFull(ConnectionProblem):
    """QuotaExceeded, 507."""

    pause_cause = "destination_full"
    advice = "The destination is full or at its quota. Make room, then continue."


class LocalDiskFull(ConnectionProblem):
    """No room in the spool folder."""

    pause_cause = "local_disk_full"
    advice = "The disk of this server is full. Make room, then continue. Tell an admin."
    advice_admin = "The disk of this server is full. Make room, then continue."


class StoreBusy(EngineError):
    """Nothing is wrong with the item; another attempt is worth it."""

    retryable = True


class Throttled(StoreBusy):
    """SlowDown, TooManyRequests, 429, 503."""

    code = ErrorCode.THROTTLED
    advice = "The storage service asks us to go slower. We do. Nothing is lost."


class StoreFault(StoreBusy):
    """InternalError, 500, 502, 504, and answers that say nothing."""

    code = ErrorCode.STORE_ERROR
    advice = "The storage service {fault}. We try again."


class AnswerUnreadable(StoreFault):
    """A 2xx whose body is empty, HTML, endless, or not what was asked for."""


class EndpointUnreachable(StoreBusy):
    """No address, no connection, or a connection that was lost."""

    code = ErrorCode.ENDPOINT_UNREACHABLE
    refuse_cause = "endpoint_unreachable"
    advice = "The storage service at {host} did not answer. We try again."


class NameNotFound(EndpointUnreachable):
    """The host has no address."""

    advice = "No address is known for {host}. Check the spelling, or the network of this server."


class NobodyThere(EndpointUnreachable):
    """Nothing takes a connection, while a person waits for the answer."""

    advice = "Nothing answers at {host}. Check the address and the port, and what stands between."


class SourceTimeout(StoreBusy):
    """The source was silent in the middle of a body."""

    code = ErrorCode.SOURCE_TIMEOUT
    advice = "The storage service did not answer in time. We try again."


class TooSlow(StoreBusy):
    """The source sends, but so slowly that it would never end."""

    code = ErrorCode.TOO_SLOW
    advice = "The storage service sends so slowly that this object would not be done in time. We try again."


class ItemProblem(EngineError):
    """About this item only; many alike pause the run."""


class ObjectMissing(ItemProblem):
    """404 on a key; the caller knows whether it is the source or the destination."""

    code = ErrorCode.STORE_ERROR
    advice = "The storage service says that this object does not exist."


class SourceGone(ItemProblem):
    """The key is neither read nor listed any more."""

    code = ErrorCode.SOURCE_GONE
    advice = "This object is no longer in the source. It was deleted or renamed after the plan was made."


class ListedNotFound(ItemProblem):
    """The source lists the key and denies that it exists."""

    code = ErrorCode.LISTED_NOT_FOUND
    advice = (
        "The source lists this object, but says that it does not exist when we ask for it. Nothing "
        "was stored. "
        "Ask the owner of the storage service."
    )


class ConditionFailed(ItemProblem):
    """412; the caller knows what was asked."""

    code = ErrorCode.STORE_ERROR
    advice = "The storage service says that the object is not the one we asked about."


class SourceChanged(ItemProblem):
    """The pinned object is no longer what the key holds."""

    code = ErrorCode.SOURCE_CHANGED
    advice = (
        "The object changed in the source after the plan was made. Nothing was stored. A retry run copies the new one."
    )


class Conflict(ItemProblem):
    """409 ConditionalRequestConflict, OperationAborted: a race; the write is repeated."""

    retryable = True
    code = ErrorCode.STORE_ERROR
    advice = "Another writer was at work on this key at the destination. We try again."


class NotSupported(ItemProblem):
    """NotImplemented, or a header the store does not know."""

    code = ErrorCode.DEST_CONFIG
    advice = (
        "This storage service does not know {feature}. Test the connection again so that we know "
        "what it can do. "
        "Tell an admin."
    )
    advice_admin = (
        "This storage service does not know {feature}. Test the connection again so that we know what it can do."
    )


class DestConfig(NotSupported):
    """The destination does not take what the task asks for: storage class, encryption, a header."""


class ClassRefused(DestConfig):
    """InvalidStorageClass: never written as another class instead."""

    advice = (
        "The destination does not take the storage class that the task asks for this object. Nothing was stored. "
        "Choose another class in the task, then plan a new run."
    )
    advice_admin = ""


class ClassNotNamed(DestConfig):
    """The task's map names storage classes, but not that of this object: its copy is not left to chance."""

    advice = (
        "This object is in the storage class {class}, and the task's list of classes does not say where that goes. "
        "Nothing was stored. Add a line for {class}, or for *, to the task, then plan a new run."
    )
    advice_admin = ""


class Archived(ItemProblem):
    """InvalidObjectState, or an archive class that is not restored."""

    code = ErrorCode.ARCHIVED
    advice = "This object is in an archive. It must be restored there before it can be read."


class TranscodedByStore(ItemProblem):
    """The store, or something before it, unpacked or packed the body."""

    code = ErrorCode.TRANSCODED_BY_STORE
    advice = (
        "The source sent this object in another form than it is stored (packed or unpacked on the way). "
        "Nothing was stored. Ask the owner of the storage service to switch that off."
    )


class RangeMismatch(ItemProblem):
    """A range was asked for and something else came."""

    retryable = True
    code = ErrorCode.RANGE_MISMATCH
    advice = "The source sent another part of the object than we asked for. We start again from the beginning."


class ShortRead(ItemProblem):
    """The body ended early."""

    retryable = True
    code = ErrorCode.SHORT_READ
    advice = "The source sent {n} of {size} bytes and stopped. Nothing was stored. We try again."


class EvidenceMismatch(ItemProblem):
    """A check is a mismatch. The code is that of the check; `words` name the check and who stated it."""

    retryable = True
    advice = (
        "The {check} stated by the {side} differs from the one computed from the bytes we read{where}. "
        "Do not use this copy."
    )

    def __init__(
        self,
        mismatch: ErrorCode,
        *,
        request_id: str = "",
        check: str = "",
        side: str = "",
        where: str = "",
        checks: tuple[Check, ...] = (),
    ) -> None:
        super().__init__(str(mismatch), request_id=request_id, facts={"check": check, "side": side, "where": where})
        self.mismatch = mismatch
        self.checks = checks

    @property
    def error_code(self) -> ErrorCode:
        """The code of the check that is a mismatch."""
        return self.mismatch


class StatementsDiffer(EvidenceMismatch):
    """What the two stores state differs, and no body was read: reading again changes nothing."""

    retryable = False
    advice = "The {check} stated by the source differs from the one stated by the destination. Do not use this copy."


class DigestRejected(ItemProblem):
    """BadDigest, XAmzContentSHA256Mismatch, IncompleteBody."""

    retryable = True
    code = ErrorCode.DIGEST_REJECTED
    advice = (
        "The data was damaged on the way and the destination refused it. Nothing wrong was stored. We send it again."
    )


class CompleteFailed(ItemProblem):
    """Complete was not done, or no proof came that it was."""

    retryable = True
    code = ErrorCode.COMPLETE_FAILED
    advice = "The storage service said yes but sent no proof. We do not count it and ask again."


class UploadGone(CompleteFailed):
    """NoSuchUpload, InvalidPart, InvalidPartOrder, EntityTooSmall."""

    advice = "The destination lost or refused the parts of this object. We start it again."


class PartsRefused(CompleteFailed):
    """Complete was refused for its parts; `said` is the store's own code."""

    advice = "The destination lost or refused the parts of this object and said {said}. We start it again."


class PartsTooSmall(PartsRefused):
    """EntityTooSmall: the same parts would be refused again."""

    retryable = False
    advice = (
        "The destination refused the parts of this object and said {said}: it takes larger ones than its profile says. "
        "Test the connection with this bucket again, then retry."
    )


class PartNotTaken(NotSupported):
    """One part was refused as such: too many of them, or of a size that this store does not take."""

    advice = (
        "The destination refused part {part} of this object and said {said}: its limits may be others than its "
        "profile says. Test the connection with this bucket again, then retry."
    )
    advice_admin = ""


class DestMissing(ItemProblem):
    """Written and acknowledged, but not found afterwards."""

    retryable = True
    code = ErrorCode.DEST_MISSING
    advice = "The destination took this object and says now that it does not exist. We try again."


class NotAtDestination(DestMissing):
    """A comparison found no object under this key."""

    retryable = False
    advice = "The destination has no object under this key. Nothing was copied: this run only compares."


class VersionNotThere(NotAtDestination):
    """A comparison found no version under this key that may be the copy of this one."""

    advice = (
        "The destination has no version under this key that is the copy of this one. Nothing was copied: "
        "this run only compares."
    )


class VersionBeforeFailed(ItemProblem):
    """The version before this one has no copy; with this one written, the order would be another."""

    code = ErrorCode.VERSION_BEFORE_FAILED
    advice = (
        "An older version of this key was not copied, so this one was not either: the destination would have them in "
        "another order. Nothing was stored. Retry them together. Of the older one: {cause}"
    )


class VersionsNoLongerKept(VersionBeforeFailed):
    """The version before was written to a bucket that no longer keeps versions."""

    advice = (
        "The destination named no version for the one before, so it no longer keeps versions: this one would "
        "overwrite it. Nothing was stored. Switch versioning on there, then retry."
    )


class DestExists(ItemProblem):
    """Something else has this key at the destination."""

    code = ErrorCode.DEST_EXISTS
    advice = "Another object has this key at the destination, and the task says not to replace. We left it as it was."


class DestLocked(ItemProblem):
    """An object lock or legal hold is on the key."""

    code = ErrorCode.DEST_LOCKED
    advice = "The object at the destination is locked against changes. We left it as it was."


class KeyTooLong(ItemProblem):
    """More than 1,024 bytes after the prefix change, or more than this store takes."""

    code = ErrorCode.KEY_TOO_LONG
    advice = "The destination does not take this key: too long."


class KeyInvalid(ItemProblem):
    """Empty, not UTF-8, or refused by the store."""

    code = ErrorCode.KEY_INVALID
    advice = "The destination does not take this key: {key_fault}."


class ObjectTooLarge(ItemProblem):
    """Above what the destination takes."""

    code = ErrorCode.OBJECT_TOO_LARGE
    advice = "The object is {size}; the destination takes {limit}."


class AccessDenied(ItemProblem):
    """AccessDenied, AllAccessDisabled, 403."""

    code = ErrorCode.ACCESS_DENIED
    refuse_cause = "access_denied"
    advice = (
        '"{connection}" may not {verb} in "{bucket}". Ask the owner of the bucket to allow {permission}, then continue.'
    )


class ReadRefused(AccessDenied):
    """The source refuses to hand out this object in the way we ask: sealed with its owner's key (SSE-C), mostly."""

    advice = (
        "The source does not give us this object. If it is encrypted with a key of its owner (SSE-C), nobody can "
        "read it without that key, and Truecopy does not have it. Nothing was stored."
    )


class HeadDenied(AccessDenied):
    """403 on a HEAD, which may also hide that the object is gone."""

    advice = (
        '"{connection}" may not {verb} in "{bucket}", or the object is no longer there. '
        "Ask the owner of the bucket to allow {permission}, then continue."
    )


class KmsRefused(AccessDenied):
    """KMS.* answers."""

    advice = "The encryption key of this object cannot be used ({kms}). Ask the owner of the key."


class UnknownAnswer(ItemProblem):
    """A code we have no words for."""

    code = ErrorCode.STORE_ERROR


class TlsProblem(ItemProblem):
    """The certificate is not trusted."""

    code = ErrorCode.TLS_ERROR
    refuse_cause = "tls_error"
    advice = "The certificate of {host} is not trusted: {tls}. We sent nothing."


class EndpointBlocked(ItemProblem):
    """The address that would be dialled is not allowed here."""

    code = ErrorCode.ENDPOINT_BLOCKED
    refuse_cause = "endpoint_blocked"
    advice = "This installation may not reach {host}. An admin can add it to the allowed addresses."


class LocalMemoryCorruption(ItemProblem):
    """A buffer changed between hashing and sending; this process must not go on."""

    code = ErrorCode.LOCAL_MEMORY_CORRUPTION
    advice = (
        "The data changed in the memory of this server. Nothing wrong was stored. "
        "Tell an admin: the memory of this machine should be tested."
    )


class WorkerCrash(ItemProblem):
    """The worker ended each time it came to this item."""

    code = ErrorCode.WORKER_CRASH
    advice = "The worker ended unexpectedly each time it came to this object. Nothing is known of its copy."


class InternalError(ItemProblem):
    """A fault of ours."""

    code = ErrorCode.INTERNAL_ERROR
    advice = "Truecopy made a mistake of its own with this object. Send reference {reference} to your admin."
