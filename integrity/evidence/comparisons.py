"""What the comparisons of both legs share: who stated it, what an ETag may be compared with, identities.

Pure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Self

from integrity import checksums
from integrity.algorithms import ALL
from integrity.etags import EtagForm, etag_of, kind, multipart_etag, normalise
from integrity.evidence.checks import Check, CheckName, Origin, Outcome, Reason
from integrity.evidence.profiles import EtagMeaning
from integrity.evidence.statements import Encryption
from integrity.layouts import Layout
from integrity.values import plain_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from integrity.digests import DigestSet
    from integrity.evidence.profiles import Profile
    from integrity.evidence.statements import Statement


_MATCH, _MISMATCH, _NOT_COMPARABLE = Outcome.MATCH, Outcome.MISMATCH, Outcome.NOT_COMPARABLE


@plain_value
class Witness:
    """Where the observed value of a check comes from."""

    origin: Origin | None = None
    at: str = ""
    request_id: str = ""
    attempt: int = 1

    @classmethod
    def of(cls, statement: Statement | None, attempt: int) -> Self:
        """Return the witness that made this statement, or none."""
        if statement is None:
            return cls(attempt=attempt)
        return cls(statement.origin, statement.at, statement.request_id, attempt)

    def compared(self, name: CheckName, expected: str, observed: str, algorithm: str | None = None) -> Check:
        """Return a match or a mismatch of two values."""
        return Check(
            name=name,
            outcome=_MATCH if expected == observed else _MISMATCH,
            expected=expected,
            observed=observed,
            algorithm=algorithm,
            origin=self.origin,
            at=self.at,
            request_id=self.request_id,
            attempt=self.attempt,
        )

    def not_comparable(
        self,
        name: CheckName,
        reason: Reason,
        expected: str | None = None,
        observed: str | None = None,
        algorithm: str | None = None,
    ) -> Check:
        """Return a check that could not be made; both values stay on it."""
        return Check(
            name=name,
            outcome=_NOT_COMPARABLE,
            reason=reason,
            expected=expected,
            observed=observed,
            algorithm=algorithm,
            origin=self.origin,
            at=self.at,
            request_id=self.request_id,
            attempt=self.attempt,
        )


@lru_cache(maxsize=1024)
def absent(name: CheckName, reason: Reason, witness: Witness) -> Check:
    """Return a check with no value on either side. Most objects of a batch have the same ones, so they are kept."""
    return witness.not_comparable(name, reason)


# What a difference means where an ETag of that meaning was expected; a meaning that is missing here is a mismatch.
UNCLEAR = {
    EtagMeaning.OPAQUE: Reason.ETAG_OPAQUE,
    EtagMeaning.DISPROVED: Reason.ETAG_SEMANTICS_DISPROVED,
    EtagMeaning.ECHO: Reason.ETAG_SEMANTICS_UNKNOWN,
    # That others are MD5s does not tell whether this one is, and a second reading would not tell either.
    EtagMeaning.MIXED: Reason.ETAG_SEMANTICS_UNKNOWN,
    EtagMeaning.UNKNOWN: Reason.ETAG_SEMANTICS_UNKNOWN,
}


def encryption_reason(statements: Iterable[Statement | None]) -> Reason | None:
    """Return why no ETag among these replies is made from the bytes, or None; what the replies show decides."""
    shown = {statement.encryption for statement in statements if statement is not None}
    if Encryption.SSE_C in shown:
        return Reason.SSE_C
    return Reason.SSE_KMS if Encryption.SSE_KMS in shown else None


def etag_form_reason(statement: Statement) -> Reason | None:
    """Return why an ETag cannot be one that we compute, or None."""
    if not statement.etag:
        return Reason.ETAG_ABSENT
    return Reason.ETAG_OPAQUE if kind(statement.etag).form is EtagForm.OPAQUE else None


def meaning_of(profile: Profile, form: EtagForm) -> EtagMeaning:
    """Return what the profile says about ETags of this form."""
    return profile.etag_single if form is EtagForm.MD5 else profile.etag_multipart


def without_framing(coding: str) -> str:
    """Return a Content-Encoding without the framing of an upload, which is no encoding of the object."""
    codings = [each.strip() for each in coding.split(",")]
    return ", ".join(each for each in codings if each.lower() != "aws-chunked")


def etags_in_parts(digests: DigestSet, count: int) -> list[str]:
    """Return the ETags of these bytes in every computed multipart layout of so many parts."""
    layouts = [layout for layout in digests.parts if isinstance(layout, Layout)]
    fitting = [layout for layout in layouts if layout.multipart and layout.count == count]
    return [etag for layout in fitting if (etag := etag_of(digests, layout))]


def expected_etag(digests: DigestSet, layout: Layout) -> str | None:
    """Return the ETag of these bytes in this layout; one part needs no digests but the whole's."""
    if layout.multipart and layout.count == 1 and digests.md5 is not None and layout.size == digests.size:
        return multipart_etag([digests.md5])
    return etag_of(digests, layout)


@plain_value
class StatedChecksum:
    """One checksum that a store stated, beside ours of the same kind; `ours` is None with a reason."""

    statement: Statement
    algorithm: str
    observed: str
    ours: str | None
    reason: Reason | None


def stated_checksums(
    statements: Iterable[Statement | None], digests: DigestSet, layout: Layout | None
) -> Iterator[StatedChecksum]:
    """Yield each distinct checksum that the statements hold, with our value of the same type."""
    seen: set[tuple[str, str]] = set()
    for statement in statements:
        if statement is None or not statement.checksums:
            continue
        for algorithm, text in sorted(statement.checksums.items()):
            if (algorithm, text) not in seen:
                seen.add((algorithm, text))
                yield _beside_ours(statement, algorithm, text, digests, layout)


def identity_of(statement: Statement, *, by_version: bool) -> str | None:
    """Return what names this very object: `version V` where asked for, else `etag E`, or None without an ETag."""
    if by_version:
        return f"version {statement.version_id}"
    return f"etag {normalise(statement.etag)}" if statement.etag else None


def _beside_ours(
    statement: Statement, algorithm: str, text: str, digests: DigestSet, layout: Layout | None
) -> StatedChecksum:
    whole = digests.raw(algorithm)
    full = None if whole is None else checksums.encode(whole)
    stated_type = checksums.type_of(algorithm, text, statement.checksum_type)
    if stated_type is checksums.ChecksumType.COMPOSITE:
        return _composite_beside_ours(statement, algorithm, text, digests, layout)
    if stated_type is checksums.ChecksumType.FULL_OBJECT or full == text:
        ours, reason = full, None if full else not_computed(algorithm)
    else:
        ours, reason = _of_unclear_type(algorithm, statement, full)
    return StatedChecksum(statement, algorithm, text, ours, reason)


def _of_unclear_type(algorithm: str, statement: Statement, full: str | None) -> tuple[str | None, Reason | None]:
    """A single PUT has a full-object checksum; of an object in parts nothing tells which kind it is."""
    in_parts = statement.etag is None or kind(statement.etag).form is not EtagForm.MD5
    if in_parts:
        return full, Reason.CHECKSUM_TYPE_UNKNOWN
    return full, None if full else not_computed(algorithm)


def _composite_beside_ours(
    statement: Statement, algorithm: str, text: str, digests: DigestSet, layout: Layout | None
) -> StatedChecksum:
    """Compare a composite checksum with that of the told layout, or of any computed layout that gives it.

    Some stores leave out the `-N`; it is written here, so that a composite value is never taken for a full one.
    """
    values = _composites(algorithm, digests)
    given = next((value for value in values.values() if text in (value, value.partition("-")[0])), None)
    if given is not None:
        return StatedChecksum(statement, algorithm, given, given, None)
    parsed = checksums.parse(algorithm, text)
    counted = parsed.parts if parsed is not None else None
    if layout is None or counted not in (None, layout.count):
        return StatedChecksum(statement, algorithm, text, None, Reason.LAYOUT_UNKNOWN)
    observed = text if counted else f"{text}-{layout.count}"
    ours = values.get(layout)
    return StatedChecksum(statement, algorithm, observed, ours, None if ours else not_computed(algorithm))


def _composites(algorithm: str, digests: DigestSet) -> dict[Layout, str]:
    """Return the composite checksum of every computed multipart layout whose parts have this digest."""
    layouts = [each for each in digests.parts if isinstance(each, Layout) and each.multipart]
    if algorithm in checksums.FULL_OBJECT_ONLY:
        return {}
    return {
        each: checksums.composite(algorithm, raws) for each in layouts if (raws := digests.part_raws(each, algorithm))
    }


def not_computed(algorithm: str) -> Reason:
    """Return why there is no digest of ours: what we can compute was not asked for, anything else we cannot."""
    return Reason.NOT_REQUESTED if algorithm in ALL else Reason.ALGORITHM_UNAVAILABLE
