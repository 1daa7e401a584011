"""Histories of keys where a run copies every version: which are listed, and which copies earlier records name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Q

from integrity.models import IntegrityRecord
from migrator.engine.chain_leg import DestVersion, Link
from migrator.engine.messages import ListedObject
from migrator.engine.versions import history_of, versions_in
from migrator.jobs.sides import places_of

if TYPE_CHECKING:
    from migrator.engine.planning import Item
    from migrator.engine.stores import Store
    from migrator.models import Run

KEYS_A_QUERY = 500


class Wanted(NamedTuple):
    """A version that is to be tried again, as its record names it."""

    key: str
    version_id: str
    size: int
    etag: str


def copies_all(run: Run) -> bool:
    """Say whether each version is an item of this run."""
    # A run that was planned before this option existed takes the latest ones.
    return bool(run.options.get("versions") == "all")


def versions_again(
    store: Store, bucket: str, wanted: Iterable[Wanted], *, requester_pays: bool = False
) -> Iterator[ListedObject]:
    """Yield the whole history of each wanted key as it is now; `wanted` is in the order of the keys' bytes.

    A version that is gone comes last, as it was: its record then says `source_gone`, and it is before none.
    """
    for key, group in groupby(wanted, lambda each: each.key):
        history = history_of(store, bucket, key, requester_pays=requester_pays)
        yield from versions_in([history])
        for each in group:
            if history.version(each.version_id) is None:
                yield ListedObject(key, each.size, each.etag, last_modified="", version_id=each.version_id)


def links_of(run: Run, items: Sequence[Item]) -> dict[int, Link]:
    """Return, by index, what records name of a key's copies at the destination."""
    named = [item for item in items if item.version_id]
    found: dict[int, Link] = {}
    for start in range(0, len(named), KEYS_A_QUERY):
        group = named[start : start + KEYS_A_QUERY]
        copies = _copies_of(run, sorted({item.key for item in group}))
        for item in group:
            link = copies[item.dest_key].link(item) if item.dest_key in copies else Link()
            if link != Link():
                found[item.index] = link
    return found


@dataclass(slots=True)
class _Copies:
    """What records name of one key: the copy of each version of the source, the newest record last."""

    of_version: dict[str, DestVersion] = field(default_factory=dict)
    ours: set[str] = field(default_factory=set)

    def link(self, item: Item) -> Link:
        known = self.of_version.get(item.version_id)
        return Link(
            known=known.version_id if known else "",
            before=self.of_version.get(item.previous_version_id),
            ours=frozenset(self.ours),
        )


def _copies_of(run: Run, keys: Sequence[str]) -> dict[str, _Copies]:
    """Return the copies by the key at the destination. A run's own records count even if a connection was edited."""
    own = Q(run__in=[each for each in (run.pk, run.retry_of_id) if each is not None])
    at_these_places = Q(pk__in=places_of(run).records().values("pk"))
    rows = (
        IntegrityRecord.objects.filter(own | at_these_places, object_key__in=keys, task=run.task_id)
        .exclude(dest_version_id="")
        .order_by("created_at")
        .values_list("dest_key", "source_version_id", "dest_version_id", "dest_etag", "verdict")
    )
    found: dict[str, _Copies] = defaultdict(_Copies)
    for dest_key, source_version, dest_version, etag, verdict in rows:
        copies = found[dest_key]
        copies.ours.add(dest_version)
        if verdict != "failed":
            copies.of_version[source_version] = DestVersion(dest_version, etag)
    return dict(found)
