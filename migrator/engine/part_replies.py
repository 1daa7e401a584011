"""What a store answered to the parts of one upload: it may have 10,000, and a worker has little memory for each."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import overload

from integrity.evidence import Origin, Statement

_BORDER = "\n"


class PartReplies(Sequence[Statement]):
    """The replies in the order of the parts, whole: of each is kept what the first of its origin does not say too.

    Where that is the ETag, the time, the id of the request and the values of the checksums, it is one short text; any
    other is kept as it is. May be filled from several threads, each part once or again, and read when all are there.
    """

    def __init__(self) -> None:
        self._firsts: dict[Origin, Statement] = {}
        self._packed: dict[int, bytes | Statement] = {}
        self._lock = threading.Lock()

    def take(self, number: int, reply: Statement) -> None:
        """Keep the reply to the part of this number, from 1."""
        with self._lock:
            self._packed[number] = _packed(reply, self._firsts.setdefault(reply.origin, reply))

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, index: int) -> Statement: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Statement, ...]: ...
    def __getitem__(self, index: int | slice) -> Statement | tuple[Statement, ...]:
        places = range(1, len(self) + 1)[index]
        if isinstance(places, range):
            return tuple(self._reply(place) for place in places)
        return self._reply(places)

    def _reply(self, number: int) -> Statement:
        packed = self._packed[number]
        if isinstance(packed, Statement):
            return packed
        origin, etag, at, request_id, *values = packed.decode().split(_BORDER)
        first = self._firsts[Origin(origin)]
        checksums = dict(zip(first.checksums, values, strict=True))
        return replace(first, etag=etag, at=at, request_id=request_id, checksums=checksums)


def _packed(reply: Statement, first: Statement) -> bytes | Statement:
    """Return what tells this reply from the first one, or the reply where that would not be all of it."""
    as_first = replace(reply, etag=first.etag, at=first.at, request_id=first.request_id, checksums=first.checksums)
    texts = (reply.origin.value, reply.etag, reply.at, reply.request_id, *reply.checksums.values())
    known = [text for text in texts if text is not None and _BORDER not in text]
    if as_first != first or [*reply.checksums] != [*first.checksums] or len(known) < len(texts):
        return reply
    return _BORDER.join(known).encode()
