"""What is asked, as it goes out."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from xml.etree import ElementTree

import botocore.session
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from migrator.engine.messages import SentPart
from migrator.engine.requests import complete_body

texts = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=8)
sums = st.dictionaries(st.sampled_from(["CRC32", "CRC64NVME", "SHA256"]), texts)
parts = st.lists(st.builds(SentPart, st.integers(1, 10_000), texts, sums), max_size=3)
_model = botocore.session.Session().get_service_model("s3").operation_model("CompleteMultipartUpload")


def _named(checksums: Mapping[str, str]) -> dict[str, str]:
    return {f"Checksum{name}": value for name, value in checksums.items()}


def as_boto3_makes_it(parts: list[SentPart]) -> bytes:
    listed = [{"PartNumber": part.number, "ETag": part.etag, **_named(part.checksums)} for part in parts]
    given = {"Bucket": "b", "Key": "k", "UploadId": "u", "MultipartUpload": {"Parts": listed}}
    body: bytes = create_serializer("rest-xml").serialize_to_request(given, _model)["body"]
    return body


def shown(body: bytes) -> tuple[str, list[list[tuple[str, str]]]]:
    root = ElementTree.fromstring(body)
    return root.tag, [[(field.tag, field.text or "") for field in part] for part in root]


@given(parts)
def test_complete_says_what_boto3_would_say(parts: list[SentPart]) -> None:
    assert shown(complete_body(parts)) == shown(as_boto3_makes_it(parts))


def test_complete_takes_little_memory_for_each_of_ten_thousand_parts() -> None:
    tracemalloc.start()
    complete_body(SentPart(number, f'"{number:032x}"', {"CRC64NVME": f"{number:011}="}) for number in range(1, 10_001))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 4 * 2**20
