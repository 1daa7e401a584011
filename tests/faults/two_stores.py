"""A source and a destination that misbehave as planned, and an oracle that reads their disks itself."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from integrity.evidence import CheckName, Earlier, Finding, Profile
from integrity.layouts import Limits
from integrity.verdicts import Judgement, judge
from migrator.engine.addresses import AddressRule
from migrator.engine.bodies import RateLimit
from migrator.engine.buffers import Budget
from migrator.engine.copying import Copier, CopyOptions, KeptUpload, Side
from migrator.engine.crowd import Crowd
from migrator.engine.listing import list_objects
from migrator.engine.pacing import Patience
from migrator.engine.planning import Item, plan
from migrator.engine.probing import probe_destination, probe_source
from migrator.engine.stores import Endpoint, Store
from migrator.engine.verifying import Depth, Verifier
from migrator.engine.workplace import Work
from migrator.sandbox import Logged, Sandbox

SOURCE, DEST = "source-bucket", "dest-bucket"
IMPATIENT = Patience(first_seconds=0, longest_seconds=0)
TINY_PARTS = Limits(smallest_part=1)
_PROFILES: dict[str, Profile] = {}
READS = {"ListObjectsV2", "HeadObject", "GetObject", "GetObjectTagging", "GetObjectAttributes", "HeadBucket"}
# By their methods, so that no operation is forgotten: whatever else S3 knows changes something.
READING_METHODS = {"GET", "HEAD"}


@dataclass
class Told:
    """The hooks of the tests: they remember."""

    opened: list[tuple[str, str]] = field(default_factory=list)
    closed: list[tuple[str, str]] = field(default_factory=list)
    purposes: dict[str, str] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)
    bytes_moved: int = 0
    stop_after: int | None = None
    stop_at: float | None = None

    def upload_opened(self, dest_key: str, upload_id: str, purpose: str) -> None:
        self.opened.append((dest_key, upload_id))
        self.purposes[upload_id] = purpose

    def upload_closed(self, dest_key: str, upload_id: str) -> None:
        self.closed.append((dest_key, upload_id))

    def kept(self, *upload_ids: str) -> list[KeptUpload]:
        """These uploads as they were told."""
        return [KeptUpload(each, self.purposes[each]) for each in upload_ids]

    def moved(self, n: int) -> None:
        self.bytes_moved += n

    def contradicted(self, fact: str) -> None:
        self.contradictions.append(fact)

    def should_stop(self) -> bool:
        if self.stop_at is not None and time.monotonic() >= self.stop_at:
            return True
        return self.stop_after is not None and self.bytes_moved >= self.stop_after


@dataclass(frozen=True)
class Settled:
    """What became of one item."""

    finding: Finding
    judgement: Judgement

    @property
    def verdict(self) -> str:
        return self.judgement.verdict.value

    @property
    def grades(self) -> str:
        return f"{self.judgement.source_grade}/{self.judgement.dest_grade}"

    @property
    def code(self) -> str | None:
        return self.judgement.error_code.value if self.judgement.error_code else None

    @property
    def reason(self) -> str | None:
        return self.judgement.reason.value if self.judgement.reason else None

    @property
    def notes(self) -> tuple[str, ...]:
        return self.finding.notes

    @property
    def attempts(self) -> list[str]:
        """The code of each attempt, empty for the one that settled the item."""
        return [attempt.error_code for attempt in self.finding.attempts]

    def outcome(self, name: CheckName) -> str:
        """The outcome of a check, or the reason why there is none."""
        found = next(check for check in self.finding.checks if check.name is name)
        return (found.reason or found.outcome).value


class TwoStores:
    """A source and a destination with one bucket each."""

    def __init__(
        self,
        root: Path,
        *,
        faults: Iterable[Mapping[str, object]] = (),
        source_traits: Mapping[str, object] | None = None,
        dest_traits: Mapping[str, object] | None = None,
    ) -> None:
        self._faults = list(faults)
        self.source = Sandbox(root / "source", traits=source_traits, buckets=[SOURCE], side="source", seed=1)
        # How far the destination's clock is ahead: what it still hides can be made to show when it is time.
        self.dest_seconds_ahead: Callable[[], float] = lambda: 0
        self.dest = Sandbox(
            root / "dest",
            traits=dest_traits,
            buckets=[DEST],
            side="destination",
            seed=2,
            clock=lambda: time.time() + self.dest_seconds_ahead(),
        )
        self.told = Told()
        self.crowd: Crowd | None = Crowd(8)
        # What a copier may hold in memory and on disk, and where.
        self.room: dict[str, Any] = {}
        self.source_profile = Profile()
        self.dest_profile = Profile()
        self._options: CopyOptions | None = None
        self._before: dict[str, bytes] = {}
        self._listed: list[str] = []
        self.planned: list[Item] = []
        self.findings: list[Finding] = []

    def __enter__(self) -> Self:
        self.source.start()
        self.dest.start()
        self.source_store = self.store_of(self.source)
        self.dest_store = self.store_of(self.dest)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self.source_store, self.dest_store):
            each.close()
        if self.crowd is not None:
            self.crowd.close()
        self.source.stop()
        self.dest.stop()

    def seed(self, key: str, content: bytes, **described: object) -> None:
        self.source.seed(SOURCE, key, content, **described)

    def lay(self, key: str, content: bytes) -> None:
        """Put an object of somebody else at the destination in the midst of a run; it must be unchanged afterwards."""
        self.dest.seed(DEST, key, content)
        self._before[key] = content

    def items(self) -> list[Item]:
        source = list_objects(self.source_store, SOURCE)
        return [item for batch in plan(source, list_objects(self.dest_store, DEST)) for item in batch.items]

    def learn(self) -> None:
        """Probe both sides, before the faults begin."""
        self.source_profile = probe_source(self.source_store, SOURCE)
        # Probing is a test of its own; the same kind of store gets the same facts here.
        kind = repr(self.dest.traits)
        if kind not in _PROFILES:
            _PROFILES[kind] = probe_destination(self.dest_store, DEST)
        self.dest_profile = _PROFILES[kind]

    def begin(self) -> list[Item]:
        """Probe, plan, and let the faults begin."""
        self.learn()
        planned = self.items()
        self._listed, self.planned, self.findings = self.source.keys(SOURCE), planned, []
        assert not self.writes_at_source
        self.source.clear_log()
        self.dest.clear_log()
        self._before = {key: self.dest.stored_bytes(DEST, key) for key in self.dest.keys(DEST)}
        self.source.plan_faults(self._faults)
        self.dest.plan_faults(self._faults)
        return planned

    def copy(self, **options: object) -> dict[str, Settled]:
        """Probe, plan, copy everything under the faults; check the invariants; return each key's outcome."""
        settled = self.copy_items(self.begin(), **options)
        self.check_invariants(settled)
        return settled

    def copy_one(self, **options: object) -> Settled:
        """The same for the only object."""
        (settled,) = self.copy(**options).values()
        return settled

    def copy_items(
        self, items: list[Item], *, into: dict[str, Settled] | None = None, concurrency: int = 4, **options: object
    ) -> dict[str, Settled]:
        """Copy these items; `into` keeps what was settled even where the copying is stopped."""
        chosen = CopyOptions(**{"found_within_seconds": 0.2, **options})  # type: ignore[arg-type]
        source = Side(self.source_store, SOURCE, "", self.source_profile)
        destination = Side(self.dest_store, DEST, "", self.dest_profile)
        copier = Copier(source, destination, chosen, self.told, concurrency=concurrency, crowd=self.crowd, **self.room)
        settled = {} if into is None else into
        for finding in copier.copy_batch(items):
            self.findings.append(finding)
            settled[finding.key] = Settled(finding, judge(finding.checks, chosen.policy, finding.error_code))
        return settled

    def work(self, source: Side, destination: Side, options: CopyOptions) -> Work:
        """What a copier between the two would share among its items."""
        return Work(
            source=source,
            destination=destination,
            options=options,
            hooks=self.told,
            budget=Budget(),
            spool_quota=Budget(),
            parts_pool=ThreadPoolExecutor(1),
            limit=RateLimit(None),
            spool_dir=None,
            stopping=threading.Event(),
        )

    def believe(self, **facts: object) -> None:
        """Have the destination's profile say something else than what the probe found."""
        self.dest_profile = replace(self.dest_profile, **facts)  # type: ignore[arg-type]

    def verify(self, depth: Depth = Depth.BOTH, *, proven: bool = False, **options: object) -> dict[str, Settled]:
        """Plan and compare everything without copying under the faults; check what must hold then.

        `proven`: the destination has passed the negative control earlier; else it is known by reading only.
        """
        if proven:
            self.learn()
            self.dest.clear_log()
        else:
            self.source_profile = probe_source(self.source_store, SOURCE)
            self.dest_profile = probe_source(self.dest_store, DEST)
        planned = self.items()
        self.source.plan_faults(self._faults)
        self.dest.plan_faults(self._faults)
        return self.verify_items(planned, depth, **options)

    def verify_items(
        self, items: list[Item], depth: Depth, earlier: Mapping[int, Earlier] | None = None, **options: object
    ) -> dict[str, Settled]:
        """Compare these items without copying; check that each is settled and rightly, and that nothing was written."""
        chosen = CopyOptions(**options)  # type: ignore[arg-type]
        source = Side(self.source_store, SOURCE, "", self.source_profile)
        destination = Side(self.dest_store, DEST, "", self.dest_profile)
        verifier = Verifier(source, destination, chosen, self.told, depth=depth, earlier=earlier, concurrency=4)
        findings = list(verifier.verify_batch(items))
        settled = {
            finding.key: Settled(finding, judge(finding.checks, chosen.policy, finding.error_code))
            for finding in findings
        }
        self._all_faults_fired()
        assert sorted(finding.index for finding in findings) == [item.index for item in items]
        assert {entry.operation for sandbox in (self.source, self.dest) for entry in sandbox.log} <= READS
        assert not any(each.finding.bytes_written for each in settled.values())
        self._verdicts_are_right(settled)
        return settled

    def check_invariants(
        self,
        settled: Mapping[str, Settled],
        *,
        left_open: Sequence[str] = (),
        theirs: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        """Assert what must hold after every scenario, from the disks and not from any answer.

        `left_open`: the keys of uploads that nobody can abort; they stay known, and no others are open. `theirs`: what
        a fault had somebody else write meanwhile; it must be unchanged as what was there before must be.
        """
        self._all_faults_fired()
        self._books_balance(settled)
        still_open = [(upload.key, upload.id) for upload in self.dest.open_uploads()]
        assert sorted(key for key, _ in still_open) == sorted(left_open)
        assert sorted(self.told.opened) == sorted(self.told.closed + still_open)
        assert not self.writes_at_source
        assert self.told.bytes_moved == sum(each.finding.bytes_read for each in settled.values())
        self._verdicts_are_right(settled)
        for key, before in {**self._before, **theirs}.items():
            if key not in settled or settled[key].verdict != "verified":
                assert self.dest_bytes(key) == before

    def _all_faults_fired(self) -> None:
        """Assert that the scenario was the one that was planned."""
        assert not self.source.unfired
        assert not self.dest.unfired

    def _verdicts_are_right(self, settled: Mapping[str, Settled]) -> None:
        """Assert that what is verified has the source's bytes, and that nothing was tried without end."""
        for each in settled.values():
            assert 1 <= len(each.finding.attempts) <= 4
            if each.verdict == "verified":
                spoiled = self.spoiled_after_ack and each.judgement.dest_grade != "D4"
                assert spoiled or self._is_right(each.finding)

    def _books_balance(self, settled: Mapping[str, Settled]) -> None:
        """Assert that all that the source holds was planned, and all that was planned is settled, each once."""
        assert [item.key for item in self.planned] == self._listed
        assert sorted(finding.index for finding in self.findings) == [item.index for item in self.planned]
        assert sorted(finding.key for finding in self.findings) == sorted(settled)

    def _is_right(self, finding: Finding) -> bool:
        """Whether the version that was judged has the source's bytes, or the latest one where none is named."""
        version = finding.written_version_id or (finding.dest.version_id if finding.dest else "")
        there = self.dest.stored_pieces(DEST, finding.dest_key, version)
        return _sha256(self.source.stored_pieces(SOURCE, finding.key)) == _sha256(there)

    @property
    def writes_at_source(self) -> list[Logged]:
        """What the source was asked for that is not reading."""
        return [entry for entry in self.source.log if entry.method not in READING_METHODS]

    @property
    def spoiled_after_ack(self) -> bool:
        return any(fired.action == "corrupt_after_ack" for fired in self.dest.fired)

    def source_bytes(self, key: str) -> bytes:
        return self.source.stored_bytes(SOURCE, key)

    def dest_bytes(self, key: str) -> bytes:
        return self.dest.stored_bytes(DEST, key)

    def requests(self, operation: str) -> int:
        """How often the destination was asked for this."""
        return sum(entry.operation == operation for entry in self.dest.log)

    def store_of(self, sandbox: Sandbox, read_seconds: float = 1) -> Store:
        """A store to ask a sandbox by."""
        return Store(
            Endpoint(
                url=sandbox.url,
                access_key_id="sandbox",
                secret_access_key="sandbox-secret",
                rule=AddressRule(allow_private=True),
                read_seconds=read_seconds,
            ),
            patience=IMPATIENT,
        )


def _sha256(pieces: Iterable[bytes]) -> bytes:
    """So that two objects that no memory holds can be compared."""
    hashed = hashlib.sha256()
    for piece in pieces:
        hashed.update(piece)
    return hashed.digest()
