"""The digests of parts come back as they went in, and take little memory."""

from __future__ import annotations

import hashlib
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrity.part_digests import NOTHING_FURTHER, PartDigest, PartDigests

PARTS = [PartDigest(number, 5, bytes([number]) * 16, crc64nvme=number) for number in (1, 2, 3)]


def packed(parts: list[PartDigest]) -> PartDigests:
    found = PartDigests()
    for part in parts:
        found.append(part.size, (part.md5, part.sha256, part.crc32, part.crc32c, part.crc64nvme, part.further))
    return found


@st.composite
def many_parts(draw: st.DrawFn) -> list[PartDigest]:
    """Parts that all have the same digests, whichever these are."""

    def some(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
        return values if draw(st.booleans()) else st.none()

    crc = st.integers(0, 2**32 - 1)
    usual = st.tuples(
        some(st.binary(min_size=16, max_size=16)),
        some(st.binary(min_size=32, max_size=32)),
        some(crc),
        some(crc),
        some(st.integers(0, 2**64 - 1)),
    )
    lengths = draw(st.dictionaries(st.sampled_from(["SHA1", "SHA512", "XXHASH64"]), st.integers(1, 64)))
    further = st.fixed_dictionaries({name: st.binary(min_size=n, max_size=n) for name, n in lengths.items()})
    rows = draw(st.lists(st.tuples(st.integers(0, 2**40), usual, further), max_size=4))
    return [PartDigest(number, size, *five, more) for number, (size, five, more) in enumerate(rows, 1)]  # type: ignore[arg-type]


@given(many_parts())
def test_parts_come_back_as_they_went_in(parts: list[PartDigest]) -> None:
    assert list(packed(parts)) == parts
    assert packed(parts) == tuple(parts)


def test_the_sha256_of_a_part_is_said_in_hex_where_there_is_one() -> None:
    assert PartDigest(1, 3, sha256=hashlib.sha256(b"abc").digest()).sha256_hex == hashlib.sha256(b"abc").hexdigest()
    assert PartDigest(1, 3).sha256_hex is None


def test_they_are_a_sequence_like_any_other() -> None:
    found = packed(PARTS)

    assert (len(found), found[0], found[-1], found[1:]) == (3, PARTS[0], PARTS[2], tuple(PARTS[1:]))
    assert found[0].further is NOTHING_FURTHER
    assert found != tuple(PARTS[:2])
    assert found != 3
    assert repr(packed(PARTS[:1])) == f"PartDigests([{PARTS[0]}])"
    with pytest.raises(IndexError):
        found[3]
    with pytest.raises(IndexError):
        PartDigests()[0]
    with pytest.raises(TypeError):
        hash(found)


@pytest.mark.parametrize("other", [{"crc64nvme": None}, {"crc64nvme": None, "crc32": 2}, {"further": {"SHA1": b""}}])
def test_a_part_with_other_digests_is_refused(other: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="other digests"):
        packed([PARTS[0], replace(PARTS[1], **other)])  # type: ignore[arg-type]


def test_a_part_may_be_added_while_others_are_read() -> None:
    found = packed(PARTS[:2])
    reading = iter(found)
    next(reading)

    found.append(5, (PARTS[2].md5, None, None, None, 3, {}))

    assert list(reading) == PARTS[1:]


def test_ten_thousand_parts_take_less_than_a_mib() -> None:
    tracemalloc.start()
    found = PartDigests()
    for number in range(10_000):
        found.append(5, (number.to_bytes(16, "big"), None, number, number, number, NOTHING_FURTHER))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert len(found) == 10_000
    assert taken < 2**20
