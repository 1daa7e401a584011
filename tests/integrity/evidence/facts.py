"""Small facts that the tests of evidence share: real bytes, real digests, statements around them."""

from __future__ import annotations

from integrity.digests import ALL, DigestSet, digest_of
from integrity.evidence import Demand, EtagMeaning, Origin, Outcome, Planned, Profile, Proof, Statement
from integrity.evidence.checks import Check, CheckName, Reason
from integrity.layouts import Layout

DATA = b"the quick brown fox jumps over the lazy dog" * 100
OTHER = b"x" + DATA[1:]
SIZE = len(DATA)
PARTS = Layout.uniform(SIZE, 1000)
SINGLE = Layout.single(SIZE)
NOW = "2026-05-04T10:11:12.000000Z"

PROVEN = Profile(
    etag_single=EtagMeaning.MD5,
    etag_multipart=EtagMeaning.FORMULA,
    content_md5=Proof.REJECTS,
    payload_sha256=Proof.REJECTS,
    checksums={"CRC32": Proof.REJECTS, "CRC64NVME": Proof.REJECTS, "SHA256": Proof.REJECTS},
    etag_stable=True,
    if_match_get=True,
    listing_etag=True,
    listing_size=True,
)
UNKNOWN = Profile()

DIGESTS = digest_of(DATA, [SINGLE, PARTS])
MD5 = DIGESTS.md5_hex or ""
SHA256 = DIGESTS.sha256_hex or ""


EVERYTHING = digest_of(DATA, [SINGLE, PARTS], ALL, ALL)


def demanded(data: bytes, reply: Statement) -> DigestSet:
    """Return what one pass computes of these bytes for a source that states so."""
    demand = Demand.of(reply)
    return digest_of(data, [SINGLE, PARTS], demand.whole, demand.parts)


def planned(etag: str = MD5, **changes: object) -> Planned:
    return Planned(**({"etag": etag, "size": SIZE} | changes))  # type: ignore[arg-type]


def said(origin: Origin = Origin.GET, etag: str | None = f'"{MD5}"', **changes: object) -> Statement:
    facts: dict[str, object] = {"origin": origin, "etag": etag, "size": SIZE, "at": NOW, "request_id": "R1"}
    return Statement(**(facts | changes))  # type: ignore[arg-type]


def only(checks: tuple[Check, ...], name: CheckName) -> Check:
    (check,) = [check for check in checks if check.name is name]
    return check


def outcome(checks: tuple[Check, ...], name: CheckName) -> Outcome | Reason:
    """The reason of a check that could not be made, else its outcome."""
    check = only(checks, name)
    return check.reason or check.outcome


def made(
    name: CheckName,
    result: Outcome | Reason,
    expected: str | None = None,
    observed: str | None = None,
    algorithm: str | None = None,
    by: Statement | None = None,
    attempt: int = 3,
) -> Check:
    """A whole check, as it should be; `by` is the statement that it rests on."""
    reason = result if isinstance(result, Reason) else None
    return Check(
        name=name,
        outcome=Outcome.NOT_COMPARABLE if isinstance(result, Reason) else result,
        reason=reason,
        expected=expected,
        observed=observed,
        algorithm=algorithm,
        origin=by.origin if by else None,
        at=by.at if by else "",
        request_id=by.request_id if by else "",
        attempt=attempt,
    )
