"""What reading a copy back shows: the bytes themselves, unless they come in another encoding than they are stored in.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrity.evidence.checks import Check, CheckName, Origin, Reason
from integrity.evidence.comparisons import Witness, absent, without_framing

if TYPE_CHECKING:
    from integrity.digests import DigestSet
    from integrity.evidence.statements import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """What a second GET of the whole destination object gave: its reply, SHA-256 in hex, and bytes."""

    statement: Statement
    sha256: str
    size: int


def readback_check(
    digests: DigestSet, readback: ReadBack | None, after: Statement | None, coding: str, attempt: int
) -> Check:
    """Compare what was read back with what was read; `coding` and `after` tell how the object is stored."""
    name, ours = CheckName.DEST_READBACK, digests.sha256_hex
    if readback is None or ours is None:
        return absent(name, Reason.NOT_REQUESTED, Witness(attempt=attempt))
    statement = readback.statement
    witness = Witness(Origin.READBACK, statement.at, statement.request_id, attempt)
    expected, observed = f"{ours} {digests.size} bytes", f"{readback.sha256} {readback.size} bytes"
    if readback.size != digests.size and _is_transcoded(statement, after, coding):
        return witness.not_comparable(name, Reason.NOT_SUPPORTED, expected, observed, "SHA256")
    return witness.compared(name, expected, observed, "SHA256")


def came_transcoded(check: Check) -> bool:
    """Say whether this is a reading back that shows nothing, for the copy came in another encoding than it has."""
    return check.name is CheckName.DEST_READBACK and check.reason is Reason.NOT_SUPPORTED


def _is_transcoded(read: Statement, after: Statement | None, coding: str) -> bool:
    """Say whether a body came in another encoding than the object is stored in, so that it shows nothing of that.

    A listing states no encodings. What meddles with bodies may change a HEAD too, which then states no length: there
    only what was written tells the encoding.
    """
    if after is None or after.origin is Origin.LISTING:
        return False
    stored = coding if after.size is None else _coding_of(after)
    return _coding_of(read).lower() != without_framing(stored).lower()


def _coding_of(said: Statement) -> str:
    return without_framing(said.content_headers.get("content-encoding", ""))
