"""The test of a connection: one step after another, each with what it found and, if it failed, what to do.

Outcomes are a fixed set of words, so that a test cannot be used to look around a network. A step that cannot be
tried says why; what comes after a failed one is not tried, which is not the same as failed.
"""

from __future__ import annotations

import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

from integrity.evidence import EtagMeaning, Profile, Proof, profile_to_json
from migrator.engine.addresses import check_endpoint_url, dialable
from migrator.engine.errors import (
    AccessDenied,
    BucketMissing,
    ClockSkew,
    EndpointUnreachable,
    EngineError,
    NameNotFound,
    NobodyThere,
    TlsProblem,
)
from migrator.engine.pacing import Patience
from migrator.engine.profiling import PROBE_PREFIX, probe_destination
from migrator.engine.sampling import probe_source
from migrator.engine.stores import Endpoint, Store
from migrator.engine.trust import tls_context

MOST_CLOCK_SECONDS = 5 * 60
_SECONDS_TO_CONNECT = 10
_SECONDS_TO_READ = 60
_BODY = b"Truecopy tests this connection.\n"


class StepOutcome(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_TRIED = "not_tried"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: what was tried, how it ended, how long it took, in words, and what to do if it failed.

    The last step carries the bucket's profile as plain values, where one was made.
    """

    name: str
    outcome: StepOutcome
    seconds: float = 0.0
    words: str = ""
    advice: str = ""
    profile: dict[str, object] | None = None


STEPS = (
    "address allowed",
    "name found",
    "connected",
    "certificate trusted",
    "clock agrees",
    "keys accepted",
    "buckets listed",
    "bucket listed",
    "one object read",
    "small object written, read and deleted",
    "a wrong checksum is refused",
    "what ETags and checksums mean here",
)


class _NotTried(Exception):
    """This step cannot be tried; the next ones can."""


class _Unclear(Exception):
    """This step gave no answer that matters."""


def try_connection(endpoint: Endpoint, bucket: str | None = None, write: bool = False) -> Iterator[Step]:
    """Yield the steps of the test in order; never raises for what the store does.

    `write` allows a small object under a reserved prefix of `bucket`; without it the bucket is only read.
    """
    trial = _Trial(endpoint, bucket or "", write)
    failed = False
    for name, step in zip(STEPS, trial.steps(), strict=True):
        if failed:
            yield Step(name=name, outcome=StepOutcome.NOT_TRIED, words="An earlier step failed.")
            continue
        ended = _taken(name, step)
        failed = ended.outcome is StepOutcome.FAILED
        yield replace(ended, profile=trial.profile_facts) if name == STEPS[-1] else ended
    trial.close()


def _taken(name: str, step: Callable[[], str]) -> Step:
    began = time.monotonic()
    words, advice = "", ""
    try:
        outcome, words = StepOutcome.PASSED, step()
    except _NotTried as exc:
        outcome, words = StepOutcome.NOT_TRIED, str(exc)
    except _Unclear as exc:
        outcome, words = StepOutcome.UNKNOWN, str(exc)
    except EngineError as exc:
        outcome, words, advice = StepOutcome.FAILED, exc.advice, exc.advice_admin
        advice = "" if advice == words else advice
    return Step(name=name, outcome=outcome, seconds=round(time.monotonic() - began, 3), words=words, advice=advice)


class _Trial:
    """What the steps share."""

    def __init__(self, endpoint: Endpoint, bucket: str, write: bool) -> None:
        self._endpoint = endpoint
        self._bucket = bucket
        self._write = write
        self._address = ""
        self._unknown_name: NameNotFound | None = None
        self._made: Store | None = None
        self._key = ""
        self._refused: AccessDenied | None = None
        self._buckets: tuple[str, ...] = ()
        self._profile: Profile | None = None

    def steps(self) -> tuple[Callable[[], str], ...]:
        return (
            self._allowed,
            self._found,
            self._connected,
            self._trusted,
            self._clock,
            self._keys,
            self._lists_buckets,
            self._lists_bucket,
            self._reads,
            self._writes,
            self._refuses_wrong,
            self._meaning,
        )

    @property
    def profile_facts(self) -> dict[str, object] | None:
        return None if self._profile is None else profile_to_json(self._profile)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    @property
    def _store(self) -> Store:
        if self._made is None:
            quick = replace(self._endpoint, connect_seconds=_SECONDS_TO_CONNECT, read_seconds=20)
            self._made = Store(quick, patience=Patience(tries=1), most_in_flight=4)
        return self._made

    def _host_and_port(self) -> tuple[str, int]:
        parts = urlsplit(self._endpoint.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def _allowed(self) -> str:
        check_endpoint_url(self._endpoint.url, self._endpoint.rule)
        host, port = self._host_and_port()
        try:
            self._address = dialable(host, port, self._endpoint.rule, _SECONDS_TO_CONNECT)[0]
        except NameNotFound as exc:
            self._unknown_name = exc
        return f"This installation may reach {host}."

    def _found(self) -> str:
        if self._unknown_name is not None:
            raise self._unknown_name
        return f"{self._host_and_port()[0]} has an address."

    def _connected(self) -> str:
        host, port = self._host_and_port()
        try:
            socket.create_connection((self._address, port), _SECONDS_TO_CONNECT).close()
        except OSError as exc:
            raise NobodyThere(str(exc), facts={"host": f"{host}:{port}"}) from exc
        return f"{host} answers on port {port}."

    def _trusted(self) -> str:
        host, port = self._host_and_port()
        if not self._endpoint.url.startswith("https://"):
            raise _NotTried("The address begins with http://, so nothing is encrypted on the way.")
        context = tls_context(self._endpoint.ca_pem)
        try:
            with (
                socket.create_connection((self._address, port), _SECONDS_TO_CONNECT) as line,
                context.wrap_socket(line, server_hostname=host),
            ):
                return f"The certificate is valid for {host}."
        except ssl.SSLError as exc:
            raise TlsProblem(str(exc), facts={"host": host, "tls": _certificate_fault(exc)}) from exc
        except OSError as exc:
            raise NobodyThere(str(exc), facts={"host": f"{host}:{port}"}) from exc

    def _clock(self) -> str:
        problem: EngineError | None = None
        try:
            self._ask()
        except ClockSkew:
            raise
        except EngineError as exc:
            # Whatever was said, its Date tells the time; what it says is the next step's business.
            problem = exc
        skew = self._store.clock_skew
        if skew is None and isinstance(problem, EndpointUnreachable):
            raise problem
        if skew is None:
            raise _Unclear("The storage service does not say what time it is.")
        if abs(skew) > MOST_CLOCK_SECONDS:
            raise ClockSkew(facts={"n": str(round(abs(skew) / 60))})
        return f"The clocks differ by {abs(skew)} s."

    def _ask(self) -> None:
        if self._bucket:
            self._store.head_bucket(self._bucket)
        else:
            self._store.list_buckets()

    def _keys(self) -> str:
        """Whoever is told "not allowed" is known by now; a listing says more than a HEAD, which has no body."""
        try:
            self._buckets = self._store.list_buckets()
        except AccessDenied as exc:
            self._refused = exc
        except BucketMissing as exc:
            self._refused = AccessDenied(str(exc), facts=exc.facts)
        return "The storage service knows these keys."

    def _lists_buckets(self) -> str:
        if self._refused is not None:
            raise _Unclear("These keys may not list the buckets. That does no harm: type the bucket's name.")
        count = len(self._buckets)
        return "These keys see one bucket." if count == 1 else f"These keys see {count:,} buckets."

    def _lists_bucket(self) -> str:
        self._need_bucket()
        page = self._store.list_page(self._bucket, "", most_keys=5)
        plain = [entry for entry in page.entries if not entry.key.startswith(PROBE_PREFIX)]
        self._key = plain[0].key if plain else ""
        return f'"{self._bucket}" can be listed.' + ("" if self._key else " It is empty.")

    def _reads(self) -> str:
        self._need_bucket()
        if not self._key:
            raise _NotTried("The bucket is empty, so there is nothing to read.")
        body = self._store.open(self._bucket, self._key)
        try:
            for _ in body.chunks():
                break
        finally:
            body.close()
        return "An object can be read."

    def _writes(self) -> str:
        self._need_bucket()
        if not self._write:
            raise _NotTried("Writing was not asked for.")
        key = f"{PROBE_PREFIX}{secrets.token_hex(8)}"
        self._store.put(self._bucket, key, _BODY)
        try:
            body = self._store.open(self._bucket, key, within=_SECONDS_TO_READ)
            try:
                same = b"".join(body.chunks()) == _BODY
            finally:
                body.close()
        finally:
            self._store.delete(self._bucket, key)
        if not same:
            raise _Unclear("The object that was read is not the one that was written.")
        return "A small object was written, read and deleted."

    def _refuses_wrong(self) -> str:
        self._need_bucket()
        if not self._write:
            raise _NotTried("Writing was not asked for.")
        self._profile = probe_destination(self._store, self._bucket)
        proofs = {"Content-MD5": self._profile.content_md5, **self._profile.checksums}
        refused = [name for name, proof in proofs.items() if proof is Proof.REJECTS]
        if not refused:
            raise _Unclear(
                "This store has not shown that it checks what it receives. Copies there can be verified only by "
                "reading them back."
            )
        return f"A wrong checksum is refused: {', '.join(refused)}."

    def _meaning(self) -> str:
        self._need_bucket()
        if self._profile is None:
            self._profile = probe_source(self._store, self._bucket)
        single, parts = self._profile.etag_single, self._profile.etag_multipart
        said = f"{_ETAG_WORDS[single]} {_PARTS_WORDS[parts]}".strip()
        if single is EtagMeaning.UNKNOWN and parts is EtagMeaning.UNKNOWN:
            raise _Unclear("Nothing here shows yet what the ETags mean.")
        return said

    def _need_bucket(self) -> None:
        if not self._bucket:
            raise _NotTried("No bucket was named.")


def _certificate_fault(exc: ssl.SSLError) -> str:
    text = str(exc).lower()
    if "expired" in text:
        return "expired"
    if "wrong_version" in text or "wrong version" in text or "record layer" in text:
        return "what answers there speaks no TLS"
    return "other name" if "mismatch" in text or "not valid for" in text else "unknown issuer"


_ETAG_WORDS = {
    EtagMeaning.MD5: "The ETag of an object is the MD5 of its bytes.",
    EtagMeaning.ECHO: "The ETag only repeats what was sent, so it proves nothing.",
    EtagMeaning.OPAQUE: "The ETag of an object is not made from its bytes.",
    EtagMeaning.DISPROVED: "The ETag of an object is not made from its bytes.",
    EtagMeaning.FORMULA: "",
    EtagMeaning.MIXED: "",
    EtagMeaning.UNKNOWN: "",
}
_PARTS_WORDS = {
    EtagMeaning.FORMULA: "Of an object in parts it is made from the MD5s of the parts.",
    EtagMeaning.OPAQUE: "Of an object in parts it is not made from its bytes.",
    EtagMeaning.DISPROVED: "Of an object in parts it is not made from its bytes.",
    EtagMeaning.MD5: "",
    EtagMeaning.MIXED: "",
    EtagMeaning.ECHO: "",
    EtagMeaning.UNKNOWN: "",
}
