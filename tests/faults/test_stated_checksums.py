"""Row 3 and its kin: what a source states of an encrypted object is compared, whatever its algorithm."""

from __future__ import annotations

import base64
import hashlib
import os

import pytest

from integrity.evidence import CheckName
from integrity.layouts import Limits
from tests.faults.conftest import Make
from tests.faults.two_stores import TINY_PARTS, Settled, TwoStores

BODY = os.urandom(200_000)
FLIP = {"side": "source", "operation": "GetObject", "calls": "all", "action": "flip", "at_byte": 150_000}
WHOLE = ["SHA1", "SHA512", "MD5", "SHA256", "XXHASH64", "XXHASH3", "XXHASH128"]
IN_PARTS = ["SHA256", "SHA1", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"]
SILENT = {"part_number": "ignored", "attributes": "not_supported"}
SMALL_PARTS = {"small_parts": True}
MIB = 1024 * 1024


def seed_sealed(pair: TwoStores, algorithm: str, body: bytes = BODY, **described: object) -> None:
    pair.seed("secret", body, encryption="aws:kms", algorithm=algorithm, **described)


def source_checksum(settled: Settled) -> tuple[str | None, str | None, str | None]:
    found = next(each for each in settled.finding.checks if each.name is CheckName.SOURCE_CHECKSUM)
    return found.algorithm, found.expected, found.observed


@pytest.mark.parametrize("algorithm", WHOLE)
def test_a_sealed_object_with_a_checksum_of_the_whole_is_s3(two_stores: Make, algorithm: str) -> None:
    pair = two_stores()
    seed_sealed(pair, algorithm)

    settled = pair.copy_one()

    assert (settled.verdict, settled.grades) == ("verified", "S3/D3")
    assert settled.outcome(CheckName.SOURCE_CHECKSUM) == "match"
    assert source_checksum(settled)[0] == algorithm


@pytest.mark.parametrize("algorithm", WHOLE)
def test_a_flipped_byte_differs_from_a_checksum_of_the_whole(two_stores: Make, algorithm: str) -> None:
    pair = two_stores(FLIP)
    seed_sealed(pair, algorithm)

    settled = pair.copy_one()

    assert settled.attempts == ["source_checksum_mismatch"] * 4
    assert settled.code == "source_checksum_mismatch"
    assert pair.dest.keys("dest-bucket") == []


@pytest.mark.parametrize("algorithm", IN_PARTS)
@pytest.mark.parametrize("mirrored", [True, False])
def test_a_sealed_object_with_a_composite_checksum_is_s2(two_stores: Make, algorithm: str, mirrored: bool) -> None:
    pair = two_stores(dest_traits=SMALL_PARTS)
    seed_sealed(pair, algorithm, part_size=64_000)

    settled = pair.copy_one(limits=TINY_PARTS if mirrored else Limits())

    assert (settled.verdict, settled.grades) == ("verified", "S2/D3")
    assert settled.finding.dest_layout is not None
    assert settled.finding.dest_layout.multipart is mirrored


@pytest.mark.parametrize("algorithm", IN_PARTS)
@pytest.mark.parametrize("mirrored", [True, False])
def test_a_flipped_byte_differs_from_a_composite_checksum(two_stores: Make, algorithm: str, mirrored: bool) -> None:
    pair = two_stores(FLIP, dest_traits=SMALL_PARTS)
    seed_sealed(pair, algorithm, part_size=64_000)

    settled = pair.copy_one(**({"limits": TINY_PARTS} if mirrored else {}))

    assert settled.attempts == ["source_checksum_mismatch"] * 4
    assert settled.code == "source_checksum_mismatch"
    assert pair.dest.keys("dest-bucket") == []


def test_both_values_stand_in_the_check_as_the_api_writes_them(two_stores: Make) -> None:
    pair = two_stores()
    seed_sealed(pair, "SHA256", part_size=150_000)
    raws = [hashlib.sha256(part).digest() for part in (BODY[:150_000], BODY[150_000:])]
    value = f"{base64.b64encode(hashlib.sha256(b''.join(raws)).digest()).decode()}-2"

    assert source_checksum(pair.copy_one()) == ("SHA256", value, value)


def test_a_composite_checksum_over_an_inferred_layout_is_proof(two_stores: Make) -> None:
    pair = two_stores(source_traits=SILENT)
    seed_sealed(pair, "SHA256", os.urandom(11 * MIB), part_size=5 * MIB)

    settled = pair.copy_one()

    assert (settled.grades, settled.finding.layout_learned) == ("S2/D3", "inferred")


def test_a_composite_checksum_over_an_inferred_layout_refutes_nothing(two_stores: Make) -> None:
    pair = two_stores(FLIP, source_traits=SILENT)
    seed_sealed(pair, "SHA256", os.urandom(11 * MIB), part_size=5 * MIB)

    (settled,) = pair.copy_items(pair.begin()).values()

    assert (settled.verdict, settled.grades, settled.reason) == ("unverified", "S1/D3", "sse_kms")
    assert settled.outcome(CheckName.SOURCE_CHECKSUM) == "layout_unknown"


def test_an_algorithm_that_nobody_knows_is_unavailable_and_never_a_match(two_stores: Make) -> None:
    stated = {"set": {"x-amz-checksum-xxhash32": "AAAAAA=="}, "remove": ["x-amz-checksum-sha1"]}
    pair = two_stores({**FLIP, "action": "header", "value": stated, "at_byte": "seeded"})
    seed_sealed(pair, "SHA1")

    settled = pair.copy_one()

    assert (settled.verdict, settled.grades) == ("unverified", "S1/D3")
    assert settled.outcome(CheckName.SOURCE_CHECKSUM) == "algorithm_unavailable"


@pytest.mark.parametrize("way", ["crowd", "one put", "straight"])
@pytest.mark.parametrize(("side", "operation"), [("source", "GetObject"), ("destination", "PutObject")])
def test_what_can_be_no_checksum_refutes_nothing(two_stores: Make, way: str, side: str, operation: str) -> None:
    odd = {"x-amz-checksum-crc32": "cbf43926", "x-amz-checksum-sha256": "none"}
    pair = two_stores({"side": side, "operation": operation, "calls": "all", "action": "header", "value": {"set": odd}})
    pair.seed("film", BODY)
    options = {"threshold": 100_000} if way == "straight" else {}
    if way == "one put" and pair.crowd is not None:
        pair.crowd.close()
        pair.crowd = None

    settled = pair.copy_one(**options)

    assert (settled.verdict, settled.attempts) == ("verified", [""])
