"""The destination leg: does the destination hold what we sent?

Pure. A store can echo what it was sent, so a value that agrees counts only where the profile passed the negative
control for it; else it is `store_unproven`.
"""

from __future__ import annotations

import hashlib
from itertools import chain
from typing import TYPE_CHECKING

from integrity import checksums
from integrity.etags import EtagForm, kind, multipart_etag, normalise
from integrity.evidence.checks import Check, CheckName, Origin, Outcome, Reason
from integrity.evidence.comparisons import (
    UNCLEAR,
    Witness,
    absent,
    encryption_reason,
    etag_form_reason,
    etags_in_parts,
    expected_etag,
    identity_of,
    meaning_of,
    not_computed,
    stated_checksums,
)
from integrity.evidence.profiles import EtagMeaning, Profile, Proof
from integrity.evidence.reading_back import ReadBack, readback_check

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from integrity.digests import DigestSet
    from integrity.evidence.statements import Statement
    from integrity.layouts import Layout


def write_checks(
    digests: DigestSet,
    layout: Layout,
    profile: Profile,
    *,
    sent: Collection[str],
    reply: Statement | None,
    accepted: bool = True,
    part_replies: Sequence[Statement] = (),
    attempt: int = 1,
) -> tuple[Check, ...]:
    """Compare what the destination said while it took the bytes.

    `sent` names the digests in our headers by S3 name: `MD5` is Content-MD5, `SHA256` the signed payload hash, else
    a checksum header. They are those of the pass; of what it has none of, something else was signed, and that is no
    evidence. `reply` answers the PUT or Complete; `part_replies` answer the UploadParts, in order. An object written by
    one PUT has no part checks. Never raises.
    """
    checks = [_write_digest(digests, layout, profile, sent, reply, accepted, attempt)]
    if layout.multipart:
        parts = digests.parts.get(layout, ())
        encryption = encryption_reason(chain((reply,), part_replies))
        md5s = [part.md5 for part in parts if part.md5 is not None]
        checks.append(_part_etags(md5s, part_replies, profile, encryption, layout.count, attempt))
        checks.append(_part_checksums(digests, layout, part_replies, profile, attempt))
    return tuple(checks)


def destination_checks(
    digests: DigestSet | None,
    layout: Layout | None,
    profile: Profile,
    *,
    write_reply: Statement | None,
    after: Statement | None,
    identity: Statement | None = None,
    readback: ReadBack | None = None,
    coding: str = "",
    attempt: int = 1,
) -> tuple[Check, ...]:
    """Compare what the destination states after the write.

    `write_reply` answers our PUT or Complete, None where nothing was written; `after` is the HEAD or listing entry
    that confirms. `identity` is the statement whose identity must hold: the write reply unless given, which it must
    be where nothing was written and where the profile says that ETags of write replies do not last (then it is the
    first HEAD). A listing never decides against an item: where it differs the check is `not_reached`, and a HEAD
    must be made. `coding` is the Content-Encoding that the object was written with. `digests` is None where nothing
    was read. Never raises.
    """
    later = (after, readback.statement if readback is not None else None)
    if digests is None:
        return _without_digests(profile, identity or write_reply, later, attempt)
    return (
        _size(digests, after, attempt),
        *_etags(digests, layout, profile, write_reply, after, attempt),
        *_stated_checksums(digests, layout, profile, write_reply, after, attempt),
        *_identities(profile, identity, write_reply, later, attempt),
        readback_check(digests, readback, after, coding, attempt),
    )


def needs_head(checks: Iterable[Check]) -> bool:
    """Say whether a listing leaves something open that it could have settled: a HEAD may say more."""
    return any(
        check.name in _TOLD_BY_LISTING and check.origin is Origin.LISTING and check.outcome is not Outcome.MATCH
        for check in checks
    )


_TOLD_BY_LISTING = frozenset({CheckName.DEST_SIZE, CheckName.DEST_ETAG, CheckName.DEST_IDENTITY})


def _write_digest(
    digests: DigestSet,
    layout: Layout,
    profile: Profile,
    sent: Collection[str],
    reply: Statement | None,
    accepted: bool,
    attempt: int,
) -> Check:
    """Say which digest header the store accepted; of several the one that it is proven to check."""
    witness, name = Witness.of(reply, attempt), CheckName.WRITE_DIGEST
    proven = [each for each in sorted(sent) if _proves_header(profile, each)]
    others = [each for each in sorted(sent) if each not in proven]
    known = ((each, value) for each in (*proven, *others) if (value := _sent_value(digests, layout, each)) is not None)
    algorithm, value = next(known, ("", ""))
    if not algorithm:
        return witness.not_comparable(name, Reason.NOT_REQUESTED)
    if not accepted:
        return witness.compared(name, value, "rejected", algorithm)
    if reply is None:
        return witness.not_comparable(name, Reason.NOT_REACHED, value, None, algorithm)
    if algorithm not in proven:
        return witness.not_comparable(name, Reason.STORE_UNPROVEN, value, value, algorithm)
    return witness.compared(name, value, value, algorithm)


def _sent_value(digests: DigestSet, layout: Layout, algorithm: str) -> str | None:
    if layout.multipart:
        raws = digests.part_raws(layout, algorithm)
        return None if raws is None else _joined(raws)
    raw = digests.raw(algorithm)
    return None if raw is None else checksums.encode(raw)


def _joined(raws: Iterable[bytes]) -> str:
    """Return one short value for a list of part digests: no two lists have the same."""
    digests = list(raws)
    return f"SHA-256 of {len(digests)} part digests {hashlib.sha256(b''.join(digests)).hexdigest()}"


def _proves_header(profile: Profile, algorithm: str) -> bool:
    if algorithm == "MD5":
        return profile.content_md5 is Proof.REJECTS
    if algorithm == "SHA256":
        # It goes as the signed hash of the payload, never as a checksum header.
        return profile.payload_sha256 is Proof.REJECTS
    return profile.proves_checksum(algorithm)


def _part_etags(
    md5s: Sequence[bytes],
    replies: Sequence[Statement],
    profile: Profile,
    encryption: Reason | None,
    count: int,
    attempt: int,
) -> Check:
    witness, name = Witness.of(replies[-1] if replies else None, attempt), CheckName.PART_ETAGS
    if len(replies) != count:
        return witness.not_comparable(name, Reason.NOT_REACHED)
    if len(md5s) != count:
        return witness.not_comparable(name, Reason.NOT_REQUESTED)
    ours = multipart_etag(md5s)
    for number, (md5, reply) in enumerate(zip(md5s, replies, strict=True), start=1):
        seen = normalise(reply.etag) if reply.etag else None
        if seen == md5.hex() and not encryption:
            continue
        values = (f"part {number} {md5.hex()}", f"part {number} {seen}" if seen else None, "MD5")
        reason = encryption or _part_etag_reason(reply, profile)
        if reason or seen is None:
            return witness.not_comparable(name, reason or Reason.ETAG_ABSENT, *values)
        return Witness.of(reply, attempt).compared(name, values[0], f"part {number} {seen}", "MD5")
    if not profile.proves_multipart_etag:
        return witness.not_comparable(name, Reason.STORE_UNPROVEN, ours, ours, "MD5")
    return witness.compared(name, ours, ours, "MD5")


def _part_etag_reason(reply: Statement, profile: Profile) -> Reason | None:
    """Return why a part's ETag that differs is no mismatch, or None where it is one."""
    reason = etag_form_reason(reply)
    if reason:
        return reason
    if reply.etag and kind(reply.etag).form is not EtagForm.MD5:
        return Reason.ETAG_OPAQUE
    return UNCLEAR.get(profile.etag_multipart)


def _part_checksums(
    digests: DigestSet, layout: Layout, replies: Sequence[Statement], profile: Profile, attempt: int
) -> Check:
    witness, name = Witness.of(replies[-1] if replies else None, attempt), CheckName.PART_CHECKSUMS
    if len(replies) != layout.count:
        return witness.not_comparable(name, Reason.NOT_REACHED)
    stated = set(replies[0].checksums)
    for reply in replies:
        stated &= reply.checksums.keys()
    found = {each: raws for each in sorted(stated) if (raws := digests.part_raws(layout, each))}
    if not found:
        reason = next((not_computed(each) for each in sorted(stated)), Reason.CHECKSUM_ABSENT)
        return witness.not_comparable(name, reason)
    algorithm = next((each for each in found if profile.proves_checksum(each)), next(iter(found)))
    for number, (raw, reply) in enumerate(zip(found[algorithm], replies, strict=True), start=1):
        ours, seen = checksums.encode(raw), reply.checksums[algorithm]
        if ours != seen:
            return Witness.of(reply, attempt).compared(
                name, f"part {number} {ours}", f"part {number} {seen}", algorithm
            )
    value = _joined(found[algorithm])
    if not profile.proves_checksum(algorithm):
        return witness.not_comparable(name, Reason.STORE_UNPROVEN, value, value, algorithm)
    return witness.compared(name, value, value, algorithm)


def _without_digests(
    profile: Profile, first: Statement | None, later: Sequence[Statement | None], attempt: int
) -> tuple[Check, ...]:
    """Nothing was read, so nothing that the destination states can be compared but its identity."""
    witness = Witness.of(next((each for each in later if each is not None), None), attempt)
    names = (CheckName.DEST_SIZE, CheckName.DEST_ETAG, CheckName.DEST_CHECKSUM)
    return (
        *(witness.not_comparable(name, Reason.NOT_REQUESTED) for name in names),
        *_identities(profile, first, None, later, attempt),
        witness.not_comparable(CheckName.DEST_READBACK, Reason.NOT_REQUESTED),
    )


def _size(digests: DigestSet, after: Statement | None, attempt: int) -> Check:
    witness, name = Witness.of(after, attempt), CheckName.DEST_SIZE
    if after is None:
        return witness.not_comparable(name, Reason.NOT_REACHED, str(digests.size))
    if after.size is None:
        return witness.not_comparable(name, Reason.NOT_SUPPORTED, str(digests.size))
    return _unless_listed(witness.compared(name, str(digests.size), str(after.size)))


def _unless_listed(check: Check) -> Check:
    """A listing never decides against an item: its mismatch is a question for a HEAD."""
    if check.origin is not Origin.LISTING or check.outcome is not Outcome.MISMATCH:
        return check
    witness = Witness(check.origin, check.at, check.request_id, check.attempt)
    return witness.not_comparable(check.name, Reason.NOT_REACHED, check.expected, check.observed, check.algorithm)


def _etags(
    digests: DigestSet,
    layout: Layout | None,
    profile: Profile,
    write_reply: Statement | None,
    after: Statement | None,
    attempt: int,
) -> list[Check]:
    """Compare the ETag after the write, and the one in the write reply where it stands alone or contradicts."""
    encryption = encryption_reason((write_reply, after))
    stated = [each for each in (after, write_reply) if each is not None]
    checks = [_etag(digests, layout, profile, each, encryption, attempt) for each in stated]
    if not checks:
        return [Witness(attempt=attempt).not_comparable(CheckName.DEST_ETAG, Reason.NOT_REACHED)]
    return checks[:1] + [check for check in checks[1:] if check.outcome is Outcome.MISMATCH]


def _etag(
    digests: DigestSet,
    layout: Layout | None,
    profile: Profile,
    stated: Statement,
    encryption: Reason | None,
    attempt: int,
) -> Check:
    witness, name = Witness.of(stated, attempt), CheckName.DEST_ETAG
    observed = normalise(stated.etag) if stated.etag else None
    reason = encryption or etag_form_reason(stated)
    ours = _dest_etag(digests, layout, observed)
    if reason or observed is None:
        return witness.not_comparable(name, reason or Reason.ETAG_ABSENT, ours, observed, "MD5")
    if ours is None:
        reason = Reason.NOT_REQUESTED if digests.md5 is None else Reason.LAYOUT_UNKNOWN
        return witness.not_comparable(name, reason, None, observed, "MD5")
    form = kind(observed).form
    if ours == observed:
        proven = profile.proves_single_etag if form is EtagForm.MD5 else profile.proves_multipart_etag
        if not proven:
            return witness.not_comparable(name, Reason.STORE_UNPROVEN, ours, observed, "MD5")
        return witness.compared(name, ours, observed, "MD5")
    unclear = UNCLEAR.get(_written_meaning(profile, layout, form))
    if unclear:
        return witness.not_comparable(name, unclear, ours, observed, "MD5")
    return _unless_listed(witness.compared(name, ours, observed, "MD5"))


def _dest_etag(digests: DigestSet, layout: Layout | None, observed: str | None) -> str | None:
    """Return our ETag: the MD5 of the whole where that is what is stated, else by the destination's layout."""
    if layout is not None and observed != digests.md5_hex:
        return expected_etag(digests, layout)
    if observed and kind(observed).form is EtagForm.MULTIPART:
        return observed if observed in etags_in_parts(digests, kind(observed).parts) else None
    return digests.md5_hex


def _written_meaning(profile: Profile, layout: Layout | None, form: EtagForm) -> EtagMeaning:
    """Return what the ETag must be by how the object was written; a form of the other kind has no known meaning."""
    if layout is None:
        return meaning_of(profile, form)
    if layout.multipart:
        return profile.etag_multipart
    return profile.etag_single


def _stated_checksums(
    digests: DigestSet,
    layout: Layout | None,
    profile: Profile,
    write_reply: Statement | None,
    after: Statement | None,
    attempt: int,
) -> list[Check]:
    """Compare the checksums stated after the write, and those of the write reply that stand alone or contradict."""
    name = CheckName.DEST_CHECKSUM
    checks = [
        _checksum_check(each.statement, each.algorithm, each.ours, each.observed, each.reason, layout, profile, attempt)
        for each in stated_checksums((after, write_reply), digests, layout)
    ]
    if checks:
        return checks
    if after is None:
        return [Witness(attempt=attempt).not_comparable(name, Reason.NOT_REACHED)]
    listed = after.origin is Origin.LISTING
    unstated = Reason.NOT_SUPPORTED if profile.checksum_mode is False else Reason.CHECKSUM_ABSENT
    return [absent(name, Reason.NOT_REQUESTED if listed else unstated, Witness.of(after, attempt))]


def _checksum_check(
    statement: Statement,
    algorithm: str,
    ours: str | None,
    observed: str,
    reason: Reason | None,
    layout: Layout | None,
    profile: Profile,
    attempt: int,
) -> Check:
    witness, name = Witness.of(statement, attempt), CheckName.DEST_CHECKSUM
    if reason or ours is None:
        return witness.not_comparable(name, reason or Reason.CHECKSUM_ABSENT, ours, observed, algorithm)
    # A composite value is made of those of the parts, each of which was checked as it came.
    whole_of_parts = (layout is None or layout.multipart) and "-" not in observed
    if ours == observed and not profile.proves_stated_checksum(algorithm, of_parts_put_together=whole_of_parts):
        return witness.not_comparable(name, Reason.STORE_UNPROVEN, ours, observed, algorithm)
    return witness.compared(name, ours, observed, algorithm)


def _identities(
    profile: Profile,
    identity: Statement | None,
    write_reply: Statement | None,
    later: Sequence[Statement | None],
    attempt: int,
) -> list[Check]:
    first = identity or (None if profile.etag_stable is False and not _has_version(write_reply) else write_reply)
    seen = [each for each in later if each is not None]
    if first is None or not seen:
        witness = Witness.of(seen[0] if seen else None, attempt)
        return [witness.not_comparable(CheckName.DEST_IDENTITY, Reason.NOT_REACHED)]
    checks = [_identity(profile, first, each, attempt) for each in seen]
    return checks[:1] + [check for check in checks[1:] if check.outcome is not Outcome.MATCH]


def _has_version(statement: Statement | None) -> bool:
    return statement is not None and bool(statement.version_id)


def _identity(profile: Profile, first: Statement, later: Statement, attempt: int) -> Check:
    """Compare versions where both replies name one, else ETags."""
    witness, name = Witness.of(later, attempt), CheckName.DEST_IDENTITY
    by_version = bool(first.version_id and later.version_id)
    expected = identity_of(first, by_version=by_version)
    observed = identity_of(later, by_version=by_version)
    if expected is None or observed is None:
        return witness.not_comparable(name, Reason.ETAG_ABSENT, expected, observed)
    # Some stores answer a write with another ETag than they state later; unless that is ruled out it is no change.
    lasting = by_version or first.origin not in _WRITE_REPLIES or profile.etag_stable is True
    if expected != observed and not lasting and later.origin is not Origin.LISTING:
        return witness.not_comparable(name, Reason.ETAG_SEMANTICS_UNKNOWN, expected, observed)
    return _unless_listed(witness.compared(name, expected, observed))


_WRITE_REPLIES = frozenset({Origin.PUT_REPLY, Origin.COMPLETE_REPLY})
