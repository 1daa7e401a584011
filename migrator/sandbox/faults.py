"""The fault plan: what should go wrong, when. Data, JSON in and out; seeded and deterministic.

Calls are counted for each (operation, key, part), so concurrency does not change which call is hit.
Of the faults that fit a call, the first one fires.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from fnmatch import translate
from functools import lru_cache

from migrator.sandbox.errors import SandboxProblem

BODY_ACTIONS = frozenset({"flip", "truncate", "reset", "no_length", "extend", "stall", "drip", "swap"})
ANSWER_ACTIONS = frozenset(
    {
        "status",
        "error_in_200",
        "empty_200",
        "html_200",
        "drop_reply",
        "header",
        "etag",
        "xml",
        "huge_body",
        "redirect",
    }
)
STORE_ACTIONS = frozenset(
    {"corrupt_before_hash", "corrupt_after_ack", "drop_tail", "echo_digest", "ignore", "land_late", "late_visible"}
)
WORLD_ACTIONS = frozenset({"overwrite", "delete", "delete_marker", "lock"})
LINE_ACTIONS = frozenset({"refuse", "tls"})
TLS_FLAWS = ("wrong_name", "expired", "untrusted")
ACTIONS = BODY_ACTIONS | ANSWER_ACTIONS | STORE_ACTIONS | WORLD_ACTIONS | LINE_ACTIONS

WRITES = frozenset({"PutObject", "UploadPart"})
_HEADS = frozenset({"HeadObject", "HeadBucket"})
_STORES = WRITES | {"CompleteMultipartUpload"}
# Where an action can act at all; what is not named here can act on every operation.
_ACTS_ON: dict[str, frozenset[str]] = {
    "corrupt_before_hash": WRITES,
    "echo_digest": WRITES,
    "land_late": frozenset({"UploadPart", "UploadPartCopy"}),
    "corrupt_after_ack": _STORES,
    "drop_tail": _STORES,
    "late_visible": frozenset({"PutObject", "CompleteMultipartUpload"}),
}
_NEVER_ON: dict[str, frozenset[str]] = {
    **dict.fromkeys(BODY_ACTIONS, _HEADS),
    # The body of a write is the client's: it can be spoilt, slowed or cut off, not made longer.
    **dict.fromkeys(("truncate", "no_length", "extend", "swap"), _HEADS | WRITES),
    "huge_body": _HEADS,
}
OPERATIONS = frozenset(
    {
        "*",
        "AbortMultipartUpload",
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateBucket",
        "CreateMultipartUpload",
        "DeleteBucket",
        "DeleteBucketEncryption",
        "DeleteBucketTagging",
        "DeleteObject",
        "DeleteObjectTagging",
        "DeleteObjects",
        "GetBucketAcl",
        "GetBucketEncryption",
        "GetBucketLocation",
        "GetBucketTagging",
        "GetBucketVersioning",
        "GetObject",
        "GetObjectAcl",
        "GetObjectAttributes",
        "GetObjectTagging",
        "HeadBucket",
        "HeadObject",
        "ListBuckets",
        "ListMultipartUploads",
        "ListObjectVersions",
        "ListObjects",
        "ListObjectsV2",
        "ListParts",
        "PutBucketEncryption",
        "PutBucketTagging",
        "PutBucketVersioning",
        "PutObject",
        "PutObjectTagging",
        "UploadPart",
        "UploadPartCopy",
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One planned fault, as a fault plan writes it."""

    action: str
    operation: str = "*"
    side: str = ""
    key: str = "*"
    part: int | None = None
    calls: str = "all"
    at_byte: int | str | None = None
    value: object = None
    seed: int = 0

    @classmethod
    def of(cls, raw: Mapping[str, object] | Fault) -> Fault:
        """The fault that a JSON object describes; SandboxProblem says what is wrong with it."""
        if isinstance(raw, Fault):
            return raw
        known = [entry.name for entry in fields(cls)]
        unknown = sorted(set(raw) - set(known))
        if unknown:
            raise SandboxProblem(f"a fault has no field {', '.join(unknown)}; it has {', '.join(known)}")
        if "action" not in raw:
            raise SandboxProblem(f"a fault needs an action: {dict(raw)!r}")
        values = {name: value for name, value in raw.items() if not (name == "part" and value == "")}
        return _checked(cls(**values))  # type: ignore[arg-type]

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    def fits(self, operation: str, key: str, part: int | None, call: int) -> bool:
        if self.operation not in ("*", operation) or self.part not in (None, part):
            return False
        if not _can_act(self.action, operation):
            return False
        first, last = _span(self.calls)
        return first <= call and (last is None or call <= last) and _fits_glob(self.key, key)


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that fires in one particular call."""

    fault: Fault
    operation: str
    key: str
    part: int | None
    call: int

    @property
    def action(self) -> str:
        return self.fault.action

    def offset(self, length: int) -> int:
        """The byte it acts at, in a body of that length: as planned, or seeded."""
        planned = self.fault.at_byte
        if isinstance(planned, int):
            return min(planned, length)
        return int.from_bytes(self._seeded(b"offset")[:8], "big") % length if length else 0

    def mask(self) -> int:
        """What a flipped byte is XORed with: the value, or one seeded bit."""
        if isinstance(self.fault.value, int) and 0 < self.fault.value < 256:
            return self.fault.value
        return 1 << (self._seeded(b"mask")[0] % 8)

    def noise(self, length: int) -> bytes:
        """Seeded bytes, the same for the same plan, call and seed."""
        return hashlib.shake_128(self._seeded(b"bytes")).digest(length)

    def number(self, usual: float) -> float:
        """The fault's value as a number."""
        value = self.fault.value
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else usual

    def option(self, name: str, usual: object = None) -> object:
        """A named part of the fault's value, where it is an object."""
        return self.fault.value.get(name, usual) if isinstance(self.fault.value, Mapping) else usual

    def _seeded(self, purpose: bytes) -> bytes:
        words = (str(self.fault.seed), self.operation, self.key, str(self.part or ""), str(self.call))
        return hashlib.sha256(b"\x00".join((*(word.encode() for word in words), purpose))).digest()


@dataclass(frozen=True, slots=True)
class Fired:
    """An entry in the log of what went wrong on purpose. index: place in the plan."""

    index: int
    action: str
    operation: str
    key: str
    part: int | None
    call: int


@dataclass(slots=True)
class FaultPlan:
    """The faults of one side, and how often each call has come.

    side: faults that name another side are left out; "" takes all.
    """

    faults: tuple[Fault, ...] = ()
    fired: list[Fired] = field(default_factory=list)
    _counts: Counter[tuple[str, str, int | None]] = field(default_factory=Counter)

    @classmethod
    def of(cls, raw: Iterable[Mapping[str, object] | Fault], side: str = "") -> FaultPlan:
        if isinstance(raw, (str, bytes, Mapping)):
            raise SandboxProblem("a fault plan is a list of faults")
        faults = (Fault.of(entry) for entry in raw)
        return cls(tuple(fault for fault in faults if not side or fault.side in ("", side)))

    def strike(self, operation: str, key: str, part: int | None) -> Strike | None:
        """Count this call, and the fault that hits it, if any."""
        place = (operation, key, part)
        self._counts[place] += 1
        return self._first(operation, key, part, self._counts[place], line="")

    def strike_line(self, action: str) -> Strike | None:
        """Count this connection (refuse) or handshake (tls), and the fault of that action that hits it."""
        place = (action, "", None)
        self._counts[place] += 1
        return self._first("*", "", None, self._counts[place], line=action)

    def unfired(self) -> tuple[Fault, ...]:
        """Planned faults that have not fired: a test whose plan has some has not tested what it says."""
        seen = {entry.index for entry in self.fired}
        return tuple(fault for index, fault in enumerate(self.faults) if index not in seen)

    def _first(self, operation: str, key: str, part: int | None, call: int, *, line: str) -> Strike | None:
        for index, fault in enumerate(self.faults):
            is_meant = fault.action == line if line else fault.action not in LINE_ACTIONS
            if is_meant and fault.fits(operation, key, part, call):
                self.fired.append(Fired(index, fault.action, operation, key, part, call))
                return Strike(fault, operation, key, part, call)
        return None


def _checked(fault: Fault) -> Fault:
    if fault.action == "resolve":
        raise SandboxProblem("resolve acts in the client's name resolution; a server cannot do it")
    if fault.action not in ACTIONS:
        raise SandboxProblem(f"unknown action {fault.action!r}; known: {', '.join(sorted(ACTIONS))}")
    if fault.operation not in OPERATIONS:
        raise SandboxProblem(f"unknown operation {fault.operation!r}")
    if fault.action in LINE_ACTIONS and (fault.operation, fault.key, fault.part) != ("*", "*", None):
        raise SandboxProblem(f"{fault.action} strikes a connection, before any operation is known: leave operation *")
    if fault.operation != "*" and not _can_act(fault.action, fault.operation):
        raise SandboxProblem(f"{fault.action} cannot act on {fault.operation}")
    if fault.side not in ("", "source", "destination"):
        raise SandboxProblem(f"side is source or destination, not {fault.side!r}")
    if not isinstance(fault.key, str):
        raise SandboxProblem(f"key is a glob, not {fault.key!r}")
    if fault.part is not None and not _is_count(fault.part):
        raise SandboxProblem(f"part is a part number, not {fault.part!r}")
    if fault.at_byte not in (None, "seeded") and not _is_count(fault.at_byte, least=0):
        raise SandboxProblem(f"at_byte is an offset or 'seeded', not {fault.at_byte!r}")
    if isinstance(fault.seed, bool) or not isinstance(fault.seed, int):
        raise SandboxProblem(f"seed is an integer, not {fault.seed!r}")
    _span(fault.calls)
    _check_value(fault)
    return fault


def _check_value(fault: Fault) -> None:
    value = fault.value
    if fault.action == "ignore" and (not isinstance(value, str) or not value):
        raise SandboxProblem("ignore needs the name of a header as its value")
    if fault.action == "header" and (not isinstance(value, Mapping) or not set(value) <= {"set", "remove"}):
        raise SandboxProblem('header needs {"set": {name: value}, "remove": [name]} as its value')
    if fault.action == "xml" and not isinstance(value, (str, Mapping)):
        raise SandboxProblem('xml needs a document, or {"find": text, "put": text}, as its value')
    if fault.action == "status" and not isinstance(value, (int, Mapping, type(None))):
        raise SandboxProblem('status needs a number, or {"status": number, "code": text}, as its value')
    if fault.action == "tls" and value not in TLS_FLAWS:
        raise SandboxProblem(f"tls needs one of {', '.join(TLS_FLAWS)} as its value, not {value!r}")
    if fault.action in WORLD_ACTIONS and _when(value) not in ("before", "after"):
        raise SandboxProblem(f'{fault.action} is "before" or "after" the operation, not {value!r}')


def _can_act(action: str, operation: str) -> bool:
    if operation in _NEVER_ON.get(action, ()):
        return False
    if action in WORLD_ACTIONS and ("Bucket" in operation or operation.startswith("List")):
        return operation == "ListParts"
    return action not in _ACTS_ON or operation in _ACTS_ON[action]


def _when(value: object) -> object:
    if isinstance(value, Mapping):
        return value.get("when", "before")
    return "before" if value is None else value


def _is_count(value: object, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


@lru_cache(1024)
def _span(calls: str) -> tuple[int, int | None]:
    """(first, last) call; last is None for no end."""
    if calls == "all":
        return 1, None
    found = re.fullmatch(r"([1-9]\d*)(-?)([1-9]\d*)?", calls) if isinstance(calls, str) else None
    if found is None or (found[3] and not found[2]):
        raise SandboxProblem(f"calls is like 1, 2-5, 3- or all, not {calls!r}")
    first = int(found[1])
    if not found[2]:
        return first, first
    return first, int(found[3]) if found[3] else None


@lru_cache(1024)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob.encode().decode("latin-1")))


def _fits_glob(glob: str, key: str) -> bool:
    """Whether the glob fits the key's bytes."""
    return glob == "*" or _pattern(glob).match(key.encode().decode("latin-1")) is not None


def as_json(faults: Sequence[Fault]) -> list[dict[str, object]]:
    return [fault.to_json() for fault in faults]
