"""S3 checksums: check values, golden vectors, and what a store's text says."""

from __future__ import annotations

import pytest

from integrity.checksums import ChecksumType, Parsed, composite, encode, encode_crc, parse, type_of
from integrity.digests import ALL, OnePass, digest_of
from integrity.etags import etag_of
from integrity.layouts import MIB, Layout

ABC = b"A" * 5 * MIB + b"B" * 5 * MIB + b"C" * 5 * MIB
LAYOUT = Layout.uniform(15 * MIB, 5 * MIB)


# ceph/s3-tests, test_multipart_use_cksum_helper_crc32, ..._crc32c and ..._crc64nvme; the SHA-256 of the whole is ours,
# for S3 states none of an object in parts.
@pytest.mark.parametrize(
    ("algorithm", "text"),
    [
        ("CRC32", "WgDhBQ=="),
        ("CRC32C", "xU+Krw=="),
        ("CRC64NVME", "i+6LR0y3eFo="),
        ("SHA256", "ZPYhkhILM9VHgl2KUSIk+N6V8gkskY14HuKhrKZJAY8="),
    ],
)
def test_full_object_checksums_of_the_fifteen_mebibytes(algorithm: str, text: str) -> None:
    assert encode(digest_of(ABC).raw(algorithm) or b"") == text


# ceph/s3-tests, test_multipart_use_cksum_helper_sha256; it has the composite CRCs of no object, so these are ours.
# What Amazon S3 answers for others is in `test_known_answers`.
@pytest.mark.parametrize(
    ("algorithm", "text"),
    [
        ("CRC32", "Z+ry2Q==-3"),
        ("CRC32C", "g9DPqQ==-3"),
        ("SHA256", "uWBwpe1dxI4Vw8Gf0X9ynOdw/SS6VBzfWm9giiv1sf4=-3"),
        ("SHA1", "sizjvY4eud3MrcHdZM3cQ/ol39o=-3"),
    ],
)
def test_composite_checksums_of_the_fifteen_mebibytes(algorithm: str, text: str) -> None:
    one_pass = OnePass([LAYOUT], part_algorithms=ALL)
    one_pass.feed(ABC)

    assert composite(algorithm, one_pass.result().part_raws(LAYOUT, algorithm) or ()) == text


@pytest.mark.parametrize("algorithm", sorted(ALL - {"CRC64NVME"}))
def test_every_composite_is_the_digest_of_the_joined_part_digests(algorithm: str) -> None:
    found = digest_of(b"0123456789", [layout := Layout.uniform(10, 4)], part_algorithms=ALL)
    raws = found.part_raws(layout, algorithm) or ()

    joined = digest_of(b"".join(raws), algorithms=ALL).raw(algorithm) or b""

    assert composite(algorithm, raws) == f"{encode(joined)}-3"
    assert parse(algorithm, composite(algorithm, raws)) == Parsed(joined, 3)


def test_the_composite_of_one_part_is_a_digest_of_a_digest() -> None:
    found = digest_of(b"A" * 1024, [layout := Layout.of((1024,))], part_algorithms=ALL)

    text = composite("SHA256", found.part_raws(layout, "SHA256") or ())

    assert text == "Ok6Cs5b96ux6+MWQkJO7UBT5sKPBeXBLwvj/hK89smg=-1"


def test_the_composite_md5_of_an_object_is_its_etag_in_another_notation() -> None:
    found = digest_of(ABC, [LAYOUT])
    etag = etag_of(found, LAYOUT) or ""

    parsed = parse("MD5", composite("MD5", found.part_md5s(LAYOUT) or ()))

    assert parsed is not None
    assert f"{parsed.raw.hex()}-{parsed.parts}" == etag == "b2add96cc9702bbf4efb0ccdfc6b7747-3"


@pytest.mark.parametrize("digests", [[], [b"123"], [b"1234", b"12345"]])
def test_a_composite_needs_raw_part_digests(digests: list[bytes]) -> None:
    with pytest.raises(ValueError, match="CRC32"):
        composite("CRC32", digests)


def test_crc64nvme_has_no_composite() -> None:
    with pytest.raises(KeyError):
        composite("CRC64NVME", [b"12345678"])


def test_a_crc_is_written_big_endian() -> None:
    assert encode_crc("CRC32", 0x5A00E105) == "WgDhBQ=="
    assert encode_crc("CRC64NVME", 1) == "AAAAAAAAAAE="


def test_a_checksum_is_read_with_and_without_its_count() -> None:
    assert parse("CRC32", " WgDhBQ== ") == Parsed(bytes.fromhex("5a00e105"), None)
    assert parse("CRC32", "WgDhBQ==-12") == Parsed(bytes.fromhex("5a00e105"), 12)


@pytest.mark.parametrize(
    "text", ["", "WgDhBQ", "WgDh", "WgDhBQ==-0", "WgDhBQ==-10001", "WgDhBQ==-x", "WgDh\u00e9Q==", "A"]
)
def test_what_is_no_checksum_is_none(text: str) -> None:
    assert parse("CRC32", text) is None


def test_an_algorithm_that_s3_does_not_have_is_none() -> None:
    assert parse("ADLER32", "WgDhBQ==") is None


def test_a_count_of_ten_thousand_is_read() -> None:
    assert parse("CRC32", "WgDhBQ==-10000") == Parsed(bytes.fromhex("5a00e105"), 10_000)


@pytest.mark.parametrize(
    ("algorithm", "text", "stated", "found"),
    [
        ("CRC32", "WgDhBQ==", "FULL_OBJECT", ChecksumType.FULL_OBJECT),
        ("CRC32", "WgDhBQ==", "COMPOSITE", ChecksumType.COMPOSITE),
        ("CRC32", "WgDhBQ==-3", None, ChecksumType.COMPOSITE),
        ("CRC32", "WgDhBQ==", None, None),
        ("CRC32", "WgDhBQ==", "SOMETHING", None),
        ("CRC64NVME", "i+6LR0y3eFo=", None, ChecksumType.FULL_OBJECT),
        ("CRC32", "rubbish", None, None),
    ],
)
def test_the_type_is_what_the_store_says_then_what_the_text_shows(
    algorithm: str, text: str, stated: str | None, found: ChecksumType | None
) -> None:
    assert type_of(algorithm, text, stated) is found
