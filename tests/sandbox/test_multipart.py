"""Multipart uploads: what is accepted, what is refused, what is left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from migrator.sandbox import Sandbox
from migrator.sandbox.checksums import checksum_of, whole
from tests.sandbox import wire

SMALL = {"small_parts": True}
Make = Callable[..., Sandbox]
Connect = Callable[..., Any]


class Upload:
    """One multipart upload of small parts."""

    def __init__(self, s3: Any, key: str = "a", **asked: Any) -> None:
        self.s3 = s3
        begun = s3.create_multipart_upload(Bucket="photos", Key=key, **asked)
        self.place = {"Bucket": "photos", "Key": key, "UploadId": begun["UploadId"]}
        self.parts: list[dict[str, Any]] = []

    def part(self, number: int, body: bytes, **given: str) -> dict[str, Any]:
        reply: dict[str, Any] = self.s3.upload_part(**self.place, PartNumber=number, Body=body, **given)
        self.parts.append({"PartNumber": number, "ETag": reply["ETag"], **given})
        return reply

    def complete(self, **asked: Any) -> dict[str, Any]:
        done: dict[str, Any] = self.s3.complete_multipart_upload(
            **self.place, MultipartUpload={"Parts": self.parts}, **asked
        )
        return done


@pytest.fixture
def small(make: Make) -> Sandbox:
    return make(traits=SMALL)


@pytest.fixture
def upload(small: Sandbox, connect: Connect) -> Upload:
    upload = Upload(connect(small))
    upload.part(1, b"one ")
    upload.part(2, b"two")
    return upload


def test_parts_become_one_object(upload: Upload, small: Sandbox) -> None:
    upload.complete()

    assert small.stored_bytes("photos", "a") == b"one two"
    assert list(small.open_uploads()) == []


def test_only_the_named_parts_count(upload: Upload, small: Sandbox) -> None:
    upload.part(3, b" three")
    upload.parts.pop()
    upload.complete()

    assert small.stored_bytes("photos", "a") == b"one two"
    assert len([file for file in (small._root / "data").rglob("*") if file.is_file()]) == 2


def test_a_part_sent_again_replaces_the_first(upload: Upload, small: Sandbox) -> None:
    upload.parts.pop()
    upload.part(2, b"2")
    upload.complete()

    assert small.stored_bytes("photos", "a") == b"one 2"


def test_parts_out_of_order_are_refused(upload: Upload) -> None:
    upload.parts.reverse()

    with pytest.raises(ClientError, match="InvalidPartOrder"):
        upload.complete()


def test_a_part_that_was_never_sent_is_refused(upload: Upload) -> None:
    upload.parts.append({"PartNumber": 3, "ETag": upload.parts[0]["ETag"]})

    with pytest.raises(ClientError, match="InvalidPart"):
        upload.complete()


def test_a_part_with_another_etag_is_refused(upload: Upload) -> None:
    upload.parts[1]["ETag"] = upload.parts[0]["ETag"]

    with pytest.raises(ClientError, match="InvalidPart"):
        upload.complete()


def test_a_complete_without_parts_is_malformed(upload: Upload) -> None:
    upload.parts.clear()

    with pytest.raises(ClientError, match="MalformedXML"):
        upload.complete()


def test_a_small_part_in_the_middle_is_refused(sandbox: Sandbox, s3: Any) -> None:
    upload = Upload(s3)
    upload.part(1, b"small")
    upload.part(2, b"last")

    with pytest.raises(ClientError, match="EntityTooSmall"):
        upload.complete()
    assert len(sandbox.open_uploads()) == 1


@pytest.mark.parametrize("number", [0, 10_001])
def test_a_part_number_out_of_bounds_is_refused(upload: Upload, number: int) -> None:
    with pytest.raises(ClientError, match="InvalidArgument"):
        upload.part(number, b"x")


def test_a_completed_upload_is_gone(upload: Upload) -> None:
    upload.complete()

    with pytest.raises(ClientError, match="NoSuchUpload"):
        upload.complete()


def test_an_aborted_upload_is_gone_with_its_bytes(upload: Upload, small: Sandbox) -> None:
    upload.s3.abort_multipart_upload(**upload.place)

    with pytest.raises(ClientError, match="NoSuchUpload"):
        upload.part(3, b"late")
    assert [file for file in (small._root / "data").rglob("*") if file.is_file()] == []


def test_a_condition_is_checked_at_complete(upload: Upload, small: Sandbox) -> None:
    small.seed("photos", "a", b"there")

    with pytest.raises(ClientError, match="PreconditionFailed"):
        upload.complete(IfNoneMatch="*")
    assert len(small.open_uploads()) == 1
    assert small.stored_bytes("photos", "a") == b"there"


@pytest.mark.parametrize("size", [6, 8])
def test_a_wrong_object_size_is_refused(upload: Upload, size: int) -> None:
    with pytest.raises(ClientError, match="InvalidRequest"):
        upload.complete(MpuObjectSize=size)


def test_the_right_object_size_is_accepted(upload: Upload) -> None:
    upload.complete(MpuObjectSize=7)


def checked(s3: Any, algorithm: str, kind: str) -> Upload:
    upload = Upload(s3, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    for number, body in enumerate((b"one ", b"two"), 1):
        upload.part(number, body, **{f"Checksum{algorithm}": checksum_of(algorithm, body)})
    return upload


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_the_whole_value_is_checked_at_complete(small: Sandbox, connect: Connect, algorithm: str) -> None:
    upload = checked(connect(small), algorithm, "FULL_OBJECT")
    name = f"Checksum{algorithm}"

    with pytest.raises(ClientError, match="BadDigest"):
        upload.complete(**{name: checksum_of(algorithm, b"other")}, ChecksumType="FULL_OBJECT")
    assert small.keys("photos") == []
    done = upload.complete(**{name: checksum_of(algorithm, b"one two")}, ChecksumType="FULL_OBJECT")
    assert done[name] == checksum_of(algorithm, b"one two")


def test_a_composite_needs_the_checksum_of_each_part(small: Sandbox, connect: Connect) -> None:
    upload = checked(connect(small), "SHA256", "COMPOSITE")
    del upload.parts[1]["ChecksumSHA256"]

    with pytest.raises(ClientError, match="InvalidRequest"):
        upload.complete()


def test_a_composite_needs_parts_without_gaps(small: Sandbox, connect: Connect) -> None:
    upload = Upload(connect(small), ChecksumAlgorithm="CRC32", ChecksumType="COMPOSITE")
    upload.part(2, b"x", ChecksumCRC32=checksum_of("CRC32", b"x"))

    with pytest.raises(ClientError, match="InvalidPartOrder"):
        upload.complete()


def test_a_part_needs_the_algorithm_of_its_upload(small: Sandbox, connect: Connect) -> None:
    upload = Upload(connect(small), ChecksumAlgorithm="SHA256")

    with pytest.raises(ClientError, match="Checksum Type mismatch"):
        upload.part(1, b"x", ChecksumCRC32=checksum_of("CRC32", b"x"))


def test_another_type_at_complete_is_refused(small: Sandbox, connect: Connect) -> None:
    upload = checked(connect(small), "CRC32", "COMPOSITE")

    with pytest.raises(ClientError, match="InvalidRequest"):
        upload.complete(ChecksumType="FULL_OBJECT")


def test_crcs_of_parts_combine_to_that_of_the_whole() -> None:
    parts = [(checksum_of("CRC64NVME", piece), len(piece)) for piece in (b"12345", b"", b"6789")]

    assert whole("CRC64NVME", parts) == checksum_of("CRC64NVME", b"123456789")


def test_headers_metadata_and_tags_are_those_of_the_create(small: Sandbox, connect: Connect) -> None:
    s3 = connect(small)
    upload = Upload(s3, ContentType="text/odd", Metadata={"who": "me"}, Tagging="a=b", StorageClass="STANDARD_IA")
    upload.part(1, b"x")
    upload.complete()
    seen = s3.head_object(Bucket="photos", Key="a")

    assert (seen["ContentType"], seen["Metadata"], seen["TagCount"]) == ("text/odd", {"who": "me"}, 1)
    assert seen["StorageClass"] == "STANDARD_IA"


def test_a_kms_upload_has_an_etag_that_only_looks_like_the_formula(small: Sandbox, connect: Connect) -> None:
    upload = Upload(connect(small), ServerSideEncryption="aws:kms")
    upload.part(1, b"one")

    assert upload.complete()["ETag"].endswith('-1"')
    assert wire.ask(small, "HEAD", "/photos/a").headers["etag"] != '"f97c5d29941bfb1b2fdab0874906ab82-1"'


def test_parts_are_listed_by_the_page(upload: Upload) -> None:
    first = upload.s3.list_parts(**upload.place, MaxParts=1)
    second = upload.s3.list_parts(**upload.place, PartNumberMarker=first["NextPartNumberMarker"])

    assert [part["Size"] for part in first["Parts"]] == [4]
    assert first["IsTruncated"] is True
    assert [part["Size"] for part in second["Parts"]] == [3]
    assert second["IsTruncated"] is False


def test_uploads_are_listed_by_key_with_prefix_and_marker(small: Sandbox, connect: Connect) -> None:
    s3 = connect(small)
    for key in ("b/2", "a", "b/1", "c"):
        Upload(s3, key)
    grouped = s3.list_multipart_uploads(Bucket="photos", Delimiter="/")
    page = s3.list_multipart_uploads(Bucket="photos", MaxUploads=2)
    rest = s3.list_multipart_uploads(
        Bucket="photos", KeyMarker=page["NextKeyMarker"], UploadIdMarker=page["NextUploadIdMarker"]
    )

    assert [entry["Key"] for entry in grouped["Uploads"]] == ["a", "c"]
    assert grouped["CommonPrefixes"] == [{"Prefix": "b/"}]
    assert [entry["Key"] for entry in page["Uploads"] + rest["Uploads"]] == ["a", "b/1", "b/2", "c"]


def test_a_part_can_be_copied_from_a_range(small: Sandbox, connect: Connect) -> None:
    small.seed("photos", "source", b"0123456789")
    upload = Upload(connect(small))
    reply = upload.s3.upload_part_copy(
        **upload.place, PartNumber=1, CopySource="photos/source", CopySourceRange="bytes=2-5"
    )
    upload.parts.append({"PartNumber": 1, "ETag": reply["CopyPartResult"]["ETag"]})
    upload.complete()

    assert small.stored_bytes("photos", "a") == b"2345"


def test_a_copy_range_beyond_the_end_is_refused(small: Sandbox, connect: Connect) -> None:
    small.seed("photos", "source", b"0123456789")
    upload = Upload(connect(small))

    with pytest.raises(ClientError, match="InvalidRange"):
        upload.s3.upload_part_copy(
            **upload.place, PartNumber=1, CopySource="photos/source", CopySourceRange="bytes=5-10"
        )


def attributes(s3: Any) -> dict[str, Any]:
    asked = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    found: dict[str, Any] = s3.get_object_attributes(Bucket="photos", Key="a", ObjectAttributes=asked)
    return found


def test_attributes_name_each_part_where_a_checksum_was_chosen(small: Sandbox, connect: Connect) -> None:
    s3 = connect(small)
    checked(s3, "CRC32", "COMPOSITE").complete()
    found = attributes(s3)

    assert (found["ObjectSize"], found["ETag"][:1], found["ObjectParts"]["TotalPartsCount"]) == (7, found["ETag"][0], 2)
    assert [part["ChecksumCRC32"] for part in found["ObjectParts"]["Parts"]] == [
        checksum_of("CRC32", b"one "),
        checksum_of("CRC32", b"two"),
    ]


def test_attributes_only_count_the_parts_otherwise(upload: Upload) -> None:
    upload.complete()

    assert attributes(upload.s3)["ObjectParts"] == {"TotalPartsCount": 2}


def test_attributes_of_a_plain_object_have_no_parts(sandbox: Sandbox, s3: Any) -> None:
    sandbox.seed("photos", "a", b"x")

    assert "ObjectParts" not in attributes(s3)
