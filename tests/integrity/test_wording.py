"""Wording: it claims what the checks show and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from integrity.evidence import MISMATCH_CODES, Check, CheckName, ErrorCode, Origin, Outcome, Reason
from integrity.verdicts import Policy, judge
from integrity.wording import MISMATCH_WORDS, REASON_WORDS, SHORT_REASONS, sentences, short_reason
from tests.integrity.test_verdicts import (
    BASE,
    D2,
    D3,
    D4,
    HEX,
    KMS,
    REREAD,
    S2,
    S3,
    any_checks,
    match,
    mismatch,
    unclear,
)

NEVER = (
    "identical",
    "bit for bit",
    "end to end",
    "guarantee",
    "certif",
    "safe",
    "100 %",
    "SHA-256 verified",
    "success",
    "!",
)
TIME = "2026-05-04T10:11:12Z"
READ = match(CheckName.READ_LENGTH, "4300")
WRITTEN = unclear(CheckName.WRITE_DIGEST, Reason.NOT_REQUESTED)
FACTS = (*(check for check in BASE if check.name is not CheckName.READ_LENGTH), READ, WRITTEN)


def said(*checks: Check, policy: str = "standard", error: ErrorCode | None = None) -> str:
    judgement = judge((*FACTS, *checks), Policy(policy), error)  # type: ignore[arg-type]
    return " ".join(sentences((*FACTS, *checks), judgement))


def said_since(*checks: Check) -> str:
    """What is said where an earlier run read the bytes."""
    facts = tuple(replace(check, at=TIME) if check is READ else check for check in FACTS if check is not WRITTEN)
    return " ".join(sentences((*facts, *checks), judge((*facts, *checks), Policy())))


def test_what_an_earlier_run_read_is_never_said_to_be_read_now() -> None:
    words = said_since(S3, D3)

    assert "Nothing was read in this run: what both stores state now was compared" in words
    assert f"equals the MD5 of the 4300 bytes we read at {TIME}." in words
    assert "we sent" not in words
    assert "we did not read the object back" in words


def test_an_identity_of_then_is_not_said_to_be_watched() -> None:
    words = said_since(KMS, D3)

    assert f"Size and identity are those of the object we read at {TIME}." in words
    assert "while we read" not in words


def test_every_reason_and_every_mismatch_has_words() -> None:
    assert set(REASON_WORDS) == set(SHORT_REASONS) == set(Reason)
    assert set(MISMATCH_WORDS) == {*MISMATCH_CODES.values()}


@pytest.mark.parametrize("words", [*REASON_WORDS.values(), *MISMATCH_WORDS.values()])
def test_words_are_at_most_three_plain_sentences(words: str) -> None:
    assert words.endswith(".")
    assert words.count(". ") <= 2
    assert not [word for word in (*NEVER, "invalid", "illegal", "oops") if word in words.lower()]


def test_s3_says_what_was_equal() -> None:
    assert "The source's ETag equals the MD5 of the 4300 bytes we read." in said(S3, D3)
    assert "The source's ETag over 3 parts equals the one computed from the 4300 bytes we read." in said(
        match(CheckName.SOURCE_ETAG, f"{HEX}-3"), D3
    )
    crc = match(CheckName.SOURCE_CHECKSUM, "abc=", algorithm="CRC64NVME")
    assert "The source's CRC64NVME equals that of the 4300 bytes we read." in said(KMS, S2, crc, D3)


def test_s2_says_that_it_is_made_of_parts() -> None:
    assert "The source's CRC32 over its 3 parts equals that of the 4300 bytes we read." in said(KMS, S2, D3)


def test_s1_claims_nothing_about_content() -> None:
    text = said(KMS, D3)

    assert "Size and identity did not change while we read." in text
    assert "The source states no comparable digest: SSE-KMS." in text
    assert "equals the MD5 of the 4300 bytes" not in text


def test_two_readings_are_called_two_readings() -> None:
    assert "Two readings of the source gave the same SHA-256." in said(KMS, REREAD, D3)


def test_s0_says_that_nothing_was_shown() -> None:
    assert "It was not shown that we read what the source holds." in " ".join(sentences((), judge((), Policy())))


def test_d4_says_that_it_was_read_back_and_when() -> None:
    words = "Its SHA-256 equals that of the bytes we read from the source."

    assert f"We read the object back at {TIME}. {words}" in said(S3, replace(D4, at=TIME))
    assert f"We read the object back. {words}" in said(S3, D4)


def test_d3_names_time_version_and_digest_as_stated_by_the_store() -> None:
    identity = match(CheckName.DEST_IDENTITY, "version v7")
    checks = (*(check for check in FACTS if check.name is not CheckName.DEST_IDENTITY), identity, S3)
    stated = replace(D3, at=TIME, algorithm="MD5")

    text = " ".join(sentences((*checks, stated), judge((*checks, stated), Policy())))
    listed = replace(stated, origin=Origin.LISTING)
    listing = " ".join(sentences((*checks, listed), judge((*checks, listed), Policy())))

    assert (
        f"At {TIME} the destination stated the MD5 {HEX} for version v7, equal to the MD5 of the bytes we sent." in text
    )
    assert "as stated by the store" in text
    assert f"At {TIME} the destination's listing stated the MD5 {HEX}, equal" in listing


def test_d3_by_a_checksum_names_the_checksum_and_its_width() -> None:
    crc = match(CheckName.DEST_CHECKSUM, "abc=", algorithm="CRC32", origin=Origin.HEAD)
    early = replace(D3, origin=Origin.PUT_REPLY)

    text = said(S3, early, crc)

    assert "The destination stated the CRC32 abc=, equal to the CRC32 of the bytes we sent." in text
    assert "This rests on 32 bits." in text


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ((match(CheckName.PART_ETAGS, f"{HEX}-12"),), "The destination checked each of the 12 parts as it arrived."),
        (
            (match(CheckName.PART_CHECKSUMS, "SHA-256 of 5 part digests ab"), D2),
            "checked each of the 3 parts as it arrived.",
        ),
        (
            (match(CheckName.PART_CHECKSUMS, "SHA-256 of 5 part digests ab"),),
            "checked each of the parts as it arrived.",
        ),
        ((D2,), "The destination answered with the ETag that the bytes we sent have."),
        (
            (match(CheckName.DEST_CHECKSUM, "abc=-3", algorithm="CRC32"),),
            "The destination stated the CRC32 that the bytes we sent have.",
        ),
        (
            (match(CheckName.WRITE_DIGEST, algorithm="MD5"),),
            "The destination accepted the MD5 sent with the bytes, and it was seen to refuse",
        ),
    ],
)
def test_d2_says_how_the_bytes_were_attested(checks: tuple[Check, ...], words: str) -> None:
    text = said(S3, *checks)

    assert words in text
    assert "It states no digest of the whole object that we could compare." in text


def test_where_nothing_was_written_nothing_was_sent() -> None:
    compared = [check for check in (*FACTS, S3) if check is not WRITTEN]
    texts = [" ".join(sentences((*compared, each), judge((*compared, each), Policy()))) for each in (D2, D3)]

    assert "The destination states the ETag that the bytes we read have." in texts[0]
    assert "of the bytes we read." in texts[1]


def test_d1_says_why_no_digest_counted() -> None:
    echoed = unclear(CheckName.DEST_ETAG, Reason.STORE_UNPROVEN, HEX, HEX)

    text = said(S3, echoed)

    assert "This store has not shown that it checks what it receives" in text
    assert "No digest could be compared: the store has not shown that it checks what it receives." in text
    assert "No digest could be compared: the work ended before." in said(S3)


def test_d0_claims_nothing() -> None:
    text = said(S3, D4, mismatch(CheckName.DEST_SIZE))

    assert text.startswith("The size stated by the destination differs from that of the source's object.")
    assert "Nothing was shown about what the destination holds." in text
    assert "read the object back" not in text


def test_a_wrong_part_is_named() -> None:
    wrong = Check(
        name=CheckName.PART_ETAGS, outcome=Outcome.MISMATCH, expected=f"part 3 {HEX}", observed=f"part 3 {HEX[::-1]}"
    )

    assert "It was part 3." in said(S3, wrong)


def test_an_error_without_a_mismatch_says_that_nothing_was_copied() -> None:
    assert said(error=ErrorCode.THROTTLED).startswith("This object does not count as copied.")


def test_what_is_missing_comes_first() -> None:
    assert said(KMS, D3).startswith(REASON_WORDS[Reason.SSE_KMS])
    assert said(S3, D3, policy="strict").startswith(REASON_WORDS[Reason.NOT_REACHED])


UNPACKED = unclear(CheckName.DEST_READBACK, Reason.NOT_SUPPORTED, "a 3 bytes", "b 9 bytes")


def test_a_reading_back_in_vain_is_said_and_what_would_help() -> None:
    text = said(S3, D3, UNPACKED, policy="strict")

    assert text.startswith("We read the copy back, but the destination sent it in another form than it is stored")
    assert "we did not read the object back" not in text
    assert "when we read the copy back, it came in another encoding than it is stored in." in text
    assert short_reason(UNPACKED.name, Reason.NOT_SUPPORTED) == "it came in another encoding than it is stored in"


def test_another_question_that_a_store_does_not_know_keeps_its_words() -> None:
    lost = unclear(CheckName.DEST_SIZE, Reason.NOT_SUPPORTED)

    assert said(S3, D3, UNPACKED, lost).startswith(REASON_WORDS[Reason.NOT_SUPPORTED])
    assert short_reason(lost.name, Reason.NOT_SUPPORTED) == SHORT_REASONS[Reason.NOT_SUPPORTED]


@given(any_checks())
def test_no_checks_give_forbidden_words(checks: tuple[Check, ...]) -> None:
    for policy in (Policy(), Policy("strict", "required")):  # type: ignore[arg-type]
        text = " ".join(sentences(checks, judge(checks, policy)))
        assert text
        assert not [word for word in NEVER if word in text]


@given(any_checks())
def test_a_digest_is_claimed_only_where_its_check_matches(checks: tuple[Check, ...]) -> None:
    text = " ".join(sentences(checks, judge(checks, Policy())))
    matched = {check.name for check in checks if check.outcome is Outcome.MATCH}

    assert (
        "read the object back" not in text.replace("did not read the object back", "")
        or CheckName.DEST_READBACK in matched
    )
    assert "source's ETag equals" not in text or CheckName.SOURCE_ETAG in matched
    assert "Two readings of the source gave the same" not in text or CheckName.SOURCE_REREAD in matched
