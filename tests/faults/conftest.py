"""Two stores for each scenario, with the faults and traits it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.two_stores import TwoStores

Make = Callable[..., TwoStores]


@pytest.fixture
def two_stores(tmp_path: Path) -> Iterator[Make]:
    """Make a started pair: `two_stores({fault}, ..., source_traits={}, dest_traits={})`."""
    with ExitStack() as stack:

        def make(*faults: Mapping[str, object], **traits: Mapping[str, object]) -> TwoStores:
            return stack.enter_context(TwoStores(tmp_path, faults=faults, **traits))  # type: ignore[arg-type]

        yield make


@pytest.fixture
def streamed_stores(two_stores: Make) -> Make:
    """The same for a copier without a crowd: also small objects are read as large ones are."""

    def make(*faults: Mapping[str, object], **traits: Mapping[str, object]) -> TwoStores:
        pair = two_stores(*faults, **traits)
        assert pair.crowd is not None
        pair.crowd.close()
        pair.crowd = None
        return pair

    return make
