"""The part of a probe that is about uploads in parts: what a part and a Complete are refused for, and what is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from integrity.checksums import encode
from integrity.etags import multipart_etag, normalise
from integrity.evidence import EtagMeaning, Proof, Statement
from migrator.engine.errors import ConnectionProblem, EngineError, StoreBusy
from migrator.engine.probe_ground import (
    BODY,
    OTHER_BODY,
    WEAKNESS,
    Ground,
    crc_of,
    md5_of,
    proof_by_turns,
    proof_of_refusal,
)
from migrator.engine.sampling import WRONG_ETAG
from migrator.engine.stores import SentPart

_FIRST_PART = 5 * 1024 * 1024


class PartsProbe:
    """Each step adds facts; one that fails adds none."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._asked: set[str] = set()

    def steps(self) -> tuple[Callable[[], None], ...]:
        """Return what is to be asked, in order; after the whole objects, whose proofs it weakens where parts differ."""
        return (
            self._wrong_complete,
            self._multipart,
            self._wrong_part_payload,
            self._small_parts,
            self._wrong_size,
            self._conditional_complete,
        )

    def _multipart(self) -> None:
        try:
            self._ask_of_parts()
        except StoreBusy:
            self._doubt_parts()
            raise

    def _doubt_parts(self) -> None:
        """Leave open what was not asked of a part: that a whole object is refused shows nothing of one."""
        profile = self._ground.profile
        if "Content-MD5" not in self._asked and profile.content_md5 is Proof.REJECTS:
            self._ground.learn(content_md5=Proof.UNKNOWN)
        if "checksum" not in self._asked:
            weaker = {
                each: Proof.UNKNOWN if proof is Proof.REJECTS else proof for each, proof in profile.checksums.items()
            }
            self._ground.learn(checksums=weaker)

    def _ask_of_parts(self) -> None:
        algorithm = self._ground.profile.whole_checksum()
        name = "parts"
        upload_id = self._ground.create(name, algorithm)
        first, last = bytes(_FIRST_PART), b"!"
        sent = [
            self._ground.part(name, upload_id, 1, first, algorithm),
            self._ground.part(name, upload_id, 2, last, algorithm),
        ]
        self._wrong_part(name, upload_id, last, sent[1])
        if algorithm:
            self._wrong_part_checksum(name, upload_id, last, algorithm)
            sent[1] = self._ground.part(name, upload_id, 2, last, algorithm)
        sums = {algorithm: crc_of(algorithm, first + last)} if algorithm else None
        reply = self._ground.store.complete_upload(
            self._ground.bucket, self._ground.base + name, upload_id, sent, checksums=sums, size=_FIRST_PART + 1
        )
        self._ground.forget_upload(name, upload_id)
        head = self._ground.head(name)
        formula = multipart_etag([md5_of(first), md5_of(last)])
        holds = normalise(head.etag or "") == formula and normalise(reply.etag or "") == formula
        self._ground.learn(
            etag_multipart=EtagMeaning.FORMULA if holds else EtagMeaning.OPAQUE,
            etag_stable=self._ground.profile.etag_stable is not False
            and normalise(head.etag or "") == normalise(reply.etag or ""),
        )
        self._part_facts(name)

    def _small_parts(self) -> None:
        """Ask for an object of two parts of one byte each: a store that takes it has no smallest part."""
        name = "small-parts"
        upload_id = self._ground.create(name, "")
        sent = [self._ground.part(name, upload_id, number, b"!", "") for number in (1, 2)]
        self._ground.store.complete_upload(self._ground.bucket, self._ground.base + name, upload_id, sent)
        self._ground.forget_upload(name, upload_id)
        if self._ground.head(name).size == len(sent):
            self._ground.learn(limits=replace(self._ground.profile.limits, smallest_part=1))

    def _wrong_part(self, name: str, upload_id: str, body: bytes, right: SentPart) -> None:
        """Ask the store to refuse a part with a wrong Content-MD5; the weaker of PUT and UploadPart counts."""
        if self._ground.profile.content_md5 is Proof.REFUSES:
            return
        wrong = md5_of(OTHER_BODY)
        send = partial(
            # All else is right, so that what is refused can only be the Content-MD5.
            self._ground.store.upload_part,
            self._ground.bucket,
            self._ground.base + name,
            upload_id,
            2,
            body,
            checksums=right.checksums,
        )
        try:
            reply = send(content_md5=encode(wrong))
        except EngineError as exc:
            right_again = partial(send, content_md5=encode(md5_of(body)))
            found = proof_by_turns(exc, right_again, partial(send, content_md5=encode(wrong)))
        else:
            echoed = normalise(reply.etag or "") == wrong.hex() and normalise(right.etag) != wrong.hex()
            found = Proof.ECHOES if echoed else Proof.IGNORES
        self._asked.add("Content-MD5")
        if WEAKNESS[found] > WEAKNESS[self._ground.profile.content_md5]:
            self._ground.learn(content_md5=found)

    def _wrong_part_payload(self) -> None:
        """Ask the store to refuse a part that is not what was signed; the weaker of PUT and UploadPart counts."""
        try:
            found = self._proof_of_part_payload()
        except StoreBusy:
            # It takes parts, and what it makes of a wrong one was not seen.
            found = Proof.UNKNOWN
        if WEAKNESS[found] > WEAKNESS[self._ground.profile.payload_sha256]:
            self._ground.learn(payload_sha256=found)

    def _proof_of_part_payload(self) -> Proof:
        name = "wrong-part"
        upload_id = self._ground.create(name, "")
        right = partial(
            self._ground.store.upload_part, self._ground.bucket, self._ground.base + name, upload_id, 1, BODY
        )
        wrong = partial(right, wire_body=OTHER_BODY)
        try:
            wrong()
        except EngineError as exc:
            return proof_by_turns(exc, right, wrong)
        return Proof.IGNORES

    def _wrong_part_checksum(self, name: str, upload_id: str, body: bytes, algorithm: str) -> None:
        """Ask the store to refuse a part with a wrong checksum. One that checks only whole objects proves no part."""
        md5 = "" if self._ground.profile.content_md5 is Proof.REFUSES else encode(md5_of(body))
        wrong = {algorithm: crc_of(algorithm, OTHER_BODY)}
        try:
            self._ground.store.upload_part(
                self._ground.bucket, self._ground.base + name, upload_id, 2, body, content_md5=md5, checksums=wrong
            )
        except EngineError as exc:
            found = proof_of_refusal(exc)
        else:
            found = Proof.IGNORES
        self._asked.add("checksum")
        if found is not Proof.REJECTS:
            weaker = {
                each: Proof.IGNORES if proof is Proof.REJECTS else proof
                for each, proof in self._ground.profile.checksums.items()
            }
            self._ground.learn(checksums=weaker)

    def _part_facts(self, name: str) -> None:
        try:
            told = self._ground.store.head(self._ground.bucket, self._ground.base + name, part_number=1)
            self._ground.learn(part_number=told.size == _FIRST_PART and told.parts_count == 2)
        except StoreBusy:
            raise
        except EngineError:
            self._ground.learn(part_number=False)
        try:
            parts = self._ground.store.told_parts(self._ground.bucket, self._ground.base + name)
            self._ground.learn(attributes=[part.size for part in parts] == [_FIRST_PART, 1])
        except StoreBusy:
            raise
        except EngineError:
            self._ground.learn(attributes=False)

    def _wrong_complete(self) -> None:
        """Ask the store to refuse a Complete with a wrong checksum of the whole.

        In an upload of its own: whether it is refused or taken, the upload may be gone afterwards.
        """
        algorithm = self._ground.profile.whole_checksum()
        if not algorithm:
            return
        complete = self._complete_of_one("wrong-whole", algorithm, whole=OTHER_BODY, size=len(BODY))
        try:
            complete()
        except EngineError as exc:
            self._ground.learn(complete_checksum=proof_of_refusal(exc))
        else:
            self._ground.learn(complete_checksum=Proof.IGNORES)

    def _wrong_size(self) -> None:
        """Ask the store to refuse a Complete that tells another size than the parts have.

        As in every copy the size goes beside a checksum. That the right one is taken shows what the other is refused
        for: there is no code of its own for this.
        """
        algorithm = self._ground.profile.whole_checksum()
        if not algorithm:
            return
        right = self._complete_of_one("right-size", algorithm, size=len(BODY))
        wrong = self._complete_of_one("wrong-size", algorithm, size=len(BODY) + 1)
        right()
        try:
            wrong()
        except (StoreBusy, ConnectionProblem):
            raise
        except EngineError:
            self._ground.learn(complete_size=Proof.REJECTS)
        else:
            self._ground.learn(complete_size=Proof.IGNORES)

    def _conditional_complete(self) -> None:
        self._ground.learn(
            if_none_match_complete=self._ground.is_refused(self._complete_of_one("plain", if_none_match=True))
        )
        self._ground.learn(
            if_match_complete=self._ground.is_refused(self._complete_of_one("plain", if_match=WRONG_ETAG))
        )

    def _complete_of_one(
        self,
        name: str,
        algorithm: str = "",
        *,
        whole: bytes = BODY,
        size: int | None = None,
        if_none_match: bool = False,
        if_match: str = "",
    ) -> Callable[[], Statement]:
        """Upload one part and return the Complete that is left to be asked; its checksum is that of `whole`."""
        upload_id = self._ground.create(name, algorithm)
        sent = self._ground.part(name, upload_id, 1, BODY, algorithm)
        return partial(
            self._ground.store.complete_upload,
            self._ground.bucket,
            self._ground.base + name,
            upload_id,
            [sent],
            checksums={algorithm: crc_of(algorithm, whole)} if algorithm else None,
            size=size,
            if_none_match=if_none_match,
            if_match=if_match,
        )
