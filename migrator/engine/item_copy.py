"""One attempt at one item, step by step: learn the layout, read and write in one pass, judge, look, judge again.

The source leg is judged before the destination is committed: bytes known to be wrong are never committed, and
any failure before that aborts the upload. What fails afterwards is removed, if this very attempt wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import wait
from datetime import UTC, datetime

from integrity.algorithms import Algorithm
from integrity.digests import OnePass
from integrity.etags import etag_of
from integrity.evidence import Encryption, EtagMeaning, Finding, Proof, first_mismatch
from integrity.layouts import USUAL_PART, Layout, ObjectTooLargeError, choose_layout
from integrity.verdicts import judge
from migrator.engine.buffers import MemoryPart, Part, Pipe, Room, SpooledPart
from migrator.engine.dest_leg import DestLeg
from migrator.engine.errors import (
    NOTHING_DONE,
    ConditionFailed,
    Conflict,
    ConnectionProblem,
    DestMissing,
    InternalError,
    ObjectMissing,
    ObjectTooLarge,
    PartTooLarge,
    SecretRefused,
    Stopped,
    StoreBusy,
    StoreFault,
)
from migrator.engine.held_parts import purpose_of
from migrator.engine.item_attempt import ItemAttempt
from migrator.engine.lines import READ_SIZE
from migrator.engine.requests import PUT
from migrator.engine.source_leg import mismatch_of
from migrator.engine.uploading import Upload
from migrator.engine.writing import Sending, Written, cleared_up, may_leave_unsigned, put_object, put_through

# Above this an upload in parts is worth more: a stop in its midst does not lose all of it.
STRAIGHT_UP_TO = 1024 * 1024 * 1024
# What may wait between reading and sending.
_PIPE = 2 * 1024 * 1024
# Where the one that was stated turns out to be none, the body is read again in parts.
_MAY_BE_MD5 = frozenset({EtagMeaning.MD5, EtagMeaning.MIXED, EtagMeaning.UNKNOWN})


class _NothingTaken(Exception):
    """The destination took nothing of a body that passes straight through. Not an error: read it again."""

    def __init__(self, problem: StoreBusy) -> None:
        super().__init__(str(problem))
        self.problem = problem


class _NotItsMd5(Exception):
    """What the source states in the form of an MD5 is not that of the bytes. Not an error: it says nothing of them."""


class _TooLargeForOne(Exception):
    """One body so large is not taken, by a proxy mostly. Not an error: parts may be."""


class ItemCopy(ItemAttempt):
    """One attempt at copying. `may_try_again` is false where wrong bytes had to be left."""

    _dest: DestLeg

    def _dest_leg(self) -> DestLeg:
        return DestLeg(self._work, self._item, self._number, self._note, self._source)

    def _run(self) -> Finding:
        self._refuse_impossible()
        self._dest.refuse_unnamed_class()
        self._source.learn()
        layout = self._layout = self._choose_layout()
        if self._dest.is_taken(layout):
            return self._compare_with_existing(layout)
        try:
            written = self._write(layout)
        except ConditionFailed:
            return self._compare_with_existing(self._layout)
        except ObjectMissing as exc:
            self.nothing_to_replace = True
            raise Conflict("what was to be replaced is gone", request_id=exc.request_id) from exc
        return self._judge_written(written, self._layout)

    def _choose_layout(self, *, in_our_own: bool = False) -> Layout:
        options, limits = self._work.options, self._work.limits
        if self._may_go_straight():
            return Layout.single(self._item.size)
        largest = options.largest_mirrored_part
        if in_our_own or self._work.no_large_parts.is_set():
            largest = min(largest, USUAL_PART)
        try:
            return choose_layout(
                self._item.size,
                limits,
                self._source.learned.told,
                options.threshold,
                largest,
            )
        except ObjectTooLargeError as exc:
            limit = f"{limits.reach:,} bytes at most"
            raise ObjectTooLarge(facts={"size": f"{self._item.size:,} bytes large", "limit": limit}) from exc

    def _may_go_straight(self) -> bool:
        """Say whether the body may pass straight through in one PUT: its MD5 is known, and the store checks it.

        It takes no memory for parts and no digest of each, and the ETag stays what it was.
        """
        limits, dest = self._work.limits, self._work.destination.profile
        return (
            self._item.size > self._work.options.threshold
            and self._item.size <= min(STRAIGHT_UP_TO, limits.single_put, limits.largest_object)
            and self._source.stated_md5 is not None
            and self._work.source.profile.etag_single in _MAY_BE_MD5
            and may_leave_unsigned(dest)
            and dest.proves_single_etag
            and dest.content_md5 is not Proof.REFUSES
            and Algorithm.MD5 not in self._work.options.leave_out_digests
            # The reply's ETag will not be an MD5 then, and parts bring a checksum of the whole.
            and Encryption.of(self._work.options.encryption) is not Encryption.SSE_KMS
            and not self._work.no_md5_at_source.is_set()
            and not self._work.no_large_bodies.is_set()
        )

    # Reading and writing

    def _write(self, layout: Layout) -> Written:
        """Read the source, write the destination in the same pass, and commit only what the source confirms."""
        try:
            if layout.multipart:
                return self._write_parts(layout)
            if self._item.size > self._work.options.threshold:
                return self._write_large(layout)
            with self._work.budget.held(self._item.size, self._work.should_stop):
                return self._write_single(layout)
        finally:
            self._source.close()

    def _write_single(self, layout: Layout) -> Written:
        part = MemoryPart(self._item.size)
        try:
            self._source.open()
            for chunk in self._source.chunks():
                part.write(chunk)
            digests = self._source.judge()
            return put_object(self._dest.target(layout), part, digests, self._work.should_stop)
        finally:
            part.close()

    def _write_large(self, layout: Layout) -> Written:
        """Write what may pass straight through; read it again, with patience, while the destination takes nothing.

        It is read again in parts too, where the MD5 that went ahead turned out to be none of these bytes, or the body
        is refused for its size.
        """
        store, tried = self._work.destination.store, 0
        while True:
            try:
                return self._write_straight_or_in_parts(layout)
            except _NotItsMd5:
                self._work.no_md5_at_source.set()
            except _TooLargeForOne:
                self._work.no_large_bodies.set()
            except _NothingTaken as exc:
                tried += 1
                if tried >= store.patience.tries:
                    raise exc.problem from exc
                store.repeats(PUT.name, exc.problem)
                self._source.close()
                store.patience.wait(tried, self._work.should_stop)
            self._source.close()
            self._source.begin_again()

    def _write_straight_or_in_parts(self, layout: Layout) -> Written:
        """Go straight if the reply confirms that the ETag is the MD5 of the bytes; else as if that were not known."""
        self._source.open()
        said = self._source.statement
        if said is not None and said.encryption in (Encryption.SSE_KMS, Encryption.SSE_C):
            self._work.no_md5_at_source.set()
        if not self._may_go_straight():
            layout = self._layout = self._choose_layout()
            if self._dest.is_taken(layout):
                # An upload learns it only at its end, or never: what was asked for one PUT does not count.
                raise ConditionFailed
            return self._write_parts(layout)
        with self._work.budget.held(_PIPE + READ_SIZE, self._work.should_stop):
            return self._write_straight(layout)

    def _write_straight(self, layout: Layout) -> Written:
        """Send the body as it is read; its last piece waits until the source leg has been judged."""
        target, pipe = self._dest.target(layout), Pipe(self._item.size, _PIPE)
        md5 = self._source.stated_md5
        assert md5 is not None
        sending = Sending(pipe.size, md5.hex(), {}, datetime.now(UTC))
        writing = self._work.parts_pool.submit(put_through, target, pipe, md5, self._work.should_stop)
        try:
            last = b""
            for chunk in self._source.chunks():
                if last and not pipe.write(last):
                    break
                last = chunk
            else:
                if self._source.judge().md5 != md5:
                    raise _NotItsMd5
                pipe.write(last)
        except BaseException:
            pipe.give_up()
            wait([writing])
            raise
        try:
            written = writing.result()
        except NOTHING_DONE as exc:
            raise _NothingTaken(exc) from exc
        except ObjectTooLarge as exc:
            raise _TooLargeForOne from exc
        if self._source.digests is None:
            raise StoreFault(facts={"fault": "said yes before it had all"})
        return cleared_up(target, written, sending) if written.is_unclear else written

    def _write_parts(self, layout: Layout) -> Written:
        """Write in parts; read again and write in our own where parts as large as the source's are not taken."""
        try:
            return self._write_as(layout)
        except PartTooLarge:
            self._work.no_large_parts.set()
            smaller = self._choose_layout()
            if smaller.largest_part >= layout.largest_part:
                raise
        self._layout = smaller
        self._source.close()
        self._source.begin_again()
        return self._write_as(smaller)

    def _write_as(self, layout: Layout) -> Written:
        work = self._work
        one_pass = self._source.open(layout)
        if self._was_kept_in_smaller(layout):
            raise PartTooLarge
        upload = self._upload(layout)
        try:
            upload.open(work.kept_uploads.pop(self._item.dest_key, ()))
            self._send_parts(upload, layout, one_pass)
            upload.finish_parts()
            digests = self._source.judge()
            return upload.complete(digests, etag_of(digests, layout))
        except SecretRefused:
            # Perhaps of this odd key alone. Where the keys are to blame they do not abort it either, and it is kept.
            upload.abort()
            raise
        except (Stopped, ConnectionProblem):
            # No failure of the object: what has arrived of a large one is worth keeping.
            if self._item.size > work.options.keep_above and upload.can_be_continued:
                upload.leave()
            else:
                upload.abort()
            raise
        except BaseException:
            upload.abort()
            raise

    def _was_kept_in_smaller(self, layout: Layout) -> bool:
        """Say whether an upload in parts of our own was kept: parts as large as these were refused before it."""
        kept = {each.purpose for each in self._work.kept_uploads.get(self._item.dest_key, ())}
        smaller = self._choose_layout(in_our_own=True) if kept else layout
        return smaller.largest_part < layout.largest_part and self._upload(smaller).purpose in kept

    def _upload(self, layout: Layout) -> Upload:
        assert self._source.statement is not None
        work, target = self._work, self._dest.target(layout)
        purpose = purpose_of(self._item, self._source.statement, target, layout)
        return Upload(target, layout, purpose, work.hooks, work.parts_pool, self._note, work.should_stop)

    def _send_parts(self, upload: Upload, layout: Layout, one_pass: OnePass) -> None:
        work, chunks = self._work, _Chunks(self._source.chunks())
        for span in layout.spans():
            fits = span.length <= work.budget.size // 2
            # What an item holds while it waits here is on its way already, so it comes free whoever waits.
            room = Room(work.budget if fits else work.spool_quota, span.length)
            room.budget.take(room.size, work.should_stop)
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
                room.give_back()
                raise
            upload.add(part, digest, room)
        chunks.finish()

    # After the commit

    def _judge_written(self, written: Written, layout: Layout) -> Finding:
        """Judge what the destination holds now, and remove it if it is wrong and ours."""
        assert self._source.digests is not None
        self._dest_checks = self._dest.look(written, self._source.digests, layout)
        mismatch = first_mismatch((*self._source.checks, *self._dest_checks))
        if mismatch is None:
            return self._finding()
        self.may_try_again = self._dest.remove(self._dest_checks)
        self.nothing_to_replace = self.may_try_again and not self._dest.is_back()
        raise mismatch_of(mismatch)

    def _compare_with_existing(self, layout: Layout) -> Finding:
        """Read the source without writing and judge what the destination holds; `DestExists` unless verified."""
        try:
            first = self._dest.existing()
        except DestMissing:
            # Some stores answer 412 also where there is nothing to replace any more.
            self.nothing_to_replace = True
            raise
        if self._source.digests is None:
            layouts = (layout,) if layout.multipart else ()
            try:
                self._source.open(*layouts, *self._dest.layouts_like(first))
                for _ in self._source.chunks():
                    pass
                self._source.judge()
            finally:
                self._source.close()
        assert self._source.digests is not None
        self._layout, checks = self._dest.compare_existing(first, self._source.digests)
        if not judge((*self._source.checks, *checks), self._work.options.policy, None).is_valid:
            raise self._dest.taken(first.request_id)
        self._note("already_there")
        self._dest_checks = checks
        return self._finding()

    @property
    def _bytes_written(self) -> int:
        is_ours = self._dest.statement is not None and "already_there" not in self._notes
        return self._item.size if is_ours else 0


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
