"""Reading a listing around keys that spoil every page they are on: a sign that XML forbids, written as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from migrator.engine.errors import AnswerUnreadable, EngineError, ListingInvalid, StoreBusy
from migrator.engine.messages import key_bytes
from migrator.engine.pacing import Patience

# What S3 gives at most.
LARGEST_PAGE = 1000
MOST_LOOKS_A_GAP = 200
MOST_GAPS = 20
# So often a page is asked for while a range that cannot be read is closed in on.
_LOOKS = 2
# Stands behind every key that begins with what is before it.
LAST_SIGN = "\U0010ffff"
_FIRST_CODE, _LAST_ASCII, _LAST_CODE = 0x20, 0x7F, 0x10FFFF
# What some stores write in place of a sign that XML forbids; a key may also have it of its own.
REPLACED = "\ufffd"
# No sign at all: the key ends here.
_END = _FIRST_CODE - 1
# What a store can say in XML that it was asked, as it was asked.
_ASKABLE = re.compile("[\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


_T = TypeVar("_T")
_Row = TypeVar("_Row", bound=_Keyed)
# Each look yields, so that nobody takes a long search for a lost worker.
_Search: TypeAlias = Generator[None, None, _T]


class Gap(NamedTuple):
    """Keys that could not be listed: behind `after` (empty: from the first) and before `before` (empty: to the end)."""

    after: bytes
    before: bytes

    @classmethod
    def of_key(cls, key: str) -> Gap:
        """Return the range of one key, which begins behind what is before its last sign."""
        return cls(key_bytes(key[:-1]), key_bytes(key) + b"\0")

    def holds(self, key: bytes) -> bool:
        """Say whether a key lies in the range."""
        return self.after < key and (not self.before or key < self.before)

    def __str__(self) -> str:
        """Say the range in words, whatever its keys hold."""
        ends = [(word, key) for word, key in (("after", self.after), ("before", self.before)) if key]
        return ", ".join(f'{word} "{_escaped(key)}"' for word, key in ends) or "all keys"


class Place(NamedTuple):
    """What a page comes after: a key, or one version of it."""

    key: str
    version_id: str = ""


@dataclass(frozen=True, slots=True)
class Rows(Generic[_Row]):
    """What a page shows, and what the next one comes after; None where there is none."""

    entries: Sequence[_Row]
    following: Place | None


_Look: TypeAlias = Callable[[Place, int], Rows[_Row] | None]
_LookAtKey: TypeAlias = Callable[[str], Rows[_Row] | None]


def can_be_said(key: str) -> bool:
    """Say whether XML can say this key as it is."""
    return _ASKABLE.fullmatch(key) is not None


def require_own_names(fault: str, after: bytes, *kinds: Sequence[_Keyed]) -> None:
    """Raise `AnswerUnreadable` where rows that break a rule may stand there under names that are not theirs.

    `kinds` of rows are each sorted by themselves, and come after a key.
    """
    if not fault or not any(REPLACED in row.key for rows in kinds for row in rows):
        return
    if all(_are_sorted_by_true_names(rows, after) for rows in kinds):
        raise AnswerUnreadable(fault, facts={"fault": fault})


def _are_sorted_by_true_names(rows: Sequence[_Keyed], after: bytes) -> bool:
    """Say whether rows may be in order: of a key that is shown under another name the beginning is true.

    What is out of order must not be read key by key: each alone is sorted, and others would be passed over.
    """
    for row in rows:
        beginning, replaced, _ = row.key.partition(REPLACED)
        least = key_bytes(beginning)
        if least < after and not (replaced and after.startswith(least)):
            return False
        after = max(after, least)
    return True


def require_way_on(key: str, is_there: Callable[[], bool]) -> None:
    """Raise `AnswerUnreadable` where a page ends with a key that is not there under that name.

    Whoever goes on from such a name passes over all that stands between it and the real one.
    """
    if REPLACED in key and not is_there():
        fault = "a page ends with a key that is not there under the name it is given"
        raise AnswerUnreadable(fault, facts={"fault": fault})


def looking(patience: Patience, bucket: str, ask: Callable[[Place, int], tuple[Rows[_Row], str]]) -> _Look[_Row]:
    """Return what looks at so many rows behind a place: a page, or None where it cannot be read.

    `ask` gives a page, and which sanity rule it breaks; empty if none.
    """

    def look(place: Place, most_rows: int) -> Rows[_Row] | None:
        tried = unreadable = 0
        while True:
            tried += 1
            try:
                page, fault = ask(place, most_rows)
            except AnswerUnreadable:
                unreadable += 1
                if unreadable == _LOOKS:
                    return None
            except StoreBusy:
                if tried >= patience.tries:
                    raise
            else:
                if not fault and page.following is not None and not page.entries:
                    fault = "a page holds nothing and is not the last"
                if not fault:
                    return page
                if tried >= patience.tries:
                    raise ListingInvalid(fault, facts={"bucket": bucket, "fault": fault})
            patience.wait(tried)

    return look


class Gaps(Generic[_Row]):
    """What is left of a listing behind a place, where a page could not be read.

    The ranges that stay unreadable are added to `found`; when it holds `most_gaps` the last one goes to the end.
    `newest` looks at the first row of a key, where a key has more than one; `tries`: so often it is made sure of that
    what cannot be read behind one of them is none of this key.
    """

    def __init__(
        self,
        look: _Look[_Row],
        prefix: str,
        place: Place,
        found: list[Gap],
        most_gaps: int = MOST_GAPS,
        *,
        newest: _LookAtKey[_Row] | None = None,
        tries: int = 1,
    ) -> None:
        self._look = look
        self._prefix = prefix
        self._place = place
        self._found = found
        self._most_gaps = most_gaps
        self._newest = newest
        self._tries = tries
        self._looks = 0

    @property
    def _last(self) -> str:
        return self._place.key

    def entries(self, reason: EngineError) -> Iterator[_Row | None]:
        """Yield what can be read, None after a look that gave nothing.

        Raise `reason` where no look ever gave a page, and where it cannot be shown that all rows of a key were read.
        """
        most, within, anything_read = LARGEST_PAGE // 2, LARGEST_PAGE, bool(self._last)
        while can_be_said(self._last):
            page = self._look(self._place, most)
            if page is None and most > 1:
                # Somewhere in the next `within` rows is the one that spoils the page.
                most, within = most // 2, most
                yield None
                continue
            if page is None:
                page = yield from self._page_behind_gap(reason)
                within = 0
            else:
                within = max(0, within - most)
            if page is None:
                break
            anything_read = True
            yield from page.entries
            if page.following is None:
                return
            self._place = page.following
            most = max(1, within // 2) if within else min(LARGEST_PAGE, 2 * most)
        is_within_key = bool(self._place.version_id) and not can_be_said(self._last)
        if not anything_read or is_within_key:
            raise reason
        self._found.append(Gap(key_bytes(self._last), b""))

    def _page_behind_gap(self, reason: EngineError) -> _Search[Rows[_Row] | None]:
        """Return the first page that can be read behind the key after the last one; None if there is none."""
        if self._place.version_id:
            page = yield from self._row_after_all(reason)
            if page is not None:
                return page
        if len(self._found) == self._most_gaps:
            return None
        self._looks = 0
        behind = yield from self._any_behind()
        if behind is None:
            return None
        page = yield from self._nearer(*behind)
        before = key_bytes(page.entries[0].key) if page.entries else b""
        self._found.append(Gap(key_bytes(self._last), before))
        return page

    def _row_after_all(self, reason: EngineError) -> _Search[Rows[_Row] | None]:
        """Return the next row if it can be read by now; None where none of the last key is left to be read.

        Raise `reason` where that cannot be shown: a range of keys would not name a version that is left out.
        """
        for _ in range(self._tries):
            # Where not even what was read can be read again nothing is told by what cannot.
            if not self._is_readable(self._last):
                raise reason
            yield None
            page = self._look(self._place, 1)
            if page is not None:
                return page
            yield None
            if self._behind(self._last) is not None:
                raise reason
            yield None
        return None

    def _is_readable(self, key: str) -> bool:
        page = self._newest(key) if self._newest is not None else None
        return page is not None and any(row.key == key for row in page.entries)

    def _any_behind(self) -> _Search[tuple[str, Rows[_Row]] | None]:
        """Return how much of the last key is kept by all keys up to a page that can be read, and that page."""
        for kept in _beginnings(self._last, self._prefix):
            page = self._behind(kept + LAST_SIGN)
            yield None
            if page is not None:
                return kept, page
        return None

    def _nearer(self, kept: str, page: Rows[_Row]) -> _Search[Rows[_Row]]:
        """Close in on the least key behind which a page can be read, one sign after the other."""
        while self._looks < MOST_LOOKS_A_GAP:
            unread, read = self._unread_code(kept), _LAST_CODE
            # Behind the last key what is next is mostly near. Elsewhere most signs are ASCII.
            step = 0 if self._last.startswith(kept) else _LAST_ASCII - unread
            while read - unread > 1 and self._looks < MOST_LOOKS_A_GAP:
                middle = min(unread + max(1, step), (unread + read) // 2)
                step = 2 * step or 1
                nearer = self._behind(_up_to(kept, middle))
                yield None
                if nearer is None:
                    unread = middle
                else:
                    read, page = middle, nearer
            if read == _END:
                break
            kept += chr(_askable(read))
        return page

    def _unread_code(self, kept: str) -> int:
        """Return the highest sign behind `kept` that is known not to be far enough."""
        if not self._last.startswith(kept):
            return _END - 1
        if self._last == kept:
            return _END
        return max(_END, ord(self._last[len(kept)]) - 1)

    def _behind(self, start: str) -> Rows[_Row] | None:
        self._looks += 1
        return self._look(Place(start), 1)


def _beginnings(key: str, prefix: str) -> Iterator[str]:
    """Yield beginnings of a key under the prefix, each shorter than the one before, the prefix last."""
    room, shorter = (len(key) - len(prefix) if key.startswith(prefix) else 0), 0
    while shorter < room:
        yield key[: len(key) - shorter]
        shorter = max(1, 2 * shorter)
    yield prefix


def _up_to(kept: str, code: int) -> str:
    """Return what stands behind all keys that begin with `kept` and go on with this sign or a lower one."""
    return kept if code == _END else kept + chr(_askable(code)) + LAST_SIGN


def _askable(code: int) -> int:
    """Return the sign itself, or the next lower one that XML allows."""
    if 0xD800 <= code < 0xE000:
        return 0xD7FF
    return min(code, 0xFFFD) if code <= 0xFFFF else code


def _escaped(key: bytes) -> str:
    shown = key.decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in shown)
