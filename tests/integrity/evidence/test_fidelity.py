"""What travels beside the bytes, and the two stores' statements side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrity.checksums import encode
from integrity.etags import etag_of
from integrity.evidence import (
    FIDELITY_CHECKS,
    NOT_CARRIED,
    VERSION_NAMED,
    AskedEncryption,
    CheckName,
    Encryption,
    ErrorCode,
    EtagMeaning,
    Origin,
    Outcome,
    Profile,
    Reason,
    Statement,
    fidelity_checks,
    never_carried,
    not_carried,
    pair_check,
)
from integrity.layouts import Layout
from tests.integrity.evidence.facts import DIGESTS, PARTS, PROVEN, SIZE, UNKNOWN, only, outcome, said

MATCH, MISMATCH = Outcome.MATCH, Outcome.MISMATCH
HEADERS, METADATA = CheckName.CONTENT_HEADERS, CheckName.USER_METADATA
SOURCE, DEST = said(), said(Origin.HEAD)
WRONG = "0" * 32
PARTS_ETAG = etag_of(DIGESTS, PARTS) or ""
CRC = encode(DIGESTS.raw("CRC64NVME") or b"")


@pytest.mark.parametrize(
    ("source", "dest", "result"),
    [
        ({"content-type": "text/plain"}, {"content-type": "text/plain"}, MATCH),
        ({"Content-Type": "text/plain"}, {"content_type": "text/plain"}, MATCH),
        ({"content-type": "text/plain"}, {"content-type": "text/html"}, MISMATCH),
        ({"content-type": "text/plain"}, {}, MISMATCH),
        ({}, {"content-type": "binary/octet-stream"}, MATCH),
        ({}, {"content-encoding": "gzip"}, MISMATCH),
        ({"expires": "0", "cache-control": "no-store"}, {"cache-control": "no-store", "expires": "0"}, MATCH),
        ({"expires": "0"}, {"expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, MISMATCH),
        ({"content-encoding": "aws-chunked"}, {}, MATCH),
        ({"content-encoding": "gzip,aws-chunked"}, {"content-encoding": "gzip"}, MATCH),
        ({"content-encoding": "gzip"}, {"content-encoding": "br"}, MISMATCH),
        ({"content-language": ""}, {}, MATCH),
        ({"x-other": "1"}, {}, MATCH),
        ({"x-amz-website-redirect-location": "/a"}, {}, MISMATCH),
    ],
)
def test_content_headers_are_compared_exactly(source: dict[str, str], dest: dict[str, str], result: Outcome) -> None:
    checks = fidelity_checks(replace(SOURCE, content_headers=source), replace(DEST, content_headers=dest))

    assert outcome(checks, HEADERS) is result


@pytest.mark.parametrize(
    ("source", "dest", "result"),
    [
        ({"Color": "red"}, {"color": "red"}, MATCH),
        ({"color": "red"}, {"color": "Red"}, MISMATCH),
        ({"color": "red"}, {}, MISMATCH),
        ({}, {"color": "red"}, MISMATCH),
        ({"Color": "red", "color": "blue"}, {"color": "blue"}, MISMATCH),
        ({}, {}, MATCH),
    ],
)
def test_user_metadata_is_compared_by_lowered_name(
    source: dict[str, str], dest: dict[str, str], result: Outcome
) -> None:
    checks = fidelity_checks(replace(SOURCE, metadata=source), replace(DEST, metadata=dest))

    assert outcome(checks, METADATA) is result


def test_metadata_that_the_source_did_not_give_cannot_be_compared() -> None:
    assert outcome(fidelity_checks(replace(SOURCE, missing_metadata=1), DEST), METADATA) is Reason.INCOMPLETE_AT_SOURCE


@pytest.mark.parametrize(
    ("source", "dest", "result"),
    [
        ({"a": "1"}, {"a": "1"}, MATCH),
        ({}, {}, MATCH),
        ({"a": "1"}, {}, MISMATCH),
        (None, {"a": "1"}, Reason.NOT_COPIED),
        ({"a": "1"}, None, Reason.NOT_COPIED),
    ],
)
def test_tags_are_compared_where_they_were_copied(
    source: dict[str, str] | None, dest: dict[str, str] | None, result: Outcome | Reason
) -> None:
    assert outcome(fidelity_checks(SOURCE, DEST, source_tags=source, dest_tags=dest), CheckName.TAGS) is result


def test_tags_that_may_not_be_read_say_so() -> None:
    checks = fidelity_checks(SOURCE, DEST, tags_reason=Reason.NOT_PERMITTED)

    assert outcome(checks, CheckName.TAGS) is Reason.NOT_PERMITTED


@pytest.mark.parametrize(
    ("wish", "stated", "result"),
    [("STANDARD", None, MATCH), ("STANDARD_IA", "STANDARD_IA", MATCH), ("STANDARD_IA", None, MISMATCH)],
)
def test_the_storage_class_is_that_of_the_write(wish: str, stated: str | None, result: Outcome) -> None:
    checks = fidelity_checks(SOURCE, replace(DEST, storage_class=stated), storage_class=wish)

    assert outcome(checks, CheckName.STORAGE_CLASS) is result


def test_the_encryption_is_the_one_asked_for_else_that_of_the_reply() -> None:
    kms = replace(DEST, encryption=Encryption.SSE_KMS, encryption_word="aws:kms")
    reply, asked = replace(kms, origin=Origin.PUT_REPLY), AskedEncryption("aws:kms")

    assert outcome(fidelity_checks(SOURCE, kms, encryption=asked), CheckName.ENCRYPTION) is MATCH
    assert outcome(fidelity_checks(SOURCE, DEST, encryption=asked), CheckName.ENCRYPTION) is MISMATCH
    assert outcome(fidelity_checks(SOURCE, kms, write_reply=reply), CheckName.ENCRYPTION) is MATCH
    assert outcome(fidelity_checks(SOURCE, DEST, write_reply=reply), CheckName.ENCRYPTION) is MISMATCH
    assert outcome(fidelity_checks(SOURCE, kms), CheckName.ENCRYPTION) is Reason.NOT_REQUESTED


def test_without_a_reply_to_a_write_the_encryption_is_that_which_was_seen_first() -> None:
    kms = replace(DEST, encryption=Encryption.SSE_KMS)
    assert outcome(fidelity_checks(SOURCE, kms, first_seen=kms), CheckName.ENCRYPTION) is MATCH
    assert outcome(fidelity_checks(SOURCE, kms, first_seen=DEST), CheckName.ENCRYPTION) is MISMATCH
    asked = AskedEncryption("AES256")
    checks = fidelity_checks(SOURCE, kms, first_seen=kms, encryption=asked)
    assert outcome(checks, CheckName.ENCRYPTION) is MISMATCH


def test_a_reply_to_a_write_that_leaves_the_encryption_out_says_nothing_of_it() -> None:
    kms, silent = replace(DEST, encryption=Encryption.SSE_KMS), replace(DEST, origin=Origin.COMPLETE_REPLY)

    assert outcome(fidelity_checks(SOURCE, kms, write_reply=silent), CheckName.ENCRYPTION) is Reason.NOT_REQUESTED
    assert outcome(fidelity_checks(SOURCE, kms, write_reply=silent, first_seen=kms), CheckName.ENCRYPTION) is MATCH
    assert outcome(fidelity_checks(SOURCE, DEST, write_reply=silent), CheckName.ENCRYPTION) is MATCH


@pytest.mark.parametrize(("dest", "reason"), [(None, Reason.NOT_REACHED), (said(Origin.LISTING), Reason.NOT_REQUESTED)])
def test_a_listing_states_none_of_this(dest: Statement | None, reason: Reason) -> None:
    checks = fidelity_checks(SOURCE, dest, source_tags={})

    assert {check.name for check in checks} == FIDELITY_CHECKS
    assert {check.reason for check in checks} == {reason}


def test_every_mismatch_of_fidelity_has_its_own_code() -> None:
    dest = replace(DEST, content_headers={"expires": "1"}, metadata={"a": "b"}, storage_class="COLD")

    checks = fidelity_checks(SOURCE, dest, source_tags={"a": "1"}, dest_tags={}, encryption=AskedEncryption("AES256"))

    assert [check.code for check in checks] == [
        ErrorCode.CONTENT_HEADERS_MISMATCH,
        ErrorCode.USER_METADATA_MISMATCH,
        ErrorCode.TAGS_MISMATCH,
        ErrorCode.STORAGE_CLASS_MISMATCH,
        ErrorCode.ENCRYPTION_MISMATCH,
    ]


def test_values_are_written_out_in_a_fixed_order() -> None:
    checks = fidelity_checks(SOURCE, DEST, source_tags={"b": "2", "ä": "1"}, dest_tags={"ä": "1", "b": "2"})

    assert only(checks, CheckName.TAGS).expected == '{"b":"2","ä":"1"}'


@pytest.mark.parametrize(
    ("source", "dest", "result"),
    [
        ({}, {}, MATCH),
        ({}, {"etag": WRONG}, MISMATCH),
        ({"etag": PARTS_ETAG}, {"etag": PARTS_ETAG}, MATCH),
        ({"etag": PARTS_ETAG}, {"etag": f"{WRONG}-5"}, MISMATCH),
        ({"etag": PARTS_ETAG}, {"etag": f"{WRONG}-6"}, Reason.LAYOUTS_DIFFER),
        ({"etag": PARTS_ETAG}, {}, Reason.LAYOUTS_DIFFER),
        ({"encryption": Encryption.SSE_KMS}, {}, Reason.SSE_KMS),
        ({}, {"encryption": Encryption.SSE_C}, Reason.SSE_C),
        ({"etag": None}, {}, Reason.ETAG_ABSENT),
        ({}, {"etag": "opaque"}, Reason.ETAG_OPAQUE),
    ],
)
def test_two_statements_of_the_same_kind_are_compared(
    source: dict[str, object], dest: dict[str, object], result: Outcome | Reason
) -> None:
    check = pair_check(
        said(**source), said(Origin.HEAD, **dest), PROVEN, PROVEN, source_layout=PARTS, dest_layout=PARTS
    )

    assert (check.reason or check.outcome) is result


@pytest.mark.parametrize(
    ("source_layout", "dest_layout", "reason"),
    [
        (None, PARTS, Reason.LAYOUT_UNKNOWN),
        (PARTS, None, Reason.LAYOUT_UNKNOWN),
        (PARTS, Layout.of([999, 1001, *[1000] * 2, SIZE - 4000]), Reason.LAYOUTS_DIFFER),
    ],
)
def test_multipart_etags_that_differ_need_one_layout(
    source_layout: Layout | None, dest_layout: Layout | None, reason: Reason
) -> None:
    source, dest = said(etag=PARTS_ETAG), said(Origin.HEAD, etag=f"{WRONG}-5")

    check = pair_check(source, dest, PROVEN, PROVEN, source_layout=source_layout, dest_layout=dest_layout)

    assert check.reason is reason


@pytest.mark.parametrize(
    ("source_profile", "dest_profile", "reason"),
    [
        (UNKNOWN, PROVEN, Reason.ETAG_SEMANTICS_UNKNOWN),
        (PROVEN.with_mixed_etags(), PROVEN, Reason.ETAG_SEMANTICS_UNKNOWN),
        (PROVEN, Profile(etag_single=EtagMeaning.OPAQUE), Reason.ETAG_OPAQUE),
    ],
)
def test_etags_that_differ_need_a_known_meaning_on_both_sides(
    source_profile: Profile, dest_profile: Profile, reason: Reason
) -> None:
    assert pair_check(SOURCE, said(Origin.HEAD, etag=WRONG), source_profile, dest_profile).reason is reason


@pytest.mark.parametrize(
    ("source_type", "dest_type", "text", "result"),
    [
        ("FULL_OBJECT", "FULL_OBJECT", CRC, MATCH),
        ("FULL_OBJECT", "FULL_OBJECT", "AAAAAAAAAAA=", MISMATCH),
        ("FULL_OBJECT", "COMPOSITE", CRC, Reason.SSE_KMS),
        (None, None, CRC, Reason.SSE_KMS),
    ],
)
def test_a_checksum_that_both_state_needs_no_etag(
    source_type: str | None, dest_type: str | None, text: str, result: Outcome | Reason
) -> None:
    source = said(checksums={"CRC64NVME": CRC}, checksum_type=source_type, encryption=Encryption.SSE_KMS)
    dest = said(Origin.HEAD, checksums={"CRC64NVME": text}, checksum_type=dest_type)

    check = pair_check(source, dest, UNKNOWN, UNKNOWN)

    assert (check.reason or check.outcome) is result


def test_checksums_of_different_algorithms_are_not_compared() -> None:
    source = said(checksums={"CRC32": "AAAAAA=="}, checksum_type="FULL_OBJECT")
    dest = said(Origin.HEAD, checksums={"CRC64NVME": CRC}, checksum_type="FULL_OBJECT")

    assert pair_check(source, dest, PROVEN, PROVEN).algorithm == "MD5"


def test_a_record_of_one_version_among_all_names_what_that_leaves() -> None:
    among_all = (
        "acl",
        "object_lock",
        "legal_hold",
        "delete_markers",
        "version_ids",
        "last_modified",
        "replication_state",
        "annotations",
    )

    assert not_carried((), [VERSION_NAMED, "race_possible"]) == among_all
    assert never_carried(all_versions=True) == among_all
    assert not_carried((), ["race_possible"]) == NOT_CARRIED == never_carried(all_versions=False)


def test_what_was_not_carried_is_one_list_and_what_a_record_left_by_choice() -> None:
    left = [
        {"name": "tags", "reason": "not_copied"},
        {"name": "storage_class", "reason": None},
        {"name": "dest_etag", "reason": "not_copied"},
    ]

    assert not_carried() == NOT_CARRIED
    assert not_carried(left) == (*NOT_CARRIED, "tags")


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("", Encryption.NONE),
        ("AES256", Encryption.SSE_S3),
        ("aws:kms", Encryption.SSE_KMS),
        ("aws:kms:dsse", Encryption.SSE_KMS),
    ],
)
def test_the_words_of_s3_for_an_encryption(word: str, meaning: Encryption) -> None:
    assert Encryption.of(word) is meaning
