"""Each rule that a page of a listing must keep, on a page by itself and over pages: one that breaks it is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import pytest

from migrator.engine.errors import AnswerUnreadable, EngineError, ListingInvalid
from migrator.engine.gaps import Gap
from migrator.engine.listing import list_around, list_objects
from migrator.engine.messages import ListedObject, ListPage
from migrator.engine.pacing import Patience
from migrator.engine.stores import Store

BUCKET = "photos"
# What a page is said to do wrong, in the words that a person reads.
ANOTHER = "a page names another bucket, or none"
LAST = "a page does not say whether it is the last"
ON = "a page says that it is not the last and does not say how to go on, or the other way round"
BACK = "a page leads back to one already seen"
FOLDED = "a page names a prefix in place of the keys behind it"
COUNT = "a page counts other objects than it holds"
SIZE = "an object has a size that none can have"
UNSORTED = "the keys are not sorted"
TWICE = "a key is there twice"
OUTSIDE = "a key lies outside the prefix"
PATIENCE = Patience(tries=2, first_seconds=0, longest_seconds=0)


def page(*keys: str, **changed: object) -> ListPage:
    entries = tuple(ListedObject(key, 1, "etag", "2026-01-01T00:00:00.000000Z") for key in keys)
    said = ListPage(BUCKET, entries, truncated=False, next_token="", key_count=len(keys))
    return replace(said, **changed)  # type: ignore[arg-type]


def cut(*keys: str, token: str = "more", **changed: object) -> ListPage:
    """A page that is not the last."""
    return page(*keys, truncated=True, next_token=token, **changed)


def sized(size: int) -> ListPage:
    (entry,) = page("a").entries
    return page("a", entries=(replace(entry, size=size),))


class Answers:
    """A store that gives just these pages, the last one again and again, and remembers what it was asked."""

    patience = PATIENCE

    def __init__(self, *pages: ListPage | None) -> None:
        self._left = list(pages)
        self.asked: list[dict[str, object]] = []

    def repeats(self, operation: str, problem: EngineError) -> None:
        """Nobody listens."""

    def list_page(self, bucket: str, prefix: str, **asked: object) -> ListPage:
        self.asked.append(asked)
        said = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        if said is None:
            raise AnswerUnreadable
        return said


def listed(*pages: ListPage, prefix: str = "", **options: str) -> list[str]:
    store = cast("Store", Answers(*pages))
    return [entry.key for entry in list_objects(store, BUCKET, prefix, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pages", "fault"),
    [
        ([page("a", name="another")], ANOTHER),
        ([page("a", name=None)], ANOTHER),
        ([page("a", truncated=None)], LAST),
        ([page("a", truncated=None, next_token="more")], LAST),
        ([page("a", truncated=True)], ON),
        ([page("a", next_token="more")], ON),
        ([page("a", key_count=0)], COUNT),
        ([page("a", key_count=2)], COUNT),
        ([page("a", common_prefixes=1)], FOLDED),
        ([page("a", key_count=2, common_prefixes=1)], FOLDED),
        ([sized(-1)], SIZE),
        ([sized(2**50 + 1)], SIZE),
        ([page("b", "a")], UNSORTED),
        ([page("a", "c", "b", "d")], UNSORTED),
        ([page("a", "a")], TWICE),
        ([page("a", "b", "b", "c")], TWICE),
        # Over pages.
        ([cut("a", token="1"), cut("b", token="1")], BACK),
        (
            [cut("a", token="1"), cut("b", token="2"), cut("c", token="1"), cut("c", token="1"), page("d")],
            BACK,
        ),
        ([cut("a"), page("a")], TWICE),
        ([cut("a", "b"), page("b", "c")], TWICE),
        ([cut("b"), page("a")], UNSORTED),
        ([cut("a", "c"), page("b", "d")], UNSORTED),
        ([cut("c", token="1"), cut(token="2"), page("a")], UNSORTED),
        ([cut("c", token="1"), cut(token="2"), page("c")], TWICE),
    ],
)
def test_a_page_that_breaks_a_rule_is_listing_invalid(pages: Sequence[ListPage], fault: str) -> None:
    with pytest.raises(ListingInvalid) as refused:
        listed(*pages)

    assert (str(refused.value), refused.value.facts) == (fault, {"bucket": BUCKET, "fault": fault})


@pytest.mark.parametrize("keys", [["x/1"], ["x/1", "y/1"], ["y/1", "z/1"], ["y/1", "y0", "z/1"], ["y"]])
def test_a_key_outside_the_prefix_is_listing_invalid(keys: Sequence[str]) -> None:
    with pytest.raises(ListingInvalid) as refused:
        listed(page(*keys), prefix="y/")

    assert str(refused.value) == OUTSIDE


def test_a_key_outside_the_prefix_of_a_later_page_is_listing_invalid() -> None:
    with pytest.raises(ListingInvalid) as refused:
        listed(cut("y/1"), page("z"), prefix="y/")

    assert str(refused.value) == OUTSIDE


@pytest.mark.parametrize("key", ["a", "b"])
def test_a_key_that_is_not_behind_where_the_listing_starts_is_listing_invalid(key: str) -> None:
    with pytest.raises(ListingInvalid):
        listed(page(key), start_after="b")


@pytest.mark.parametrize(
    ("pages", "keys"),
    [
        ([page()], []),
        ([page("a", key_count=None)], ["a"]),
        ([sized(0)], ["a"]),
        ([sized(2**50)], ["a"]),
        ([cut("a", token="1"), cut(token="2"), page("b")], ["a", "b"]),
        # By their bytes, not by their signs.
        ([cut("\uffee"), page("\U0001f600")], ["\uffee", "\U0001f600"]),
        ([page("\U0001f600", "\udcff")], ["\U0001f600", "\udcff"]),
    ],
)
def test_a_page_that_keeps_them_is_listed(pages: Sequence[ListPage], keys: list[str]) -> None:
    assert listed(*pages) == keys


def test_a_page_that_breaks_a_rule_is_asked_for_again() -> None:
    assert listed(cut("a"), page("a"), page("b")) == ["a", "b"]


def test_a_page_is_asked_for_as_often_as_patience_lasts() -> None:
    store = Answers(page("b", "a"))

    with pytest.raises(ListingInvalid):
        list(list_objects(cast("Store", store), BUCKET))

    assert len(store.asked) == PATIENCE.tries


def test_each_page_is_asked_for_by_the_token_of_the_one_before() -> None:
    store = Answers(cut("b", token="1"), cut("c", token="2"), page("d"))
    list(list_objects(cast("Store", store), BUCKET, start_after="a", first_keys=5, later_keys=7))

    assert [(each["token"], each["start_after"], each["most_keys"]) for each in store.asked] == [
        ("", "a", 5),
        ("1", "a", 7),
        ("2", "a", 7),
    ]


# What the looks around a page that cannot be read show, one after the other.
UNREADABLE: list[ListPage | None] = [None] * PATIENCE.tries


@pytest.mark.parametrize(
    ("looks", "prefix"),
    [
        pytest.param([page("b", name="another")], "", id="another bucket"),
        pytest.param([page("b", truncated=None)], "", id="not whether it is the last"),
        pytest.param([page("b", truncated=True)], "", id="not how to go on"),
        pytest.param([page("b", key_count=2)], "", id="counts others"),
        pytest.param([page("a")], "", id="twice"),
        pytest.param([page("0")], "", id="not sorted"),
        pytest.param([cut("b"), page("b")], "", id="twice over pages"),
        pytest.param([cut()], "", id="nothing, and no end"),
        pytest.param([page("b")], "a", id="outside the prefix"),
    ],
)
def test_what_is_listed_around_a_range_is_held_to_the_same_rules(looks: list[ListPage], prefix: str) -> None:
    store = cast("Store", Answers(cut("a"), *UNREADABLE, *looks))

    with pytest.raises(ListingInvalid):
        list(list_around(store, BUCKET, prefix, []))


def test_a_page_that_breaks_a_rule_is_not_listed_around() -> None:
    store, gaps = Answers(cut("a"), page("a"), page("a"), page("b")), list[Gap]()

    with pytest.raises(ListingInvalid):
        list(list_around(cast("Store", store), BUCKET, "", gaps))

    assert gaps == []
    assert len(store.asked) == 1 + PATIENCE.tries


def test_a_page_that_can_be_read_after_all_leaves_no_range() -> None:
    store, gaps = Answers(cut("a"), *UNREADABLE, page("b", "a"), page("b")), list[Gap]()

    found = [entry and entry.key for entry in list_around(cast("Store", store), BUCKET, "", gaps)]

    assert found == ["a", "b"]
    assert gaps == []
