"""The source leg of one attempt: pin, open, read in one pass, and judge what was read before anything is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from integrity.digests import Algorithm, DigestSet, OnePass, digest_of
from integrity.etags import EtagForm, etag_of, kind, normalise
from integrity.evidence import (
    Check,
    CheckName,
    Demand,
    Earlier,
    Origin,
    Outcome,
    Planned,
    Reason,
    Statement,
    first_mismatch,
    source_checks,
    source_checks_since,
    unchanged_check,
)
from integrity.layouts import Layout
from migrator.engine.answers import number_in, statement_of
from migrator.engine.bodies import Pin
from migrator.engine.carrying import Tags, read_tags
from migrator.engine.cutting import (
    LayoutRefuted,
    Learned,
    SourceObject,
    learn_layout,
    may_be_the_layout,
    parts_that_differ,
    walk_layout,
    words_for_parts,
)
from migrator.engine.errors import (
    EngineError,
    EvidenceMismatch,
    NotSupported,
    ObjectMissing,
    Stopped,
    UnknownAnswer,
)
from migrator.engine.planning import NO_VERSION, Item
from migrator.engine.reading import SourceReader, missing_at, read_refused, require_data
from migrator.engine.workplace import Work


class SourceLeg:
    """What one attempt reads, and what it knows of the source so far."""

    def __init__(self, work: Work, item: Item, number: int, note: Callable[[str], None]) -> None:
        self.statement: Statement | None = None
        self.digests: DigestSet | None = None
        self.checks: tuple[Check, ...] = ()
        self.earlier: Earlier | None = None
        self.tags = Tags(None)
        self.learned = Learned(None, (), "")
        self.moved = 0
        self._work = work
        self._item = item
        self._number = number
        self._note = note
        self._reader = self._reader_of(self._pin())
        self._pass: OnePass | None = None

    def listen(self, work: Work) -> None:
        """Go on with stores that tell which requests are made again."""
        self._work = work
        self._reader.pin = replace(self._reader.pin, store=work.source.store)

    def learn(self) -> None:
        """Learn how the object was cut into parts, unless every part has told it already."""
        if self.learned.how:
            return
        if not self._work.trusts_source_listing():
            # The ETag of the plan names nothing here; the object's own one tells its parts.
            self._reader.expect_as_stated(self._item, self._head())
        self.learned = learn_layout(self._asked())

    def doubt_layout(self) -> bool:
        """Ask for every part where two had told the layout, and say whether it turned out to be another."""
        walked = walk_layout(self._asked(), self.learned)
        if walked is None:
            return False
        self.learned = walked
        self._note("unequal_parts")
        return True

    def begin_again(self) -> None:
        """Forget what was read, and keep what was learned of the layout."""
        self.take_back()
        self.statement, self.digests, self.checks, self.earlier = None, None, (), None
        self._reader = self._reader_of(self._reader.pin)

    def look(self, earlier: Earlier | None = None, unread: Reason = Reason.NOT_REQUESTED) -> None:
        """Ask for the headers in place of reading and compare them with the plan; nothing is computed.

        They are compared with the digests of an earlier record too, if the object is still the one that was read
        then; `earlier` holds it from here on.
        """
        said = self.statement = self._head()
        if said.etag and self._work.source.profile.listing_etag is False:
            # This bucket's listings state other ETags than the objects do, so the plan's names nothing.
            self._reader.pin = replace(self._reader.pin, etag=said.etag)
            self._note("listing_etag_differs")
        self.tags = self._read_tags(said)
        if earlier is not None and earlier.covers(said):
            self.earlier = earlier
            profile = self._work.source.profile
            self._raise_if_wrong(source_checks_since(earlier, self._planned(), said, profile, attempt=self._number))
            return
        if earlier is not None:
            self._note("source_replaced_since")
        self._raise_if_wrong(self._compare(None, unread=unread))

    def open(self, *layouts: Layout) -> OnePass:
        """Send the GET, compare what its headers say with the plan, and return the pass over `layouts` too.

        While nothing was read it may be called again, for other layouts. The headers come before the first byte, so the
        pass computes what they state, whatever its algorithm.
        """
        if not self._reader.is_open:
            self._open()
        demand = self._demand()
        self._pass = one_pass = OnePass(dict.fromkeys((*layouts, *self.learned.candidates)), demand.whole, demand.parts)
        return one_pass

    def _open(self) -> None:
        planned = self._reader.pin.etag
        self.statement = self._reader.open(self._item)
        if normalise(self._reader.pin.etag) != normalise(self._item.etag):
            self._note("listing_etag_differs")
            self._work.source_listing_differs.set()
        if self._reader.pin.etag != planned:
            self.learned = learn_layout(self._asked())
        self.tags = self._read_tags(self.statement)
        checks = self._compare(None)
        if not _fits(checks):
            self._reader.refuse_transcoded()
        self._raise_if_wrong(checks)

    def _demand(self) -> Demand:
        """Return which digests to compute: the usual ones and those that the source states, but what is left out."""
        assert self.statement is not None
        left_out = self._work.options.leave_out_digests
        for algorithm in sorted(left_out):
            self._note(f"{algorithm.lower()}_left_out")
        return Demand.of(self.statement, left_out)

    def take(self, headers: Mapping[str, str], body: bytes, layout: Layout) -> None:
        """Take a whole answer that somebody else asked for, of an object whose ETag is a plain one.

        Afterwards it is settled, or only to be seen again (`is_proven`), or to be judged. Raises what is wrong.
        """
        self.statement = statement_of(headers, Origin.GET)
        self.learned = Learned(layout, (layout,), "etag")
        self._reader.statement = self.statement
        length = number_in(headers.get("content-length"))
        require_data(self.statement, length)
        self._reader.announced = length is not None
        self.digests = digest_of(body, algorithms=self._demand().whole)
        self.moved = len(body)
        self._work.hooks.moved(self.moved)
        self._raise_if_wrong(self._compare(self.digests))

    def see_again(self, after: Statement) -> bool:
        """Compare the object's identity with what is stated now; False where only a HEAD can decide."""
        assert self.statement is not None
        check = unchanged_check(self.statement, after, attempt=self._number)
        if check.outcome is not Outcome.MATCH:
            return False
        self.checks = tuple(check if each.name is CheckName.SOURCE_UNCHANGED else each for each in self.checks)
        return True

    @property
    def stated_md5(self) -> bytes | None:
        """The MD5 that the source states: the ETag of the object, or of the plan till it is read, if it is plain."""
        said = self.statement.etag if self.statement is not None else None
        etag = said or self._reader.pin.etag
        return bytes.fromhex(normalise(etag)) if kind(etag).form is EtagForm.MD5 else None

    @property
    def is_settled(self) -> bool:
        """Whether the source leg was judged, found right, and nothing of it is open."""
        return self.is_proven and is_match(self.checks, CheckName.SOURCE_UNCHANGED)

    @property
    def is_proven(self) -> bool:
        """Whether a digest that the source states is that of the bytes which were read, all of them announced."""
        return self.digests is not None and self._reader.announced and _is_proven(self.checks)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes; each has been through the pass when it is yielded."""
        assert self._pass is not None
        for chunk in self._reader.chunks():
            if self._work.should_stop():
                raise Stopped
            self._pass.feed(chunk)
            self.moved += len(chunk)
            self._work.hooks.moved(len(chunk))
            yield chunk
        if self._reader.was_resumed:
            self._note("resumed")
        if self._reader.is_by_ranges:
            self._note("read_by_ranges")
        if self._reader.is_refused_ranges:
            self._note("ranges_refused")

    def judge(self) -> DigestSet:
        """Compare what was read with all that the source states; raise before wrong bytes are committed.

        Where two parts had told the layout and the digests made of parts differ, every part is asked for: raises
        `LayoutRefuted` if they show another one, which has then been learned.
        """
        if self._pass is not None:
            self.digests = self._pass.result()
        digests = self.digests
        assert digests is not None
        checks = self._judged(digests)
        if may_be_the_layout(checks) and self.doubt_layout():
            raise LayoutRefuted
        self._raise_if_wrong(checks, lambda: self._where(digests))
        return digests

    def close(self) -> None:
        """Drop the connection if the body was not read to its end."""
        self._reader.close()

    def take_back(self) -> None:
        """Take back the bytes that were counted: they will be read again."""
        if self.moved:
            self._work.hooks.moved(-self.moved)
            self.moved = 0

    @property
    def layout(self) -> Layout | None:
        """The source's layout: told, or the inferred one that gives its ETag."""
        if self.learned.told is not None or self.digests is None or self.statement is None:
            return self.learned.told
        etag = normalise(self.statement.etag or "")
        candidates = self.learned.candidates
        return next((each for each in candidates if etag_of(self.digests, each) == etag), None)

    def _asked(self) -> SourceObject:
        pin = self._reader.pin
        return SourceObject(pin.store, pin.bucket, pin.key, pin.version_id, pin.size, pin.etag)

    def _judged(self, digests: DigestSet) -> tuple[Check, ...]:
        """Return the checks of the source leg; asks the source again only for what is still open."""
        head = None if self._reader.announced else self._head()
        checks = self._compare(digests, head=head)
        if first_mismatch(checks) is not None:
            return checks
        after, reread = None, None
        if not is_match(checks, CheckName.SOURCE_UNCHANGED):
            after = self._head()
        if self._work.options.double_read and digests.sha256 is not None and not _is_proven(checks):
            reread = self._read_again()
            after = after or self._head()
        return checks if after is None else self._compare(digests, head=head, after=after, reread=reread)

    def _compare(
        self,
        digests: DigestSet | None,
        *,
        head: Statement | None = None,
        after: Statement | None = None,
        reread: str | None = None,
        unread: Reason = Reason.NOT_REACHED,
    ) -> tuple[Check, ...]:
        assert self.statement is not None
        return source_checks(
            self._planned(),
            self.statement,
            digests,
            self._work.source.profile,
            layout=self.learned.told,
            head=head,
            after=after,
            reread_sha256=reread,
            unread=unread,
            attempt=self._number,
        )

    def _planned(self) -> Planned:
        # "null" is the version of an object that was written without versioning: another write takes its place under
        # that very name, and a bucket that never had versions does not state it. Only the ETag tells it from others.
        version = "" if self._item.version_id == NO_VERSION else self._item.version_id
        return Planned(etag=self._reader.pin.etag, size=self._item.size, version_id=version)

    def _raise_if_wrong(self, checks: tuple[Check, ...], where: Callable[[], str] = str) -> None:
        self.checks = checks
        mismatch = first_mismatch(checks)
        if mismatch is not None:
            raise mismatch_of(mismatch, where() if mismatch.name in _OF_THE_BYTES else "")

    def _where(self, digests: DigestSet) -> str:
        """Return the words for the parts that differ, as far as the source states checksums of each; else nothing."""
        layout, pin = self.layout, self._reader.pin
        if layout is None or not layout.multipart:
            return ""
        try:
            told = pin.store.told_parts(pin.bucket, pin.key, version_id=pin.version_id)
        except EngineError:
            return ""
        return words_for_parts(parts_that_differ(told, digests, layout), layout.count)

    def _head(self) -> Statement:
        pin = self._reader.pin
        try:
            return pin.store.head(
                pin.bucket,
                pin.key,
                version_id=pin.version_id,
                checksums=pin.checksums,
            )
        except ObjectMissing as exc:
            raise missing_at(self._reader.pin, exc) from exc
        except (NotSupported, UnknownAnswer) as exc:
            # The answer to a HEAD has no body, so its status is all that it says.
            if exc.http_status not in (400, 501):
                raise
            raise read_refused(exc) from exc

    def _read_again(self) -> str:
        """Read the whole object a second time and return its SHA-256."""
        again = self._reader_of(self._reader.pin)
        one_pass = OnePass(algorithms=frozenset({Algorithm.SHA256}))
        try:
            again.open(self._item)
            for chunk in again.chunks():
                if self._work.should_stop():
                    raise Stopped
                one_pass.feed(chunk)
        finally:
            again.close()
        return one_pass.result().sha256_hex or ""

    def _read_tags(self, said: Statement) -> Tags:
        if not self._work.options.tags:
            return Tags(None)
        side = self._work.source
        if side.profile.tagging is False:
            return Tags(None, Reason.NOT_SUPPORTED)
        try:
            return read_tags(side.store, side.bucket, self._item.key, said, is_known=side.profile.tagging is True)
        except ObjectMissing as exc:
            raise missing_at(self._reader.pin, exc) from exc

    def _reader_of(self, pin: Pin) -> SourceReader:
        work = self._work
        return SourceReader(pin, work.options.watch, work.limit, work.should_stop, lone=work.lone)

    def _pin(self) -> Pin:
        item, side = self._item, self._work.source
        return Pin(
            store=side.store,
            bucket=side.bucket,
            key=item.key,
            version_id=item.version_id,
            etag=item.etag,
            size=item.size,
            checksums=side.profile.checksum_mode is True,
        )


def mismatch_of(check: Check, where: str = "") -> EvidenceMismatch:
    """Return the error that a mismatch ends an attempt with; `where` names what of the object differs."""
    side = "destination" if check.name.startswith(("dest_", "part_", "write_")) else "source"
    what = check.name.split("_", 1)[1].replace("_", " ")
    assert check.code is not None
    return EvidenceMismatch(
        check.code, request_id=check.request_id, check="ETag" if what == "etag" else what, side=side, where=where
    )


_OF_THE_BYTES = frozenset({CheckName.SOURCE_ETAG, CheckName.SOURCE_CHECKSUM})


def _fits(checks: Sequence[Check]) -> bool:
    """Say whether the stated size is the planned one, as far as one is stated."""
    return all(check.outcome is not Outcome.MISMATCH for check in checks if check.name is CheckName.SOURCE_SIZE)


def is_match(checks: Sequence[Check], name: CheckName) -> bool:
    """Say whether there is a check of this name and all of them match."""
    named = [check for check in checks if check.name is name]
    return bool(named) and all(check.outcome is Outcome.MATCH for check in named)


def _is_proven(checks: Sequence[Check]) -> bool:
    return any(check.name in _OF_THE_BYTES for check in checks if check.outcome is Outcome.MATCH)
