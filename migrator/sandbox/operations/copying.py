"""CopyObject and UploadPartCopy."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

from migrator.sandbox.call import Call
from migrator.sandbox.conditions import check_read
from migrator.sandbox.disk import Received
from migrator.sandbox.errors import S3Error
from migrator.sandbox.markup import document, iso_time
from migrator.sandbox.messages import Answer, xml_answer
from migrator.sandbox.operations.described import (
    asked_encryption,
    asked_storage_class,
    asked_tags,
    check_customer_key,
    content_headers,
    copy_source,
    encryption_headers,
    user_metadata,
    version_headers,
)
from migrator.sandbox.operations.multipart import check_upload_key, open_upload, part_etag, part_number, save_part
from migrator.sandbox.operations.writing import check_key
from migrator.sandbox.rows import Facts, Part, Version
from migrator.sandbox.store import ARCHIVED

_SOURCE = "x-amz-copy-source-"


async def copy_object(call: Call) -> Answer:
    bucket, source = call.bucket(), _source(call)
    check_key(call.key)
    if source.size > call.traits.largest_put:
        raise S3Error("InvalidRequest", "The specified copy source is larger than the maximum allowable size for a"
                      " copy source.")  # fmt: skip
    facts = _facts(call, source)
    _check_changes(call, source, facts)
    algorithm = _algorithm(call, source)
    segments = call.store.disk.link(source.segments)
    loop = asyncio.get_running_loop()
    md5, checksums = await loop.run_in_executor(None, call.store.disk.rehash, segments, {algorithm} - {""})
    received = Received(source.size, md5, "", checksums, None)
    facts = replace(facts, checksums=checksums, checksum_type="FULL_OBJECT" if checksums else "", parts=())
    etag = call.store.single_etag(received, facts.encryption, b"")
    version = call.store.put(
        bucket,
        call.key,
        segments=segments,
        size=source.size,
        etag=etag,
        facts=facts,
        storage_class=asked_storage_class(call),
        conditions=call.request.headers,
    )
    tree: dict[str, object] = {"LastModified": iso_time(version.modified), "ETag": f'"{etag}"'}
    tree |= {f"Checksum{name}": text for name, text in checksums.items()}
    headers = {
        **version_headers(call, version, is_write=True),
        **encryption_headers(facts),
        **_source_headers(call, source),
    }
    return xml_answer(document("CopyObjectResult", tree), headers=headers)


def _source(call: Call) -> Version:
    """The version to copy from: readable by this key, unarchived, its conditions met."""
    bucket, key, version_id = copy_source(call)
    call.store.bucket(bucket, call.owner)
    call.check("GetObject", bucket, key)
    try:
        source = call.store.find(bucket, key, version_id)
    except S3Error as exc:
        if exc.code == "MethodNotAllowed":
            raise S3Error("InvalidRequest", "The source of a copy request may not specifically refer to a delete"
                          " marker by version id.") from exc  # fmt: skip
        raise
    check_read(call.request.headers, source, prefix=_SOURCE, is_copy=True)
    check_customer_key(call, source, _SOURCE)
    if call.store.storage_class(source) in ARCHIVED:
        raise S3Error("InvalidObjectState")
    return source


def _facts(call: Call, source: Version) -> Facts:
    encryption, kms_key, customer_key = asked_encryption(call)
    directive = call.header("x-amz-metadata-directive").upper() or "COPY"
    tag_directive = call.header("x-amz-tagging-directive").upper() or "COPY"
    if not {directive, tag_directive} <= {"COPY", "REPLACE"}:
        raise S3Error("InvalidArgument", "Unknown metadata or tagging directive.")
    facts = replace(
        source.facts,
        encryption=encryption,
        kms_key=kms_key,
        customer_key=customer_key,
        website_redirect=call.header("x-amz-website-redirect-location"),
        is_locked=False,
    )
    if directive == "REPLACE":
        facts = replace(facts, headers=content_headers(call), metadata=user_metadata(call))
    if tag_directive == "REPLACE":
        facts = replace(facts, tags=asked_tags(call))
    return facts


def _check_changes(call: Call, source: Version, facts: Facts) -> None:
    """A copy onto itself has to change something."""
    if (source.bucket, source.key) != (call.bucket_name, call.key) or not source.is_latest:
        return
    says = ("x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-website-redirect-location")
    replaces = call.header("x-amz-metadata-directive").upper() == "REPLACE"
    if not replaces and not any(call.header(name) for name in says) and not facts.customer_key:
        raise S3Error("InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself"
                      " without changing the object's metadata, storage class, website redirect location or encryption"
                      " attributes.")  # fmt: skip


def _algorithm(call: Call, source: Version) -> str:
    """The checksum of the copy: as asked, else the source's, else the default; always of the full object."""
    asked = call.header("x-amz-checksum-algorithm").upper()
    wanted = asked or next(iter(source.facts.checksums), call.traits.default_checksum)
    return wanted if wanted in call.traits.checksums else ""


def _source_headers(call: Call, source: Version) -> dict[str, str]:
    if not call.store.bucket(source.bucket).versioning:
        return {}
    return {"x-amz-copy-source-version-id": source.version_id}


async def upload_part_copy(call: Call) -> Answer:
    number, upload = part_number(call), open_upload(call)
    check_upload_key(call, upload)
    source = _source(call)
    start, length = _source_range(call, source)
    received = await call.store.disk.receive(
        _pieces(call, source, start, length),
        {upload.algorithm} - {""},
        wants_sha256=False,
        limit=call.traits.largest_part,
        too_large=lambda: S3Error("InvalidRequest", "The specified copy range is too large."),
    )
    etag = part_etag(call, upload, received.md5)
    part = Part(number, received.size, received.md5, etag, call.store.clock(), received.segments, received.checksums)
    save_part(call, upload, part)
    tree: dict[str, object] = {"LastModified": iso_time(part.modified), "ETag": f'"{etag}"'}
    if upload.is_named:
        tree |= {f"Checksum{name}": text for name, text in received.checksums.items()}
    headers = {**encryption_headers(upload.facts), **_source_headers(call, source)}
    return xml_answer(document("CopyPartResult", tree), headers=headers)


async def _pieces(call: Call, source: Version, start: int, length: int) -> AsyncIterator[bytes]:
    for piece in call.store.disk.pieces(source.segments, start, start + length):
        yield piece


def _source_range(call: Call, source: Version) -> tuple[int, int]:
    text = call.header("x-amz-copy-source-range")
    if not text:
        return 0, source.size
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", text)
    if found is None or int(found[2]) < int(found[1]):
        raise S3Error("InvalidArgument", "The x-amz-copy-source-range value must be of the form bytes=first-last")
    if int(found[2]) >= source.size:
        raise S3Error("InvalidRange", "The copy range is beyond the end of the source.", status=416)
    return int(found[1]), int(found[2]) - int(found[1]) + 1
