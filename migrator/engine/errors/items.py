"""What is wrong with one item; many alike pause the run."""

from __future__ import annotations

from typing import Self

from integrity.evidence import FIDELITY_CHECKS, MISMATCH_CODES, Check, ErrorCode
from migrator.engine.errors.root import EngineError


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


class Untagged(ItemProblem):
    """NoSuchTagSet: some stores do not say that an object has no tags by a set of none."""


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


class MetadataTooLarge(DestConfig):
    """MetadataTooLarge: stores differ in how much of it they keep (S3: 2 KB)."""

    advice = (
        "What describes this object (its metadata) is longer than the destination takes. Nothing was stored. "
        "Shorten it at the source, then start a retry run."
    )
    advice_admin = ""


class TagsRefused(DestConfig):
    """InvalidTag: never written without them instead."""

    advice = (
        'The destination does not take the tags of this object. It says "{feature}". Nothing was stored. '
        "Change them at the source, or leave tags out in the task, then plan a new run."
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


class RangeRefused(RangeMismatch):
    """The store does not give an object from its midst on: a plain request may be answered all the same."""

    advice = (
        "The storage service broke off and refused to go on from where it had stopped. We start again from the "
        "beginning."
    )

    @classmethod
    def by(cls, exc: EngineError) -> Self:
        """Return what it means that a range was refused so."""
        return cls(
            str(exc),
            store_code=exc.store_code,
            store_message=exc.store_message,
            request_id=exc.request_id,
            http_status=exc.http_status,
        )


class ShortRead(ItemProblem):
    """The body ended early."""

    retryable = True
    code = ErrorCode.SHORT_READ
    advice = "The source sent {n} of {size} bytes and stopped. Nothing was stored. We try again."


# Another object stands where one was, or what two stores state differs: another attempt meets the same.
_LASTING = frozenset(
    {
        ErrorCode.SOURCE_CHANGED,
        ErrorCode.DEST_CHANGED_AFTER_WRITE,
        ErrorCode.PAIR_DIGEST_MISMATCH,
        *(MISMATCH_CODES[name] for name in FIDELITY_CHECKS),
    }
)


class EvidenceMismatch(ItemProblem):
    """A check is a mismatch. The code is that of the check, and another attempt is worth it where bytes differ."""

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
        self.retryable = self.retryable and mismatch not in _LASTING
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


class CompleteUnclear(CompleteFailed):
    """Complete was answered by faults alone, and a HEAD does not show that it was done."""

    advice = (
        "The destination did not say clearly that it has put the parts of this object together, and does not show it. "
        "We start it again."
    )


class UploadGone(CompleteFailed):
    """NoSuchUpload, InvalidPart, InvalidPartOrder, EntityTooSmall."""

    advice = "The destination lost or refused the parts of this object. We start it again."


class PartsRefused(CompleteFailed):
    """Complete was refused for its parts; `said` is the store's own code."""

    advice = "The destination lost or refused the parts of this object and said {said}. We start it again."


class PartsTooSmall(PartsRefused):
    """EntityTooSmall: the same parts would be refused again."""

    retryable = False
    code = ErrorCode.DEST_CONFIG
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


class GoneWhenLooked(DestMissing):
    """The destination said that something has this key, and has nothing there."""

    advice = "The destination said that another object has this key, and had none there when we looked. We try again."


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


class NotAsPlanned(DestExists):
    """What is there is not what the plan saw, or nobody knows that it is, and only that is to be replaced."""

    advice = (
        "This key is not known to hold what the plan saw at the destination any more, and the task says to replace "
        "only that. We left it as it was. A new run sees what is there now."
    )


class NotKnownAsPlanned(NotAsPlanned):
    """The ETag in the plan may be no object's, and nothing else tells that what is there is what the plan saw."""

    advice = (
        "Nothing shows that this key still holds what the plan saw at the destination: the ETags in its listings are "
        "not those of its objects, or not known to be. The task says to replace only what the plan saw. We left it as "
        "it was. A new run sees what is there now."
    )


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


class PartTooLarge(ObjectTooLarge):
    """One part is above what the destination takes, or a proxy before it; smaller ones may be taken."""

    advice = (
        "Part {part} of this object is {size} large, and the destination, or a proxy before it, takes no body so "
        "large. Nothing was stored."
    )


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


class RedirectedToHttp(TlsProblem):
    """A redirect from https to plain http, which nothing follows."""

    advice = "The storage service at {host} sends us to an address without encryption. We did not go there."


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
