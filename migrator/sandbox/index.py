"""What the sandbox knows: buckets, object versions, uploads and parts, in SQLite beside the data files.

Keys are stored as bytes, so that order and comparison are byte-wise. One thread uses it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

from migrator.sandbox.errors import SandboxProblem
from migrator.sandbox.rows import Bucket, Facts, Listed, Part, Segment, Upload, Version

# Changed whenever the rows below are: an older folder is refused instead of misread.
_FORMAT = 2
_EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, owner TEXT NOT NULL, created REAL NOT NULL, versioning TEXT NOT NULL,
    encryption TEXT NOT NULL, kms_key TEXT NOT NULL, tags TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS versions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, key BLOB NOT NULL, version_id TEXT NOT NULL,
    is_latest INTEGER NOT NULL, is_marker INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified REAL NOT NULL, visible_at REAL NOT NULL, storage_class TEXT NOT NULL,
    segments TEXT NOT NULL, facts TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS versions_by_id ON versions (bucket, key, version_id);
CREATE UNIQUE INDEX IF NOT EXISTS versions_latest ON versions (bucket, key) WHERE is_latest = 1;
CREATE TABLE IF NOT EXISTS uploads (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, bucket TEXT NOT NULL, key BLOB NOT NULL,
    created REAL NOT NULL, algorithm TEXT NOT NULL, checksum_type TEXT NOT NULL, is_named INTEGER NOT NULL,
    is_late INTEGER NOT NULL, facts TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, md5 BLOB NOT NULL, etag TEXT NOT NULL,
    modified REAL NOT NULL, segments TEXT NOT NULL, checksums TEXT NOT NULL,
    PRIMARY KEY (upload, number)) WITHOUT ROWID;
"""


class Index:
    """All rows, each write a transaction of its own unless it belongs to a larger one."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        # The operating system keeps the pages when the process dies; only a power cut could lose some. Said first, so
        # that neither the change to WAL waits for the disk.
        for pragma in ("synchronous = OFF", "journal_mode = WAL", "temp_store = MEMORY", "busy_timeout = 5000"):
            self._db.execute(f"PRAGMA {pragma}")
        (made_by,) = self._db.execute("PRAGMA user_version").fetchone()
        if made_by not in (0, _FORMAT):
            self._db.close()
            raise SandboxProblem(f"{path} was made by another version of the sandbox: remove the folder")
        self._db.executescript(_SCHEMA)
        self._db.execute(f"PRAGMA user_version = {_FORMAT}")
        rows = self._db.execute("SELECT * FROM buckets ORDER BY name")
        self._buckets = {bucket.name: bucket for bucket in map(_bucket, rows)}

    def close(self) -> None:
        self._db.close()

    # Buckets

    def buckets(self) -> list[Bucket]:
        return [self._buckets[name] for name in sorted(self._buckets)]

    def bucket(self, name: str) -> Bucket | None:
        return self._buckets.get(name)

    def save_bucket(self, bucket: Bucket) -> None:
        self._buckets[bucket.name] = bucket
        self._db.execute(
            "INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                bucket.name,
                bucket.owner,
                bucket.created,
                bucket.versioning,
                bucket.encryption,
                bucket.kms_key,
                json.dumps(bucket.tags),
            ),
        )

    def delete_bucket(self, name: str) -> None:
        self._buckets.pop(name, None)
        self._db.execute("DELETE FROM buckets WHERE name = ?", (name,))

    def is_empty(self, bucket: str) -> bool:
        return self._db.execute("SELECT 1 FROM versions WHERE bucket = ? LIMIT 1", (bucket,)).fetchone() is None

    # Versions

    def add_version(self, version: Version) -> tuple[Segment, ...]:
        """Put this version on top of its key; the data of a version with the same id is returned, to be removed."""
        key = version.key.encode()
        facts = version.facts.to_json()
        segments = json.dumps(version.segments, separators=(",", ":"))
        self._db.execute("BEGIN")
        try:
            dropped = self._db.execute(
                "DELETE FROM versions WHERE bucket = ? AND key = ? AND version_id = ? RETURNING segments",
                (version.bucket, key, version.version_id),
            ).fetchall()
            self._db.execute(
                "UPDATE versions SET is_latest = 0 WHERE bucket = ? AND key = ? AND is_latest = 1",
                (version.bucket, key),
            )
            self._db.execute(
                "INSERT INTO versions (bucket, key, version_id, is_latest, is_marker, size, etag, modified,"
                " visible_at, storage_class, segments, facts) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    version.bucket,
                    key,
                    version.version_id,
                    version.is_marker,
                    version.size,
                    version.etag,
                    version.modified,
                    version.visible_at,
                    version.storage_class,
                    segments,
                    facts,
                ),
            )
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return tuple(segment for row in dropped for segment in _segments(row[0]))

    def add_empty(self, bucket: str, keys: Iterable[str], moment: float) -> None:
        """Many empty objects in one transaction; none of the keys may exist yet."""
        facts = Facts(headers={"Content-Type": "binary/octet-stream"}).to_json()
        rows = ((bucket, key.encode(), _EMPTY_MD5, moment, facts) for key in keys)
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO versions (bucket, key, version_id, is_latest, is_marker, size, etag, modified,"
            " visible_at, storage_class, segments, facts) VALUES (?, ?, 'null', 1, 0, 0, ?, ?, 0, 'STANDARD', '[]', ?)",
            rows,
        )
        self._db.execute("COMMIT")

    def latest(self, bucket: str, key: str, now: float) -> Version | None:
        """The newest version that can be seen yet."""
        row = self._db.execute(
            "SELECT * FROM versions WHERE bucket = ? AND key = ? AND is_latest = 1 AND visible_at <= ?",
            (bucket, key.encode(), now),
        ).fetchone()
        return None if row is None else _version(row)

    def version(self, bucket: str, key: str, version_id: str) -> Version | None:
        row = self._db.execute(
            "SELECT * FROM versions WHERE bucket = ? AND key = ? AND version_id = ?",
            (bucket, key.encode(), version_id),
        ).fetchone()
        return None if row is None else _version(row)

    def drop_version(self, bucket: str, key: str, version_id: str) -> Version | None:
        """Remove one version for good; the one below it becomes the latest."""
        found = self.version(bucket, key, version_id)
        if found is None:
            return None
        raw = key.encode()
        self._db.execute("BEGIN")
        self._db.execute(
            "DELETE FROM versions WHERE bucket = ? AND key = ? AND version_id = ?", (bucket, raw, version_id)
        )
        if found.is_latest:
            self._db.execute(
                "UPDATE versions SET is_latest = 1 WHERE seq ="
                " (SELECT max(seq) FROM versions WHERE bucket = ? AND key = ?)",
                (bucket, raw),
            )
        self._db.execute("COMMIT")
        return found

    def change_version(self, version: Version) -> None:
        """Rewrite what may change in place: the facts and the segments."""
        self._db.execute(
            "UPDATE versions SET facts = ?, segments = ?, size = ?, etag = ?"
            " WHERE bucket = ? AND key = ? AND version_id = ?",
            (
                version.facts.to_json(),
                json.dumps(version.segments),
                version.size,
                version.etag,
                version.bucket,
                version.key.encode(),
                version.version_id,
            ),
        )

    def list_latest(self, bucket: str, start: bytes, is_after: bool, limit: int, now: float) -> list[Listed]:
        """Up to limit objects from a key on (or after it), in byte order, without delete markers."""
        rows = self._db.execute(
            "SELECT key, size, etag, modified, storage_class FROM versions WHERE bucket = ? AND key >= ?"
            " AND NOT (? AND key = ?) AND is_latest = 1 AND is_marker = 0 AND visible_at <= ? ORDER BY key LIMIT ?",
            (bucket, start, is_after, start, now, limit),
        )
        return [Listed(row[0].decode(), *row[1:]) for row in rows]

    def list_versions(self, bucket: str, start: bytes, seq: int, limit: int) -> list[tuple[int, Listed]]:
        """Versions from a key on, newest first within a key. seq: only those below it, for the first key."""
        rows = self._db.execute(
            "SELECT seq, key, size, etag, modified, storage_class, version_id, is_latest, is_marker FROM versions"
            " WHERE bucket = ? AND (key > ? OR (key = ? AND seq < ?)) ORDER BY key, seq DESC LIMIT ?",
            (bucket, start, start, seq, limit),
        )
        return [
            (seq, Listed(raw.decode(), size, etag, modified, storage, version_id, bool(is_latest), bool(is_marker)))
            for seq, raw, size, etag, modified, storage, version_id, is_latest, is_marker in rows
        ]

    def seq_of(self, bucket: str, key: str, version_id: str) -> int | None:
        row = self._db.execute(
            "SELECT seq FROM versions WHERE bucket = ? AND key = ? AND version_id = ?",
            (bucket, key.encode(), version_id),
        ).fetchone()
        return None if row is None else cast("int", row[0])

    # Uploads and parts

    def add_upload(self, upload: Upload) -> None:
        facts = json.dumps({"facts": upload.facts.to_json(), "storage_class": upload.storage_class})
        self._db.execute(
            "INSERT INTO uploads (id, bucket, key, created, algorithm, checksum_type, is_named, is_late, facts)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                upload.id,
                upload.bucket,
                upload.key.encode(),
                upload.created,
                upload.algorithm,
                upload.checksum_type,
                upload.is_named,
                upload.is_late,
                facts,
            ),
        )

    def upload(self, upload_id: str) -> Upload | None:
        row = self._db.execute("SELECT * FROM uploads WHERE id = ?", (upload_id,)).fetchone()
        return None if row is None else _upload(row)

    def uploads(self, bucket: str = "") -> list[Upload]:
        """Open uploads by key, then in the order in which they were made; "" for every bucket."""
        rows = self._db.execute("SELECT * FROM uploads WHERE ? IN ('', bucket) ORDER BY bucket, key, seq", (bucket,))
        return [_upload(row) for row in rows]

    def drop_upload(self, upload_id: str) -> list[Part]:
        """Forget an upload and its parts, which are returned."""
        parts = self.parts(upload_id)
        self._db.execute("BEGIN")
        self._db.execute("DELETE FROM parts WHERE upload = ?", (upload_id,))
        self._db.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))
        self._db.execute("COMMIT")
        return parts

    def save_part(self, upload_id: str, part: Part) -> tuple[Segment, ...]:
        """Store a part; the data of an earlier one with its number is returned, to be removed."""
        old = self._db.execute(
            "SELECT segments FROM parts WHERE upload = ? AND number = ?", (upload_id, part.number)
        ).fetchone()
        self._db.execute(
            "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                upload_id,
                part.number,
                part.size,
                part.md5,
                part.etag,
                part.modified,
                json.dumps(part.segments),
                json.dumps(part.checksums),
            ),
        )
        return () if old is None else _segments(old[0])

    def parts(self, upload_id: str) -> list[Part]:
        rows = self._db.execute("SELECT * FROM parts WHERE upload = ? ORDER BY number", (upload_id,))
        return [
            Part(number, size, md5, etag, modified, _segments(segments), json.loads(checksums))
            for _, number, size, md5, etag, modified, segments, checksums in rows
        ]

    def data_names(self) -> Iterator[str]:
        """Every data file some row needs."""
        for table in ("versions", "parts"):
            for row in self._db.execute(f"SELECT segments FROM {table}"):  # noqa: S608
                yield from (name for name, _ in _segments(row[0]))


def _segments(text: str) -> tuple[Segment, ...]:
    return tuple((name, length) for name, length in json.loads(text))


def _bucket(row: tuple[str, str, float, str, str, str, str]) -> Bucket:
    name, owner, created, versioning, encryption, kms_key, tags = row
    pairs = tuple((tag, value) for tag, value in json.loads(tags))
    return Bucket(name, owner, created, versioning, encryption, kms_key, pairs)


def _version(row: tuple[object, ...]) -> Version:
    _, bucket, key, version_id, is_latest, is_marker, size, etag, modified, visible, storage, segments, facts = row
    return Version(
        bucket=cast("str", bucket),
        key=cast("bytes", key).decode(),
        version_id=cast("str", version_id),
        size=cast("int", size),
        etag=cast("str", etag),
        modified=cast("float", modified),
        storage_class=cast("str", storage),
        segments=_segments(cast("str", segments)),
        facts=Facts.from_json(cast("str", facts)),
        is_marker=bool(is_marker),
        is_latest=bool(is_latest),
        visible_at=cast("float", visible),
    )


def _upload(row: tuple[object, ...]) -> Upload:
    _, upload_id, bucket, key, created, algorithm, checksum_type, is_named, is_late, text = row
    raw = json.loads(cast("str", text))
    return Upload(
        id=cast("str", upload_id),
        bucket=cast("str", bucket),
        key=cast("bytes", key).decode(),
        created=cast("float", created),
        algorithm=cast("str", algorithm),
        checksum_type=cast("str", checksum_type),
        is_named=bool(is_named),
        facts=Facts.from_json(raw["facts"]),
        storage_class=raw["storage_class"],
        is_late=bool(is_late),
    )
