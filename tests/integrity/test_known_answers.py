"""Known answers from public sources: what is computed here equals what others have published.

The vectors of ETags are in `test_etags`, those of composite checksums over other parts in `test_checksums`.
"""

from __future__ import annotations

import base64
import hashlib
from itertools import accumulate

import pytest

from integrity.checksums import composite, encode
from integrity.digests import ALL, OnePass, digest_of
from integrity.etags import etag_of
from integrity.layouts import MIB, Layout

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


# RFC 1321, appendix A.5.
@pytest.mark.parametrize(
    ("data", "md5"),
    [
        (b"", "d41d8cd98f00b204e9800998ecf8427e"),
        (b"a", "0cc175b9c0f1b6a831c399e269772661"),
        (b"abc", "900150983cd24fb0d6963f7d28e17f72"),
        (b"message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        (b"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        (ALPHABET, "d174ab98d277d9f5a5611c2c9f419d9f"),
        (b"1234567890" * 8, "57edf4a22be3c955ac49da2e2107b67a"),
    ],
)
def test_md5_as_in_rfc_1321(data: bytes, md5: str) -> None:
    assert digest_of(data).md5_hex == md5


# FIPS 180-2, appendix B, and the empty message of NIST's SHA test vectors (SHA256ShortMsg.rsp).
@pytest.mark.parametrize(
    ("data", "sha256"),
    [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ],
)
def test_sha256_as_in_fips_180(data: bytes, sha256: str) -> None:
    assert digest_of(data).sha256_hex == sha256


# The catalogue of parametrised CRC algorithms (reveng.sourceforge.io/crc-catalogue), `check` of CRC-32/ISO-HDLC,
# CRC-32/ISCSI and CRC-64/NVME.
def test_the_check_values_of_the_crcs() -> None:
    digests = digest_of(b"123456789")

    assert digests.crc32_hex == "cbf43926"
    assert digests.crc32c_hex == "e3069283"
    assert digests.crc64nvme_hex == "ae8b14860a799888"


# RFC 3720, appendix B.4; the RFC prints the bytes of each value in the order of transmission, the lowest first.
@pytest.mark.parametrize(
    ("data", "crc32c"),
    [
        (bytes(32), "8a9136aa"),
        (b"\xff" * 32, "62a8ab43"),
        (bytes(range(32)), "46dd794e"),
        (bytes(range(31, -1, -1)), "113fdb5c"),
    ],
)
def test_crc32c_as_in_rfc_3720(data: bytes, crc32c: str) -> None:
    assert digest_of(data).crc32c_hex == crc32c


# NVM Express, NVM Command Set Specification, revision 1.0d, section 5.2.1.3.5, figure 122.
@pytest.mark.parametrize(
    ("data", "crc64nvme"),
    [
        (bytes(4096), "6482d367eb22b64e"),
        (b"\xff" * 4096, "c0ddba7302eca3ac"),
        (bytes(range(256)) * 16, "3e729f5f6750449c"),
        (bytes(range(255, -1, -1)) * 16, "9a2df64b8e9e517e"),
    ],
)
def test_crc64nvme_as_in_the_specification_of_nvm_express(data: bytes, crc64nvme: str) -> None:
    assert digest_of(data).crc64nvme_hex == crc64nvme


# Answers of Amazon S3 itself, recorded on 2026-02-21 by the test suite of LocalStack
# (tests/aws/services/s3/test_s3.snapshot.json, test_complete_multipart_parts_checksum_composite and ..._full_object):
# three parts, 5 MiB and one byte of `a` twice, then ten bytes of `a`.
AWS_PARTS = Layout.of((5 * MIB + 1, 5 * MIB + 1, 10))
AWS_DATA = b"a" * AWS_PARTS.size


@pytest.fixture(scope="module")
def recorded() -> OnePass:
    one_pass = OnePass([AWS_PARTS], part_algorithms=ALL)
    one_pass.feed(AWS_DATA)
    return one_pass


def test_the_etag_that_amazon_s3_gave(recorded: OnePass) -> None:
    assert etag_of(recorded.result(), AWS_PARTS) == "4d45984fc3feb2ac9b22683c49674b56-3"


@pytest.mark.parametrize(
    ("algorithm", "text"),
    [
        ("CRC32", "5FRUiw==-3"),
        ("CRC32C", "XF5+4A==-3"),
        ("SHA256", "9o++y6AejqboiJ7MZCx0fahK2Vu5YC/qnNhhYsCLciI=-3"),
    ],
)
def test_the_composite_checksums_that_amazon_s3_gave(recorded: OnePass, algorithm: str, text: str) -> None:
    assert composite(algorithm, recorded.result().part_raws(AWS_PARTS, algorithm) or ()) == text


@pytest.mark.parametrize(
    ("algorithm", "text"), [("CRC32", "qSEQSA=="), ("CRC32C", "eTdAQA=="), ("CRC64NVME", "ZMNX55lZurA=")]
)
def test_the_full_object_checksums_that_amazon_s3_gave(recorded: OnePass, algorithm: str, text: str) -> None:
    assert encode(recorded.result().raw(algorithm) or b"") == text


def test_the_composite_sha1_that_amazon_s3_gave() -> None:
    ends = list(accumulate(span.length for span in AWS_PARTS.spans()))
    parts = [AWS_DATA[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    digests = [hashlib.sha1(part).digest() for part in parts]

    assert composite("SHA1", digests) == "AyE60nyQoBgJcwsyPHWu7aJuxBs=-3"


# ceph/s3-tests, test_multipart_use_cksum_helper_sha1: 5 MiB each of `A`, `B` and `C`.
def test_the_composite_sha1_of_ceph_s3_tests() -> None:
    parts = ["iIaTCGbm+vdVjNqIMF2S0T7ibMk=", "LS/TJ32bAVKEwRu+sE3X7awh/lk=", "6DDwovUaHwrKNXDMzOGbuvj9kxI="]

    assert composite("SHA1", map(base64.b64decode, parts)) == "sizjvY4eud3MrcHdZM3cQ/ol39o=-3"
