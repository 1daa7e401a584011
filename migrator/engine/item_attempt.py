"""What every attempt at an item has in common: what it knows so far, and how that becomes a finding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace

from integrity.etags import etag_of
from integrity.evidence import VERSION_NAMED, Check, ErrorCode, Finding
from integrity.layouts import Layout
from migrator.engine.addresses import LONGEST_KEY
from migrator.engine.cutting import LayoutRefuted
from migrator.engine.dest_view import DestView
from migrator.engine.errors import EngineError, EvidenceMismatch, KeyInvalid, KeyTooLong
from migrator.engine.listing import key_bytes
from migrator.engine.planning import Item, is_legal_key
from migrator.engine.repeats import DESTINATION, SOURCE, Repeats, heard_by
from migrator.engine.source_leg import SourceLeg
from migrator.engine.workplace import Work

_LEFT_BEHIND = frozenset({"upload_left_open", "upload_perhaps_left_open"})


class ItemAttempt(ABC):
    """One attempt. `run` returns the finding or raises; `failed` makes a finding of what was known by then.

    `may_try_again` is false where another attempt would find the same, `nothing_to_replace` true where what the
    plan saw at the destination is no longer there. `repeats` is what was asked again so far; None: nothing was.
    """

    _listens = False

    def __init__(self, work: Work, item: Item, number: int) -> None:
        self.may_try_again = True
        self.nothing_to_replace = False
        self.repeats: Repeats | None = None
        self._work = work
        self._item = item
        self._number = number
        # Each side notes what a reader should know. It holds the notes and not this attempt: thousands of attempts are
        # made in a minute, and none must wait for the collector of cycles.
        self._notes: dict[str, None] = {}
        self._note: Callable[[str], None] = self._notes.setdefault
        self._dest_checks: tuple[Check, ...] = ()
        self._layout: Layout | None = None
        if item.version_id:
            self._note(VERSION_NAMED)
        self._source = SourceLeg(work, item, number, self._note)
        self._dest = self._dest_leg()

    def _dest_leg(self) -> DestView:
        return DestView(self._work, self._item, self._number, self._note, self._source)

    def run(self) -> Finding:
        """Do what is to be done and return what is known of the item; raise what kept it from being settled.

        Where a layout that two parts had told turns out to be another one, the bytes are read again with that:
        the attempt goes on, for nothing was wrong with them. It can happen once a side.
        """
        self._listen()
        for _ in range(2):
            try:
                return self._run()
            except LayoutRefuted:
                self._begin_again()
        return self._run()

    def _listen(self) -> None:
        """From here on keep which requests are made again, and why."""
        if self._listens:
            return
        self._listens = True
        self.repeats = repeats = self.repeats or Repeats()
        self._work = work = replace(
            self._work,
            source=heard_by(repeats, SOURCE, self._work.source),
            destination=heard_by(repeats, DESTINATION, self._work.destination),
        )
        self._source.listen(work)
        self._dest.listen(work)

    def _asked_again(self, side: str, operation: str, problem: EngineError) -> None:
        """Keep that this very attempt makes a request again."""
        self.repeats = self.repeats or Repeats()
        self.repeats.hear(side, operation, problem)

    def _begin_again(self) -> None:
        """Forget what was compared, and keep what was learned of the layouts."""
        self._source.begin_again()
        self._dest_checks, self._layout = (), None

    @abstractmethod
    def _run(self) -> Finding:
        """The steps of this kind of attempt."""

    def failed(self, problem: EngineError) -> Finding:
        """Return the finding of an attempt that ended in `problem`."""
        more = problem.checks if isinstance(problem, EvidenceMismatch) else ()
        return replace(
            self._finding(more),
            error_code=problem.error_code or ErrorCode.INTERNAL_ERROR,
            error_message=problem.advice,
            store_code=problem.store_code,
        )

    def take_back(self) -> None:
        """Take back the bytes that were counted: they will be read again."""
        self._source.take_back()

    def _refuse_impossible(self) -> None:
        item = self._item
        if not is_legal_key(item.key) or not is_legal_key(item.dest_key):
            raise KeyInvalid(facts={"key_fault": "it is empty or not text"})
        if len(key_bytes(item.dest_key)) > LONGEST_KEY:
            raise KeyTooLong

    @property
    def left_behind(self) -> tuple[str, ...]:
        """The notes on what this attempt may have left at the destination."""
        return tuple(note for note in self._notes if note in _LEFT_BEHIND)

    @property
    def _bytes_written(self) -> int:
        """What this attempt put at the destination, in bytes."""
        return 0

    def _finding(self, more: tuple[Check, ...] = ()) -> Finding:
        item, source = self._item, self._source
        dest = self._dest.statement
        calculated = None
        if source.digests is not None and self._layout is not None:
            calculated = etag_of(source.digests, self._layout)
        return Finding(
            index=item.index,
            key=item.key,
            dest_key=item.dest_key,
            planned_size=item.size,
            planned_etag=item.etag,
            planned_version_id=item.version_id,
            planned_last_modified=item.last_modified,
            checks=(*source.checks, *self._dest_checks, *more),
            source=source.statement,
            dest=dest,
            written_version_id=self._dest.written_version_id,
            digests=source.digests,
            source_layout=source.layout,
            dest_layout=self._layout,
            layout_learned=source.learned.how,
            calculated_etag=calculated or "",
            notes=tuple(self._notes),
            earlier=source.earlier,
            bytes_read=source.moved,
            bytes_written=self._bytes_written,
        )
