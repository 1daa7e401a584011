"""One attempt at a small object in a crowd: one GET, one PUT, and what the destination lists afterwards.

This is the way on which all goes well, and it costs two requests. It decides nothing that `ItemCopy` would decide
otherwise: the same legs compare the same evidence, and wherever the way leaves the plain case the item goes on
aside, step by step as any other, or is begun again there if nothing was written yet.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from integrity.digests import DigestSet
from integrity.etags import EtagForm, kind
from integrity.evidence import (
    ErrorCode,
    EtagMeaning,
    Finding,
    Origin,
    Reason,
    Statement,
    first_mismatch,
    needs_head,
)
from integrity.layouts import Layout
from integrity.values import plain_value
from integrity.verdicts import Fidelity
from migrator.engine.answers import now, written_statement
from migrator.engine.attempts import fault_of_ours
from migrator.engine.buffers import HeldPart
from migrator.engine.carrying import Tags, is_carried_whole, tags_by_refusal
from migrator.engine.crowd import Ask, Steps, aside, asking
from migrator.engine.errors import (
    AnswerUnreadable,
    ConditionFailed,
    ConnectionProblem,
    DigestRejected,
    EngineError,
    EvidenceMismatch,
    ItemProblem,
    SecretRefused,
    Stopped,
    StoreBusy,
)
from migrator.engine.item_copy import ItemCopy
from migrator.engine.lines import Reply
from migrator.engine.messages import tags_of
from migrator.engine.planning import ARCHIVE_CLASSES, Item, is_legal_key
from migrator.engine.repeats import DESTINATION, SOURCE, Repeats
from migrator.engine.requests import GET, GET_TAGS, PUT, get_request, of_version, put_request, tags_request
from migrator.engine.workplace import IfExists, Side, Work
from migrator.engine.writing import Sending, Target, Written, cleared_up, put_object

# What is hashed faster than it is handed over, and small enough that many fit in the memory budget.
LARGEST_SMALL = 1024 * 1024
_FIRST = 1
# Controls, DEL and the controls of Latin-1 with its blank: what a listing, or a writer of one, may change.
_DISTORTED = re.compile(r"[\x00-\x1f\x7f-\xa0]")
# A key of nothing else is the same whether a store writes it coded or not.
_SAME_IN_CODE = re.compile(r"[A-Za-z0-9/._~-]+")


@plain_value
class Begun:
    """The object was written; what the destination holds is to be confirmed."""

    copy: SmallCopy
    written: Written


@plain_value
class Settled:
    """The attempt ended with a finding."""

    copy: SmallCopy
    finding: Finding


@plain_value
class Failed:
    """The attempt ended in a problem."""

    copy: SmallCopy
    problem: EngineError


@plain_value
class NotBegun:
    """Nothing was written and nothing is known: the item is to be begun as any other."""

    copy: SmallCopy


Ended = Begun | Settled | Failed | NotBegun


def is_small(work: Work, item: Item) -> bool:
    """Say whether an item may go with the crowd: small, plain, and at home where listings can be trusted."""
    options, source, dest = work.options, work.source.profile, work.destination.profile
    return (
        item.size <= min(LARGEST_SMALL, options.threshold, work.limits.single_put, work.limits.largest_object)
        and kind(item.etag).form is EtagForm.MD5
        and item.existing_size is None
        and options.if_exists in (IfExists.FAIL, IfExists.SKIP)
        and options.policy.fidelity is Fidelity.REPORT
        and not (options.double_read or options.encryption)
        and not options.leave_out_digests
        and not (options.bytes_per_s or options.storage_class_map)
        and (source.if_match_get is True or source.listing_etag is True)
        and dest.etag_single is EtagMeaning.MD5
        and dest.proves_single_etag
        and dest.etag_stable is True
        and work.trusts_listing()
        and work.trusts_source_listing()
        and item.storage_class.upper() not in ARCHIVE_CLASSES
        and _is_plain(item.key)
        and _is_plain(item.dest_key)
        and _is_told_by(work.destination, item.dest_key)
    )


class SmallCopy(ItemCopy):
    """One attempt, and the first one, at copying a small object."""

    def __init__(self, work: Work, item: Item) -> None:
        super().__init__(work, item, _FIRST)
        self.started_at = now()
        self._target: Target | None = None

    @property
    def size(self) -> int:
        """The bytes it holds in memory: those that were read, and those that are read back."""
        return 2 * self._item.size if self._dest.reading_back.is_missing else self._item.size

    @property
    def item(self) -> Item:
        """What is to be copied."""
        return self._item

    def steps(self) -> Steps[Ended]:
        """Copy; returns how it ended. Raises only `ConnectionProblem` and `Stopped`."""
        try:
            return (yield from self._steps())
        except SecretRefused as problem:
            # Nothing was written. Whether it is the keys, or this odd key alone, is found out as with any other item.
            self.take_back()
            side, operation = (SOURCE, GET) if self._target is None else (DESTINATION, PUT)
            self._asked_again(side, operation.name, problem)
            return NotBegun(self)
        except (ConnectionProblem, Stopped):
            self.take_back()
            raise
        except EngineError as problem:
            return Failed(self, problem)
        except Exception as exc:  # noqa: BLE001
            return Failed(self, fault_of_ours(exc))

    @property
    def waits_for_listing(self) -> bool:
        """Whether a listing of the source is to show that the object has not changed: where If-Match does not."""
        source = self._work.source
        if source.profile.if_match_get is True or not _is_told_by(source, self._item.key):
            return False
        return source.profile.listing_etag is True

    def share(self, repeats: Repeats) -> None:
        """Keep what was asked again for this object and others together."""
        self.repeats = self.repeats or Repeats()
        self.repeats.take(repeats)

    def confirmed(self, written: Written, listed: Statement, seen_again: Statement | None) -> Finding | None:
        """Judge by what the destination lists, and the source if it must; None where only a HEAD can decide."""
        digests, layout, said = self._source.digests, self._layout, self._source.statement
        assert digests is not None
        assert layout is not None
        assert said is not None
        assert self._target is not None
        if self._source.tags.values or not is_carried_whole(said, self._target.headers):
            # Something that a listing does not state is to be compared: what was lost on the way, or tags.
            return None
        if self._dest.reading_back.is_missing:
            return None
        if not self._source.is_settled and (seen_again is None or not self._source.see_again(seen_again)):
            return None
        checks = self._dest.look_listed(written, digests, layout, listed)
        if needs_head(checks) or first_mismatch(checks) is not None:
            return None
        self._dest_checks = checks
        return self._finding()

    def confirmed_by_head(self, written: Written) -> Finding:
        """Judge by what a HEAD says of either side; raises what is wrong, and removes what was written then."""
        assert self._layout is not None
        self._listen()
        if not self._source.is_settled:
            with suppress(EvidenceMismatch):
                self._source.judge()
        return self._judge_written(written, self._layout)

    def _steps(self) -> Steps[Ended]:
        self._refuse_impossible()
        options = self._work.options
        try:
            reply = yield from asking(self._get())
        except (StoreBusy, ItemProblem) as problem:
            # Nothing was read and nothing written: the long way finds out what it means.
            self._asked_again(SOURCE, GET.name, problem)
            return NotBegun(self)
        self._layout = layout = Layout.single(self._item.size)
        if not self._takes(reply, layout):
            return NotBegun(self)
        if options.tags:
            try:
                self._source.tags = yield from self._tags()
            except (StoreBusy, ItemProblem) as problem:
                # The bytes will be read again.
                self.take_back()
                self._asked_again(SOURCE, GET_TAGS.name, problem)
                return NotBegun(self)
        if not self._source.is_settled and not (self._source.is_proven and self.waits_for_listing):
            self._listen()
            yield from aside(self._source.judge)
        digests = self._source.digests
        assert digests is not None
        return (yield from self._written(layout, digests, reply.body))

    def _takes(self, reply: Reply, layout: Layout) -> bool:
        """Take what was read; False where it is not the planned object. Raises whatever else is wrong with it."""
        try:
            self._source.take(reply.headers, reply.body, layout)
        except EvidenceMismatch as problem:
            if problem.error_code is not ErrorCode.SOURCE_CHANGED:
                raise
            # Perhaps only the listing's ETag is another one: the long way finds out.
            self.take_back()
            self._asked_again(SOURCE, GET.name, problem)
            return False
        return True

    def _written(self, layout: Layout, digests: DigestSet, body: bytes) -> Steps[Ended]:
        target = self._target = self._dest.target(layout)
        if not self._dest.condition_holds(layout):
            self._note("race_possible")
        began = datetime.now(UTC)
        try:
            reply = yield from asking(self._put(target, digests, body))
        except ConditionFailed:
            return Settled(self, (yield from aside(lambda: self._compare_judged(layout))))
        except (StoreBusy, DigestRejected) as problem:
            self._asked_again(DESTINATION, PUT.name, problem)
            return (yield from self._write_aside(layout, target, digests, body))
        written = Written(written_statement(reply.headers, Origin.PUT_REPLY), sent=target.sent())
        if written.is_unclear:
            sending = Sending.of(target, digests, began)
            self._listen()
            target = replace(target, store=self._work.destination.store)
            written = yield from aside(partial(cleared_up, target, written, sending))
        return (yield from self._begun(written))

    def _write_aside(self, layout: Layout, target: Target, digests: DigestSet, body: bytes) -> Steps[Ended]:
        """Send again as any other object is sent: with patience, and with a look at our own memory."""
        self._listen()
        target = replace(target, store=self._work.destination.store)
        try:
            written = yield from aside(lambda: put_object(target, HeldPart(body), digests, self._work.should_stop))
        except ConditionFailed:
            return Settled(self, (yield from aside(lambda: self._compare_judged(layout))))
        return (yield from self._begun(written))

    def _compare_judged(self, layout: Layout) -> Finding:
        """Compare with what is there; the look at the source that a listing would have saved is taken now."""
        self._listen()
        if not self._source.is_settled:
            self._source.judge()
        return self._compare_with_existing(layout)

    def _begun(self, written: Written) -> Steps[Ended]:
        """Read the written object again where that is asked for; what fails here is read again beside a HEAD.

        Whatever refuses the reading, the object was written, and must not end as one that was there already. Where a
        person must act the HEAD meets the same problem, and raises it.
        """
        if self._dest.reading_back.is_missing:
            side, version = self._work.destination, written.reply.version_id if written.reply else ""
            request = get_request(side.bucket, self._item.dest_key, version_id=version, bound=self._item.size + 1)
            try:
                reply = yield from asking(Ask(side.store, GET, request))
                self._dest.reading_back.take(reply)
            except EngineError as problem:
                self._asked_again(DESTINATION, GET.name, problem)
        return Begun(self, written)

    def _tags(self) -> Steps[Tags]:
        """Ask for the tags where the reply leaves them open and the store can be asked."""
        item, side, said = self._item, self._work.source, self._source.statement
        assert said is not None
        if said.tag_count == 0:
            return Tags({})
        if side.profile.tagging is False:
            return Tags(None, Reason.NOT_SUPPORTED)
        request = tags_request(side.bucket, item.key, version_id=said.version_id)
        try:
            reply = yield from asking(Ask(side.store, GET_TAGS, request))
            return Tags(tags_of(reply.body))
        except ValueError as exc:
            if side.profile.tagging is True:
                raise AnswerUnreadable(str(exc)) from exc
            return Tags(None, Reason.NOT_SUPPORTED)
        except EngineError as problem:
            return tags_by_refusal(problem)

    def _get(self) -> Ask:
        item, side = self._item, self._work.source
        request = get_request(
            side.bucket,
            item.key,
            version_id=item.version_id,
            if_match=item.etag,
            checksums=side.profile.checksum_mode is True,
            bound=item.size + 1,
        )
        return Ask(side.store, of_version(GET, item.version_id), request)

    def _put(self, target: Target, digests: DigestSet, body: bytes) -> Ask:
        request = put_request(
            target.bucket,
            target.key,
            body,
            headers=target.headers,
            content_md5=target.content_md5(digests.md5),
            checksums=target.checksums(digests),
            if_none_match=target.if_none_match,
            payload_sha256=digests.sha256_hex or "",
        )
        return Ask(target.store, PUT, request)


def _is_plain(key: str) -> bool:
    """Say whether no listing can distort this key."""
    return is_legal_key(key) and _DISTORTED.search(key) is None


def _is_told_by(side: Side, key: str) -> bool:
    """Say whether what a side lists under this key is known to be this key's, and not another's.

    A store may say that its keys are coded and write some signs as they are: its "a+b" is then read as "a b". It is not
    asked for coded keys then, but may say so unasked.
    """
    return side.profile.encoding_type is True or _SAME_IN_CODE.fullmatch(key) is not None
