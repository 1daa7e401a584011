"""Reading one object, at the source or back from the destination; one of the source is never longer than planned.

It is read by one request; a lone large one whose source is what we wait for by ranges side by side (`window`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial

from integrity.etags import normalise
from integrity.evidence import ErrorCode, Statement
from migrator.engine.bodies import Pin, Reader, Stretch
from migrator.engine.errors import (
    ConditionFailed,
    CopyNotResumed,
    CopySilent,
    CopyTooSlow,
    EngineError,
    EvidenceMismatch,
    ListedNotFound,
    NotSupported,
    ObjectMissing,
    RangeMismatch,
    ReadRefused,
    ShortRead,
    SourceChanged,
    SourceGone,
    SourceTimeout,
    Stopped,
    StoreFault,
    TooSlow,
    TranscodedByStore,
)
from migrator.engine.gaps import LARGEST_PAGE, REPLACED
from migrator.engine.planning import Item
from migrator.engine.versions import history_of
from migrator.engine.window import Gauge, Lone, Window


@dataclass(slots=True)
class SourceReader(Reader):
    """One read of one source object, from its first byte to its last. It is widened only with a `lone`."""

    lone: Lone | None = None
    announced: bool = True
    stretches_resumed: int = 0
    is_by_ranges: bool = False
    is_refused_ranges: bool = False
    _window: Window | None = None
    # A stretch that was asked for beside the one request, to see that ranges are answered.
    _tried: Stretch | None = None

    def close(self) -> None:
        """Drop the connections, and wait until no stretch is on its way."""
        window, self._window = self._window, None
        if window is not None:
            window.close()
        tried, self._tried = self._tried, None
        if tried is not None:
            tried.close()
        self._drop()

    @property
    def was_resumed(self) -> bool:
        """Whether a body broke and was asked for again."""
        return bool(self.resumes or self.stretches_resumed)

    @property
    def is_open(self) -> bool:
        """Whether there is an answer whose body can be read."""
        return self._body is not None

    def open(self, item: Item) -> Statement:
        """Send the GET and return what its headers state.

        Raises `SourceChanged`, `SourceGone`, `ListedNotFound`, `ReadRefused`, or `StoreFault` for a reply without data.
        """
        try:
            body = self._open(0)
        except ConditionFailed as exc:
            self._repin(item, exc)
            body = self._open(0)
        except ObjectMissing as exc:
            raise self._missing(exc) from exc
        except NotSupported as exc:
            raise read_refused(exc) from exc
        self._body = body
        said = body.statement
        try:
            require_data(said, body.length)
        except StoreFault:
            body.close()
            raise
        self.expect_as_stated(item, said)
        self.announced = body.length is not None
        self.statement = said
        return said

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes of the object in order, resuming a broken body at the byte where it broke.

        Raises `ShortRead` for an early clean end, `EvidenceMismatch` (`source_size_mismatch`) for more than
        planned, `RangeMismatch` for a resumed body that is another one, `TooSlow`, `SourceTimeout`.
        """
        offset = 0
        try:
            for chunk in self._resumed() if self.lone is None else self._fitted(self.lone):
                offset += len(chunk)
                if offset > self.pin.size:
                    self.refuse_transcoded()
                    raise EvidenceMismatch(ErrorCode.SOURCE_SIZE_MISMATCH, check="size", side="source")
                yield chunk
        except ConditionFailed as exc:
            raise SourceChanged(request_id=exc.request_id) from exc
        except ObjectMissing as exc:
            raise self._missing(exc) from exc
        if offset < self.pin.size:
            if not self.announced:
                self.refuse_transcoded()
            raise ShortRead(facts={"n": f"{offset:,}", "size": f"{self.pin.size:,}"})

    def _fitted(self, lone: Lone) -> Iterator[bytes]:
        """Yield the bytes, by ranges from where one request turns out to be too little, as long as that is quicker."""
        offset, plain = 0, 0.0
        gauge = Gauge(lone.widening.seconds, self.waited)
        for chunk in self._resumed():
            offset += len(chunk)
            yield chunk
            found = gauge.add(len(chunk), self.waited)
            if found is not None and found.share > lone.widening.least_share and self._widens(lone, offset):
                plain = found.bytes_per_s
                break
        else:
            return
        for chunk in self._side_by_side(lone, offset, plain):
            offset += len(chunk)
            yield chunk
        if offset < self.pin.size:
            yield from self._resumed(offset)

    def _widens(self, lone: Lone, offset: int) -> bool:
        """Ask for the first stretch, and leave the one request only when that is answered as it should be."""
        said = self.statement
        is_told = said is not None and bool(said.etag) and said.size == self.pin.size
        if self._tried is not None or not is_told or not lone.may_widen(self.pin.size - offset):
            return False
        end = min(offset + lone.widening.stretch, self.pin.size)
        self._tried = first = self._stretch(offset, end, self.should_stop)
        try:
            self._waiting(first.begin)
        except (Stopped, TooSlow):
            raise
        except EngineError as exc:
            self._remember(lone, exc)
            return False
        self._drop()
        return True

    def _side_by_side(self, lone: Lone, offset: int, plain: float) -> Iterator[bytes]:
        """Yield what follows by stretches, and leave where they fail or are not worth it: one request goes on there."""
        widening = lone.widening
        self._window = window = Window(self._fetch, offset, self.pin.size, widening, lone.budget, self.should_stop)
        following, gauge = partial(next, iter(window), None), Gauge(widening.seconds, self.waited)
        try:
            while (chunk := self._waiting(following)) is not None:
                self.is_by_ranges = True
                yield chunk
                found = gauge.add(len(chunk), self.waited)
                if found is not None and found.bytes_per_s < widening.least_gain * plain:
                    window.finish()
        except (Stopped, ConditionFailed, ObjectMissing):
            raise
        except EngineError as exc:
            self._remember(lone, exc)
        self._window = None
        window.close()

    def _remember(self, lone: Lone, exc: EngineError) -> None:
        """Where the answer was another one than asked for, ranges are not asked for again in this batch."""
        if isinstance(exc, RangeMismatch):
            self.is_refused_ranges = True
            lone.refused.set()

    def _fetch(self, first: int, end: int, should_stop: Callable[[], bool]) -> Generator[bytes]:
        stretch, tried = self._stretch(first, end, should_stop), self._tried
        if tried is not None and tried.first == first:
            tried.should_stop, stretch = should_stop, tried
        try:
            yield from stretch.read()
        finally:
            stretch.close()
            self.stretches_resumed += stretch.resumes

    def _stretch(self, first: int, end: int, should_stop: Callable[[], bool]) -> Stretch:
        return Stretch(self.pin, self.watch, self.limit, should_stop, self.statement, first=first, end=end)

    def expect_as_stated(self, item: Item, said: Statement) -> None:
        """Pin another ETag than the plan's where the object is the planned one; a store may ignore our condition."""
        if said.etag and self.pin.etag and normalise(said.etag) != normalise(self.pin.etag):
            self._pin_as_stated(item, said, said.etag)

    def refuse_transcoded(self) -> None:
        """A body of another length than planned, and of another encoding than HEAD states, was changed on the way.

        Asks for the headers once more; raises `TranscodedByStore`.
        """
        said = self.statement
        if said is None:
            return
        found = self.pin.store.find(self.pin.bucket, self.pin.key, version_id=self.pin.version_id)
        coding = said.content_headers.get("content-encoding", "")
        if found is not None and found.content_headers.get("content-encoding", "") != coding:
            raise TranscodedByStore(f"content-encoding {coding or 'none'}")

    def _repin(self, item: Item, refusal: ConditionFailed) -> None:
        """After a 412: if size, time and the listing are as planned, only the listing's ETag was another."""
        pin = self.pin
        try:
            found = pin.store.head(pin.bucket, pin.key, version_id=pin.version_id)
        except ObjectMissing as exc:
            raise self._missing(exc) from exc
        # A condition is compared letter by letter: the same ETag in capitals is another one.
        if found.etag and found.etag.strip('"') != pin.etag.strip('"'):
            self._pin_as_stated(item, found, found.etag)
        if self.pin is pin:
            raise SourceChanged(request_id=refusal.request_id, store_code=refusal.store_code) from refusal

    def _pin_as_stated(self, item: Item, said: Statement, etag: str) -> None:
        """Pin the ETag that the object states where its size, its time and what is listed of it are as planned."""
        if said.size != item.size or _second(said.last_modified) != _second(item.last_modified):
            return
        if self._is_listed_as(item):
            self.pin = replace(self.pin, etag=etag)

    def _is_listed_as(self, item: Item) -> bool:
        pin = self.pin
        if pin.version_id:
            history = history_of(pin.store, pin.bucket, pin.key)
            listed = history.version(pin.version_id)
            return listed is not None and listed.etag == item.etag
        page = pin.store.list_page(pin.bucket, pin.key, most_keys=1)
        return any(entry.key == pin.key and entry.etag == item.etag for entry in page.entries)

    def _missing(self, exc: ObjectMissing) -> ListedNotFound | SourceGone:
        return missing_at(self.pin, exc)


@dataclass(slots=True)
class CopyReader(Reader):
    """One reading back of what the destination holds. What it ends with names the destination, never the source.

    It opens whatever has the key, or the version, for that is what is to be judged; a resumed body must be the same.
    `status`: that of the first answer.
    """

    status: int = 0

    def open(self) -> Statement:
        """Send the GET and return what its headers state. Raises `CopySilent`, and what a store says."""
        try:
            self._body = body = self._open(0)
        except SourceTimeout as exc:
            raise CopySilent(str(exc), facts=exc.facts) from exc
        self.statement, self.status = body.statement, body.status
        self.pin = replace(self.pin, etag=body.statement.etag or "")
        return body.statement

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in order; how many there are is for the caller to judge.

        Raises `CopyTooSlow`, `CopySilent`, `EndpointUnreachable`, or `CopyNotResumed` where it is to be read anew.
        """
        try:
            yield from self._resumed()
        except SourceTimeout as exc:
            raise CopySilent(str(exc), facts=exc.facts) from exc
        except TooSlow as exc:
            raise CopyTooSlow(str(exc)) from exc
        except (ConditionFailed, RangeMismatch) as exc:
            raise CopyNotResumed(str(exc), request_id=exc.request_id) from exc


def require_data(said: Statement, length: int | None) -> None:
    """Raise `StoreFault` for a yes to a GET with neither ETag nor length: that is no object, be it an empty one."""
    if not said.etag and length is None:
        raise StoreFault("no ETag and no length", facts={"fault": "said yes but sent no data"})


def missing_at(pin: Pin, exc: ObjectMissing) -> ListedNotFound | SourceGone:
    """List a key once more and return what it means that the source says there is no such object."""
    # That a key is listed says nothing of a version that is gone.
    kind = SourceGone if pin.version_id or not _is_listed(pin) else ListedNotFound
    return kind(store_code=exc.store_code, request_id=exc.request_id, http_status=exc.http_status)


def _is_listed(pin: Pin) -> bool:
    # What a store lists under another name it does not find by that name.
    beginning = pin.key.partition(REPLACED)[0]
    page = pin.store.list_page(pin.bucket, beginning, most_keys=1 if beginning == pin.key else LARGEST_PAGE)
    return any(entry.key == pin.key for entry in page.entries)


def read_refused(exc: EngineError) -> ReadRefused:
    """Return what it means that the source calls a plain request for this object wrong."""
    return ReadRefused(
        store_code=exc.store_code,
        store_message=exc.store_message,
        request_id=exc.request_id,
        http_status=exc.http_status,
    )


def _second(moment: str) -> str:
    return moment[:19]
