"""The second look at what was written: the whole object is read again at the destination."""

from __future__ import annotations

from dataclasses import replace

from integrity.digests import Algorithm, OnePass, digest_of
from integrity.evidence import Origin, ReadBack, Statement
from migrator.engine.answers import statement_of
from migrator.engine.bodies import Pin
from migrator.engine.errors import AnswerUnreadable, CopyNotResumed, DestMissing, ObjectMissing, Stopped
from migrator.engine.lines import Reply
from migrator.engine.planning import Item
from migrator.engine.reading import CopyReader
from migrator.engine.requests import GET
from migrator.engine.workplace import Work

_COMPUTED = frozenset({Algorithm.SHA256})


class ReadingBack:
    """What one attempt reads at the destination. `found`: what was read, None while nothing was."""

    def __init__(self, work: Work, item: Item) -> None:
        self.found: ReadBack | None = None
        self._work = work
        self._item = item

    def listen(self, work: Work) -> None:
        """Go on with stores that tell which requests are made again."""
        self._work = work

    @property
    def is_wanted(self) -> bool:
        """Whether the object is among those that are to be read again."""
        return self._work.options.reads_back(self._item.key)

    @property
    def is_missing(self) -> bool:
        """Whether the written object is to be read again and was not."""
        return self.found is None and self.is_wanted

    def take(self, reply: Reply) -> None:
        """Take a whole answer to a GET of what was written. It is judged once: there is no other reading.

        Raises `AnswerUnreadable` where it names no object, or is a part of one.
        """
        said, digests = statement_of(reply.headers, Origin.READBACK), digest_of(reply.body, algorithms=_COMPUTED)
        _require_object(said)
        _require_whole(reply.status, digests.size, self._item.size)
        self.found = ReadBack(statement=said, sha256=digests.sha256_hex or "", size=digests.size)

    def read(self, after: Statement) -> ReadBack:
        """Read the whole object, of the version that was confirmed, unless one was taken.

        Of a body that is longer than it may be no more is read than shows that. Raises `DestMissing` where a GET
        does not find what a HEAD has found, and whatever else keeps it from being read.
        """
        if self.found is not None:
            return self.found
        try:
            return self._read(after)
        except (CopyNotResumed, AnswerUnreadable) as exc:
            self._work.destination.store.repeats(GET.name, exc)
            # Not every store knows ranges, and what has taken the place of ours is named by what it states.
            return self._read(after)

    def _read(self, after: Statement) -> ReadBack:
        side, one_pass = self._work.destination, OnePass(algorithms=_COMPUTED)
        pin = Pin(
            store=side.store,
            bucket=side.bucket,
            key=self._item.dest_key,
            version_id=after.version_id,
            size=self._item.size,
        )
        reader = CopyReader(pin, self._work.options.watch, should_stop=self._work.should_stop)
        taken, longest = 0, max(self._item.size, after.size or 0)
        try:
            said = reader.open()
            _require_object(said)
            for chunk in reader.chunks():
                if self._work.should_stop():
                    raise Stopped
                one_pass.feed(chunk)
                taken += len(chunk)
                if taken > longest:
                    break
            _require_whole(reader.status, taken, self._item.size)
        except ObjectMissing as exc:
            raise DestMissing(store_code=exc.store_code, request_id=exc.request_id) from exc
        finally:
            reader.close()
        digests = one_pass.result()
        return ReadBack(
            statement=replace(said, origin=Origin.READBACK), sha256=digests.sha256_hex or "", size=digests.size
        )


def _require_object(said: Statement) -> None:
    """Raise `AnswerUnreadable` for an answer with neither an ETag nor a time: something on the way may have said it."""
    if said.etag is None and not said.last_modified:
        raise AnswerUnreadable("neither ETag nor time", facts={"fault": "said yes but sent no data"})


def _require_whole(status: int, taken: int, size: int) -> None:
    """Raise `AnswerUnreadable` for less than the whole where the answer says so itself: a part, or no content."""
    if taken < size and status in _NOT_WHOLE:
        raise AnswerUnreadable(f"status {status}", facts={"fault": "sent a part where the whole was asked for"})


_NOT_WHOLE = frozenset({204, 206})
