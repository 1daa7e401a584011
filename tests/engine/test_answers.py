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
