"""What kind of store the sandbox is: a normal one by default, or one with a dialect. Data, JSON in and out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import cast

from migrator.sandbox.errors import SandboxProblem

ALGORITHMS = (
    "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128",
)  # fmt: skip

CHOICES: dict[str, tuple[str, ...]] = {
    "sse": ("none", "s3", "kms", "dsse"),
    "etag_single": ("md5", "opaque", "echo", "constant"),
    "etag_multipart": ("formula", "random", "hex", "md5", "constant"),
    "content_md5": ("rejects", "ignores", "refuses"),
    "payload_sha256": ("rejects", "ignores"),
    "checksum_values": ("rejects", "ignores", "echoes"),
    "part_checksums": ("rejects", "ignores"),
    "part_sha256": ("rejects", "ignores"),
    "checksum_others": ("ignored", "refused"),
    "complete_checksum": ("rejects", "ignores"),
    "complete_size": ("rejects", "ignores"),
    "if_match": ("honoured", "ignored"),
    "if_match_put": ("honoured", "ignored"),
    "if_none_match": ("honoured", "ignored"),
    "part_number": ("honoured", "ignored", "refused"),
    "range": ("honoured", "ignored"),
    "attributes": ("supported", "not_supported", "object"),
    "tagging": ("supported", "no_set", "not_supported", "refused", "dropped"),
    "aws_chunked": ("decoded", "stored"),
    "listing_etag": ("same", "other"),
    "listing_size": ("same", "other"),
    "listing_order": ("sorted", "unsorted"),
    "encoding_type": ("honoured", "ignored", "replaced"),
    "metadata": ("kept", "dropped", "lower_ascii"),
    "gzip": ("kept", "unpacked"),
    "repeated_complete": ("refused", "answered"),
    "attributes_parts": ("named", "all"),
    "part_number_error": ("416", "400"),
}


@dataclass(frozen=True, slots=True)
class Traits:
    """The dialect of one store. Sizes in bytes.

    checksums: the algorithms it knows. checksum_others: what happens to the headers of the others.
    checksum_values: what a wrong checksum of a known algorithm meets. default_checksum: the algorithm added
    to objects that came without one ("" for none). archive: objects under this key glob are in GLACIER
    (true: all of them). equal_parts: every part but the last must have the same size.
    """

    sse: str = "none"
    etag_single: str = "md5"
    etag_multipart: str = "formula"
    etag_stable: bool = True
    content_md5: str = "rejects"
    payload_sha256: str = "rejects"
    checksums: tuple[str, ...] = ALGORITHMS
    checksum_values: str = "rejects"
    part_checksums: str = "rejects"
    part_sha256: str = "rejects"
    checksum_others: str = "ignored"
    checksum_on_head: bool = True
    default_checksum: str = "CRC64NVME"
    complete_checksum: str = "rejects"
    complete_size: str = "rejects"
    if_match: str = "honoured"
    if_match_put: str = "honoured"
    if_none_match: str = "honoured"
    part_number: str = "honoured"
    range: str = "honoured"
    attributes: str = "supported"
    tagging: str = "supported"
    aws_chunked: str = "decoded"
    equal_parts: bool = False
    small_parts: bool = False
    listing_etag: str = "same"
    listing_size: str = "same"
    listing_order: str = "sorted"
    encoding_type: str = "honoured"
    metadata: str = "kept"
    gzip: str = "kept"
    repeated_complete: str = "refused"
    attributes_parts: str = "named"
    part_number_error: str = "416"
    versioned: bool = False
    archive: str = ""
    largest_page: int = 1000
    largest_put: int = 5 * 1024**3
    smallest_part: int = 5 * 1024**2
    largest_part: int = 5 * 1024**3
    most_parts: int = 10_000

    @classmethod
    def of(cls, raw: Mapping[str, object] | Traits | None) -> Traits:
        """The traits that a JSON object names; SandboxProblem for an unknown name or value."""
        if raw is None:
            return cls()
        if isinstance(raw, Traits):
            return raw
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(raw) - known)
        if unknown:
            raise SandboxProblem(f"unknown trait {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        given = {name: _read(name, value) for name, value in raw.items()}
        return cls(**given)  # type: ignore[arg-type]

    def to_json(self) -> dict[str, object]:
        return {**asdict(self), "checksums": list(self.checksums)}


def _read(name: str, value: object) -> object:
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise SandboxProblem(f"trait {name} is one of {', '.join(CHOICES[name])}, not {value!r}")
        return value
    if name == "checksums":
        return _algorithms(value)
    if name == "default_checksum":
        if value and value not in ALGORITHMS:
            raise SandboxProblem(f"trait default_checksum is one of {', '.join(ALGORITHMS)} or empty, not {value!r}")
        return value or ""
    if name == "archive":
        return _glob(value)
    return _plain(name, value)


def _algorithms(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not set(value) <= set(ALGORITHMS):
        raise SandboxProblem(f"trait checksums is a list out of {', '.join(ALGORITHMS)}, not {value!r}")
    return tuple(cast("list[str]", value))


def _glob(value: object) -> str:
    if isinstance(value, bool):
        return "*" if value else ""
    if isinstance(value, str):
        return value
    raise SandboxProblem(f"trait archive is true, false or a glob, not {value!r}")


def _plain(name: str, value: object) -> object:
    usual = getattr(Traits(), name)
    if type(value) is not type(usual) or (isinstance(value, int) and value < 0):
        raise SandboxProblem(f"trait {name} is a {type(usual).__name__}, not {value!r}")
    return value
