"""What a bucket's answers are worth: the facts of its profile, learned by asking it to reject what is wrong.

An accepted digest proves nothing until the store was seen to refuse a wrong one (the negative control). The
source is only ever read; at the destination tiny objects are written under a reserved prefix and removed by
their exact keys. What cannot be found out stays unknown, which counts as the weakest value.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice

from awscrt import checksums as crt

from integrity.checksums import encode, encode_crc
from integrity.digests import OnePass
from integrity.etags import EtagForm, etag_of, kind, multipart_etag, normalise
from integrity.evidence import Encryption, EtagMeaning, Profile, Proof, Statement
from migrator.engine.answers import now
from migrator.engine.cutting import SourceObject, learn_layout
from migrator.engine.errors import (
    ConditionFailed,
    ConnectionProblem,
    DigestRejected,
    EngineError,
    StoreBusy,
)
from migrator.engine.listing import list_objects
from migrator.engine.stores import ListedObject, SentPart, Store, WriteHeaders

PROBE_PREFIX = ".truecopy-probe/"
SAMPLE = 20
LARGEST_SAMPLE = 32 * 1024 * 1024
LARGEST_MULTIPART_SAMPLE = 64 * 1024 * 1024
LISTED_FOR_SAMPLE = 1000
MULTIPART_SAMPLES = 2

_BODY = b"Truecopy asks this store to refuse what is wrong.\n"
_OTHER_BODY = bytes(reversed(_BODY))
_FIRST_PART = 5 * 1024 * 1024
_ODD_KEY = "odd + key %41 \u00e9"
_METADATA = {"truecopy-probe": "one  two"}
_WRONG_ETAG = '"00000000000000000000000000000000"'


def probe_destination(store: Store, bucket: str, prefix: str = "") -> Profile:
    """Return the facts about a bucket that we may write to.

    Raises only `ConnectionProblem`: where the probe is not possible the facts stay unknown.
    """
    probe = _Probe(store, bucket, f"{prefix}{PROBE_PREFIX}{secrets.token_hex(8)}/")
    try:
        probe.run()
    finally:
        probe.clean()
    return replace(probe.profile, probed_at=now(), clock_skew_seconds=store.clock_skew)


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
        with _unknown_unless_answered():
            reader.read_small(entry)
    for entry in _multipart(seen):
        with _unknown_unless_answered():
            reader.read_multipart(entry)
    return replace(reader.profile(), probed_at=now(), clock_skew_seconds=store.clock_skew)


def same_store(source: Store, source_bucket: str, dest: Store, dest_bucket: str, dest_prefix: str = "") -> bool:
    """Say whether a marker written at the destination is seen through the source: one place, two addresses.

    The marker is removed. Where it cannot be written or read the answer is False: nothing was seen.
    """
    key = f"{dest_prefix}{PROBE_PREFIX}{secrets.token_hex(16)}"
    try:
        dest.put(dest_bucket, key, _BODY, content_md5=encode(_md5(_BODY)))
        return source.find(source_bucket, key) is not None
    except ConnectionProblem:
        raise
    except EngineError:
        return False
    finally:
        with suppress(EngineError):
            dest.delete(dest_bucket, key)


class _Probe:
    """One probe of one destination bucket. Each step adds facts; one that fails adds none."""

    def __init__(self, store: Store, bucket: str, base: str) -> None:
        self.profile = Profile()
        self._store = store
        self._bucket = bucket
        self._base = base
        self._keys: set[str] = set()
        self._uploads: set[tuple[str, str]] = set()

    def run(self) -> None:
        """Ask everything; stop where not even a plain object can be written."""
        try:
            plain = self._put("plain", _BODY, md5=_md5(_BODY), headers=WriteHeaders(metadata=_METADATA))
        except ConnectionProblem:
            raise
        except EngineError:
            return
        steps: tuple[Callable[[], None], ...] = (
            lambda: self._what_head_says(plain),
            lambda: self._wrong_md5(plain),
            self._wrong_payload,
            self._wrong_checksums,
            self._reading,
            self._conditions,
            self._listing,
            self._multipart,
            self._conditional_complete,
        )
        for step in steps:
            with _unknown_unless_answered():
                step()

    def clean(self) -> None:
        """Remove what was written, by exact key and id."""
        for name, upload_id in self._uploads:
            with suppress(EngineError):
                self._store.abort_until_gone(self._bucket, self._base + name, upload_id)
        for name in sorted(self._keys):
            with suppress(EngineError):
                self._store.delete(self._bucket, self._base + name)

    def _learn(self, **facts: object) -> None:
        self.profile = replace(self.profile, **facts)  # type: ignore[arg-type]  # names and kinds are those above

    def _put(
        self,
        name: str,
        body: bytes,
        *,
        md5: bytes = b"",
        headers: WriteHeaders | None = None,
        checksums: dict[str, str] | None = None,
        if_none_match: bool = False,
        if_match: str = "",
        wire_body: bytes | None = None,
    ) -> Statement:
        self._keys.add(name)
        return self._store.put(
            self._bucket,
            self._base + name,
            body,
            headers=headers,
            content_md5=encode(md5) if md5 else "",
            checksums=checksums,
            if_none_match=if_none_match,
            if_match=if_match,
            wire_body=wire_body,
        )

    def _head(self, name: str, *, checksums: bool = False) -> Statement:
        return self._store.head(self._bucket, self._base + name, checksums=checksums)

    def _what_head_says(self, plain: Statement) -> None:
        head = self._head("plain")
        self._learn(
            etag_stable=head.etag == plain.etag,
            metadata=dict(head.metadata) == _METADATA,
            versioning=bool(plain.version_id),
            sse_default=head.encryption,
        )

    def _wrong_md5(self, plain: Statement) -> None:
        true = _md5(_BODY).hex()
        bare = self._put("bare", _BODY)
        wrong = _md5(_OTHER_BODY)
        meaning = EtagMeaning.MD5
        if normalise(plain.etag or "") != true or normalise(bare.etag or "") != true:
            meaning = EtagMeaning.OPAQUE
        try:
            accepted = normalise(self._put("wrong-md5", _BODY, md5=wrong).etag or "")
        except EngineError as exc:
            self._learn(content_md5=_proof_of_refusal(exc), etag_single=meaning)
            return
        if accepted == wrong.hex():
            self._learn(content_md5=Proof.ECHOES, etag_single=EtagMeaning.ECHO)
        else:
            self._learn(content_md5=Proof.IGNORES, etag_single=meaning if accepted == true else EtagMeaning.OPAQUE)

    def _wrong_payload(self) -> None:
        try:
            self._put("wrong-payload", _BODY, wire_body=_OTHER_BODY)
        except EngineError as exc:
            self._learn(payload_sha256=_proof_of_refusal(exc))
        else:
            self._learn(payload_sha256=Proof.IGNORES)

    def _wrong_checksums(self) -> None:
        proofs: dict[str, Proof] = {}
        for algorithm in _SUMS:
            with _unknown_unless_answered():
                proofs[algorithm] = self._wrong_checksum(algorithm)
        with _unknown_unless_answered():
            proven = next((name for name in _SUMS if proofs.get(name) is Proof.REJECTS), "CRC32")
            try:
                stated = self._head(f"sum-{proven}", checksums=True).checksums
                self._learn(checksum_mode=stated.get(proven) == _SUMS[proven](_BODY))
            except StoreBusy:
                raise
            except EngineError:
                self._learn(checksum_mode=False)
        self._learn(checksums=proofs)

    def _wrong_checksum(self, algorithm: str) -> Proof:
        right, wrong = _SUMS[algorithm](_BODY), _SUMS[algorithm](_OTHER_BODY)
        try:
            self._put(f"sum-{algorithm}", _BODY, md5=_md5(_BODY), checksums={algorithm: right})
        except (StoreBusy, ConnectionProblem):
            raise
        except EngineError:
            return Proof.REFUSES
        try:
            reply = self._put(f"wrong-{algorithm}", _BODY, md5=_md5(_BODY), checksums={algorithm: wrong})
        except EngineError as exc:
            return _proof_of_refusal(exc)
        stated = reply.checksums.get(algorithm)
        with suppress(EngineError):
            stated = self._head(f"wrong-{algorithm}", checksums=True).checksums.get(algorithm, stated)
        return Proof.ECHOES if stated == wrong else Proof.IGNORES

    def _reading(self) -> None:
        facts = _reading_facts(self._store, self._bucket, self._base + "plain", len(_BODY))
        self._learn(**facts)

    def _conditions(self) -> None:
        self._learn(if_none_match_put=self._is_refused(lambda: self._put("plain", _BODY, if_none_match=True)))
        self._learn(if_match_put=self._is_refused(lambda: self._put("plain", _BODY, if_match=_WRONG_ETAG)))

    def _is_refused(self, write: Callable[[], object]) -> bool:
        """Say whether a write whose condition is false meets 412; a condition that is an error is not honoured."""
        try:
            write()
        except ConditionFailed:
            return True
        except (StoreBusy, ConnectionProblem):
            raise
        except EngineError:
            return False
        return False

    def _listing(self) -> None:
        with suppress(EngineError):
            self._put(_ODD_KEY, _BODY, md5=_md5(_BODY))
        listed = {entry.key: entry for entry in list_objects(self._store, self._bucket, self._base)}
        head, entry = self._head("plain"), listed.get(self._base + "plain")
        if entry is None:
            return
        self._learn(
            listing_etag=normalise(entry.etag) == normalise(head.etag or ""),
            listing_size=entry.size == len(_BODY),
            encoding_type=self._base + _ODD_KEY in listed,
        )

    def _multipart(self) -> None:
        algorithm = next((n for n in ("CRC64NVME", "CRC32") if self.profile.checksums.get(n) is Proof.REJECTS), "")
        name = "parts"
        self._keys.add(name)
        upload_id = self._create(name, algorithm)
        first, last = bytes(_FIRST_PART), b"!"
        sent = [self._part(name, upload_id, 1, first, algorithm), self._part(name, upload_id, 2, last, algorithm)]
        self._wrong_part(name, upload_id, last, sent[1])
        if algorithm:
            # A store may drop the upload after a refused Complete: then the right one below is lost too, and
            # the multipart facts stay unknown.
            sent[1] = self._part(name, upload_id, 2, last, algorithm)
            self._wrong_complete(name, upload_id, sent, algorithm, len(first) + len(last))
        sums = {algorithm: _crc(algorithm, first + last)} if algorithm else None
        reply = self._store.complete_upload(
            self._bucket, self._base + name, upload_id, sent, checksums=sums, size=_FIRST_PART + 1
        )
        self._uploads.discard((name, upload_id))
        head = self._head(name)
        formula = multipart_etag([_md5(first), _md5(last)])
        holds = normalise(head.etag or "") == formula and normalise(reply.etag or "") == formula
        self._learn(
            etag_multipart=EtagMeaning.FORMULA if holds else EtagMeaning.OPAQUE,
            etag_stable=self.profile.etag_stable is not False
            and normalise(head.etag or "") == normalise(reply.etag or ""),
        )
        self._part_facts(name)

    def _wrong_part(self, name: str, upload_id: str, body: bytes, right: SentPart) -> None:
        """Ask the store to refuse a part with a wrong Content-MD5; the weaker of PUT and UploadPart counts."""
        wrong = _md5(_OTHER_BODY)
        try:
            reply = self._store.upload_part(
                self._bucket, self._base + name, upload_id, 2, body, content_md5=encode(wrong)
            )
        except EngineError as exc:
            found = _proof_of_refusal(exc)
        else:
            echoed = normalise(reply.etag or "") == wrong.hex() and normalise(right.etag) != wrong.hex()
            found = Proof.ECHOES if echoed else Proof.IGNORES
        if _WEAKNESS[found] > _WEAKNESS[self.profile.content_md5]:
            self._learn(content_md5=found)

    def _wrong_complete(self, name: str, upload_id: str, sent: list[SentPart], algorithm: str, size: int) -> None:
        try:
            self._store.complete_upload(
                self._bucket,
                self._base + name,
                upload_id,
                sent,
                checksums={algorithm: _crc(algorithm, _OTHER_BODY)},
                size=size,
            )
        except EngineError as exc:
            self._learn(complete_checksum=_proof_of_refusal(exc))
        else:
            self._learn(complete_checksum=Proof.IGNORES)

    def _part_facts(self, name: str) -> None:
        try:
            told = self._store.head(self._bucket, self._base + name, part_number=1)
            self._learn(part_number=told.size == _FIRST_PART and told.parts_count == 2)
        except StoreBusy:
            raise
        except EngineError:
            self._learn(part_number=False)
        try:
            sizes = self._store.attributes_parts(self._bucket, self._base + name)
            self._learn(attributes=sizes == (_FIRST_PART, 1))
        except StoreBusy:
            raise
        except EngineError:
            self._learn(attributes=False)

    def _conditional_complete(self) -> None:
        name = "plain"
        upload_id = self._create(name, "")
        sent = self._part(name, upload_id, 1, _BODY, "")
        self._learn(
            if_none_match_complete=self._is_refused(
                lambda: self._store.complete_upload(
                    self._bucket, self._base + name, upload_id, [sent], if_none_match=True
                )
            )
        )

    def _create(self, name: str, algorithm: str) -> str:
        upload_id = self._store.create_upload(self._bucket, self._base + name, algorithm=algorithm)
        self._uploads.add((name, upload_id))
        return upload_id

    def _part(self, name: str, upload_id: str, number: int, body: bytes, algorithm: str) -> SentPart:
        sums = {algorithm: _crc(algorithm, body)} if algorithm else {}
        reply = self._store.upload_part(
            self._bucket,
            self._base + name,
            upload_id,
            number,
            body,
            content_md5=encode(_md5(body)),
            checksums=sums,
        )
        return SentPart(number, reply.etag or "", sums)


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
        body = self.store.open(self.bucket, entry.key, version_id=entry.version_id)
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
        if said.encryption not in {Encryption.NONE, Encryption.SSE_S3} or size != entry.size:
            return
        if normalise(said.etag or "") == md5.hexdigest():
            self.equal += 1
        else:
            self.different += 1
        if "range_get" not in self.facts and entry.size > 2:
            facts = _reading_facts(self.store, self.bucket, entry.key, entry.size)
            self.facts.update(facts, checksum_mode=_takes_checksum_mode(self.store, self.bucket, entry.key))

    def read_multipart(self, entry: ListedObject) -> None:
        """Compare one multipart object's ETag with the formula over the layout it tells."""
        asked = SourceObject(self.store, self.bucket, entry.key, entry.version_id, entry.size, entry.etag)
        learned = learn_layout(asked)
        layout = learned.told
        self.facts["part_number"] = learned.how == "part_number"
        if layout is None:
            return
        one_pass = OnePass((layout,))
        body = self.store.open(self.bucket, entry.key, version_id=entry.version_id)
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

    def profile(self) -> Profile:
        """Return the facts. A part of equal ETags proves that they are MD5s: what differs then is a finding."""
        return replace(
            Profile(),
            etag_single=_meaning(self.equal, self.different, EtagMeaning.MD5),
            etag_multipart=_meaning(self.multipart_equal, self.multipart_different, EtagMeaning.FORMULA),
            **self.facts,  # type: ignore[arg-type]  # names and kinds are those above
        )


def _meaning(equal: int, different: int, proven: EtagMeaning) -> EtagMeaning:
    if equal:
        return proven
    return EtagMeaning.DISPROVED if different else EtagMeaning.UNKNOWN


def _reading_facts(store: Store, bucket: str, key: str, size: int) -> dict[str, object]:
    """Find out whether If-Match and Range are honoured for an object of more than two bytes."""
    facts: dict[str, object] = {}
    with _unknown_unless_answered():
        try:
            store.open(bucket, key, if_match=_WRONG_ETAG).close()
            facts["if_match_get"] = False
        except ConditionFailed:
            facts["if_match_get"] = True
    with _unknown_unless_answered():
        body = store.open(bucket, key, first_byte=1, last_byte=2)
        body.close()
        facts["range_get"] = body.status == 206 and body.content_range == (1, 2, size)
    return facts


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
    """Yield the smallest objects that may be written by one PUT, within what a sample may cost to read."""
    plain = [entry for entry in listed if kind(entry.etag).form is not EtagForm.MULTIPART]
    read = 0
    for entry in sorted(plain, key=lambda entry: entry.size)[:SAMPLE]:
        read += entry.size
        if read > LARGEST_SAMPLE:
            return
        yield entry


def _multipart(listed: Iterable[ListedObject]) -> list[ListedObject]:
    found = [entry for entry in listed if kind(entry.etag).form is EtagForm.MULTIPART]
    found = [entry for entry in found if entry.size <= LARGEST_MULTIPART_SAMPLE]
    return sorted(found, key=lambda entry: entry.size)[:MULTIPART_SAMPLES]


@contextmanager
def _unknown_unless_answered() -> Iterator[None]:
    """Leave a fact unknown where the store gives no clear answer; a connection's problem goes on up."""
    try:
        yield
    except ConnectionProblem:
        raise
    except EngineError:
        pass


def _proof_of_refusal(exc: EngineError) -> Proof:
    if isinstance(exc, DigestRejected):
        return Proof.REJECTS
    if isinstance(exc, (ConnectionProblem, StoreBusy)):
        raise exc
    return Proof.REFUSES


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _crc(algorithm: str, data: bytes) -> str:
    return _SUMS[algorithm](data)


_SUMS: dict[str, Callable[[bytes], str]] = {
    "CRC64NVME": lambda data: encode_crc("CRC64NVME", crt.crc64nvme(data)),
    "CRC32": lambda data: encode_crc("CRC32", zlib.crc32(data)),
    "CRC32C": lambda data: encode_crc("CRC32C", crt.crc32c(data)),
    "SHA256": lambda data: encode(hashlib.sha256(data).digest()),
}
_WEAKNESS = {Proof.REJECTS: 0, Proof.REFUSES: 1, Proof.IGNORES: 2, Proof.UNKNOWN: 2, Proof.ECHOES: 3}
