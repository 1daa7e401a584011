"""The evidence of one record side by side: what the source said, what we computed, what the destination says.

A missing value is "not available", never a tick; each row's outcome is that of the checks which compare it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from integrity.etags import EtagForm, kind
from integrity.evidence import CheckName, Encryption, Outcome, checks_from_json
from integrity.wording import short_reason
from migrator.web.tags import size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from integrity.evidence import Check
    from integrity.models import IntegrityRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of evidence; empty texts are not available. `outcome` is empty where nothing was compared.

    `left_out`: the task did not let us compute it.
    """

    name: str
    note: str = ""
    source: str = ""
    computed: str = ""
    dest: str = ""
    outcome: str = ""
    reason: str = ""
    left_out: bool = False


_CHECKSUMS = (
    ("SHA-256", "sha256", "SHA256"),
    ("CRC32", "crc32", "CRC32"),
    ("CRC32C", "crc32c", "CRC32C"),
    ("CRC64NVME", "crc64nvme", "CRC64NVME"),
)
# What is computed where a store states it has no field of its own: both values stand in the check.
_FURTHER = {
    "SHA1": "SHA-1",
    "SHA512": "SHA-512",
    "MD5": "MD5 as a checksum",
    "XXHASH64": "XXH64",
    "XXHASH3": "XXH3",
    "XXHASH128": "XXH128",
}
_CHECKSUM_CHECKS = (
    CheckName.SOURCE_CHECKSUM,
    CheckName.DEST_CHECKSUM,
    CheckName.PART_CHECKSUMS,
    CheckName.SOURCE_REREAD,
    CheckName.DEST_READBACK,
)


def matrix(record: IntegrityRecord) -> list[Row]:
    """Return the rows of the evidence matrix of a record."""
    checks = checks_from_json(record.checks)
    source, dest = record.source_facts, record.dest_facts
    rows = [_size(record, checks), _etag(record, checks), _md5(record)]
    rows += [
        _row(
            name,
            source=_as_hex(source.get("checksums", {}).get(s3_name, "")),
            computed=getattr(record, field),
            dest=_as_hex(dest.get("checksums", {}).get(s3_name, "")),
            checks=[check for check in checks if check.name in _CHECKSUM_CHECKS and _is_of(check, s3_name)],
            left_out=_is_left_out(record, s3_name),
        )
        for name, field, s3_name in _CHECKSUMS
    ]
    rows += [
        _further(name, s3_name, source, dest, checks)
        for s3_name, name in _FURTHER.items()
        if s3_name in source.get("checksums", {}) or s3_name in dest.get("checksums", {})
    ]
    rows += [
        _facts("Content headers", "content_headers", source, dest, checks, CheckName.CONTENT_HEADERS),
        _facts("Metadata", "metadata", source, dest, checks, CheckName.USER_METADATA),
        _counted("Tags", "tag_count", source, dest, checks, CheckName.TAGS),
        _plain("Storage class", "storage_class", source, dest, checks, CheckName.STORAGE_CLASS, _class_asked(checks)),
        _plain("Encryption", "encryption", source, dest, checks, CheckName.ENCRYPTION, _encryption_asked(checks)),
        _row(
            "Version",
            source=record.source_version_id,
            dest=record.dest_version_id,
            checks=_named(checks, CheckName.SOURCE_IDENTITY, CheckName.SOURCE_UNCHANGED, CheckName.DEST_IDENTITY),
            note="the same object before and after",
        ),
        Row(
            name="Last modified",
            source=source.get("last_modified", "") or "",
            dest=dest.get("last_modified", "") or "",
            note="for the eye; not compared",
        ),
    ]
    return rows


def _size(record: IntegrityRecord, checks: Sequence[Check]) -> Row:
    return _row(
        "Size",
        source=_bytes(record.source_size),
        computed=_bytes(_bytes_computed(record, checks)),
        dest=_bytes(record.dest_size),
        checks=_named(checks, CheckName.SOURCE_SIZE, CheckName.READ_LENGTH, CheckName.DEST_SIZE),
    )


def _bytes_computed(record: IntegrityRecord, checks: Sequence[Check]) -> int | None:
    """Return the bytes that were hashed: in this run, or when the record was made that this one names."""
    if record.compared_with is None:
        return record.bytes_hashed
    then = next((check.observed for check in checks if check.name is CheckName.READ_LENGTH), None)
    return int(then) if then else None


def _etag(record: IntegrityRecord, checks: Sequence[Check]) -> Row:
    return _row(
        "ETag",
        source=_with_kind(record.source_etag),
        computed=_with_kind(record.calculated_etag),
        dest=_with_kind(record.dest_etag),
        checks=_named(checks, CheckName.SOURCE_ETAG, CheckName.DEST_ETAG, CheckName.PART_ETAGS),
        note="computed by the destination's parts",
        left_out=_is_left_out(record, "MD5"),
    )


def _md5(record: IntegrityRecord) -> Row:
    """Return the row of the whole object's MD5, which a store states as a plain ETag only."""
    outcome = {True: Outcome.MATCH, False: Outcome.MISMATCH, None: None}[record.md5_match]
    return Row(
        name="MD5",
        source=record.source_etag if _is_md5(record.source_etag) else "",
        computed=record.calculated_md5,
        dest=record.dest_etag if _is_md5(record.dest_etag) else "",
        outcome=outcome.value if outcome else "",
        note="stated as a plain ETag only",
        left_out=_is_left_out(record, "MD5"),
    )


def _is_left_out(record: IntegrityRecord, s3_name: str) -> bool:
    return f"{s3_name.lower()}_left_out" in record.notes


def _further(name: str, s3_name: str, source: dict[str, Any], dest: dict[str, Any], checks: Sequence[Check]) -> Row:
    """Return the row of a checksum that is computed only where a store states it."""
    stated = (CheckName.SOURCE_CHECKSUM, CheckName.DEST_CHECKSUM)
    ours = [check for check in checks if check.name in stated and check.algorithm == s3_name]
    computed = next((check.expected for check in ours if check.expected), "")
    return _row(
        name,
        source=_as_hex(source.get("checksums", {}).get(s3_name, "")),
        computed=_as_hex(computed),
        dest=_as_hex(dest.get("checksums", {}).get(s3_name, "")),
        checks=ours,
    )


def _row(
    name: str,
    *,
    checks: Sequence[Check],
    source: str = "",
    computed: str = "",
    dest: str = "",
    note: str = "",
    left_out: bool = False,
) -> Row:
    outcome, reason = _outcome(checks)
    return Row(
        name=name,
        source=source,
        computed=computed,
        dest=dest,
        outcome=outcome,
        reason=reason,
        note=note,
        left_out=left_out,
    )


def _facts(
    name: str, fact: str, source: dict[str, Any], dest: dict[str, Any], checks: Sequence[Check], check: CheckName
) -> Row:
    return _shown(name, fact, source, dest, checks, check, _pairs)


def _counted(
    name: str, fact: str, source: dict[str, Any], dest: dict[str, Any], checks: Sequence[Check], check: CheckName
) -> Row:
    return _shown(name, fact, source, dest, checks, check, lambda count: "" if count is None else f"{count} set")


def _plain(
    name: str,
    fact: str,
    source: dict[str, Any],
    dest: dict[str, Any],
    checks: Sequence[Check],
    check: CheckName,
    note: str,
) -> Row:
    found = _shown(name, fact, source, dest, checks, check, lambda text: str(text or "").replace("_", "-"))
    return replace(found, note=note)


def _class_asked(checks: Sequence[Check]) -> str:
    """Say which class the write asked for; one that is not carried, or the usual one, was not asked for."""
    asked = [check.expected for check in _named(checks, CheckName.STORAGE_CLASS) if check.reason is None]
    return f"the task asks for {asked[0]}" if asked and asked[0] != "STANDARD" else ""


def _encryption_asked(checks: Sequence[Check]) -> str:
    """Say which encryption the write asked for, in S3's own words; else two answers were compared."""
    asked = next((check.expected for check in _named(checks, CheckName.ENCRYPTION) if check.expected), "")
    return f"the task asks for {asked}" if asked and asked not in list(Encryption) else ""


def _shown(
    name: str,
    fact: str,
    source: dict[str, Any],
    dest: dict[str, Any],
    checks: Sequence[Check],
    check: CheckName,
    text: Callable[[Any], str],
) -> Row:
    return _row(name, source=text(source.get(fact)), dest=text(dest.get(fact)), checks=_named(checks, check))


def _named(checks: Sequence[Check], *names: CheckName) -> list[Check]:
    return [check for check in checks if check.name in names]


def _outcome(checks: Sequence[Check]) -> tuple[str, str]:
    """Return what several checks of one kind add up to: any mismatch, else anything not comparable, else a match."""
    outcomes = {check.outcome for check in checks}
    if Outcome.MISMATCH in outcomes:
        return Outcome.MISMATCH.value, ""
    if Outcome.NOT_COMPARABLE in outcomes:
        reason = next(short_reason(check.name, check.reason) for check in checks if check.reason is not None)
        return Outcome.NOT_COMPARABLE.value, reason
    return (Outcome.MATCH.value, "") if outcomes else ("", "")


def _is_of(check: Check, s3_name: str) -> bool:
    algorithm = (check.algorithm or "").upper().replace("-", "")
    if not algorithm and check.name in (CheckName.SOURCE_REREAD, CheckName.DEST_READBACK):
        algorithm = "SHA256"
    return algorithm == s3_name


def _bytes(size: int | None) -> str:
    return "" if size is None else f"{size:,} bytes" + (f" ({size_text(size)})" if size >= 1024 else "")


def _with_kind(etag: str) -> str:
    if not etag:
        return ""
    found = kind(etag)
    words = {EtagForm.MD5: "MD5", EtagForm.MULTIPART: f"{found.parts} {'part' if found.parts == 1 else 'parts'}"}
    return f"{etag} ({words.get(found.form, 'opaque')})"


def _is_md5(etag: str) -> bool:
    return bool(etag) and kind(etag).form is EtagForm.MD5


def _as_hex(text: str) -> str:
    """Return a checksum of the whole object as hex, as ours is; one over parts (`…-n`) stays as the store wrote it."""
    try:
        return base64.b64decode(text, validate=True).hex()
    except ValueError:
        return text


def _pairs(mapping: dict[str, str] | None) -> str:
    return "\n".join(f"{name}: {value}" for name, value in sorted((mapping or {}).items()))
