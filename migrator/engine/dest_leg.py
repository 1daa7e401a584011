"""The destination leg of one attempt: what is there before, what it says after the write, what is removed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from integrity.digests import DigestSet
from integrity.etags import normalise
from integrity.evidence import (
    Check,
    CheckName,
    Origin,
    Outcome,
    Reason,
    Statement,
    first_mismatch,
    leaves_encryption_out,
    write_checks,
)
from integrity.layouts import Layout
from integrity.verdicts import Fidelity
from migrator.engine.carrying import Tags, write_headers
from migrator.engine.dest_view import DestView
from migrator.engine.errors import (
    ClassNotNamed,
    DestExists,
    EngineError,
    GoneWhenLooked,
    NotAsPlanned,
    NotKnownAsPlanned,
)
from migrator.engine.planning import ARCHIVE_CLASSES, NO_VERSION, Item
from migrator.engine.source_leg import SourceLeg, is_match
from migrator.engine.workplace import IfExists, Work
from migrator.engine.writing import Condition, Target, Written


class DestLeg(DestView):
    """What one attempt at copying knows of the destination, and what it may do there."""

    def __init__(self, work: Work, item: Item, number: int, note: Callable[[str], None], source: SourceLeg) -> None:
        super().__init__(work, item, number, note, source)
        self._replied_version_id = ""
        # What a write on top of what the plan saw names it by.
        self._existing_etag = item.existing_etag
        # Whether the answer to our write names what was seen after it: else that may be another writer's.
        self._is_named = True

    # Before the write

    def refuse_unnamed_class(self) -> None:
        """Raise `ClassNotNamed` before anything is read; of what is in an archive the source has more to say."""
        if self._class_of_copy() is None and self._stated_class().upper() not in ARCHIVE_CLASSES:
            raise self._class_not_named()

    def is_taken(self, layout: Layout) -> bool:
        """Say whether the key is known to be taken, so that only comparing is left to do.

        A single PUT finds out by its own condition. An upload would find out only at its end, and a bucket that
        is not known to honour conditions perhaps never: these ask beforehand, and so does who has no ETag for a
        condition yet. Raises `DestExists` for another size.
        """
        item = self._item
        replaces = self._work.options.if_exists == IfExists.REPLACE
        finds_out = self._etag_tells if replaces else not layout.multipart and item.existing_size is None
        if finds_out and self.condition_holds(layout):
            return False
        found = self._side.store.find(self._side.bucket, item.dest_key)
        is_planned = replaces and found is not None and self._is_planned(found)
        # What was found may be named by another condition than the plan could name.
        if not self.condition_holds(layout):
            self._note("race_possible")
        if found is None:
            return False
        if replaces:
            return not is_planned
        if found.size != item.size:
            raise DestExists(request_id=found.request_id)
        return True

    def target(self, layout: Layout) -> Target:
        """Return what is to be written, and under which condition."""
        assert self._source.statement is not None
        options = self._work.options
        chosen = self._class_of_copy()
        if chosen is None:
            raise self._class_not_named()
        headers = write_headers(
            self._source.statement,
            # Where there are no tags, asking for some would only have the write refused; the check names the loss.
            Tags(None) if self._side.profile.tagging is False else self._source.tags,
            storage_class=chosen.asked,
            encryption=options.encryption,
            kms_key_id=options.kms_key_id,
        )
        return Target(
            store=self._side.store,
            bucket=self._side.bucket,
            key=self._item.dest_key,
            profile=self._side.profile,
            headers=headers,
            left_out=options.leave_out_digests,
            **self._condition(layout),
        )

    def condition_holds(self, layout: Layout) -> bool:
        """Say whether the write may rely on its condition; else it is made after a look, and a race is possible."""
        return self._honours(layout) is True

    def _condition(self, layout: Layout) -> Condition:
        """Return under which condition the key may be written; where nothing is known of it, it can only help."""
        if self._honours(layout) is False:
            return {}
        return {"if_match": self._existing_etag} if self._names_replaced else {"if_none_match": True}

    def _honours(self, layout: Layout) -> bool | None:
        """Return what is known of this bucket and the condition of our write; of two facts the weaker counts."""
        profile = self._side.profile
        if self._names_replaced:
            put, complete = profile.if_match_put, profile.if_match_complete
        else:
            put, complete = profile.if_none_match_put, profile.if_none_match_complete
        return min(put, complete if layout.multipart else True, key=_WEAKEST_FIRST.index)

    @property
    def _replaces(self) -> bool:
        """Whether the write goes on top of something that is known to be there."""
        return self._work.options.if_exists == IfExists.REPLACE and self._item.existing_size is not None

    @property
    def _names_replaced(self) -> bool:
        """Whether If-Match names what is written over; without an ETag nothing would tell what that is."""
        return self._replaces and bool(self._existing_etag)

    @property
    def _etag_tells(self) -> bool:
        """Whether the plan's ETag is that of what it saw: listings of this bucket state the ETags of its objects."""
        item = self._item
        return item.existing_size is None or (bool(item.existing_etag) and self._side.profile.listing_etag is True)

    def _is_planned(self, found: Statement) -> bool:
        """Say whether this is what the plan saw; then its own ETag is what a write on top of it names it by."""
        if not found.etag:
            return False
        is_planned = normalise(found.etag) == normalise(self._item.existing_etag)
        if not is_planned and not self._etag_tells:
            is_planned = self._is_of_planned_time(found) and self._is_listed_as_planned()
        if is_planned:
            self._existing_etag = found.etag
        return is_planned

    def _is_of_planned_time(self, found: Statement) -> bool:
        item = self._item
        planned, stated = item.existing_last_modified[:19], found.last_modified[:19]
        return found.size == item.existing_size and bool(planned) and stated == planned

    def _is_listed_as_planned(self) -> bool:
        """Say whether a listing shows what the plan saw in one: another of the same second has another ETag there."""
        item = self._item
        planned = (item.dest_key, item.existing_size, item.existing_etag, item.existing_last_modified)
        page = self._side.store.list_page(self._side.bucket, item.dest_key, most_keys=1)
        return any((each.key, each.size, each.etag, each.last_modified) == planned for each in page.entries)

    def existing(self) -> Statement:
        """Return what is there already; raise `DestExists` where its size already shows that it is another."""
        found = self._in_its_place()
        if found is None:
            raise GoneWhenLooked("taken when we wrote, gone when we looked")
        if found.size != self._item.size:
            raise self.taken(found.request_id)
        return found

    def _in_its_place(self) -> Statement | None:
        """Return what holds the key now, or None."""
        return self.find()

    def taken(self, request_id: str) -> DestExists:
        """Return what it means that something else has the key, in words that fit what the task says of that."""
        if self._work.options.if_exists != IfExists.REPLACE:
            return DestExists(request_id=request_id)
        return (NotAsPlanned if self._etag_tells else NotKnownAsPlanned)(request_id=request_id)

    def _class_not_named(self) -> ClassNotNamed:
        return ClassNotNamed(facts={"class": self._stated_class()})

    # After the write

    def look(self, written: Written, digests: DigestSet, layout: Layout) -> tuple[Check, ...]:
        """Ask what the destination holds now and return every check of this leg."""
        if written.reply is None:
            self._note("recovered")
        self._replied_version_id = written.reply.version_id if written.reply else ""
        after = self.head(self._replied_version_id, self._replaced_etag(written.reply))
        identity = written.found
        if identity is None and self._side.profile.etag_stable is False:
            # The ETag of the write's answer does not last here; the first HEAD names the object.
            self._is_named = bool(self._replied_version_id) or _have_one_etag(written.reply, after)
            identity, after = after, self.head(after.version_id)
        first = written.found
        if first is None and self._must_state_encryption and leaves_encryption_out(written.reply, after):
            first, after = after, self.head(after.version_id)
        self.statement = after
        sent = write_checks(
            digests,
            layout,
            self._side.profile,
            sent=written.sent,
            reply=written.reply,
            part_replies=written.part_replies,
            attempt=self._number,
        )
        held = self._compare(digests, layout, written.reply, after, identity, None)
        if first_mismatch((*sent, *held)) is None and self.reading_back.is_wanted:
            held = self._compare(digests, layout, written.reply, after, identity, self.reading_back.read(after))
        return (*sent, *_of_our_object(held), *self._others(layout, after, written.reply, first))

    def look_listed(self, written: Written, digests: DigestSet, layout: Layout, listed: Statement) -> tuple[Check, ...]:
        """Compare what a listing says now; the caller asks for a HEAD where that leaves something open."""
        self.statement = listed
        self.written_version_id = written.reply.version_id if written.reply else ""
        sent = write_checks(
            digests, layout, self._side.profile, sent=written.sent, reply=written.reply, attempt=self._number
        )
        held = self._compare(digests, layout, written.reply, listed, None, self.reading_back.found)
        return (*sent, *held, *self._others(layout, listed, written.reply, None))

    def remove(self, checks: Sequence[Check]) -> bool:
        """Remove wrong bytes if what is there is what this attempt wrote; else name them and leave them."""
        assert self.statement is not None
        # Of a version that is named nothing else is removed, whatever the key holds by now.
        version_id = self.statement.version_id or self._replied_version_id
        try:
            is_ours = self._is_named and is_match(checks, CheckName.DEST_IDENTITY)
            is_ours = is_ours and self._is_unchanged(self.statement, version_id)
            if is_ours:
                self._side.store.delete(self._side.bucket, self._item.dest_key, version_id=version_id)
        except EngineError:
            is_ours = False
        self._note("wrong_copy_removed" if is_ours else "wrong_copy_left")
        return is_ours

    def _is_unchanged(self, said: Statement, version_id: str) -> bool:
        """Say whether the key holds what was looked at: reading back takes long, and a removal has no condition."""
        if version_id not in ("", NO_VERSION):
            return True
        found = self.find(version_id)
        return found is None or (found.etag, found.last_modified) == (said.etag, said.last_modified)

    def _replaced_etag(self, reply: Statement | None) -> str:
        """Return the ETag of what our write has replaced, where seeing it again can only mean an old answer."""
        before = normalise(self._existing_etag)
        is_lasting = self._side.profile.etag_stable is not False and not self._replied_version_id
        if not self._replaces or not is_lasting or reply is None or normalise(reply.etag or "") == before:
            return ""
        return before

    @property
    def _must_state_encryption(self) -> bool:
        """Whether the destination must go on saying how it encrypts the object: nothing else is asked for."""
        options = self._work.options
        return options.policy.fidelity is Fidelity.REQUIRED and not options.encryption

    def is_back(self) -> bool:
        """Say whether what the plan saw holds the key again, now that ours was removed: so where versions are kept."""
        if self._item.existing_size is None:
            return False
        try:
            found = self.find()
            return found is not None and self._is_planned(found)
        except EngineError:
            return False


_WEAKEST_FIRST = (False, None, True)
_REPLIES = frozenset({Origin.PUT_REPLY, Origin.COMPLETE_REPLY})
_STATED_OF_IT = frozenset({CheckName.DEST_SIZE, CheckName.DEST_ETAG, CheckName.DEST_CHECKSUM, CheckName.DEST_READBACK})


def _of_our_object(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Where somebody else's object is there now, what it states says nothing about ours: only that is a finding."""
    if all(check.outcome is not Outcome.MISMATCH for check in checks if check.name is CheckName.DEST_IDENTITY):
        return tuple(checks)
    return tuple(
        replace(check, outcome=Outcome.NOT_COMPARABLE, reason=Reason.NOT_REACHED)
        if check.name in _STATED_OF_IT and check.outcome is Outcome.MISMATCH and check.origin not in _REPLIES
        else check
        for check in checks
    )


def _have_one_etag(reply: Statement | None, after: Statement) -> bool:
    return reply is not None and normalise(reply.etag or "") == normalise(after.etag or "")
