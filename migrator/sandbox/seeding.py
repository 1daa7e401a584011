"""Objects that were always there: seeded straight into the store, past HTTP."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from migrator.sandbox.checksums import (
    COMPOSITE,
    FULL,
    TYPES,
    Running,
    composite,
    constant_etag,
    hex_multipart_etag,
    multipart_etag,
    whole,
)
from migrator.sandbox.disk import PIECE
from migrator.sandbox.errors import SandboxProblem
from migrator.sandbox.rows import Facts, PartFact, Segment, Version
from migrator.sandbox.store import SEALED, Store

_ISLAND = 64 * 1024


@dataclass(frozen=True, slots=True)
class Seed:
    """What a seeded object carries besides its bytes. algorithm "" takes the store's default checksum.

    encryption "customer" seals it with a key that nobody was given.
    """

    part_size: int = 0
    part_sizes: Sequence[int] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    storage_class: str = "STANDARD"
    encryption: str = ""
    algorithm: str = ""
    checksum_type: str = ""
    modified: float = 0

    @classmethod
    def of(cls, raw: Mapping[str, object]) -> Seed:
        unknown = sorted(set(raw) - {entry.name for entry in fields(cls)})
        if unknown:
            raise SandboxProblem(f"a seeded object has no {', '.join(unknown)}")
        return cls(**raw)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Hashed:
    md5: bytes
    checksum: str
    size: int


def seed_object(store: Store, bucket: str, key: str, content: bytes | Path, seed: Seed) -> str:
    """Keep these bytes under that key and return the ETag. A file is copied; its holes stay holes."""
    algorithm = seed.algorithm or store.traits.default_checksum
    algorithm = algorithm if algorithm in store.traits.checksums else ""
    received = store.disk.store(content) if isinstance(content, bytes) else store.disk.adopt(content)
    return _keep(store, bucket, key, received.segments, received.size, seed, algorithm)


def seed_sparse(store: Store, bucket: str, key: str, size: int, part_size: int | None) -> str:
    """Keep a file with some islands of data in a sea of holes."""
    if not part_size and size > store.traits.largest_put:
        raise SandboxProblem("an object of that size can only be a multipart one: give a part_size")
    name = secrets.token_hex(16)
    with store.disk.path(name).open("xb") as file:
        file.truncate(size)
        for start in sorted({0, size // 3, max(size - _ISLAND, 0)}):
            file.seek(start)
            file.write(store.fill(f"{bucket}/{key}/{start}".encode(), min(_ISLAND, size - start)))
    default = store.traits.default_checksum
    algorithm = default if default in store.traits.checksums else ""
    segments: tuple[Segment, ...] = ((name, size),) if size else ()
    return _keep(store, bucket, key, segments, size, Seed(part_size=part_size or 0), algorithm)


def _keep(
    store: Store, bucket: str, key: str, segments: tuple[Segment, ...], size: int, seed: Seed, algorithm: str
) -> str:
    place = store.bucket(bucket)
    encryption, kms_key = store.encryption(place, seed.encryption, "")
    sizes = _part_sizes(seed, size)
    hashed = _hash_parts(store, segments, sizes or (size,), algorithm)
    checksum, kind = _checksum(hashed, algorithm, seed.checksum_type, is_multipart=bool(sizes))
    facts = Facts(
        headers={"Content-Type": "binary/octet-stream", **seed.headers},
        metadata=dict(seed.metadata),
        tags=tuple(seed.tags.items()),
        checksums={algorithm: checksum} if checksum else {},
        checksum_type=kind,
        is_named=bool(seed.algorithm),
        parts=tuple(PartFact(n, part.size, part.checksum) for n, part in enumerate(hashed, 1)) if sizes else (),
        encryption=encryption,
        kms_key=kms_key,
        customer_key=_nobodys_key(store) if encryption == "customer" else "",
    )
    version = Version(
        bucket=bucket,
        key=key,
        version_id=store.fresh_version_id(bucket, key) if place.versioning == "Enabled" else "null",
        size=size,
        etag=_etag(store, segments, hashed, encryption, is_multipart=bool(sizes)),
        modified=seed.modified or store.clock(),
        storage_class=seed.storage_class,
        segments=segments,
        facts=facts,
    )
    store.disk.remove(store.index.add_version(version))
    return version.etag


def _nobodys_key(store: Store) -> str:
    return base64.b64encode(hashlib.md5(store.chance.randbytes(32)).digest()).decode()


def _part_sizes(seed: Seed, size: int) -> tuple[int, ...]:
    if seed.part_sizes:
        if sum(seed.part_sizes) != size:
            raise SandboxProblem("the part sizes do not add up to the object")
        return tuple(seed.part_sizes)
    if not seed.part_size:
        return ()
    count = max(-(-size // seed.part_size), 1)
    return (*(seed.part_size,) * (count - 1), size - seed.part_size * (count - 1))


def _hash_parts(store: Store, segments: tuple[Segment, ...], sizes: Sequence[int], algorithm: str) -> list[_Hashed]:
    """The digests of each part. Parts that are nothing but a hole are hashed once for each size."""
    holes: dict[int, _Hashed] = {}
    hashed, start = [], 0
    for size in sizes:
        if size and _is_hole(store, segments, start, size):
            if size not in holes:
                holes[size] = _hash(store, segments, start, size, algorithm)
            hashed.append(holes[size])
        else:
            hashed.append(_hash(store, segments, start, size, algorithm))
        start += size
    return hashed


def _hash(store: Store, segments: tuple[Segment, ...], start: int, size: int, algorithm: str) -> _Hashed:
    md5, running = hashlib.md5(), Running(algorithm) if algorithm else None
    for piece in store.disk.pieces(segments, start, start + size):
        md5.update(piece)
        if running is not None:
            running.feed(piece)
    return _Hashed(md5.digest(), running.text() if running is not None else "", size)


def _is_hole(store: Store, segments: tuple[Segment, ...], start: int, size: int) -> bool:
    if len(segments) != 1 or size < PIECE:
        return False
    file = os.open(store.disk.path(segments[0][0]), os.O_RDONLY)
    try:
        return os.lseek(file, start, os.SEEK_DATA) >= start + size
    except OSError:
        return True
    finally:
        os.close(file)


def _checksum(hashed: Sequence[_Hashed], algorithm: str, kind: str, *, is_multipart: bool) -> tuple[str, str]:
    """(base64 text, type) of the whole object."""
    if not algorithm:
        return "", ""
    if not is_multipart:
        return hashed[0].checksum, FULL
    kind = kind or TYPES[algorithm][0]
    if kind not in TYPES[algorithm]:
        raise SandboxProblem(f"an object in parts has no {algorithm} checksum of type {kind}")
    if kind == COMPOSITE:
        return composite(algorithm, [part.checksum for part in hashed]), kind
    return whole(algorithm, [(part.checksum, part.size) for part in hashed]), kind


def _etag(
    store: Store, segments: tuple[Segment, ...], hashed: Sequence[_Hashed], encryption: str, *, is_multipart: bool
) -> str:
    traits = store.traits
    trait = traits.etag_multipart if is_multipart else traits.etag_single
    if encryption in SEALED or trait in ("random", "opaque"):
        return store.chance.randbytes(16).hex() + (f"-{len(hashed)}" if is_multipart else "")
    if trait == "constant":
        return constant_etag(len(hashed) if is_multipart else 0)
    if not is_multipart:
        return hashed[0].md5.hex()
    if trait == "md5":
        return store.disk.rehash(segments, ())[0].hex()
    digests = [part.md5 for part in hashed]
    return hex_multipart_etag(digests) if trait == "hex" else multipart_etag(digests)
