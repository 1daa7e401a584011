from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrity.checksums import ChecksumType
from integrity.digests import USUAL, Algorithm
from integrity.evidence import Encryption, ErrorCode, EtagMeaning, Origin, Profile, Proof, Reason, Statement
from integrity.forecast import Amount, Forecast, Help, Look, Shortfall, Span, forecast, forecast_to_json
from integrity.imagined import Imagined, ItemClass, ListedEtag, Present, Seen, Wish
from integrity.verdicts import Policy

PROVEN = Profile(
    etag_single=EtagMeaning.MD5,
    etag_multipart=EtagMeaning.FORMULA,
    content_md5=Proof.REJECTS,
    payload_sha256=Proof.REJECTS,
    checksums={"CRC64NVME": Proof.REJECTS, "CRC32": Proof.REJECTS},
    complete_checksum=Proof.REJECTS,
    checksum_mode=True,
    part_number=True,
    etag_stable=True,
)
STRICT = Wish(policy=Policy(name="strict"))
PLAIN, SEALED = Seen(), Seen(encryption=Encryption.SSE_KMS)
CRC_STATED = frozenset({("CRC64NVME", ChecksumType.FULL_OBJECT)})
COMPOSITE = frozenset({("CRC32", ChecksumType.COMPOSITE)})
UNCOMPUTED = frozenset({("BLAKE3", ChecksumType.FULL_OBJECT)})
FURTHER = tuple(frozenset({(name, ChecksumType.FULL_OBJECT)}) for name in ("SHA1", "SHA512", "XXHASH128"))
FURTHER_COMPOSITE = tuple(frozenset({(name, ChecksumType.COMPOSITE)}) for name in ("SHA256", "SHA512", "XXHASH3"))
SEALED_COMPOSITE = Seen(encryption=Encryption.SSE_KMS, checksums=frozenset({("SHA256", ChecksumType.COMPOSITE)}))
UNCLEAR = frozenset({("CRC32", None)})
SINGLE, PARTS = ItemClass(etag=ListedEtag.MD5), ItemClass(etag=ListedEtag.PARTS)
ONE_PART = ItemClass(etag=ListedEtag.ONE_PART)


def become(item: ItemClass, seen: Seen, wish: Wish | None = None, **sides: Profile) -> set[str]:
    """Return the badges and reasons that such an item may end with."""
    profiles = {"source": PROVEN, "destination": PROVEN, **sides}
    imagined = Imagined(item, seen, profiles["source"], profiles["destination"])
    return {
        f"{each.source_grade}/{each.dest_grade} {each.error_code or each.reason or 'verified'}"
        for each in imagined.judgements(wish or Wish())
    }


@pytest.mark.parametrize(
    ("item", "seen", "wish", "expected"),
    [
        (SINGLE, PLAIN, Wish(), "S3/D3 verified"),
        (PARTS, PLAIN, Wish(), "S3/D3 verified"),
        (ONE_PART, PLAIN, Wish(), "S3/D3 verified"),
        (SINGLE, SEALED, Wish(), "S1/D3 sse_kms"),
        (SINGLE, SEALED, Wish(double_read=True), "S1 reread/D3 verified"),
        (SINGLE, Seen(encryption=Encryption.SSE_C), Wish(), "S1/D3 sse_c"),
        (SINGLE, Seen(encryption=Encryption.SSE_KMS, checksums=CRC_STATED), Wish(), "S3/D3 verified"),
        (PARTS, Seen(encryption=Encryption.SSE_KMS, checksums=COMPOSITE), Wish(), "S2/D3 verified"),
        (PARTS, Seen(encryption=Encryption.SSE_KMS, checksums=UNCLEAR), Wish(), "S1/D3 sse_kms"),
        (SINGLE, Seen(encryption=Encryption.SSE_KMS, checksums=UNCOMPUTED), Wish(), "S1/D3 sse_kms"),
        *((SINGLE, Seen(encryption=Encryption.SSE_KMS, checksums=each), Wish(), "S3/D3 verified") for each in FURTHER),
        *(
            (PARTS, Seen(encryption=Encryption.SSE_KMS, checksums=each), Wish(), "S2/D3 verified")
            for each in FURTHER_COMPOSITE
        ),
        (ItemClass(etag=ListedEtag.OPAQUE), PLAIN, Wish(), "S1/D3 etag_opaque"),
        (ItemClass(etag=ListedEtag.ABSENT), PLAIN, Wish(), "S0/D3 etag_absent"),
        (SINGLE, PLAIN, STRICT, "S3/D3 not_requested"),
        (ItemClass(etag=ListedEtag.MD5, read_back=True), PLAIN, STRICT, "S3/D4 verified"),
        (ItemClass(etag=ListedEtag.MD5, present=Present.SAME_ETAG), PLAIN, Wish(), "S3/D3 verified"),
        (ItemClass(etag=ListedEtag.MD5, present=Present.SAME_ETAG), SEALED, Wish(), "S1/D3 dest_exists"),
        (ItemClass(etag=ListedEtag.MD5, hindrance=ErrorCode.ARCHIVED), PLAIN, Wish(), "S0/D0 archived"),
    ],
)
def test_an_item_ends_as_the_rules_say(item: ItemClass, seen: Seen, wish: Wish, expected: str) -> None:
    assert become(item, seen, wish) == {expected}


@pytest.mark.parametrize(
    ("item", "wish", "expected"),
    [
        (SINGLE, Wish(), {"S3/D3 verified", "S1/D3 etag_semantics_unknown"}),
        (SINGLE, Wish(double_read=True), {"S3/D3 verified", "S1/D3 etag_semantics_unknown"}),
        (PARTS, Wish(), {"S3/D3 verified"}),
    ],
)
def test_in_a_mixed_bucket_an_object_of_one_part_may_be_provable_or_not(
    item: ItemClass, wish: Wish, expected: set[str]
) -> None:
    assert become(item, PLAIN, wish, source=PROVEN.with_mixed_etags()) == expected


MD5, SHA256, CRC = Algorithm.MD5, Algorithm.SHA256, Algorithm.CRC64NVME


@pytest.mark.parametrize(
    ("item", "seen", "left_out", "expected"),
    [
        (SINGLE, PLAIN, {MD5}, "S1/D3 not_requested"),
        (SINGLE, Seen(checksums=CRC_STATED), {MD5}, "S3/D3 verified"),
        (SINGLE, Seen(checksums=CRC_STATED), {MD5, CRC}, "S1/D3 not_requested"),
        (SINGLE, PLAIN, {SHA256, CRC, Algorithm.CRC32}, "S3/D3 verified"),
        (PARTS, SEALED_COMPOSITE, {SHA256}, "S1/D3 sse_kms"),
        (PARTS, SEALED_COMPOSITE, {MD5}, "S2/D3 verified"),
        (SINGLE, Seen(checksums=CRC_STATED), USUAL - {CRC}, "S3/D3 verified"),
        (SINGLE, PLAIN, USUAL, "S1/D1 not_requested"),
    ],
)
def test_what_the_task_leaves_out_proves_nothing_and_is_no_mismatch(
    item: ItemClass, seen: Seen, left_out: set[Algorithm], expected: str
) -> None:
    assert become(item, seen, Wish(left_out=frozenset(left_out))) == {expected}


@pytest.mark.parametrize("left_out", [{MD5}, {MD5, SHA256}])
def test_no_second_reading_helps_where_the_md5_that_the_source_states_is_left_out(left_out: set[Algorithm]) -> None:
    planned, looks = {SINGLE: Amount(1, 10)}, {SINGLE: [Look(10, PLAIN)]}

    (short,) = foretell(planned, looks, Wish(left_out=frozenset(left_out))).shortfalls

    assert (short.why, short.helps) == (Reason.NOT_REQUESTED, ())


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"etag_single": EtagMeaning.ECHO, "content_md5": Proof.ECHOES}, "D3 verified"),
        ({"checksums": {}, "payload_sha256": Proof.IGNORES, "content_md5": Proof.ECHOES,
          "etag_single": EtagMeaning.ECHO}, "D1 store_unproven"),
        ({"checksums": {}, "etag_single": EtagMeaning.OPAQUE}, "D2 verified"),
        ({"checksums": {}, "etag_single": EtagMeaning.OPAQUE, "payload_sha256": Proof.IGNORES,
          "content_md5": Proof.IGNORES}, "D1 etag_opaque"),
        ({"sse_default": Encryption.SSE_KMS}, "D3 verified"),
        ({"sse_default": Encryption.SSE_KMS, "checksum_mode": False}, "D2 verified"),
        ({"etag_stable": False}, "D3 verified"),
    ],
)  # fmt: skip
def test_a_destination_counts_as_far_as_it_was_proven(changed: dict[str, object], expected: str) -> None:
    facts = {name: getattr(PROVEN, name) for name in Profile.__slots__}

    assert become(SINGLE, PLAIN, destination=Profile(**{**facts, **changed})) == {f"S3/{expected}"}


@pytest.mark.parametrize(
    ("side", "answers", "expected"),
    [
        ("source", False, "S3/D3 not_supported"),
        ("destination", False, "S3/D3 not_supported"),
        ("source", None, "S3/D3 verified"),
        ("destination", None, "S3/D3 verified"),
    ],
)
def test_tags_that_a_store_cannot_be_asked_for_are_not_compared(side: str, answers: bool | None, expected: str) -> None:
    wish = Wish(policy=Policy(fidelity="required"), tags=True)

    assert become(SINGLE, PLAIN, wish, **{side: replace(PROVEN, tagging=answers)}) == {expected}
    assert become(SINGLE, PLAIN, Wish(tags=True), **{side: replace(PROVEN, tagging=answers)}) == {"S3/D3 verified"}


def test_what_is_there_already_was_not_accepted_by_the_destination_in_our_sight() -> None:
    accepts = Profile(etag_single=EtagMeaning.OPAQUE, content_md5=Proof.REJECTS)
    there = ItemClass(etag=ListedEtag.MD5, present=Present.SAME_ETAG)

    assert become(SINGLE, PLAIN, destination=accepts) == {"S3/D2 verified"}
    assert become(there, PLAIN, destination=accepts) == {"S3/D1 dest_exists"}


def test_another_etag_of_the_same_size_may_be_the_same_bytes_or_not() -> None:
    unclear = ItemClass(etag=ListedEtag.MD5, present=Present.UNCLEAR)

    assert become(unclear, PLAIN) == {"S3/D3 verified", "S0/D0 dest_exists"}


def test_what_no_profile_shows_may_end_either_way() -> None:
    assert become(PARTS, PLAIN, source=Profile()) == {"S3/D3 verified", "S1/D3 layout_unknown",
                                                      "S1/D3 etag_semantics_unknown"}  # fmt: skip


@pytest.mark.parametrize(
    ("etag", "expected"),
    [
        ("", "absent"),
        (f'"{"a" * 32}"', "md5"),
        ("a" * 32 + "-1", "one_part"),
        ("a" * 32 + "-7", "parts"),
        ("x", "opaque"),
    ],
)
def test_an_etag_is_sorted_by_its_form(etag: str, expected: str) -> None:
    assert ListedEtag.of(etag).value == expected


def test_a_head_is_kept_as_its_encryption_and_the_types_of_its_checksums() -> None:
    said = Statement(origin=Origin.HEAD, encryption=Encryption.SSE_KMS, checksums={"CRC32": "AAAAAA==-3"})

    assert Seen.of(said) == Seen(encryption=Encryption.SSE_KMS, checksums=COMPOSITE)


def foretell(
    planned: dict[ItemClass, Amount], looks: dict[ItemClass, list[Look]], wish: Wish | None = None
) -> Forecast:
    return forecast(planned, looks, PROVEN, PROVEN, wish or Wish())


def test_all_that_look_alike_stand_for_the_others() -> None:
    found = foretell({SINGLE: Amount(10_000, 10**9)}, {SINGLE: [Look(100, PLAIN)] * 20})

    assert found.provable == Span(Amount(10_000, 10**9), Amount(10_000, 10**9))
    assert (found.shortfalls, found.looked_at, found.assumed) == ((), 20, 9_980)


def test_where_they_do_not_look_alike_only_what_was_seen_is_certain() -> None:
    found = foretell({SINGLE: Amount(100, 1000)}, {SINGLE: [Look(10, PLAIN)] * 18 + [Look(10, SEALED)] * 2})

    assert found.provable == Span(Amount(18, 180), Amount(98, 980))
    assert found.shortfalls == (
        Shortfall(
            why=Reason.SSE_KMS,
            amount=Span(Amount(2, 20), Amount(82, 820)),
            helps=(Help.DOUBLE_READ,),
            extra=(20, 820),
        ),
    )


def test_a_class_that_was_seen_whole_is_exact() -> None:
    found = foretell({SINGLE: Amount(3, 30)}, {SINGLE: [Look(10, PLAIN), Look(10, PLAIN), Look(10, SEALED)]})

    assert (found.provable, found.assumed) == (Span(Amount(2, 20), Amount(2, 20)), 0)
    assert found.shortfalls[0].amount.is_exact


def test_what_nobody_asked_about_may_be_anything() -> None:
    found = foretell({SINGLE: Amount(5, 50)}, {})

    assert (found.provable, found.assumed) == (Span(Amount(), Amount(5, 50)), 0)


def test_what_ends_so_however_it_looks_is_no_assumption() -> None:
    nameless = ItemClass(etag=ListedEtag.ABSENT)

    found = foretell({nameless: Amount(9, 9)}, {nameless: [Look(1, PLAIN)]})

    assert (found.provable.upper.items, found.looked_at, found.assumed) == (0, 1, 0)


def test_a_read_back_is_of_every_copy_that_is_made_and_not_yet_read_back() -> None:
    planned = {
        SINGLE: Amount(2, 20),
        ItemClass(etag=ListedEtag.MD5, read_back=True): Amount(3, 300),
        ItemClass(etag=ListedEtag.MD5, hindrance=ErrorCode.ARCHIVED): Amount(4, 4000),
    }

    found = foretell(planned, {SINGLE: [Look(10, PLAIN)] * 2}, STRICT)

    assert {each.why: each.extra for each in found.shortfalls if each.helps} == {Reason.NOT_REQUESTED: (20, 20)}


def test_a_policy_that_no_item_reaches_is_out_of_reach() -> None:
    looks = {SINGLE: [Look(10, PLAIN)] * 2}

    assert foretell({SINGLE: Amount(2, 20)}, looks, STRICT).out_of_reach
    assert not foretell({SINGLE: Amount(2, 20)}, looks).out_of_reach
    assert not foretell({}, {}).out_of_reach


def test_nothing_helps_an_item_that_cannot_be_copied() -> None:
    hindered = ItemClass(etag=ListedEtag.MD5, hindrance=ErrorCode.KEY_INVALID)

    (short,) = foretell({hindered: Amount(1, 1)}, {}).shortfalls

    assert (short.why, short.helps, short.extra) == (ErrorCode.KEY_INVALID, (), (0, 0))


def test_the_largest_shortfall_is_named_first() -> None:
    few, many = (ItemClass(etag=ListedEtag.MD5, hindrance=code) for code in (ErrorCode.ARCHIVED, ErrorCode.KEY_INVALID))

    found = foretell({few: Amount(1, 1), many: Amount(2, 1)}, {})

    assert [each.why for each in found.shortfalls] == [ErrorCode.KEY_INVALID, ErrorCode.ARCHIVED]


def test_the_numbers_are_written_as_they_are() -> None:
    found = foretell({SINGLE: Amount(3, 30)}, {SINGLE: [Look(10, PLAIN)] * 2 + [Look(10, SEALED)]})

    assert forecast_to_json(found) == {
        "policy": "standard",
        "objects": 3,
        "bytes": 30,
        "provable": {"objects": {"at_least": 2, "at_most": 2}, "bytes": {"at_least": 20, "at_most": 20}},
        "unprovable": [
            {
                "reason": "sse_kms",
                "objects": {"at_least": 1, "at_most": 1},
                "bytes": {"at_least": 10, "at_most": 10},
                "helps": ["double_read"],
                "extra_bytes": {"at_least": 10, "at_most": 10},
            }
        ],
        "out_of_reach": False,
        "looked_at": 3,
        "assumed": 0,
    }


STATED = (frozenset(), CRC_STATED, COMPOSITE, UNCOMPUTED, *FURTHER, *FURTHER_COMPOSITE)
SEEN = st.builds(Seen, encryption=st.sampled_from(Encryption), checksums=st.sampled_from(STATED))
CLASSES = st.builds(
    ItemClass,
    etag=st.sampled_from(ListedEtag),
    in_parts=st.booleans(),
    present=st.sampled_from(Present),
    read_back=st.booleans(),
    hindrance=st.sampled_from((None, None, ErrorCode.ARCHIVED)),
)
PROFILES = st.builds(
    Profile,
    etag_single=st.sampled_from(EtagMeaning),
    etag_multipart=st.sampled_from(EtagMeaning),
    content_md5=st.sampled_from(Proof),
    payload_sha256=st.sampled_from(Proof),
    checksums=st.dictionaries(st.sampled_from(("CRC64NVME", "CRC32")), st.sampled_from(Proof)),
    checksum_mode=st.sampled_from((None, True, False)),
    etag_stable=st.sampled_from((None, True, False)),
    part_number=st.sampled_from((None, True, False)),
    sse_default=st.sampled_from((None, *Encryption)),
)
WISHES = st.builds(
    Wish,
    policy=st.builds(
        Policy, name=st.sampled_from(("standard", "strict")), fidelity=st.sampled_from(("report", "required"))
    ),
    double_read=st.booleans(),
    tags=st.booleans(),
    left_out=st.frozensets(st.sampled_from(sorted(USUAL))),
)
BATCHES = st.dictionaries(
    CLASSES, st.tuples(st.lists(st.tuples(st.integers(0, 99), SEEN | st.none()), max_size=4), st.integers(0, 9)),
    max_size=4,
)  # fmt: skip


def _planned(batches: dict[ItemClass, tuple[list[tuple[int, Seen | None]], int]]) -> dict[ItemClass, Amount]:
    return {
        item: Amount(len(looks) + rest, sum(size for size, _ in looks) + 7 * rest)
        for item, (looks, rest) in batches.items()
    }


def _looks(batches: dict[ItemClass, tuple[list[tuple[int, Seen | None]], int]]) -> dict[ItemClass, list[Look]]:
    return {item: [Look(size, seen) for size, seen in looks] for item, (looks, _) in batches.items()}


@settings(deadline=None)
@given(BATCHES, PROFILES, PROFILES, WISHES)
def test_every_item_is_accounted_for(batches, source: Profile, destination: Profile, wish: Wish) -> None:  # type: ignore[no-untyped-def]
    found = forecast(_planned(batches), _looks(batches), source, destination, wish)
    spans = [found.provable, *(each.amount for each in found.shortfalls)]

    assert all(0 <= span.lower.items <= span.upper.items <= found.total.items for span in spans)
    assert all(0 <= span.lower.size <= span.upper.size <= found.total.size for span in spans)
    assert sum(span.lower.items for span in spans) <= found.total.items <= sum(span.upper.items for span in spans)
    assert found.looked_at + found.assumed <= found.total.items


@settings(deadline=None)
@given(BATCHES, PROFILES, PROFILES, WISHES)
def test_leaving_digests_out_proves_no_more(batches, source, destination, wish: Wish) -> None:  # type: ignore[no-untyped-def]
    planned, looks = _planned(batches), _looks(batches)

    fewer, more = (
        forecast(planned, looks, source, destination, each) for each in (wish, replace(wish, left_out=frozenset()))
    )

    assert fewer.provable.upper.items <= more.provable.upper.items


@settings(deadline=None)
@given(CLASSES, SEEN, PROFILES, PROFILES, WISHES)
def test_nothing_that_is_imagined_is_a_mismatch(item, seen, source, destination, wish) -> None:  # type: ignore[no-untyped-def]
    ends = {each.error_code for each in Imagined(item, seen, source, destination).judgements(wish)}

    assert ends <= {None, item.hindrance, ErrorCode.DEST_EXISTS}


@settings(deadline=None)
@given(BATCHES, PROFILES, PROFILES, WISHES)
def test_a_stricter_policy_proves_no_more(batches, source, destination, wish: Wish) -> None:  # type: ignore[no-untyped-def]
    planned, looks = _planned(batches), _looks(batches)
    standard, strict = (
        replace(wish, policy=Policy(name=name, fidelity=wish.policy.fidelity)) for name in ("standard", "strict")
    )

    more, fewer = (forecast(planned, looks, source, destination, each) for each in (standard, strict))

    assert fewer.provable.upper.items <= more.provable.upper.items


@settings(deadline=None)
@given(BATCHES, PROFILES, WISHES)
def test_a_store_that_was_not_tried_never_counts_as_proof(batches, source, wish) -> None:  # type: ignore[no-untyped-def]
    found = forecast(_planned(batches), _looks(batches), source, Profile(), wish)

    assert found.provable.upper.items <= sum(
        amount.items for item, amount in _planned(batches).items() if item.read_back
    )
