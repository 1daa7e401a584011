"""Judging: the truth table row by row, the worked examples, and the properties that must hold for any checks."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrity.evidence import (
    FIDELITY_CHECKS,
    Check,
    CheckName,
    ErrorCode,
    Origin,
    Outcome,
    Reason,
)
from integrity.verdicts import (
    INDISPENSABLE,
    DestGrade,
    Fidelity,
    Judgement,
    Policy,
    PolicyName,
    SourceGrade,
    Verdict,
    dest_grade,
    judge,
    source_grade,
)

STANDARD, STRICT = Policy(), Policy(PolicyName.STRICT)
REQUIRED = Policy(fidelity=Fidelity.REQUIRED)
POLICIES = (STANDARD, STRICT, REQUIRED, Policy(PolicyName.STRICT, Fidelity.REQUIRED))
HEX = "0123456789abcdef0123456789abcdef"


def match(name: CheckName, value: str = "v", **facts: object) -> Check:
    return Check(name=name, outcome=Outcome.MATCH, expected=value, observed=value, **facts)  # type: ignore[arg-type]


def mismatch(name: CheckName) -> Check:
    return Check(name=name, outcome=Outcome.MISMATCH, expected="1", observed="2")


def unclear(name: CheckName, reason: Reason, expected: str | None = None, observed: str | None = None) -> Check:
    return Check(name=name, outcome=Outcome.NOT_COMPARABLE, reason=reason, expected=expected, observed=observed)


BASE = tuple(match(name) for name in INDISPENSABLE)
S3 = match(CheckName.SOURCE_ETAG, HEX)
S2 = match(CheckName.SOURCE_CHECKSUM, "AAAAAA==-3", algorithm="CRC32")
KMS = unclear(CheckName.SOURCE_ETAG, Reason.SSE_KMS)
REREAD = match(CheckName.SOURCE_REREAD)
D4 = match(CheckName.DEST_READBACK)
D3 = match(CheckName.DEST_ETAG, HEX, origin=Origin.HEAD)
D2 = match(CheckName.DEST_ETAG, f"{HEX}-3", origin=Origin.HEAD)
NO_D4 = unclear(CheckName.DEST_READBACK, Reason.NOT_REQUESTED)
ECHOED = unclear(CheckName.DEST_ETAG, Reason.STORE_UNPROVEN, HEX, HEX)
FAITHFUL = tuple(match(name) for name in FIDELITY_CHECKS)
GOOD = (*BASE, S3, D3, NO_D4)


def without(checks: tuple[Check, ...], name: CheckName) -> tuple[Check, ...]:
    return tuple(check for check in checks if check.name is not name)


def test_row_1_an_operation_that_ended_in_an_error_has_failed() -> None:
    judgement = judge((*GOOD, mismatch(CheckName.DEST_SIZE)), STANDARD, ErrorCode.THROTTLED)

    assert (judgement.verdict, judgement.error_code, judgement.reason) == (Verdict.FAILED, ErrorCode.THROTTLED, None)


@pytest.mark.parametrize("name", [name for name in CheckName if name not in FIDELITY_CHECKS])
def test_row_2_a_byte_mismatch_is_never_outvoted(name: CheckName) -> None:
    wrong = mismatch(name)

    judgements = {judge((*GOOD, D4, *FAITHFUL, wrong), policy) for policy in POLICIES}

    assert {judgement.verdict for judgement in judgements} == {Verdict.FAILED}
    assert {judgement.error_code for judgement in judgements} == {
        wrong.code if name is not CheckName.READ_LENGTH else ErrorCode.SOURCE_SIZE_MISMATCH
    }


def test_row_2_of_several_the_first_by_name() -> None:
    checks = (*GOOD, mismatch(CheckName.TAGS), mismatch(CheckName.DEST_ETAG), mismatch(CheckName.SOURCE_CHECKSUM))

    assert judge(checks, REQUIRED).error_code is ErrorCode.SOURCE_CHECKSUM_MISMATCH


@pytest.mark.parametrize("name", sorted(FIDELITY_CHECKS))
def test_row_3_a_fidelity_mismatch_fails_only_where_it_is_required(name: CheckName) -> None:
    checks = (*GOOD, *without(FAITHFUL, name), mismatch(name))

    assert judge(checks, REQUIRED).error_code == f"{name}_mismatch"
    assert judge(checks, STANDARD).verdict is Verdict.VERIFIED


def test_row_3_of_several_the_first_by_name() -> None:
    checks = (*GOOD, mismatch(CheckName.ENCRYPTION), mismatch(CheckName.USER_METADATA))

    assert judge(checks, REQUIRED).error_code is ErrorCode.USER_METADATA_MISMATCH


@pytest.mark.parametrize("name", INDISPENSABLE)
def test_row_4_what_is_indispensable_must_match(name: CheckName) -> None:
    unproven = unclear(name, Reason.NOT_SUPPORTED)

    lacking = judge((*without(GOOD, name), D4, unproven), STANDARD)
    absent = judge((*without(GOOD, name), D4), STANDARD)
    both = judge((*GOOD, D4, unproven), STANDARD)

    assert {lacking.verdict, absent.verdict, both.verdict} == {Verdict.UNVERIFIED}
    assert (lacking.reason, absent.reason, both.reason) == (
        Reason.NOT_SUPPORTED,
        Reason.NOT_REACHED,
        Reason.NOT_SUPPORTED,
    )


def test_row_4_the_first_by_name_gives_the_reason() -> None:
    checks = without(without(GOOD, CheckName.DEST_SIZE), CheckName.SOURCE_UNCHANGED)
    lacking = (
        unclear(CheckName.DEST_SIZE, Reason.NOT_SUPPORTED),
        unclear(CheckName.SOURCE_UNCHANGED, Reason.NOT_REQUESTED),
    )

    assert judge((*lacking, *checks), STANDARD).reason is Reason.NOT_REQUESTED


def test_row_4_of_several_checks_of_one_name_the_first_reason_of_the_list() -> None:
    lacking = (unclear(CheckName.DEST_SIZE, Reason.CHECKSUM_ABSENT), unclear(CheckName.DEST_SIZE, Reason.SSE_C))

    assert judge((*GOOD, *lacking), STANDARD).reason is Reason.SSE_C


def test_row_5_a_weak_source_leg_has_the_reason_of_its_etag() -> None:
    judgement = judge((*BASE, KMS, D3), STANDARD)

    assert (judgement.verdict, judgement.reason) == (Verdict.UNVERIFIED, Reason.SSE_KMS)
    assert judge((*BASE, D3), STANDARD).reason is Reason.NOT_REACHED


def test_row_6_a_weak_destination_leg_has_the_reason_of_its_etag() -> None:
    opaque = unclear(CheckName.DEST_ETAG, Reason.ETAG_OPAQUE, HEX, "opaque")

    assert judge((*BASE, S3, opaque), STANDARD).reason is Reason.ETAG_OPAQUE
    assert judge((*BASE, S3, ECHOED), STANDARD).reason is Reason.STORE_UNPROVEN
    assert judge((*BASE, S3), STANDARD).reason is Reason.NOT_REACHED


def test_row_6_values_that_agree_without_counting_are_unproven() -> None:
    agreeing = unclear(CheckName.DEST_ETAG, Reason.SSE_KMS, HEX, HEX)

    assert judge((*BASE, S3, agreeing), STANDARD).reason is Reason.STORE_UNPROVEN


def test_row_6_where_the_etag_matched_the_read_back_is_missing() -> None:
    assert judge(GOOD, STRICT).reason is Reason.NOT_REQUESTED
    assert judge((*BASE, S3, D3), STRICT).reason is Reason.NOT_REACHED


@pytest.mark.parametrize("name", sorted(FIDELITY_CHECKS))
def test_row_7_required_fidelity_must_match(name: CheckName) -> None:
    rest = (*GOOD, *without(FAITHFUL, name))

    assert judge((*rest, unclear(name, Reason.NOT_COPIED)), REQUIRED).reason is Reason.NOT_COPIED
    assert judge(rest, REQUIRED).reason is Reason.NOT_REACHED
    assert judge(rest, STANDARD).verdict is Verdict.VERIFIED


def test_row_8_otherwise_it_is_verified() -> None:
    assert judge((*GOOD, *FAITHFUL), REQUIRED) == Judgement(
        verdict=Verdict.VERIFIED, source_grade=SourceGrade.S3, dest_grade=DestGrade.D3
    )
    assert judge((*GOOD, D4, *FAITHFUL), POLICIES[3]).verdict is Verdict.VERIFIED


def test_no_checks_are_never_verified() -> None:
    assert {judge((), policy).verdict for policy in POLICIES} == {Verdict.UNVERIFIED}


@pytest.mark.parametrize(
    ("checks", "grades", "standard", "strict"),
    [
        ((S3, D3), "S3/D3", "verified", "unverified"),
        ((match(CheckName.SOURCE_ETAG, f"{HEX}-3"), D2), "S3/D2", "verified", "unverified"),
        ((KMS, D3), "S1/D3", "unverified", "unverified"),
        ((KMS, REREAD, D3), "S1 reread/D3", "verified", "unverified"),
        (
            (S3, match(CheckName.DEST_CHECKSUM, "abc=", algorithm="CRC64NVME", origin=Origin.HEAD)),
            "S3/D3",
            "verified",
            "unverified",
        ),
        ((S3, match(CheckName.WRITE_DIGEST)), "S3/D2", "verified", "unverified"),
        ((S3, ECHOED), "S3/D1", "unverified", "unverified"),
        ((S2, D3), "S2/D3", "verified", "unverified"),
        ((S2, D4), "S2/D4", "verified", "unverified"),
        ((S3, D4), "S3/D4", "verified", "verified"),
        ((KMS, REREAD, D4), "S1 reread/D4", "verified", "unverified"),
    ],
)
def test_the_worked_examples(checks: tuple[Check, ...], grades: str, standard: str, strict: str) -> None:
    lenient, severe = judge((*BASE, *checks), STANDARD), judge((*BASE, *checks), STRICT)

    assert f"{lenient.source_grade}/{lenient.dest_grade}" == grades
    assert (lenient.verdict, severe.verdict) == (standard, strict)


def test_a_destination_one_byte_short_is_d0_and_failed() -> None:
    checks = (*without(GOOD, CheckName.DEST_SIZE), mismatch(CheckName.DEST_SIZE))

    judgement = judge(checks, STANDARD)

    assert judgement.badge == "Failed · S3/D0"
    assert judgement.error_code is ErrorCode.DEST_SIZE_MISMATCH


@pytest.mark.parametrize("name", INDISPENSABLE[:4])
def test_s1_needs_all_that_is_indispensable_at_the_source(name: CheckName) -> None:
    assert source_grade(without(BASE, name)) is SourceGrade.S0
    assert source_grade((*without(BASE, name), REREAD)) is SourceGrade.S0
    assert source_grade(BASE) is SourceGrade.S1


@pytest.mark.parametrize("name", INDISPENSABLE[4:])
def test_every_grade_of_the_destination_needs_size_and_identity(name: CheckName) -> None:
    assert dest_grade((*without(BASE, name), D4, D3)) is DestGrade.D0
    assert dest_grade(BASE) is DestGrade.D1


@pytest.mark.parametrize(
    ("origin", "grade"),
    [
        (Origin.HEAD, DestGrade.D3),
        (Origin.LISTING, DestGrade.D3),
        (Origin.ATTRIBUTES, DestGrade.D3),
        (Origin.GET, DestGrade.D3),
        (Origin.PUT_REPLY, DestGrade.D2),
        (Origin.COMPLETE_REPLY, DestGrade.D2),
        (None, DestGrade.D2),
    ],
)
def test_only_what_is_stated_after_the_write_is_d3(origin: Origin | None, grade: DestGrade) -> None:
    assert dest_grade((*BASE, replace(D3, origin=origin))) is grade
    assert dest_grade((*BASE, match(CheckName.DEST_CHECKSUM, "abc=", origin=origin))) is grade


@pytest.mark.parametrize(
    "check",
    [
        match(CheckName.PART_ETAGS),
        match(CheckName.PART_CHECKSUMS),
        match(CheckName.WRITE_DIGEST),
        D2,
        match(CheckName.DEST_CHECKSUM, "abc=-3", origin=Origin.HEAD),
    ],
)
def test_every_byte_attested_in_pieces_or_on_arrival_is_d2(check: Check) -> None:
    assert dest_grade((*BASE, check)) is DestGrade.D2


def test_a_source_checksum_of_the_whole_is_s3_and_of_its_parts_s2() -> None:
    assert source_grade((match(CheckName.SOURCE_CHECKSUM, "abc="),)) is SourceGrade.S3
    assert source_grade((S2,)) is SourceGrade.S2
    assert source_grade((S2, match(CheckName.SOURCE_CHECKSUM, "abc="))) is SourceGrade.S3


def test_a_text_without_a_digest_is_not_one_of_the_whole() -> None:
    assert source_grade((match(CheckName.SOURCE_CHECKSUM, ""),)) is SourceGrade.S2
    assert dest_grade((*BASE, match(CheckName.DEST_CHECKSUM, "", origin=Origin.HEAD))) is DestGrade.D2


@pytest.mark.parametrize(
    ("algorithms", "narrow"),
    [(["CRC32"], True), (["CRC32C", "CRC32"], True), (["CRC32", "CRC64NVME"], False), (["SHA256"], False)],
)
def test_a_d3_on_thirty_two_bits_is_marked(algorithms: list[str], narrow: bool) -> None:
    stated = [match(CheckName.DEST_CHECKSUM, "abc=", algorithm=name, origin=Origin.HEAD) for name in algorithms]

    judgement = judge((*BASE, S3, *stated), STANDARD)

    assert judgement.narrow is narrow
    assert judgement.badge == ("Verified · S3/D3 (32-bit)" if narrow else "Verified · S3/D3")


def test_other_grades_are_not_marked() -> None:
    crc = match(CheckName.DEST_CHECKSUM, "abc=", algorithm="CRC32", origin=Origin.HEAD)

    assert not judge((*BASE, S3, crc, D4), STANDARD).narrow
    assert not judge((*BASE, S3, crc, D3), STANDARD).narrow
    assert not judge((*BASE, S3), STANDARD).narrow


def test_only_a_verified_item_is_valid() -> None:
    assert judge(GOOD, STANDARD).is_valid
    assert not judge(GOOD, STRICT).is_valid
    assert not judge(GOOD, STANDARD, ErrorCode.STORE_ERROR).is_valid


def test_a_policy_is_read_from_plain_names_and_no_others() -> None:
    assert Policy("strict", "required") == Policy(PolicyName.STRICT, Fidelity.REQUIRED)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lenient"):
        Policy("lenient")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ignored"):
        Policy(fidelity="ignored")  # type: ignore[arg-type]


def test_grades_are_in_rising_order() -> None:
    assert [grade.value for grade in sorted(SourceGrade, key=lambda grade: grade.rank)] == [
        "S0",
        "S1",
        "S1 reread",
        "S2",
        "S3",
    ]
    assert [grade.value for grade in sorted(DestGrade, key=lambda grade: grade.rank)] == ["D0", "D1", "D2", "D3", "D4"]


VALUES = ("1", "2", HEX, f"{HEX}-3", "abc=", "abc=-3")
FACTS = st.tuples(
    st.sampled_from(CheckName),
    st.sampled_from(Outcome),
    st.sampled_from(list(permutations(VALUES, 2))),
    st.sampled_from(Reason),
    st.sampled_from([None, *Origin]),
    st.sampled_from([None, "MD5", "CRC32"]),
)


def any_check(
    facts: tuple[CheckName, Outcome, tuple[str, str], Reason, Origin | None, str | None],
) -> Check:
    name, outcome, (expected, other), reason, origin, algorithm = facts
    return Check(
        name=name,
        outcome=outcome,
        reason=reason if outcome is Outcome.NOT_COMPARABLE else None,
        expected=expected,
        observed=other if outcome is Outcome.MISMATCH else expected,
        algorithm=algorithm,
        origin=origin,
    )


OTHERS = st.lists(FACTS.map(any_check), max_size=2)
LEFT_OUT = st.sets(st.sampled_from([*INDISPENSABLE, *sorted(FIDELITY_CHECKS)]), max_size=3)
SOURCES = st.sampled_from([(), (S3,), (S2,), (KMS,), (KMS, REREAD)])
DESTINATIONS = st.sampled_from([(), (D4,), (D3, NO_D4), (D2,), (ECHOED,), (match(CheckName.WRITE_DIGEST), NO_D4)])


@st.composite
def any_checks(draw: st.DrawFn) -> tuple[Check, ...]:
    """Checks from nothing to good: what is indispensable, evidence of each grade, and any others."""
    left_out = draw(LEFT_OUT)
    kept = [check for check in (*BASE, *FAITHFUL) if check.name not in left_out]
    checks = (*kept, *draw(SOURCES), *draw(DESTINATIONS), *draw(OTHERS))
    return draw(st.sampled_from([checks, checks, checks, checks[len(kept) :]]))


RANK = {Verdict.FAILED: 0, Verdict.UNVERIFIED: 1, Verdict.VERIFIED: 2}
policies = st.sampled_from(POLICIES)
errors = st.sampled_from([None, *ErrorCode])


@given(any_checks(), policies, errors)
def test_judging_is_total_and_says_why(checks: tuple[Check, ...], policy: Policy, error: ErrorCode | None) -> None:
    judgement = judge(checks, policy, error)

    assert (judgement.error_code is not None) is (judgement.verdict is Verdict.FAILED)
    assert (judgement.reason is not None) is (judgement.verdict is Verdict.UNVERIFIED)


SEVERAL_OF_A_NAME = st.lists(st.sampled_from(Reason), max_size=4).map(
    lambda reasons: [unclear(CheckName.DEST_SIZE, reason) for reason in reasons]
)


@given(any_checks(), SEVERAL_OF_A_NAME, policies, st.randoms())
def test_the_order_of_the_checks_does_not_matter(
    some: tuple[Check, ...], others: list[Check], policy: Policy, random: Random
) -> None:
    checks = [*some, *others]
    shuffled = random.sample(checks, len(checks))

    assert judge(shuffled, policy) == judge(checks, policy)


@given(any_checks(), policies)
def test_a_mismatch_among_the_bytes_always_fails(checks: tuple[Check, ...], policy: Policy) -> None:
    wrong = [check for check in checks if check.outcome is Outcome.MISMATCH and check.name not in FIDELITY_CHECKS]

    assert not wrong or judge(checks, policy).verdict is Verdict.FAILED


def weakened(checks: tuple[Check, ...], data: st.DataObject) -> list[Check]:
    """The same checks, but that one of the matches could not be compared for some reason."""
    matches = [check for check in checks if check.outcome is Outcome.MATCH]
    lost = data.draw(st.sampled_from(matches)) if matches else None
    reason = data.draw(st.sampled_from(Reason))
    return [
        replace(check, outcome=Outcome.NOT_COMPARABLE, reason=reason) if check is lost else check for check in checks
    ]


@given(any_checks(), policies, st.data())
def test_a_match_that_becomes_not_comparable_never_raises_a_verdict(
    checks: tuple[Check, ...], policy: Policy, data: st.DataObject
) -> None:
    weaker = weakened(checks, data)

    assert RANK[judge(weaker, policy).verdict] <= RANK[judge(checks, policy).verdict]


@given(any_checks(), st.data())
def test_a_match_that_becomes_not_comparable_never_raises_a_grade(
    checks: tuple[Check, ...], data: st.DataObject
) -> None:
    weaker = weakened(checks, data)

    assert source_grade(weaker).rank <= source_grade(checks).rank
    assert dest_grade(weaker).rank <= dest_grade(checks).rank


@given(policies, errors)
def test_no_checks_are_never_verified_whatever_the_policy(policy: Policy, error: ErrorCode | None) -> None:
    assert not judge((), policy, error).is_valid


@given(any_checks(), policies, st.data())
def test_leaving_out_a_match_never_raises_a_verdict(
    checks: tuple[Check, ...], policy: Policy, data: st.DataObject
) -> None:
    kept = [check for check in checks if check.outcome is not Outcome.MATCH or data.draw(st.booleans())]

    assert RANK[judge(kept, policy).verdict] <= RANK[judge(checks, policy).verdict]


@given(any_checks())
def test_a_stricter_policy_verifies_no_more(checks: tuple[Check, ...]) -> None:
    verified = [judge(checks, policy).is_valid for policy in POLICIES]

    assert verified[0] >= verified[1]
    assert verified[0] >= verified[2] >= verified[3]
    assert verified[1] >= verified[3]


@given(any_checks(), policies, errors)
def test_grades_come_from_the_checks_alone(checks: tuple[Check, ...], policy: Policy, error: ErrorCode | None) -> None:
    judgement = judge(checks, policy, error)

    assert (judgement.source_grade, judgement.dest_grade) == (source_grade(checks), dest_grade(checks))
