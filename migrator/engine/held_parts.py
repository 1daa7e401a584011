"""What an upload that was kept over a stop holds already, as the store lists it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from integrity.evidence import Origin, Statement
from integrity.layouts import Layout
from migrator.engine.answers import now
from migrator.engine.messages import ListedPart


@dataclass(frozen=True, slots=True)
class HeldParts:
    """The ETags of parts that are there, by their numbers from 1, and when they were listed. There may be 10,000."""

    etags: Mapping[int, str] = field(default_factory=dict)
    listed_at: str = ""

    @classmethod
    def of(cls, listed: Iterable[ListedPart], layout: Layout) -> HeldParts | None:
        """Return what is there; None where one is no part of this layout: then it is another upload than ours."""
        sizes = {span.number: span.length for span in layout.spans()}
        etags: dict[int, str] = {}
        for part in listed:
            if sizes.get(part.number) != part.size:
                return None
            etags[part.number] = part.etag
        return cls(etags, now())

    def statement_of(self, number: int) -> Statement | None:
        """Return what the list states of a part, None where it is not there."""
        etag = self.etags.get(number)
        return None if etag is None else Statement(origin=Origin.PART_LISTING, at=self.listed_at, etag=etag)
