"""The versions of a bucket as one sorted stream, whatever the pages, and never from a page that makes no sense."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.engine import versions
from migrator.engine.errors import AnswerUnreadable, ListingInvalid, TooManyVersions
from migrator.engine.listing import key_bytes
from migrator.engine.messages import ListedMarker, ListedObject, VersionPage
from migrator.engine.pacing import Patience
from migrator.engine.pages import version_page_of
from migrator.engine.planning import PlanOptions, PlanSummary, plan
from migrator.engine.stores import Store
from migrator.engine.versions import (
    KeyHistory,
    current_in,
    history_of,
    list_versions,
    list_versions_around,
    versions_in,
)

AT = "2026-01-01T00:00:00.000000Z"
BUCKET = "photos"


@dataclass(frozen=True)
class Entry:
    """One line of a bucket: a version or a delete marker, with its rank within the key."""

    key: str
    rank: int
    is_marker: bool = False

    @property
    def id(self) -> str:
        return f"{self.key}-{self.rank}"

    def listed(self) -> ListedObject:
        return ListedObject(self.key, self.rank, f'"{self.id}"', AT, version_id=self.id)

    def marker(self, *, is_latest: bool) -> ListedMarker:
        return ListedMarker(self.key, self.id, is_latest, AT)


class Pages:
    """A store that lists these entries, so many on a page, as ListObjectVersions does: newest first in a key."""

    patience = Patience(tries=2, first_seconds=0, longest_seconds=0)

    def __init__(self, entries: Iterable[Entry], on_a_page: int) -> None:
        self._entries = sorted(entries, key=lambda each: (key_bytes(each.key), -each.rank))
        self._on_a_page = on_a_page
        self.asked = 0

    def list_version_page(
        self, bucket: str, prefix: str, *, key_marker: str, version_marker: str, **_: object
    ) -> VersionPage:
        self.asked += 1
        mine = [each for each in self._entries if each.key.startswith(prefix)]
        if key_marker:
            start = [place for place, each in enumerate(mine) if (each.key, each.id) == (key_marker, version_marker)]
            after = start[0] + 1 if start else sum(key_bytes(each.key) <= key_bytes(key_marker) for each in mine)
            mine = mine[after:]
        page, rest = mine[: self._on_a_page], mine[self._on_a_page :]
        tops = {each.key: each.id for each in reversed(self._entries)}
        return VersionPage(
            name=bucket,
            versions=tuple(each.listed() for each in page if not each.is_marker),
            markers=tuple(each.marker(is_latest=tops[each.key] == each.id) for each in page if each.is_marker),
            truncated=bool(rest),
            next_key=page[-1].key if rest else "",
            next_version=page[-1].id if rest else "",
        )


def store_of(entries: Iterable[Entry], on_a_page: int = 1000) -> Store:
    return cast("Store", Pages(entries, on_a_page))


keys = st.text(st.sampled_from("ab/é\U0001f600"), min_size=1, max_size=3)
buckets = st.dictionaries(keys, st.lists(st.booleans(), min_size=1, max_size=7), max_size=6)


def entries_of(bucket: dict[str, list[bool]]) -> list[Entry]:
    return [Entry(key, rank, marker) for key, kinds in bucket.items() for rank, marker in enumerate(kinds)]


@pytest.mark.hypothesis
@given(buckets, st.integers(1, 9))
def test_each_version_comes_once_by_key_and_from_the_oldest(bucket: dict[str, list[bool]], on_a_page: int) -> None:
    entries = entries_of(bucket)

    found = list(list_versions(store_of(entries, on_a_page), BUCKET))

    assert [each.key for each in found] == sorted(bucket, key=key_bytes)
    for history in found:
        mine = [each for each in entries if each.key == history.key]
        assert [each.version_id for each in history.versions] == [each.id for each in mine if not each.is_marker]
        assert history.is_deleted == bucket[history.key][-1]
        assert len(history.markers) == sum(bucket[history.key])


def known(listing: Iterable[ListedObject | None]) -> Iterator[ListedObject]:
    return (each for each in listing if each is not None)


@pytest.mark.hypothesis
@given(buckets, st.integers(1, 9), st.integers(1, 4))
def test_a_plan_keeps_the_order_and_never_parts_the_versions_of_a_key(
    bucket: dict[str, list[bool]], on_a_page: int, in_a_batch: int
) -> None:
    entries, summary = entries_of(bucket), PlanSummary()
    listing = known(versions_in(list_versions(store_of(entries, on_a_page), BUCKET)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("migrator.engine.planning.MOST_ITEMS_PER_BATCH", in_a_batch)
        batches = list(plan(listing, [], summary=summary))

    items = [item for batch in batches for item in batch.items]
    wanted = [each for each in sorted(entries, key=lambda each: (key_bytes(each.key), each.rank)) if not each.is_marker]
    assert [item.version_id for item in items] == [each.id for each in wanted]
    assert [item.index for item in items] == list(range(len(items)))
    of_batch = {item.key: set[int]() for item in items}
    for batch in batches:
        for item in batch.items:
            of_batch[item.key].add(batch.number)
    assert all(len(numbers) == 1 for numbers in of_batch.values())
    before = dict[str, str]()
    for item in items:
        assert item.previous_version_id == before.get(item.key, "")
        before[item.key] = item.version_id
    deleted = [key for key, kinds in bucket.items() if kinds[-1] and not all(kinds)]
    assert (summary.keys, summary.delete_markers) == (len(of_batch), len(deleted))


def test_what_a_key_holds_now_is_its_newest_version_unless_it_is_deleted() -> None:
    entries = [Entry("a", 0), Entry("a", 1), Entry("b", 0), Entry("b", 1, True), Entry("c", 0, True), Entry("c", 1)]

    now = current_in(list_versions(store_of(entries), BUCKET))

    assert [each and each.version_id for each in now] == ["a-1", None, "c-1"]


def test_a_key_with_nothing_but_delete_markers_is_named_all_the_same() -> None:
    entries = [Entry("a", 0, True), Entry("b", 0), Entry("c", 0, True), Entry("c", 1, True)]
    found = versions_in(list_versions(store_of(entries), BUCKET))

    assert [each and each.version_id for each in found] == [None, "b-0", None]


def test_of_one_key_only_that_keys_history_is_asked() -> None:
    pages = Pages([Entry("a", 0), Entry("a", 1), *(Entry(f"a{n}", 0) for n in range(50))], 2)

    found = history_of(cast("Store", pages), BUCKET, "a")

    assert [each.version_id for each in found.versions] == ["a-0", "a-1"]
    assert pages.asked == 2
    assert history_of(cast("Store", pages), BUCKET, "0") == KeyHistory("0")


@pytest.mark.parametrize("markers", [0, 2, 4])
def test_a_key_with_too_many_versions_or_markers_is_named(monkeypatch: pytest.MonkeyPatch, markers: int) -> None:
    monkeypatch.setattr(versions, "MOST_VERSIONS_OF_A_KEY", 3)
    entries = [Entry("many", rank, is_marker=rank < markers) for rank in range(4)]

    with pytest.raises(TooManyVersions) as refused:
        list(list_versions(store_of(entries), BUCKET))

    assert refused.value.refuse_cause == "too_many_versions"
    assert 'The key "many" has more than 3 versions and delete markers' in refused.value.advice


def page(*entries: Entry, **changed: object) -> VersionPage:
    said = VersionPage(
        BUCKET, tuple(each.listed() for each in entries), (), truncated=False, next_key="", next_version=""
    )
    return replace(said, **changed)  # type: ignore[arg-type]


def listed(*pages: VersionPage, prefix: str = "") -> list[KeyHistory]:
    """List from a store that answers just these pages, the last one again and again."""
    left = list(pages)
    answer = lambda *_, **__: left.pop(0) if len(left) > 1 else left[0]  # noqa: E731
    unheard = lambda *_: None  # noqa: E731
    store = SimpleNamespace(patience=Pages.patience, list_version_page=answer, repeats=unheard)
    return list(list_versions(cast("Store", store), BUCKET, prefix))


A1, A2, B1 = Entry("a", 1), Entry("a", 2), Entry("b", 1)
# What a page is said to do wrong, in the words that a person reads.
ANOTHER = "a page names another bucket, or none"
LAST = "a page does not say whether it is the last"
ON = "a page says that it is not the last and does not say how to go on, or the other way round"
BACK = "a page leads back to one already seen"
INTO_ITSELF = "a page leads back into itself"
SIZE = "an object has a size that none can have"
UNSORTED = "the keys are not sorted"
NO_ID = "a version has no id"
LONG_ID = "a version has an id that none can have"
TWICE = "a version is there twice"


@pytest.mark.parametrize(
    ("pages", "fault"),
    [
        ([page(A1, name="another")], ANOTHER),
        ([page(A1, name=None)], ANOTHER),
        ([page(A1, truncated=None)], LAST),
        ([page(A1, truncated=True)], ON),
        ([page(A1, next_key="a")], ON),
        ([page(B1, A1)], UNSORTED),
        ([page(A1, A1)], TWICE),
        ([page(Entry("a", -1))], SIZE),
        ([page(Entry("a", 2**50 + 1))], SIZE),
        ([page(A1, versions=(replace(A1.listed(), version_id=""),))], NO_ID),
        ([page(A1, versions=(replace(A1.listed(), version_id="v" * 1025),))], LONG_ID),
        ([page(A1, markers=(B1.marker(is_latest=True), A2.marker(is_latest=True)))], UNSORTED),
        ([page(A1, markers=(A1.marker(is_latest=True),))], TWICE),
        ([page(B1, truncated=True, next_key="a", next_version="a-1")], INTO_ITSELF),
        (
            [
                page(A2, truncated=True, next_key="a", next_version="a-2"),
                page(A1, truncated=True, next_key="a", next_version="a-2"),
            ],
            BACK,
        ),
        ([page(A2, truncated=True, next_key="a", next_version="a-2"), page(A2)], TWICE),
        ([page(B1, truncated=True, next_key="b", next_version="b-1"), page(A1)], UNSORTED),
    ],
)
def test_a_page_that_makes_no_sense_is_listing_invalid(pages: Sequence[VersionPage], fault: str) -> None:
    with pytest.raises(ListingInvalid) as refused:
        listed(*pages)

    assert str(refused.value) == fault


def test_the_largest_size_that_a_database_holds_is_one() -> None:
    assert [each.key for each in listed(page(Entry("a", 2**50)))] == ["a"]


def test_a_key_outside_the_prefix_is_listing_invalid() -> None:
    with pytest.raises(ListingInvalid) as refused:
        listed(page(A1, B1), prefix="a")

    assert str(refused.value) == "a key lies outside the prefix"


def test_one_bad_page_is_asked_for_again() -> None:
    assert [each.key for each in listed(page(B1, A1), page(A1, B1))] == ["a", "b"]


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(page(A2, A1), id="the newest of the key again"),
        pytest.param(page(B1, truncated=True, next_key="a", next_version="a-1"), id="back within the page"),
        pytest.param(page(B1, A1), id="not sorted"),
        pytest.param(page(Entry("0", 1)), id="before the range"),
        pytest.param(page(B1, name="another"), id="another bucket"),
    ],
)
def test_what_is_listed_around_a_range_is_held_to_the_same_rules(second: VersionPage) -> None:
    # The first page, one that cannot be read as often as it is asked for, and what the first look shows.
    first = page(A2, truncated=True, next_key="a", next_version="a-2")
    left: list[VersionPage | None] = [first, None, None]

    def answer(*_: object, **__: object) -> VersionPage:
        said = left.pop(0) if left else second
        if said is None:
            raise AnswerUnreadable
        return said

    store = SimpleNamespace(patience=Pages.patience, list_version_page=answer, repeats=lambda *_: None)

    with pytest.raises(ListingInvalid):
        list(list_versions_around(cast("Store", store), BUCKET, "", []))


def test_keys_come_decoded() -> None:
    body = (
        b"<ListVersionsResult><Name>photos</Name><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        b"<NextKeyMarker>a%20%2B%C3%A9</NextKeyMarker><NextVersionIdMarker>v%20</NextVersionIdMarker>"
        b"<Version><Key>a+%2B%C3%A9</Key><VersionId>v%20</VersionId><Size>5</Size><ETag>&quot;e&quot;</ETag>"
        b"<LastModified>2026-01-01T00:00:00.000Z</LastModified></Version>"
        b"<DeleteMarker><Key>b%00</Key><VersionId>null</VersionId><IsLatest>true</IsLatest></DeleteMarker>"
        b"</ListVersionsResult>"
    )

    said = version_page_of(body)

    # Ids are not part of what encoding-type is about.
    assert (said.versions[0].key, said.versions[0].version_id) == ("a +é", "v%20")
    assert (said.next_key, said.next_version) == ("a +é", "v%20")
    assert said.markers == (ListedMarker("b\x00", "null", True, ""),)


def test_a_filter_leaves_the_history_of_what_it_lets_through() -> None:
    listing = known(versions_in([KeyHistory("a", tuple(Entry("a", rank).listed() for rank in range(4)))]))

    (batch,) = plan(listing, [], options=PlanOptions(min_size=1, only=frozenset({("a", "a-2"), ("a", "a-3")})))

    assert [(item.version_id, item.previous_version_id) for item in batch.items] == [("a-2", "a-1"), ("a-3", "a-2")]
