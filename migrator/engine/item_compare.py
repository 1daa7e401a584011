"""One attempt at comparing one item where nothing is copied: what is there, what it states, what it holds."""

from __future__ import annotations

from enum import StrEnum

from integrity.etags import normalise
from integrity.evidence import Check, Earlier, ErrorCode, Finding, Reason, Statement, first_mismatch
from integrity.verdicts import judge
from migrator.engine.errors import EvidenceMismatch, NotAtDestination, ObjectMissing, StatementsDiffer, VersionNotThere
from migrator.engine.item_attempt import ItemAttempt
from migrator.engine.messages import ListedObject
from migrator.engine.planning import Item
from migrator.engine.source_leg import mismatch_of
from migrator.engine.workplace import Work

# A damaged read differs once, a damaged object each time; more readings of it show nothing new.
READINGS_OF_A_DIFFERENCE = 2


class Depth(StrEnum):
    """How much a comparison reads: no body, the source, source and destination, or both only where it is needed."""

    AUTO = "auto"
    STATEMENTS = "statements"
    SOURCE = "source"
    BOTH = "both"

    @property
    def asks_first(self) -> bool:
        """Whether what the stores state is compared before anything is read, with an earlier record if there is one."""
        return self in (Depth.AUTO, Depth.STATEMENTS)

    @property
    def reads_back(self) -> bool:
        """Whether an object that is read at the source is read at the destination too."""
        return self in (Depth.AUTO, Depth.BOTH)


class ItemCompare(ItemAttempt):
    """One attempt at comparing. It only reads, on either side.

    Whether the destination is read back is for the options to say: `Depth` decides only whether the source is.
    `earlier` is what an earlier record holds of this item; without one, statements prove little. `copied_as` is the
    version at the destination that a record names as the copy of an item that is a version.
    """

    def __init__(
        self,
        work: Work,
        item: Item,
        number: int,
        depth: Depth,
        earlier: Earlier | None = None,
        copied_as: str = "",
        taken: dict[tuple[str, str], int] | None = None,
    ) -> None:
        """`taken` are the versions at the destination that are known as copies, and of which item of the plan."""
        super().__init__(work, item, number)
        self._taken = {} if taken is None else taken
        self._depth = depth
        self._earlier = earlier
        self._copied_as = copied_as

    def _run(self) -> Finding:
        self._refuse_impossible()
        try:
            return self._compare()
        except ObjectMissing as exc:
            # The source's leg has words of its own for what is gone there.
            raise _nothing_there(exc.request_id) from exc

    def _compare(self) -> Finding:
        if self._item.version_id:
            return self._compare_version()
        return self._compare_with(self._dest.find())

    def _compare_version(self) -> Finding:
        """Compare with the version that a record names, else with the oldest of the same size and ETag that is free.

        Where there are only others of the same size it is not known which of them is the copy: nothing is compared,
        for a difference would show nothing.
        """
        if self._copied_as:
            return self._compare_with(self._dest.find(self._copied_as))
        alike = [each for each in self._dest.versions() if each.size == self._item.size]
        same = [each for each in alike if normalise(each.etag) == normalise(self._item.etag)]
        if not alike or same:
            free = next(filter(self._takes, same), None)
            return self._compare_with(self._dest.find(free.version_id) if free else None)
        self._note("copy_not_known")
        self._source.look(unread=Reason.NOT_REACHED)
        return self._finding()

    def _takes(self, listed: ListedObject) -> bool:
        """Take a version at the destination as the copy, unless it is that of another: each is the copy of one."""
        name = (self._item.dest_key, listed.version_id)
        return self._taken.setdefault(name, self._item.index) == self._item.index

    def _compare_with(self, first: Statement | None) -> Finding:
        if first is None:
            raise VersionNotThere if self._item.version_id else _nothing_there()
        if self._depth.asks_first or first.size not in (None, self._item.size):
            found = self._compare_statements(first)
            if self._depth is not Depth.AUTO or self._is_proven(found):
                return found
            self._begin_again()
        return self._compare_bytes(first)

    def _is_proven(self, found: Finding) -> bool:
        return judge(found.checks, self._work.options.policy).is_valid

    def _compare_statements(self, first: Statement) -> Finding:
        """Compare what both sides state. Another size needs no reading: the objects differ."""
        self._source.look(self._earlier)
        self._dest_checks = self._dest.compare_statements(first)
        size = self._dest.statement.size if self._dest.statement is not None else None
        if size not in (None, self._item.size):
            raise StatementsDiffer(ErrorCode.DEST_SIZE_MISMATCH, check="size")
        mismatch = first_mismatch(self._dest_checks)
        if mismatch is not None:
            # Nothing was read, so asking again shows the same.
            self.may_try_again = False
            raise _differing(mismatch)
        return self._finding()

    def _compare_bytes(self, first: Statement) -> Finding:
        """Read the source once and compare it with what the destination states and, where chosen, holds."""
        self._source.learn()
        try:
            self._source.open(*self._dest.layouts_like(first))
            for _ in self._source.chunks():
                pass
            digests = self._source.judge()
        finally:
            self._source.close()
        self._layout, self._dest_checks = self._dest.compare_existing(first, digests)
        mismatch = first_mismatch(self._dest_checks)
        if mismatch is not None:
            self.may_try_again = self._number < READINGS_OF_A_DIFFERENCE
            raise mismatch_of(mismatch)
        return self._finding()


def _differing(mismatch: Check) -> EvidenceMismatch:
    """Return the error of statements that differ, from each other or from what was computed earlier."""
    if mismatch.code is ErrorCode.PAIR_DIGEST_MISMATCH:
        what = "ETag" if mismatch.algorithm == "MD5" else "checksum"
        return StatementsDiffer(ErrorCode.PAIR_DIGEST_MISMATCH, request_id=mismatch.request_id, check=what)
    return mismatch_of(mismatch)


def _nothing_there(request_id: str = "") -> NotAtDestination:
    return NotAtDestination(request_id=request_id)
