"""The destination leg: what agrees counts only at a proven store, and a listing never decides against an item."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrity.checksums import composite, encode
from integrity.digests import PartDigest, digest_of
from integrity.etags import etag_of
from integrity.evidence import (
    Check,
    CheckName,
    Encryption,
    ErrorCode,
    EtagMeaning,
    Origin,
    Outcome,
    Profile,
    Proof,
    ReadBack,
    Reason,
    Statement,
    came_transcoded,
    destination_checks,
    needs_head,
    write_checks,
)
from integrity.layouts import Layout
from integrity.verdicts import DestGrade, dest_grade
from tests.integrity.evidence.facts import (
    DATA,
    DIGESTS,
    MD5,
    NOW,
    PARTS,
    PROVEN,
    SHA256,
    SINGLE,
    SIZE,
    UNKNOWN,
    only,
    outcome,
    said,
)

MATCH, MISMATCH = Outcome.MATCH, Outcome.MISMATCH
PARTS_ETAG = etag_of(DIGESTS, PARTS) or ""
WRONG = "0" * 32
CRC = encode(DIGESTS.raw("CRC64NVME") or b"")
CRC32 = encode(DIGESTS.raw("CRC32") or b"")
PUT, HEAD, LISTED, DONE = said(Origin.PUT_REPLY), said(Origin.HEAD), said(Origin.LISTING), said(Origin.COMPLETE_REPLY)
ETAG, SUM, IDENTITY = CheckName.DEST_ETAG, CheckName.DEST_CHECKSUM, CheckName.DEST_IDENTITY
ECHO = replace(PROVEN, etag_single=EtagMeaning.ECHO, content_md5=Proof.IGNORES)


def held(
    after: Statement | None = HEAD,
    *,
    write_reply: Statement | None = PUT,
    profile: Profile = PROVEN,
    layout: Layout | None = SINGLE,
    identity: Statement | None = None,
    readback: ReadBack | None = None,
) -> tuple[Check, ...]:
    return destination_checks(
        DIGESTS, layout, profile, write_reply=write_reply, after=after, identity=identity, readback=readback
    )


def part_replies(**changes: object) -> list[Statement]:
    parts: tuple[PartDigest, ...] = DIGESTS.parts[PARTS]
    return [
        said(
            Origin.PART_REPLY,
            etag=(part.md5 or b"").hex(),
            checksums={"CRC64NVME": encode(part.raw("CRC64NVME") or b"")},
        )
        for part in parts[:-1]
    ] + [
        said(
            Origin.PART_REPLY,
            **(
                {
                    "etag": (parts[-1].md5 or b"").hex(),
                    "checksums": {"CRC64NVME": encode(parts[-1].raw("CRC64NVME") or b"")},
                }
                | changes
            ),
        )
    ]


def test_a_plain_object_at_a_proven_store_is_d3() -> None:
    checks = held()

    assert dest_grade(checks) is DestGrade.D3
    assert (only(checks, ETAG).origin, only(checks, ETAG).at) == (Origin.HEAD, NOW)


def test_a_listing_confirms_as_well_as_a_head() -> None:
    checks = held(LISTED)

    assert dest_grade(checks) is DestGrade.D3
    assert not needs_head(checks)


def test_an_etag_that_agrees_at_an_unproven_store_proves_nothing() -> None:
    for profile in (
        UNKNOWN,
        ECHO,
        replace(PROVEN, content_md5=Proof.UNKNOWN),
        replace(PROVEN, etag_single=EtagMeaning.OPAQUE),
    ):
        assert outcome(held(profile=profile), ETAG) is Reason.STORE_UNPROVEN
        assert dest_grade(held(profile=profile)).rank <= DestGrade.D1.rank


@pytest.mark.parametrize(
    ("meaning", "result"),
    [
        (EtagMeaning.MD5, MISMATCH),
        (EtagMeaning.UNKNOWN, Reason.ETAG_SEMANTICS_UNKNOWN),
        (EtagMeaning.ECHO, Reason.ETAG_SEMANTICS_UNKNOWN),
        (EtagMeaning.OPAQUE, Reason.ETAG_OPAQUE),
        (EtagMeaning.DISPROVED, Reason.ETAG_SEMANTICS_DISPROVED),
    ],
)
def test_an_md5_that_differs_means_what_the_profile_says(meaning: EtagMeaning, result: Outcome | Reason) -> None:
    wrong = replace(HEAD, etag=WRONG)

    assert outcome(held(wrong, write_reply=None, profile=Profile(etag_single=meaning)), ETAG) is result


@pytest.mark.parametrize(
    ("meaning", "etag", "result"),
    [
        (EtagMeaning.FORMULA, PARTS_ETAG, MATCH),
        (EtagMeaning.FORMULA, f"{WRONG}-5", MISMATCH),
        (EtagMeaning.FORMULA, f"{WRONG}-2", MISMATCH),
        (EtagMeaning.UNKNOWN, f"{WRONG}-5", Reason.ETAG_SEMANTICS_UNKNOWN),
        (EtagMeaning.OPAQUE, f"{WRONG}-5", Reason.ETAG_OPAQUE),
        (EtagMeaning.OPAQUE, PARTS_ETAG, Reason.STORE_UNPROVEN),
        (EtagMeaning.FORMULA, MD5, MATCH),
        (EtagMeaning.FORMULA, WRONG, MISMATCH),
        (EtagMeaning.UNKNOWN, WRONG, Reason.ETAG_SEMANTICS_UNKNOWN),
    ],
)
def test_an_object_written_in_parts_has_its_etag_by_our_layout(
    meaning: EtagMeaning, etag: str, result: Outcome | Reason
) -> None:
    profile = replace(PROVEN, etag_multipart=meaning)

    checks = held(said(Origin.HEAD, etag=etag), write_reply=None, layout=PARTS, profile=profile)

    assert outcome(checks, ETAG) is result


def test_a_multipart_etag_at_a_proven_store_is_d2() -> None:
    reply = said(Origin.COMPLETE_REPLY, etag=PARTS_ETAG)

    assert dest_grade(held(said(Origin.HEAD, etag=PARTS_ETAG), write_reply=reply, layout=PARTS)) is DestGrade.D2


@pytest.mark.parametrize(
    ("etag", "result"), [(MD5, MATCH), (PARTS_ETAG, MATCH), (f"{WRONG}-5", Reason.LAYOUT_UNKNOWN), (WRONG, MISMATCH)]
)
def test_an_object_that_we_did_not_write_has_the_layout_that_fits(etag: str, result: Outcome | Reason) -> None:
    first = said(Origin.HEAD, etag=etag)

    assert outcome(held(first, write_reply=None, identity=first, layout=None), ETAG) is result


def test_a_multipart_etag_differing_at_a_single_put_is_a_mismatch_at_a_known_store() -> None:
    assert outcome(held(said(Origin.HEAD, etag=f"{WRONG}-1"), write_reply=None), ETAG) is MISMATCH


@pytest.mark.parametrize("encryption", [Encryption.SSE_KMS, Encryption.SSE_C])
@pytest.mark.parametrize("etag", [MD5, WRONG])
def test_encryption_of_either_reply_decides_before_the_etag(encryption: Encryption, etag: str) -> None:
    encrypted = replace(PUT, encryption=encryption, etag=etag)

    checks = held(replace(LISTED, etag=etag), write_reply=encrypted)

    assert outcome(checks, ETAG) == encryption.value


def test_a_checksum_proves_what_an_encrypted_etag_cannot() -> None:
    kms = replace(HEAD, encryption=Encryption.SSE_KMS, checksums={"CRC64NVME": CRC}, checksum_type="FULL_OBJECT")

    assert dest_grade(held(kms)) is DestGrade.D3


@pytest.mark.parametrize(("etag", "reason"), [(None, Reason.ETAG_ABSENT), ("0x8D", Reason.ETAG_OPAQUE)])
def test_an_etag_that_is_no_digest_has_its_reason(etag: str | None, reason: Reason) -> None:
    assert outcome(held(replace(HEAD, etag=etag)), ETAG) is reason


def test_an_opaque_etag_that_stays_the_same_is_an_identity_and_no_digest() -> None:
    checks = held(replace(LISTED, etag="opaque"), write_reply=replace(PUT, etag="opaque"))

    assert dest_grade(checks) is DestGrade.D1
    assert outcome(checks, IDENTITY) is MATCH


def test_a_digest_that_was_left_out_by_option_is_not_requested() -> None:
    digests = digest_of(DATA, algorithms=frozenset())

    checks = destination_checks(digests, SINGLE, PROVEN, write_reply=PUT, after=HEAD)

    assert outcome(checks, ETAG) is Reason.NOT_REQUESTED
    assert outcome(checks, CheckName.DEST_READBACK) is Reason.NOT_REQUESTED


def test_a_write_reply_that_contradicts_is_a_mismatch_of_its_own() -> None:
    checks = held(HEAD, write_reply=replace(PUT, etag=WRONG))

    assert [(check.outcome, check.origin) for check in checks if check.name is ETAG] == [
        (MATCH, Origin.HEAD),
        (MISMATCH, Origin.PUT_REPLY),
    ]


def test_without_a_confirmation_the_write_reply_is_all_there_is() -> None:
    checks = held(None)

    assert outcome(checks, ETAG) is MATCH
    assert {outcome(checks, name) for name in (CheckName.DEST_SIZE, SUM, IDENTITY)} == {Reason.NOT_REACHED}
    assert dest_grade(checks) is DestGrade.D0
    assert outcome(held(None, write_reply=None), ETAG) is Reason.NOT_REACHED


@pytest.mark.parametrize(
    ("size", "result"), [(SIZE, MATCH), (SIZE - 1, MISMATCH), (SIZE + 1, MISMATCH), (None, Reason.NOT_SUPPORTED)]
)
def test_the_size_is_what_the_destination_states(size: int | None, result: Outcome | Reason) -> None:
    checks = held(replace(HEAD, size=size))

    assert outcome(checks, CheckName.DEST_SIZE) is result
    assert (dest_grade(checks) is DestGrade.D0) is (result is not MATCH)


def test_a_listing_never_decides_against_an_item() -> None:
    checks = held(replace(LISTED, size=SIZE + 16, etag=WRONG))

    assert {outcome(checks, name) for name in (CheckName.DEST_SIZE, ETAG, IDENTITY)} == {Reason.NOT_REACHED}
    assert needs_head(checks)
    assert Outcome.MISMATCH not in {check.outcome for check in checks}


@pytest.mark.parametrize(
    ("listed", "changes"),
    [
        pytest.param({"etag": None}, {}, id="no ETag in the listing"),
        pytest.param({"etag": "opaque"}, {"write_reply": replace(PUT, etag="opaque")}, id="an opaque ETag"),
        pytest.param({}, {"write_reply": replace(PUT, etag=None)}, id="no ETag in the write reply"),
        pytest.param({}, {"write_reply": replace(PUT, encryption=Encryption.SSE_KMS)}, id="SSE-KMS"),
        pytest.param({}, {"write_reply": replace(PUT, encryption=Encryption.SSE_C)}, id="SSE-C"),
        pytest.param({}, {"profile": UNKNOWN}, id="an unproven store"),
        pytest.param({"size": None}, {}, id="no size"),
    ],
)
def test_what_a_listing_does_not_settle_is_asked_for_by_a_head(listed: dict[str, Any], changes: dict[str, Any]) -> None:
    assert needs_head(held(replace(LISTED, **listed), **changes))
    assert not needs_head(held(replace(HEAD, **listed), **changes))


def test_nothing_found_is_not_a_question_for_a_listing() -> None:
    assert not needs_head(held(None))
    assert not needs_head(held(replace(HEAD, size=1)))


@pytest.mark.parametrize(
    ("algorithm", "text", "proof", "result"),
    [
        ("CRC64NVME", CRC, Proof.REJECTS, MATCH),
        ("CRC64NVME", CRC, Proof.ECHOES, Reason.STORE_UNPROVEN),
        ("CRC64NVME", "AAAAAAAAAAA=", Proof.REJECTS, MISMATCH),
        ("CRC64NVME", "AAAAAAAAAAA=", Proof.UNKNOWN, MISMATCH),
        ("BLAKE3", "abc=", Proof.REJECTS, Reason.ALGORITHM_UNAVAILABLE),
        ("SHA1", "abc=", Proof.REJECTS, Reason.NOT_REQUESTED),
    ],
)
def test_a_stated_checksum_is_compared(algorithm: str, text: str, proof: Proof, result: Outcome | Reason) -> None:
    after = replace(HEAD, checksums={algorithm: text}, checksum_type="FULL_OBJECT")

    assert outcome(held(after, profile=replace(PROVEN, checksums={algorithm: proof})), SUM) is result


@pytest.mark.parametrize(
    ("layout", "proof", "result"),
    [
        (SINGLE, Proof.UNKNOWN, MATCH),
        (PARTS, Proof.REJECTS, MATCH),
        (PARTS, Proof.IGNORES, Reason.STORE_UNPROVEN),
        (PARTS, Proof.UNKNOWN, Reason.STORE_UNPROVEN),
        (None, Proof.REJECTS, MATCH),
        (None, Proof.IGNORES, Reason.STORE_UNPROVEN),
    ],
)
def test_a_checksum_of_parts_put_together_counts_where_a_complete_checks_it(
    layout: Layout | None, proof: Proof, result: Outcome | Reason
) -> None:
    after = replace(HEAD, checksums={"CRC64NVME": CRC}, checksum_type="FULL_OBJECT")

    assert outcome(held(after, layout=layout, profile=replace(PROVEN, complete_checksum=proof)), SUM) is result


def test_a_composite_checksum_needs_no_more_than_that_each_part_was_checked() -> None:
    text = composite("CRC32", DIGESTS.part_raws(PARTS, "CRC32") or ())
    after = said(Origin.HEAD, etag="x", checksums={"CRC32": text}, checksum_type="COMPOSITE")
    profile = replace(PROVEN, complete_checksum=Proof.IGNORES)

    assert outcome(held(after, layout=PARTS, profile=profile), SUM) is MATCH


def test_a_checksum_of_the_write_reply_alone_is_attested_on_arrival() -> None:
    opaque = replace(PUT, etag="opaque", checksums={"CRC64NVME": CRC}, checksum_type="FULL_OBJECT")

    assert dest_grade(held(replace(HEAD, etag="opaque"), write_reply=opaque)) is DestGrade.D2


@pytest.mark.parametrize(
    ("after", "mode", "reason"),
    [
        (LISTED, None, Reason.NOT_REQUESTED),
        (HEAD, None, Reason.CHECKSUM_ABSENT),
        (HEAD, False, Reason.NOT_SUPPORTED),
    ],
)
def test_no_checksum_has_its_reason(after: Statement, mode: bool | None, reason: Reason) -> None:
    assert outcome(held(after, profile=replace(PROVEN, checksum_mode=mode)), SUM) is reason


@pytest.mark.parametrize(
    ("reply", "after", "result"),
    [
        ({"version_id": "v1"}, {"version_id": "v1", "etag": "changed"}, MATCH),
        ({"version_id": "v1"}, {"version_id": "v2"}, MISMATCH),
        ({"version_id": "v1"}, {}, MATCH),
        ({}, {"version_id": "v2"}, MATCH),
        ({}, {"etag": WRONG}, MISMATCH),
        ({"etag": None}, {}, Reason.ETAG_ABSENT),
        ({}, {"etag": None}, Reason.ETAG_ABSENT),
    ],
)
def test_the_identity_is_the_version_else_the_etag(
    reply: dict[str, str], after: dict[str, str], result: Outcome | Reason
) -> None:
    checks = held(said(Origin.HEAD, **after), write_reply=said(Origin.PUT_REPLY, **reply))

    assert outcome(checks, IDENTITY) is result


@pytest.mark.parametrize("reply", [PUT, DONE])
def test_an_etag_that_may_not_last_is_no_sign_of_a_change(reply: Statement) -> None:
    profile = replace(PROVEN, etag_stable=None)

    assert outcome(held(replace(HEAD, etag=WRONG), write_reply=reply, profile=profile, layout=PARTS), IDENTITY) is (
        Reason.ETAG_SEMANTICS_UNKNOWN
    )
    assert outcome(held(HEAD, write_reply=reply, profile=profile), IDENTITY) is MATCH


def test_where_etags_of_writes_do_not_last_the_first_head_is_the_identity() -> None:
    profile = replace(PROVEN, etag_stable=False)
    versioned = replace(PUT, version_id="v1")

    assert outcome(held(profile=profile), IDENTITY) is Reason.NOT_REACHED
    assert outcome(held(profile=profile, identity=HEAD), IDENTITY) is MATCH
    assert outcome(held(replace(HEAD, etag=WRONG), profile=profile, identity=HEAD), IDENTITY) is MISMATCH
    assert outcome(held(replace(HEAD, version_id="v1"), profile=profile, write_reply=versioned), IDENTITY) is MATCH


def test_what_was_read_back_is_d4() -> None:
    back = ReadBack(statement=said(Origin.READBACK), sha256=SHA256, size=SIZE)

    checks = held(readback=back)

    assert dest_grade(checks) is DestGrade.D4
    assert (only(checks, CheckName.DEST_READBACK).origin, only(checks, CheckName.DEST_READBACK).at) == (
        Origin.READBACK,
        NOW,
    )


@pytest.mark.parametrize(("sha256", "size"), [("00" * 32, SIZE), (SHA256, SIZE - 1)])
def test_what_was_read_back_wrong_is_a_mismatch(sha256: str, size: int) -> None:
    check = only(held(readback=ReadBack(statement=said(), sha256=sha256, size=size)), CheckName.DEST_READBACK)

    assert check.code is ErrorCode.DEST_READBACK_MISMATCH


GZIP = {"content-encoding": "gzip"}


@pytest.mark.parametrize(
    ("stored", "read", "written", "size", "shown"),
    [
        (GZIP, {}, "gzip", SIZE, Reason.NOT_SUPPORTED),
        ({}, GZIP, "", SIZE, Reason.NOT_SUPPORTED),
        ({}, {}, "gzip", None, Reason.NOT_SUPPORTED),
        (GZIP, GZIP, "gzip", SIZE, MISMATCH),
        (GZIP, {"content-encoding": "GZIP,aws-chunked"}, "gzip", SIZE, MISMATCH),
        ({}, {}, "gzip", SIZE, MISMATCH),
        ({}, {}, "aws-chunked", None, MISMATCH),
        (GZIP, GZIP, "", SIZE, MISMATCH),
    ],
    ids=["unpacked", "packed", "head too", "as stored", "spelled", "dropped", "framing", "of its own"],
)
def test_a_copy_in_another_encoding_than_it_is_stored_in_shows_nothing(
    stored: dict[str, str], read: dict[str, str], written: str, size: int | None, shown: Outcome | Reason
) -> None:
    after = replace(HEAD, size=size, content_headers=stored)
    back = ReadBack(statement=said(Origin.READBACK, content_headers=read), sha256="00" * 32, size=SIZE + 1)

    checks = destination_checks(DIGESTS, SINGLE, PROVEN, write_reply=PUT, after=after, readback=back, coding=written)

    assert outcome(checks, CheckName.DEST_READBACK) is shown
    assert came_transcoded(only(checks, CheckName.DEST_READBACK)) is (shown is Reason.NOT_SUPPORTED)
    assert dest_grade(checks) < DestGrade.D4


@pytest.mark.parametrize("after", [LISTED, None])
def test_no_encoding_is_known_without_a_head(after: Statement | None) -> None:
    back = ReadBack(statement=said(Origin.READBACK, content_headers=GZIP), sha256="00" * 32, size=SIZE + 1)

    assert outcome(held(after, readback=back), CheckName.DEST_READBACK) is MISMATCH


@pytest.mark.parametrize(("sha256", "shown"), [("00" * 32, MISMATCH), (SHA256, MATCH)])
def test_a_copy_of_the_right_length_is_compared_whatever_its_encoding(sha256: str, shown: Outcome) -> None:
    back = ReadBack(statement=said(Origin.READBACK), sha256=sha256, size=SIZE)

    assert outcome(held(replace(HEAD, content_headers=GZIP), readback=back), CheckName.DEST_READBACK) is shown


def test_reading_back_another_version_is_no_proof_of_ours() -> None:
    back = ReadBack(statement=said(Origin.READBACK, version_id="v2"), sha256=SHA256, size=SIZE)
    ours = {"write_reply": replace(PUT, version_id="v1")}

    checks = held(replace(HEAD, version_id="v1"), readback=back, **ours)

    assert [check.outcome for check in checks if check.name is IDENTITY] == [MATCH, MISMATCH]
    assert dest_grade(checks) is DestGrade.D0


def test_where_nothing_was_read_only_the_identity_can_be_compared() -> None:
    checks = destination_checks(None, None, PROVEN, write_reply=None, identity=HEAD, after=HEAD)

    assert outcome(checks, IDENTITY) is MATCH
    assert {check.reason for check in checks if check.name is not IDENTITY} == {Reason.NOT_REQUESTED}


def write(
    layout: Layout = SINGLE,
    *,
    sent: tuple[str, ...] = ("MD5",),
    profile: Profile = PROVEN,
    reply: Statement | None = PUT,
    accepted: bool = True,
    replies: list[Statement] | None = None,
) -> tuple[Check, ...]:
    return write_checks(DIGESTS, layout, profile, sent=sent, reply=reply, accepted=accepted, part_replies=replies or [])


@pytest.mark.parametrize(
    ("sent", "profile", "algorithm", "result"),
    [
        (("MD5",), PROVEN, "MD5", MATCH),
        (("SHA256",), PROVEN, "SHA256", MATCH),
        (("CRC32",), PROVEN, "CRC32", MATCH),
        (("SHA256",), replace(UNKNOWN, payload_sha256=Proof.REJECTS), "SHA256", MATCH),
        # It is the signed hash that goes along; a checksum header of the same name is another one, and is not sent.
        (("SHA256",), replace(UNKNOWN, checksums={"SHA256": Proof.REJECTS}), "SHA256", Reason.STORE_UNPROVEN),
        (("MD5", "SHA256"), replace(PROVEN, payload_sha256=Proof.IGNORES, checksums={}), "MD5", MATCH),
        (("MD5",), replace(PROVEN, content_md5=Proof.IGNORES), "MD5", Reason.STORE_UNPROVEN),
        (("CRC32C",), PROVEN, "CRC32C", Reason.STORE_UNPROVEN),
        ((), PROVEN, None, Reason.NOT_REQUESTED),
        (("SHA1",), PROVEN, None, Reason.NOT_REQUESTED),
    ],
)
def test_a_digest_sent_along_counts_where_the_store_was_seen_to_check_it(
    sent: tuple[str, ...], profile: Profile, algorithm: str | None, result: Outcome | Reason
) -> None:
    checks = write(sent=sent, profile=profile)

    assert outcome(checks, CheckName.WRITE_DIGEST) is result
    assert only(checks, CheckName.WRITE_DIGEST).algorithm == algorithm


def test_a_refused_digest_is_a_mismatch() -> None:
    check = only(write(accepted=False, reply=None), CheckName.WRITE_DIGEST)

    assert (check.code, check.observed) == (ErrorCode.DIGEST_REJECTED, "rejected")


def test_a_write_without_an_answer_attests_nothing() -> None:
    assert outcome(write(reply=None), CheckName.WRITE_DIGEST) is Reason.NOT_REACHED


def test_a_single_put_has_no_part_checks() -> None:
    assert [check.name for check in write()] == [CheckName.WRITE_DIGEST]


def test_parts_that_were_attested_are_matches() -> None:
    checks = write(PARTS, reply=DONE, replies=part_replies(), sent=("MD5", "CRC64NVME"))

    assert {check.outcome for check in checks} == {MATCH}
    assert only(checks, CheckName.PART_ETAGS).observed == PARTS_ETAG
    assert dest_grade((*checks, *held(replace(HEAD, etag="x"), write_reply=replace(PUT, etag="x")))) is DestGrade.D2


def test_the_digests_of_the_parts_are_what_was_sent() -> None:
    check = only(write(PARTS, reply=DONE, replies=part_replies()), CheckName.WRITE_DIGEST)
    none = only(write(Layout.uniform(SIZE, 999), reply=DONE), CheckName.WRITE_DIGEST)

    assert (check.observed or "").startswith("SHA-256 of 5 part digests ")
    assert none.reason is Reason.NOT_REQUESTED


@pytest.mark.parametrize(
    ("changes", "profile", "result"),
    [
        ({"etag": WRONG}, PROVEN, MISMATCH),
        ({"etag": WRONG}, UNKNOWN, Reason.ETAG_SEMANTICS_UNKNOWN),
        ({"etag": WRONG}, replace(PROVEN, etag_multipart=EtagMeaning.OPAQUE), Reason.ETAG_OPAQUE),
        ({"etag": None}, PROVEN, Reason.ETAG_ABSENT),
        ({"etag": "opaque"}, PROVEN, Reason.ETAG_OPAQUE),
        ({"etag": f"{WRONG}-1"}, PROVEN, Reason.ETAG_OPAQUE),
        ({"encryption": Encryption.SSE_KMS}, PROVEN, Reason.SSE_KMS),
        ({}, UNKNOWN, Reason.STORE_UNPROVEN),
    ],
)
def test_the_etag_of_a_part_is_compared(changes: dict[str, object], profile: Profile, result: Outcome | Reason) -> None:
    checks = write(PARTS, reply=DONE, replies=part_replies(**changes), profile=profile)

    assert outcome(checks, CheckName.PART_ETAGS) is result


def test_a_wrong_part_is_named() -> None:
    replies = part_replies(etag=WRONG, checksums={"CRC64NVME": "AAAAAAAAAAA="})

    checks = write(PARTS, reply=DONE, replies=replies)
    etag, checksum = only(checks, CheckName.PART_ETAGS), only(checks, CheckName.PART_CHECKSUMS)

    assert (etag.observed, etag.code) == (f"part 5 {WRONG}", ErrorCode.PART_ETAG_MISMATCH)
    assert (checksum.observed, checksum.code) == ("part 5 AAAAAAAAAAA=", ErrorCode.PART_CHECKSUM_MISMATCH)


def test_parts_without_all_their_answers_were_not_reached() -> None:
    checks = write(PARTS, reply=DONE, replies=part_replies()[:-1])

    assert outcome(checks, CheckName.PART_ETAGS) is Reason.NOT_REACHED
    assert outcome(checks, CheckName.PART_CHECKSUMS) is Reason.NOT_REACHED
    assert outcome(write(PARTS, reply=DONE), CheckName.PART_ETAGS) is Reason.NOT_REACHED


def test_parts_whose_digests_were_not_computed_are_not_requested() -> None:
    layout = Layout.uniform(SIZE, 900)

    checks = write(layout, reply=DONE, replies=part_replies())

    assert outcome(checks, CheckName.PART_ETAGS) is Reason.NOT_REQUESTED


@pytest.mark.parametrize(
    ("checksums", "profile", "result"),
    [
        ({}, PROVEN, Reason.CHECKSUM_ABSENT),
        ({"CRC32": "AAAAAA=="}, PROVEN, Reason.CHECKSUM_ABSENT),
        (None, UNKNOWN, Reason.STORE_UNPROVEN),
        (None, PROVEN, MATCH),
    ],
)
def test_the_checksum_of_a_part_is_compared(
    checksums: dict[str, str] | None, profile: Profile, result: Outcome | Reason
) -> None:
    replies = part_replies() if checksums is None else part_replies(checksums=checksums)

    assert outcome(write(PARTS, reply=DONE, replies=replies, profile=profile), CheckName.PART_CHECKSUMS) is result


@pytest.mark.parametrize(
    ("algorithm", "reason"), [("BLAKE3", Reason.ALGORITHM_UNAVAILABLE), ("SHA1", Reason.NOT_REQUESTED)]
)
def test_part_checksums_that_were_not_computed_say_why(algorithm: str, reason: Reason) -> None:
    replies = [replace(reply, checksums={algorithm: "abc="}) for reply in part_replies()]

    assert outcome(write(PARTS, reply=DONE, replies=replies), CheckName.PART_CHECKSUMS) is reason


def test_of_several_part_checksums_the_proven_one_is_compared() -> None:
    parts = DIGESTS.parts[PARTS]
    replies = [
        replace(reply, checksums={"CRC32C": encode(part.raw("CRC32C") or b""), **reply.checksums})
        for part, reply in zip(parts, part_replies(), strict=True)
    ]

    check = only(write(PARTS, reply=DONE, replies=replies), CheckName.PART_CHECKSUMS)

    assert (check.outcome, check.algorithm) == (MATCH, "CRC64NVME")


def test_a_composite_checksum_after_the_write_is_d2() -> None:
    text = composite("CRC32", DIGESTS.part_raws(PARTS, "CRC32") or ())
    after = said(Origin.HEAD, etag="x", checksums={"CRC32": text}, checksum_type="COMPOSITE")

    assert dest_grade(held(after, write_reply=replace(DONE, etag="x"), layout=PARTS)) is DestGrade.D2


@given(
    place=st.integers(0, SIZE - 1),
    bit=st.integers(0, 7),
    single=st.sampled_from(EtagMeaning),
    multipart=st.sampled_from(EtagMeaning),
    control=st.sampled_from(Proof),
    stated=st.sampled_from(["md5", "parts", "full", "composite"]),
    layout=st.sampled_from([None, SINGLE, PARTS]),
    origin=st.sampled_from([Origin.HEAD, Origin.LISTING]),
    read_back=st.booleans(),
)
def test_a_destination_that_states_the_digests_of_other_bytes_proves_nothing(
    place: int,
    bit: int,
    single: EtagMeaning,
    multipart: EtagMeaning,
    control: Proof,
    stated: str,
    layout: Layout | None,
    origin: Origin,
    read_back: bool,
) -> None:
    spoiled = bytearray(DATA)
    spoiled[place] ^= 1 << bit
    held_there = digest_of(spoiled, [SINGLE, PARTS])
    composite_there = composite("CRC32", held_there.part_raws(PARTS, "CRC32") or ())
    facts: dict[str, dict[str, object]] = {
        "md5": {"etag": held_there.md5_hex},
        "parts": {"etag": etag_of(held_there, PARTS)},
        "full": {"etag": "x", "checksums": {"CRC32": encode(held_there.raw("CRC32") or b"")}},
        "composite": {"etag": "x", "checksums": {"CRC32": composite_there}, "checksum_type": "COMPOSITE"},
    }
    after = said(origin, **facts[stated])
    profile = replace(PROVEN, etag_single=single, etag_multipart=multipart, content_md5=control)
    back = ReadBack(statement=after, sha256=held_there.sha256_hex or "", size=SIZE) if read_back else None

    checks = held(after, write_reply=after, profile=profile, layout=layout, readback=back)

    assert dest_grade(checks).rank <= DestGrade.D1.rank
