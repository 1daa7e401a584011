"""What stands on each check of the destination leg: both values, the algorithm, who said it, and in which attempt."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from integrity.checksums import composite, encode
from integrity.digests import digest_of
from integrity.etags import etag_of
from integrity.evidence import (
    Check,
    CheckName,
    Encryption,
    EtagMeaning,
    Origin,
    Outcome,
    Profile,
    Proof,
    ReadBack,
    Reason,
    Statement,
    destination_checks,
    write_checks,
)
from integrity.layouts import Layout
from tests.integrity.evidence.facts import (
    DATA,
    DIGESTS,
    MD5,
    PARTS,
    PROVEN,
    SHA256,
    SINGLE,
    SIZE,
    UNKNOWN,
    made,
    said,
)

MATCH, MISMATCH = Outcome.MATCH, Outcome.MISMATCH
WRONG = "0" * 32
PARTS_ETAG = etag_of(DIGESTS, PARTS) or ""
MD5_TEXT, CRC, CRC32 = (encode(DIGESTS.raw(name) or b"") for name in ("MD5", "CRC64NVME", "CRC32"))
MD5S = DIGESTS.part_md5s(PARTS) or ()
CRCS = DIGESTS.part_raws(PARTS, "CRC64NVME") or ()
OPAQUE = replace(PROVEN, etag_single=EtagMeaning.OPAQUE, etag_multipart=EtagMeaning.OPAQUE)

PUT = said(Origin.PUT_REPLY, request_id="put", at="t1")
DONE = said(Origin.COMPLETE_REPLY, etag=PARTS_ETAG, request_id="done", at="t2")
HEAD = said(Origin.HEAD, request_id="head", at="t3")
LISTED = said(Origin.LISTING, request_id="listed", at="t4")
BACK = said(Origin.READBACK, request_id="back", at="t5")
REPLIES = [
    said(
        Origin.PART_REPLY,
        etag=md5.hex(),
        checksums={"CRC64NVME": encode(crc)},
        request_id=f"part {number}",
        at=f"p{number}",
    )
    for number, (md5, crc) in enumerate(zip(MD5S, CRCS, strict=True), start=1)
]
DIGEST, PART_ETAGS, PART_SUMS = CheckName.WRITE_DIGEST, CheckName.PART_ETAGS, CheckName.PART_CHECKSUMS
SIZES, ETAG, SUM = CheckName.DEST_SIZE, CheckName.DEST_ETAG, CheckName.DEST_CHECKSUM
IDENTITY, READBACK = CheckName.DEST_IDENTITY, CheckName.DEST_READBACK


def joined(raws: tuple[bytes, ...]) -> str:
    return f"SHA-256 of 5 part digests {hashlib.sha256(b''.join(raws)).hexdigest()}"


def changed(number: int, **changes: object) -> list[Statement]:
    """The replies to the parts, but that two of them differ: this one, and the last but one."""
    return [
        replace(reply, **changes) if place in (number, 4) else reply  # type: ignore[arg-type]
        for place, reply in enumerate(REPLIES, start=1)
    ]


def written(
    sent: tuple[str, ...] = ("MD5",),
    *,
    profile: Profile = PROVEN,
    reply: Statement | None = PUT,
    accepted: bool = True,
) -> tuple[Check, ...]:
    return write_checks(DIGESTS, SINGLE, profile, sent=sent, reply=reply, accepted=accepted, attempt=3)


def in_parts(
    replies: list[Statement],
    *,
    profile: Profile = PROVEN,
    layout: Layout = PARTS,
    reply: Statement | None = DONE,
) -> tuple[Check, ...]:
    checks = write_checks(DIGESTS, layout, profile, sent=["MD5"], reply=reply, part_replies=replies, attempt=3)
    assert [check.name for check in checks] == [DIGEST, PART_ETAGS, PART_SUMS]
    return checks[1:]


def test_a_digest_of_one_put_stands_in_the_notation_of_the_header() -> None:
    assert written() == (made(DIGEST, MATCH, MD5_TEXT, MD5_TEXT, "MD5", PUT),)
    assert written(accepted=False) == (made(DIGEST, MISMATCH, MD5_TEXT, "rejected", "MD5", PUT),)
    assert written(profile=UNKNOWN) == (made(DIGEST, Reason.STORE_UNPROVEN, MD5_TEXT, MD5_TEXT, "MD5", PUT),)
    assert written(reply=None) == (made(DIGEST, Reason.NOT_REACHED, MD5_TEXT, None, "MD5"),)
    assert written(()) == (made(DIGEST, Reason.NOT_REQUESTED, by=PUT),)


def test_of_several_digests_the_first_by_name_that_the_store_checks() -> None:
    proven = written(("SHA256", "MD5", "CRC32"))
    unproven = written(("SHA256", "MD5", "CRC32C"), profile=UNKNOWN)
    only_md5 = written(("MD5", "CRC32C"), profile=replace(PROVEN, checksums={}))

    assert [check.algorithm for check in (*proven, *unproven, *only_md5)] == ["CRC32", "CRC32C", "MD5"]


@pytest.mark.parametrize(
    ("sent", "payload", "result"),
    [
        ("SHA256", Proof.REJECTS, MATCH),
        ("SHA256", Proof.IGNORES, Reason.STORE_UNPROVEN),
        ("CRC32C", Proof.REJECTS, Reason.STORE_UNPROVEN),
    ],
)
def test_a_signed_payload_proves_its_own_digest_only(sent: str, payload: Proof, result: Outcome | Reason) -> None:
    value = encode(DIGESTS.raw(sent) or b"")

    checks = written((sent,), profile=replace(UNKNOWN, payload_sha256=payload))

    assert checks == (made(DIGEST, result, value, value, sent, PUT),)


def test_of_digests_in_parts_one_value_stands_for_all() -> None:
    checks = write_checks(DIGESTS, PARTS, PROVEN, sent=["MD5"], reply=DONE, part_replies=REPLIES, attempt=3)

    assert checks == (
        made(DIGEST, MATCH, joined(MD5S), joined(MD5S), "MD5", DONE),
        made(PART_ETAGS, MATCH, PARTS_ETAG, PARTS_ETAG, "MD5", REPLIES[-1]),
        made(PART_SUMS, MATCH, joined(CRCS), joined(CRCS), "CRC64NVME", REPLIES[-1]),
    )


def test_a_write_counts_as_the_first_attempt_unless_told() -> None:
    checks = (
        *write_checks(DIGESTS, PARTS, PROVEN, sent=["MD5"], reply=DONE, part_replies=REPLIES),
        *destination_checks(DIGESTS, PARTS, PROVEN, write_reply=DONE, after=HEAD),
    )

    assert {check.attempt for check in checks} == {1}


def test_what_no_store_has_proven_keeps_its_values() -> None:
    assert in_parts(REPLIES, profile=UNKNOWN) == (
        made(PART_ETAGS, Reason.STORE_UNPROVEN, PARTS_ETAG, PARTS_ETAG, "MD5", REPLIES[-1]),
        made(PART_SUMS, Reason.STORE_UNPROVEN, joined(CRCS), joined(CRCS), "CRC64NVME", REPLIES[-1]),
    )


@pytest.mark.parametrize("number", [1, 2])
def test_the_first_wrong_part_is_named_with_both_its_digests(number: int) -> None:
    replies = changed(number, etag=WRONG, checksums={"CRC64NVME": "AAAAAAAAAAA="})
    ours, crc = MD5S[number - 1].hex(), encode(CRCS[number - 1])

    assert in_parts(replies) == (
        made(PART_ETAGS, MISMATCH, f"part {number} {ours}", f"part {number} {WRONG}", "MD5", replies[number - 1]),
        made(
            PART_SUMS,
            MISMATCH,
            f"part {number} {crc}",
            f"part {number} AAAAAAAAAAA=",
            "CRC64NVME",
            replies[number - 1],
        ),
    )


@pytest.mark.parametrize(
    ("changes", "profile", "seen", "reason"),
    [
        ({"etag": None}, PROVEN, None, Reason.ETAG_ABSENT),
        ({"etag": ""}, PROVEN, None, Reason.ETAG_ABSENT),
        ({"etag": "Opaque"}, PROVEN, "opaque", Reason.ETAG_OPAQUE),
        ({"etag": f"{WRONG}-2"}, PROVEN, f"{WRONG}-2", Reason.ETAG_OPAQUE),
        ({"etag": WRONG}, OPAQUE, WRONG, Reason.ETAG_OPAQUE),
        ({"etag": WRONG}, UNKNOWN, WRONG, Reason.ETAG_SEMANTICS_UNKNOWN),
        ({"etag": None}, UNKNOWN, None, Reason.ETAG_ABSENT),
        ({"etag": None, "encryption": Encryption.SSE_C}, PROVEN, None, Reason.SSE_C),
    ],
)
def test_a_part_whose_etag_tells_nothing_is_named_too(
    changes: dict[str, object], profile: Profile, seen: str | None, reason: Reason
) -> None:
    replies = changed(2, **changes)
    number = 1 if "encryption" in changes else 2
    observed = {1: f"part 1 {MD5S[0].hex()}", 2: f"part 2 {seen}" if seen else None}[number]

    check = in_parts(replies, profile=profile)[0]

    assert check == made(PART_ETAGS, reason, f"part {number} {MD5S[number - 1].hex()}", observed, "MD5", replies[-1])


def test_an_encrypted_upload_shows_in_the_answer_to_complete() -> None:
    check = in_parts(REPLIES, reply=replace(DONE, encryption=Encryption.SSE_KMS))[0]

    first = f"part 1 {MD5S[0].hex()}"
    assert check == made(PART_ETAGS, Reason.SSE_KMS, first, first, "MD5", REPLIES[-1])


def test_parts_without_their_answers_have_no_values() -> None:
    some, none, more = in_parts(REPLIES[:3]), in_parts([]), in_parts([*REPLIES, REPLIES[0]])

    assert some == tuple(made(name, Reason.NOT_REACHED, by=REPLIES[2]) for name in (PART_ETAGS, PART_SUMS))
    assert none == tuple(made(name, Reason.NOT_REACHED) for name in (PART_ETAGS, PART_SUMS))
    assert more == tuple(made(name, Reason.NOT_REACHED, by=REPLIES[0]) for name in (PART_ETAGS, PART_SUMS))


def test_parts_of_a_layout_that_was_not_computed_have_no_values() -> None:
    checks = in_parts(REPLIES, layout=Layout.uniform(SIZE, 900))

    assert checks == (
        made(PART_ETAGS, Reason.NOT_REQUESTED, by=REPLIES[-1]),
        made(PART_SUMS, Reason.NOT_REQUESTED, by=REPLIES[-1]),
    )


@pytest.mark.parametrize(
    ("checksums", "reason"),
    [({}, Reason.CHECKSUM_ABSENT), ({"SUM64": "abc="}, Reason.ALGORITHM_UNAVAILABLE)],
)
def test_part_checksums_that_we_cannot_compare_have_no_values(checksums: dict[str, str], reason: Reason) -> None:
    replies = [replace(reply, checksums=checksums) for reply in REPLIES]

    assert in_parts(replies)[1] == made(PART_SUMS, reason, by=REPLIES[-1])


def held(
    after: Statement | None = HEAD,
    *,
    write_reply: Statement | None = PUT,
    layout: Layout | None = SINGLE,
    profile: Profile = PROVEN,
    identity: Statement | None = None,
    readback: ReadBack | None = None,
) -> tuple[Check, ...]:
    return destination_checks(
        DIGESTS,
        layout,
        profile,
        write_reply=write_reply,
        after=after,
        identity=identity,
        readback=readback,
        attempt=3,
    )


def test_a_head_after_one_put() -> None:
    assert held() == (
        made(SIZES, MATCH, str(SIZE), str(SIZE), by=HEAD),
        made(ETAG, MATCH, MD5, MD5, "MD5", HEAD),
        made(SUM, Reason.CHECKSUM_ABSENT, by=HEAD),
        made(IDENTITY, MATCH, f"etag {MD5}", f"etag {MD5}", by=HEAD),
        made(READBACK, Reason.NOT_REQUESTED),
    )


def test_a_listing_that_says_otherwise() -> None:
    listed = replace(LISTED, size=1, etag=WRONG)

    assert held(listed) == (
        made(SIZES, Reason.NOT_REACHED, str(SIZE), "1", by=listed),
        made(ETAG, Reason.NOT_REACHED, MD5, WRONG, "MD5", listed),
        made(SUM, Reason.NOT_REQUESTED, by=listed),
        made(IDENTITY, Reason.NOT_REACHED, f"etag {MD5}", f"etag {WRONG}", by=listed),
        made(READBACK, Reason.NOT_REQUESTED),
    )


def test_nothing_after_the_write() -> None:
    assert held(None) == (
        made(SIZES, Reason.NOT_REACHED, str(SIZE)),
        made(ETAG, MATCH, MD5, MD5, "MD5", PUT),
        made(SUM, Reason.NOT_REACHED),
        made(IDENTITY, Reason.NOT_REACHED),
        made(READBACK, Reason.NOT_REQUESTED),
    )
    assert held(None, write_reply=None)[1] == made(ETAG, Reason.NOT_REACHED)


def test_a_reading_back_of_another_version() -> None:
    ours, other = replace(PUT, version_id="v1"), replace(BACK, version_id="v2")
    after = replace(HEAD, version_id="v1")

    checks = held(after, write_reply=ours, readback=ReadBack(statement=other, sha256=SHA256, size=SIZE))

    assert checks[3:] == (
        made(IDENTITY, MATCH, "version v1", "version v1", by=after),
        made(IDENTITY, MISMATCH, "version v1", "version v2", by=other),
        made(READBACK, MATCH, f"{SHA256} {SIZE} bytes", f"{SHA256} {SIZE} bytes", "SHA256", other),
    )


def test_a_reading_back_of_other_bytes_says_so_whatever_the_reply_is_called() -> None:
    spoiled = ReadBack(statement=replace(BACK, origin=Origin.GET), sha256="00", size=1)

    assert held(readback=spoiled)[-1] == made(
        READBACK, MISMATCH, f"{SHA256} {SIZE} bytes", "00 1 bytes", "SHA256", BACK
    )


def test_a_reading_back_in_another_encoding_keeps_both_values() -> None:
    unpacked = ReadBack(statement=BACK, sha256="00", size=1)

    assert held(replace(HEAD, content_headers={"content-encoding": "gzip"}), readback=unpacked)[-1] == made(
        READBACK, Reason.NOT_SUPPORTED, f"{SHA256} {SIZE} bytes", "00 1 bytes", "SHA256", BACK
    )


def test_a_reading_back_alone_confirms_the_identity() -> None:
    check = held(None, readback=ReadBack(statement=BACK, sha256=SHA256, size=SIZE))[3]

    assert check == made(IDENTITY, MATCH, f"etag {MD5}", f"etag {MD5}", by=BACK)


def test_a_reading_back_without_an_etag_leaves_the_identity_open() -> None:
    nameless = replace(BACK, etag=None)

    checks = held(readback=ReadBack(statement=nameless, sha256=SHA256, size=SIZE))

    assert checks[3:5] == (
        made(IDENTITY, MATCH, f"etag {MD5}", f"etag {MD5}", by=HEAD),
        made(IDENTITY, Reason.ETAG_ABSENT, f"etag {MD5}", None, by=nameless),
    )


def test_the_size_that_is_not_stated() -> None:
    assert held(replace(HEAD, size=None))[0] == made(SIZES, Reason.NOT_SUPPORTED, str(SIZE), by=HEAD)


@pytest.mark.parametrize(
    ("etag", "profile", "layout", "result", "ours", "observed"),
    [
        (f'"{MD5.upper()}"', UNKNOWN, SINGLE, Reason.STORE_UNPROVEN, MD5, MD5),
        (WRONG, PROVEN, SINGLE, MISMATCH, MD5, WRONG),
        (WRONG, UNKNOWN, SINGLE, Reason.ETAG_SEMANTICS_UNKNOWN, MD5, WRONG),
        (None, PROVEN, SINGLE, Reason.ETAG_ABSENT, MD5, None),
        (None, PROVEN, PARTS, Reason.ETAG_ABSENT, PARTS_ETAG, None),
        ("Opaque", PROVEN, SINGLE, Reason.ETAG_OPAQUE, MD5, "opaque"),
        (f"{WRONG}-5", PROVEN, PARTS, MISMATCH, PARTS_ETAG, f"{WRONG}-5"),
        (f"{WRONG}-5", PROVEN, None, Reason.LAYOUT_UNKNOWN, None, f"{WRONG}-5"),
        (f"{WRONG}-3", PROVEN, Layout.uniform(SIZE, 1500), Reason.LAYOUT_UNKNOWN, None, f"{WRONG}-3"),
        (PARTS_ETAG, PROVEN, None, MATCH, PARTS_ETAG, PARTS_ETAG),
        (PARTS_ETAG, UNKNOWN, PARTS, Reason.STORE_UNPROVEN, PARTS_ETAG, PARTS_ETAG),
        (MD5, PROVEN, PARTS, MATCH, MD5, MD5),
        (WRONG, replace(PROVEN, etag_single=EtagMeaning.OPAQUE), None, Reason.ETAG_OPAQUE, MD5, WRONG),
        (WRONG, replace(PROVEN, etag_multipart=EtagMeaning.OPAQUE), PARTS, Reason.ETAG_OPAQUE, PARTS_ETAG, WRONG),
    ],
)
def test_the_etag_after_the_write(
    etag: str | None,
    profile: Profile,
    layout: Layout | None,
    result: Outcome | Reason,
    ours: str | None,
    observed: str | None,
) -> None:
    after = replace(HEAD, etag=etag)

    check = next(each for each in held(after, write_reply=None, layout=layout, profile=profile) if each.name is ETAG)

    assert check == made(ETAG, result, ours, observed, "MD5", after)


def test_the_etag_of_an_encrypted_object_keeps_both_values() -> None:
    kms = replace(HEAD, encryption=Encryption.SSE_KMS)

    assert held(kms)[1] == made(ETAG, Reason.SSE_KMS, MD5, MD5, "MD5", kms)


def test_without_an_md5_there_is_nothing_to_hold_against_the_etag() -> None:
    digests = digest_of(DATA, algorithms=frozenset())

    checks = destination_checks(digests, SINGLE, PROVEN, write_reply=PUT, after=HEAD, attempt=3)

    assert checks[1] == made(ETAG, Reason.NOT_REQUESTED, None, MD5, "MD5", HEAD)


def test_a_write_reply_that_contradicts_stands_beside_the_head() -> None:
    reply = replace(PUT, etag=WRONG)

    assert held(write_reply=reply)[1:3] == (
        made(ETAG, MATCH, MD5, MD5, "MD5", HEAD),
        made(ETAG, MISMATCH, MD5, WRONG, "MD5", reply),
    )


def test_a_write_reply_that_is_unclear_adds_nothing_to_a_head() -> None:
    assert [check.name for check in held(write_reply=replace(PUT, etag="opaque"))].count(ETAG) == 1


@pytest.mark.parametrize(
    ("text", "profile", "result", "ours"),
    [
        (CRC, PROVEN, MATCH, CRC),
        (CRC, UNKNOWN, Reason.STORE_UNPROVEN, CRC),
        ("AAAAAAAAAAA=", UNKNOWN, MISMATCH, CRC),
    ],
)
def test_a_checksum_after_the_write(text: str, profile: Profile, result: Outcome | Reason, ours: str) -> None:
    after = replace(HEAD, checksums={"CRC64NVME": text})

    assert held(after, profile=profile)[2] == made(SUM, result, ours, text, "CRC64NVME", after)


def test_a_checksum_that_we_cannot_compute_stands_there_all_the_same() -> None:
    after = replace(HEAD, checksums={"SUM64": "abc="}, checksum_type="FULL_OBJECT")

    assert held(after)[2] == made(SUM, Reason.ALGORITHM_UNAVAILABLE, None, "abc=", "SUM64", after)


def test_a_checksum_of_unclear_type_keeps_both_values() -> None:
    after = replace(HEAD, etag="opaque", checksums={"CRC32": "AAAAAA=="})

    assert held(after)[2] == made(SUM, Reason.CHECKSUM_TYPE_UNKNOWN, CRC32, "AAAAAA==", "CRC32", after)


def test_checksums_of_both_replies_are_named_with_the_one_that_stated_them() -> None:
    after = replace(HEAD, checksums={"CRC64NVME": CRC})
    reply = replace(PUT, checksums={"CRC64NVME": CRC, "CRC32": CRC32}, checksum_type="FULL_OBJECT")

    found = [check for check in held(after, write_reply=reply) if check.name is SUM]

    assert found == [
        made(SUM, MATCH, CRC, CRC, "CRC64NVME", after),
        made(SUM, MATCH, CRC32, CRC32, "CRC32", reply),
    ]


def test_a_composite_checksum_that_differs_is_held_against_the_layout_that_was_written() -> None:
    ours = composite("CRC32", DIGESTS.part_raws(PARTS, "CRC32") or ())
    after = replace(HEAD, etag=PARTS_ETAG, checksums={"CRC32": "AAAAAA==-5"}, checksum_type="COMPOSITE")

    check = held(after, write_reply=None, layout=PARTS)[2]

    assert check == made(SUM, MISMATCH, ours, "AAAAAA==-5", "CRC32", after)


def test_a_store_that_is_not_asked_for_checksums() -> None:
    check = held(profile=replace(PROVEN, checksum_mode=False))[2]

    assert check == made(SUM, Reason.NOT_SUPPORTED, by=HEAD)


@pytest.mark.parametrize(
    ("reply", "after", "stable", "result", "expected", "observed"),
    [
        ({"version_id": "v1"}, {"version_id": "v2"}, True, MISMATCH, "version v1", "version v2"),
        ({"version_id": "v1"}, {"version_id": "v2"}, None, MISMATCH, "version v1", "version v2"),
        ({"version_id": "v1"}, {}, True, MATCH, f"etag {MD5}", f"etag {MD5}"),
        ({"etag": None}, {}, True, Reason.ETAG_ABSENT, None, f"etag {MD5}"),
        ({}, {"etag": None}, True, Reason.ETAG_ABSENT, f"etag {MD5}", None),
        ({}, {"etag": WRONG}, True, MISMATCH, f"etag {MD5}", f"etag {WRONG}"),
        ({}, {"etag": WRONG}, None, Reason.ETAG_SEMANTICS_UNKNOWN, f"etag {MD5}", f"etag {WRONG}"),
        (
            {"version_id": "v1"},
            {"version_id": "v2"},
            False,
            MISMATCH,
            "version v1",
            "version v2",
        ),
    ],
)
def test_the_identity_after_the_write(
    reply: dict[str, str],
    after: dict[str, str],
    stable: bool | None,
    result: Outcome | Reason,
    expected: str | None,
    observed: str | None,
) -> None:
    confirmed = replace(HEAD, **after)

    checks = held(confirmed, write_reply=replace(PUT, **reply), profile=replace(PROVEN, etag_stable=stable))

    assert [check for check in checks if check.name is IDENTITY] == [
        made(IDENTITY, result, expected, observed, by=confirmed)
    ]


def test_an_identity_that_does_not_last_is_not_held_against_a_head() -> None:
    profile = replace(PROVEN, etag_stable=False)

    assert held(profile=profile)[3] == made(IDENTITY, Reason.NOT_REACHED, by=HEAD)


def test_an_etag_that_may_not_last_is_left_to_a_head_where_a_listing_differs() -> None:
    listed = replace(LISTED, etag=WRONG)

    check = held(listed, profile=replace(PROVEN, etag_stable=None))[3]

    assert check == made(IDENTITY, Reason.NOT_REACHED, f"etag {MD5}", f"etag {WRONG}", by=listed)


def test_nothing_read_leaves_only_the_identity() -> None:
    first = replace(HEAD, request_id="first")

    checks = destination_checks(None, None, PROVEN, write_reply=None, identity=first, after=HEAD, attempt=3)

    assert checks == (
        made(SIZES, Reason.NOT_REQUESTED, by=HEAD),
        made(ETAG, Reason.NOT_REQUESTED, by=HEAD),
        made(SUM, Reason.NOT_REQUESTED, by=HEAD),
        made(IDENTITY, MATCH, f"etag {MD5}", f"etag {MD5}", by=HEAD),
        made(READBACK, Reason.NOT_REQUESTED, by=HEAD),
    )


def test_nothing_read_and_nothing_stated() -> None:
    checks = destination_checks(None, None, PROVEN, write_reply=PUT, after=None, attempt=3)

    assert checks == (
        made(SIZES, Reason.NOT_REQUESTED),
        made(ETAG, Reason.NOT_REQUESTED),
        made(SUM, Reason.NOT_REQUESTED),
        made(IDENTITY, Reason.NOT_REACHED),
        made(READBACK, Reason.NOT_REQUESTED),
    )


def test_nothing_read_but_written_is_held_against_the_write() -> None:
    later = replace(HEAD, etag=WRONG)

    checks = destination_checks(None, None, UNKNOWN, write_reply=PUT, after=later, attempt=3)

    assert checks[3] == made(IDENTITY, Reason.ETAG_SEMANTICS_UNKNOWN, f"etag {MD5}", f"etag {WRONG}", by=later)
