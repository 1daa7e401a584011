"""The golden vectors of the rules of evidence, seen on the wire."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from awscrt import checksums as crt

from migrator.sandbox.checksums import Running, checksum_of, hex_multipart_etag, multipart_etag

MIB = 1024 * 1024
A, B, C = (letter * 5 * MIB for letter in (b"A", b"B", b"C"))


def upload(s3: Any, parts: list[bytes], **asked: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    begun = s3.create_multipart_upload(Bucket="photos", Key="abc", **asked)
    named = []
    for number, body in enumerate(parts, 1):
        algorithm = asked.get("ChecksumAlgorithm", "")
        given = {f"Checksum{algorithm}": checksum_of(algorithm, body)} if algorithm else {}
        reply = s3.upload_part(
            Bucket="photos", Key="abc", UploadId=begun["UploadId"], PartNumber=number, Body=body, **given
        )
        named.append({"PartNumber": number, "ETag": reply["ETag"], **given})
    done = s3.complete_multipart_upload(
        Bucket="photos", Key="abc", UploadId=begun["UploadId"], MultipartUpload={"Parts": named}
    )
    return done, named


def head(s3: Any, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = s3.head_object(Bucket="photos", Key="abc", ChecksumMode="ENABLED", **asked)
    return found


def test_three_parts_have_the_known_etag_and_never_the_one_over_hex_text(s3: Any) -> None:
    done, _ = upload(s3, [A, B, C])

    assert done["ETag"] == '"b2add96cc9702bbf4efb0ccdfc6b7747-3"'
    assert head(s3)["ETag"] == '"b2add96cc9702bbf4efb0ccdfc6b7747-3"'
    assert head(s3)["ETag"] != '"876afcadd64bda5a327ac65abbe41c2e-3"'


def test_the_formula_joins_raw_part_digests() -> None:
    digests = [bytes.fromhex("bce6bf66aeb76c7040fdd5f4eccb78e6"), bytes.fromhex("8165449fc15bbf43d3b674595cbcc406")]

    assert multipart_etag(digests) == "f77dc0eecdebcd774a2a22cb393ad2ff-2"


def test_the_wrong_formula_is_known_as_such(s3: Any) -> None:
    _, named = upload(s3, [A, B, C])
    digests = [bytes.fromhex(part["ETag"].strip('"')) for part in named]

    assert hex_multipart_etag(digests) == "876afcadd64bda5a327ac65abbe41c2e-3"


@pytest.mark.parametrize(
    ("parts", "etag"),
    [
        ([b""], '"59adb24ef3cdbe0297f05b395827453f-1"'),
        ([A], '"ad68245c78c0fbbbe87df8ecf43247bf-1"'),
    ],
)
def test_one_part_has_the_known_etag(s3: Any, parts: list[bytes], etag: str) -> None:
    done, _ = upload(s3, parts)

    assert done["ETag"] == etag


@pytest.mark.parametrize(
    ("body", "etag"),
    [(b"", '"d41d8cd98f00b204e9800998ecf8427e"'), (A, '"b8fc857a25e7958868c2f003d5e0952d"')],
)
def test_a_put_has_the_known_etag(s3: Any, body: bytes, etag: str) -> None:
    assert s3.put_object(Bucket="photos", Key="abc", Body=body)["ETag"] == etag


@pytest.mark.parametrize(
    ("algorithm", "kind", "value"),
    [
        ("CRC32", "FULL_OBJECT", "WgDhBQ=="),
        ("CRC32C", "FULL_OBJECT", "xU+Krw=="),
        ("CRC64NVME", "FULL_OBJECT", "i+6LR0y3eFo="),
        ("CRC32", "COMPOSITE", "Z+ry2Q==-3"),
        ("CRC32C", "COMPOSITE", "g9DPqQ==-3"),
        ("SHA256", "COMPOSITE", "uWBwpe1dxI4Vw8Gf0X9ynOdw/SS6VBzfWm9giiv1sf4=-3"),
        ("SHA1", "COMPOSITE", "sizjvY4eud3MrcHdZM3cQ/ol39o=-3"),
    ],
)
def test_three_parts_have_the_known_checksum(s3: Any, algorithm: str, kind: str, value: str) -> None:
    done, _ = upload(s3, [A, B, C], ChecksumAlgorithm=algorithm, ChecksumType=kind)
    seen = head(s3)

    assert (done[f"Checksum{algorithm}"], done["ChecksumType"]) == (value, kind)
    assert (seen[f"Checksum{algorithm}"], seen["ChecksumType"]) == (value, kind)


def test_a_crc64nvme_of_the_whole_is_added_where_no_checksum_came(s3: Any) -> None:
    upload(s3, [A, B, C])

    assert (head(s3)["ChecksumCRC64NVME"], head(s3)["ChecksumType"]) == ("i+6LR0y3eFo=", "FULL_OBJECT")


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"])
def test_a_digest_of_the_whole_can_be_put_but_not_stated_for_parts(s3: Any, algorithm: str) -> None:
    with pytest.raises(s3.exceptions.ClientError, match="InvalidRequest"):
        s3.create_multipart_upload(Bucket="photos", Key="abc", ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")


@pytest.mark.parametrize(
    ("algorithm", "hash_of"),
    [
        ("SHA512", lambda data: hashlib.sha512(data).digest()),
        ("XXHASH64", crt.XXHash.compute_xxhash64),
        ("XXHASH3", crt.XXHash.compute_xxhash3_64),
        ("XXHASH128", crt.XXHash.compute_xxhash3_128),
    ],
)
def test_the_newer_checksums_of_parts_are_composite(s3: Any, algorithm: str, hash_of: Callable[[bytes], bytes]) -> None:
    upload(s3, [A, B, C], ChecksumAlgorithm=algorithm)
    seen = head(s3)

    joined = hash_of(b"".join(map(hash_of, (A, B, C))))

    assert seen[f"Checksum{algorithm}"] == f"{base64.b64encode(joined).decode()}-3"
    assert seen["ChecksumType"] == "COMPOSITE"


def test_the_composite_md5_is_the_etag_in_base64(s3: Any) -> None:
    upload(s3, [A, B, C], ChecksumAlgorithm="MD5")

    digest, _, count = head(s3)["ChecksumMD5"].partition("-")

    assert f"{base64.b64decode(digest).hex()}-{count}" == "b2add96cc9702bbf4efb0ccdfc6b7747-3"


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"])
def test_a_wrong_checksum_of_a_part_is_refused(s3: Any, algorithm: str) -> None:
    begun = s3.create_multipart_upload(Bucket="photos", Key="abc", ChecksumAlgorithm=algorithm)
    wrong = {f"Checksum{algorithm}": checksum_of(algorithm, b"other bytes")}

    with pytest.raises(s3.exceptions.ClientError, match="BadDigest"):
        s3.upload_part(Bucket="photos", Key="abc", UploadId=begun["UploadId"], PartNumber=1, Body=b"bytes", **wrong)


def test_crc64nvme_cannot_be_composite(s3: Any) -> None:
    with pytest.raises(s3.exceptions.ClientError, match="InvalidRequest"):
        s3.create_multipart_upload(Bucket="photos", Key="abc", ChecksumAlgorithm="CRC64NVME", ChecksumType="COMPOSITE")


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        ("CRC32", "cbf43926"),
        ("CRC32C", "e3069283"),
        ("CRC64NVME", "ae8b14860a799888"),
        ("MD5", "25f9e794323b453885f5181f1b624d0b"),
        ("SHA1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        ("XXHASH64", "8cb841db40e6ae83"),
    ],
)
def test_the_check_values_hold(algorithm: str, value: str) -> None:
    running = Running(algorithm)
    for digit in b"123456789":
        running.feed(bytes([digit]))

    assert running.raw().hex() == value
    assert base64.b64decode(running.text()).hex() == value


def test_a_part_has_its_own_size_and_the_etag_of_the_whole(s3: Any) -> None:
    upload(s3, [A, B, b"tail"])
    third = head(s3, PartNumber=3)

    assert (third["ContentLength"], third["PartsCount"]) == (4, 3)
    assert third["ETag"] == head(s3)["ETag"]
    assert third["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_a_copy_of_a_multipart_object_has_a_plain_md5(s3: Any) -> None:
    upload(s3, [A, B, C])
    s3.copy_object(Bucket="photos", Key="copy", CopySource={"Bucket": "photos", "Key": "abc"})
    copy = s3.head_object(Bucket="photos", Key="copy", ChecksumMode="ENABLED")

    assert copy["ETag"] == '"a670a6dcdb7025927987f04ca80e2ff1"'
    assert (copy["ChecksumCRC64NVME"], copy["ChecksumType"]) == ("i+6LR0y3eFo=", "FULL_OBJECT")
