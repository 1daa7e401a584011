"""The source leg: did we read what the source holds?

Pure. `expected` is what was planned or what we computed, `observed` what the source said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrity.etags import EtagForm, kind, normalise
from integrity.evidence.checks import Check, CheckName, Outcome, Reason
from integrity.evidence.comparisons import (
    UNCLEAR,
    Witness,
    absent,
    encryption_reason,
    etag_form_reason,
    etags_in_parts,
    expected_etag,
    meaning_of,
    stated_checksums,
)
from integrity.values import named_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from integrity.digests import DigestSet
    from integrity.evidence.profiles import Profile
    from integrity.evidence.statements import Statement
    from integrity.layouts import Layout


@named_value
class Planned:
    """The identity that the plan pins: ETag as the store wrote it, size in bytes, version or empty."""

    etag: str
    size: int
    version_id: str = ""


def source_checks(
    planned: Planned,
    got: Statement,
    digests: DigestSet | None,
    profile: Profile,
    *,
    layout: Layout | None = None,
    head: Statement | None = None,
    after: Statement | None = None,
    if_match_honoured: bool | None = None,
    reread_sha256: str | None = None,
    unread: Reason = Reason.NOT_REACHED,
    attempt: int = 1,
) -> tuple[Check, ...]:
    """Compare what the source said with the plan and with the digests of what was read.

    `got` is the reply to the GET, `head` a HEAD before it, `after` a HEAD after the last byte. `layout` is the part
    layout that the *source told*; layouts that were only inferred are those in `digests.parts`: one of them that
    gives the stated value is proof, none that does proves nothing. `digests` is None where nothing was read, and
    `unread` says why. `reread_sha256` is the hex SHA-256 of a second full read. Never raises.
    """
    identity = [_identity(planned, each, attempt) for each in (got, head) if each is not None]
    sizes = _sizes(planned, got, head, attempt)
    etag = _etag(got, head, digests, profile, layout, unread, attempt)
    sums = _checksums((got, head), digests, profile, layout, unread, attempt)
    proven = any(check.outcome is Outcome.MATCH for check in (etag, *sums))
    pinned = proven and (profile.if_match_get is True if if_match_honoured is None else if_match_honoured)
    return (
        *_worst(identity),
        *sizes,
        _read_length(planned, digests, unread, attempt),
        etag,
        *sums,
        _reread(digests, reread_sha256, (etag, *sums), attempt),
        _unchanged(planned, got, after, pinned, attempt),
    )


def _identity(planned: Planned, reply: Statement, attempt: int) -> Check:
    """Compare ETag and version in the plan with those in a reply; what the plan does not pin is not asked."""
    witness, name = Witness.of(reply, attempt), CheckName.SOURCE_IDENTITY
    expected = _pinned(planned.etag, planned.version_id)
    observed = _pinned(reply.etag, reply.version_id if planned.version_id else "")
    if planned.version_id and not reply.version_id:
        return witness.not_comparable(name, Reason.NOT_SUPPORTED, expected, observed)
    if not planned.etag and not planned.version_id:
        return witness.not_comparable(name, Reason.ETAG_ABSENT, None, observed)
    if not planned.etag:
        observed = _pinned(None, reply.version_id)
    elif not reply.etag:
        return witness.not_comparable(name, Reason.ETAG_ABSENT, expected, observed)
    return witness.compared(name, str(expected), str(observed))


def _pinned(etag: str | None, version_id: str) -> str | None:
    words = [f"etag {normalise(etag)}"] if etag else []
    if version_id:
        words.append(f"version {version_id}")
    return " ".join(words) or None


def _worst(checks: list[Check]) -> list[Check]:
    """Keep the first of several checks of one name, and what contradicts it."""
    return checks[:1] + [check for check in checks[1:] if check.outcome is Outcome.MISMATCH]


def _sizes(planned: Planned, got: Statement, head: Statement | None, attempt: int) -> list[Check]:
    name, expected = CheckName.SOURCE_SIZE, str(planned.size)
    stated = [each for each in (got, head) if each is not None and each.size is not None]
    if not stated:
        return [Witness.of(got, attempt).not_comparable(name, Reason.NOT_SUPPORTED, expected)]
    return _worst([Witness.of(each, attempt).compared(name, expected, str(each.size)) for each in stated])


def _read_length(planned: Planned, digests: DigestSet | None, unread: Reason, attempt: int) -> Check:
    witness, name = Witness(attempt=attempt), CheckName.READ_LENGTH
    if digests is None:
        return witness.not_comparable(name, unread, str(planned.size))
    return witness.compared(name, str(planned.size), str(digests.size))


def _etag(
    got: Statement,
    head: Statement | None,
    digests: DigestSet | None,
    profile: Profile,
    layout: Layout | None,
    unread: Reason,
    attempt: int,
) -> Check:
    """Compare the source's ETag with ours.

    An ETag that equals ours needs nothing else: it is proof. One that differs is a mismatch only where it is known
    what this bucket's ETags are made of.
    """
    stated = head if head is not None and not got.etag else got
    witness, name = Witness.of(stated, attempt), CheckName.SOURCE_ETAG
    observed = normalise(stated.etag) if stated.etag else None
    reason = encryption_reason((got, head)) or etag_form_reason(stated)
    if digests is None:
        return witness.not_comparable(name, reason or unread, None, observed, "MD5")
    if reason or observed is None:
        return witness.not_comparable(name, reason or Reason.ETAG_ABSENT, digests.md5_hex, observed, "MD5")
    if digests.md5 is None:
        return witness.not_comparable(name, Reason.NOT_REQUESTED, None, observed, "MD5")
    found = kind(observed)
    ours = digests.md5_hex
    if found.form is EtagForm.MULTIPART:
        if observed in etags_in_parts(digests, found.parts):
            return witness.compared(name, observed, observed, "MD5")
        told = layout is not None and layout.multipart and layout.count == found.parts
        ours = expected_etag(digests, layout) if layout is not None and told else None
    if ours is None:
        return witness.not_comparable(name, Reason.LAYOUT_UNKNOWN, None, observed, "MD5")
    unclear = UNCLEAR.get(meaning_of(profile, found.form))
    if ours != observed and unclear is not None:
        return witness.not_comparable(name, unclear, ours, observed, "MD5")
    return witness.compared(name, ours, observed, "MD5")


def _checksums(
    replies: tuple[Statement | None, ...],
    digests: DigestSet | None,
    profile: Profile,
    layout: Layout | None,
    unread: Reason,
    attempt: int,
) -> list[Check]:
    """Compare every checksum that the source states. Its notation says what it is, so a difference is a mismatch."""
    name = CheckName.SOURCE_CHECKSUM
    if digests is None:
        return [Witness(attempt=attempt).not_comparable(name, unread)]
    checks = []
    for stated in stated_checksums(replies, digests, layout):
        witness = Witness.of(stated.statement, attempt)
        values = (stated.ours, stated.observed, stated.algorithm)
        if stated.reason is not None or stated.ours is None:
            reason = stated.reason or Reason.CHECKSUM_ABSENT
            checks.append(witness.not_comparable(name, reason, *values))
        else:
            checks.append(witness.compared(name, stated.ours, stated.observed, stated.algorithm))
    reason = Reason.NOT_SUPPORTED if profile.checksum_mode is False else Reason.CHECKSUM_ABSENT
    return checks or [absent(name, reason, Witness(attempt=attempt))]


def _reread(digests: DigestSet | None, reread_sha256: str | None, stated: Sequence[Check], attempt: int) -> Check:
    """Compare two readings.

    Data that rotted at the source reads the same twice. So where the source states a value that may well be one of
    the bytes, which differs from ours, and nothing shows what it means, two equal readings settle nothing.
    """
    witness, name = Witness(attempt=attempt), CheckName.SOURCE_REREAD
    ours = digests.sha256_hex if digests is not None else None
    if ours is None or reread_sha256 is None:
        return absent(name, Reason.NOT_REQUESTED, witness)
    doubt = next((check.reason for check in stated if _is_doubt(check)), None)
    if ours == reread_sha256 and doubt is not None:
        return witness.not_comparable(name, doubt, ours, reread_sha256, "SHA256")
    return witness.compared(name, ours, reread_sha256, "SHA256")


def _is_doubt(check: Check) -> bool:
    """Say whether a statement that was not compared may well contradict; what a task leaves out is not lifted so."""
    if check.reason is Reason.NOT_REQUESTED:
        return check.name is CheckName.SOURCE_ETAG and check.observed is not None
    return check.reason in _DOUBTS


# The store states something that looks like a digest and differs from ours: bytes that were damaged on their way
# the same way twice look just like that, so a second reading lifts none of these.
_DOUBTS = frozenset({Reason.ETAG_SEMANTICS_UNKNOWN, Reason.ETAG_SEMANTICS_DISPROVED, Reason.CHECKSUM_TYPE_UNKNOWN})


def _unchanged(planned: Planned, got: Statement, after: Statement | None, pinned: bool, attempt: int) -> Check:
    """Compare the identity before and after reading.

    A HEAD afterwards decides where there is one. Without it a pinned version suffices, or a digest that matched
    under an If-Match that this store honours.
    """
    name = CheckName.SOURCE_UNCHANGED
    if after is not None:
        return unchanged_check(got, after, attempt=attempt)
    witness = Witness.of(got, attempt)
    if planned.version_id and got.version_id:
        return witness.compared(name, f"version {planned.version_id}", f"version {got.version_id}")
    if pinned and planned.etag and got.etag:
        return witness.compared(name, f"etag {normalise(planned.etag)}", f"etag {normalise(got.etag)}")
    return witness.not_comparable(name, Reason.NOT_REQUESTED)


def unchanged_check(got: Statement, after: Statement, *, attempt: int = 1) -> Check:
    """Compare all that both replies state: ETag, version, size and time. At least the ETag or the version must be."""
    witness, name = Witness.of(after, attempt), CheckName.SOURCE_UNCHANGED
    pairs = [
        ("etag", normalise(got.etag or ""), normalise(after.etag or "")),
        ("version", got.version_id, after.version_id),
        ("size", _stated_size(got), _stated_size(after)),
        ("modified", got.last_modified, after.last_modified),
    ]
    stated = [(word, before, now) for word, before, now in pairs if before and now]
    if not any(word in ("etag", "version") for word, _, _ in stated):
        return witness.not_comparable(name, Reason.ETAG_ABSENT)
    before_words = " ".join(f"{word} {before}" for word, before, _ in stated)
    return witness.compared(name, before_words, " ".join(f"{word} {now}" for word, _, now in stated))


def _stated_size(statement: Statement) -> str:
    """Return the size in bytes as text, empty where the reply states none: absence is no change."""
    return "" if statement.size is None else str(statement.size)
