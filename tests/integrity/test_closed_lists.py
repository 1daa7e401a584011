"""The closed lists in the auditors' page are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from integrity.evidence import MISMATCH_CODES, NOT_CARRIED, OF_ALL_VERSIONS, CheckName, ErrorCode, Reason
from integrity.verdicts import DestGrade, SourceGrade
from integrity.wording import MISMATCH_WORDS, REASON_WORDS


@pytest.fixture(scope="module")
def page() -> str:
    return (Path(__file__).parents[2] / "docs" / "evidence.md").read_text(encoding="utf-8")


def rows(page: str, heading: str) -> list[list[str]]:
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in cells[1:]]


def test_the_grades_are_those_of_the_code(page: str) -> None:
    assert {row[0] for row in rows(page, "Grades")} == {*SourceGrade, *DestGrade}


def test_the_checks_are_those_of_the_code_in_their_order(page: str) -> None:
    listed = rows(page, "Checks")

    assert [row[0].strip("`") for row in listed] == list(CheckName)
    assert [re.findall(r"`(\w+)`", row[3])[0] for row in listed] == [MISMATCH_CODES[name] for name in CheckName]


def test_the_reasons_are_those_of_the_code_in_the_same_words(page: str) -> None:
    listed = {row[0].strip("`"): row[1] for row in rows(page, "Reasons for `not_comparable`")}

    assert listed == {reason.value: words for reason, words in REASON_WORDS.items()}
    assert list(listed) == list(Reason)


def test_the_failure_codes_are_those_of_the_code_in_the_same_words(page: str) -> None:
    listed = {row[0].strip("`"): row[1] for row in rows(page, "Failure codes")}

    assert list(listed) == list(ErrorCode)
    assert {code: words for code, words in listed.items() if words} == {
        code.value: words for code, words in MISMATCH_WORDS.items()
    }


def test_what_is_not_carried_is_the_list_of_the_code(page: str) -> None:
    names = [*NOT_CARRIED, *OF_ALL_VERSIONS, "tags", "storage_class"]

    assert [row[0].strip("`") for row in rows(page, "What is not carried")] == names
