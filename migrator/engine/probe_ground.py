"""What a probe writes to a bucket, what it asks, and what it has learned so far; all of it is removed again."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from awscrt import checksums as crt

from integrity.checksums import encode, encode_crc
from integrity.evidence import Profile, Proof, Statement
from migrator.engine.errors import (
    ConditionFailed,
    ConnectionProblem,
    DigestRejected,
    EngineError,
    SecretRefused,
    StoreBusy,
)
from migrator.engine.opening import Opening
from migrator.engine.stores import SentPart, Store, WriteHeaders

BODY = b"Truecopy asks this store to refuse what is wrong.\n"
OTHER_BODY = bytes(reversed(BODY))


class Ground:
    """A bucket that is probed: objects and uploads under `base`, and the profile that is learned from them."""

    def __init__(self, store: Store, bucket: str, base: str, profile: Profile) -> None:
        self.store = store
        self.bucket = bucket
        self.base = base
        self.profile = profile
        self._keys: set[str] = set()
        self._uploads: set[tuple[str, str]] = set()

    def learn(self, **facts: object) -> None:
        """Add facts, by their names in a `Profile`."""
        self.profile = replace(self.profile, **facts)  # type: ignore[arg-type]  # names and kinds are those above

    def put(
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
        """Write an object of the probe; arguments as in `Store.put`, but for the raw `md5`."""
        self._keys.add(name)
        return self.store.put(
            self.bucket,
            self.base + name,
            body,
            headers=headers,
            content_md5=encode(md5) if md5 else "",
            checksums=checksums,
            if_none_match=if_none_match,
            if_match=if_match,
            payload_sha256=payload_sha256,
            wire_body=wire_body,
        )

    def head(self, name: str, *, checksums: bool = False) -> Statement:
        """HEAD an object of the probe."""
        return self.store.head(self.bucket, self.base + name, checksums=checksums)

    def is_refused(self, write: Callable[[], object]) -> bool:
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

    def create(self, name: str, algorithm: str) -> str:
        """Open an upload and return its id; `algorithm` as in `Store.create_upload`."""
        self._keys.add(name)
        opening = Opening(self.store, self.bucket, self.base + name)
        try:
            upload_id = opening.open(WriteHeaders(), algorithm)
            self._uploads.add((name, upload_id))
        finally:
            self._uploads.update((name, stray) for stray in opening.strays() or ())
        return upload_id

    def part(self, name: str, upload_id: str, number: int, body: bytes, algorithm: str) -> SentPart:
        """Send a part with right digests."""
        sums = {algorithm: crc_of(algorithm, body)} if algorithm else {}
        reply = self.store.upload_part(
            self.bucket,
            self.base + name,
            upload_id,
            number,
            body,
            content_md5="" if self.profile.content_md5 is Proof.REFUSES else encode(md5_of(body)),
            checksums=sums,
        )
        return SentPart(number, reply.etag or "", sums)

    def forget_upload(self, name: str, upload_id: str) -> None:
        """Take an upload for completed: there is nothing of it to abort."""
        self._uploads.discard((name, upload_id))

    def clean(self) -> None:
        """Remove what was written, by exact key and id."""
        for name, upload_id in self._uploads:
            with suppress(EngineError):
                self.store.abort_until_gone(self.bucket, self.base + name, upload_id)
        for name in sorted(self._keys):
            with suppress(EngineError):
                self.store.delete(self.bucket, self.base + name)


def proof_of_refusal(exc: EngineError) -> Proof:
    """Return what it shows that a wrong value was refused so; raises what says nothing of the value."""
    if isinstance(exc, DigestRejected):
        return Proof.REJECTS
    if isinstance(exc, (ConnectionProblem, StoreBusy)):
        raise exc
    return Proof.REFUSES


def proof_by_turns(exc: EngineError, right: Callable[[], object], wrong: Callable[[], object]) -> Proof:
    """Return what it shows that a wrong value was refused so, where right ones are taken.

    Not every store has a code of its own for it, and one that hashes the body itself says that the signature is wrong.
    So a right value is sent in its place, and the wrong one again: where only that is refused, it is for the value.
    Else nothing is shown. Raises what says nothing of the value.
    """
    if isinstance(exc, DigestRejected):
        return Proof.REJECTS
    if not _may_be_for_the_value(exc):
        raise exc
    return Proof.REJECTS if not _is_refused(right) and _is_refused(wrong) else Proof.UNKNOWN


def _is_refused(write: Callable[[], object]) -> bool:
    try:
        write()
    except EngineError as exc:
        if not _may_be_for_the_value(exc):
            raise
        return True
    return False


def _may_be_for_the_value(exc: EngineError) -> bool:
    return isinstance(exc, SecretRefused) or not isinstance(exc, (ConnectionProblem, StoreBusy))


def md5_of(data: bytes) -> bytes:
    """Return the raw MD5."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def crc_of(algorithm: str, data: bytes) -> str:
    """Return a checksum by its S3 name, as the store writes it."""
    return SUMS[algorithm](data)


SUMS: dict[str, Callable[[bytes], str]] = {
    "CRC64NVME": lambda data: encode_crc("CRC64NVME", crt.crc64nvme(data)),
    "CRC32": lambda data: encode_crc("CRC32", zlib.crc32(data)),
    "CRC32C": lambda data: encode_crc("CRC32C", crt.crc32c(data)),
    "SHA256": lambda data: encode(hashlib.sha256(data).digest()),
}
WEAKNESS = {Proof.REJECTS: 0, Proof.REFUSES: 1, Proof.IGNORES: 2, Proof.UNKNOWN: 2, Proof.ECHOES: 3}
