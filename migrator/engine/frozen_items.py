"""The items of a batch as they are kept: one compressed column, with the number of its format."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import cast

from migrator.engine.errors import PlanUnreadable
from migrator.engine.planning import Item

FORMAT = 3
# Plans of before there were items of every version, and of before the time of what is there was kept: their rows end
# earlier.
_FORMATS = frozenset({1, 2, FORMAT})


def encode_items(items: Iterable[Item]) -> bytes:
    """Return the items compressed, with the number of their format."""
    rows = [
        [
            item.index,
            item.key,
            item.dest_key,
            item.size,
            item.etag,
            item.last_modified,
            item.version_id,
            item.existing_etag,
            item.existing_size,
            item.storage_class,
            item.previous_version_id,
            item.existing_version_id,
            item.existing_last_modified,
        ]
        for item in items
    ]
    return zlib.compress(json.dumps({"format": FORMAT, "items": rows}, separators=(",", ":")).encode(), 6)


def decode_items(blob: bytes) -> tuple[Item, ...]:
    """Return the items of `encode_items`; raise `PlanUnreadable` for another format or damaged bytes."""
    try:
        document = cast("dict[str, object]", json.loads(zlib.decompress(blob)))
        if document["format"] not in _FORMATS:
            raise PlanUnreadable(f"format {document['format']}")
        return tuple(_item(row) for row in cast("list[list[object]]", document["items"]))
    except (zlib.error, ValueError, KeyError, TypeError) as exc:
        raise PlanUnreadable(str(exc)) from exc


def _item(row: list[object]) -> Item:
    (
        index,
        key,
        dest_key,
        size,
        etag,
        last_modified,
        version_id,
        existing_etag,
        existing_size,
        storage_class,
        *more,
    ) = row
    previous_version_id, existing_version_id, *latest = more or ("", "")
    (existing_last_modified,) = latest or ("",)
    return Item(
        index=_number(index),
        key=str(key),
        dest_key=str(dest_key),
        size=_number(size),
        etag=str(etag),
        last_modified=str(last_modified),
        version_id=str(version_id),
        existing_etag=str(existing_etag),
        existing_size=None if existing_size is None else _number(existing_size),
        storage_class=str(storage_class),
        previous_version_id=str(previous_version_id),
        existing_version_id=str(existing_version_id),
        existing_last_modified=str(existing_last_modified),
    )


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    return value
