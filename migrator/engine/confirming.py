"""What a side holds of a whole batch of small objects, found out by listing their range.

A listing never decides against an object: what it does not show as we wrote it is asked for by a HEAD. And it shows
a key as free only where it went by that key's place: one that breaks off says nothing of what comes after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from integrity.evidence import Origin, Statement
from migrator.engine.answers import now
from migrator.engine.errors import ConnectionProblem, EngineError
from migrator.engine.listing import LARGEST_PAGE, key_bytes, list_objects
from migrator.engine.stores import ListedObject
from migrator.engine.versions import KeyHistory, list_versions
from migrator.engine.workplace import Side

# Foreign keys between ours may fill so many pages more; then HEADs are cheaper.
SPARE_KEYS = 2000
# Of the keys asked for, one in so many may be another's without another page: some stores pay for each key of a page.
_ONE_IN = 8
_LEAST_OTHERS = 16
# What a page holds that was not thought to be needed.
_LATER_PAGE = 250


@dataclass(frozen=True, slots=True)
class Listed:
    """What a side lists of a range of keys: what was found of those asked about, and the key the listing came to."""

    found: Mapping[str, Statement]
    reached: bytes

    def shows_free(self, key: str) -> bool:
        """Say whether the listing went by the place of this key and did not show it. Silence alone shows nothing."""
        return key not in self.found and key_bytes(key) <= self.reached


def listed_range(side: Side, keys: Sequence[str], *, between: int = 0) -> Listed:
    """Return what a side lists of these keys. What is neither found nor shown as free must be asked for.

    `between` is how many other keys are thought to stand between these: so large is the first page. Raises only
    `ConnectionProblem`: a listing that makes no sense is no listing.
    """
    wanted, ordered = set(keys), sorted(keys, key=key_bytes)
    last, most = key_bytes(ordered[-1]), len(ordered) + SPARE_KEYS
    found: dict[str, Statement] = {}
    reached = b""
    # The listing as a whole is a statement of this moment or a later one.
    at = now()
    try:
        for count, entry in enumerate(_range(side, ordered, between), start=1):
            reached = key_bytes(entry.key)
            if entry.key in wanted:
                found[entry.key] = _statement(entry, at)
            # At the last key another page would be asked for only to see that it begins after this.
            if reached >= last or count > most:
                return Listed(found, reached)
    except ConnectionProblem:
        raise
    except EngineError:
        # What was seen so far was seen; it is judged like any other statement.
        return Listed(found, reached)
    return Listed(found, last)


def listed_histories(side: Side, keys: Sequence[str]) -> Mapping[str, KeyHistory]:
    """Return the histories of these keys, as far as one listing of their range shows them. Raises what it meets."""
    wanted = sorted(keys, key=key_bytes)
    last, prefix = key_bytes(wanted[-1]), _common_prefix(wanted[0], wanted[-1])
    listing = list_versions(side.store, side.bucket, prefix, start_after=_before(wanted[0], prefix))
    found: dict[str, KeyHistory] = {}
    sought = set(wanted)
    for count, history in enumerate(listing, start=1):
        if key_bytes(history.key) > last or count > len(wanted) + SPARE_KEYS:
            break
        if history.key in sought:
            found[history.key] = history
    return found


def _range(side: Side, keys: Sequence[str], between: int) -> Iterator[ListedObject]:
    """Yield what is listed from shortly before the first key; it is for the caller to stop after the last one."""
    prefix = _common_prefix(keys[0], keys[-1])
    page = len(keys) + between + max(_LEAST_OTHERS, len(keys) // _ONE_IN)
    return list_objects(
        side.store,
        side.bucket,
        prefix,
        start_after=_before(keys[0], prefix),
        first_keys=min(LARGEST_PAGE, page),
        later_keys=min(LARGEST_PAGE, max(_LATER_PAGE, page)),
        # A code that leaves some signs as they are makes one key of another: "a%2Fb" is read as "a/b".
        coded=side.profile.encoding_type is True,
        # What it does not show is asked for by a HEAD.
        is_slow=False,
    )


def _statement(entry: ListedObject, at: str) -> Statement:
    return Statement(
        origin=Origin.LISTING,
        at=at,
        size=entry.size,
        etag=entry.etag or None,
        # Headers tell the time to the second.
        last_modified=f"{entry.last_modified[:19]}.000000Z" if entry.last_modified else "",
        storage_class=entry.storage_class or None,
    )


def _common_prefix(first: str, last: str) -> str:
    """Return what both keys begin with; of a sorted list all between them do too."""
    for place, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return first[:place]
    return first[: min(len(first), len(last))]


def _before(key: str, prefix: str) -> str:
    """Return a text shortly before this key, to list from; empty where the prefix alone leads there."""
    if len(key) <= len(prefix):
        return ""
    sign = ord(key[-1]) - 1
    # A neighbour that is a plain sign; anything else could be changed on its way.
    return key[:-1] + chr(sign) + "~" if 0x21 <= sign < 0x7F else key[:-1]
