"""Writing at the destination: what is asked of it, and the one PUT that is hashed before it is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypedDict

from integrity.checksums import encode
from integrity.digests import Algorithm, DigestSet, OnePass, PartDigest
from integrity.etags import normalise
from integrity.evidence import Encryption, Profile, Proof, Statement
from integrity.values import plain_value
from migrator.engine.buffers import Part, Pipe
from migrator.engine.errors import AnswerUnreadable, DigestRejected, EngineError, LocalMemoryCorruption
from migrator.engine.pacing import LastMoment
from migrator.engine.requests import PUT
from migrator.engine.stores import Store, WriteHeaders

MOST_SENDS = 4
_SEALED = frozenset({Encryption.SSE_KMS, Encryption.SSE_C})


def may_leave_unsigned(profile: Profile) -> bool:
    """Say whether a body may stay out of the signature, and nothing that this bucket checks is lost by it."""
    is_checked_by_hash_alone = profile.payload_sha256 is Proof.REJECTS and profile.content_md5 is not Proof.REJECTS
    return profile.unsigned_payload is True and not is_checked_by_hash_alone


class Condition(TypedDict, total=False):
    """Under which condition a key is written, as `Target` has it."""

    if_none_match: bool
    if_match: str
    follows: str
    repeats: bool


@plain_value
class Target:
    """The key to be written, what its bucket is known to do, and the digests that the task leaves out."""

    store: Store
    bucket: str
    key: str
    profile: Profile
    headers: WriteHeaders
    if_none_match: bool = False
    if_match: str = ""
    # The version that this write is to follow; empty where it is not known, or where the key is new.
    follows: str = ""
    # Among the versions of a key a write that may have been done is not repeated: it would meet its own condition, or
    # none, and be there twice.
    repeats: bool = True
    left_out: frozenset[Algorithm] = frozenset()

    @property
    def algorithm(self) -> str:
        """The full-object checksum this bucket is proven to check; empty if none."""
        return self.profile.whole_checksum(self.left_out)

    def content_md5(self, md5: bytes | None) -> str:
        """The Content-MD5 to send: one, unless the task leaves it out or the bucket refuses the header itself."""
        return "" if md5 is None or self.profile.content_md5 is Proof.REFUSES else encode(md5)

    def checksums(self, digests: DigestSet | PartDigest) -> dict[str, str]:
        """The checksum headers to send beside Content-MD5."""
        return checksum_headers(self.algorithm, digests)

    @property
    def names_parts(self) -> bool:
        """Whether what this bucket states of a part is proven to name the part's bytes."""
        asked = Encryption.of(self.headers.encryption)
        return self.profile.proves_multipart_etag and Algorithm.MD5 not in self.left_out and asked not in _SEALED

    def seals(self, reply: Statement) -> bool:
        """Say whether ETags are not made from the bytes: the reply shows it, or does not show what was asked for."""
        return {reply.encryption, Encryption.of(self.headers.encryption)} & _SEALED != set()

    @property
    def signs_parts(self) -> bool:
        """Whether a part's SHA-256 must be signed: not where the store takes a signed Content-MD5 for it."""
        return "MD5" not in self.sent(signed=False) or not may_leave_unsigned(self.profile)

    def sent(self, *, signed: bool = True) -> frozenset[str]:
        """The digests that go with a write; a signed payload's SHA-256 is one of them."""
        sent = self.profile.digests_sent(self.left_out)
        return sent if signed else sent - {"SHA256"}


@plain_value
class Written:
    """What came of a write: the reply (None: its answer was lost, `found` is the HEAD that decided)."""

    reply: Statement | None
    found: Statement | None = None
    part_replies: Sequence[Statement] = ()
    sent: frozenset[str] = frozenset()

    @property
    def is_unclear(self) -> bool:
        """Whether the reply is a yes that states no ETag: something on the way may have said it."""
        return self.reply is not None and self.reply.etag is None


@plain_value
class Sending:
    """What is on its way to a key and since when: after an unclear answer it tells whether that is what is there."""

    size: int
    etag: str | None
    sums: Mapping[str, str]
    began: datetime

    @classmethod
    def of(cls, target: Target, digests: DigestSet, began: datetime) -> Sending:
        """Return what goes in one PUT."""
        return cls(digests.size, digests.md5.hex() if digests.md5 else None, target.checksums(digests), began)

    def is_shown_by(self, said: Statement, target: Target) -> bool:
        """Say whether HEAD shows what was sent: size, a digest, and not older than our write."""
        same = bool(said.etag) and normalise(said.etag or "") == self.etag
        same = same or any(said.checksums.get(name) == value for name, value in self.sums.items())
        return said.size == self.size and same and not self.is_older(said, target)

    def is_older(self, said: Statement, target: Target) -> bool:
        """Say whether an object was there before, as far as its version and its time tell; without a time it was."""
        if target.follows and said.version_id == target.follows:
            # The version before ours, with the same bytes it may be.
            return True
        skew = timedelta(seconds=(target.profile.clock_skew_seconds or 0) - 2)
        return said.last_modified[:19] < (self.began + skew).strftime("%Y-%m-%dT%H:%M:%S")


def put_object(target: Target, part: Part, digests: DigestSet, should_stop: Callable[[], bool]) -> Written:
    """Write an object in one PUT with its digests in the headers; sent again while the store says BadDigest.

    Raises `Stopped` where the answer does not come within a moment of a wish to stop.
    """
    sums, moment, began = target.checksums(digests), LastMoment(should_stop), datetime.now(UTC)

    def send() -> Statement:
        return target.store.put(
            target.bucket,
            target.key,
            part.body,
            headers=target.headers,
            content_md5=target.content_md5(digests.md5),
            checksums=sums,
            if_none_match=target.if_none_match,
            if_match=target.if_match,
            payload_sha256=digests.sha256_hex or "",
            repeat=target.repeats,
            should_stop=moment.is_over,
        )

    reply = send_again_if_refused(send, part, digests, partial(target.store.repeats, PUT.name))
    written = Written(reply, sent=target.sent())
    return cleared_up(target, written, Sending.of(target, digests, began)) if written.is_unclear else written


def put_through(target: Target, pipe: Pipe, md5: bytes, should_stop: Callable[[], bool]) -> Written:
    """Write an object in one PUT while it is still being read; `md5` is what the source states beforehand.

    The store refuses what differs from it. The bytes exist only once, so nothing is sent again here, and what it raises
    is of the PUT alone: a yes without an ETag is for the caller to clear up. Raises `Stopped` where the answer does not
    come within a moment of a wish to stop.
    """
    reply = target.store.put_through(
        target.bucket,
        target.key,
        pipe,
        headers=target.headers,
        content_md5=target.content_md5(md5),
        if_none_match=target.if_none_match,
        if_match=target.if_match,
        should_stop=LastMoment(should_stop).is_over,
    )
    return Written(reply, sent=target.sent(signed=False) & {"MD5"})


def cleared_up(target: Target, written: Written, sending: Sending) -> Written:
    """Return what came of a PUT whose yes states no ETag: that is no proof of it, so a HEAD tells what is there.

    Raises `AnswerUnreadable` where that is what was there before. What a HEAD leaves open is for the judge, as at a
    store that never states an ETag.
    """
    found = target.store.find(target.bucket, target.key, checksums=target.profile.checksum_mode is True)
    if found is None or found.etag is None:
        return written
    if sending.is_shown_by(found, target):
        return Written(None, found, sent=written.sent)
    was_replaced = bool(target.if_match) and normalise(found.etag) == normalise(target.if_match)
    if was_replaced or (found.last_modified and sending.is_older(found, target)):
        raise AnswerUnreadable("no ETag", facts={"fault": "said yes but sent no proof"})
    return written


def send_again_if_refused(
    send: Callable[[], Statement],
    part: Part,
    digests: DigestSet | PartDigest,
    repeats: Callable[[EngineError], None],
) -> Statement:
    """Send; after BadDigest hash the buffer again. Changed: our memory is bad. Unchanged: the way is, send again."""
    tried = 0
    while True:
        tried += 1
        try:
            return send()
        except DigestRejected as exc:
            if not _is_as_it_was(part, digests):
                raise LocalMemoryCorruption from None
            if tried >= MOST_SENDS:
                raise
            repeats(exc)


def _is_as_it_was(part: Part, digests: DigestSet | PartDigest) -> bool:
    """Hash the buffer again, by the first digest that was computed; without any there is nothing that denies it."""
    algorithm = next((each for each in Algorithm if digests.raw(each) is not None), None)
    if algorithm is None:
        return True
    again = OnePass(algorithms=frozenset({algorithm}))
    for chunk in part.read_again():
        again.feed(chunk)
    return again.result().raw(algorithm) == digests.raw(algorithm)


def checksum_headers(algorithm: str, digests: DigestSet | PartDigest) -> dict[str, str]:
    """Return the header of one checksum, by its S3 name; none where it was not computed."""
    raw = digests.raw(algorithm) if algorithm else None
    return {} if raw is None else {algorithm: encode(raw)}
