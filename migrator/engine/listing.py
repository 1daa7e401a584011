"""The objects of a bucket as one sorted stream. A page that makes no sense is an error, never "no objects"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import lt

from migrator.engine.errors import AnswerUnreadable, ListingInvalid
from migrator.engine.gaps import (
    LARGEST_PAGE,
    LAST_SIGN,
    Gap,
    Gaps,
    Place,
    Rows,
    looking,
    require_own_names,
    require_way_on,
)
from migrator.engine.messages import LARGEST_SIZE, key_bytes
from migrator.engine.requests import LIST
from migrator.engine.stores import ListedObject, ListPage, Store

__all__ = ["LARGEST_PAGE", "Gap", "ListedObject", "key_bytes", "list_around", "list_objects", "require_listing"]


def list_objects(
    store: Store,
    bucket: str,
    prefix: str = "",
    *,
    start_after: str = "",
    first_keys: int = LARGEST_PAGE,
    later_keys: int = LARGEST_PAGE,
    coded: bool = True,
    is_slow: bool = True,
) -> Iterator[ListedObject]:
    """Yield every object whose key begins with `prefix`, in the order of the keys' bytes.

    `first_keys` is the most that the first answer may hold, `later_keys` the others: fewer than a thousand where the
    caller will not need so many. `coded`: keys are asked for URL-encoded, so that each sign of one can be told.
    `is_slow`: a page may take long, for the caller has no other way.
    The end of the iterator means that the listing is complete. Raise `ListingInvalid` where a page breaks one
    of the sanity rules even when it is asked for again, and whatever `Store.list_page` raises.
    """
    token = ""
    tokens: set[str] = set()
    last = key_bytes(start_after) if start_after else b""
    most_keys = first_keys
    while True:
        page = _sane_page(store, bucket, prefix, token, start_after, tokens, last, most_keys, coded, is_slow)
        yield from page.entries
        if not page.truncated:
            return
        token, most_keys = page.next_token, later_keys
        tokens.add(token)
        if page.entries:
            last = key_bytes(page.entries[-1].key)


def list_around(store: Store, bucket: str, prefix: str, gaps: list[Gap]) -> Iterator[ListedObject | None]:
    """Yield what `list_objects` does, also around keys that no page can be read with.

    The ranges that cannot be listed are added to `gaps`, each before what follows it. None is a sign of life while one
    is closed in on.
    """
    last = ""
    try:
        for entry in list_objects(store, bucket, prefix):
            yield entry
            last = entry.key
    except ListingInvalid as exc:
        if not isinstance(exc.__cause__, AnswerUnreadable):
            raise

        def ask(place: Place, most_keys: int) -> tuple[Rows[ListedObject], str]:
            page = store.list_page(bucket, prefix, start_after=place.key, most_keys=most_keys, repeat=False)
            ends_with = page.entries[-1].key if page.entries else place.key
            rows = Rows(page.entries, Place(ends_with) if page.truncated else None)
            after = key_bytes(place.key)
            fault = _fault(page, bucket, prefix, set(), after)
            _require_true_names(store, bucket, page, after, fault)
            return rows, fault

        yield from Gaps(looking(store.patience, bucket, ask), prefix, Place(last), gaps).entries(exc)


def require_listing(store: Store, bucket: str, prefix: str = "") -> None:
    """Ask for one key, and raise what `Store.list_page` raises. That it cannot be read in a page is no refusal."""
    try:
        store.list_page(bucket, prefix, most_keys=1)
    except AnswerUnreadable:
        store.list_page(bucket, prefix, start_after=prefix + LAST_SIGN, most_keys=1)


def _sane_page(
    store: Store,
    bucket: str,
    prefix: str,
    token: str,
    start_after: str,
    tokens: set[str],
    last: bytes,
    most_keys: int,
    coded: bool,
    is_slow: bool,
) -> ListPage:
    tried = 0
    while True:
        tried += 1
        cause: AnswerUnreadable | None = None
        try:
            page = store.list_page(
                bucket,
                prefix,
                token=token,
                start_after=start_after,
                most_keys=most_keys,
                coded=coded,
                is_slow=is_slow,
            )
            fault = _fault(page, bucket, prefix, tokens, last)
            _require_true_names(store, bucket, page, last, fault)
        except AnswerUnreadable as exc:
            fault, cause = exc.facts.get("fault", "it cannot be read"), exc
        if not fault:
            return page
        if tried >= store.patience.tries:
            raise ListingInvalid(fault, facts={"bucket": bucket, "fault": fault}) from cause
        store.repeats(LIST.name, ListingInvalid(fault))
        store.patience.wait(tried)


def _require_true_names(store: Store, bucket: str, page: ListPage, after: bytes, fault: str) -> None:
    """Raise `AnswerUnreadable` where what is wrong with the page, or will be with the next, are names of keys."""
    require_own_names(fault, after, page.entries)
    if not fault and page.truncated and page.entries:
        last = page.entries[-1]
        require_way_on(last.key, lambda: last in store.list_page(bucket, last.key, most_keys=1).entries)


def _fault(page: ListPage, bucket: str, prefix: str, tokens: set[str], last: bytes) -> str:
    """Say which sanity rule the page breaks; empty if none."""
    if page.name != bucket:
        return "a page names another bucket, or none"
    if page.truncated is None:
        return "a page does not say whether it is the last"
    if page.truncated != bool(page.next_token):
        return "a page says that it is not the last and does not say how to go on, or the other way round"
    if page.next_token in tokens:
        return "a page leads back to one already seen"
    if page.common_prefixes:
        return "a page names a prefix in place of the keys behind it"
    if page.key_count is not None and page.key_count != len(page.entries):
        return "a page counts other objects than it holds"
    if any(not 0 <= entry.size <= LARGEST_SIZE for entry in page.entries):
        return "an object has a size that none can have"
    return _fault_of_keys([key_bytes(entry.key) for entry in page.entries], key_bytes(prefix), last)


def _fault_of_keys(keys: Sequence[bytes], prefix: bytes, last: bytes) -> str:
    """Say what is wrong with the keys of a page that comes after `last`; empty if nothing."""
    if all(map(lt, (last, *keys), keys)) and all(key.startswith(prefix) for key in (*keys[:1], *keys[-1:])):
        # Of sorted keys all have the prefix if the first and the last one do.
        return ""
    for key in keys:
        if not key.startswith(prefix):
            return "a key lies outside the prefix"
        if key == last:
            return "a key is there twice"
        if key < last:
            return "the keys are not sorted"
        last = key
    return ""
