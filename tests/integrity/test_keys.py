from __future__ import annotations

import pytest

from integrity.keys import as_text, from_record, in_base64, may_describe


@pytest.mark.parametrize("key", ["", "photos/a.jpg", "b\\xff", "\u00e9 \U0001f600", "line\nbreak\x01"])
def test_a_key_that_can_be_stored_stands_for_itself(key: str) -> None:
    assert (as_text(key), in_base64(key)) == (key, "")
    assert from_record(key, None) == key


@pytest.mark.parametrize(
    ("key", "text", "base64"),
    [
        ("b\udcff", "b\\xff", "Yv8="),
        ("b\x00\u00e9", "b\\x00\u00e9", "YgDDqQ=="),
        ("\x00\udc80", "\\x00\\x80", "AIA="),
    ],
)
def test_a_key_that_cannot_be_stored_is_told_by_its_bytes(key: str, text: str, base64: str) -> None:
    assert (as_text(key), in_base64(key)) == (text, base64)
    assert may_describe(text)
    assert from_record(text, base64) == key


@pytest.mark.parametrize("key", ["k" * 2048, "\u20ac" * 682])
def test_a_key_of_up_to_two_kib_stands_for_itself(key: str) -> None:
    assert (as_text(key), in_base64(key)) == (key, "")


@pytest.mark.parametrize("key", ["k" * 2049, "\u20ac" * 683, "\udcff" * 1024, "k" * 100_000])
def test_a_key_that_no_index_takes_is_cut_and_told_by_its_bytes(key: str) -> None:
    text = as_text(key)

    assert len(text.encode()) <= 2048 + 3
    assert text.endswith("\u2026")
    assert may_describe(text)
    assert from_record(text, in_base64(key)) == key
