"""What stands on each check of the source leg: both values, the algorithm, who said it, and in which attempt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrity.checksums import composite, encode
from integrity.digests import DigestSet, digest_of
from integrity.etags import etag_of
from integrity.evidence import (
    Check,
    CheckName,
    Encryption,
    EtagMeaning,
    Origin,
    Outcome,
    Planned,
    Profile,
    Reason,
    Statement,
    source_checks,
)
from integrity.layouts import Layout
from tests.integrity.evidence.facts import (
    DATA,
    DIGESTS,
    MD5,
    OTHER,
    PARTS,
    PROVEN,
    SHA256,
    SIZE,
    UNKNOWN,
    made,
    planned,
    said,
)

MATCH, MISMATCH = Outcome.MATCH, Outcome.MISMATCH
WRONG = "0" * 32
FLIPPED = digest_of(OTHER, [PARTS])
NO_DIGESTS = digest_of(DATA, algorithms=frozenset())
PARTS_ETAG, FLIPPED_ETAG = etag_of(DIGESTS, PARTS) or "", etag_of(FLIPPED, PARTS) or ""
ONE_PART = Layout.uniform(SIZE, SIZE)
ONE_PART_ETAG = etag_of(digest_of(DATA, [ONE_PART]), ONE_PART) or ""
CRC, CRC32, CRC32C = (encode(DIGESTS.raw(name) or b"") for name in ("CRC64NVME", "CRC32", "CRC32C"))
OF_PARTS = composite("CRC32", DIGESTS.part_raws(PARTS, "CRC32") or ())
OF_ONE = composite("CRC32", [DIGESTS.raw("CRC32") or b""])

GET = said(request_id="get", at="t1")
HEAD = said(Origin.HEAD, request_id="head", at="t2")
AFTER = said(Origin.HEAD, request_id="after", at="t3")
IDENTITY, SIZES, LENGTH = CheckName.SOURCE_IDENTITY, CheckName.SOURCE_SIZE, CheckName.READ_LENGTH
ETAG, SUM = CheckName.SOURCE_ETAG, CheckName.SOURCE_CHECKSUM
REREAD, UNCHANGED = CheckName.SOURCE_REREAD, CheckName.SOURCE_UNCHANGED


def seen(
    got: Statement = GET,
    *,
    plan: Planned | None = None,
    digests: DigestSet | None = DIGESTS,
    profile: Profile = PROVEN,
    layout: Layout | None = None,
    head: Statement | None = None,
    after: Statement | None = None,
    honoured: bool | None = None,
    reread: str | None = None,
) -> tuple[Check, ...]:
    return source_checks(
        plan or planned(got.etag or ""),
        got,
        digests,
        profile,
        layout=layout,
        head=head,
        after=after,
        if_match_honoured=honoured,
        reread_sha256=reread,
        attempt=3,
    )


def named(name: CheckName, checks: tuple[Check, ...]) -> list[Check]:
    return [check for check in checks if check.name is name]


def test_a_plain_object_that_was_read_well() -> None:
    assert seen() == (
        made(IDENTITY, MATCH, f"etag {MD5}", f"etag {MD5}", by=GET),
        made(SIZES, MATCH, str(SIZE), str(SIZE), by=GET),
        made(LENGTH, MATCH, str(SIZE), str(SIZE)),
        made(ETAG, MATCH, MD5, MD5, "MD5", GET),
        made(SUM, Reason.CHECKSUM_ABSENT),
        made(REREAD, Reason.NOT_REQUESTED),
        made(UNCHANGED, MATCH, f"etag {MD5}", f"etag {MD5}", by=GET),
    )


def test_nothing_that_was_read() -> None:
    assert seen(digests=None, profile=UNKNOWN, reread=SHA256) == (
        made(IDENTITY, MATCH, f"etag {MD5}", f"etag {MD5}", by=GET),
        made(SIZES, MATCH, str(SIZE), str(SIZE), by=GET),
        made(LENGTH, Reason.NOT_REACHED, str(SIZE)),
        made(ETAG, Reason.NOT_REACHED, None, MD5, "MD5", GET),
        made(SUM, Reason.NOT_REACHED),
        made(REREAD, Reason.NOT_REQUESTED),
        made(UNCHANGED, Reason.NOT_REQUESTED, by=GET),
    )


def test_reading_counts_as_the_first_attempt_unless_told() -> None:
    checks = source_checks(planned(), GET, DIGESTS, PROVEN, head=HEAD, after=AFTER, reread_sha256=SHA256)

    assert {check.attempt for check in checks} == {1}


@pytest.mark.parametrize(
    ("plan", "reply", "result", "expected", "observed"),
    [
        ({}, {"version_id": "v2"}, MATCH, f"etag {MD5}", f"etag {MD5}"),
        ({"version_id": "v1"}, {"version_id": "v1"}, MATCH, f"etag {MD5} version v1", f"etag {MD5} version v1"),
        ({"version_id": "v1"}, {"version_id": "v2"}, MISMATCH, f"etag {MD5} version v1", f"etag {MD5} version v2"),
        ({"version_id": "v1"}, {}, Reason.NOT_SUPPORTED, f"etag {MD5} version v1", f"etag {MD5}"),
        ({"version_id": "v1", "etag": ""}, {"version_id": "v1"}, MATCH, "version v1", "version v1"),
        ({"version_id": "v1", "etag": ""}, {"version_id": "v2"}, MISMATCH, "version v1", "version v2"),
        ({"etag": ""}, {}, Reason.ETAG_ABSENT, None, f"etag {MD5}"),
        ({"etag": ""}, {"etag": None, "version_id": "v1"}, Reason.ETAG_ABSENT, None, None),
        ({}, {"etag": None}, Reason.ETAG_ABSENT, f"etag {MD5}", None),
        (
            {"version_id": "v1"},
            {"version_id": "v1", "etag": None},
            Reason.ETAG_ABSENT,
            f"etag {MD5} version v1",
            "version v1",
        ),
    ],
)
def test_the_identity_in_the_plan_and_in_the_reply(
    plan: dict[str, str],
    reply: dict[str, str | None],
    result: Outcome | Reason,
    expected: str | None,
    observed: str | None,
) -> None:
    got = replace(GET, **reply)  # type: ignore[arg-type]

    checks = seen(got, plan=planned(**plan))  # type: ignore[arg-type]

    assert named(IDENTITY, checks) == [made(IDENTITY, result, expected, observed, by=got)]


def test_a_head_that_contradicts_stands_beside_the_get() -> None:
    head = replace(HEAD, etag="other", size=1)

    checks = seen(head=head)

    assert checks[:4] == (
        made(IDENTITY, MATCH, f"etag {MD5}", f"etag {MD5}", by=GET),
        made(IDENTITY, MISMATCH, f"etag {MD5}", "etag other", by=head),
        made(SIZES, MATCH, str(SIZE), str(SIZE), by=GET),
        made(SIZES, MISMATCH, str(SIZE), "1", by=head),
    )


def test_a_head_that_agrees_or_is_silent_adds_nothing() -> None:
    agreeing, silent = seen(head=HEAD), seen(head=replace(HEAD, etag=None, size=None))

    assert [check.name for check in agreeing] == [check.name for check in silent] == [check.name for check in seen()]


def test_the_size_that_only_the_head_states() -> None:
    assert named(SIZES, seen(replace(GET, size=None), head=HEAD)) == [made(SIZES, MATCH, str(SIZE), str(SIZE), by=HEAD)]
    nobody = seen(replace(GET, size=None), head=replace(HEAD, size=None))
    assert named(SIZES, nobody) == [made(SIZES, Reason.NOT_SUPPORTED, str(SIZE), by=GET)]


def test_bytes_that_are_missing() -> None:
    checks = seen(replace(GET, size=SIZE + 1), plan=planned(size=SIZE + 1))

    assert named(LENGTH, checks) == [made(LENGTH, MISMATCH, str(SIZE + 1), str(SIZE))]


@pytest.mark.parametrize(
    ("etag", "digests", "profile", "layout", "result", "ours"),
    [
        (MD5, FLIPPED, PROVEN, None, MISMATCH, FLIPPED.md5_hex),
        (MD5, FLIPPED, UNKNOWN, None, Reason.ETAG_SEMANTICS_UNKNOWN, FLIPPED.md5_hex),
        (MD5, NO_DIGESTS, PROVEN, None, Reason.NOT_REQUESTED, None),
        ("opaque", DIGESTS, PROVEN, None, Reason.ETAG_OPAQUE, MD5),
        (PARTS_ETAG, DIGESTS, UNKNOWN, None, MATCH, PARTS_ETAG),
        (PARTS_ETAG, FLIPPED, PROVEN, PARTS, MISMATCH, FLIPPED_ETAG),
        (PARTS_ETAG, FLIPPED, PROVEN, None, Reason.LAYOUT_UNKNOWN, None),
        (PARTS_ETAG, FLIPPED, PROVEN, Layout.uniform(SIZE, 2000), Reason.LAYOUT_UNKNOWN, None),
        (PARTS_ETAG, FLIPPED, UNKNOWN, PARTS, Reason.ETAG_SEMANTICS_UNKNOWN, FLIPPED_ETAG),
        (ONE_PART_ETAG, digest_of(DATA), PROVEN, ONE_PART, MATCH, ONE_PART_ETAG),
        (f"{WRONG}-1", digest_of(DATA), PROVEN, ONE_PART, MISMATCH, ONE_PART_ETAG),
        (f"{WRONG}-1", digest_of(DATA), PROVEN, Layout.single(SIZE), Reason.LAYOUT_UNKNOWN, None),
        (f"{WRONG}-1", digest_of(DATA), PROVEN, Layout.uniform(SIZE + 1, SIZE + 1), Reason.LAYOUT_UNKNOWN, None),
    ],
)
def test_the_etag_that_was_stated(
    etag: str,
    digests: DigestSet,
    profile: Profile,
    layout: Layout | None,
    result: Outcome | Reason,
    ours: str | None,
) -> None:
    got = replace(GET, etag=f'"{etag}"')

    checks = seen(got, digests=digests, profile=profile, layout=layout)

    assert named(ETAG, checks) == [made(ETAG, result, ours, etag, "MD5", got)]


def test_the_etag_that_was_not_stated() -> None:
    silent = replace(GET, etag=None)

    assert named(ETAG, seen(silent)) == [made(ETAG, Reason.ETAG_ABSENT, MD5, None, "MD5", silent)]
    assert named(ETAG, seen(silent, head=HEAD)) == [made(ETAG, MATCH, MD5, MD5, "MD5", HEAD)]
    assert named(ETAG, seen(silent, digests=None)) == [made(ETAG, Reason.ETAG_ABSENT, None, None, "MD5", silent)]


def test_the_etag_of_an_encrypted_object_keeps_both_values() -> None:
    kms = replace(HEAD, encryption=Encryption.SSE_KMS)

    assert named(ETAG, seen(head=kms)) == [made(ETAG, Reason.SSE_KMS, MD5, MD5, "MD5", GET)]


def test_every_checksum_with_the_reply_that_stated_it() -> None:
    got = replace(GET, checksums={"CRC64NVME": CRC, "CRC32": "AAAAAA=="}, checksum_type="FULL_OBJECT")
    head = replace(HEAD, checksums={"CRC64NVME": CRC, "CRC32C": CRC32C, "SUM64": "abc="}, checksum_type="FULL_OBJECT")

    assert named(SUM, seen(got, head=head)) == [
        made(SUM, MISMATCH, CRC32, "AAAAAA==", "CRC32", got),
        made(SUM, MATCH, CRC, CRC, "CRC64NVME", got),
        made(SUM, MATCH, CRC32C, CRC32C, "CRC32C", head),
        made(SUM, Reason.ALGORITHM_UNAVAILABLE, None, "abc=", "SUM64", head),
    ]


@pytest.mark.parametrize(
    ("text", "digests", "layout", "result", "ours", "observed"),
    [
        (OF_PARTS, DIGESTS, None, MATCH, OF_PARTS, OF_PARTS),
        (OF_PARTS.partition("-")[0], DIGESTS, None, MATCH, OF_PARTS, OF_PARTS),
        ("AAAAAA==-5", DIGESTS, PARTS, MISMATCH, OF_PARTS, "AAAAAA==-5"),
        ("AAAAAA==", DIGESTS, PARTS, MISMATCH, OF_PARTS, "AAAAAA==-5"),
        ("AAAAAA==-5", DIGESTS, None, Reason.LAYOUT_UNKNOWN, None, "AAAAAA==-5"),
        ("AAAAAA==-4", DIGESTS, PARTS, Reason.LAYOUT_UNKNOWN, None, "AAAAAA==-4"),
        ("AAAAAA==-5", NO_DIGESTS, PARTS, Reason.NOT_REQUESTED, None, "AAAAAA==-5"),
        ("AAAAAA==", NO_DIGESTS, PARTS, Reason.NOT_REQUESTED, None, "AAAAAA==-5"),
        ("", DIGESTS, PARTS, MISMATCH, OF_PARTS, "-5"),
        (OF_ONE, DIGESTS, None, Reason.LAYOUT_UNKNOWN, None, OF_ONE),
    ],
)
def test_a_composite_checksum(
    text: str, digests: DigestSet, layout: Layout | None, result: Outcome | Reason, ours: str | None, observed: str
) -> None:
    got = replace(GET, etag="opaque", checksums={"CRC32": text}, checksum_type="COMPOSITE")

    checks = seen(got, digests=digests, layout=layout)

    assert named(SUM, checks) == [made(SUM, result, ours, observed, "CRC32", got)]


def test_a_composite_checksum_of_an_algorithm_that_has_none() -> None:
    got = replace(GET, checksums={"CRC64NVME": f"{CRC}-5"}, checksum_type="COMPOSITE")

    checks = seen(got, layout=PARTS)

    assert named(SUM, checks) == [made(SUM, Reason.NOT_REQUESTED, None, f"{CRC}-5", "CRC64NVME", got)]


@pytest.mark.parametrize(
    ("algorithm", "text", "etag", "digests", "result", "ours"),
    [
        ("CRC32", "AAAAAA==", MD5, DIGESTS, MISMATCH, CRC32),
        ("CRC32", "AAAAAA==", f"{MD5}-5", DIGESTS, Reason.CHECKSUM_TYPE_UNKNOWN, CRC32),
        ("CRC32", CRC32, f"{MD5}-5", DIGESTS, MATCH, CRC32),
        ("CRC32", "AAAAAA==", MD5, NO_DIGESTS, Reason.NOT_REQUESTED, None),
        ("CRC32", OF_PARTS, f"{MD5}-5", DIGESTS, MATCH, OF_PARTS),
        ("CRC64NVME", "AAAAAAAAAAA=", f"{MD5}-5", DIGESTS, MISMATCH, CRC),
        ("SUM64", "abc=", MD5, DIGESTS, Reason.ALGORITHM_UNAVAILABLE, None),
        ("SUM64", "abc=", f"{MD5}-5", DIGESTS, Reason.CHECKSUM_TYPE_UNKNOWN, None),
    ],
)
def test_a_checksum_without_a_type(
    algorithm: str, text: str, etag: str, digests: DigestSet, result: Outcome | Reason, ours: str | None
) -> None:
    got = replace(GET, etag=etag, checksums={algorithm: text})

    assert named(SUM, seen(got, digests=digests)) == [made(SUM, result, ours, text, algorithm, got)]


def test_no_checksum_says_whether_the_store_was_asked() -> None:
    assert named(SUM, seen(profile=replace(PROVEN, checksum_mode=False))) == [made(SUM, Reason.NOT_SUPPORTED)]


def test_two_readings() -> None:
    other = FLIPPED.sha256_hex
    doubtful = seen(digests=FLIPPED, profile=UNKNOWN, reread=other)

    assert named(REREAD, seen(reread=SHA256)) == [made(REREAD, MATCH, SHA256, SHA256, "SHA256")]
    assert named(REREAD, seen(reread=other)) == [made(REREAD, MISMATCH, SHA256, other, "SHA256")]
    assert named(REREAD, seen(digests=NO_DIGESTS, reread=SHA256)) == [made(REREAD, Reason.NOT_REQUESTED)]
    assert named(REREAD, doubtful) == [made(REREAD, Reason.ETAG_SEMANTICS_UNKNOWN, other, other, "SHA256")]


def test_two_different_readings_are_a_mismatch_whatever_the_etag_means() -> None:
    checks = seen(digests=FLIPPED, profile=UNKNOWN, reread=SHA256)

    assert named(REREAD, checks) == [made(REREAD, MISMATCH, FLIPPED.sha256_hex, SHA256, "SHA256")]


@pytest.mark.parametrize(
    "meaning", [meaning for meaning in EtagMeaning if meaning not in (EtagMeaning.MD5, EtagMeaning.FORMULA)]
)
def test_an_opaque_etag_leaves_two_equal_readings_as_they_are(meaning: EtagMeaning) -> None:
    checks = seen(digests=FLIPPED, profile=Profile(etag_single=meaning), reread=FLIPPED.sha256_hex)

    assert (named(REREAD, checks)[0].outcome is MATCH) is (meaning is EtagMeaning.OPAQUE)


@pytest.mark.parametrize(
    ("before", "now", "result", "expected", "observed"),
    [
        (
            {"version_id": "v1", "last_modified": "m1"},
            {"version_id": "v1", "last_modified": "m1"},
            MATCH,
            f"etag {MD5} version v1 size {SIZE} modified m1",
            f"etag {MD5} version v1 size {SIZE} modified m1",
        ),
        (
            {"version_id": "v1", "last_modified": "m1"},
            {"version_id": "v2", "last_modified": "m2", "etag": "Other", "size": 1},
            MISMATCH,
            f"etag {MD5} version v1 size {SIZE} modified m1",
            "etag other version v2 size 1 modified m2",
        ),
        ({"etag": None, "version_id": "v1"}, {"version_id": "v1", "size": None}, MATCH, "version v1", "version v1"),
        ({"version_id": "v1"}, {"size": 0}, MISMATCH, f"etag {MD5} size {SIZE}", f"etag {MD5} size 0"),
        ({"size": None}, {"size": 0}, MATCH, f"etag {MD5}", f"etag {MD5}"),
        ({"size": 0}, {"size": 0}, MATCH, f"etag {MD5} size 0", f"etag {MD5} size 0"),
    ],
)
def test_the_source_before_and_after_reading(
    before: dict[str, object], now: dict[str, object], result: Outcome | Reason, expected: str, observed: str
) -> None:
    after = replace(AFTER, **now)  # type: ignore[arg-type]

    checks = seen(replace(GET, **before), after=after)  # type: ignore[arg-type]

    assert named(UNCHANGED, checks) == [made(UNCHANGED, result, expected, observed, by=after)]


@pytest.mark.parametrize("silent", [{"before": None}, {"after": None}])
def test_size_and_time_alone_show_no_identity(silent: dict[str, None]) -> None:
    got = replace(GET, etag=silent.get("before", MD5))
    after = replace(AFTER, etag=silent.get("after", MD5))

    assert named(UNCHANGED, seen(got, after=after)) == [made(UNCHANGED, Reason.ETAG_ABSENT, by=after)]


def test_a_pinned_version_shows_no_change() -> None:
    got = replace(GET, version_id="v1")

    checks = seen(got, plan=planned(version_id="v1"), profile=UNKNOWN)

    assert named(UNCHANGED, checks) == [made(UNCHANGED, MATCH, "version v1", "version v1", by=got)]


@pytest.mark.parametrize(
    ("plan", "reply"), [({"version_id": "v1"}, {}), ({}, {"version_id": "v1"})], ids=["planned only", "stated only"]
)
def test_a_version_that_only_one_of_them_names_pins_nothing(plan: dict[str, str], reply: dict[str, str]) -> None:
    got = replace(GET, **reply)

    checks = seen(got, plan=planned(**plan), profile=UNKNOWN)  # type: ignore[arg-type]

    assert named(UNCHANGED, checks) == [made(UNCHANGED, Reason.NOT_REQUESTED, by=got)]


def test_a_condition_that_pinned_the_object() -> None:
    got = replace(GET, etag="opaque", checksums={"CRC64NVME": CRC})
    planned_otherwise = seen(got, plan=planned('"Other"'), honoured=True)

    assert named(UNCHANGED, seen(got, honoured=True)) == [made(UNCHANGED, MATCH, "etag opaque", "etag opaque", by=got)]
    assert named(UNCHANGED, seen(got, plan=planned(""), honoured=True)) == [
        made(UNCHANGED, Reason.NOT_REQUESTED, by=got)
    ]
    assert named(UNCHANGED, planned_otherwise) == [made(UNCHANGED, MISMATCH, "etag other", "etag opaque", by=got)]


def test_a_condition_pins_nothing_where_the_reply_names_nothing() -> None:
    got = replace(GET, etag=None, checksums={"CRC64NVME": CRC})

    checks = seen(got, plan=planned(), honoured=True)

    assert named(UNCHANGED, checks) == [made(UNCHANGED, Reason.NOT_REQUESTED, by=got)]
