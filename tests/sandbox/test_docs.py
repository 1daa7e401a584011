"""The page about the sandbox names all there is to set."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from migrator.sandbox import Traits
from migrator.sandbox.config import KNOWN
from migrator.sandbox.faults import ACTIONS
from migrator.sandbox.traits import CHOICES

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| `")]
NAMED = {name for line in ROWS for name in re.findall(r"`([a-z0-9_]+)`", line.split("|")[1])}


def test_every_trait_has_its_row() -> None:
    assert {field.name for field in fields(Traits)} - NAMED == set()


def test_every_action_has_its_row() -> None:
    assert NAMED >= ACTIONS


def test_every_field_of_a_configuration_has_its_row() -> None:
    assert NAMED >= KNOWN


@pytest.mark.parametrize("trait", sorted(CHOICES))
def test_every_value_of_a_trait_is_named(trait: str) -> None:
    row = next(line for line in ROWS if f"`{trait}`" in line.split("|")[1])

    assert [value for value in CHOICES[trait] if f"`{value}`" not in row] == []
