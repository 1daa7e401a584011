"""What a bucket's answers are worth: the facts of its profile, learned by asking it to reject what is wrong.

An accepted digest proves nothing until the store was seen to refuse a wrong one (the negative control). Tiny
objects are written under a reserved prefix and removed by their exact keys. What cannot be found out stays
unknown, which counts as the weakest value.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from integrity.checksums import encode
from integrity.etags import normalise
from integrity.evidence import EtagMeaning, Profile, Proof, Statement, limits_of
from integrity.layouts import Limits
from migrator.engine.answers import now
from migrator.engine.errors import (
    AccessDenied,
    ConnectionProblem,
    EngineError,
    ObjectMissing,
    StoreBusy,
    Untagged,
)
from migrator.engine.listing import list_objects
from migrator.engine.probe_ground import BODY, OTHER_BODY, SUMS, Ground, md5_of, proof_by_turns, proof_of_refusal
from migrator.engine.probing_parts import PartsProbe
from migrator.engine.sampling import WRONG_ETAG, reading_facts, unknown_unless_answered
from migrator.engine.signing import UNSIGNED_PAYLOAD
from migrator.engine.stores import Store, WriteHeaders

PROBE_PREFIX = ".truecopy-probe/"

_ODD_KEY = "odd + key %41 \u00e9"
_METADATA = {"truecopy-probe": "one  two"}
_TAGS = {"truecopy-probe": "one two"}
# A person may be waiting for the probe: this many looks take 15 seconds at most.
_LOOKS = 6


def probe_destination(store: Store, bucket: str, prefix: str = "") -> Profile:
    """Return the facts about a bucket that we may write to.

    Raises only `ConnectionProblem`: where the probe is not possible the facts stay unknown.
    """
    base = f"{prefix}{PROBE_PREFIX}{secrets.token_hex(8)}/"
    ground = Ground(store, bucket, base, Profile(limits=limits_at(store)))
    try:
        _probe(ground)
    finally:
        ground.clean()
    return replace(ground.profile, probed_at=now(), clock_skew_seconds=store.clock_skew)


def limits_at(store: Store) -> Limits:
    """Return what is publicly known of the limits at a store's address, before it was asked."""
    return limits_of(urlsplit(store.endpoint.url).hostname or "")


def same_store(source: Store, source_bucket: str, dest: Store, dest_bucket: str, dest_prefix: str = "") -> bool:
    """Say whether a marker written at the destination is seen through the source: one place, two addresses.

    The marker is removed. Where it cannot be written or read the answer is False: nothing was seen.
    """
    key = f"{dest_prefix}{PROBE_PREFIX}{secrets.token_hex(16)}"
    try:
        dest.put(dest_bucket, key, BODY, content_md5=encode(md5_of(BODY)))
        return source.find(source_bucket, key) is not None
    except ConnectionProblem:
        raise
    except EngineError:
        return False
    finally:
        with suppress(EngineError):
            dest.delete(dest_bucket, key)


def _probe(ground: Ground) -> None:
    """Ask everything; stop where not even a plain object can be written."""
    try:
        plain = ground.put("plain", BODY, headers=WriteHeaders(metadata=_METADATA))
    except ConnectionProblem:
        raise
    except EngineError:
        return
    for step in (*_WholeProbe(ground, plain).steps(), *PartsProbe(ground).steps()):
        with unknown_unless_answered():
            step()


class _WholeProbe:
    """What is to be learned from objects written by one PUT. Each step adds facts; one that fails adds none."""

    def __init__(self, ground: Ground, plain: Statement) -> None:
        self._ground = ground
        self._plain = plain
        self._written_at = time.monotonic()

    def steps(self) -> tuple[Callable[[], None], ...]:
        """Return what is to be asked, in order."""
        return (
            self._how_soon_shown,
            self._what_head_says,
            self._tags,
            self._wrong_md5,
            self._wrong_payload,
            self._unsigned_payload,
            self._wrong_checksums,
            self._reading,
            self._conditions,
            self._listing,
        )

    def _how_soon_shown(self) -> None:
        """Look until HEAD and a listing show what was written; how long that takes stays unknown if they do not."""
        tried = 1
        while not self._is_shown("plain"):
            if tried == _LOOKS:
                return
            self._ground.store.patience.wait(tried)
            tried += 1
        seconds = math.ceil(time.monotonic() - self._written_at) if tried > 1 else 0
        self._ground.learn(read_after_write_seconds=seconds)

    def _is_shown(self, name: str) -> bool:
        key = self._ground.base + name
        if self._ground.store.find(self._ground.bucket, key) is None:
            return False
        return any(entry.key == key for entry in list_objects(self._ground.store, self._ground.bucket, key))

    def _what_head_says(self) -> None:
        head = self._ground.head("plain")
        self._ground.learn(
            etag_stable=head.etag == self._plain.etag,
            metadata=dict(head.metadata) == _METADATA,
            versioning=bool(self._plain.version_id),
            sse_default=head.encryption,
        )

    def _tags(self) -> None:
        """Find out whether the store takes tags and gives them back, or lacks them.

        One that takes them and gives back others stays unknown: each copy is compared then, and the loss is a finding.
        """
        try:
            self._ground.put("tagged", BODY, headers=WriteHeaders(tags=_TAGS))
            given = self._ground.store.get_tags(self._ground.bucket, self._ground.base + "tagged")
        except (StoreBusy, ConnectionProblem, AccessDenied, ObjectMissing, Untagged):
            raise
        except EngineError:
            self._ground.learn(tagging=False)
            return
        if given == _TAGS:
            self._ground.learn(tagging=True)

    def _wrong_md5(self) -> None:
        true = md5_of(BODY).hex()
        meaning = EtagMeaning.MD5 if normalise(self._plain.etag or "") == true else EtagMeaning.OPAQUE
        try:
            right = self._ground.put("right-md5", BODY, md5=md5_of(BODY))
        except (StoreBusy, ConnectionProblem):
            raise
        except EngineError:
            self._ground.learn(content_md5=Proof.REFUSES, etag_single=meaning)
            return
        # Some stores make an MD5 of it only where one was sent, as we always do.
        meaning = EtagMeaning.MD5 if normalise(right.etag or "") == true else EtagMeaning.OPAQUE
        wrong = md5_of(OTHER_BODY)
        send = partial(self._ground.put, "wrong-md5", BODY)
        try:
            accepted = normalise(send(md5=wrong).etag or "")
        except EngineError as exc:
            proof = proof_by_turns(exc, partial(send, md5=md5_of(BODY)), partial(send, md5=wrong))
            self._ground.learn(content_md5=proof, etag_single=meaning)
            return
        if accepted == wrong.hex():
            self._ground.learn(content_md5=Proof.ECHOES, etag_single=EtagMeaning.ECHO)
        else:
            self._ground.learn(
                content_md5=Proof.IGNORES, etag_single=meaning if accepted == true else EtagMeaning.OPAQUE
            )

    def _wrong_payload(self) -> None:
        right = partial(self._ground.put, "wrong-payload", BODY)
        wrong = partial(right, wire_body=OTHER_BODY)
        try:
            wrong()
        except EngineError as exc:
            self._ground.learn(payload_sha256=proof_by_turns(exc, right, wrong))
        else:
            self._ground.learn(payload_sha256=Proof.IGNORES)

    def _unsigned_payload(self) -> None:
        """Find out whether a write may leave its bytes out of the signature; a signed Content-MD5 speaks for them."""
        try:
            self._ground.put("unsigned", BODY, md5=md5_of(BODY), payload_sha256=UNSIGNED_PAYLOAD)
        except (StoreBusy, ConnectionProblem):
            raise
        except EngineError:
            self._ground.learn(unsigned_payload=False)
        else:
            self._ground.learn(unsigned_payload=True)

    def _wrong_checksums(self) -> None:
        proofs: dict[str, Proof] = {}
        for algorithm in SUMS:
            with unknown_unless_answered():
                proofs[algorithm] = self._wrong_checksum(algorithm)
        with unknown_unless_answered():
            proven = next((name for name in SUMS if proofs.get(name) is Proof.REJECTS), "CRC32")
            try:
                stated = self._ground.head(f"sum-{proven}", checksums=True).checksums
                self._ground.learn(checksum_mode=stated.get(proven) == SUMS[proven](BODY))
            except StoreBusy:
                raise
            except EngineError:
                self._ground.learn(checksum_mode=False)
        self._ground.learn(checksums=proofs)

    def _wrong_checksum(self, algorithm: str) -> Proof:
        right, wrong = SUMS[algorithm](BODY), SUMS[algorithm](OTHER_BODY)
        try:
            self._ground.put(f"sum-{algorithm}", BODY, checksums={algorithm: right})
        except (StoreBusy, ConnectionProblem):
            raise
        except EngineError:
            return Proof.REFUSES
        try:
            reply = self._ground.put(f"wrong-{algorithm}", BODY, checksums={algorithm: wrong})
        except EngineError as exc:
            return proof_of_refusal(exc)
        stated = reply.checksums.get(algorithm)
        with suppress(EngineError):
            stated = self._ground.head(f"wrong-{algorithm}", checksums=True).checksums.get(algorithm, stated)
        return Proof.ECHOES if stated == wrong else Proof.IGNORES

    def _reading(self) -> None:
        facts = reading_facts(self._ground.store, self._ground.bucket, self._ground.base + "plain", len(BODY))
        self._ground.learn(**facts)

    def _conditions(self) -> None:
        self._ground.learn(
            if_none_match_put=self._ground.is_refused(lambda: self._ground.put("plain", BODY, if_none_match=True))
        )
        self._ground.learn(
            if_match_put=self._ground.is_refused(lambda: self._ground.put("plain", BODY, if_match=WRONG_ETAG))
        )

    def _listing(self) -> None:
        with suppress(EngineError):
            self._ground.put(_ODD_KEY, BODY)
        listed = {
            entry.key: entry for entry in list_objects(self._ground.store, self._ground.bucket, self._ground.base)
        }
        head, entry = self._ground.head("plain"), listed.get(self._ground.base + "plain")
        if entry is None:
            return
        self._ground.learn(
            listing_etag=normalise(entry.etag) == normalise(head.etag or ""),
            listing_size=entry.size == len(BODY),
            encoding_type=self._ground.base + _ODD_KEY in listed,
        )
