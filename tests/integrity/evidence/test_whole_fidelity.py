"""What stands on the checks of fidelity and on the extra check: both values, who said it, and in which attempt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrity.checksums import encode
from integrity.etags import etag_of
from integrity.evidence import (
    AskedEncryption,
    Check,
    CheckName,
    Encryption,
    EtagMeaning,
    Origin,
    Outcome,
    Profile,
    Reason,
    Statement,
    fidelity_checks,
    pair_check,
)
from integrity.layouts import Layout
from tests.integrity.evidence.facts import DIGESTS, MD5, PARTS, PROVEN, SIZE, UNKNOWN, made, said

MATCH, MISMATCH = Outcome.MATCH, Outcome.MISMATCH
WRONG = "0" * 32
PARTS_ETAG = etag_of(DIGESTS, PARTS) or ""
CRC, CRC32 = (encode(DIGESTS.raw(name) or b"") for name in ("CRC64NVME", "CRC32"))
SOURCE = said(request_id="get", at="t1")
DEST = said(Origin.HEAD, request_id="head", at="t2")
LISTED = said(Origin.LISTING, request_id="listed", at="t3")
PUT = said(Origin.PUT_REPLY, request_id="put", at="t4", encryption=Encryption.SSE_S3)
HEADERS, METADATA, TAGS = CheckName.CONTENT_HEADERS, CheckName.USER_METADATA, CheckName.TAGS
CLASS, ENCRYPTION, PAIR = CheckName.STORAGE_CLASS, CheckName.ENCRYPTION, CheckName.PAIR_DIGEST


def test_all_that_travels_beside_the_bytes() -> None:
    source = replace(SOURCE, content_headers={"Content-Type": "text/plain"}, metadata={"Color": "red"})
    dest = replace(DEST, content_headers={"content_type": "text/html"}, metadata={"color": "red"}, storage_class="COLD")

    checks = fidelity_checks(
        source, dest, write_reply=PUT, source_tags={"b": "2", "a": "1"}, dest_tags={"a": "1"}, attempt=3
    )

    assert checks == (
        made(HEADERS, MISMATCH, '{"content-type":"text/plain"}', '{"content-type":"text/html"}', by=dest),
        made(METADATA, MATCH, '{"color":"red"}', '{"color":"red"}', by=dest),
        made(TAGS, MISMATCH, '{"a":"1","b":"2"}', '{"a":"1"}', by=dest),
        made(CLASS, MISMATCH, "STANDARD", "COLD", by=dest),
        made(ENCRYPTION, MISMATCH, "sse_s3", "none", by=dest),
    )


def test_what_was_not_asked_for_keeps_what_is_known() -> None:
    source = replace(SOURCE, metadata={"a": "1"}, missing_metadata=1)

    checks = fidelity_checks(source, DEST, dest_tags={"a": "1"}, attempt=3)

    assert checks == (
        made(HEADERS, MATCH, "{}", "{}", by=DEST),
        made(METADATA, Reason.INCOMPLETE_AT_SOURCE, '{"a":"1"}', "{}", by=DEST),
        made(TAGS, Reason.NOT_COPIED, None, '{"a":"1"}', by=DEST),
        made(CLASS, MATCH, "STANDARD", "STANDARD", by=DEST),
        made(ENCRYPTION, Reason.NOT_REQUESTED, None, "none", by=DEST),
    )


def test_tags_that_only_the_source_has_stand_as_expected() -> None:
    checks = fidelity_checks(SOURCE, DEST, source_tags={"a": "1"}, tags_reason=Reason.NOT_PERMITTED, attempt=3)

    assert checks[2] == made(TAGS, Reason.NOT_PERMITTED, '{"a":"1"}', None, by=DEST)


ASKED = AskedEncryption("aws:kms", "key-1")
ARN = "arn:aws:kms:eu-west-1:111122223333:key/key-1"


def test_the_wish_for_an_encryption_comes_before_what_the_write_said() -> None:
    kms = replace(DEST, encryption=Encryption.SSE_KMS, encryption_word="aws:kms")

    checks = fidelity_checks(SOURCE, kms, write_reply=PUT, encryption=AskedEncryption("aws:kms"), attempt=3)

    assert checks[4] == made(ENCRYPTION, MATCH, "aws:kms", "aws:kms", by=kms)


@pytest.mark.parametrize(
    ("asked", "word", "key", "result", "expected", "observed"),
    [
        (ASKED, "aws:kms", "key-1", MATCH, "aws:kms key-1", "aws:kms key-1"),
        (ASKED, "aws:kms", ARN, MATCH, "aws:kms key-1", "aws:kms key-1"),
        (ASKED, "aws:kms", "arn:aws:kms:key-1", MATCH, "aws:kms key-1", "aws:kms key-1"),
        (ASKED, "aws:kms", "another-key-1", MISMATCH, "aws:kms key-1", "aws:kms another-key-1"),
        (ASKED, "aws:kms", "", Reason.NOT_SUPPORTED, "aws:kms key-1", "aws:kms"),
        (ASKED, "AES256", "", MISMATCH, "aws:kms", "AES256"),
        (ASKED, "", "", MISMATCH, "aws:kms", "sse_kms"),
        (AskedEncryption("aws:kms", "alias/a"), "aws:kms", ARN, MATCH, "aws:kms", "aws:kms"),
        (AskedEncryption("aws:kms", "arn:aws:kms:r:1:alias/a"), "aws:kms", ARN, MATCH, "aws:kms", "aws:kms"),
        (AskedEncryption("aws:kms:dsse"), "aws:kms", ARN, MISMATCH, "aws:kms:dsse", "aws:kms"),
    ],
)
def test_the_encryption_asked_for_is_compared_in_the_store_s_words(
    asked: AskedEncryption, word: str, key: str, result: Outcome | Reason, expected: str, observed: str
) -> None:
    dest = replace(DEST, encryption=Encryption.SSE_KMS, encryption_word=word, kms_key_id=key)

    assert fidelity_checks(SOURCE, dest, encryption=asked, attempt=3)[4] == made(
        ENCRYPTION, result, expected, observed, by=dest
    )


@pytest.mark.parametrize(("of_source", "said_there"), [("COLD", "WARM"), (None, None)])
def test_a_class_that_is_not_carried_is_not_compared(of_source: str | None, said_there: str | None) -> None:
    source, dest = replace(SOURCE, storage_class=of_source), replace(DEST, storage_class=said_there)

    checks = fidelity_checks(source, dest, storage_class=None, attempt=3)

    values = of_source or "STANDARD", said_there or "STANDARD"
    assert checks[3] == made(CLASS, Reason.NOT_COPIED, *values, by=dest)


@pytest.mark.parametrize(("dest", "reason"), [(None, Reason.NOT_REACHED), (LISTED, Reason.NOT_REQUESTED)])
def test_a_listing_leaves_all_five_open(dest: Statement | None, reason: Reason) -> None:
    checks = fidelity_checks(SOURCE, dest, source_tags={}, attempt=3)

    assert checks == tuple(made(name, reason, by=dest) for name in (HEADERS, METADATA, TAGS, CLASS, ENCRYPTION))


def test_what_is_not_carried_is_said_so_by_a_listing_too() -> None:
    checks = fidelity_checks(SOURCE, LISTED, storage_class=None, attempt=3)

    assert [check.reason for check in checks] == [
        Reason.NOT_REQUESTED,
        Reason.NOT_REQUESTED,
        Reason.NOT_COPIED,
        Reason.NOT_COPIED,
        Reason.NOT_REQUESTED,
    ]


def test_fidelity_counts_as_the_first_attempt_unless_told() -> None:
    checks = (*fidelity_checks(SOURCE, DEST), *fidelity_checks(SOURCE, LISTED), *fidelity_checks(SOURCE, None))

    assert {check.attempt for check in checks} == {1}
    assert pair_check(SOURCE, DEST, PROVEN, PROVEN).attempt == 1


@pytest.mark.parametrize(
    ("headers", "carried"),
    [
        ({"Content-Encoding": "GZIP, aws-chunked"}, '{"content-encoding":"GZIP"}'),
        ({"content-encoding": "gzip,AWS-Chunked , br"}, '{"content-encoding":"gzip, br"}'),
        ({"content-encoding": "aws-chunked", "expires": "0"}, '{"expires":"0"}'),
        ({"Cache_Control": "no-store", "x-other": "1"}, '{"cache-control":"no-store"}'),
        ({"content-language": "de", "content-disposition": ""}, '{"content-language":"de"}'),
        ({"content-disposition": "inline"}, '{"content-disposition":"inline"}'),
    ],
)
def test_headers_as_they_should_be_carried(headers: dict[str, str], carried: str) -> None:
    source = replace(SOURCE, content_headers=headers)

    assert fidelity_checks(source, DEST)[0].expected == carried


def test_a_type_that_nobody_asked_for_is_no_difference() -> None:
    dest = replace(DEST, content_headers={"content-type": "binary/octet-stream", "expires": "0"})

    assert fidelity_checks(SOURCE, dest)[0].observed == '{"expires":"0"}'


def test_the_redirect_stands_among_the_headers() -> None:
    dest = replace(DEST, content_headers={"X-Amz-Website-Redirect-Location": "/a"})

    assert fidelity_checks(SOURCE, dest)[0].observed == '{"x-amz-website-redirect-location":"/a"}'


def test_names_that_collapse_keep_both_values() -> None:
    source = replace(SOURCE, metadata={"color": "blue", "Color": "red", "ä": "ö"})

    assert fidelity_checks(source, DEST)[1].expected == '{"color":"red, blue","ä":"ö"}'


def pair(
    source: Statement = SOURCE,
    dest: Statement = DEST,
    profiles: tuple[Profile, Profile] = (PROVEN, PROVEN),
    layouts: tuple[Layout | None, Layout | None] = (PARTS, PARTS),
) -> Check:
    return pair_check(source, dest, *profiles, source_layout=layouts[0], dest_layout=layouts[1], attempt=3)


def test_two_etags() -> None:
    wrong = replace(DEST, etag=f'W/"{WRONG}"')

    assert pair() == made(PAIR, MATCH, MD5, MD5, "MD5", DEST)
    assert pair(dest=wrong) == made(PAIR, MISMATCH, MD5, WRONG, "MD5", wrong)


@pytest.mark.parametrize(
    ("source", "dest", "reason", "expected", "observed"),
    [
        ({"etag": None}, {}, Reason.ETAG_ABSENT, None, MD5),
        ({}, {"etag": None}, Reason.ETAG_ABSENT, MD5, None),
        ({}, {"etag": "Opaque"}, Reason.ETAG_OPAQUE, MD5, "opaque"),
        ({"encryption": Encryption.SSE_KMS}, {"etag": WRONG}, Reason.SSE_KMS, MD5, WRONG),
        ({"etag": f"{WRONG}-3"}, {"etag": f"{WRONG}-4"}, Reason.LAYOUTS_DIFFER, f"{WRONG}-3", f"{WRONG}-4"),
    ],
)
def test_two_statements_that_cannot_be_compared_keep_their_values(
    source: dict[str, object],
    dest: dict[str, object],
    reason: Reason,
    expected: str | None,
    observed: str | None,
) -> None:
    one, other = replace(SOURCE, **source), replace(DEST, **dest)  # type: ignore[arg-type]

    assert pair(one, other) == made(PAIR, reason, expected, observed, "MD5", other)


@pytest.mark.parametrize(
    ("dest_etag", "layouts", "result"),
    [
        (f"{WRONG}-5", (PARTS, PARTS), MISMATCH),
        (f"{WRONG}-5", (None, PARTS), Reason.LAYOUT_UNKNOWN),
        (f"{WRONG}-5", (PARTS, None), Reason.LAYOUT_UNKNOWN),
        (f"{WRONG}-5", (PARTS, Layout.of([999, 1001, 1000, 1000, SIZE - 4000])), Reason.LAYOUTS_DIFFER),
        (PARTS_ETAG.upper(), (None, None), MATCH),
    ],
)
def test_two_multipart_etags(
    dest_etag: str, layouts: tuple[Layout | None, Layout | None], result: Outcome | Reason
) -> None:
    source, dest = replace(SOURCE, etag=PARTS_ETAG), replace(DEST, etag=dest_etag)

    assert pair(source, dest, layouts=layouts) == made(PAIR, result, PARTS_ETAG, dest_etag.lower(), "MD5", dest)


@pytest.mark.parametrize(
    ("profiles", "reason"),
    [
        ((UNKNOWN, Profile(etag_single=EtagMeaning.OPAQUE)), Reason.ETAG_SEMANTICS_UNKNOWN),
        ((PROVEN, Profile(etag_single=EtagMeaning.OPAQUE)), Reason.ETAG_OPAQUE),
    ],
)
def test_etags_that_differ_without_a_meaning(profiles: tuple[Profile, Profile], reason: Reason) -> None:
    dest = replace(DEST, etag=WRONG)

    assert pair(dest=dest, profiles=profiles) == made(PAIR, reason, MD5, WRONG, "MD5", dest)


def test_a_checksum_that_both_state() -> None:
    source = replace(SOURCE, checksums={"CRC64NVME": CRC, "CRC32": CRC32}, checksum_type="FULL_OBJECT")
    dest = replace(DEST, checksums={"CRC32": "AAAAAA==", "CRC64NVME": CRC}, checksum_type="FULL_OBJECT")
    other = replace(dest, checksums={"CRC32": "AAAAAA=="})

    assert pair(source, dest) == made(PAIR, MATCH, CRC, CRC, "CRC64NVME", dest)
    assert pair(source, other) == made(PAIR, MISMATCH, CRC32, "AAAAAA==", "CRC32", other)


@pytest.mark.parametrize("types", [("COMPOSITE", "COMPOSITE"), ("FULL_OBJECT", None), (None, "FULL_OBJECT")])
def test_checksums_that_are_not_both_of_the_whole_are_left_alone(types: tuple[str | None, str | None]) -> None:
    source = replace(SOURCE, checksums={"CRC32": CRC32}, checksum_type=types[0])
    dest = replace(DEST, checksums={"CRC32": CRC32}, checksum_type=types[1])

    assert pair(source, dest) == made(PAIR, MATCH, MD5, MD5, "MD5", dest)
