"""What earlier runs have read of the items that are only compared now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrity.history import earlier_of, last_readings, last_readings_of_versions
from migrator.engine.verifying import Depth
from migrator.jobs.sides import places_of
from migrator.jobs.skipping import KEYS_A_QUERY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from integrity.evidence import Earlier
    from migrator.engine.planning import Item
    from migrator.models import Run


def read_earlier(run: Run, items: Sequence[Item], depth: Depth) -> dict[int, Earlier]:
    """Return, by index, the earlier record whose digests an item's statements can be compared with."""
    if not depth.asks_first:
        return {}
    places, found = places_of(run), dict[int, "Earlier"]()
    for start in range(0, len(items), KEYS_A_QUERY):
        group = items[start : start + KEYS_A_QUERY]
        keys = [item.key for item in group]
        readings = last_readings(places, keys)
        of_versions = last_readings_of_versions(places, keys) if group[0].version_id else {}
        for item in group:
            # A version has readings of its own; what was read of another says nothing about it.
            version = (item.key, item.version_id)
            record = of_versions.get(version) if item.version_id else readings.get(item.key)
            if record is not None and record.key_of_copy == item.dest_key:
                found[item.index] = earlier_of(record)
    return found
