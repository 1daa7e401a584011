"""What all attempts have in common."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

from migrator.engine.copying import CopyOptions, Side
from migrator.engine.planning import Item
from migrator.engine.small_copy import SmallCopy
from tests.faults.two_stores import DEST, SOURCE, TwoStores


def test_an_attempt_is_let_go_without_the_collector_of_cycles(tmp_path: Path) -> None:
    item = Item(index=0, key="a", dest_key="a", size=1, etag='"x"', last_modified="")
    with TwoStores(tmp_path) as pair:
        work = pair.work(Side(pair.source_store, SOURCE), Side(pair.dest_store, DEST), CopyOptions())
        gc.disable()
        try:
            attempt = SmallCopy(work, item)
            seen = weakref.ref(attempt)
            del attempt
            assert seen() is None
        finally:
            gc.enable()
