"""One attempt at one item, step by step: meet, open, read, judge the source, commit, look, judge the destination.

The source leg is judged before the destination is committed: bytes known to be wrong are never committed, and
any failure before that aborts the upload. What fails afterwards is removed, if this very attempt wrote it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from integrity.digests import Algorithm, DigestSet, OnePass
from integrity.etags import EtagForm, etag_of, kind, normalise
from integrity.evidence import (
    Check,
    CheckName,
    ErrorCode,
    Finding,
    Origin,
    Outcome,
    Planned,
    ReadBack,
    Reason,
    Statement,
    destination_checks,
    fidelity_checks,
    first_mismatch,
    pair_check,
    source_checks,
    write_checks,
)
from integrity.layouts import Layout, ObjectTooLargeError, choose_layout
from integrity.verdicts import judge
from migrator.engine.addresses import LONGEST_KEY
from migrator.engine.buffers import MemoryPart, Part, SpooledPart
from migrator.engine.carrying import Tags, read_tags, wanted_encryption, write_headers
from migrator.engine.cutting import Learned, SourceObject, learn_layout
from migrator.engine.errors import (
    ConditionFailed,
    Conflict,
    DestExists,
    DestMissing,
    EngineError,
    EvidenceMismatch,
    InternalError,
    KeyInvalid,
    KeyTooLong,
    ObjectMissing,
    ObjectTooLarge,
    SourceGone,
    Stopped,
)
from migrator.engine.listing import key_bytes
from migrator.engine.planning import Item, is_legal_key
from migrator.engine.reading import Pin, SourceReader
from migrator.engine.uploading import Target, Upload, Written, put_object
from migrator.engine.workplace import IfExists, Work


class ItemCopy:
    """One attempt. `run` returns the finding or raises; `failed` makes a finding of what was known by then."""

    def __init__(self, work: Work, item: Item, number: int) -> None:
        self._work = work
        self._item = item
        self._number = number
        self._notes: list[str] = []
        self._moved = 0
        self._checks: tuple[Check, ...] = ()
        self._learned = Learned(None, (), "")
        self._layout: Layout | None = None
        self._source: Statement | None = None
        self._dest: Statement | None = None
        self._digests: DigestSet | None = None
        self._reader = SourceReader(self._pin(), work.options.watch, work.limit)
        self._tags = Tags(None)
        self.may_try_again = True
        self.nothing_to_replace = False

    def run(self) -> Finding:
        """Copy the item and return what is known of it; raise what kept it from being copied."""
        self._refuse_impossible()
        self._learned = learn_layout(self._asked())
        self._layout = self._choose_layout()
        if self._is_taken():
            return self._compare_with_existing()
        try:
            written = self._write()
        except ConditionFailed:
            return self._compare_with_existing()
        except ObjectMissing as exc:
            self.nothing_to_replace = True
            raise Conflict("what was to be replaced is gone", request_id=exc.request_id) from exc
        return self._look(written)

    def failed(self, problem: EngineError) -> Finding:
        """Return the finding of an attempt that ended in `problem`."""
        checks = self._checks + (problem.checks if isinstance(problem, EvidenceMismatch) else ())
        return replace(
            self._finding(checks),
            error_code=problem.error_code or ErrorCode.INTERNAL_ERROR,
            error_message=problem.advice,
            store_code=problem.store_code,
        )

    def take_back(self) -> None:
        """Take back the bytes that were counted: they will be read again."""
        if self._moved:
            self._work.hooks.moved(-self._moved)
            self._moved = 0

    # Before anything is read

    def _refuse_impossible(self) -> None:
        item = self._item
        if not is_legal_key(item.key) or not is_legal_key(item.dest_key):
            raise KeyInvalid(facts={"key_fault": "it is empty or not text"})
        if len(key_bytes(item.dest_key)) > LONGEST_KEY:
            raise KeyTooLong

    def _choose_layout(self) -> Layout:
        options = self._work.options
        try:
            return choose_layout(
                self._item.size,
                options.limits,
                self._learned.told,
                options.threshold,
                options.largest_mirrored_part,
            )
        except ObjectTooLargeError as exc:
            limit = f"{options.limits.largest_object:,} bytes at most"
            raise ObjectTooLarge(facts={"size": f"{self._item.size:,} bytes large", "limit": limit}) from exc

    def _is_taken(self) -> bool:
        """Say whether the key is known to be taken, so that only comparing is left to do.

        A single PUT finds out by its own condition. An upload would find out only at its end, and a bucket
        that does not honour conditions never: these ask beforehand.
        """
        item, side = self._item, self._work.destination
        assert self._layout is not None
        replaces = self._work.options.if_exists == IfExists.REPLACE
        if replaces and self._conditions_hold(replaces=item.existing_size is not None):
            return False
        must_ask = self._layout.multipart or not self._conditions_hold(replaces=replaces)
        if not must_ask and item.existing_size is None:
            return False
        found = side.store.find(side.bucket, item.dest_key)
        if not self._conditions_hold(replaces=replaces):
            self._note("race_possible")
        if found is None:
            return False
        if replaces:
            return normalise(found.etag or "") != normalise(item.existing_etag)
        if found.size != item.size:
            raise DestExists(request_id=found.request_id)
        return True

    def _conditions_hold(self, *, replaces: bool) -> bool:
        """Say whether writes to this bucket may rely on a condition; what is not known is tried."""
        profile = self._work.destination.profile
        if replaces:
            return profile.if_match_put is not False
        if self._layout is not None and self._layout.multipart and profile.if_none_match_complete is False:
            return False
        return profile.if_none_match_put is not False

    # Reading and writing

    def _write(self) -> Written:
        """Read the source, write the destination in the same pass, and commit only what the source confirms."""
        assert self._layout is not None
        if not self._layout.multipart:
            with self._work.budget.held(self._item.size, self._work.should_stop):
                return self._write_single()
        return self._write_parts(self._layout)

    def _write_single(self) -> Written:
        part = MemoryPart(self._item.size)
        try:
            self._open()
            for chunk in self._chunks_through(self._one_pass()):
                part.write(chunk)
            digests = self._judge_source()
            return put_object(self._target(), part, digests)
        finally:
            part.close()
            self._reader.close()

    def _write_parts(self, layout: Layout) -> Written:
        work = self._work
        one_pass = self._one_pass(layout)
        upload: Upload | None = None
        try:
            self._open()
            upload = Upload(self._target(), layout, work.hooks, work.parts_pool, work.budget)
            upload.open()
            self._send_parts(upload, layout, one_pass)
            upload.finish_parts()
            digests = self._judge_source()
            return upload.complete(digests, etag_of(digests, layout))
        except BaseException:
            if upload is not None and not _is_aborted(upload):
                self._note("upload_left_open")
            raise
        finally:
            self._reader.close()

    def _send_parts(self, upload: Upload, layout: Layout, one_pass: OnePass) -> None:
        work, chunks = self._work, _Chunks(self._chunks_through(one_pass))
        for span in layout.spans():
            fits = span.length <= work.budget.size // 2
            held = span.length if fits else 0
            work.budget.take(held, work.should_stop)
            part: Part | None = None
            try:
                part = MemoryPart(span.length) if fits else SpooledPart(work.spool_dir)
                for piece in chunks.take(span.length):
                    part.write(piece)
                # The pass may be ahead by what is left of a chunk, never behind.
                digest = one_pass.finished_parts(layout)[span.number - 1]
            except BaseException:
                if part is not None:
                    part.close()
                work.budget.give_back(held)
                raise
            upload.add(part, digest, held)
        chunks.finish()

    def _open(self) -> None:
        reader = self._reader
        self._source = reader.open(self._item)
        if reader.repinned:
            self._note("listing_etag_differs")
        self._tags = self._source_tags(self._source)
        self._checks = self._source_checks(None)
        mismatch = first_mismatch(self._checks)
        if mismatch is not None:
            raise _mismatch(mismatch)

    def _one_pass(self, *layouts: Layout) -> OnePass:
        self._pass = OnePass(dict.fromkeys((*layouts, *self._learned.candidates)))
        return self._pass

    def _chunks_through(self, one_pass: OnePass) -> Iterator[bytes]:
        for chunk in self._reader.chunks():
            if self._work.should_stop():
                raise Stopped
            one_pass.feed(chunk)
            self._moved += len(chunk)
            self._work.hooks.moved(len(chunk))
            yield chunk
        if self._reader.resumes:
            self._note("resumed")

    def _judge_source(self) -> DigestSet:
        """Compare what was read with all that the source states; raise before wrong bytes are committed."""
        digests = self._digests = self._pass.result()
        self._checks = self._source_checks(digests)
        mismatch = first_mismatch(self._checks)
        if mismatch is not None:
            raise _mismatch(mismatch)
        return digests

    def _source_checks(self, digests: DigestSet | None) -> tuple[Check, ...]:
        """Return the checks of the source leg; asks the source again only for what is still open."""
        assert self._source is not None
        head = None
        if digests is not None and not self._reader.announced:
            head = self._head_source()
        checks = self._compare_source(digests, head=head)
        if digests is None or first_mismatch(checks) is not None:
            return checks
        after, reread = None, None
        if not _is_match(checks, CheckName.SOURCE_UNCHANGED):
            after = self._head_source()
        if self._work.options.double_read and not _proves_source(checks):
            reread = self._read_again()
            after = after or self._head_source()
        if after is None:
            return checks
        return self._compare_source(digests, head=head, after=after, reread=reread)

    def _compare_source(
        self,
        digests: DigestSet | None,
        *,
        head: Statement | None = None,
        after: Statement | None = None,
        reread: str | None = None,
    ) -> tuple[Check, ...]:
        assert self._source is not None
        return source_checks(
            Planned(etag=self._reader.pin.etag, size=self._item.size, version_id=self._item.version_id),
            self._source,
            digests,
            self._work.source.profile,
            layout=self._learned.told,
            head=head,
            after=after,
            reread_sha256=reread,
            attempt=self._number,
        )

    def _head_source(self) -> Statement:
        pin = self._reader.pin
        try:
            return pin.store.head(
                pin.bucket,
                pin.key,
                version_id=pin.version_id,
                checksums=pin.checksums,
                requester_pays=pin.requester_pays,
            )
        except ObjectMissing as exc:
            raise SourceGone(store_code=exc.store_code, request_id=exc.request_id) from exc

    def _read_again(self) -> str:
        """Read the whole source object a second time and return its SHA-256."""
        again = SourceReader(self._reader.pin, self._work.options.watch, self._work.limit)
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

    # After the commit

    def _look(self, written: Written) -> Finding:
        """Ask the destination what it holds now, judge, and remove what is wrong if we wrote it."""
        assert self._digests is not None
        assert self._layout is not None
        if written.reply is None:
            self._note("recovered")
        after = self._head_dest(written.reply.version_id if written.reply else "")
        identity = written.found
        if identity is None and self._work.destination.profile.etag_stable is False:
            # The ETag of the write's answer does not last here; the first HEAD names the object.
            identity, after = after, self._head_dest(after.version_id)
        self._dest = after
        source_leg = self._checks
        sent = write_checks(
            self._digests,
            self._layout,
            self._work.destination.profile,
            sent=written.sent,
            reply=written.reply,
            part_replies=written.part_replies,
            attempt=self._number,
        )
        checks = (*source_leg, *sent, *self._dest_checks(written.reply, after, identity, readback=None))
        if first_mismatch(checks) is None and self._work.options.reads_back(self._item.key):
            readback = self._read_back(after)
            checks = (*source_leg, *sent, *self._dest_checks(written.reply, after, identity, readback=readback))
        checks = _of_our_object(checks)
        self._checks = (*checks, *self._other_checks(after, written.reply))
        mismatch = first_mismatch(self._checks)
        if mismatch is not None:
            self._remove(after)
            raise _mismatch(mismatch)
        return self._finding(self._checks)

    def _dest_checks(
        self,
        reply: Statement | None,
        after: Statement,
        identity: Statement | None,
        *,
        readback: ReadBack | None,
    ) -> tuple[Check, ...]:
        assert self._digests is not None
        return destination_checks(
            self._digests,
            self._layout,
            self._work.destination.profile,
            write_reply=reply,
            after=after,
            identity=identity,
            readback=readback,
            attempt=self._number,
        )

    def _other_checks(self, after: Statement, reply: Statement | None) -> tuple[Check, ...]:
        """Return the pair's check and those of what travels beside the bytes."""
        assert self._source is not None
        options, work = self._work.options, self._work
        dest_tags = self._dest_tags(after)
        pair = pair_check(
            self._source,
            after,
            work.source.profile,
            work.destination.profile,
            source_layout=self._source_layout(),
            dest_layout=self._layout,
            attempt=self._number,
        )
        return (
            pair,
            *fidelity_checks(
                self._source,
                after,
                write_reply=reply,
                source_tags=self._tags.values,
                dest_tags=dest_tags.values,
                tags_reason=self._tags.reason if self._tags.values is None else dest_tags.reason,
                storage_class=self._storage_class() or "STANDARD",
                encryption=wanted_encryption(options.encryption),
                redirect=options.website_redirect,
                attempt=self._number,
            ),
        )

    def _head_dest(self, version_id: str) -> Statement:
        """HEAD what was written; not every store shows it at once."""
        side, options = self._work.destination, self._work.options
        deadline = time.monotonic() + options.found_within_seconds
        tried = 0
        while True:
            tried += 1
            try:
                return side.store.head(
                    side.bucket,
                    self._item.dest_key,
                    version_id=version_id,
                    checksums=side.profile.checksum_mode is True,
                )
            except EngineError as exc:
                if exc.http_status != 404:
                    raise
                if time.monotonic() >= deadline:
                    raise DestMissing(store_code=exc.store_code, request_id=exc.request_id) from exc
                side.store.patience.wait(tried)

    def _read_back(self, after: Statement) -> ReadBack:
        """Read the whole destination object, of the version that was confirmed."""
        side = self._work.destination
        one_pass = OnePass(algorithms=frozenset({Algorithm.SHA256}))
        body = side.store.open(side.bucket, self._item.dest_key, version_id=after.version_id)
        try:
            for chunk in body.chunks():
                if self._work.should_stop():
                    raise Stopped
                one_pass.feed(chunk)
        finally:
            body.close()
        digests = one_pass.result()
        said = replace(body.statement, origin=Origin.READBACK)
        return ReadBack(statement=said, sha256=digests.sha256_hex or "", size=digests.size)

    def _remove(self, after: Statement) -> None:
        """Remove wrong bytes if what is there is what this attempt wrote; else name them and leave them."""
        if not _is_match(self._checks, CheckName.DEST_IDENTITY):
            self._note("wrong_copy_left")
            self.may_try_again = False
            return
        side = self._work.destination
        try:
            side.store.delete(side.bucket, self._item.dest_key, version_id=after.version_id)
        except EngineError:
            self._note("wrong_copy_left")
            self.may_try_again = False
        else:
            self._note("wrong_copy_removed")
            self.nothing_to_replace = True

    # Something is there already

    def _compare_with_existing(self) -> Finding:
        """Read the source without writing and judge what the destination holds; `DestExists` unless verified."""
        side = self._work.destination
        first = side.store.find(side.bucket, self._item.dest_key, checksums=side.profile.checksum_mode is True)
        if first is None:
            raise DestMissing("taken when we wrote, gone when we looked")
        if first.size != self._item.size:
            raise DestExists(request_id=first.request_id)
        if self._digests is None:
            self._read_only(first)
        assert self._digests is not None
        self._layout = self._layout_of(first)
        after = self._head_dest(first.version_id)
        self._dest = after
        readback = self._read_back(after) if self._work.options.reads_back(self._item.key) else None
        checks = (
            *self._checks,
            *self._dest_checks(None, after, first, readback=readback),
            *self._other_checks(after, None),
        )
        if not judge(checks, self._work.options.policy, None).is_valid:
            raise DestExists(request_id=first.request_id)
        self._note("already_there")
        self._checks = checks
        return self._finding(checks)

    def _read_only(self, existing: Statement) -> None:
        """Pass the source through the digests, in the layouts that the existing object may have too."""
        try:
            self._open()
            layouts = [self._layout] if self._layout is not None and self._layout.multipart else []
            for _ in self._chunks_through(self._one_pass(*layouts, *self._layouts_like(existing))):
                pass
            self._judge_source()
        finally:
            self._reader.close()

    def _layouts_like(self, existing: Statement) -> Sequence[Layout]:
        found = kind(existing.etag or "")
        if found.form is not EtagForm.MULTIPART:
            return ()
        side = self._work.destination
        asked = SourceObject(
            side.store,
            side.bucket,
            self._item.dest_key,
            existing.version_id,
            self._item.size,
            existing.etag or "",
        )
        return learn_layout(asked).candidates

    def _layout_of(self, existing: Statement) -> Layout | None:
        """Return the layout, among those that were computed, by which the existing ETag is explained."""
        assert self._digests is not None
        found = kind(existing.etag or "")
        if found.form is EtagForm.MD5:
            return Layout.single(self._item.size)
        layouts = [each for each in self._digests.parts if isinstance(each, Layout) and each.multipart]
        etag = normalise(existing.etag or "")
        return next((each for each in layouts if etag_of(self._digests, each) == etag), None)

    # What it is made of

    def _pin(self) -> Pin:
        item, side = self._item, self._work.source
        return Pin(
            store=side.store,
            bucket=side.bucket,
            key=item.key,
            version_id=item.version_id,
            etag=item.etag,
            size=item.size,
            requester_pays=self._work.options.requester_pays,
            checksums=side.profile.checksum_mode is True,
        )

    def _asked(self) -> SourceObject:
        item, side = self._item, self._work.source
        return SourceObject(
            side.store,
            side.bucket,
            item.key,
            item.version_id,
            item.size,
            item.etag,
            self._work.options.requester_pays,
        )

    def _target(self) -> Target:
        assert self._source is not None
        item, work, options = self._item, self._work, self._work.options
        replaces = options.if_exists == IfExists.REPLACE and item.existing_size is not None
        conditional = self._conditions_hold(replaces=replaces)
        return Target(
            store=work.destination.store,
            bucket=work.destination.bucket,
            key=item.dest_key,
            profile=work.destination.profile,
            headers=write_headers(
                self._source,
                self._tags,
                storage_class=self._storage_class(),
                encryption=options.encryption,
                kms_key_id=options.kms_key_id,
                redirect=options.website_redirect,
            ),
            if_none_match=conditional and not replaces,
            if_match=item.existing_etag if conditional and replaces else "",
        )

    def _storage_class(self) -> str:
        stated = (self._source.storage_class if self._source else "") or self._item.storage_class or "STANDARD"
        return self._work.options.storage_class_map.get(stated, "")

    def _source_tags(self, said: Statement) -> Tags:
        if not self._work.options.tags:
            return Tags(None)
        side = self._work.source
        try:
            return read_tags(side.store, side.bucket, self._item.key, said)
        except ObjectMissing as exc:
            raise SourceGone(store_code=exc.store_code, request_id=exc.request_id) from exc

    def _dest_tags(self, after: Statement) -> Tags:
        if not self._tags.values and (self._tags.values is None or not after.tag_count):
            return Tags(self._tags.values, self._tags.reason)
        side = self._work.destination
        return read_tags(side.store, side.bucket, self._item.dest_key, after)

    def _source_layout(self) -> Layout | None:
        """Return the source's layout: told, or the inferred one that gives its ETag."""
        if self._learned.told is not None or self._digests is None or self._source is None:
            return self._learned.told
        for layout in self._learned.candidates:
            if etag_of(self._digests, layout) == normalise(self._source.etag or ""):
                return layout
        return None

    def _note(self, note: str) -> None:
        if note not in self._notes:
            self._notes.append(note)

    def _finding(self, checks: tuple[Check, ...]) -> Finding:
        item, digests = self._item, self._digests
        calculated = etag_of(digests, self._layout) if digests is not None and self._layout is not None else None
        there = "already_there" in self._notes
        return Finding(
            index=item.index,
            key=item.key,
            dest_key=item.dest_key,
            planned_size=item.size,
            planned_etag=item.etag,
            planned_version_id=item.version_id,
            planned_last_modified=item.last_modified,
            checks=checks,
            source=self._source,
            dest=self._dest,
            digests=digests,
            source_layout=self._source_layout(),
            dest_layout=self._layout,
            layout_learned=self._learned.how,
            calculated_etag=calculated or "",
            notes=tuple(self._notes),
            bytes_read=self._moved,
            bytes_written=item.size if self._dest is not None and not there else 0,
        )


class _Chunks:
    """A stream of chunks, taken in exact lengths."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")

    def take(self, count: int) -> Iterator[memoryview]:
        """Yield pieces of `count` bytes in all; the stream raises where it is shorter."""
        while count:
            if not self._left:
                chunk = next(self._chunks, None)
                if chunk is None:
                    raise InternalError("a body of the planned size ended early")
                self._left = memoryview(chunk)
            piece, self._left = self._left[:count], self._left[count:]
            count -= len(piece)
            yield piece

    def finish(self) -> None:
        """Read to the end, so that what comes after the planned size is noticed."""
        for _ in self._chunks:
            pass


_REPLIES = frozenset({Origin.PUT_REPLY, Origin.COMPLETE_REPLY})


def _of_our_object(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Where somebody else's object is there now, what it states says nothing about ours: only that is the finding."""
    changed = any(check.name is CheckName.DEST_IDENTITY and check.outcome is Outcome.MISMATCH for check in checks)
    if not changed:
        return tuple(checks)
    foreign = {CheckName.DEST_SIZE, CheckName.DEST_ETAG, CheckName.DEST_CHECKSUM, CheckName.DEST_READBACK}
    return tuple(
        replace(check, outcome=Outcome.NOT_COMPARABLE, reason=Reason.NOT_REACHED)
        if check.name in foreign and check.outcome is Outcome.MISMATCH and check.origin not in _REPLIES
        else check
        for check in checks
    )


def _is_aborted(upload: Upload) -> bool:
    try:
        return upload.abort()
    except EngineError:
        return False


def _mismatch(check: Check) -> EvidenceMismatch:
    side = "destination" if check.name.startswith(("dest_", "part_", "write_")) else "source"
    what = check.name.split("_", 1)[1].replace("_", " ")
    assert check.code is not None
    return EvidenceMismatch(
        check.code, request_id=check.request_id, check="ETag" if what == "etag" else what, side=side
    )


def _is_match(checks: Sequence[Check], name: CheckName) -> bool:
    named = [check for check in checks if check.name is name]
    return bool(named) and all(check.outcome is Outcome.MATCH for check in named)


def _proves_source(checks: Sequence[Check]) -> bool:
    names = {CheckName.SOURCE_ETAG, CheckName.SOURCE_CHECKSUM}
    return any(check.name in names and check.outcome is Outcome.MATCH for check in checks)
