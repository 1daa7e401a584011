"""What reading alone can tell about a bucket: a sample of it, and whether conditions and ranges are honoured.

The source is never written. What cannot be found out stays unknown, which counts as the weakest value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice

from integrity.digests import OnePass
from integrity.etags import EtagForm, etag_of, kind, normalise
from integrity.evidence import Encryption, EtagMeaning, Profile, learned_meaning
from migrator.engine.answers import now
from migrator.engine.bodies import Watch
from migrator.engine.cutting import SourceObject, learn_layout
from migrator.engine.errors import (
    AccessDenied,
    ConditionFailed,
    ConnectionProblem,
    EngineError,
    StoreBusy,
    Throttled,
    Untagged,
)
from migrator.engine.listing import list_objects
from migrator.engine.stores import Body, ListedObject, Store

SAMPLE = 20
LARGEST_SAMPLE = 32 * 1024 * 1024
LARGEST_MULTIPART_SAMPLE = 64 * 1024 * 1024
LISTED_FOR_SAMPLE = 1000
MULTIPART_SAMPLES = 2
WRONG_ETAG = '"00000000000000000000000000000000"'


def probe_source(store: Store, bucket: str, prefix: str = "", sample: Iterable[ListedObject] | None = None) -> Profile:
    """Return what reading alone can tell, from a sample of the listing. Raises only `ConnectionProblem`."""
    listed = sample if sample is not None else list_objects(store, bucket, prefix)
    try:
        seen = list(islice(listed, LISTED_FOR_SAMPLE))
    except ConnectionProblem:
        raise
    except EngineError:
        seen = []
    reader = _Reader(store, bucket)
    for entry in _small_plain(seen):
        with unknown_unless_answered():
            reader.read_small(entry)
    for entry in _multipart(seen):
        with unknown_unless_answered():
            reader.read_multipart(entry)
    for entry in [entry for entry in seen if entry.size > 2][:1]:
        # Also where all are in parts or large: whether checksums may be asked for does not depend on the size.
        with unknown_unless_answered():
            reader.learn_of_reading(entry)
    return replace(reader.profile(), probed_at=now(), clock_skew_seconds=store.clock_skew)


@dataclass(slots=True)
class _Reader:
    """Reads a sample of the source and counts what its ETags turned out to be."""

    store: Store
    bucket: str
    equal: int = 0
    different: int = 0
    multipart_equal: int = 0
    multipart_different: int = 0
    facts: dict[str, object] = field(default_factory=dict)

    def read_small(self, entry: ListedObject) -> None:
        """Compare one small object's MD5 with its ETag."""
        body = self._open(entry)
        md5, size = hashlib.md5(usedforsecurity=False), 0
        try:
            for chunk in body.chunks():
                md5.update(chunk)
                size += len(chunk)
        finally:
            body.close()
        said = body.statement
        self.facts.setdefault("listing_etag", normalise(said.etag or "") == normalise(entry.etag))
        self.facts.setdefault("listing_size", said.size == entry.size)
        self.learn_of_reading(entry)
        if said.encryption not in {Encryption.NONE, Encryption.SSE_S3} or size != entry.size:
            return
        if size == 0 or kind(said.etag or "").form is EtagForm.MULTIPART:
            # Stores that make no MD5 of anything else still state the one of no bytes; and a listing may hide parts.
            return
        if normalise(said.etag or "") == md5.hexdigest():
            self.equal += 1
        else:
            self.different += 1

    def learn_of_reading(self, entry: ListedObject) -> None:
        """Ask once what may be asked; an object that is encrypted by a key service answers as well as a plain one."""
        if "range_get" not in self.facts and entry.size > 2:
            facts = reading_facts(self.store, self.bucket, entry.key, entry.size)
            self.facts.update(facts, checksum_mode=_takes_checksum_mode(self.store, self.bucket, entry.key))
        if "tagging" not in self.facts:
            self.facts["tagging"] = _answers_tags(self.store, self.bucket, entry.key)

    def read_multipart(self, entry: ListedObject) -> None:
        """Compare one multipart object's ETag with the formula over the layout it tells."""
        asked = SourceObject(self.store, self.bucket, entry.key, entry.version_id, entry.size, entry.etag)
        learned = learn_layout(asked)
        layout = learned.told
        self.facts["part_number"] = learned.how == "part_number"
        if layout is None:
            return
        one_pass = OnePass((layout,))
        body = self._open(entry)
        try:
            for chunk in body.chunks():
                one_pass.feed(chunk)
        finally:
            body.close()
        if body.statement.encryption not in {Encryption.NONE, Encryption.SSE_S3}:
            return
        if etag_of(one_pass.result(), layout) == normalise(body.statement.etag or ""):
            self.multipart_equal += 1
        else:
            self.multipart_different += 1

    def _open(self, entry: ListedObject) -> Body:
        within = Watch().seconds_for(entry.size)
        return self.store.open(self.bucket, entry.key, version_id=entry.version_id, within=within)

    def profile(self) -> Profile:
        """Return the facts. A part of equal ETags proves that they are MD5s: what differs then is a finding."""
        return replace(
            Profile(),
            etag_single=learned_meaning(self.equal, self.equal + self.different),
            # The sample is small, so it can show the formula and disprove nothing.
            etag_multipart=EtagMeaning.FORMULA if self.multipart_equal else EtagMeaning.UNKNOWN,
            **self.facts,  # type: ignore[arg-type]  # names and kinds are those above
        )


def reading_facts(store: Store, bucket: str, key: str, size: int) -> dict[str, object]:
    """Find out whether If-Match and Range are honoured for an object of more than two bytes."""
    facts: dict[str, object] = {}
    with unknown_unless_answered():
        try:
            store.open(bucket, key, if_match=WRONG_ETAG).close()
            facts["if_match_get"] = False
        except ConditionFailed:
            facts["if_match_get"] = True
    with unknown_unless_answered():
        body = store.open(bucket, key, first_byte=1, last_byte=2)
        body.close()
        facts["range_get"] = body.status == 206 and body.content_range == (1, 2, size)
    return facts


def _answers_tags(store: Store, bucket: str, key: str) -> bool | None:
    """Say whether the store can be asked for tags; some answer with a fault of their own, every time."""
    try:
        store.get_tags(bucket, key)
    except (ConnectionProblem, Throttled):
        raise
    except AccessDenied:
        return None
    except Untagged:
        return True
    except EngineError:
        return False
    return True


def _takes_checksum_mode(store: Store, bucket: str, key: str) -> bool:
    """Say whether a HEAD may ask for checksums; some stores refuse the header."""
    try:
        store.head(bucket, key, checksums=True)
    except (StoreBusy, ConnectionProblem):
        raise
    except EngineError:
        return False
    return True


def _small_plain(listed: Iterable[ListedObject]) -> Iterator[ListedObject]:
    """Yield the smallest objects that may be written by one PUT, within what a sample may cost to read.

    Empty ones come last: a folder's marker tells how the store answers, and nothing of what its ETags are.
    """
    plain = [entry for entry in listed if kind(entry.etag).form is not EtagForm.MULTIPART]
    read = 0
    for entry in sorted(plain, key=lambda entry: (entry.size == 0, entry.size))[:SAMPLE]:
        read += entry.size
        if read > LARGEST_SAMPLE:
            return
        yield entry


def _multipart(listed: Iterable[ListedObject]) -> list[ListedObject]:
    found = [entry for entry in listed if kind(entry.etag).form is EtagForm.MULTIPART]
    found = [entry for entry in found if entry.size <= LARGEST_MULTIPART_SAMPLE]
    return sorted(found, key=lambda entry: entry.size)[:MULTIPART_SAMPLES]


@contextmanager
def unknown_unless_answered() -> Iterator[None]:
    """Leave a fact unknown where the store gives no clear answer; a connection's problem goes on up."""
    try:
        yield
    except ConnectionProblem:
        raise
    except EngineError:
        pass
