"""The forecast against what then happens, on real items, for each kind of store."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from integrity.digests import USUAL, Algorithm
from integrity.evidence import Profile
from integrity.forecast import Amount, Forecast, Help, Span, forecast
from integrity.verdicts import Policy
from migrator.engine.copying import CopyOptions, Side
from migrator.engine.errors import ConnectionProblem
from migrator.engine.foreseeing import LOOKS_A_CLASS, LOOKS_AT_ONCE, Classes, look_at, wish_of
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, SOURCE, TwoStores

MIB = 1024 * 1024
STRICT = Policy(name="strict")
REQUIRED = Policy(fidelity="required")

DENIED = {"status": 403, "code": "AccessDenied"}

Seeding = Callable[[TwoStores], None]


def many(pair: TwoStores) -> None:
    for number in range(20):
        pair.seed(f"plain-{number}", os.urandom(1000))


def plain(pair: TwoStores) -> None:
    for number in range(5):
        pair.seed(f"plain-{number}", os.urandom(1000))


def large(pair: TwoStores) -> None:
    pair.seed("large", os.urandom(17 * MIB))


def in_parts(pair: TwoStores) -> None:
    pair.seed("parts", os.urandom(11 * MIB), part_size=5 * MIB)
    pair.seed("one-part", os.urandom(1 * MIB), part_size=5 * MIB)


def sealed(pair: TwoStores) -> None:
    plain(pair)
    for number in range(3):
        pair.seed(f"sealed-{number}", os.urandom(2000), encryption="aws:kms")


def sealed_with_checksum(pair: TwoStores) -> None:
    for number in range(3):
        pair.seed(f"sealed-{number}", os.urandom(2000), encryption="aws:kms", algorithm="CRC32")


def sealed_in_parts(pair: TwoStores) -> None:
    for name in ("CRC32", "SHA256"):
        described = {"encryption": "aws:kms", "algorithm": name, "checksum_type": "COMPOSITE"}
        pair.seed(name, os.urandom(11 * MIB), part_size=5 * MIB, **described)


def sealed_with_further_checksums(pair: TwoStores) -> None:
    for name in ("SHA1", "SHA512", "MD5", "XXHASH64"):
        pair.seed(f"whole-{name}", os.urandom(2000), encryption="aws:kms", algorithm=name)
    for name in ("SHA1", "SHA512", "XXHASH3", "XXHASH128"):
        pair.seed(f"parts-{name}", os.urandom(11 * MIB), part_size=5 * MIB, encryption="aws:kms", algorithm=name)


def archived(pair: TwoStores) -> None:
    plain(pair)
    pair.seed("old", b"cold", storage_class="GLACIER")


def in_classes(pair: TwoStores) -> None:
    plain(pair)
    for name in ("STANDARD_IA", "GLACIER_IR", "GLACIER"):
        pair.seed(name, os.urandom(2000), storage_class=name)


def everything(pair: TwoStores) -> None:
    sealed(pair)
    in_parts(pair)
    large(pair)


UNSEALED: Mapping[str, object] = {"checksums": [], "default_checksum": ""}
ECHO: Mapping[str, object] = {"content_md5": "ignores", "etag_single": "echo", **UNSEALED, "payload_sha256": "ignores"}
DEAF: Mapping[str, object] = {"etag_single": "opaque", "etag_multipart": "random", "content_md5": "ignores", **ECHO}

EXACTLY: Mapping[str, object] = {"policy": REQUIRED, "tags": True}
CRCS = {Algorithm.CRC32, Algorithm.CRC32C, Algorithm.CRC64NVME}

CASES: dict[str, tuple[Seeding, Mapping[str, object], Mapping[str, object], Mapping[str, object]]] = {
    "plain": (plain, {}, {}, {}),
    "everything": (everything, {}, {}, {}),
    "everything without checksums": (everything, UNSEALED, {}, {}),
    "everything, read twice": (everything, UNSEALED, {}, {"double_read": True}),
    "sealed without checksum": (sealed, UNSEALED, {}, {}),
    "sealed without checksum, read twice": (sealed, UNSEALED, {}, {"double_read": True}),
    "sealed with checksum": (sealed_with_checksum, {}, {}, {}),
    "sealed in parts with checksum": (sealed_in_parts, {}, {}, {}),
    "sealed in parts, strict": (sealed_in_parts, {}, {}, {"policy": STRICT, "read_back_percent": 100}),
    "sealed with further checksums": (sealed_with_further_checksums, {}, {}, {}),
    "sealed in parts, layout not told": (
        sealed_in_parts,
        {"part_number": "ignored", "attributes": "not_supported"},
        {},
        {"double_read": True},
    ),
    "sealed destination": (everything, {}, {"sse": "kms"}, {}),
    "sealed destination without checksums": (everything, {}, {"sse": "kms", **UNSEALED}, {}),
    "sealed deaf destination": (everything, {}, {"sse": "kms", **ECHO}, {}),
    "opaque parts at the destination": (everything, {}, {"etag_multipart": "random", **UNSEALED}, {}),
    "opaque ETags": (many, {"etag_single": "opaque", **UNSEALED}, {}, {}),
    "opaque ETags with checksums": (many, {"etag_single": "opaque"}, {}, {}),
    "echo": (everything, {}, ECHO, {}),
    "echo, read back": (plain, {}, ECHO, {"read_back_percent": 100}),
    "echo, half read back": (plain, {}, ECHO, {"read_back_percent": 50}),
    "deaf": (everything, {}, DEAF, {}),
    "ETags that do not last": (everything, {}, {"etag_stable": False}, {}),
    "no Content-MD5": (everything, {}, {"content_md5": "refuses"}, {}),
    "strict": (everything, {}, {}, {"policy": STRICT}),
    "strict, read back": (everything, {}, {}, {"policy": STRICT, "read_back_percent": 100}),
    "strict, sealed, all": (sealed, UNSEALED, {}, {"policy": STRICT, "read_back_percent": 100, "double_read": True}),
    "archived": (archived, {}, {}, {}),
    "MD5 left out": (everything, {}, {}, {"leave_out_digests": {Algorithm.MD5}}),
    "MD5 left out, without checksums": (everything, UNSEALED, {}, {"leave_out_digests": {Algorithm.MD5}}),
    "CRCs left out": (everything, {}, {}, {"leave_out_digests": CRCS}),
    "CRCs left out, sealed destination": (everything, {}, {"sse": "kms"}, {"leave_out_digests": CRCS}),
    "SHA256 left out": (sealed_in_parts, {}, {}, {"leave_out_digests": {Algorithm.SHA256}}),
    "all left out": (everything, {}, {}, {"leave_out_digests": USUAL}),
    "classes not carried": (in_classes, {}, {}, {}),
    "classes not carried, required": (in_classes, {}, {}, {"policy": REQUIRED, "tags": True}),
    "classes mapped": (in_classes, {}, {}, {"storage_class_map": {"*": "STANDARD_IA"}, **EXACTLY}),
    "one class named": (in_classes, {}, {}, {"storage_class_map": {"GLACIER_IR": "STANDARD"}, **EXACTLY}),
    "a class left to the destination": (in_classes, {}, {}, {"storage_class_map": {"*": "default"}}),
    "encryption asked for": (everything, {}, {}, {"encryption": "AES256"}),
    "a key service asked for": (everything, {}, {}, {"encryption": "aws:kms"}),
    "a key service asked for, no checksums": (everything, {}, UNSEALED, {"encryption": "aws:kms"}),
    "a key service asked for, unproven": (everything, {}, {**ECHO, "etag_single": "md5"}, {"encryption": "aws:kms"}),
    "headers required": (plain, {}, {}, {"policy": REQUIRED, "tags": True}),
    "headers required, a destination without tags": (plain, {}, {"tagging": "not_supported"}, EXACTLY),
    "headers required, a destination that refuses tags": (plain, {}, {"tagging": "refused"}, EXACTLY),
    "headers required, a source without tags": (plain, {"tagging": "not_supported"}, {}, EXACTLY),
    "headers reported, a destination without tags": (plain, {}, {"tagging": "not_supported"}, {"tags": True}),
    "headers required, tags left out": (plain, {}, {}, {"policy": REQUIRED}),
}


def foretell(pair: TwoStores, **options: object) -> Forecast:
    """Plan, look and say what will be."""
    chosen = CopyOptions(**options)  # type: ignore[arg-type]
    classes = Classes(chosen, "seed")
    for item in pair.items():
        classes.add(item)
    side = Side(pair.source_store, SOURCE, "", pair.source_profile)
    looks = {item_class: look_at(side, items) for item_class, items in classes.to_ask()}
    return forecast(classes.planned, looks, pair.source_profile, pair.dest_profile, wish_of(chosen))


def foretold(found: Forecast) -> Counter[str]:
    assert found.provable.is_exact
    counts = Counter({each.why.value: each.amount.upper.items for each in found.shortfalls})
    return +(counts + Counter(verified=found.provable.upper.items))


def happened(pair: TwoStores, **options: object) -> Counter[str]:
    return Counter(each.code or each.reason or each.verdict for each in pair.copy(**options).values())


@pytest.mark.parametrize("case", CASES)
def test_what_is_foretold_is_what_happens(two_stores: Make, case: str) -> None:
    seed, source, dest, options = CASES[case]
    pair = two_stores(source_traits=source, dest_traits=dest)
    seed(pair)
    pair.learn()

    found = foretell(pair, **options)

    assert foretold(found) == happened(pair, **options)


@pytest.mark.parametrize("seed", [plain, in_parts])
@pytest.mark.parametrize("double_read", [True, False])
def test_where_few_objects_show_what_an_etag_means_the_forecast_is_a_range_around_what_happens(
    two_stores: Make, seed: Seeding, double_read: bool
) -> None:
    pair = two_stores(source_traits={"etag_single": "opaque", "etag_multipart": "random", **UNSEALED})
    seed(pair)
    pair.learn()

    found = foretell(pair, double_read=double_read)
    ends = happened(pair, double_read=double_read)

    assert found.provable.lower.items <= ends["verified"] <= found.provable.upper.items
    assert not found.provable.is_exact
    assert set(ends) - {"verified"} <= {each.why.value for each in found.shortfalls}


def test_a_store_that_was_not_tried_proves_nothing(two_stores: Make) -> None:
    pair = two_stores()
    everything(pair)
    pair.learn()
    pair.dest_profile = Profile()

    found = foretell(pair)

    assert found.out_of_reach
    assert foretold(found) == Counter(
        each.reason for each in pair.copy_items(pair.items()).values() if each.verdict == "unverified"
    )


@pytest.mark.parametrize(
    ("source", "dest", "helps"),
    [
        (UNSEALED, {}, {"double_read": True}),
        ({}, ECHO, {"read_back_percent": 100}),
        (UNSEALED, ECHO, {"double_read": True, "read_back_percent": 100}),
    ],
)
def test_what_is_said_to_help_is_enough(
    two_stores: Make, source: Mapping[str, object], dest: Mapping[str, object], helps: Mapping[str, object]
) -> None:
    pair = two_stores(source_traits=source, dest_traits=dest)
    sealed(pair)
    pair.learn()

    found = foretell(pair)

    assert {help_ for each in found.shortfalls for help_ in each.helps} == {_HELP[name] for name in helps}
    assert set(happened(pair, **helps)) == {"verified"}


def test_a_second_reading_costs_the_bytes_of_what_cannot_be_proven(two_stores: Make) -> None:
    pair = two_stores(source_traits=UNSEALED)
    sealed(pair)
    pair.learn()

    (short,) = foretell(pair).shortfalls

    assert (short.helps, short.extra, short.amount.upper) == ((Help.DOUBLE_READ,), (6000, 6000), Amount(3, 6000))


@pytest.mark.parametrize("options", [{}, EXACTLY], ids=["reported", "required"])
def test_what_is_there_already_is_foretold(two_stores: Make, options: Mapping[str, object]) -> None:
    pair = two_stores()
    for key, there in {"same": b"same", "longer": b"longer!", "new": b""}.items():
        pair.seed(key, key.encode())
        if there:
            pair.dest.seed(DEST, key, there)
    pair.learn()

    assert foretold(foretell(pair, **options)) == happened(pair, **options)


def test_what_was_replaced_by_other_bytes_of_the_same_size_is_a_range(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("one", b"one")
    pair.dest.seed(DEST, "one", b"two")
    pair.learn()

    assert foretell(pair).provable == Span(Amount(), Amount(1, 3))


def test_what_the_source_does_not_answer_is_a_range(two_stores: Make) -> None:
    pair = two_stores({"operation": "HeadObject", "calls": "all", "action": "status", "value": DENIED})
    plain(pair)
    pair.begin()

    found = foretell(pair)

    assert (found.provable, found.looked_at) == (Span(Amount(), Amount(5, 5000)), 5)


def test_no_more_than_twenty_of_a_class_are_asked_about(two_stores: Make) -> None:
    pair = two_stores()
    for number in range(50):
        pair.seed(f"{number}", b"x")
    pair.begin()

    found = foretell(pair)

    assert sum(entry.operation == "HeadObject" for entry in pair.source.log) == LOOKS_A_CLASS
    assert (found.looked_at, found.assumed, found.provable.lower.items) == (20, 30, 50)


def test_the_same_seed_draws_the_same_objects(two_stores: Make) -> None:
    pair = two_stores()
    for number in range(50):
        pair.seed(f"{number}", b"x")
    first, again, other = (Classes(CopyOptions(), seed) for seed in ("a", "a", "b"))
    for item in pair.items():
        first.add(item)
        again.add(item)
        other.add(item)

    drawn = [[[item.key for item in items] for _, items in each.to_ask()] for each in (first, again, other)]

    assert drawn[0] == drawn[1] != drawn[2]


def test_a_busy_source_is_not_asked_again(two_stores: Make) -> None:
    pair = two_stores({"operation": "HeadObject", "calls": "all", "action": "status", "value": 503})
    for number in range(2 * LOOKS_AT_ONCE + 1):
        pair.seed(f"plain-{number:02}", os.urandom(100))
    items = pair.begin()

    looks = look_at(Side(pair.source_store, SOURCE), items)

    assert [each.seen for each in looks] == [None] * len(items)
    # What was under way beside the one that was told so had been asked for by then.
    assert {entry.key for entry in pair.source.log} <= {item.key for item in items[:LOOKS_AT_ONCE]}


def test_a_problem_of_the_connection_is_raised(two_stores: Make) -> None:
    pair = two_stores({"operation": "HeadObject", "calls": "all", "action": "status", "value": 301})
    plain(pair)
    items = pair.begin()

    with pytest.raises(ConnectionProblem):
        look_at(Side(pair.source_store, SOURCE), items)


_HELP = {"double_read": Help.DOUBLE_READ, "read_back_percent": Help.READ_BACK}
