"""Checks: they cannot claim what their values do not show, and they survive being stored."""

from __future__ import annotations

import json
from itertools import permutations

import pytest

from integrity.evidence import (
    FIDELITY_CHECKS,
    MISMATCH_CODES,
    Check,
    CheckName,
    ErrorCode,
    Origin,
    Outcome,
    Reason,
    checks_from_json,
    checks_to_json,
    first_mismatch,
)

FULL = Check(
    name=CheckName.DEST_ETAG,
    outcome=Outcome.NOT_COMPARABLE,
    reason=Reason.SSE_KMS,
    expected="a",
    observed="b",
    algorithm="MD5",
    origin=Origin.HEAD,
    at="2026-05-04T10:11:12Z",
    request_id="R1",
    attempt=3,
)


def mismatch(name: CheckName, expected: str = "1", observed: str = "2") -> Check:
    return Check(name=name, outcome=Outcome.MISMATCH, expected=expected, observed=observed)


@pytest.mark.parametrize(
    ("outcome", "reason", "expected", "observed"),
    [
        (Outcome.MATCH, None, "a", "b"),
        (Outcome.MATCH, None, None, None),
        (Outcome.MATCH, None, "a", None),
        (Outcome.MISMATCH, None, "a", "a"),
        (Outcome.MISMATCH, None, None, "a"),
        (Outcome.NOT_COMPARABLE, None, "a", "a"),
        (Outcome.MATCH, Reason.SSE_C, "a", "a"),
        (Outcome.MISMATCH, Reason.SSE_C, "a", "b"),
    ],
)
def test_a_check_cannot_claim_what_its_values_do_not_show(
    outcome: Outcome, reason: Reason | None, expected: str | None, observed: str | None
) -> None:
    with pytest.raises(ValueError, match=r"^dest_size: "):
        Check(name=CheckName.DEST_SIZE, outcome=outcome, reason=reason, expected=expected, observed=observed)


def test_every_check_has_a_code_for_its_mismatch() -> None:
    assert set(MISMATCH_CODES) == set(CheckName)
    assert all(MISMATCH_CODES[name] == f"{name}_mismatch" for name in FIDELITY_CHECKS)


@pytest.mark.parametrize(
    ("observed", "code"),
    [("9", ErrorCode.SHORT_READ), ("11", ErrorCode.SOURCE_SIZE_MISMATCH), ("", ErrorCode.SHORT_READ)],
)
def test_a_read_that_is_too_long_is_no_short_read(observed: str, code: ErrorCode) -> None:
    assert mismatch(CheckName.READ_LENGTH, "10", observed).code is code


def test_a_length_that_is_no_number_is_a_short_read() -> None:
    assert mismatch(CheckName.READ_LENGTH, "0", "abc").code is ErrorCode.SHORT_READ
    assert mismatch(CheckName.READ_LENGTH, "abc", "0").code is ErrorCode.SHORT_READ


def test_only_a_mismatch_has_a_code() -> None:
    assert FULL.code is None
    assert mismatch(CheckName.SOURCE_REREAD).code is ErrorCode.SOURCE_READS_DISAGREE


def test_the_first_mismatch_is_the_first_by_name_whatever_the_order() -> None:
    checks = (mismatch(CheckName.TAGS), mismatch(CheckName.DEST_SIZE), mismatch(CheckName.SOURCE_ETAG), FULL)

    assert {first_mismatch(order) for order in permutations(checks)} == {checks[2]}


def test_of_two_mismatches_of_one_name_the_order_does_not_matter() -> None:
    short, long = mismatch(CheckName.READ_LENGTH, "5", "4"), mismatch(CheckName.READ_LENGTH, "5", "6")

    assert first_mismatch([short, long]) == first_mismatch([long, short]) == short


def test_a_fidelity_mismatch_says_nothing_about_bytes() -> None:
    assert first_mismatch([mismatch(name) for name in FIDELITY_CHECKS]) is None
    assert first_mismatch([]) is None


def test_checks_survive_being_stored() -> None:
    checks = (
        FULL,
        mismatch(CheckName.READ_LENGTH),
        Check(name=CheckName.TAGS, outcome=Outcome.MATCH, expected="", observed=""),
    )

    stored = json.loads(json.dumps(checks_to_json(checks)))

    assert checks_from_json(stored) == checks


def test_stored_checks_have_the_fields_of_the_api() -> None:
    assert checks_to_json([FULL]) == [
        {
            "name": "dest_etag",
            "outcome": "not_comparable",
            "reason": "sse_kms",
            "expected": "a",
            "observed": "b",
            "algorithm": "MD5",
            "origin": "head",
            "at": "2026-05-04T10:11:12Z",
            "request_id": "R1",
            "attempt": 3,
        }
    ]


def test_a_stored_check_may_leave_out_what_is_absent() -> None:
    (read,) = checks_from_json([{"name": "tags", "outcome": "not_comparable", "reason": "not_copied"}])

    assert (read.expected, read.algorithm, read.origin, read.at, read.attempt) == (None, None, None, "", 1)


def test_a_forged_match_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="two equal values"):
        checks_from_json([{"name": "dest_etag", "outcome": "match", "expected": "a", "observed": "b"}])
