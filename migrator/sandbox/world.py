"""What other people do to an object meanwhile: overwrite it, delete it, mark it deleted, lock it."""

from __future__ import annotations

from migrator.sandbox.faults import Strike
from migrator.sandbox.rows import Facts
from migrator.sandbox.store import Store


def act(store: Store, bucket_name: str, key: str, strike: Strike) -> None:
    """Do it, straight to the store; nothing happens to a key that does not exist, except an overwrite."""
    bucket = store.bucket(bucket_name)
    current = store.current(bucket_name, key)
    exists = current is not None and not current.is_marker
    if strike.action == "overwrite":
        _overwrite(store, bucket_name, key, strike, current.size if current else 0)
    elif strike.action == "delete" and exists and current is not None:
        store.delete(bucket, key, current.version_id)
    elif strike.action == "delete_marker":
        store.mark_deleted(bucket, key)
    elif strike.action == "lock" and exists and current is not None:
        store.relabel(current, is_locked=True)


def _overwrite(store: Store, bucket_name: str, key: str, strike: Strike, usual_size: int) -> None:
    body = strike.option("body")
    size = strike.option("size", usual_size)
    data = body.encode() if isinstance(body, str) else strike.noise(size if isinstance(size, int) else usual_size)
    bucket = store.bucket(bucket_name)
    default = store.traits.default_checksum
    received = store.disk.store(data, {default} - {""})
    store.put(
        bucket,
        key,
        segments=received.segments,
        size=received.size,
        etag=store.single_etag(received, store.encryption(bucket, "", "")[0], b""),
        facts=Facts(
            headers={"Content-Type": "binary/octet-stream"}, checksums=received.checksums, checksum_type="FULL_OBJECT"
        ),
        storage_class="STANDARD",
        conditions={},
    )
