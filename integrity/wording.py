"""Sentences about evidence, generated from the checks, so that no text can claim more than was shown.

Pure. Never in these words: identical, bit for bit, end to end, guaranteed, certified, safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrity.evidence import Check, CheckName, ErrorCode, Origin, Outcome, Reason, came_transcoded, first_mismatch
from integrity.verdicts import DestGrade, Judgement, SourceGrade, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

# What stands after a colon.
SHORT_REASONS = {
    Reason.ETAG_ABSENT: "no ETag",
    Reason.ETAG_OPAQUE: "its ETag is not made from the bytes",
    Reason.ETAG_SEMANTICS_UNKNOWN: "nothing shows what its ETag means",
    Reason.ETAG_SEMANTICS_DISPROVED: "its ETags are not MD5s",
    Reason.SSE_KMS: "SSE-KMS",
    Reason.SSE_C: "SSE-C",
    Reason.LAYOUT_UNKNOWN: "its part sizes are not known",
    Reason.LAYOUTS_DIFFER: "the two sides have other part sizes",
    Reason.CHECKSUM_ABSENT: "no checksum",
    Reason.CHECKSUM_TYPE_UNKNOWN: "its checksum does not say what it covers",
    Reason.ALGORITHM_UNAVAILABLE: "we cannot compute its algorithm",
    Reason.STORE_UNPROVEN: "the store has not shown that it checks what it receives",
    Reason.NOT_SUPPORTED: "the store does not know the request",
    Reason.NOT_PERMITTED: "the store does not permit the request",
    Reason.NOT_REQUESTED: "it was not asked for",
    Reason.NOT_COPIED: "the option is off",
    Reason.NOT_REACHED: "the work ended before",
    Reason.INCOMPLETE_AT_SOURCE: "the source did not give all of it",
}

_CAME_TRANSCODED = "it came in another encoding than it is stored in"
_READ_IN_VAIN = (
    "We read the copy back, but the destination sent it in another form than it is stored (packed or unpacked on the "
    "way), so this shows nothing. Ask the owner of the storage service to switch that off."
)

_READ_AGAIN = "A second reading at the source, or reading the destination back, would help."
_DO_NOT_USE = "Do not use this copy."
_BYTES_APART = "The bytes are judged apart."

# What was not proven and what would help, at most three short sentences each.
REASON_WORDS = {
    Reason.ETAG_ABSENT: (f"The store states no ETag for this object, so there was nothing to compare. {_READ_AGAIN}"),
    Reason.ETAG_OPAQUE: (
        "The ETag of this object is not made from its bytes, and it carries no "
        f"checksum that we can compare. {_READ_AGAIN}"
    ),
    Reason.ETAG_SEMANTICS_UNKNOWN: (
        "The ETag differs from ours, and nothing shows what it means. The copy may be right or wrong. A checksum on "
        "the object would tell; where its bucket was never tested, a test may tell too."
    ),
    Reason.ETAG_SEMANTICS_DISPROVED: (
        "None of the objects tried in this bucket has an ETag made from its bytes, so"
        f" it proves nothing here. {_READ_AGAIN}"
    ),
    Reason.SSE_KMS: (
        "The object is encrypted with a key service, so its ETag is not made from the"
        f" bytes, and it carries no checksum. {_READ_AGAIN}"
    ),
    Reason.SSE_C: (
        "The object is encrypted with a customer's key, so its ETag is not made from "
        f"the bytes, and it carries no checksum. {_READ_AGAIN}"
    ),
    Reason.LAYOUT_UNKNOWN: (
        "The object was uploaded in parts whose sizes the store does not tell, so its"
        f" ETag cannot be recomputed. {_READ_AGAIN}"
    ),
    Reason.LAYOUTS_DIFFER: (
        "The two sides hold the object in parts of other sizes, so their ETags cannot"
        " be compared. This is no fault. Reading both sides would help."
    ),
    Reason.CHECKSUM_ABSENT: f"The store states no checksum for this object. {_READ_AGAIN}",
    Reason.CHECKSUM_TYPE_UNKNOWN: (
        f"The store states a checksum but not whether it covers the object or its parts. {_READ_AGAIN}"
    ),
    Reason.ALGORITHM_UNAVAILABLE: (
        f"The store states a checksum of a kind that this installation cannot compute. {_READ_AGAIN}"
    ),
    Reason.STORE_UNPROVEN: (
        "This store has not shown that it checks what it receives: it may repeat what"
        " we told it. Reading the destination back would help."
    ),
    Reason.NOT_SUPPORTED: (
        "The store does not know the request that would have shown this. Reading the destination back would help."
    ),
    Reason.NOT_PERMITTED: ("The store does not let this connection ask for it. Permission to read it would help."),
    Reason.NOT_REQUESTED: f"The task did not ask for this proof. {_READ_AGAIN}",
    Reason.NOT_COPIED: "The task does not carry this. Switching the option on would help.",
    Reason.NOT_REACHED: ("The work on this object ended before this could be shown. A retry run would help."),
    Reason.INCOMPLETE_AT_SOURCE: (
        "The source did not give all of the metadata. The owner of the source can say what is missing."
    ),
}

MISMATCH_WORDS = {
    ErrorCode.SOURCE_SIZE_MISMATCH: f"The source gave another number of bytes than it had stated. {_DO_NOT_USE}",
    ErrorCode.SHORT_READ: f"The source stopped before the last byte. {_DO_NOT_USE}",
    ErrorCode.SOURCE_ETAG_MISMATCH: (
        f"The ETag stated by the source differs from the one computed from the bytes we read. {_DO_NOT_USE}"
    ),
    ErrorCode.SOURCE_CHECKSUM_MISMATCH: (
        f"The checksum stated by the source differs from the one computed from the bytes we read. {_DO_NOT_USE}"
    ),
    ErrorCode.SOURCE_READS_DISAGREE: f"Two readings of the source gave different bytes. {_DO_NOT_USE}",
    ErrorCode.PART_ETAG_MISMATCH: (
        f"The destination stated another ETag for a part than the bytes we sent have. {_DO_NOT_USE}"
    ),
    ErrorCode.PART_CHECKSUM_MISMATCH: (
        f"The destination stated another checksum for a part than the bytes we sent have. {_DO_NOT_USE}"
    ),
    ErrorCode.DIGEST_REJECTED: (
        "The data was damaged on the way and the destination refused it. Nothing wrong was stored."
    ),
    ErrorCode.DEST_SIZE_MISMATCH: (
        f"The size stated by the destination differs from that of the source's object. {_DO_NOT_USE}"
    ),
    ErrorCode.DEST_ETAG_MISMATCH: (
        f"The ETag stated by the destination differs from the one computed from the bytes we read. {_DO_NOT_USE}"
    ),
    ErrorCode.DEST_CHECKSUM_MISMATCH: (
        f"The checksum stated by the destination differs from the one computed from the bytes we read. {_DO_NOT_USE}"
    ),
    ErrorCode.DEST_READBACK_MISMATCH: (
        f"What we read back from the destination differs from what we read from the source. {_DO_NOT_USE}"
    ),
    ErrorCode.PAIR_DIGEST_MISMATCH: (f"Source and destination state different digests of the same kind. {_DO_NOT_USE}"),
    ErrorCode.SOURCE_CHANGED: (
        "The object changed in the source after the plan was made. A retry run copies the new one."
    ),
    ErrorCode.DEST_CHANGED_AFTER_WRITE: (
        "Another object took this key at the destination after our write. What we wrote is not what is there now."
    ),
    ErrorCode.CONTENT_HEADERS_MISMATCH: (
        f"The headers at the destination differ from those at the source. {_BYTES_APART}"
    ),
    ErrorCode.USER_METADATA_MISMATCH: (
        f"The metadata at the destination differs from that at the source. {_BYTES_APART}"
    ),
    ErrorCode.TAGS_MISMATCH: f"The tags at the destination differ from those at the source. {_BYTES_APART}",
    ErrorCode.STORAGE_CLASS_MISMATCH: (
        f"The destination reports another storage class than the task asks for. {_BYTES_APART}"
    ),
    ErrorCode.ENCRYPTION_MISMATCH: (
        f"The destination reports another encryption than the task asks for. {_BYTES_APART}"
    ),
}


def short_reason(name: CheckName, reason: Reason) -> str:
    """Return what stands after a colon where a check could not be compared."""
    if name is CheckName.DEST_READBACK and reason is Reason.NOT_SUPPORTED:
        return _CAME_TRANSCODED
    return SHORT_REASONS[reason]


def sentences(checks: Sequence[Check], judgement: Judgement) -> tuple[str, ...]:
    """Return what may be said about an item: what is wrong or missing first, then the source, then the destination."""
    legs = (_source(checks, judgement.source_grade), *_dest(checks, judgement))
    return (*_finding(checks, judgement), *_nothing_read(checks), *legs)


def _nothing_read(checks: Sequence[Check]) -> tuple[str, ...]:
    """Say so where what is stated now was compared with what an earlier run computed."""
    at = _read_at(checks)
    if not at:
        return ()
    return (
        "Nothing was read in this run: what both stores state now was compared with what we computed from the bytes "
        f"we read at {at}.",
    )


def _read_at(checks: Sequence[Check]) -> str:
    """Return when an earlier run read the bytes; empty where this one did, or none."""
    check = _match(checks, CheckName.READ_LENGTH)
    return check.at if check is not None else ""


def _we_read(checks: Sequence[Check]) -> str:
    at = _read_at(checks)
    return f"we read at {at}" if at else "we read"


def _finding(checks: Sequence[Check], judgement: Judgement) -> tuple[str, ...]:
    if judgement.verdict is Verdict.UNVERIFIED and judgement.reason is not None:
        return (_missing(checks, judgement.reason),)
    if judgement.verdict is Verdict.FAILED and judgement.error_code is not None:
        words = MISMATCH_WORDS.get(judgement.error_code, "This object does not count as copied.")
        wrong = first_mismatch(checks)
        part = _part_named(wrong) if wrong is not None else ""
        return (f"{words} It was {part}.",) if part else (words,)
    return ()


def _missing(checks: Sequence[Check], reason: Reason) -> str:
    of_this = [check for check in checks if check.reason is reason]
    return _READ_IN_VAIN if of_this and all(map(came_transcoded, of_this)) else REASON_WORDS[reason]


def _part_named(check: Check) -> str:
    """Return `part k` where a mismatch names one."""
    words = (check.expected or "").split(" ")
    return " ".join(words[:2]) if words[0] == "part" and len(words) > 2 else ""


def _source(checks: Sequence[Check], grade: SourceGrade) -> str:
    size = _value(checks, CheckName.READ_LENGTH)
    match grade:
        case SourceGrade.S3:
            return _source_whole(checks, size)
        case SourceGrade.S2:
            check = _match(checks, CheckName.SOURCE_CHECKSUM)
            algorithm, parts = (check.algorithm, _parts(check)) if check else ("checksum", "its")
            return (
                f"The source's {algorithm} over its {parts} parts equals that of the {size} bytes {_we_read(checks)}."
            )
        case SourceGrade.S1_REREAD:
            return (
                f"Two readings of the source gave the same SHA-256. It states no comparable digest: {_why(checks, _S)}."
            )
        case SourceGrade.S1:
            at = _read_at(checks)
            unchanged = f"are those of the object we read at {at}" if at else "did not change while we read"
            return f"Size and identity {unchanged}. The source states no comparable digest: {_why(checks, _S)}."
    return "It was not shown that we read what the source holds."


def _source_whole(checks: Sequence[Check], size: str) -> str:
    etag = _match(checks, CheckName.SOURCE_ETAG)
    if etag is not None and _parts(etag):
        read = f"{size} bytes {_we_read(checks)}"
        return f"The source's ETag over {_parts(etag)} parts equals the one computed from the {read}."
    if etag is not None:
        return f"The source's ETag equals the MD5 of the {size} bytes {_we_read(checks)}."
    whole = _match(checks, CheckName.SOURCE_CHECKSUM, whole=True)
    algorithm = whole.algorithm if whole is not None else "checksum"
    return f"The source's {algorithm} equals that of the {size} bytes {_we_read(checks)}."


def _dest(checks: Sequence[Check], judgement: Judgement) -> tuple[str, ...]:
    match judgement.dest_grade:
        case DestGrade.D4:
            check = _match(checks, CheckName.DEST_READBACK)
            when = f" at {check.at}" if check is not None and check.at else ""
            return (f"We read the object back{when}. Its SHA-256 equals that of the bytes we read from the source.",)
        case DestGrade.D3:
            return (_dest_whole(checks), *(("This rests on 32 bits.",) if judgement.narrow else ()))
        case DestGrade.D2:
            return (f"{_attested(checks)} It states no digest of the whole object that we could compare.",)
        case DestGrade.D1:
            return (f"The destination states the right size. No digest could be compared: {_why(checks, _D)}.",)
    return ("Nothing was shown about what the destination holds.",)


def _dest_whole(checks: Sequence[Check]) -> str:
    """Say which digest the destination stated, when, and for which version; a listing names no version."""
    found = [_match(checks, name, whole=True, later=True) for name in (CheckName.DEST_ETAG, CheckName.DEST_CHECKSUM)]
    check = next(each for each in found if each is not None)
    when = f"At {check.at} the" if check.at else "The"
    who = "destination's listing" if check.origin is Origin.LISTING else "destination"
    named = _value(checks, CheckName.DEST_IDENTITY)
    version = f" for {named}" if named.startswith("version ") and check.origin is not Origin.LISTING else ""
    return (
        f"{when} {who} stated the {check.algorithm} {check.observed}{version}, equal to the {check.algorithm} "
        f"of the bytes {_moved(checks)}. This is as stated by the store: {_not_read_back(checks)}."
    )


def _not_read_back(checks: Sequence[Check]) -> str:
    if any(map(came_transcoded, checks)):
        return f"when we read the copy back, {_CAME_TRANSCODED}"
    return "we did not read the object back"


def _is_written(checks: Sequence[Check]) -> bool:
    """Say whether these are the checks of a write: without one the destination had the object already."""
    return any(check.name is CheckName.WRITE_DIGEST for check in checks)


def _moved(checks: Sequence[Check]) -> str:
    return "we sent" if _is_written(checks) else _we_read(checks)


def _told(checks: Sequence[Check]) -> str:
    return "answered with" if _is_written(checks) else "states"


def _attested(checks: Sequence[Check]) -> str:
    parts = [_match(checks, name) for name in (CheckName.PART_ETAGS, CheckName.PART_CHECKSUMS)]
    etag, checksum = _match(checks, CheckName.DEST_ETAG), _match(checks, CheckName.DEST_CHECKSUM)
    if any(parts):
        count = next((_parts(each) for each in (*parts, etag, checksum) if each is not None and _parts(each)), "")
        return f"The destination checked each of the {count} parts as it arrived.".replace("the  parts", "the parts")
    if etag is not None:
        return f"The destination {_told(checks)} the ETag that the bytes {_moved(checks)} have."
    if checksum is not None:
        return f"The destination stated the {checksum.algorithm} that the bytes {_moved(checks)} have."
    digest = _match(checks, CheckName.WRITE_DIGEST)
    algorithm = digest.algorithm if digest is not None else "digest"
    return f"The destination accepted the {algorithm} sent with the bytes, and it was seen to refuse a wrong one."


_S = (CheckName.SOURCE_ETAG, CheckName.SOURCE_CHECKSUM)
_D = (CheckName.DEST_ETAG, CheckName.DEST_CHECKSUM)
_BEFORE_IT_WAS_THERE = (Origin.PUT_REPLY, Origin.COMPLETE_REPLY, Origin.PART_REPLY, Origin.PART_LISTING, None)


def _why(checks: Sequence[Check], names: tuple[CheckName, ...]) -> str:
    reasons = [check.reason for name in names for check in checks if check.name is name and check.reason]
    return SHORT_REASONS[reasons[0] if reasons else Reason.NOT_REACHED]


def _match(checks: Sequence[Check], name: CheckName, *, whole: bool = False, later: bool = False) -> Check | None:
    """Return a match of this name; of a whole object, or stated after the write, where asked."""
    for check in checks:
        if check.name is not name or check.outcome is not Outcome.MATCH:
            continue
        if whole and _parts(check):
            continue
        if later and check.origin in _BEFORE_IT_WAS_THERE:
            continue
        return check
    return None


def _parts(check: Check) -> str:
    """Return the number of parts that a digest counts, empty for one of the whole object."""
    observed = check.observed or ""
    return observed.rpartition("-")[2] if "-" in observed and " " not in observed else ""


def _value(checks: Sequence[Check], name: CheckName) -> str:
    check = _match(checks, name)
    return check.observed or "" if check is not None else ""
