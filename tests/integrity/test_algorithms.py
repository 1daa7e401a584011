"""Known answers from public sources, and the notation in which AWS's own client writes the same digests."""

from __future__ import annotations

import pytest
from botocore import httpchecksum

from integrity.algorithms import ALL, FOR_PARTS, HASHES, USUAL, Algorithm
from integrity.checksums import DIGEST_BYTES, encode
from integrity.digests import digest_of

TWO_BLOCKS = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
FOUR_LINES = b"".join(bytes(range(at, at + 8)) for at in range(ord("a"), ord("o")))


def sanity_buffer(size: int) -> bytes:
    """The bytes over which the xxHash repository states its sanity vectors (cli/xsum_sanity_check.c)."""
    state, filled = 2654435761, bytearray()
    for _ in range(size):
        filled.append(state >> 56)
        state = state * 11400714785074694797 % 2**64
    return bytes(filled)


def digest(algorithm: str, data: bytes) -> str:
    return (digest_of(data, algorithms=ALL).raw(algorithm) or b"").hex()


@pytest.mark.parametrize(
    ("algorithm", "data", "answer"),
    [
        ("SHA1", b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("SHA1", TWO_BLOCKS, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        ("SHA1", b"a" * 1_000_000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
        ("SHA256", b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("SHA512", b"abc", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                           "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"),
        ("SHA512", FOUR_LINES, "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
                               "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"),
    ],
)  # fmt: skip
def test_the_examples_of_nist_hold(algorithm: str, data: bytes, answer: str) -> None:
    assert digest(algorithm, data) == answer


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", "d41d8cd98f00b204e9800998ecf8427e"),
        (b"abc", "900150983cd24fb0d6963f7d28e17f72"),
        (b"message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
    ],
)
def test_the_examples_of_rfc_1321_hold(data: bytes, answer: str) -> None:
    assert digest("MD5", data) == answer


@pytest.mark.parametrize(
    ("algorithm", "size", "answer"),
    [
        ("XXHASH64", 0, "ef46db3751d8e999"),
        ("XXHASH64", 1, "e934a84adb052768"),
        ("XXHASH64", 4, "9136a0dca57457ee"),
        ("XXHASH64", 14, "8282dcc4994e35c8"),
        ("XXHASH64", 222, "b641ae8cb691c174"),
        ("XXHASH3", 0, "2d06800538d394c2"),
        ("XXHASH3", 1, "c44bdff4074eecdb"),
        ("XXHASH3", 12, "a713daf0dfbb77e7"),
        ("XXHASH3", 195, "cd94217ee362ec3a"),
        ("XXHASH3", 2367, "cb37aeb9e5d361ed"),
        ("XXHASH128", 0, "99aa06d3014798d86001c324468d497f"),
        ("XXHASH128", 1, "a6cd5e9392000f6ac44bdff4074eecdb"),
        ("XXHASH128", 222, "337e09641b948717f1aebd597cec6b3a"),
        ("XXHASH128", 2367, "e89c0f6ff369b427cb37aeb9e5d361ed"),
    ],
)
def test_the_sanity_vectors_of_the_xxhash_repository_hold(algorithm: str, size: int, answer: str) -> None:
    assert digest(algorithm, sanity_buffer(size)) == answer


@pytest.mark.parametrize("algorithm", sorted(ALL - {Algorithm.MD5}))
def test_a_digest_is_written_as_botocore_writes_it(algorithm: Algorithm) -> None:
    theirs = httpchecksum._CHECKSUM_CLS[algorithm.lower()]().handle(sanity_buffer(2367))

    assert encode(digest_of(sanity_buffer(2367), algorithms=ALL).raw(algorithm) or b"") == theirs


def test_every_algorithm_of_the_api_has_its_length_and_is_computed() -> None:
    found = digest_of(b"abc", algorithms=ALL)

    assert {name: len(found.raw(name) or b"") for name in Algorithm} == DIGEST_BYTES


def test_the_usual_digests_are_the_five_of_a_record() -> None:
    assert set(map(str, USUAL)) == {"MD5", "SHA256", "CRC32", "CRC32C", "CRC64NVME"}
    assert {Algorithm.SHA256} == USUAL - FOR_PARTS


@pytest.mark.parametrize("algorithm", sorted(HASHES))
def test_a_running_digest_can_be_asked_again_and_again(algorithm: Algorithm) -> None:
    running, whole = HASHES[algorithm](), HASHES[algorithm]()
    whole.update(memoryview(b"abc" * 50_000))

    for at in range(0, 150_000, 50_000):
        running.update(memoryview(b"abc" * 50_000)[at : at + 50_000])
        running.digest()

    assert running.digest() == whole.digest()
