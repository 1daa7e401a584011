"""The store behind the operations: buckets, versions and their bytes, under the sandbox's traits."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from migrator.sandbox.checksums import constant_etag
from migrator.sandbox.conditions import check_write
from migrator.sandbox.disk import Disk, Received
from migrator.sandbox.errors import S3Error
from migrator.sandbox.index import Index
from migrator.sandbox.messages import Answer
from migrator.sandbox.rows import Bucket, Facts, Listed, Part, Segment, Upload, Version
from migrator.sandbox.traits import Traits

ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
SEALED = frozenset({"aws:kms", "aws:kms:dsse", "customer"})
LARGEST_KEY = 1024

_BUCKET_NAME = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9]([a-z0-9]|-(?!\.)|\.(?![.-]))*[a-z0-9]")
_TRAIT_ENCRYPTION = {"none": "", "s3": "AES256", "kms": "aws:kms", "dsse": "aws:kms:dsse"}


@dataclass(slots=True)
class Store:
    """What is kept, and the rules of keeping it. clock and chance are given, so that runs can be repeated."""

    index: Index
    disk: Disk
    traits: Traits
    clock: Callable[[], float]
    chance: random.Random
    # Parts that wait for the abort of their upload: the land_late fault.
    late: dict[str, list[tuple[Upload, Part]]] = field(default_factory=dict)
    # What completed uploads were answered with: for the repeated_complete trait.
    completed: dict[str, Answer] = field(default_factory=dict)

    # Buckets

    def bucket(self, name: str, owner: str | None = None) -> Bucket:
        """The bucket, open to its owner's keys only."""
        found = self.index.bucket(name)
        if found is None:
            raise S3Error("NoSuchBucket", extra={"BucketName": name})
        if owner is not None and found.owner != owner:
            raise S3Error("AccessDenied")
        return found

    def create_bucket(self, name: str, owner: str) -> Bucket:
        if not 3 <= len(name) <= 63 or not _BUCKET_NAME.fullmatch(name):
            raise S3Error("InvalidBucketName", extra={"BucketName": name})
        found = self.index.bucket(name)
        if found is not None:
            mine = found.owner == owner
            raise S3Error("BucketAlreadyOwnedByYou" if mine else "BucketAlreadyExists", extra={"BucketName": name})
        bucket = Bucket(name, owner, self.clock(), versioning="Enabled" if self.traits.versioned else "")
        self.index.save_bucket(bucket)
        return bucket

    def set_versioning(self, name: str, state: str) -> None:
        """state: Enabled or Suspended."""
        self.index.save_bucket(replace(self.bucket(name), versioning=state))

    # Versions

    def current(self, bucket: str, key: str) -> Version | None:
        return self.index.latest(bucket, key, self.clock())

    def find(self, bucket: str, key: str, version_id: str | None) -> Version:
        """The version that a read means; NoSuchKey, NoSuchVersion or MethodNotAllowed where there is none."""
        is_versioned = bool(self.bucket(bucket).versioning)
        if version_id:
            found = self.index.version(bucket, key, version_id)
            if found is None:
                raise S3Error("NoSuchVersion", extra={"Key": key, "VersionId": version_id})
            if found.is_marker:
                raise S3Error("MethodNotAllowed", headers=_marker_headers(found, "DELETE"))
            return found
        found = self.current(bucket, key)
        if found is None:
            raise S3Error("NoSuchKey", extra={"Key": key})
        if found.is_marker:
            raise S3Error("NoSuchKey", extra={"Key": key}, headers=_marker_headers(found) if is_versioned else {})
        return found

    def put(
        self,
        bucket: Bucket,
        key: str,
        *,
        segments: tuple[Segment, ...],
        size: int,
        etag: str,
        facts: Facts,
        storage_class: str,
        conditions: Mapping[str, str],
        hidden_for: float = 0,
    ) -> Version:
        """Make these bytes the object of that key, if the conditions hold; else the bytes are removed."""
        try:
            self.check_conditions(conditions, self.current(bucket.name, key))
        except S3Error:
            self.disk.remove(segments)
            raise
        now = self.clock()
        version = Version(
            bucket=bucket.name,
            key=key,
            version_id=self.fresh_version_id(bucket.name, key) if bucket.versioning == "Enabled" else "null",
            size=size,
            etag=etag,
            modified=now,
            storage_class=storage_class,
            segments=segments,
            facts=facts,
            visible_at=now + hidden_for if hidden_for else 0,
        )
        self.disk.remove(self.index.add_version(version))
        return version

    def check_conditions(self, conditions: Mapping[str, str], current: Version | None) -> None:
        """Refuse a write whose conditions do not hold, or whose key is locked."""
        check_write(self._honoured(conditions), current)
        self.check_unlocked(current)

    def _honoured(self, conditions: Mapping[str, str]) -> dict[str, str]:
        ignored = {
            name
            for name, trait in (("if-none-match", self.traits.if_none_match), ("if-match", self.traits.if_match_put))
            if trait == "ignored"
        }
        return {name: value for name, value in conditions.items() if name not in ignored}

    def check_unlocked(self, current: Version | None) -> None:
        if current is not None and current.facts.is_locked:
            raise S3Error("AccessDenied", "Access Denied because object protected by object lock.")

    def delete(self, bucket: Bucket, key: str, version_id: str | None) -> Version | None:
        """Delete as the bucket's versioning says. The marker made, or the version removed; None for nothing."""
        if version_id:
            self.check_unlocked(self.index.version(bucket.name, key, version_id))
            return self._drop(bucket.name, key, version_id)
        if not bucket.versioning:
            self.check_unlocked(self.current(bucket.name, key))
            self._drop(bucket.name, key, "null")
            return None
        return self.mark_deleted(bucket, key)

    def mark_deleted(self, bucket: Bucket, key: str) -> Version:
        """Put a delete marker on top of the key."""
        marker = Version(
            bucket=bucket.name,
            key=key,
            version_id="null" if bucket.versioning == "Suspended" else self.fresh_version_id(bucket.name, key),
            size=0,
            etag="",
            modified=self.clock(),
            is_marker=True,
        )
        self.disk.remove(self.index.add_version(marker))
        return marker

    def _drop(self, bucket: str, key: str, version_id: str) -> Version | None:
        dropped = self.index.drop_version(bucket, key, version_id)
        if dropped is not None:
            self.disk.remove(dropped.segments)
        return dropped

    # What a new object looks like

    def encryption(self, bucket: Bucket, asked: str, kms_key: str) -> tuple[str, str]:
        """(kind, KMS key) for a new object: as asked, else the bucket's default, else the trait's."""
        kind = asked or bucket.encryption or _TRAIT_ENCRYPTION[self.traits.sse]
        if kind not in ("aws:kms", "aws:kms:dsse"):
            return kind, ""
        return kind, kms_key or bucket.kms_key or "arn:aws:kms:us-east-1:000000000000:key/sandbox"

    def single_etag(self, received: Received, encryption: str, given_md5: bytes) -> str:
        if encryption in SEALED or self.traits.etag_single == "opaque":
            return self.chance.randbytes(16).hex()
        if self.traits.etag_single == "constant":
            return constant_etag()
        if self.traits.etag_single == "echo" and given_md5:
            return given_md5.hex()
        return received.md5.hex()

    def storage_class(self, version: Version | Listed) -> str:
        """As stored, or GLACIER where the archive trait covers the key."""
        archive = self.traits.archive
        return "GLACIER" if archive and fnmatchcase(version.key, archive) else version.storage_class

    def fresh_upload_id(self) -> str:
        """An id as opaque as the real ones; never one in use, for a seeded sandbox starts its sequence anew."""
        while self.index.upload(fresh := self.chance.randbytes(16).hex()) is not None:
            pass
        return fresh

    def fresh_version_id(self, bucket: str, key: str) -> str:
        while self.index.version(bucket, key, fresh := self.chance.randbytes(16).hex()) is not None:
            pass
        return fresh

    def fill(self, label: bytes, length: int) -> bytes:
        return hashlib.shake_128(label).digest(length)

    def relabel(self, version: Version, **changes: object) -> Version:
        """Change facts of a stored version in place."""
        changed = replace(version, facts=replace(version.facts, **changes))  # type: ignore[arg-type]
        self.index.change_version(changed)
        return changed


def _marker_headers(marker: Version, allow: str = "") -> dict[str, str]:
    headers = {"x-amz-delete-marker": "true", "x-amz-version-id": marker.version_id}
    return {**headers, "Allow": allow} if allow else headers
