from __future__ import annotations

from typing import cast

import pytest

from migrator.engine.confirming import listed_range
from migrator.engine.messages import ListedObject, ListPage
from migrator.engine.pacing import Patience
from migrator.engine.stores import Store
from migrator.engine.workplace import Side


class Bucket:
    """A store that lists these keys, and remembers how many were asked for on each page."""

    patience = Patience(tries=1, first_seconds=0, longest_seconds=0)

    def __init__(self, keys: list[str]) -> None:
        self._keys = sorted(keys)
        self.pages: list[int] = []

    def list_page(
        self, bucket: str, prefix: str, *, token: str, start_after: str, most_keys: int, **_: object
    ) -> ListPage:
        self.pages.append(most_keys)
        mine = [key for key in self._keys if key.startswith(prefix) and key > (token or start_after)]
        page = mine[:most_keys]
        entries = tuple(ListedObject(key, 1, '"e"', "2026-11-28T12:00:00Z") for key in page)
        is_cut = len(mine) > most_keys
        return ListPage(bucket, entries, is_cut, page[-1] if is_cut else "", len(page))


def keys_of(count: int, every: int = 1) -> list[str]:
    return [f"photos/{number * every:06}" for number in range(count)]


@pytest.mark.parametrize(
    ("asked", "there", "between", "pages"),
    [
        pytest.param(keys_of(250), keys_of(5000), 0, [281], id="nothing between"),
        pytest.param(keys_of(250, 3), keys_of(5000), 498, [779], id="others of the plan between"),
        pytest.param(keys_of(250, 9), keys_of(5000), 1992, [1000, 1000, 1000], id="more than a page holds"),
        pytest.param(keys_of(250, 2), keys_of(5000), 0, [281, 281], id="as many of others"),
        pytest.param(keys_of(5, 100), keys_of(5000), 0, [21, 250, 250], id="few far apart"),
    ],
)
def test_a_page_is_as_large_as_what_is_thought_to_stand_in_the_range(
    asked: list[str], there: list[str], between: int, pages: list[int]
) -> None:
    bucket = Bucket(there)

    listed = listed_range(Side(cast("Store", bucket), "archive"), asked, between=between)

    assert set(listed.found) == set(asked)
    assert bucket.pages == pages
