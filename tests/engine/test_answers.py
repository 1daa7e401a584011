"""What the headers of an answer state."""

from __future__ import annotations

import pytest

from integrity.evidence import Origin
from migrator.engine.answers import statement_of


@pytest.mark.parametrize(
    ("said", "version"),
    [("v" * 1024, "v" * 1024), ("v" * 1025, ""), ("null", ""), ("", "")],
    ids=["longest", "too long", "null", "empty"],
)
def test_a_version_id_is_one_that_can_be_asked_for_and_kept(said: str, version: str) -> None:
    assert statement_of({"x-amz-version-id": said}, Origin.HEAD).version_id == version


@pytest.mark.parametrize("said", ["", '""', 'W/""', '" "'])
def test_an_etag_with_nothing_between_its_quotes_is_none(said: str) -> None:
    assert statement_of({"etag": said}, Origin.HEAD).etag is None


@pytest.mark.parametrize(
    ("header", "said", "stated"),
    [
        ("crc32", "AAAAAA==", {"CRC32": "AAAAAA=="}),
        ("crc32", "AAAAAA==-3", {"CRC32": "AAAAAA==-3"}),
        ("crc32", "00000000", {}),
        ("crc32", "AAAAAAAAAAA=", {}),
        ("sha256", "not one", {}),
        ("crc32", "AAAAAA==, AAAAAQ==", {}),
        ("crc32", "AAAAAA==-99999", {}),
        ("xxhash7", "not one", {"XXHASH7": "not one"}),
    ],
)
def test_what_can_be_no_checksum_of_its_algorithm_is_none(header: str, said: str, stated: dict[str, str]) -> None:
    assert statement_of({f"x-amz-checksum-{header}": said}, Origin.GET).checksums == stated
