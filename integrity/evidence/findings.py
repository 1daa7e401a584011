"""Findings: all that is known of one item when its work has ended.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrity.values import named_value

if TYPE_CHECKING:
    from integrity.digests import DigestSet
    from integrity.evidence.checks import Check, ErrorCode
    from integrity.evidence.earlier import Earlier
    from integrity.evidence.statements import Statement
    from integrity.layouts import Layout


@named_value
class Repeat:
    """Requests of one kind that were made again inside an attempt, for one reason; `count` is how many times.

    `side` is whom they were made to, source or destination; `reason` is an error code or the cause of a pause.
    """

    side: str
    operation: str
    reason: str
    store_code: str
    count: int
    first_at: str
    last_at: str


@named_value
class Attempt:
    """One try at an item and how it ended; `error_code` is empty for the one that settled it.

    `repeats` are the requests that were made again in it; those of further kinds are only counted (`more_repeats`).
    """

    number: int
    started_at: str
    ended_at: str
    error_code: str = ""
    message: str = ""
    repeats: tuple[Repeat, ...] = ()
    more_repeats: int = 0


@named_value
class Finding:
    """All that is known of one item when its work has ended; what a record is made of.

    `source_layout` and `dest_layout` are the part layouts that were used (`None`: not known);
    `error_code` is empty unless the operation itself ended in an error; judging is left to `verdicts`.
    `written_version_id` is the version that the reply to our write named, for where `dest` names none (a listing);
    `skipped` is true for an item that an earlier verified record covers: nothing was copied. `earlier` is the record
    whose digests the statements were compared with: nothing was read, and `digests` is None.
    """

    index: int
    key: str
    dest_key: str
    planned_size: int
    planned_etag: str
    planned_version_id: str = ""
    planned_last_modified: str = ""
    checks: tuple[Check, ...] = ()
    source: Statement | None = None
    dest: Statement | None = None
    written_version_id: str = ""
    digests: DigestSet | None = None
    source_layout: Layout | None = None
    dest_layout: Layout | None = None
    layout_learned: str = ""
    calculated_etag: str = ""
    error_code: ErrorCode | None = None
    error_message: str = ""
    store_code: str = ""
    attempts: tuple[Attempt, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: bool = False
    earlier: Earlier | None = None
    bytes_read: int = 0
    bytes_written: int = 0
    started_at: str = ""
    finished_at: str = ""
