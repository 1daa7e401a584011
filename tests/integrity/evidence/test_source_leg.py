"""The source leg: every fact turned into a check, with the right reason where none can be made."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrity.algorithms import Algorithm
from integrity.checksums import composite, encode
from integrity.digests import ALL, digest_of
from integrity.etags import etag_of
from integrity.evidence import (
    CheckName,
    Encryption,
    ErrorCode,
    EtagMeaning,
    Origin,
    Outcome,
    Profile,
    Reason,
    Statement,
    first_mismatch,
    source_checks,
    unchanged_check,
)
from integrity.layouts import Layout
from integrity.verdicts import Policy, SourceGrade, Verdict, judge, source_grade
from tests.integrity.evidence.facts import (
    DATA,
    DIGESTS,
    EVERYTHING,
    MD5,
    NOW,
    OTHER,
    PARTS,
    PROVEN,
    SHA256,
    SINGLE,
    SIZE,
    UNKNOWN,
    demanded,
    only,
    outcome,
    planned,
    said,
)

MATCH, MISMATCH = Outcome.MATCH, Outcome.MISMATCH
FLIPPED = digest_of(OTHER, [SINGLE, PARTS])
PARTS_ETAG = etag_of(DIGESTS, PARTS) or ""
ETAG, SUM = CheckName.SOURCE_ETAG, CheckName.SOURCE_CHECKSUM
CRC = encode(DIGESTS.raw("CRC64NVME") or b"")


def test_a_plain_object_that_was_read_well_is_s3() -> None:
    checks = source_checks(planned(), said(), DIGESTS, PROVEN)

    assert source_grade(checks) is SourceGrade.S3
    assert {check.outcome for check in checks if check.name not in (SUM, CheckName.SOURCE_REREAD)} == {MATCH}


def test_a_check_says_who_stated_it_when_and_in_which_attempt() -> None:
    check = only(source_checks(planned(), said(), DIGESTS, PROVEN, attempt=2), ETAG)

    assert (check.origin, check.at, check.request_id, check.attempt) == (Origin.GET, NOW, "R1", 2)
    assert (check.expected, check.observed, check.algorithm) == (MD5, MD5, "MD5")


def test_an_etag_that_equals_our_md5_is_proof_without_a_profile() -> None:
    assert outcome(source_checks(planned(), said(), DIGESTS, UNKNOWN), ETAG) is MATCH


@pytest.mark.parametrize(
    ("meaning", "result"),
    [
        (EtagMeaning.MD5, MISMATCH),
        (EtagMeaning.UNKNOWN, Reason.ETAG_SEMANTICS_UNKNOWN),
        (EtagMeaning.MIXED, Reason.ETAG_SEMANTICS_UNKNOWN),
        (EtagMeaning.ECHO, Reason.ETAG_SEMANTICS_UNKNOWN),
        (EtagMeaning.DISPROVED, Reason.ETAG_SEMANTICS_DISPROVED),
        (EtagMeaning.OPAQUE, Reason.ETAG_OPAQUE),
    ],
)
def test_an_md5_that_differs_means_what_the_profile_says(meaning: EtagMeaning, result: Outcome | Reason) -> None:
    checks = source_checks(planned(), said(), FLIPPED, Profile(etag_single=meaning))

    assert outcome(checks, ETAG) is result
    assert (only(checks, ETAG).expected, only(checks, ETAG).observed) == (FLIPPED.md5_hex, MD5)


def test_in_a_mixed_bucket_an_etag_that_equals_ours_proves_what_it_proves_elsewhere() -> None:
    checks = source_checks(planned(), said(), DIGESTS, PROVEN.with_mixed_etags())

    assert checks == source_checks(planned(), said(), DIGESTS, PROVEN)
    assert source_grade(checks) is SourceGrade.S3


def test_in_a_mixed_bucket_two_equal_readings_lift_no_doubt() -> None:
    marked = PROVEN.with_mixed_etags()

    checks = source_checks(planned(), said(), FLIPPED, marked, reread_sha256=FLIPPED.sha256_hex)

    assert outcome(checks, CheckName.SOURCE_REREAD) is Reason.ETAG_SEMANTICS_UNKNOWN


@pytest.mark.parametrize(
    ("meaning", "result"),
    [
        (EtagMeaning.FORMULA, MISMATCH),
        (EtagMeaning.UNKNOWN, Reason.ETAG_SEMANTICS_UNKNOWN),
        (EtagMeaning.OPAQUE, Reason.ETAG_OPAQUE),
    ],
)
def test_a_multipart_etag_that_differs_means_what_the_profile_says(
    meaning: EtagMeaning, result: Outcome | Reason
) -> None:
    profile = Profile(etag_multipart=meaning, etag_single=EtagMeaning.DISPROVED)

    checks = source_checks(planned(PARTS_ETAG), said(etag=PARTS_ETAG), FLIPPED, profile, layout=PARTS)

    assert outcome(checks, ETAG) is result


def test_a_multipart_etag_of_a_told_layout_is_proof() -> None:
    checks = source_checks(planned(PARTS_ETAG), said(etag=PARTS_ETAG), DIGESTS, UNKNOWN, layout=PARTS)

    assert outcome(checks, ETAG) is MATCH
    assert source_grade(checks) is SourceGrade.S3


def test_an_inferred_layout_can_prove_and_cannot_refute() -> None:
    right = source_checks(planned(PARTS_ETAG), said(etag=PARTS_ETAG), DIGESTS, PROVEN)
    wrong = source_checks(planned(PARTS_ETAG), said(etag=PARTS_ETAG), FLIPPED, PROVEN)

    assert outcome(right, ETAG) is MATCH
    assert outcome(wrong, ETAG) is Reason.LAYOUT_UNKNOWN


def test_another_layout_that_gives_the_stated_etag_outweighs_the_told_one() -> None:
    told = Layout.of([1, *[1000] * 4, SIZE - 4001])

    checks = source_checks(planned(PARTS_ETAG), said(etag=PARTS_ETAG), DIGESTS, PROVEN, layout=told)

    assert told.count != PARTS.count or outcome(checks, ETAG) is MATCH


@pytest.mark.parametrize("layout", [None, SINGLE, Layout.uniform(SIZE, 2000)])
def test_a_layout_that_has_not_the_parts_of_the_etag_is_unknown(layout: Layout | None) -> None:
    etag = f"{MD5}-77"

    assert (
        outcome(source_checks(planned(etag), said(etag=etag), DIGESTS, PROVEN, layout=layout), ETAG)
        is Reason.LAYOUT_UNKNOWN
    )


def test_a_told_layout_that_was_not_computed_is_unknown() -> None:
    etag = f"{MD5}-3"

    checks = source_checks(planned(etag), said(etag=etag), DIGESTS, PROVEN, layout=Layout.uniform(SIZE, 1500))

    assert outcome(checks, ETAG) is Reason.LAYOUT_UNKNOWN


def test_one_part_needs_no_digests_but_those_of_the_whole() -> None:
    layout = Layout.uniform(SIZE, SIZE)
    etag = etag_of(digest_of(DATA, [layout]), layout) or ""

    assert outcome(source_checks(planned(etag), said(etag=etag), digest_of(DATA), PROVEN, layout=layout), ETAG) is MATCH


@pytest.mark.parametrize("encryption", [Encryption.SSE_KMS, Encryption.SSE_C])
@pytest.mark.parametrize("digests", [DIGESTS, FLIPPED])
def test_encryption_in_the_reply_decides_before_the_form_of_the_etag(encryption: Encryption, digests: object) -> None:
    for replies in ({"encryption": encryption}, {}):
        head = said(Origin.HEAD, encryption=encryption)
        checks = source_checks(planned(), said(**replies), digests, PROVEN, head=head)  # type: ignore[arg-type]
        assert outcome(checks, ETAG) == encryption.value


def test_a_customers_key_is_named_before_a_key_service() -> None:
    checks = source_checks(
        planned(), said(encryption=Encryption.SSE_C), DIGESTS, PROVEN, head=said(encryption=Encryption.SSE_KMS)
    )

    assert outcome(checks, ETAG) is Reason.SSE_C


def test_the_stores_own_encryption_changes_nothing() -> None:
    assert outcome(source_checks(planned(), said(encryption=Encryption.SSE_S3), DIGESTS, PROVEN), ETAG) is MATCH


@pytest.mark.parametrize(
    ("etag", "reason"), [(None, Reason.ETAG_ABSENT), ("", Reason.ETAG_ABSENT), ("0x8D", Reason.ETAG_OPAQUE)]
)
def test_an_etag_that_is_no_digest_has_its_reason(etag: str | None, reason: Reason) -> None:
    assert outcome(source_checks(planned(etag or ""), said(etag=etag), DIGESTS, PROVEN), ETAG) is reason


def test_a_head_states_the_etag_that_the_get_left_out() -> None:
    check = only(source_checks(planned(), said(etag=None), DIGESTS, PROVEN, head=said(Origin.HEAD)), ETAG)

    assert (check.outcome, check.origin) == (MATCH, Origin.HEAD)


def test_a_digest_that_was_left_out_by_option_is_not_requested() -> None:
    checks = source_checks(planned(), said(), digest_of(DATA, algorithms=frozenset()), PROVEN, reread_sha256=SHA256)

    assert outcome(checks, ETAG) is Reason.NOT_REQUESTED
    assert outcome(checks, CheckName.SOURCE_REREAD) is Reason.NOT_REQUESTED


def test_nothing_read_is_not_reached_or_whatever_the_caller_says() -> None:
    names = (CheckName.READ_LENGTH, ETAG, SUM)

    ended = source_checks(planned(), said(), None, PROVEN)
    asked = source_checks(planned(), said(), None, PROVEN, unread=Reason.NOT_REQUESTED)
    encrypted = source_checks(planned(), said(encryption=Encryption.SSE_C), None, PROVEN)

    assert {outcome(ended, name) for name in names} == {Reason.NOT_REACHED}
    assert {outcome(asked, name) for name in names} == {Reason.NOT_REQUESTED}
    assert outcome(encrypted, ETAG) is Reason.SSE_C


@pytest.mark.parametrize(
    ("plan", "reply", "result"),
    [
        ({}, {}, MATCH),
        ({}, {"version_id": "v2"}, MATCH),
        ({"version_id": "v1"}, {"version_id": "v1"}, MATCH),
        ({"version_id": "v1"}, {"version_id": "v2"}, MISMATCH),
        ({"version_id": "v1"}, {}, Reason.NOT_SUPPORTED),
        ({"version_id": "v1", "etag": ""}, {"version_id": "v1"}, MATCH),
        ({"version_id": "v1", "etag": ""}, {"version_id": "v2"}, MISMATCH),
        ({"etag": ""}, {}, Reason.ETAG_ABSENT),
        ({}, {"etag": None}, Reason.ETAG_ABSENT),
        ({"version_id": "v1"}, {"version_id": "v1", "etag": None}, Reason.ETAG_ABSENT),
        ({"etag": "other"}, {}, MISMATCH),
        ({"etag": f'W/"{MD5.upper()}"'}, {}, MATCH),
    ],
)
def test_the_identity_in_the_plan_is_held_against_the_reply(
    plan: dict[str, str], reply: dict[str, str | None], result: Outcome | Reason
) -> None:
    checks = source_checks(planned(**plan), said(**reply), DIGESTS, PROVEN)  # type: ignore[arg-type]

    assert outcome(checks, CheckName.SOURCE_IDENTITY) is result


def test_a_head_of_another_object_is_a_change() -> None:
    checks = source_checks(planned(), said(), DIGESTS, PROVEN, head=said(Origin.HEAD, etag="other"))
    wrong = first_mismatch(checks)

    assert wrong is not None
    assert (wrong.code, wrong.origin) == (ErrorCode.SOURCE_CHANGED, Origin.HEAD)


@pytest.mark.parametrize(
    ("got", "head", "result"),
    [
        (SIZE, SIZE, MATCH),
        (None, SIZE, MATCH),
        (SIZE, None, MATCH),
        (SIZE + 1, SIZE, MISMATCH),
        (SIZE, SIZE + 1, MISMATCH),
        (None, None, Reason.NOT_SUPPORTED),
    ],
)
def test_every_size_that_was_stated_counts(got: int | None, head: int | None, result: Outcome | Reason) -> None:
    checks = source_checks(planned(), said(size=got), DIGESTS, PROVEN, head=said(Origin.HEAD, size=head))
    sizes = [check for check in checks if check.name is CheckName.SOURCE_SIZE]

    assert (sizes[-1].reason or sizes[-1].outcome if result is not MISMATCH else MISMATCH) is result
    assert (MISMATCH in {check.outcome for check in sizes}) is (result is MISMATCH)


@pytest.mark.parametrize(
    ("size", "code"), [(SIZE + 1, ErrorCode.SHORT_READ), (SIZE - 1, ErrorCode.SOURCE_SIZE_MISMATCH)]
)
def test_bytes_read_are_held_against_the_plan(size: int, code: ErrorCode) -> None:
    check = only(source_checks(planned(size=size), said(size=size), DIGESTS, PROVEN), CheckName.READ_LENGTH)

    assert (check.code, check.expected, check.observed) == (code, str(size), str(SIZE))


def test_a_full_object_checksum_is_proof_and_a_difference_a_mismatch() -> None:
    kms = said(encryption=Encryption.SSE_KMS, checksums={"CRC64NVME": CRC}, checksum_type="FULL_OBJECT")

    assert outcome(source_checks(planned(), kms, DIGESTS, UNKNOWN), SUM) is MATCH
    assert outcome(source_checks(planned(), kms, FLIPPED, UNKNOWN), SUM) is MISMATCH
    assert source_grade(source_checks(planned(), kms, DIGESTS, UNKNOWN)) is SourceGrade.S3


@pytest.mark.parametrize("algorithm", sorted(ALL - {"CRC64NVME"}))
def test_a_composite_checksum_of_known_parts_is_s2(algorithm: str) -> None:
    text = composite(algorithm, EVERYTHING.part_raws(PARTS, algorithm) or ())
    reply = said(etag="opaque", checksums={algorithm: text}, checksum_type="COMPOSITE")

    right = source_checks(planned("opaque"), reply, demanded(DATA, reply), UNKNOWN, layout=PARTS)
    wrong = source_checks(planned("opaque"), reply, demanded(OTHER, reply), UNKNOWN, layout=PARTS)

    assert (only(right, SUM).expected, only(right, SUM).outcome) == (text, MATCH)
    assert source_grade(right) is SourceGrade.S2
    assert outcome(wrong, SUM) is MISMATCH


@pytest.mark.parametrize("algorithm", sorted(ALL))
def test_a_full_object_checksum_is_s3_whatever_its_algorithm(algorithm: str) -> None:
    text = encode(EVERYTHING.raw(algorithm) or b"")
    reply = said(etag="opaque", checksums={algorithm: text}, checksum_type="FULL_OBJECT")

    right = source_checks(planned("opaque"), reply, demanded(DATA, reply), UNKNOWN)
    wrong = source_checks(planned("opaque"), reply, demanded(OTHER, reply), UNKNOWN)

    assert (only(right, SUM).expected, only(right, SUM).algorithm) == (text, algorithm)
    assert source_grade(right) is SourceGrade.S3
    assert outcome(wrong, SUM) is MISMATCH


def test_a_composite_checksum_stated_without_its_count_is_compared_all_the_same() -> None:
    text = composite("CRC32", DIGESTS.part_raws(PARTS, "CRC32") or ()).partition("-")[0]
    reply = said(etag="opaque", checksums={"CRC32": text}, checksum_type="COMPOSITE")

    right = source_checks(planned("opaque"), reply, DIGESTS, UNKNOWN, layout=PARTS)
    wrong = source_checks(planned("opaque"), reply, FLIPPED, UNKNOWN, layout=PARTS)

    assert outcome(right, SUM) is MATCH
    assert outcome(wrong, SUM) is MISMATCH
    assert source_grade(right) is SourceGrade.S2
    assert only(wrong, SUM).observed == f"{text}-5"


@pytest.mark.parametrize(
    ("text", "layout", "result"),
    [
        ("AAAAAA==-5", PARTS, MISMATCH),
        ("AAAAAA==-5", None, Reason.LAYOUT_UNKNOWN),
        ("AAAAAA==-4", PARTS, Reason.LAYOUT_UNKNOWN),
        ("AAAAAA==-3", Layout.uniform(SIZE, 1500), Reason.NOT_REQUESTED),
        ("rubbish", None, Reason.LAYOUT_UNKNOWN),
    ],
)
def test_a_composite_checksum_that_differs_needs_a_told_layout(
    text: str, layout: Layout | None, result: Outcome | Reason
) -> None:
    reply = said(etag="opaque", checksums={"CRC32": text}, checksum_type="COMPOSITE")

    assert outcome(source_checks(planned("opaque"), reply, DIGESTS, UNKNOWN, layout=layout), SUM) is result


def test_a_composite_of_an_algorithm_without_composites_is_not_compared() -> None:
    reply = said(etag="opaque", checksums={"CRC64NVME": CRC}, checksum_type="COMPOSITE")

    checks = source_checks(planned("opaque"), reply, DIGESTS, UNKNOWN, layout=PARTS)

    assert only(checks, SUM).outcome is Outcome.NOT_COMPARABLE


@pytest.mark.parametrize(
    ("algorithm", "text", "etag", "result"),
    [
        ("CRC32", "AAAAAA==", MD5, MISMATCH),
        ("CRC32", "AAAAAA==", f"{MD5}-5", Reason.CHECKSUM_TYPE_UNKNOWN),
        ("CRC32", encode(DIGESTS.raw("CRC32") or b""), f"{MD5}-5", MATCH),
        ("CRC32", "AAAAAA==", None, Reason.CHECKSUM_TYPE_UNKNOWN),
        ("CRC64NVME", CRC, f"{MD5}-5", MATCH),
        ("BLAKE3", "xyz=", MD5, Reason.ALGORITHM_UNAVAILABLE),
        ("SHA1", "xyz=", f"{MD5}-5", Reason.CHECKSUM_TYPE_UNKNOWN),
    ],
)
def test_a_checksum_without_a_type_is_read_by_what_it_must_be(
    algorithm: str, text: str, etag: str | None, result: Outcome | Reason
) -> None:
    checks = source_checks(planned(etag or ""), said(etag=etag, checksums={algorithm: text}), DIGESTS, UNKNOWN)

    assert outcome(checks, SUM) is result


@pytest.mark.parametrize(
    ("algorithm", "reason"),
    [("BLAKE3", Reason.ALGORITHM_UNAVAILABLE), ("SHA1", Reason.NOT_REQUESTED), ("CRC32", Reason.NOT_REQUESTED)],
)
def test_a_checksum_that_was_not_computed_says_why(algorithm: str, reason: Reason) -> None:
    reply = said(checksums={algorithm: "AAAAAA=="}, checksum_type="FULL_OBJECT")

    assert outcome(source_checks(planned(), reply, digest_of(DATA, algorithms=frozenset()), UNKNOWN), SUM) is reason


def test_every_stated_checksum_is_compared_once() -> None:
    reply = said(checksums={"CRC64NVME": CRC, "CRC32": "AAAAAA=="}, checksum_type="FULL_OBJECT")

    checks = source_checks(planned(), reply, DIGESTS, UNKNOWN, head=replace(reply, origin=Origin.HEAD))
    found = [(check.algorithm, check.outcome) for check in checks if check.name is SUM]

    assert found == [("CRC32", MISMATCH), ("CRC64NVME", MATCH)]


@pytest.mark.parametrize(
    ("mode", "reason"), [(None, Reason.CHECKSUM_ABSENT), (True, Reason.CHECKSUM_ABSENT), (False, Reason.NOT_SUPPORTED)]
)
def test_no_checksum_is_absent_or_not_supported(mode: bool | None, reason: Reason) -> None:
    assert outcome(source_checks(planned(), said(), DIGESTS, Profile(checksum_mode=mode)), SUM) is reason


def test_two_equal_readings_match_and_two_different_ones_do_not() -> None:
    kms = said(encryption=Encryption.SSE_KMS)

    equal = source_checks(planned(), kms, DIGESTS, PROVEN, reread_sha256=SHA256, after=kms)
    different = source_checks(planned(), kms, DIGESTS, PROVEN, reread_sha256=FLIPPED.sha256_hex)

    assert source_grade(equal) is SourceGrade.S1_REREAD
    assert outcome(different, CheckName.SOURCE_REREAD) is MISMATCH
    assert outcome(source_checks(planned(), kms, DIGESTS, PROVEN), CheckName.SOURCE_REREAD) is Reason.NOT_REQUESTED


def test_two_equal_readings_do_not_settle_an_etag_of_unknown_meaning() -> None:
    checks = source_checks(planned(), said(), FLIPPED, UNKNOWN, reread_sha256=FLIPPED.sha256_hex, after=said())

    assert outcome(checks, CheckName.SOURCE_REREAD) is Reason.ETAG_SEMANTICS_UNKNOWN
    assert source_grade(checks) is SourceGrade.S1


def test_two_equal_readings_do_not_settle_a_checksum_of_unknown_type() -> None:
    reply = said(etag="opaque", checksums={"CRC32": "AAAAAA=="})

    checks = source_checks(planned("opaque"), reply, DIGESTS, UNKNOWN, reread_sha256=SHA256, after=reply)

    assert outcome(checks, CheckName.SOURCE_REREAD) is Reason.CHECKSUM_TYPE_UNKNOWN


def test_two_equal_readings_do_not_settle_an_etag_that_the_task_leaves_out() -> None:
    digests = digest_of(DATA, algorithms=frozenset({Algorithm.SHA256}))

    checks = source_checks(planned(), said(), digests, PROVEN, reread_sha256=SHA256, after=said())

    assert outcome(checks, ETAG) is Reason.NOT_REQUESTED
    assert outcome(checks, CheckName.SOURCE_REREAD) is Reason.NOT_REQUESTED


def test_two_equal_readings_need_no_checksum_that_the_task_leaves_out() -> None:
    digests = digest_of(DATA, algorithms=frozenset({Algorithm.MD5, Algorithm.SHA256}))
    reply = said(checksums={"CRC64NVME": CRC}, checksum_type="FULL_OBJECT")

    checks = source_checks(planned(), reply, digests, PROVEN, reread_sha256=SHA256, after=reply)

    assert outcome(checks, SUM) is Reason.NOT_REQUESTED
    assert outcome(checks, CheckName.SOURCE_REREAD) is MATCH


def test_a_look_again_belongs_to_the_first_attempt_unless_it_is_said() -> None:
    assert [unchanged_check(said(), said()).attempt, unchanged_check(said(), said(), attempt=3).attempt] == [1, 3]


@pytest.mark.parametrize(
    ("after", "result"),
    [
        ({}, MATCH),
        ({"etag": "other"}, MISMATCH),
        ({"size": SIZE + 1}, MISMATCH),
        ({"last_modified": "2026-02-02"}, MISMATCH),
        ({"last_modified": ""}, MATCH),
        ({"etag": None}, Reason.ETAG_ABSENT),
        ({"version_id": "v2"}, MISMATCH),
        ({"etag": None, "version_id": "v1"}, MATCH),
    ],
)
def test_a_head_afterwards_decides_whether_the_source_changed(
    after: dict[str, object], result: Outcome | Reason
) -> None:
    before = said(last_modified="2026-01-01", version_id="v1")
    later = said(Origin.HEAD, **({"last_modified": "2026-01-01"} | after))  # type: ignore[arg-type]

    assert outcome(source_checks(planned(), before, DIGESTS, PROVEN, after=later), CheckName.SOURCE_UNCHANGED) is result


@pytest.mark.parametrize(
    ("profile", "honoured", "etag", "result"),
    [
        (PROVEN, None, MD5, MATCH),
        (UNKNOWN, None, MD5, Reason.NOT_REQUESTED),
        (UNKNOWN, True, MD5, MATCH),
        (PROVEN, False, MD5, Reason.NOT_REQUESTED),
        (PROVEN, True, "opaque", Reason.NOT_REQUESTED),
    ],
)
def test_a_digest_that_matched_under_an_honoured_if_match_shows_no_change(
    profile: Profile, honoured: bool | None, etag: str, result: Outcome | Reason
) -> None:
    checks = source_checks(planned(etag), said(etag=etag), DIGESTS, profile, if_match_honoured=honoured)

    assert outcome(checks, CheckName.SOURCE_UNCHANGED) is result


def test_a_pinned_version_shows_no_change() -> None:
    kms = said(encryption=Encryption.SSE_KMS, version_id="v1")

    checks = source_checks(planned(version_id="v1"), kms, DIGESTS, UNKNOWN)

    assert outcome(checks, CheckName.SOURCE_UNCHANGED) is MATCH


def test_a_checksum_that_matched_without_any_etag_pins_nothing() -> None:
    reply = said(etag=None, checksums={"CRC64NVME": CRC})

    assert (
        outcome(source_checks(planned(""), reply, DIGESTS, PROVEN), CheckName.SOURCE_UNCHANGED) is Reason.NOT_REQUESTED
    )


METHODS = st.sampled_from(["none", "after", "honoured", "reread"])


@given(
    place=st.integers(0, SIZE - 1),
    bit=st.integers(0, 7),
    single=st.sampled_from(EtagMeaning),
    multipart=st.sampled_from(EtagMeaning),
    reply=st.sampled_from(
        [
            said(),
            said(etag=PARTS_ETAG),
            said(checksums={"CRC64NVME": CRC}),
            said(checksums={"CRC32": encode(DIGESTS.raw("CRC32") or b"")}),
        ]
    ),
    layout=st.sampled_from([None, SINGLE, PARTS]),
    method=METHODS,
)
def test_one_flipped_bit_on_the_way_is_never_verified(
    place: int,
    bit: int,
    single: EtagMeaning,
    multipart: EtagMeaning,
    reply: Statement,
    layout: Layout | None,
    method: str,
) -> None:
    spoiled = bytearray(DATA)
    spoiled[place] ^= 1 << bit
    read = digest_of(spoiled, [SINGLE, PARTS])

    checks = source_checks(
        planned(reply.etag or ""),
        reply,
        read,
        Profile(etag_single=single, etag_multipart=multipart, if_match_get=True),
        layout=layout,
        after=reply if method == "after" else None,
        if_match_honoured=method == "honoured" or None,
        reread_sha256=SHA256 if method == "reread" else None,
    )

    assert judge(checks, Policy()).verdict is not Verdict.VERIFIED
    assert source_grade(checks).rank <= SourceGrade.S1.rank
