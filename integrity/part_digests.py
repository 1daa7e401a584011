"""The digests of an object's parts: an object may have 10,000 of them, and a worker has little memory for each.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from struct import Struct
from typing import Protocol, TypeAlias, cast, overload

from integrity.algorithms import Algorithm
from integrity.values import plain_value

# Chosen digests in the order of the fields of a part and of the whole.
Values: TypeAlias = tuple[bytes | None, bytes | None, int | None, int | None, int | None, Mapping[str, bytes]]
# One for all parts that have nothing further.
NOTHING_FURTHER: Mapping[str, bytes] = {}
# How the usual digests are packed, in the order of their fields.
_USUAL = ("16s", "32s", "I", "I", "Q")


@plain_value
class PartDigest:
    """The digests of one part; None is one that was not asked for. `size` is in bytes, numbers start at 1.

    `further` holds the digests besides the usual five, raw, by S3 name.
    """

    number: int
    size: int
    md5: bytes | None = None
    sha256: bytes | None = None
    crc32: int | None = None
    crc32c: int | None = None
    crc64nvme: int | None = None
    further: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def sha256_hex(self) -> str | None:
        """The SHA-256 as 64 hex digits."""
        return None if self.sha256 is None else self.sha256.hex()

    def raw(self, algorithm: str) -> bytes | None:
        """Return the digest of that S3 name as raw bytes, None where there is none."""
        return raw_of(self, algorithm)


class PartDigests(Sequence[PartDigest]):
    """The parts of a layout in order, packed: forty bytes each with an MD5 and the CRCs, a tenth of what objects take.

    A part is made when it is asked for. All have the same digests: the first says which, others are refused.
    """

    __slots__ = ("_further", "_packed", "_row", "_usual")

    def __init__(self) -> None:
        self._packed = bytearray()
        self._row = Struct("")
        self._usual: tuple[bool, ...] = ()
        self._further: tuple[str, ...] = ()

    def append(self, size: int, values: Values) -> None:
        """Add the next part."""
        *usual, further = values
        has = tuple(value is not None for value in usual)
        if not self._packed:
            self._usual, self._further = has, tuple(further)
            packed = [each for each, is_there in zip(_USUAL, has, strict=True) if is_there]
            self._row = Struct("".join((">Q", *packed, *(f"{len(raw)}s" for raw in further.values()))))
        if has != self._usual or further.keys() != set(self._further):
            raise ValueError("a part with other digests than the first")
        known = (value for value in usual if value is not None)
        self._packed += self._row.pack(size, *known, *(further[name] for name in self._further))

    def __len__(self) -> int:
        return len(self._packed) // self._row.size if self._packed else 0

    @overload
    def __getitem__(self, index: int) -> PartDigest: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[PartDigest, ...]: ...
    def __getitem__(self, index: int | slice) -> PartDigest | tuple[PartDigest, ...]:
        places = range(len(self))[index]
        if isinstance(places, range):
            return tuple(self[place] for place in places)
        return self._part(places + 1, self._row.unpack_from(self._packed, places * self._row.size))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"PartDigests({list(self)})"

    def _part(self, number: int, row: tuple[int | bytes, ...]) -> PartDigest:
        size, *packed = row
        following = iter(packed)
        usual = [next(following) if is_there else None for is_there in self._usual]
        further = dict(zip(self._further, following, strict=True)) if self._further else NOTHING_FURTHER
        return PartDigest(number, int(size), *cast("Values", (*usual, further)))


class _Digests(Protocol):
    """The digests of a part, or of the whole."""

    @property
    def md5(self) -> bytes | None: ...
    @property
    def sha256(self) -> bytes | None: ...
    @property
    def crc32(self) -> int | None: ...
    @property
    def crc32c(self) -> int | None: ...
    @property
    def crc64nvme(self) -> int | None: ...
    @property
    def further(self) -> Mapping[str, bytes]: ...


def raw_of(digests: _Digests, algorithm: str) -> bytes | None:
    """Return the digest of that S3 name as raw bytes, None where there is none."""
    match algorithm:
        case Algorithm.MD5:
            return digests.md5
        case Algorithm.SHA256:
            return digests.sha256
        case Algorithm.CRC32:
            return None if digests.crc32 is None else digests.crc32.to_bytes(4, "big")
        case Algorithm.CRC32C:
            return None if digests.crc32c is None else digests.crc32c.to_bytes(4, "big")
        case Algorithm.CRC64NVME:
            return None if digests.crc64nvme is None else digests.crc64nvme.to_bytes(8, "big")
    return digests.further.get(algorithm)
