from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from migrator.web import tags


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (40802189312, "38.0 GiB"),
        (2**50, "1.0 PiB"),
    ],
)
def test_bytes_are_in_binary_units(number: int, words: str) -> None:
    assert tags.size_text(number) == words


def test_the_exact_number_is_the_title() -> None:
    assert 'title="40,802,189,312 bytes"' in tags.size(40802189312)


def test_a_size_that_is_not_known_is_said_so() -> None:
    assert tags.size(None) == "not available"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.012, "12 ms"),
        (42, "42 s"),
        (61, "1 min 1 s"),
        (4320, "1 h 12 min"),
        (90000, "1 d 1 h"),
        (None, "not available"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float | None, words: str) -> None:
    assert tags.duration(seconds) == words


@pytest.mark.parametrize(
    ("part", "total", "words"),
    [
        (1, 3, "33.3 %"),
        (9999, 10000, "99.9 %"),
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (1, 100000, "under 0.1 %"),
        (0, 0, "0 %"),
    ],
)
def test_shares_are_rounded_down(part: int, total: int, words: str) -> None:
    assert tags.share(part, total) == words


@pytest.mark.parametrize(
    "key", ["<script>alert(1)</script>", "<script>\u202e", "\u202e<script>", "x" * 99 + "<script>"]
)
def test_markup_in_a_key_is_text(key: str) -> None:
    shown = tags.key(key)

    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown


def test_a_sign_that_turns_the_text_around_is_made_visible() -> None:
    shown = tags.key("invoice\u202egnp.exe")

    assert "\u202e" not in shown
    assert "U+202E" in shown
    assert shown.startswith("<bdi")


@pytest.mark.parametrize("blank", ["trailing ", " leading", "line\nbreak", "null\x00", "no\u00a0break", "bad\udcff"])
def test_what_hides_in_a_key_is_made_visible(blank: str) -> None:
    shown = tags.whole_key(blank)

    assert "U+" in shown
    shown.encode("utf-8")


def test_a_blank_inside_a_key_stays_a_blank() -> None:
    assert "Q4 summary" in tags.key("Q4 summary")


def test_a_long_key_is_shortened_in_the_middle_and_whole_in_its_title() -> None:
    name = "2019/" + "x" * 1000 + "/end.jpg"
    shown = tags.key(name)

    assert f'title="{name}"' in shown
    assert "end.jpg</bdi>" in shown
    assert len(shown) < 1200


def test_a_time_carries_its_zone() -> None:
    shown = tags.moment(datetime(2026, 1, 31, 12, 3, tzinfo=UTC))

    assert shown == '<time datetime="2026-01-31T12:03:00Z">31 Jan 2026, 12:03:00 UTC</time>'


def test_a_time_ago_has_the_full_time_as_title() -> None:
    assert "4 min ago" in tags.ago(timezone.now() - timedelta(minutes=4))


@pytest.mark.parametrize("value", ["", "yesterday", None])
def test_a_time_that_cannot_be_read_is_not_invented(value: str | None) -> None:
    assert tags.moment(value) == "not available"
