"""The chain over a run's records: an edited, missing, added or moved row shows.

Inside a batch, in plan order, each link is SHA-256(previous link || record digest), from a start that names run
and batch; the run chains the batches' last links in order to its root. No worker waits for another.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Mapping

_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME


def canonical(fields: Mapping[str, Any]) -> bytes:
    """Return `fields` as canonical JSON: sorted ASCII names, no spaces, UTF-8, integers only, times in UTC with `Z`."""
    try:
        return orjson.dumps(fields, default=_as_text, option=_SORTED)
    except TypeError:
        # A key that is no UTF-8: it is kept as it is, which only the slower writer does.
        return _written_slowly(fields)


def _written_slowly(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(
        fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_as_text, allow_nan=False
    ).encode("utf-8", "surrogatepass")


def record_digest(fields: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's canonical form, in hex."""
    return hashlib.sha256(canonical(fields)).hexdigest()


def batch_start(run_id: uuid.UUID, batch_number: int) -> str:
    """Return the link before the first record of a batch."""
    return hashlib.sha256(b"truecopy batch\n" + run_id.bytes + batch_number.to_bytes(8, "big")).hexdigest()


def batch_link(run_id: uuid.UUID, batch_number: int, record_digests: Iterable[str]) -> str:
    """Return the last link of a batch over its records' digests in plan order."""
    return _chain(batch_start(run_id, batch_number), record_digests)


def ledger_root(run_id: uuid.UUID, batch_links: Iterable[str]) -> str:
    """Return the root of a run over its batches' last links in order."""
    start = hashlib.sha256(b"truecopy run\n" + run_id.bytes).hexdigest()
    return _chain(start, batch_links)


def _chain(link: str, digests: Iterable[str]) -> str:
    for digest in digests:
        link = hashlib.sha256(bytes.fromhex(link) + bytes.fromhex(digest)).hexdigest()
    return link


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"
    return str(value)
