"""Pages of parts, of an upload or of an object: each goes on where the last one ended, or they are none."""

from __future__ import annotations

import pytest

from migrator.engine.errors import AnswerUnreadable, NotSupported
from migrator.engine.messages import ListedPart, ToldPart
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, SOURCE

# After so many answers a page is changed no more, so that who never stops asking comes to an end all the same.
CALLS = "1-12"
# The numbers of the parts of each page, and behind which part it says that the next one begins.
SENSELESS = [
    pytest.param(([1, 2], 2), id="the same page for ever"),
    pytest.param(([1, 2], 1), id="goes on within itself"),
    pytest.param(([], 0), id="does not say how to go on"),
    pytest.param(([1, 2], 10_001), id="goes on behind the last number"),
    pytest.param(([2, 1], None), id="not sorted"),
    pytest.param(([1, 1], None), id="twice"),
    pytest.param(([0, 1], None), id="before the first number"),
    pytest.param(([9_999, 10_001], None), id="above the last number"),
]


def of_upload(numbers: list[int], marker: int | None, size: str = "<Size>1</Size>") -> str:
    rows = "".join(f"<Part><PartNumber>{number}</PartNumber>{size}<ETag>e</ETag></Part>" for number in numbers)
    return f"<ListPartsResult><UploadId>id</UploadId>{going_on(marker)}{rows}</ListPartsResult>"


def of_object(numbers: list[int], marker: int | None, size: str = "<Size>1</Size>") -> str:
    rows = "".join(f"<Part><PartNumber>{number}</PartNumber>{size}</Part>" for number in numbers)
    parts = f"<ObjectParts>{going_on(marker)}{rows}</ObjectParts>"
    return f"<GetObjectAttributesResponse>{parts}</GetObjectAttributesResponse>"


def going_on(marker: int | None) -> str:
    if marker is None:
        return "<IsTruncated>false</IsTruncated>"
    return f"<IsTruncated>true</IsTruncated><NextPartNumberMarker>{marker}</NextPartNumberMarker>"


def listed(two_stores: Make, *pages: str, calls: str = "") -> tuple[ListedPart, ...]:
    """The parts of an upload, where the destination answers with just these pages."""
    pair = two_stores()
    upload_id = pair.dest_store.create_upload(DEST, "a")
    pair.dest.plan_faults(
        {"operation": "ListParts", "calls": calls or str(call), "action": "xml", "value": page}
        for call, page in enumerate(pages, start=1)
    )
    return pair.dest_store.list_parts(DEST, "a", upload_id)


def told(two_stores: Make, *pages: str, calls: str = "") -> tuple[ToldPart, ...]:
    """The parts of an object, where the source answers with just these pages."""
    pair = two_stores()
    pair.seed("a", b"ab")
    pair.source.plan_faults(
        {"operation": "GetObjectAttributes", "calls": calls or str(call), "action": "xml", "value": page}
        for call, page in enumerate(pages, start=1)
    )
    return pair.source_store.told_parts(SOURCE, "a")


@pytest.mark.parametrize("said", SENSELESS)
def test_parts_of_an_upload_that_make_no_sense_are_no_answer(
    two_stores: Make, said: tuple[list[int], int | None]
) -> None:
    with pytest.raises(AnswerUnreadable):
        listed(two_stores, of_upload(*said), calls=CALLS)


@pytest.mark.parametrize("size", ["<Size>-1</Size>", ""])
def test_a_part_of_an_upload_without_a_size_is_no_answer(two_stores: Make, size: str) -> None:
    with pytest.raises(AnswerUnreadable):
        listed(two_stores, of_upload([1], None, size))


@pytest.mark.parametrize("said", SENSELESS)
def test_attributes_that_make_no_sense_tell_no_parts(two_stores: Make, said: tuple[list[int], int | None]) -> None:
    with pytest.raises(NotSupported):
        told(two_stores, of_object(*said), calls=CALLS)


@pytest.mark.parametrize("size", ["<Size>-1</Size>", ""])
def test_a_told_part_without_a_size_is_none(two_stores: Make, size: str) -> None:
    with pytest.raises(NotSupported):
        told(two_stores, of_object([1], None, size))


def test_parts_are_followed_over_pages(two_stores: Make) -> None:
    found = listed(two_stores, of_upload([1, 2], 2), of_upload([], 3), of_upload([4, 10_000], None))

    assert [part.number for part in found] == [1, 2, 4, 10_000]


def test_told_parts_are_followed_over_pages(two_stores: Make) -> None:
    assert len(told(two_stores, of_object([1, 2], 2), of_object([3], None))) == 3


@pytest.mark.parametrize("again", [[2, 3], [1, 2]])
def test_a_part_of_an_earlier_page_is_no_answer(two_stores: Make, again: list[int]) -> None:
    with pytest.raises(AnswerUnreadable):
        listed(two_stores, of_upload([1, 2], 2), of_upload(again, None))


@pytest.mark.parametrize("again", [[2, 3], [1, 2]])
def test_a_told_part_of_an_earlier_page_is_none(two_stores: Make, again: list[int]) -> None:
    with pytest.raises(NotSupported):
        told(two_stores, of_object([1, 2], 2), of_object(again, None))
