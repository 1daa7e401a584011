from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from integrity.evidence import MISMATCH_CODES, ErrorCode
from migrator.engine import errors
from migrator.engine.errors import AccessDenied, ConnectionProblem, EngineError, EvidenceMismatch, StoreFault

PAUSES = {
    "credentials_expired",
    "credentials_refused",
    "wrong_region",
    "clock_skew",
    "bucket_missing",
    "destination_full",
    "local_disk_full",
}


def tree(root: type[EngineError] = EngineError) -> Iterator[type[EngineError]]:
    for each in root.__subclasses__():
        yield each
        yield from tree(each)


def test_the_tree_and_the_closed_list_have_the_same_codes() -> None:
    raised = {each.code for each in tree() if each.code}

    assert raised | set(MISMATCH_CODES.values()) | {ErrorCode.SOURCE_SIZE_MISMATCH} == set(ErrorCode)


# What the rules mark as worth another attempt; of what a store says beside these only its own faults are.
AGAIN = {
    ErrorCode.SOURCE_SIZE_MISMATCH,
    ErrorCode.SHORT_READ,
    ErrorCode.SOURCE_ETAG_MISMATCH,
    ErrorCode.SOURCE_CHECKSUM_MISMATCH,
    ErrorCode.SOURCE_READS_DISAGREE,
    ErrorCode.PART_ETAG_MISMATCH,
    ErrorCode.PART_CHECKSUM_MISMATCH,
    ErrorCode.DIGEST_REJECTED,
    ErrorCode.DEST_SIZE_MISMATCH,
    ErrorCode.DEST_ETAG_MISMATCH,
    ErrorCode.DEST_CHECKSUM_MISMATCH,
    ErrorCode.DEST_READBACK_MISMATCH,
    ErrorCode.RANGE_MISMATCH,
    ErrorCode.SOURCE_TIMEOUT,
    ErrorCode.TOO_SLOW,
    ErrorCode.COMPLETE_FAILED,
    ErrorCode.DEST_MISSING,
    ErrorCode.THROTTLED,
    ErrorCode.ENDPOINT_UNREACHABLE,
}
# Nothing was written that could still show, so asking again shows the same.
ONLY_COMPARED = {errors.NotAtDestination, errors.VersionNotThere}


@pytest.mark.parametrize("code", [code for code in ErrorCode if code is not ErrorCode.STORE_ERROR])
def test_another_attempt_is_made_of_what_the_rules_mark_and_of_nothing_else(code: ErrorCode) -> None:
    raised = [each.retryable for each in tree() if each.code is code and each not in ONLY_COMPARED]
    if code in {*MISMATCH_CODES.values(), ErrorCode.SOURCE_SIZE_MISMATCH}:
        raised.append(EvidenceMismatch(code).retryable)

    assert set(raised) == {code in AGAIN}


def test_of_what_a_store_says_its_own_faults_and_a_race_are_worth_another_attempt() -> None:
    of_the_store = {each for each in tree() if each.code is ErrorCode.STORE_ERROR}

    again = {each for each in of_the_store if each.retryable}
    assert {each for each in again if not issubclass(each, StoreFault)} == {errors.Conflict, errors.ListingInvalid}
    assert of_the_store - again == {errors.ObjectMissing, errors.ConditionFailed, errors.UnknownAnswer}


def test_what_was_only_compared_is_not_compared_again() -> None:
    assert not [each for each in ONLY_COMPARED if each.retryable]
    assert not [code for code in MISMATCH_CODES.values() if errors.StatementsDiffer(code).retryable]


def test_the_causes_of_a_pause_are_those_of_the_rules() -> None:
    assert {each.pause_cause for each in tree(ConnectionProblem)} == PAUSES


def test_only_a_connection_problem_pauses_a_run() -> None:
    assert not [each for each in tree() if each.pause_cause and not issubclass(each, ConnectionProblem)]


def test_every_class_is_drawn_in_the_docstring() -> None:
    drawn = set(re.findall(r"\b[A-Z]\w+", errors.__doc__ or ""))

    assert {each.__name__ for each in tree()} <= drawn


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_every_advice_is_sentences_without_braces_blame_or_exclamation(kind: type[EngineError]) -> None:
    error = kind.__new__(kind)
    EngineError.__init__(error, facts={"sentence": "A sentence."})

    for words in (error.advice, error.advice_admin):
        assert words.endswith(".")
        assert "{" not in words
        assert "!" not in words
        assert not re.search(r"invalid|illegal|oops", words, re.IGNORECASE)


def test_braces_are_filled_from_the_request() -> None:
    facts = {"connection": "Archive", "verb": "write", "bucket": "cold", "permission": "s3:PutObject"}

    assert AccessDenied(facts=facts).advice == (
        '"Archive" may not write in "cold". Ask the owner of the bucket to allow s3:PutObject, then continue.'
    )


def test_a_store_s_own_words_are_cut_and_cleaned() -> None:
    error = StoreFault(store_code="Odd\x00Code", store_message="line\nfeed\u202e" + "x" * 10_000)

    assert len(error.store_message) == 500
    assert error.store_message.startswith("line feed x")
    assert error.store_code == "Odd Code"


def test_braces_in_a_store_s_words_are_not_filled_again() -> None:
    assert "{region}" in AccessDenied(facts={"bucket": "{region}"}).advice


def test_a_mismatch_carries_the_code_of_its_check() -> None:
    error = EvidenceMismatch(ErrorCode.DEST_ETAG_MISMATCH, check="ETag", side="destination")

    assert error.error_code is ErrorCode.DEST_ETAG_MISMATCH
    assert error.advice.startswith("The ETag stated by the destination differs")
