"""ETags: golden vectors of public sources, and what they might be."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrity.digests import OnePass, digest_of
from integrity.etags import EtagForm, EtagKind, etag_of, kind, multipart_etag, normalise
from integrity.layouts import MIB, Layout

ABC = b"A" * 5 * MIB + b"B" * 5 * MIB + b"C" * 5 * MIB
HEX = "0123456789abcdef0123456789abcdef"


# ceph/s3-tests, test_multipart_reupload_checksum_and_etag.
def test_the_vector_of_ceph_s3_tests() -> None:
    layout = Layout.uniform(15 * MIB, 5 * MIB)

    assert etag_of(digest_of(ABC, [layout]), layout) == "b2add96cc9702bbf4efb0ccdfc6b7747-3"


def test_the_etag_is_never_made_of_hex_text() -> None:
    parts = digest_of(ABC, [layout := Layout.uniform(15 * MIB, 5 * MIB)]).part_md5s(layout) or ()

    of_hex_text = hashlib.md5("".join(part.hex() for part in parts).encode()).hexdigest()

    assert of_hex_text == "876afcadd64bda5a327ac65abbe41c2e"
    assert multipart_etag(parts) != f"{of_hex_text}-3"
    with pytest.raises(ValueError, match="raw MD5 digests"):
        multipart_etag(part.hex().encode() for part in parts)


# Cloudflare R2 docs, "Multipart upload", on ETags.
def test_the_vector_of_cloudflare_r2() -> None:
    parts = ["bce6bf66aeb76c7040fdd5f4eccb78e6", "8165449fc15bbf43d3b674595cbcc406"]

    assert multipart_etag(bytes.fromhex(part) for part in parts) == "f77dc0eecdebcd774a2a22cb393ad2ff-2"


# scality/cloudserver, tests/functional/aws-node-sdk/test/object/copyPart.js: ETags that Amazon S3 answered with.
@pytest.mark.parametrize(
    ("parts", "etag"),
    [
        (["d41d8cd98f00b204e9800998ecf8427e"], "59adb24ef3cdbe0297f05b395827453f-1"),
        (["ac1be00f1f162e20d58099eec2ea1c70"], "bff2a6af3adfd8e107a06de01d487176-1"),
        (["9b0de95bd76728c778b9e25fd7ce2ef7"] * 2, "5bba96810ff449d94aa8f5c5a859b0cb-2"),
        (
            ["b1e0d096c8f0670c5367d131e392b84a", "a2468d5c0ec2d4d5fc13b73beb63080a"],
            "e08ede4e8b942e18537cb2289f613ae3-2",
        ),
    ],
)
def test_the_vectors_of_scality_cloudserver(parts: list[str], etag: str) -> None:
    assert multipart_etag(bytes.fromhex(part) for part in parts) == etag


# By PUT the MD5 itself, of nothing as in RFC 1321; 5 MiB of `A` is the first part of the vector of ceph/s3-tests.
@pytest.mark.parametrize(
    ("data", "layout", "etag"),
    [
        (b"", Layout.single(0), "d41d8cd98f00b204e9800998ecf8427e"),
        (b"", Layout.uniform(0, 5 * MIB), "59adb24ef3cdbe0297f05b395827453f-1"),
        (b"A" * 5 * MIB, Layout.single(5 * MIB), "b8fc857a25e7958868c2f003d5e0952d"),
        (b"A" * 5 * MIB, Layout.uniform(5 * MIB, 5 * MIB), "ad68245c78c0fbbbe87df8ecf43247bf-1"),
    ],
)
def test_nothing_and_five_mebibytes_by_put_and_as_one_part(data: bytes, layout: Layout, etag: str) -> None:
    assert etag_of(digest_of(data, [layout]), layout) == etag


def test_no_digests_of_the_parts_give_no_etag() -> None:
    assert etag_of(digest_of(b"abc"), Layout.uniform(3, 2)) is None


@pytest.mark.parametrize("digests", [[], [b"short"], [b"x" * 16, b"x" * 15]])
def test_a_multipart_etag_needs_raw_digests(digests: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r"^a multipart ETag is made of raw MD5 digests of 16 bytes, at least one$"):
        multipart_etag(digests)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6), st.lists(st.integers(0, 200), max_size=6))
def test_the_etag_in_any_layout_equals_a_plain_reference(data: bytes, borders: list[int], chunks: list[int]) -> None:
    parts = [data[start:end] for start, end in pairwise([0, *sorted(borders), len(data)])]
    layout = Layout.of(map(len, parts))
    one_pass = OnePass([layout])
    for start, end in pairwise([0, *sorted(chunks), len(data)]):
        one_pass.feed(data[start:end])

    expected = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()

    assert etag_of(one_pass.result(), layout) == f"{expected}-{len(parts)}"


@pytest.mark.parametrize("text", [HEX, f'"{HEX}"', f'W/"{HEX}"', f'  w/"{HEX.upper()}" ', HEX.upper()])
def test_quotes_weak_marks_and_case_do_not_matter(text: str) -> None:
    assert normalise(text) == HEX
    assert kind(text) == EtagKind(EtagForm.MD5)


@pytest.mark.parametrize(("suffix", "parts"), [("-1", 1), ("-3", 3), ("-10000", 10_000)])
def test_a_multipart_etag_counts_its_parts(suffix: str, parts: int) -> None:
    assert kind(f'"{HEX}{suffix}"') == EtagKind(EtagForm.MULTIPART, parts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '""',
        HEX[:-1],
        HEX + "0",
        HEX[:-1] + "g",
        HEX + "-0",
        HEX + "-10001",
        HEX + "-01",
        HEX + "-",
        HEX + "-x",
        HEX + "-٣",
    ],
)
def test_all_else_is_opaque(text: str) -> None:
    assert kind(text) == EtagKind(EtagForm.OPAQUE)
