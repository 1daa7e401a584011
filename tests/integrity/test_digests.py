"""The one pass: any size, any chunks, any layouts give what a plain reference gives."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from awscrt import checksums as crt
from hypothesis import given, settings
from hypothesis import strategies as st

from integrity.digests import ALL, PARALLEL_FROM, USUAL, Algorithm, OnePass, PartDigest, digest_of
from integrity.layouts import MIB, Layout


def plain_parts(data: bytes, layout: Layout) -> tuple[PartDigest, ...]:
    pieces = [(span.number, data[span.offset : span.offset + span.length]) for span in layout.spans()]
    return tuple(
        PartDigest(
            number=number,
            size=len(piece),
            md5=hashlib.md5(piece).digest(),
            crc32=zlib.crc32(piece),
            crc32c=crt.crc32c(piece),
            crc64nvme=crt.crc64nvme(piece),
        )
        for number, piece in pieces
    )


# Each over the whole buffer at once, past the streams under test.
REFERENCES: dict[str, Callable[[bytes], bytes]] = {
    "SHA1": lambda data: hashlib.sha1(data).digest(),
    "SHA512": lambda data: hashlib.sha512(data).digest(),
    "XXHASH64": crt.XXHash.compute_xxhash64,
    "XXHASH3": crt.XXHash.compute_xxhash3_64,
    "XXHASH128": crt.XXHash.compute_xxhash3_128,
}


def feed_in_chunks(one_pass: OnePass, data: bytes, cuts: list[int]) -> None:
    borders = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(borders):
        one_pass.feed(data[start:end])


@st.composite
def cut_data(draw: st.DrawFn) -> tuple[bytes, list[Layout]]:
    data = draw(st.binary(max_size=300))
    cuts = st.lists(st.integers(0, len(data)), max_size=6)

    def layout() -> Layout:
        borders = [0, *sorted(draw(cuts)), len(data)]
        return Layout.of([end - start for start, end in pairwise(borders)])

    return data, [layout(), layout(), Layout.uniform(len(data), draw(st.integers(1, 400))), Layout.single(len(data))]


@given(cut_data(), st.lists(st.integers(0, 300), max_size=8))
def test_any_chunks_and_layouts_equal_a_plain_reference(cut: tuple[bytes, list[Layout]], chunks: list[int]) -> None:
    data, layouts = cut
    one_pass = OnePass(layouts)

    feed_in_chunks(one_pass, data, chunks)
    found = one_pass.result()

    assert (found.size, found.md5, found.sha256) == (
        len(data),
        hashlib.md5(data).digest(),
        hashlib.sha256(data).digest(),
    )
    assert (found.crc32, found.crc32c, found.crc64nvme) == (zlib.crc32(data), crt.crc32c(data), crt.crc64nvme(data))
    assert found.parts == {layout: plain_parts(data, layout) for layout in layouts}


@given(cut_data(), st.sets(st.sampled_from(Algorithm)), st.sets(st.sampled_from(Algorithm)))
def test_only_what_was_asked_for_is_computed(
    cut: tuple[bytes, list[Layout]], whole: set[Algorithm], parts: set[Algorithm]
) -> None:
    data, layouts = cut
    one_pass = OnePass(layouts, frozenset(whole), frozenset(parts))
    one_pass.feed(data)
    found, everything = one_pass.result(), digest_of(data, layouts, ALL, ALL)

    for algorithm in Algorithm:
        assert found.raw(algorithm) == (everything.raw(algorithm) if algorithm in whole else None)
        for layout in layouts if algorithm in parts else []:
            assert found.part_raws(layout, algorithm) == everything.part_raws(layout, algorithm)
        for layout in layouts if algorithm not in parts else []:
            assert found.part_raws(layout, algorithm) is None


@pytest.mark.parametrize("size", [PARALLEL_FROM - 1, PARALLEL_FROM, PARALLEL_FROM + 1, 3 * MIB + 7])
def test_large_buffers_are_hashed_side_by_side_with_the_same_result(size: int) -> None:
    data = os.urandom(size)
    layouts = [Layout.uniform(size, MIB), Layout.uniform(size, MIB + 13)]

    found = digest_of(data, layouts)

    assert found.md5 == hashlib.md5(data).digest()
    assert found.sha256 == hashlib.sha256(data).digest()
    assert found.parts == {layout: plain_parts(data, layout) for layout in layouts}


def test_the_sha256_of_each_part_is_for_who_asks() -> None:
    layout = Layout.uniform(10, 4)
    one_pass = OnePass([layout], part_algorithms=ALL)
    one_pass.feed(b"0123456789")

    expected = tuple(hashlib.sha256(piece).digest() for piece in (b"0123", b"4567", b"89"))

    assert one_pass.result().part_raws(layout, "SHA256") == expected
    assert digest_of(b"0123456789", [layout]).part_raws(layout, "SHA256") is None


def test_equal_layouts_share_their_streams() -> None:
    one_pass = OnePass([Layout.uniform(100, 10), Layout.of([10] * 10), Layout.uniform(100, 20)])

    one_pass.feed(b"x" * 25)

    assert sorted(one_pass._streams) == [0, 20]


@pytest.mark.parametrize("fed", [b"1234", b"123456"])
@pytest.mark.parametrize("layout", [Layout.uniform(5, 2), Layout.uniform(5, 9), Layout.single(5)])
def test_a_layout_that_does_not_tile_what_was_read_is_left_out(fed: bytes, layout: Layout) -> None:
    assert digest_of(fed, [layout]).parts == {}


def test_parts_are_there_as_soon_as_they_have_passed() -> None:
    layout = Layout.uniform(10, 4)
    one_pass = OnePass([layout])

    one_pass.feed(b"01234567")

    assert tuple(one_pass.finished_parts(layout)) == plain_parts(b"01234567", Layout.of([4, 4]))
    assert one_pass.size == 8


def test_feeding_goes_on_after_a_result() -> None:
    one_pass = OnePass()
    one_pass.feed(b"abc")

    first = one_pass.result()
    one_pass.feed(b"def")

    assert first == digest_of(b"abc")
    assert one_pass.result() == digest_of(b"abcdef")


@given(st.binary(max_size=300), st.frozensets(st.sampled_from(sorted(USUAL))))
def test_a_few_bytes_at_once_have_the_digests_of_a_pass(data: bytes, chosen: frozenset[Algorithm]) -> None:
    one_pass = OnePass(algorithms=chosen)
    one_pass.feed(data)

    assert digest_of(data, algorithms=chosen) == one_pass.result()


def test_any_buffer_is_taken_as_its_bytes() -> None:
    words = memoryview(b"abcdefgh").cast("I")
    square = memoryview(b"abcdefgh").cast("B", (2, 4))

    assert digest_of(words) == digest_of(square) == digest_of(bytearray(b"abcdefgh")) == digest_of(b"abcdefgh")


def test_a_chunk_may_be_reused_after_feeding() -> None:
    chunk, one_pass = bytearray(b"a" * PARALLEL_FROM), OnePass()

    one_pass.feed(chunk)
    chunk[:] = b"b" * PARALLEL_FROM
    one_pass.feed(chunk)

    assert one_pass.result() == digest_of(b"a" * PARALLEL_FROM + b"b" * PARALLEL_FROM)


@settings(max_examples=200, deadline=None)
@given(cut_data(), st.lists(st.integers(0, 300), max_size=8))
def test_further_digests_equal_a_plain_reference_of_the_whole_and_of_each_part(
    cut: tuple[bytes, list[Layout]], chunks: list[int]
) -> None:
    data, layouts = cut
    one_pass = OnePass(layouts, ALL, ALL)

    feed_in_chunks(one_pass, data, chunks)
    found = one_pass.result()

    for algorithm, reference in REFERENCES.items():
        assert found.raw(algorithm) == reference(data)
        for layout in layouts:
            pieces = [data[span.offset : span.offset + span.length] for span in layout.spans()]
            assert found.part_raws(layout, algorithm) == tuple(map(reference, pieces))


@pytest.mark.parametrize("size", [PARALLEL_FROM, 3 * MIB + 7])
def test_further_digests_of_large_buffers_are_the_same(size: int) -> None:
    data, layout = os.urandom(size), Layout.uniform(size, MIB)

    found = digest_of(data, [layout], ALL, ALL)

    assert {name: found.raw(name) for name in REFERENCES} == {name: of(data) for name, of in REFERENCES.items()}
    assert found.part_raws(layout, "XXHASH128") == tuple(
        crt.XXHash.compute_xxhash3_128(data[at : at + MIB]) for at in range(0, size, MIB)
    )


def test_nobody_pays_for_a_digest_that_was_not_asked_for() -> None:
    found = digest_of(b"0123456789", [layout := Layout.uniform(10, 4)])

    assert found.further == {}
    assert [part.further for part in found.parts[layout]] == [{}, {}, {}]
    assert OnePass()._whole.further == {}


def test_an_unknown_algorithm_has_no_digest() -> None:
    assert digest_of(b"abc", algorithms=ALL).raw("BLAKE3") is None
    assert digest_of(b"abc").raw("SHA1") is None


def test_hex_is_written_with_all_its_digits() -> None:
    found = digest_of(b"")

    assert (found.crc32_hex, found.crc32c_hex, found.crc64nvme_hex) == ("0" * 8, "0" * 8, "0" * 16)
    assert (found.md5_hex, found.sha256_hex) == (hashlib.md5().hexdigest(), hashlib.sha256().hexdigest())


def test_what_was_not_asked_for_has_no_hex() -> None:
    found = digest_of(b"abc", algorithms=frozenset())

    assert {found.md5_hex, found.sha256_hex, found.crc32_hex, found.crc32c_hex, found.crc64nvme_hex} == {None}


def test_memory_does_not_grow_with_the_object() -> None:
    chunk, one_pass = bytes(MIB), OnePass([Layout.uniform(64 * MIB, 8 * MIB)])
    one_pass.feed(chunk)

    tracemalloc.start()
    for _ in range(63):
        one_pass.feed(chunk)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert one_pass.result().size == 64 * MIB
    assert peak < 256 * 1024


def test_the_only_part_of_a_layout_is_there_when_all_of_it_has_passed() -> None:
    layout, one_pass = Layout.uniform(4, 10), OnePass([Layout.uniform(4, 10)])

    one_pass.feed(b"012")
    before = one_pass.finished_parts(layout)
    one_pass.feed(b"3")

    assert before == ()
    assert one_pass.finished_parts(layout) == plain_parts(b"0123", layout)
