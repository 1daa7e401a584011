"""Writing one destination object in parts: opened once, filled in the background, completed, aborted or left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from integrity.digests import DigestSet, PartDigest
from integrity.etags import EtagForm, kind, normalise
from integrity.evidence import (
    Check,
    CheckName,
    ErrorCode,
    EtagMeaning,
    Outcome,
    Statement,
)
from integrity.layouts import Layout
from migrator.engine.buffers import Part, Room
from migrator.engine.errors import (
    NOTHING_DONE,
    AnswerUnreadable,
    CompleteFailed,
    CompleteUnclear,
    ConnectionProblem,
    EngineError,
    EvidenceMismatch,
    NotSupported,
    ObjectMissing,
    ObjectTooLarge,
    PartNotTaken,
    PartsRefused,
    PartsTooSmall,
    PartTooLarge,
    Stopped,
    StoreBusy,
    UploadGone,
)
from migrator.engine.held_parts import HeldParts, KeptUpload
from migrator.engine.opening import Opening
from migrator.engine.pacing import LastMoment
from migrator.engine.part_replies import PartReplies
from migrator.engine.requests import PUT_PART
from migrator.engine.stores import SentPart
from migrator.engine.writing import MOST_SENDS, Sending, Target, Written, checksum_headers, send_again_if_refused

PARTS_IN_FLIGHT = 3


class UploadHooks(Protocol):
    """Who must know of an upload before its first part, and when nothing of it is left."""

    def upload_opened(self, dest_key: str, upload_id: str, purpose: str) -> None: ...
    def upload_closed(self, dest_key: str, upload_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class _Flight:
    """A part on its way, and the room it holds."""

    future: Future[None]
    part: Part
    room: Room


@dataclass(slots=True)
class Upload:
    """One multipart upload: opened, filled in the background within a budget, then completed, aborted or left."""

    target: Target
    layout: Layout
    purpose: str
    hooks: UploadHooks
    pool: Executor
    note: Callable[[str], None]
    should_stop: Callable[[], bool]
    upload_id: str = ""
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    _held: HeldParts = field(default_factory=HeldParts)
    _replies: PartReplies = field(default_factory=PartReplies)
    _flying: list[_Flight] = field(default_factory=list)
    _moment: LastMoment = field(init=False)
    # Whether a part was given up before its answer came: it may land yet, and nobody waits for who is silent.
    _is_cut: bool = False

    def __post_init__(self) -> None:
        self._moment = LastMoment(self.should_stop)

    @property
    def can_be_continued(self) -> bool:
        """Whether another attempt could tell which parts are there; else there is nothing to keep it for."""
        return self.target.names_parts

    def open(self, kept: Sequence[KeptUpload] = ()) -> None:
        """Go on with an upload that was kept, where one has this very purpose and fits; else create one.

        Its id and its purpose are known before its first part. What was kept and is of no use here is aborted.
        """
        for each in kept:
            if each.purpose != self.purpose or not self._takes_up(each.upload_id):
                self._abort(each.upload_id)
        if not self.upload_id:
            self._create()

    def _takes_up(self, upload_id: str) -> bool:
        target = self.target
        if self.upload_id or not target.names_parts:
            return False
        try:
            held = HeldParts.of(target.store.list_parts(target.bucket, target.key, upload_id), self.layout)
        except EngineError:
            # It was aborted, or cannot be looked into. Where the line itself is bad the next request says so.
            return False
        if held is None:
            return False
        self.upload_id, self._held = upload_id, held
        return True

    def _create(self) -> None:
        target = self.target
        opening = Opening(target.store, target.bucket, target.key)
        try:
            self.upload_id = opening.open(target.headers, target.algorithm)
            self.hooks.upload_opened(target.key, self.upload_id, self.purpose)
        finally:
            self._abort_strays(opening.strays())

    def add(self, part: Part, digest: PartDigest, room: Room) -> None:
        """Send a part in the background, unless it is there; its room is given back when it has arrived.

        Raises what kept an earlier one from arriving, or `EvidenceMismatch` where another part is in its place, and
        lets this one go then. A wish to stop keeps parts from arriving that do not do so in a moment.
        """
        try:
            is_there = self._holds(digest)
            if not is_there:
                self._make_way()
        except BaseException:
            _let_go(part, room)
            raise
        if is_there:
            _let_go(part, room)
        else:
            self._flying.append(_Flight(self.pool.submit(self._send, part, digest, room), part, room))

    def _make_way(self) -> None:
        if len(self._flying) >= PARTS_IN_FLIGHT:
            self._flying.pop(0).future.result()

    def _holds(self, digest: PartDigest) -> bool:
        reply = self._held.statement_of(digest.number)
        if reply is None:
            return False
        assert digest.md5 is not None
        observed, expected = normalise(reply.etag or ""), digest.md5.hex()
        if observed != expected:
            raise _part_mismatch(CheckName.PART_ETAGS, ErrorCode.PART_ETAG_MISMATCH, expected, observed, reply)
        self._replies.take(digest.number, reply)
        self.note("upload_continued")
        return True

    def finish_parts(self) -> None:
        """Wait for all parts; raise what kept one from arriving."""
        while self._flying:
            self._flying.pop(0).future.result()

    def complete(self, digests: DigestSet, expected_etag: str | None) -> Written:
        """Complete and find out what an unclear answer meant.

        Raises `CompleteFailed` where nothing was completed, or what clearly did nothing in the end (`NOTHING_DONE`);
        `ConditionFailed` where the key is taken, `ObjectMissing` where what was to be replaced is gone.
        """
        unclear: StoreBusy | None = None
        for tried in range(1, self.target.store.patience.tries + 1):
            if unclear is not None:
                self.target.store.repeats("CompleteMultipartUpload", unclear)
            try:
                reply = self._complete(digests)
            except UploadGone as exc:
                found = self._found(digests, expected_etag) if unclear else None
                if found is None:
                    raise self._meant_by(exc) from exc
            except NotSupported as exc:
                if self._has_parts_whole():
                    raise
                # What it refuses is the size or the checksum of the whole, of which it has lost something.
                raise _parts_refused(exc) from exc
            except StoreBusy as exc:
                unclear = exc
                found = self._found(digests, expected_etag)
            else:
                self.hooks.upload_closed(self.target.key, self.upload_id)
                return Written(reply, None, self._replies, self._sent)
            if found is not None:
                # Another writer may have put the same bytes there, and then ours is still open.
                self._abort(self.upload_id)
                return Written(None, found, self._replies, self._sent)
            self.target.store.patience.wait(tried, self.should_stop)
        if isinstance(unclear, NOTHING_DONE):
            raise unclear
        # Only what could not be read was a yes.
        kind = CompleteFailed if isinstance(unclear, AnswerUnreadable) else CompleteUnclear
        raise kind("no clear answer to Complete")

    @property
    def _sent(self) -> frozenset[str]:
        return self.target.sent(signed=self.target.signs_parts)

    def abort(self) -> None:
        """Abort until nothing of it is left; where it could not be the id stays known, and that is noted.

        So it does where a stop gave up a part on its way.
        """
        self.leave()
        if self._is_cut:
            self.note("upload_left_open")
        elif self.upload_id:
            self._abort(self.upload_id)

    def leave(self) -> None:
        """Send nothing more, and leave what has arrived. The id stays known: somebody else goes on, or aborts it."""
        for flight in self._flying:
            if flight.future.cancel():
                _let_go(flight.part, flight.room)
        wait([flight.future for flight in self._flying])
        self._flying.clear()

    def _abort_strays(self, strays: Sequence[str] | None) -> None:
        """Abort what lost answers left open; where it may be somebody else's it is left alone, and that is noted."""
        if strays is None:
            self.note("upload_perhaps_left_open")
            return
        for upload_id in strays:
            # Nobody goes on with it: who began it, and what for, is only concluded.
            self.hooks.upload_opened(self.target.key, upload_id, "")
            self._abort(upload_id)

    def _abort(self, upload_id: str) -> None:
        target = self.target
        try:
            is_gone = target.store.abort_until_gone(target.bucket, target.key, upload_id, should_stop=self.should_stop)
        except EngineError:
            is_gone = False
        if is_gone:
            self.hooks.upload_closed(target.key, upload_id)
        else:
            self.note("upload_left_open")

    def _send(self, part: Part, digest: PartDigest, room: Room) -> None:
        try:
            self._replies.take(digest.number, self._send_checked(part, digest))
        except NotSupported as exc:
            said = {"said": exc.store_code or "no more", "part": f"{digest.number:,}"}
            raise PartNotTaken(str(exc), store_code=exc.store_code, request_id=exc.request_id, facts=said) from exc
        except ObjectTooLarge as exc:
            size = {"size": f"{self.layout.part_size(digest.number):,} bytes", "part": f"{digest.number:,}"}
            raise PartTooLarge(str(exc), store_code=exc.store_code, request_id=exc.request_id, facts=size) from exc
        except Stopped:
            self._is_cut = True
            raise
        finally:
            _let_go(part, room)

    def _send_checked(self, part: Part, digest: PartDigest) -> Statement:
        """Send a part until the store states its MD5, where it is one that does."""
        target, tried = self.target, 0
        sums = target.checksums(digest)
        while True:
            tried += 1
            reply = send_again_if_refused(
                lambda: target.store.upload_part(
                    target.bucket,
                    target.key,
                    self.upload_id,
                    digest.number,
                    part.body,
                    content_md5=target.content_md5(digest.md5),
                    checksums=sums,
                    is_signed=target.signs_parts,
                    # Hashed anew, a buffer that has changed meanwhile would go out as if it were what was read.
                    payload_sha256=digest.sha256_hex or "",
                    should_stop=self._moment.is_over,
                ),
                part,
                digest,
                partial(target.store.repeats, PUT_PART.name),
            )
            problem = _part_problem(reply, digest, sums, self.target)
            if problem is None:
                return reply
            if tried >= MOST_SENDS:
                raise problem
            target.store.repeats(PUT_PART.name, problem)

    def _complete(self, digests: DigestSet) -> Statement:
        target = self.target
        parts = (
            SentPart(part.number, reply.etag or "", target.checksums(part))
            for part, reply in zip(digests.parts[self.layout], self._replies, strict=True)
        )
        return target.store.complete_upload(
            target.bucket,
            target.key,
            self.upload_id,
            parts,
            checksums=checksum_headers(target.algorithm, digests),
            size=digests.size,
            if_none_match=target.if_none_match,
            if_match=target.if_match,
        )

    def _meant_by(self, exc: UploadGone) -> ObjectMissing | PartsRefused:
        """Return what a refusal says: under If-Match a 404 may be about what was to be replaced, not the upload."""
        target = self.target
        if target.if_match and exc.http_status == 404 and target.store.find(target.bucket, target.key) is None:
            return ObjectMissing(str(exc), request_id=exc.request_id)
        return _parts_refused(exc)

    def _has_parts_whole(self) -> bool:
        """Say whether the store lists each part in its size, and yes where it cannot be asked for them."""
        target = self.target
        try:
            held = HeldParts.of(target.store.list_parts(target.bucket, target.key, self.upload_id), self.layout)
        except (ConnectionProblem, StoreBusy, UploadGone):
            raise
        except EngineError:
            return True
        return held is not None and len(held.etags) == self.layout.count

    def _found(self, digests: DigestSet, expected_etag: str | None) -> Statement | None:
        """Return what HEAD shows if it is what we completed: size, a digest, and not older than our upload."""
        target = self.target
        try:
            said = target.store.head(target.bucket, target.key, checksums=target.profile.checksum_mode is True)
        except ObjectMissing:
            return None
        sending = Sending(digests.size, expected_etag, checksum_headers(target.algorithm, digests), self.began)
        return said if sending.is_shown_by(said, target) else None


def _let_go(part: Part, room: Room) -> None:
    part.close()
    room.give_back()


def _part_problem(
    reply: Statement, digest: PartDigest, sums: Mapping[str, str], target: Target
) -> EvidenceMismatch | None:
    """Compare the reply to a part with the part, as far as this bucket's answers mean something."""
    for name, value in sums.items():
        stated = reply.checksums.get(name)
        if stated is not None and stated != value:
            return _part_mismatch(CheckName.PART_CHECKSUMS, ErrorCode.PART_CHECKSUM_MISMATCH, value, stated, reply)
    if digest.md5 is None:
        return None
    observed, expected = normalise(reply.etag or ""), digest.md5.hex()
    comparable = target.profile.etag_multipart is EtagMeaning.FORMULA and kind(observed).form is EtagForm.MD5
    if not comparable or target.seals(reply) or observed == expected:
        return None
    return _part_mismatch(CheckName.PART_ETAGS, ErrorCode.PART_ETAG_MISMATCH, expected, observed, reply)


def _part_mismatch(
    name: CheckName, code: ErrorCode, expected: str, observed: str, reply: Statement
) -> EvidenceMismatch:
    check = Check(
        name=name,
        outcome=Outcome.MISMATCH,
        expected=expected,
        observed=observed,
        origin=reply.origin,
        at=reply.at,
        request_id=reply.request_id,
    )
    words = "checksum of a part" if name is CheckName.PART_CHECKSUMS else "ETag of a part"
    return EvidenceMismatch(code, request_id=reply.request_id, check=words, side="destination", checks=(check,))


def _parts_refused(exc: EngineError) -> PartsRefused:
    kind = PartsTooSmall if exc.store_code == "EntityTooSmall" else PartsRefused
    said = {"said": exc.store_code or "no more"}
    return kind(str(exc), store_code=exc.store_code, request_id=exc.request_id, facts=said)
