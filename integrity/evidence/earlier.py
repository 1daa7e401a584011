"""Statements of today against the digests of an earlier record: nothing is read, what we computed then is ours.

Pure. The digests speak for the objects that were read and confirmed then, so these must be the ones still there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from integrity.etags import normalise
from integrity.evidence.checks import Check, CheckName, Outcome, Reason
from integrity.evidence.comparisons import Witness, identity_of
from integrity.evidence.dest_leg import destination_checks
from integrity.evidence.source_leg import Planned, source_checks

if TYPE_CHECKING:
    from integrity.digests import DigestSet
    from integrity.evidence.profiles import Profile
    from integrity.evidence.statements import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier verified record of an item: what we computed then, and what both stores stated then.

    `record` is its UUID, `at` when it was made (RFC 3339 in UTC). `digests` are those of the whole object, without
    parts; `made_of_parts` are our ETags and composite checksums over parts, in the store's notation.
    """

    record: str
    at: str
    digests: DigestSet
    source: Statement
    dest: Statement
    calculated_etag: str = ""
    part_count: int | None = None
    made_of_parts: frozenset[str] = frozenset()

    def covers(self, source: Statement) -> bool:
        """Say whether the source still shows the very object that was read then, as far as both replies tell."""
        return _is_same(self.source, source)


def source_checks_since(
    earlier: Earlier, planned: Planned, said: Statement, profile: Profile, *, attempt: int = 1
) -> tuple[Check, ...]:
    """Compare what the source states now with the plan and with the digests of then; nothing is read.

    Ask first whether the record `covers` what is stated. `read_length` and `source_unchanged` reach back to then.
    Never raises.
    """
    checks = source_checks(planned, said, earlier.digests, profile, attempt=attempt)
    return tuple(_of_source(check, earlier, said, attempt) for check in checks)


def dest_checks_since(
    earlier: Earlier, first: Statement, after: Statement, profile: Profile, *, attempt: int = 1
) -> tuple[Check, ...]:
    """Compare what the destination states now with the digests of then, and its identity with the one confirmed then.

    `first` and `after` are two HEADs of now. An object that took the place of the confirmed one is no mismatch by
    that alone: its digests decide, and without reading it stays unproven. Never raises.
    """
    checks = destination_checks(
        earlier.digests, None, profile, write_reply=None, after=after, identity=first, attempt=attempt
    )
    return tuple(_of_dest(check, earlier, after, profile, attempt) for check in checks)


def _of_source(check: Check, earlier: Earlier, said: Statement, attempt: int) -> Check:
    if check.name is CheckName.READ_LENGTH:
        return replace(check, at=earlier.at)
    if check.name is CheckName.SOURCE_UNCHANGED:
        return _unchanged(CheckName.SOURCE_UNCHANGED, earlier.source, said, attempt)
    ours = _of_parts(check, earlier)
    return check if ours is None else _agreed(check, ours, None)


def _of_dest(check: Check, earlier: Earlier, after: Statement, profile: Profile, attempt: int) -> Check:
    if check.name is CheckName.DEST_IDENTITY and check.outcome is Outcome.MATCH:
        return _unchanged(CheckName.DEST_IDENTITY, earlier.dest, after, attempt)
    ours = _of_parts(check, earlier)
    if ours is None:
        return check
    by_etag = check.name is CheckName.DEST_ETAG
    proven = profile.proves_multipart_etag if by_etag else profile.proves_checksum(check.algorithm or "")
    return _agreed(check, ours, None if proven else Reason.STORE_UNPROVEN)


def _of_parts(check: Check, earlier: Earlier) -> str | None:
    """Return our value over parts that a check lacked, where it is the stated one; composites may lack the `-N`."""
    if check.reason is not Reason.LAYOUT_UNKNOWN or check.observed is None:
        return None
    observed = check.observed
    values = (value for value in earlier.made_of_parts if observed in (value, value.rpartition("-")[0]))
    return min(values, default=None)


def _agreed(check: Check, ours: str, reason: Reason | None) -> Check:
    outcome = Outcome.NOT_COMPARABLE if reason else Outcome.MATCH
    return replace(check, outcome=outcome, reason=reason, expected=ours, observed=ours)


def _unchanged(name: CheckName, then: Statement, now: Statement, attempt: int) -> Check:
    """Compare an identity of then with that of now; another one is not judged without reading."""
    witness = Witness.of(now, attempt)
    if not any(_identity_pairs(then, now)):
        return witness.not_comparable(name, Reason.ETAG_ABSENT)
    if _is_same(then, now):
        by_version = bool(then.version_id and now.version_id)
        identity = str(identity_of(now, by_version=by_version))
        return witness.compared(name, identity, identity)
    return witness.not_comparable(name, Reason.NOT_REQUESTED, _words(then), _words(now))


def _is_same(then: Statement, now: Statement) -> bool:
    """Say whether two replies are about one object: all that both state is equal, at least ETag or version."""
    named = list(_identity_pairs(then, now))
    # One reply may state fractions of a second where the other does not.
    described = [(then.size, now.size), (then.last_modified[:19], now.last_modified[:19])]
    stated = [(before, after) for before, after in described if before not in (None, "") and after not in (None, "")]
    return bool(named) and all(before == after for before, after in (*named, *stated))


def _identity_pairs(then: Statement, now: Statement) -> list[tuple[str, str]]:
    pairs = [(normalise(then.etag or ""), normalise(now.etag or "")), (then.version_id, now.version_id)]
    return [(before, after) for before, after in pairs if before and after]


def _words(statement: Statement) -> str:
    version = [f"version {statement.version_id}"] if statement.version_id else []
    etag = [f"etag {normalise(statement.etag)}"] if statement.etag else []
    modified = [f"modified {statement.last_modified[:19]}"] if statement.last_modified else []
    return " ".join([*version, *etag, *modified])
