"""Values: equal and hashable by their fields, without room for others; that they are frozen is mypy's to hold."""

from __future__ import annotations

import pytest

from integrity.values import named_value, plain_value


@plain_value
class Place:
    row: int
    column: int = 0


@named_value
class Name:
    first: str
    last: str = ""


def test_values_are_what_their_fields_are() -> None:
    assert Place(1) == Place(1, 0)
    assert Place(1) != Place(2)
    assert len({Place(1), Place(1, 0), Place(1, 1)}) == 2
    assert Name(first="a") == Name(first="a", last="")


def test_a_named_value_takes_no_field_by_its_place() -> None:
    with pytest.raises(TypeError):
        Name("a")  # type: ignore[misc]


def test_a_value_has_no_room_for_other_fields() -> None:
    with pytest.raises(AttributeError):
        Place(1).depth = 2  # type: ignore[attr-defined]
