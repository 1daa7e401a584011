"""What need not be copied again: an earlier verified record names the very identities both listings show now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrity.etags import normalise
from integrity.evidence import Finding, Origin, Statement
from migrator.jobs.sides import places_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrator.engine.planning import Item
    from migrator.models import Run

KEYS_A_QUERY = 500


def proven_earlier(run: Run, items: Sequence[Item]) -> Iterator[Finding]:
    """Yield a skipped finding for each item that an earlier record of the same two places still covers."""
    if run.kind == run.Kind.VERIFY or run.options["if_exists"] != "skip_if_verified_identical":
        return
    candidates = [item for item in items if item.existing_size == item.size and item.etag and item.existing_etag]
    for start in range(0, len(candidates), KEYS_A_QUERY):
        group = candidates[start : start + KEYS_A_QUERY]
        proven = _proven(run, [item.key for item in group])
        for item in group:
            if (item.key, item.dest_key, item.size, normalise(item.etag), normalise(item.existing_etag)) in proven:
                yield _skipped(item)


def _proven(run: Run, keys: list[str]) -> set[tuple[str, str, int | None, str, str]]:
    earlier = places_of(run).records().filter(verdict="verified", object_key__in=keys)
    return set(earlier.values_list("object_key", "dest_key", "source_size", "source_etag", "dest_etag"))


def _skipped(item: Item) -> Finding:
    return Finding(
        index=item.index,
        key=item.key,
        dest_key=item.dest_key,
        planned_size=item.size,
        planned_etag=item.etag,
        planned_version_id=item.version_id,
        planned_last_modified=item.last_modified,
        source=Statement(origin=Origin.LISTING, size=item.size, etag=item.etag, last_modified=item.last_modified),
        dest=Statement(origin=Origin.LISTING, size=item.existing_size, etag=item.existing_etag),
        skipped=True,
    )
