"""A sandbox that can be started and stopped: in a thread of a test, or as a process of its own."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import uvloop

from migrator.sandbox.access import AccessKey
from migrator.sandbox.certificates import Certificates
from migrator.sandbox.disk import Disk
from migrator.sandbox.dispatch import Dispatcher, Logged
from migrator.sandbox.errors import SandboxProblem
from migrator.sandbox.faults import Fault, FaultPlan, Fired, Strike
from migrator.sandbox.index import Index
from migrator.sandbox.rows import Segment, Upload
from migrator.sandbox.seeding import Seed, seed_object, seed_sparse
from migrator.sandbox.server import Connection
from migrator.sandbox.store import Store
from migrator.sandbox.traits import Traits

T = TypeVar("T")

DEFAULT_KEY = AccessKey("sandbox", "sandbox-secret")


class Sandbox:
    """One S3 endpoint with its objects below a folder.

    keys: who may ask (by default one pair, sandbox / sandbox-secret). traits: its dialect. faults: the
    plan; with a side, only that side's. buckets: made at the start. clock (seconds since the epoch) and
    seed (versions, upload ids, opaque ETags) are given, so a run can be repeated. tls: serve https with a
    certificate of its own authority, ca_pem.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        keys: Iterable[AccessKey | Mapping[str, object]] = (DEFAULT_KEY,),
        traits: Traits | Mapping[str, object] | None = None,
        faults: Iterable[Fault | Mapping[str, object]] = (),
        side: str = "",
        region: str = "us-east-1",
        buckets: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
        seed: int | None = None,
        log_size: int = 100_000,
        tls: bool = False,
    ) -> None:
        access = [AccessKey.of(key) for key in keys]
        if not access:
            raise SandboxProblem("a sandbox needs at least one access key")
        self.host, self.port, self.region = host, port, region
        self._certificates = Certificates(host) if tls else None
        self.key = access[0]
        self._side = side
        self._root = Path(root)
        self._root.mkdir(parents=True, exist_ok=True)
        chance = random.Random(seed)  # noqa: S311 - for ids that can be repeated, not for secrets
        self._index = Index(self._root / "index.sqlite3")
        disk = Disk(self._root)
        disk.sweep(self._index.data_names())
        self._store = Store(self._index, disk, Traits.of(traits), clock, chance)
        self._dispatcher = Dispatcher(
            store=self._store,
            keys={key.access_key_id: key for key in access},
            plan=FaultPlan.of(faults, side),
            region=region,
            clock=clock,
            log=deque(maxlen=log_size),
        )
        self._connections: set[Connection] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping: asyncio.Event | None = None
        for name in buckets:
            self.create_bucket(name)

    # Life

    def start(self) -> Self:
        """Serve from a thread; returns once the port is open."""
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="sandbox", daemon=True)
        self._thread.start()
        try:
            ready.result()
        except BaseException:
            self._thread.join()
            self._thread = None
            raise
        return self

    def stop(self) -> None:
        """Close every connection and the files. May be called twice."""
        if self._loop is not None and self._stopping is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._thread = None
        self._index.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def serve(self, on_ready: Callable[[], None], stopping: asyncio.Event) -> None:
        """Serve on the running loop until stopping is set."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(loop, self._dispatcher.respond, self._refuses, self._connections),
            self.host,
            self.port,
            backlog=1024,
            ssl=self._certificates.context(self._flaw) if self._certificates else None,
        )
        self.port = server.sockets[0].getsockname()[1]
        self._loop, self._stopping = loop, stopping
        on_ready()
        try:
            await stopping.wait()
        finally:
            server.close()
            await asyncio.gather(*(connection.stop() for connection in tuple(self._connections)))
            self._loop = None

    def _run(self, ready: Future[None]) -> None:
        async def main() -> None:
            await self.serve(lambda: ready.set_result(None), asyncio.Event())

        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(main())
        except BaseException as exc:
            if ready.done():
                raise
            ready.set_exception(exc)

    def _refuses(self) -> bool:
        return self._line_strike("refuse") is not None

    def _flaw(self) -> str:
        strike = self._line_strike("tls")
        return "" if strike is None else str(strike.fault.value)

    def _line_strike(self, action: str) -> Strike | None:
        strike = self._dispatcher.plan.strike_line(action)
        if strike is not None and self._dispatcher.on_fired is not None:
            self._dispatcher.on_fired(strike)
        return strike

    # What it is

    @property
    def url(self) -> str:
        return f"{'https' if self._certificates else 'http'}://{self.host}:{self.port}"

    @property
    def ca_pem(self) -> str:
        """The authority a client has to trust; "" without TLS."""
        return self._certificates.ca_pem if self._certificates else ""

    @property
    def traits(self) -> Traits:
        return self._store.traits

    @property
    def log(self) -> list[Logged]:
        """The requests so far, oldest first."""
        return list(self._dispatcher.log)

    def clear_log(self) -> None:
        self._dispatcher.log.clear()

    @property
    def fired(self) -> list[Fired]:
        """The faults that have fired."""
        return list(self._dispatcher.plan.fired)

    @property
    def unfired(self) -> tuple[Fault, ...]:
        """The planned faults that have not."""
        return self._dispatcher.plan.unfired()

    def plan_faults(self, faults: Iterable[Fault | Mapping[str, object]]) -> None:
        """Replace the fault plan; call counts start anew."""
        plan = FaultPlan.of(faults, self._side)
        self._on_loop(lambda: setattr(self._dispatcher, "plan", plan))

    def change_traits(self, **changes: object) -> None:
        """Turn it into another kind of store from now on."""
        traits = Traits.of({**self.traits.to_json(), **changes})
        self._on_loop(lambda: setattr(self._store, "traits", traits))

    def on_fired(self, tell: Callable[[Strike], None]) -> None:
        """Be told of each fault as it fires."""
        self._dispatcher.on_fired = tell

    # What is in it: straight to the disk, past HTTP, faults and rules

    def create_bucket(self, name: str, *, versioned: bool = False) -> None:
        """Make a bucket of the first key's owner, unless there is one."""

        def make() -> None:
            if self._index.bucket(name) is None:
                self._store.create_bucket(name, self.key.owner)
            if versioned:
                self._store.set_versioning(name, "Enabled")

        self._on_loop(make)

    def set_versioning(self, bucket: str, state: str) -> None:
        """Let a bucket keep versions from now on (`Enabled`) or no longer (`Suspended`)."""
        self._on_loop(lambda: self._store.set_versioning(bucket, state))

    def seed(self, bucket: str, key: str, content: bytes | Path, **described: object) -> str:
        """Store an object as if it had always been there; its ETag. The bucket is made if need be.

        described: part_size or part_sizes (then it is a multipart object), headers, metadata, tags,
        storage_class, encryption ("", AES256, aws:kms, aws:kms:dsse, customer: with a key that nobody was given),
        algorithm and checksum_type, modified.
        """
        self.create_bucket(bucket)
        seed = Seed.of(described)
        return self._on_loop(lambda: seed_object(self._store, bucket, key, content, seed))

    def seed_keys(self, bucket: str, keys: Iterable[str]) -> None:
        """Store an empty object under each key, quickly: for listings of millions. None may exist yet."""
        self.create_bucket(bucket)
        self._on_loop(lambda: self._index.add_empty(bucket, keys, self._store.clock()))

    def seed_sparse(self, bucket: str, key: str, size: int, part_size: int | None = None) -> str:
        """Store a sparse object of that size, mostly holes; its ETag. Needs part_size above 5 GiB."""
        self.create_bucket(bucket)
        return self._on_loop(lambda: seed_sparse(self._store, bucket, key, size, part_size))

    def mark_deleted(self, bucket: str, key: str) -> None:
        """Put a delete marker on top of the key, as somebody who deletes it in a bucket that keeps versions."""
        self._on_loop(lambda: self._store.mark_deleted(self._store.bucket(bucket), key))

    def version_ids(self, bucket: str, key: str) -> list[str]:
        """The ids of the key's versions on the disk, the oldest first, without delete markers."""

        def read() -> list[str]:
            rows = [row for _, row in self._index.list_versions(bucket, key.encode(), 2**62, 2**31)]
            return [row.version_id for row in rows if row.key == key and not row.is_marker][::-1]

        return self._on_loop(read)

    def stored_bytes(self, bucket: str, key: str, version_id: str = "") -> bytes:
        """The bytes on the disk, whatever any answer says of them; KeyError if there is no such object."""
        return self._on_loop(lambda: self._store.disk.read(self._segments(bucket, key, version_id)))

    def stored_pieces(self, bucket: str, key: str, version_id: str = "") -> Iterable[bytes]:
        """The same piece by piece, for objects that no memory holds."""
        return self._store.disk.pieces(self._on_loop(lambda: self._segments(bucket, key, version_id)))

    def _segments(self, bucket: str, key: str, version_id: str) -> Sequence[Segment]:
        index = self._index
        found = index.version(bucket, key, version_id) if version_id else index.latest(bucket, key, 2**62)
        if found is None or found.is_marker:
            raise KeyError(key)
        return found.segments

    def keys(self, bucket: str) -> list[str]:
        """The keys on the disk, in byte order."""

        def read() -> list[str]:
            return [entry.key for entry in self._index.list_latest(bucket, b"", False, 2**31, 2**62)]

        return self._on_loop(read)

    def open_uploads(self, bucket: str = "") -> Sequence[Upload]:
        """The multipart uploads that are neither completed nor aborted; "" for all buckets."""
        return self._on_loop(lambda: self._index.uploads(bucket))

    def _on_loop(self, work: Callable[[], T]) -> T:
        """Run it where the index is used, so that it never meets a request half-way."""
        loop = self._loop
        if loop is None or self._thread is threading.current_thread():
            return work()

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), loop).result()
