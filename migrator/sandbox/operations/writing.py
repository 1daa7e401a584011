"""PutObject, and the intake of bytes that UploadPart shares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from migrator.sandbox.call import Call
from migrator.sandbox.damage import damaged_input, spoil_stored
from migrator.sandbox.disk import Received
from migrator.sandbox.errors import S3Error
from migrator.sandbox.messages import Answer
from migrator.sandbox.operations.described import (
    asked_facts,
    asked_storage_class,
    checksum_headers,
    encryption_headers,
    stated_checksum,
    version_headers,
)
from migrator.sandbox.store import LARGEST_KEY


async def put_object(call: Call) -> Answer:
    bucket, facts, storage_class = call.bucket(), asked_facts(call), asked_storage_class(call)
    check_key(call.key)
    algorithm, stated = stated_checksum(call)
    default = call.traits.default_checksum if call.traits.default_checksum in call.traits.checksums else ""
    kept = algorithm or default
    received = await take(call, algorithm, stated, {kept} - {""}, call.traits.largest_put)
    etag = call.store.single_etag(received, facts.encryption, call.payload.given_md5)
    if kept:
        checksums = {kept: kept_checksum(call, kept, stated, received)}
        facts = replace(facts, checksums=checksums, checksum_type="FULL_OBJECT", is_named=bool(algorithm))
    segments, size = spoil_stored(call.strike, call.store.disk, received.segments, received.size)
    late = call.struck("late_visible")
    version = call.store.put(
        bucket,
        call.key,
        segments=segments,
        size=size,
        etag=etag,
        facts=facts,
        storage_class=storage_class,
        conditions=call.request.headers,
        hidden_for=late.number(5) if late else 0,
    )
    headers = {"ETag": f'"{etag}"', **version_headers(call, version, is_write=True), **encryption_headers(facts)}
    echo = call.struck("echo_digest")
    if echo and call.payload.given_md5:
        headers["ETag"] = f'"{call.payload.given_md5.hex()}"'
    return Answer(200, {**headers, **checksum_headers(facts)})


def check_key(key: str) -> None:
    if len(key.encode()) > LARGEST_KEY:
        raise S3Error("KeyTooLongError", extra={"Size": str(len(key.encode())), "MaxSizeAllowed": str(LARGEST_KEY)})


async def take(call: Call, algorithm: str, stated: str, kept: set[str], limit: int) -> Received:
    """Receive the payload and check every digest that came with it; a wrong one leaves nothing behind."""
    payload = call.payload
    if payload.length is None and not call.request.is_chunked:
        raise S3Error("MissingContentLength")
    if payload.length is not None and payload.length > limit:
        raise _too_large(payload.length, limit)
    received = await call.store.disk.receive(
        _input(call),
        {*kept, algorithm} - {""},
        wants_sha256=bool(payload.sha256),
        limit=limit,
        too_large=lambda: _too_large(limit + 1, limit),
    )
    try:
        _check_digests(call, received, algorithm, stated)
    except S3Error:
        call.store.disk.remove(received.segments)
        raise
    return received


def _input(call: Call) -> AsyncIterator[bytes]:
    chunks = call.payload.chunks()
    return chunks if call.strike is None else damaged_input(call.strike, chunks, call.payload.length or 0)


def _too_large(size: int, limit: int) -> S3Error:
    return S3Error("EntityTooLarge", extra={"ProposedSize": str(size), "MaxSizeAllowed": str(limit)})


def _check_digests(call: Call, received: Received, algorithm: str, stated: str) -> None:
    payload = call.payload
    looks_at_hash = call.operation != "UploadPart" or call.traits.part_sha256 == "rejects"
    if looks_at_hash and payload.sha256 and payload.sha256 != received.sha256:
        extra = {"ClientComputedContentSHA256": payload.sha256, "S3ComputedContentSHA256": received.sha256}
        raise S3Error("XAmzContentSHA256Mismatch", extra=extra)
    if payload.md5 and payload.md5 != received.md5:
        raise S3Error("BadDigest", "The Content-MD5 you specified did not match what we received.")
    if not algorithm or call.traits.checksum_values != "rejects":
        return
    if call.operation == "UploadPart" and call.traits.part_checksums == "ignores":
        return
    given = stated or payload.trailers.get(f"x-amz-checksum-{algorithm.lower()}", "")
    if given != received.checksums[algorithm]:
        raise S3Error("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")


def kept_checksum(call: Call, algorithm: str, stated: str, received: Received) -> str:
    """The checksum to state from now on: the store's own, or the client's where the store echoes."""
    given = stated or call.payload.trailers.get(f"x-amz-checksum-{algorithm.lower()}", "")
    return given if given and call.traits.checksum_values == "echoes" else received.checksums[algorithm]
