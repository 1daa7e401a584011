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
    │  ├─ Throttled · StoreFault · AnswerUnreadable · EndpointUnreachable · NotConnected · NameNotFound · NobodyThere
    │  ├─ SourceTimeout · TooSlow
    │  └─ CopyNotResumed · CopySilent · CopyTooSlow                                   of reading back
    └─ ItemProblem                 this item only; many alike pause the run
       ├─ ObjectMissing · ConditionFailed · Conflict · UploadGone                    told apart by the caller,
       ├─ NotSupported · Untagged                                                    as these are
       ├─ SourceGone · ListedNotFound · SourceChanged · Archived · TranscodedByStore
       ├─ RangeMismatch · RangeRefused · ShortRead
       ├─ EvidenceMismatch         a check is a mismatch: the code is that of the check
       ├─ DigestRejected · CompleteFailed · DestMissing · GoneWhenLooked · DestExists · DestLocked · DestConfig
       ├─ NotAsPlanned · NotKnownAsPlanned                                           where only that may be replaced
       ├─ ClassNotNamed · ClassRefused · MetadataTooLarge · TagsRefused              of what describes an object
       ├─ PartNotTaken · PartTooLarge                                                of one part of an upload,
       ├─ PartsRefused · PartsTooSmall · CompleteUnclear                             and of all at its end
       ├─ NotAtDestination · VersionNotThere · StatementsDiffer                      of what is only compared
       ├─ VersionBeforeFailed · VersionsNoLongerKept                                 of one version after another
       ├─ KeyTooLong · KeyInvalid · ObjectTooLarge
       ├─ AccessDenied · HeadDenied · ReadRefused · KmsRefused · UnknownAnswer · EndpointBlocked
       ├─ TlsProblem · RedirectedToHttp
       └─ LocalMemoryCorruption · WorkerCrash · InternalError
"""

# The names say what happened, not that they are errors: their root does.

from migrator.engine.errors.items import (
    AccessDenied,
    Archived,
    ClassNotNamed,
    ClassRefused,
    CompleteFailed,
    CompleteUnclear,
    ConditionFailed,
    Conflict,
    DestConfig,
    DestExists,
    DestLocked,
    DestMissing,
    DigestRejected,
    EndpointBlocked,
    EvidenceMismatch,
    GoneWhenLooked,
    HeadDenied,
    InternalError,
    ItemProblem,
    KeyInvalid,
    KeyTooLong,
    KmsRefused,
    ListedNotFound,
    LocalMemoryCorruption,
    MetadataTooLarge,
    NotAsPlanned,
    NotAtDestination,
    NotKnownAsPlanned,
    NotSupported,
    ObjectMissing,
    ObjectTooLarge,
    PartNotTaken,
    PartsRefused,
    PartsTooSmall,
    PartTooLarge,
    RangeMismatch,
    RangeRefused,
    ReadRefused,
    RedirectedToHttp,
    ShortRead,
    SourceChanged,
    SourceGone,
    StatementsDiffer,
    TagsRefused,
    TlsProblem,
    TranscodedByStore,
    UnknownAnswer,
    Untagged,
    UploadGone,
    VersionBeforeFailed,
    VersionNotThere,
    VersionsNoLongerKept,
    WorkerCrash,
)
from migrator.engine.errors.root import (
    EngineError,
    cleaned,
)
from migrator.engine.errors.runs import (
    AddressProblem,
    ListingIncomplete,
    ListingInvalid,
    PlanUnreadable,
    Stopped,
    TooManyVersions,
    VersionsNotKept,
    VersionsNotListed,
)
from migrator.engine.errors.stores import (
    NOTHING_DONE,
    AnswerUnreadable,
    BucketMissing,
    ClockSkew,
    ConnectionProblem,
    CopyNotResumed,
    CopySilent,
    CopyTooSlow,
    CredentialsExpired,
    CredentialsRefused,
    DestinationFull,
    EndpointUnreachable,
    LocalDiskFull,
    NameNotFound,
    NobodyThere,
    NotConnected,
    SecretRefused,
    SourceTimeout,
    StoreBusy,
    StoreFault,
    Throttled,
    TooSlow,
    WrongRegion,
)

__all__ = [
    "NOTHING_DONE",
    "AccessDenied",
    "AddressProblem",
    "AnswerUnreadable",
    "Archived",
    "BucketMissing",
    "ClassNotNamed",
    "ClassRefused",
    "ClockSkew",
    "CompleteFailed",
    "CompleteUnclear",
    "ConditionFailed",
    "Conflict",
    "ConnectionProblem",
    "CopyNotResumed",
    "CopySilent",
    "CopyTooSlow",
    "CredentialsExpired",
    "CredentialsRefused",
    "DestConfig",
    "DestExists",
    "DestLocked",
    "DestMissing",
    "DestinationFull",
    "DigestRejected",
    "EndpointBlocked",
    "EndpointUnreachable",
    "EngineError",
    "EvidenceMismatch",
    "GoneWhenLooked",
    "HeadDenied",
    "InternalError",
    "ItemProblem",
    "KeyInvalid",
    "KeyTooLong",
    "KmsRefused",
    "ListedNotFound",
    "ListingIncomplete",
    "ListingInvalid",
    "LocalDiskFull",
    "LocalMemoryCorruption",
    "MetadataTooLarge",
    "NameNotFound",
    "NobodyThere",
    "NotAsPlanned",
    "NotAtDestination",
    "NotConnected",
    "NotKnownAsPlanned",
    "NotSupported",
    "ObjectMissing",
    "ObjectTooLarge",
    "PartNotTaken",
    "PartTooLarge",
    "PartsRefused",
    "PartsTooSmall",
    "PlanUnreadable",
    "RangeMismatch",
    "RangeRefused",
    "ReadRefused",
    "RedirectedToHttp",
    "SecretRefused",
    "ShortRead",
    "SourceChanged",
    "SourceGone",
    "SourceTimeout",
    "StatementsDiffer",
    "Stopped",
    "StoreBusy",
    "StoreFault",
    "TagsRefused",
    "Throttled",
    "TlsProblem",
    "TooManyVersions",
    "TooSlow",
    "TranscodedByStore",
    "UnknownAnswer",
    "Untagged",
    "UploadGone",
    "VersionBeforeFailed",
    "VersionNotThere",
    "VersionsNoLongerKept",
    "VersionsNotKept",
    "VersionsNotListed",
    "WorkerCrash",
    "WrongRegion",
    "cleaned",
]
