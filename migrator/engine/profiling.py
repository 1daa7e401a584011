"""What a bucket's answers are worth: the facts of its profile, learned by asking it to reject what is wrong.

An accepted digest proves nothing until the store was seen to refuse a wrong one (the negative control). Tiny
objects are written under a reserved prefix and removed by their exact keys. What cannot be found out stays
unknown, which counts as the weakest value.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from awscrt import checksums as crt

from integrity.checksums import encode, encode_crc
from integrity.etags import multipart_etag, normalise
from integrity.evidence import EtagMeaning, Profile, Proof, Statement, limits_of
from integrity.layouts import Limits
from migrator.engine.answers import now
from migrator.engine.errors import (
    AccessDenied,
    ConditionFailed,
    ConnectionProblem,
    DigestRejected,
    EngineError,
    ObjectMissing,
    StoreBusy,
)
from migrator.engine.listing import list_objects
from migrator.engine.sampling import WRONG_ETAG, reading_facts, unknown_unless_answered
from migrator.engine.signing import UNSIGNED_PAYLOAD
from migrator.engine.stores import SentPart, Store, WriteHeaders

PROBE_PREFIX = ".truecopy-probe/"

_BODY = b"Truecopy asks this store to refuse what is wrong.\n"
_OTHER_BODY = bytes(reversed(_BODY))
_FIRST_PART = 5 * 1024 * 1024
_ODD_KEY = "odd + key %41 \u00e9"
_METADATA = {"truecopy-probe": "one  two"}
_TAGS = {"truecopy-probe": "one two"}
# A person may be waiting for the probe: this many looks take 15 seconds at most.
_LOOKS = 6


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


def limits_at(store: Store) -> Limits:
    """Return what is publicly known of the limits at a store's address, before it was asked."""
    return limits_of(urlsplit(store.endpoint.url).hostname or "")


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
        self.profile = Profile(limits=limits_at(store))
        self._store = store
        self._bucket = bucket
        self._base = base
        self._keys: set[str] = set()
        self._uploads: set[tuple[str, str]] = set()

    def run(self) -> None:
        """Ask everything; stop where not even a plain object can be written."""
        try:
            plain = self._put("plain", _BODY, headers=WriteHeaders(metadata=_METADATA))
        except ConnectionProblem:
            raise
        except EngineError:
            return
        written_at = time.monotonic()
        steps: tuple[Callable[[], None], ...] = (
            lambda: self._how_soon_shown(written_at),
            lambda: self._what_head_says(plain),
            self._tags,
            lambda: self._wrong_md5(plain),
            self._wrong_payload,
            self._unsigned_payload,
            self._wrong_checksums,
            self._reading,
            self._conditions,
            self._listing,
            self._wrong_complete,
            self._multipart,
            self._wrong_part_payload,
            self._small_parts,
            self._wrong_size,
            self._conditional_complete,
        )
        for step in steps:
            with unknown_unless_answered():
                step()

    def clean(self) -> None:
        """Remove what was written, by exact key and id."""
        for name, upload_id in self._uploads:
            with suppress(EngineError):
                self._store.abort_until_gone(self._bucket, self._base + name, upload_id, rounds=2)
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
        payload_sha256: str = "",
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
            payload_sha256=payload_sha256,
            wire_body=wire_body,
        )

    def _head(self, name: str, *, checksums: bool = False) -> Statement:
        return self._store.head(self._bucket, self._base + name, checksums=checksums)

    def _how_soon_shown(self, written_at: float) -> None:
        """Look until HEAD and a listing show what was written; how long that takes stays unknown if they do not."""
        tried = 1
        while not self._is_shown("plain"):
            if tried == _LOOKS:
                return
            self._store.patience.wait(tried)
            tried += 1
        seconds = math.ceil(time.monotonic() - written_at) if tried > 1 else 0
        self._learn(read_after_write_seconds=seconds)

    def _is_shown(self, name: str) -> bool:
        key = self._base + name
        if self._store.find(self._bucket, key) is None:
            return False
        return any(entry.key == key for entry in list_objects(self._store, self._bucket, key))

    def _what_head_says(self, plain: Statement) -> None:
        head = self._head("plain")
        self._learn(
            etag_stable=head.etag == plain.etag,
            metadata=dict(head.metadata) == _METADATA,
            versioning=bool(plain.version_id),
            sse_default=head.encryption,
        )

    def _tags(self) -> None:
        """Find out whether the store takes tags and gives them back, or lacks them.

        One that takes them and gives back others stays unknown: each copy is compared then, and the loss is a finding.
        """
        try:
            self._put("tagged", _BODY, headers=WriteHeaders(tags=_TAGS))
            given = self._store.get_tags(self._bucket, self._base + "tagged")
        except (StoreBusy, ConnectionProblem, AccessDenied, ObjectMissing):
            raise
        except EngineError:
            self._learn(tagging=False)
            return
        if given == _TAGS:
            self._learn(tagging=True)

    def _wrong_md5(self, plain: Statement) -> None:
        true = _md5(_BODY).hex()
        meaning = EtagMeaning.MD5 if normalise(plain.etag or "") == true else EtagMeaning.OPAQUE
        try:
            right = self._put("right-md5", _BODY, md5=_md5(_BODY))
        except (StoreBusy, ConnectionProblem):
            raise
        except EngineError:
            self._learn(content_md5=Proof.REFUSES, etag_single=meaning)
            return
        # Some stores make an MD5 of it only where one was sent, as we always do.
        meaning = EtagMeaning.MD5 if normalise(right.etag or "") == true else EtagMeaning.OPAQUE
        wrong = _md5(_OTHER_BODY)
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

    def _unsigned_payload(self) -> None:
        """Find out whether a write may leave its bytes out of the signature; a signed Content-MD5 speaks for them."""
        try:
            self._put("unsigned", _BODY, md5=_md5(_BODY), payload_sha256=UNSIGNED_PAYLOAD)
        except (StoreBusy, ConnectionProblem):
            raise
        except EngineError:
            self._learn(unsigned_payload=False)
        else:
            self._learn(unsigned_payload=True)

    def _wrong_checksums(self) -> None:
        proofs: dict[str, Proof] = {}
        for algorithm in _SUMS:
            with unknown_unless_answered():
                proofs[algorithm] = self._wrong_checksum(algorithm)
        with unknown_unless_answered():
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
            self._put(f"sum-{algorithm}", _BODY, checksums={algorithm: right})
        except (StoreBusy, ConnectionProblem):
            raise
        except EngineError:
            return Proof.REFUSES
        try:
            reply = self._put(f"wrong-{algorithm}", _BODY, checksums={algorithm: wrong})
        except EngineError as exc:
            return _proof_of_refusal(exc)
        stated = reply.checksums.get(algorithm)
        with suppress(EngineError):
            stated = self._head(f"wrong-{algorithm}", checksums=True).checksums.get(algorithm, stated)
        return Proof.ECHOES if stated == wrong else Proof.IGNORES

    def _reading(self) -> None:
        facts = reading_facts(self._store, self._bucket, self._base + "plain", len(_BODY))
        self._learn(**facts)

    def _conditions(self) -> None:
        self._learn(if_none_match_put=self._is_refused(lambda: self._put("plain", _BODY, if_none_match=True)))
        self._learn(if_match_put=self._is_refused(lambda: self._put("plain", _BODY, if_match=WRONG_ETAG)))

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
            self._put(_ODD_KEY, _BODY)
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
        algorithm = self.profile.whole_checksum()
        name = "parts"
        upload_id = self._create(name, algorithm)
        first, last = bytes(_FIRST_PART), b"!"
        sent = [self._part(name, upload_id, 1, first, algorithm), self._part(name, upload_id, 2, last, algorithm)]
        self._wrong_part(name, upload_id, last, sent[1])
        if algorithm:
            self._wrong_part_checksum(name, upload_id, last, algorithm)
            sent[1] = self._part(name, upload_id, 2, last, algorithm)
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

    def _small_parts(self) -> None:
        """Ask for an object of two parts of one byte each: a store that takes it has no smallest part."""
        name = "small-parts"
        upload_id = self._create(name, "")
        sent = [self._part(name, upload_id, number, b"!", "") for number in (1, 2)]
        self._store.complete_upload(self._bucket, self._base + name, upload_id, sent)
        self._uploads.discard((name, upload_id))
        if self._head(name).size == len(sent):
            self._learn(limits=replace(self.profile.limits, smallest_part=1))

    def _wrong_part(self, name: str, upload_id: str, body: bytes, right: SentPart) -> None:
        """Ask the store to refuse a part with a wrong Content-MD5; the weaker of PUT and UploadPart counts."""
        if self.profile.content_md5 is Proof.REFUSES:
            return
        wrong = _md5(_OTHER_BODY)
        try:
            reply = self._store.upload_part(
                # All else is right, so that what is refused can only be the Content-MD5.
                self._bucket,
                self._base + name,
                upload_id,
                2,
                body,
                content_md5=encode(wrong),
                checksums=right.checksums,
            )
        except EngineError as exc:
            found = _proof_of_refusal(exc)
            if found is Proof.REFUSES:
                # The header itself is taken: the parts before had one.
                found = Proof.UNKNOWN
        else:
            echoed = normalise(reply.etag or "") == wrong.hex() and normalise(right.etag) != wrong.hex()
            found = Proof.ECHOES if echoed else Proof.IGNORES
        if _WEAKNESS[found] > _WEAKNESS[self.profile.content_md5]:
            self._learn(content_md5=found)

    def _wrong_part_payload(self) -> None:
        """Ask the store to refuse a part that is not what was signed; the weaker of PUT and UploadPart counts."""
        name = "wrong-part"
        upload_id = self._create(name, "")
        try:
            self._store.upload_part(self._bucket, self._base + name, upload_id, 1, _BODY, wire_body=_OTHER_BODY)
        except EngineError as exc:
            found = _proof_of_refusal(exc)
            if found is Proof.REFUSES:
                # What else it may have been refused for shows nothing.
                found = Proof.UNKNOWN
        else:
            found = Proof.IGNORES
        if _WEAKNESS[found] > _WEAKNESS[self.profile.payload_sha256]:
            self._learn(payload_sha256=found)

    def _wrong_part_checksum(self, name: str, upload_id: str, body: bytes, algorithm: str) -> None:
        """Ask the store to refuse a part with a wrong checksum. One that checks only whole objects proves no part."""
        md5 = "" if self.profile.content_md5 is Proof.REFUSES else encode(_md5(body))
        wrong = {algorithm: _crc(algorithm, _OTHER_BODY)}
        try:
            self._store.upload_part(
                self._bucket, self._base + name, upload_id, 2, body, content_md5=md5, checksums=wrong
            )
        except EngineError as exc:
            found = _proof_of_refusal(exc)
        else:
            found = Proof.IGNORES
        if found is not Proof.REJECTS:
            weaker = {
                each: Proof.IGNORES if proof is Proof.REJECTS else proof
                for each, proof in self.profile.checksums.items()
            }
            self._learn(checksums=weaker)

    def _part_facts(self, name: str) -> None:
        try:
            told = self._store.head(self._bucket, self._base + name, part_number=1)
            self._learn(part_number=told.size == _FIRST_PART and told.parts_count == 2)
        except StoreBusy:
            raise
        except EngineError:
            self._learn(part_number=False)
        try:
            parts = self._store.told_parts(self._bucket, self._base + name)
            self._learn(attributes=[part.size for part in parts] == [_FIRST_PART, 1])
        except StoreBusy:
            raise
        except EngineError:
            self._learn(attributes=False)

    def _wrong_complete(self) -> None:
        """Ask the store to refuse a Complete with a wrong checksum of the whole.

        In an upload of its own: whether it is refused or taken, the upload may be gone afterwards.
        """
        algorithm = self.profile.whole_checksum()
        if not algorithm:
            return
        complete = self._complete_of_one("wrong-whole", algorithm, whole=_OTHER_BODY, size=len(_BODY))
        try:
            complete()
        except EngineError as exc:
            self._learn(complete_checksum=_proof_of_refusal(exc))
        else:
            self._learn(complete_checksum=Proof.IGNORES)

    def _wrong_size(self) -> None:
        """Ask the store to refuse a Complete that tells another size than the parts have.

        As in every copy the size goes beside a checksum. That the right one is taken shows what the other is refused
        for: there is no code of its own for this.
        """
        algorithm = self.profile.whole_checksum()
        if not algorithm:
            return
        right = self._complete_of_one("right-size", algorithm, size=len(_BODY))
        wrong = self._complete_of_one("wrong-size", algorithm, size=len(_BODY) + 1)
        right()
        try:
            wrong()
        except (StoreBusy, ConnectionProblem):
            raise
        except EngineError:
            self._learn(complete_size=Proof.REJECTS)
        else:
            self._learn(complete_size=Proof.IGNORES)

    def _conditional_complete(self) -> None:
        self._learn(if_none_match_complete=self._is_refused(self._complete_of_one("plain", if_none_match=True)))

    def _complete_of_one(
        self,
        name: str,
        algorithm: str = "",
        *,
        whole: bytes = _BODY,
        size: int | None = None,
        if_none_match: bool = False,
    ) -> Callable[[], Statement]:
        """Upload one part and return the Complete that is left to be asked; its checksum is that of `whole`."""
        upload_id = self._create(name, algorithm)
        sent = self._part(name, upload_id, 1, _BODY, algorithm)
        return partial(
            self._store.complete_upload,
            self._bucket,
            self._base + name,
            upload_id,
            [sent],
            checksums={algorithm: _crc(algorithm, whole)} if algorithm else None,
            size=size,
            if_none_match=if_none_match,
        )

    def _create(self, name: str, algorithm: str) -> str:
        self._keys.add(name)
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
            content_md5="" if self.profile.content_md5 is Proof.REFUSES else encode(_md5(body)),
            checksums=sums,
        )
        return SentPart(number, reply.etag or "", sums)


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
