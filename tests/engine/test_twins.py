"""Keys that differ only in capitals or in their Unicode form."""

from __future__ import annotations

import random
import unicodedata

import pytest

from migrator.engine import twins
from migrator.engine.twins import Twins


def looked_at(*keys: str) -> Twins:
    found = Twins()
    for key in keys:
        found.look(key)
    return found


@pytest.mark.parametrize(
    ("keys", "count"),
    [
        (("a", "b", "ab"), 0),
        (("Photo", "photo"), 1),
        (("Photo", "photo", "PHOTO"), 2),
        (("caf\u00e9", "cafe\u0301"), 1),
        (("STRASSE", "stra\u00dfe"), 1),
        # Its hash is that of a free place.
        (("", ""), 1),
        # What is no text has no capitals.
        (("\udcff", "\udcfe"), 0),
    ],
)
def test_keys_that_are_alike_are_counted(keys: tuple[str, ...], count: int) -> None:
    found = looked_at(*keys)

    assert (found.count, found.is_complete) == (count, True)


def test_the_count_is_that_of_a_plain_set() -> None:
    drawn = random.Random(7)
    keys = ["".join(drawn.choices("aAbB\u00e9\u00c9", k=drawn.randint(1, 8))) for _ in range(20_000)]

    found = looked_at(*keys)

    assert found.count == len(keys) - len({unicodedata.normalize("NFC", key).casefold() for key in keys})


def test_two_that_belong_at_one_place_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twins, "_PLACES", 8)

    assert looked_at(*"abcdefg").count == 0
    assert looked_at(*"abcdefg", *"GFEDCBA").count == 7


def test_beyond_the_bound_nothing_is_compared_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twins, "MOST_KEYS_COMPARED", 2)

    found = looked_at("a", "A", "b", "B")

    assert (found.count, found.is_complete) == (1, False)
