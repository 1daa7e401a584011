"""What earlier records prove of objects: found for many keys at once, and read back as evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from django.db.models import Max, Q

from integrity.digests import DigestSet
from integrity.evidence import CheckName, Earlier, Origin, Statement
from integrity.keys import as_text
from integrity.models import IntegrityRecord

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from django.db.models import QuerySet


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The two places of a task, and since when their names have led where they lead now."""

    task: uuid.UUID
    source: str
    dest: str
    since: datetime

    def records(self) -> QuerySet[IntegrityRecord]:
        """Return the records about these very places: a connection that was edited may lead elsewhere."""
        return IntegrityRecord.objects.filter(
            task=self.task, source_place=self.source, dest_place=self.dest, created_at__gt=self.since
        )


def last_readings(places: Places, keys: Sequence[str]) -> dict[str, IntegrityRecord]:
    """Return, by key, the newest record that read the bytes, if it is verified.

    One that itself compared with an earlier record hashed nothing, so it is none of them. Where the last reading
    ended in a failure no older one speaks for the object any more.
    """
    found = _readings(places, keys)
    newest = dict(found.values_list("object_key").annotate(newest=Max("created_at")).order_by())
    rows = found.filter(created_at__in=set(newest.values()), verdict="verified")
    return {row.key: row for row in rows if row.created_at == newest[row.object_key]}


def last_readings_of_versions(places: Places, keys: Sequence[str]) -> dict[tuple[str, str], IntegrityRecord]:
    """Return the same by key and version of the source: each version has readings of its own."""
    found = _readings(places, keys)
    rows = found.values_list("object_key", "source_version_id").annotate(newest=Max("created_at")).order_by()
    newest = {(key, version): at for key, version, at in rows}
    verified = found.filter(created_at__in=set(newest.values()), verdict="verified")
    newest_ones = (row for row in verified if row.created_at == newest[row.object_key, row.source_version_id])
    return {(row.key, row.source_version_id): row for row in newest_ones}


def _readings(places: Places, keys: Sequence[str]) -> QuerySet[IntegrityRecord]:
    read = Q(verdict__in=["verified", "failed"], bytes_hashed__isnull=False)
    return places.records().filter(read, object_key__in=[as_text(key) for key in keys])


def earlier_of(record: IntegrityRecord) -> Earlier:
    """Return what a record that read the bytes holds, as evidence to compare with."""
    size = record.bytes_hashed
    assert size is not None
    return Earlier(
        record=str(record.pk),
        at=record.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        digests=DigestSet(
            size=size,
            md5=bytes.fromhex(record.calculated_md5) or None,
            sha256=bytes.fromhex(record.sha256) or None,
            crc32=_crc(record.crc32),
            crc32c=_crc(record.crc32c),
            crc64nvme=_crc(record.crc64nvme),
        ),
        source=_stated(record.source_size, record.source_etag, record.source_version_id, record.source_facts),
        dest=_stated(record.dest_size, record.dest_etag, record.dest_version_id, record.dest_facts),
        calculated_etag=record.calculated_etag,
        part_count=record.part_count,
        made_of_parts=_made_of_parts(record),
    )


def _crc(text: str) -> int | None:
    return int(text, 16) if text else None


def _stated(size: int | None, etag: str, version_id: str, facts: dict[str, Any]) -> Statement:
    modified = str(facts.get("last_modified") or "")
    return Statement(origin=Origin.HEAD, size=size, etag=etag or None, version_id=version_id, last_modified=modified)


def _made_of_parts(record: IntegrityRecord) -> frozenset[str]:
    """Return our digests over parts: `expected` of a check is always ours."""
    values = {str(check["expected"]) for check in record.checks if check["name"] in _STATED and check["expected"]}
    return frozenset(value for value in (*values, record.calculated_etag) if "-" in value)


_STATED = frozenset({CheckName.SOURCE_ETAG, CheckName.SOURCE_CHECKSUM, CheckName.DEST_ETAG, CheckName.DEST_CHECKSUM})
