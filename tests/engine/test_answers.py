"""What the headers of an answer state."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from integrity.evidence import Origin
from migrator.engine.answers import http_date, rfc3339, statement_of


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


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_from_utc")
def test_a_time_without_a_zone_is_one_in_utc_wherever_we_are() -> None:
    assert rfc3339(datetime.fromisoformat("2026-11-29T10:00:00")) == "2026-11-29T10:00:00.000000Z"
    assert http_date("Sun, 29 Nov 2026 10:00:00 -0000") == "2026-11-29T10:00:00.000000Z"
