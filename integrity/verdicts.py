"""The judgement on an item: a verdict, a grade for each leg, and why.

Pure, total and independent of the order of the checks. Grades come from the checks alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from integrity.evidence import (
    FIDELITY_CHECKS,
    Check,
    CheckName,
    ErrorCode,
    Origin,
    Outcome,
    Reason,
    first_mismatch,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    _Named: TypeAlias = Mapping[CheckName, Sequence["_Essence"]]


class Verdict(StrEnum):
    """What the checks of an item add up to."""

    VERIFIED = "verified"
    FAILED = "failed"
    UNVERIFIED = "unverified"


class SourceGrade(StrEnum):
    """How well it is shown that we read what the source holds; the members are in rising order."""

    S0 = "S0"
    S1 = "S1"
    S1_REREAD = "S1 reread"
    S2 = "S2"
    S3 = "S3"

    @property
    def rank(self) -> int:
        """The place in the order, 0 for the weakest."""
        return _SOURCE_ORDER.index(self)


class DestGrade(StrEnum):
    """How well it is shown that the destination holds what we sent; the members are in rising order."""

    D0 = "D0"
    D1 = "D1"
    D2 = "D2"
    D3 = "D3"
    D4 = "D4"

    @property
    def rank(self) -> int:
        """The place in the order, 0 for the weakest."""
        return _DEST_ORDER.index(self)


_SOURCE_ORDER, _DEST_ORDER = tuple(SourceGrade), tuple(DestGrade)


class PolicyName(StrEnum):
    """How much must be proven."""

    STANDARD = "standard"
    STRICT = "strict"


class Fidelity(StrEnum):
    """Whether headers, metadata and the like take part in the verdict."""

    REPORT = "report"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a run demands before an item counts as verified. Raises ValueError for a name that is none."""

    name: PolicyName = PolicyName.STANDARD
    fidelity: Fidelity = Fidelity.REPORT

    def __post_init__(self) -> None:
        """Take the names as plain text too, as options and old records hold them."""
        object.__setattr__(self, "name", PolicyName(self.name))
        object.__setattr__(self, "fidelity", Fidelity(self.fidelity))

    def source_suffices(self, grade: SourceGrade) -> bool:
        """Say whether the source leg is proven well enough."""
        least = SourceGrade.S3 if self.name is PolicyName.STRICT else SourceGrade.S1_REREAD
        return grade.rank >= least.rank

    def dest_suffices(self, grade: DestGrade) -> bool:
        """Say whether the destination leg is proven well enough."""
        least = DestGrade.D4 if self.name is PolicyName.STRICT else DestGrade.D2
        return grade.rank >= least.rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on one item. A failed one has an `error_code`, an unverified one a `reason`, never both.

    `narrow` marks a D3 that rests on CRC32 or CRC32C alone, 32 bits.
    """

    verdict: Verdict
    source_grade: SourceGrade
    dest_grade: DestGrade
    error_code: ErrorCode | None = None
    reason: Reason | None = None
    narrow: bool = False

    @property
    def is_valid(self) -> bool:
        """Whether the item is verified."""
        return self.verdict is Verdict.VERIFIED

    @property
    def badge(self) -> str:
        """Verdict and grades in words: `Verified · S3/D3`."""
        mark = " (32-bit)" if self.narrow else ""
        return f"{self.verdict.value.capitalize()} · {self.source_grade}/{self.dest_grade}{mark}"


def judge(checks: Iterable[Check], policy: Policy, operation_error: ErrorCode | None = None) -> Judgement:
    """Judge an item. The first row that applies decides:

    | # | condition                                                  | verdict    | code or reason          |
    |---|------------------------------------------------------------|------------|-------------------------|
    | 1 | the operation ended in an error                            | failed     | that code               |
    | 2 | a byte check is `mismatch`                                 | failed     | its code, first by name |
    | 3 | fidelity is `required`, a fidelity check is `mismatch`     | failed     | its code, first by name |
    | 4 | one of INDISPENSABLE is not `match`                        | unverified | its reason              |
    | 5 | the source grade is below the policy                       | unverified | reason of `source_etag` |
    | 6 | the destination grade is below the policy                  | unverified | reason of `dest_etag`   |
    | 7 | fidelity is `required`, a fidelity check is not `match`    | unverified | its reason              |
    | 8 | otherwise                                                  | verified   | none                    |

    A check that is missing counts as `not_comparable` with `not_reached`; one name may occur more than once, and
    then all of them must match. In row 6 values that agree without counting read `store_unproven`, and where the
    ETag did match the reason is that of the missing read-back.
    """
    checks = tuple(checks)
    shown = _graded(_essences(checks), policy)
    code = operation_error or _mismatch_code(checks, policy)
    reason = None if code else shown.lacks
    settled = Verdict.UNVERIFIED if reason else Verdict.VERIFIED
    return Judgement(
        verdict=Verdict.FAILED if code else settled,
        source_grade=shown.source,
        dest_grade=shown.dest,
        error_code=code,
        reason=reason,
        narrow=shown.narrow,
    )


def source_grade(checks: Iterable[Check]) -> SourceGrade:
    """Return the highest grade that the checks of the source leg reach."""
    return _source_grade(_named(_essences(checks)))


def dest_grade(checks: Iterable[Check]) -> DestGrade:
    """Return the highest grade that the checks of the destination leg reach; D0 without size and identity."""
    return _dest_grade(_named(_essences(checks)))


class _Essence(NamedTuple):
    """All that grades and reasons look at in a check: of two with one essence the one weighs what the other does.

    `is_of_whole`: the store's digest is one of the whole object, not one made of its parts' digests. `agrees`: both
    values are there and equal, whether they count or not.
    """

    name: CheckName
    outcome: Outcome
    reason: Reason | None
    algorithm: str | None
    origin: Origin | None
    is_of_whole: bool
    agrees: bool


def _essences(checks: Iterable[Check]) -> tuple[_Essence, ...]:
    return tuple(
        [
            _Essence(
                check.name,
                check.outcome,
                check.reason,
                check.algorithm,
                check.origin,
                bool(check.observed) and "-" not in (check.observed or ""),
                bool(check.expected) and check.expected == check.observed,
            )
            for check in checks
        ]
    )


class _Shown(NamedTuple):
    """What checks show under a policy: both grades, the reason of rows 4 to 7, and whether a D3 is narrow."""

    source: SourceGrade
    dest: DestGrade
    lacks: Reason | None
    narrow: bool


# The objects of a run differ in their digests and hardly ever in what is shown of them.
@lru_cache(maxsize=1024)
def _graded(essences: tuple[_Essence, ...], policy: Policy) -> _Shown:
    named = _named(essences)
    source, dest = _source_grade(named), _dest_grade(named)
    return _Shown(source, dest, _missing_proof(named, policy, source, dest), dest is DestGrade.D3 and _is_narrow(named))


_SOURCE_INDISPENSABLE = (
    CheckName.SOURCE_IDENTITY,
    CheckName.SOURCE_SIZE,
    CheckName.READ_LENGTH,
    CheckName.SOURCE_UNCHANGED,
)
INDISPENSABLE = (*_SOURCE_INDISPENSABLE, CheckName.DEST_SIZE, CheckName.DEST_IDENTITY)
# What shows that a proven store attested every byte, in pieces or on arrival.
_ATTESTING = (
    CheckName.PART_ETAGS,
    CheckName.PART_CHECKSUMS,
    CheckName.WRITE_DIGEST,
    CheckName.DEST_ETAG,
    CheckName.DEST_CHECKSUM,
)
_STATED_AFTERWARDS = frozenset({Origin.HEAD, Origin.LISTING, Origin.GET, Origin.ATTRIBUTES, Origin.READBACK})
_SHORT_ALGORITHMS = frozenset({"CRC32", "CRC32C"})


def _named(essences: Iterable[_Essence]) -> _Named:
    """Return the checks by name: from here on their order cannot matter."""
    named: dict[CheckName, list[_Essence]] = {}
    for each in essences:
        named.setdefault(each.name, []).append(each)
    return named


def _source_grade(named: _Named) -> SourceGrade:
    etags, checksums = _matches(named, CheckName.SOURCE_ETAG), _matches(named, CheckName.SOURCE_CHECKSUM)
    if etags or any(check.is_of_whole for check in checksums):
        return SourceGrade.S3
    if checksums:
        return SourceGrade.S2
    if any(_lacking(named, name) for name in _SOURCE_INDISPENSABLE):
        return SourceGrade.S0
    return SourceGrade.S1_REREAD if _matches(named, CheckName.SOURCE_REREAD) else SourceGrade.S1


def _dest_grade(named: _Named) -> DestGrade:
    if _lacking(named, CheckName.DEST_SIZE) or _lacking(named, CheckName.DEST_IDENTITY):
        return DestGrade.D0
    if _matches(named, CheckName.DEST_READBACK):
        return DestGrade.D4
    if _statements_of_whole(named):
        return DestGrade.D3
    if any(_matches(named, name) for name in _ATTESTING):
        return DestGrade.D2
    return DestGrade.D1


def _mismatch_code(checks: Iterable[Check], policy: Policy) -> ErrorCode | None:
    """Return the code of rows 2 and 3."""
    mismatches = [check for check in checks if check.outcome is Outcome.MISMATCH]
    wrong = first_mismatch(mismatches)
    if wrong is None and policy.fidelity is Fidelity.REQUIRED:
        wrong = min(mismatches, key=lambda check: _FIDELITY.index(check.name), default=None)
    return wrong.code if wrong else None


def _missing_proof(named: _Named, policy: Policy, source: SourceGrade, dest: DestGrade) -> Reason | None:
    """Return the reason of rows 4 to 7, or None where nothing is missing."""
    lacking = [reason for name in INDISPENSABLE if (reason := _lacking(named, name))]
    if lacking:
        return lacking[0]
    if not policy.source_suffices(source):
        return _lacking(named, CheckName.SOURCE_ETAG)
    if not policy.dest_suffices(dest):
        return _dest_reason(named)
    if policy.fidelity is Fidelity.REQUIRED:
        lacking = [reason for name in _FIDELITY if (reason := _lacking(named, name))]
    return lacking[0] if lacking else None


def _dest_reason(named: _Named) -> Reason | None:
    etags = named.get(CheckName.DEST_ETAG, ())
    if any(check.reason and check.agrees for check in etags):
        return Reason.STORE_UNPROVEN
    return _lacking(named, CheckName.DEST_ETAG) or _lacking(named, CheckName.DEST_READBACK)


def _lacking(named: _Named, name: CheckName) -> Reason | None:
    """Return why the checks of this name do not all match, or None where they do."""
    found = named.get(name)
    if found is None:
        return Reason.NOT_REACHED
    open_ones = [check.reason or Reason.NOT_REACHED for check in found if check.outcome is not Outcome.MATCH]
    return min(open_ones, key=list(Reason).index) if open_ones else None


def _matches(named: _Named, name: CheckName) -> list[_Essence]:
    return [check for check in named.get(name, ()) if check.outcome is Outcome.MATCH]


def _statements_of_whole(named: _Named) -> list[_Essence]:
    """Return the matches in which the destination stated, after the write, a digest of the whole object."""
    stated = _matches(named, CheckName.DEST_ETAG) + _matches(named, CheckName.DEST_CHECKSUM)
    return [check for check in stated if check.origin in _STATED_AFTERWARDS and check.is_of_whole]


def _is_narrow(named: _Named) -> bool:
    return all(check.algorithm in _SHORT_ALGORITHMS for check in _statements_of_whole(named))


_FIDELITY = tuple(name for name in CheckName if name in FIDELITY_CHECKS)
