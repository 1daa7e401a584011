"""What an upload that was kept over a stop was opened for, and what it holds already, as the store lists it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from integrity.etags import normalise
from integrity.evidence import Origin, Statement
from integrity.layouts import Layout
from migrator.engine.answers import now
from migrator.engine.messages import ListedPart
from migrator.engine.planning import Item
from migrator.engine.requests import opening_headers
from migrator.engine.writing import Target


@dataclass(frozen=True, slots=True)
class KeptUpload:
    """An upload that an earlier attempt left open, and its purpose: empty where that is not known."""

    upload_id: str
    purpose: str


def purpose_of(item: Item, said: Statement, target: Target, layout: Layout) -> str:
    """Return a digest of what an upload is opened for: the object as the source states it, its parts, each header.

    Tags, metadata, class and encryption belong to an upload from its first request on, and nothing lists them.
    """
    source = (item.key, item.version_id, said.version_id, normalise(said.etag or ""))
    headers = opening_headers(target.headers, target.algorithm)
    told = json.dumps([source, str(layout), headers], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


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
