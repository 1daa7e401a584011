"""Profiles: the dated, probed facts about a bucket behind a connection.

Pure. Whatever is not known counts as the weakest value.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from integrity.evidence.statements import Encryption
from integrity.layouts import Limits

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Proof(StrEnum):
    """How a store treats a digest that is wrong: the outcome of the negative control."""

    REJECTS = "rejects"
    IGNORES = "ignores"
    ECHOES = "echoes"
    REFUSES = "refuses"
    UNKNOWN = "unknown"


class EtagMeaning(StrEnum):
    """What an ETag of this bucket is made of. `mixed` is a person's word: some are MD5s, others only look like one."""

    MD5 = "md5"
    MIXED = "mixed"
    FORMULA = "formula"
    ECHO = "echo"
    OPAQUE = "opaque"
    DISPROVED = "disproved"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The dated, probed facts about one bucket. Whatever is not known counts as the weakest value.

    `limits` are those of AWS where nothing else is known. `read_after_write_seconds`: how long it took until HEAD and a
    listing showed what was written, rounded up; 0 where the first look did.
    """

    probed_at: str = ""
    etag_single: EtagMeaning = EtagMeaning.UNKNOWN
    etag_multipart: EtagMeaning = EtagMeaning.UNKNOWN
    content_md5: Proof = Proof.UNKNOWN
    payload_sha256: Proof = Proof.UNKNOWN
    unsigned_payload: bool | None = None
    checksums: Mapping[str, Proof] = field(default_factory=dict)
    complete_checksum: Proof = Proof.UNKNOWN
    complete_size: Proof = Proof.UNKNOWN
    etag_stable: bool | None = None
    if_match_get: bool | None = None
    range_get: bool | None = None
    part_number: bool | None = None
    attributes: bool | None = None
    if_none_match_put: bool | None = None
    if_none_match_complete: bool | None = None
    if_match_put: bool | None = None
    if_match_complete: bool | None = None
    listing_etag: bool | None = None
    listing_size: bool | None = None
    encoding_type: bool | None = None
    checksum_mode: bool | None = None
    metadata: bool | None = None
    tagging: bool | None = None
    versioning: bool | None = None
    sse_default: Encryption | None = None
    read_after_write_seconds: int | None = None
    clock_skew_seconds: int | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def proves_single_etag(self) -> bool:
        """Whether the ETag of a single PUT passed the negative control: the store computes it itself.

        A wrong Content-MD5 is rejected, or accepted with an ETag that is the true MD5; where the header is an
        error there is nothing to echo. Facts read from ETags alone, without a write, do not suffice.
        """
        return self.etag_single is EtagMeaning.MD5 and self.content_md5 in _CONTROLLED

    @property
    def proves_multipart_etag(self) -> bool:
        """Whether part ETags and the multipart ETag passed the negative control."""
        if self.etag_multipart is not EtagMeaning.FORMULA:
            return False
        return self.proves_single_etag or self.content_md5 is Proof.REJECTS

    def with_mixed_etags(self) -> Profile:
        """Return these facts for a bucket that a person has marked `mixed`: its single ETags need not be MD5s.

        The mark takes back what a sample showed. What was seen to mean less, or nothing, it does not lift.
        """
        return replace(self, etag_single=EtagMeaning.MIXED) if self.etag_single is EtagMeaning.MD5 else self

    def proves_checksum(self, algorithm: str) -> bool:
        """Whether this bucket was seen to reject a wrong checksum of that S3 name."""
        return self.checksums.get(algorithm) is Proof.REJECTS

    def proves_stated_checksum(self, algorithm: str, *, of_parts_put_together: bool) -> bool:
        """Whether a checksum of the whole object that is stated later passed the negative control, and is no echo.

        Parts are put together by a Complete, so what it brings must have been seen to be checked too.
        """
        return self.proves_checksum(algorithm) and not (
            of_parts_put_together and self.complete_checksum is not Proof.REJECTS
        )

    def whole_checksum(self, left_out: Collection[str] = ()) -> str:
        """Return the full-object checksum to write with: one that this bucket is proven to check; empty if none."""
        able = [name for name in _WHOLE_CHECKSUMS if name not in left_out]
        return next((name for name in able if self.proves_checksum(name)), "")

    def digests_sent(self, left_out: Collection[str] = ()) -> frozenset[str]:
        """Return the digests that go with a write; the signature covers the SHA-256 of each payload."""
        md5 = "" if self.content_md5 is Proof.REFUSES or "MD5" in left_out else "MD5"
        return frozenset({"SHA256", md5, self.whole_checksum(left_out)} - {""})


_WHOLE_CHECKSUMS = ("CRC64NVME", "CRC32")
_CONTROLLED = frozenset({Proof.REJECTS, Proof.IGNORES, Proof.REFUSES})


def learned_meaning(equal: int, compared: int) -> EtagMeaning:
    """Return what a sample of plain objects shows about single-part ETags: `equal` of `compared` were MD5s.

    One that is an MD5 is no chance, so a difference elsewhere in the bucket is a mismatch, unless a person marks it
    `mixed`. None of 20 disproves; none of fewer shows nothing.
    """
    if equal > 0:
        return EtagMeaning.MD5
    return EtagMeaning.DISPROVED if compared >= SAMPLE else EtagMeaning.UNKNOWN


SAMPLE = 20


def profile_to_json(profile: Profile) -> dict[str, object]:
    """Return a profile as plain values, every fact by its name."""
    return {name.name: _plain(getattr(profile, name.name)) for name in fields(Profile)}


def profile_from_json(facts: Mapping[str, object]) -> Profile:
    """Read what `profile_to_json` wrote. A fact that is missing or not understood is unknown, never an error."""
    read: dict[str, object] = {}
    for name in fields(Profile):
        value = _read(name.name, facts.get(name.name))
        if value is not None:
            read[name.name] = value
    return Profile(**read)  # type: ignore[arg-type]  # each value was read by its field's kind


def _plain(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Limits):
        return asdict(value)
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return value


def _read(name: str, value: object) -> object:
    """Return a fact of the right kind, or None."""
    if name == "checksums":
        return _read_proofs(value)
    if name == "limits":
        return _read_limits(value)
    if name in _ENUMS:
        return _member(_ENUMS[name], value)
    kind = _PLAIN_KINDS.get(name, bool)
    return value if type(value) is kind else None


def _read_proofs(value: object) -> dict[str, Proof]:
    if not isinstance(value, dict):
        return {}
    proofs = {str(algorithm): _member(Proof, proof) for algorithm, proof in value.items()}
    return {algorithm: Proof(proof) for algorithm, proof in proofs.items() if proof is not None}


def _read_limits(value: object) -> Limits:
    """Return limits, each that is not understood as AWS has it."""
    given = value if isinstance(value, dict) else {}
    usual = asdict(Limits())
    understood = {
        name: given[name]
        for name, default in usual.items()
        if type(given.get(name)) is type(default) and given[name] > 0
    }
    return Limits(**understood)


def _member(kind: type[StrEnum], value: object) -> StrEnum | None:
    return kind(str(value)) if value in list(kind) else None


_ENUMS: dict[str, type[StrEnum]] = {
    "etag_single": EtagMeaning,
    "etag_multipart": EtagMeaning,
    "content_md5": Proof,
    "payload_sha256": Proof,
    "complete_checksum": Proof,
    "complete_size": Proof,
    "sse_default": Encryption,
}
_PLAIN_KINDS: dict[str, type] = {"probed_at": str, "read_after_write_seconds": int, "clock_skew_seconds": int}
