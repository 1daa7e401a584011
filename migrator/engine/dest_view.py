"""What one attempt sees at the destination: what holds the key, and every check of it against the source."""

from __future__ import annotations

import time
from collections.abc import Callable

from integrity.digests import DigestSet
from integrity.etags import EtagForm, etag_of, kind, normalise
from integrity.evidence import (
    Check,
    CheckName,
    Origin,
    ReadBack,
    Reason,
    Statement,
    came_transcoded,
    dest_checks_since,
    destination_checks,
    fidelity_checks,
    first_mismatch,
    pair_check,
)
from integrity.layouts import Layout
from integrity.verdicts import Fidelity
from migrator.engine.carrying import ClassOfCopy, Tags, asked_encryption, class_of_copy, read_tags
from migrator.engine.cutting import (
    LayoutRefuted,
    Learned,
    SourceObject,
    learn_layout,
    may_be_the_layout,
    walk_layout,
)
from migrator.engine.errors import DestMissing, ObjectMissing, Stopped
from migrator.engine.messages import ListedObject
from migrator.engine.planning import Item
from migrator.engine.reading_back import ReadingBack
from migrator.engine.requests import HEAD
from migrator.engine.source_leg import SourceLeg, is_match
from migrator.engine.versions import history_of
from migrator.engine.workplace import Work


class DestView:
    """What one attempt knows of the destination, as far as it only looks. `statement`: what was confirmed last."""

    def __init__(self, work: Work, item: Item, number: int, note: Callable[[str], None], source: SourceLeg) -> None:
        self.statement: Statement | None = None
        self.written_version_id = ""
        self.reading_back = ReadingBack(work, item)
        self._work = work
        self._item = item
        self._number = number
        self._note = note
        self._source = source
        self._side = work.destination
        self._learned = Learned(None, (), "")

    def listen(self, work: Work) -> None:
        """Go on with stores that tell which requests are made again."""
        self._work, self._side = work, work.destination
        self.reading_back.listen(work)

    # Asking

    def find(self, version_id: str = "") -> Statement | None:
        """Return what holds the key now, or its version of this id, or None."""
        return self._side.store.find(
            self._side.bucket,
            self._item.dest_key,
            version_id=version_id,
            checksums=self._side.profile.checksum_mode is True,
            is_expected=True,
        )

    def versions(self) -> tuple[ListedObject, ...]:
        """Return the versions of the key, the oldest first."""
        return history_of(self._side.store, self._side.bucket, self._item.dest_key).versions

    def head(self, version_id: str, replaced: str = "") -> Statement:
        """HEAD what was written; not every store shows it at once, and some go on with what it has `replaced`."""
        deadline = time.monotonic() + self._work.options.found_within_seconds
        tried = 0
        while True:
            tried += 1
            is_last = time.monotonic() >= deadline
            try:
                said = self._side.store.head(
                    self._side.bucket,
                    self._item.dest_key,
                    version_id=version_id,
                    checksums=self._side.profile.checksum_mode is True,
                )
            except ObjectMissing as exc:
                problem = DestMissing(store_code=exc.store_code, request_id=exc.request_id)
                if is_last:
                    raise problem from exc
            else:
                if is_last or not replaced or normalise(said.etag or "") != replaced:
                    return said
                problem = DestMissing("what was there before", request_id=said.request_id)
            if self._work.should_stop():
                raise Stopped
            self._side.store.repeats(HEAD.name, problem)
            self._side.store.patience.wait(tried)

    # Comparing

    def layouts_like(self, existing: Statement) -> tuple[Layout, ...]:
        """Return the part layouts that the existing object may have."""
        if kind(existing.etag or "").form is not EtagForm.MULTIPART:
            return ()
        self._learn(existing)
        return self._learned.candidates

    def compare_existing(self, first: Statement, digests: DigestSet) -> tuple[Layout | None, tuple[Check, ...]]:
        """Return the existing object's layout and the checks of it against what was read from the source.

        Raises `LayoutRefuted` where its parts turn out to be others than two of them had told.
        """
        after = self.head(first.version_id)
        self.statement = after
        # Another may stand there by now, whose ETag says more than that of the first.
        size = self._item.size
        layout = _layout_of(first, digests, size) or self._learned.told or _layout_of(after, digests, size)
        checks = self._compare(digests, layout, None, after, first, None)
        if may_be_the_layout(checks) and self._doubt_layout(first):
            raise LayoutRefuted
        if first_mismatch(checks) is None and self.reading_back.is_wanted:
            checks = self._compare(digests, layout, None, after, first, self.reading_back.read(after))
        return layout, (*checks, *self._others(layout, after, None, first))

    def compare_statements(self, first: Statement) -> tuple[Check, ...]:
        """Return the checks of the existing object against what the source states; no body is read.

        Where the source is still the one that an earlier record read, the digests of then are compared too.
        """
        assert self._source.statement is not None
        after = self.head(first.version_id)
        self.statement = after
        earlier = self._source.earlier
        if earlier is None:
            checks = self._compare(None, None, None, after, first, None)
        else:
            checks = dest_checks_since(earlier, first, after, self._side.profile, attempt=self._number)
            if not is_match(checks, CheckName.DEST_IDENTITY):
                self._note("dest_replaced_since")
        if _may_differ_by_layout(self._source.statement, after):
            self._source.learn()
            self._learn(after)
            if self._source.learned.told == self._learned.told:
                # The difference would be a finding now, so each side is asked for every part.
                self._source.doubt_layout()
                self._doubt_layout(after)
        return (*checks, *self._others(self._learned.told, after, None, first))

    def _learn(self, existing: Statement) -> None:
        if not self._learned.how:
            self._learned = learn_layout(self._asked(existing))

    def _doubt_layout(self, existing: Statement) -> bool:
        walked = walk_layout(self._asked(existing), self._learned)
        if walked is None:
            return False
        self._learned = walked
        self._note("unequal_parts")
        return True

    def _asked(self, existing: Statement) -> SourceObject:
        side = self._side
        key, version = self._item.dest_key, existing.version_id
        return SourceObject(side.store, side.bucket, key, version, self._item.size, existing.etag or "")

    # The checks

    def _compare(
        self,
        digests: DigestSet | None,
        layout: Layout | None,
        reply: Statement | None,
        after: Statement,
        identity: Statement | None,
        readback: ReadBack | None,
    ) -> tuple[Check, ...]:
        said = self._source.statement
        checks = destination_checks(
            digests,
            layout,
            self._side.profile,
            write_reply=reply,
            after=after,
            identity=identity,
            readback=readback,
            coding=said.content_headers.get("content-encoding", "") if said else "",
            attempt=self._number,
        )
        if any(came_transcoded(check) for check in checks):
            self._note("read_back_transcoded")
        return checks

    def _others(
        self, layout: Layout | None, after: Statement, reply: Statement | None, first: Statement | None
    ) -> tuple[Check, ...]:
        """Return the pair's check and those of what travels beside the bytes."""
        source, options = self._source, self._work.options
        assert source.statement is not None
        dest_tags, chosen = self._tags(after), self._class_of_copy()
        pair = pair_check(
            source.statement,
            after,
            self._work.source.profile,
            self._side.profile,
            source_layout=source.layout,
            dest_layout=layout,
            attempt=self._number,
        )
        fidelity = fidelity_checks(
            source.statement,
            after,
            write_reply=reply,
            first_seen=first,
            source_tags=source.tags.values,
            dest_tags=dest_tags.values,
            tags_reason=source.tags.reason if source.tags.values is None else dest_tags.reason,
            storage_class=chosen.expected if chosen is not None else None,
            encryption=asked_encryption(options.encryption, options.kms_key_id),
            attempt=self._number,
        )
        return (pair, *fidelity)

    def _class_of_copy(self) -> ClassOfCopy | None:
        return class_of_copy(self._stated_class(), self._work.options.storage_class_map)

    def _stated_class(self) -> str:
        said = self._source.statement
        return (said.storage_class if said else "") or self._item.storage_class

    def _tags(self, after: Statement) -> Tags:
        """Ask for the tags where some were written or are there; that there are none is asked only where it decides."""
        wanted = self._source.tags
        if wanted.values is None:
            return wanted
        is_open = not wanted.values and after.tag_count is None
        if is_open and (self._work.options.policy.fidelity is Fidelity.REPORT or after.origin is Origin.LISTING):
            # Stores state no count of tags where there are none, and some never do: silence is no answer.
            return Tags(None, Reason.NOT_REQUESTED)
        if self._side.profile.tagging is False and (wanted.values or is_open):
            return Tags(None, Reason.NOT_SUPPORTED)
        side, is_known = self._side, self._side.profile.tagging is True
        return read_tags(side.store, side.bucket, self._item.dest_key, after, is_known=is_known)


def _layout_of(existing: Statement, digests: DigestSet, size: int) -> Layout | None:
    """Return the layout, among those that were computed, by which the existing ETag is explained."""
    found = kind(existing.etag or "")
    if found.form is EtagForm.MD5:
        return Layout.single(size)
    layouts = [each for each in digests.parts if isinstance(each, Layout) and each.multipart]
    etag = normalise(existing.etag or "")
    return next((each for each in layouts if etag_of(digests, each) == etag), None)


def _may_differ_by_layout(source: Statement, dest: Statement) -> bool:
    """Say whether two ETags differ, and only the layouts can tell whether that means anything."""
    ours, theirs = kind(source.etag or ""), kind(dest.etag or "")
    both_in_parts = ours == theirs and ours.form is EtagForm.MULTIPART
    return both_in_parts and normalise(source.etag or "") != normalise(dest.etag or "")
