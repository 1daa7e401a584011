"""Multipart uploads: create, upload a part, list, abort. Completing is in completing.py."""

from __future__ import annotations

import hashlib

from migrator.sandbox.call import Call
from migrator.sandbox.checksums import COMPOSITE, DIGEST_SIZES, TYPES
from migrator.sandbox.damage import spoil_stored
from migrator.sandbox.errors import LineBroken, S3Error
from migrator.sandbox.markup import document, iso_time, url_encoded
from migrator.sandbox.messages import Answer, xml_answer
from migrator.sandbox.operations.described import (
    asked_facts,
    asked_storage_class,
    customer_key_md5,
    encryption_headers,
    stated_checksum,
)
from migrator.sandbox.operations.writing import check_key, kept_checksum, take
from migrator.sandbox.rows import Part, Upload
from migrator.sandbox.store import SEALED


async def create_multipart_upload(call: Call) -> Answer:
    bucket, facts = call.bucket(), asked_facts(call)
    check_key(call.key)
    algorithm, kind = asked_checksum(call)
    is_named = bool(algorithm)
    if not algorithm and call.traits.default_checksum in call.traits.checksums:
        algorithm, kind = call.traits.default_checksum, TYPES[call.traits.default_checksum][-1]
    upload = Upload(
        id=call.store.fresh_upload_id(),
        bucket=bucket.name,
        key=call.key,
        created=call.store.clock(),
        algorithm=algorithm,
        checksum_type=kind,
        is_named=is_named,
        facts=facts,
        storage_class=asked_storage_class(call),
    )
    call.store.index.add_upload(upload)
    body = document("InitiateMultipartUploadResult", {"Bucket": bucket.name, "Key": call.key, "UploadId": upload.id})
    headers = encryption_headers(facts)
    if is_named:
        headers |= {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind}
    return xml_answer(body, headers=headers)


def asked_checksum(call: Call) -> tuple[str, str]:
    """(algorithm, type) that the parts of a new upload will carry; ("", "") if the client names none."""
    algorithm, kind = call.header("x-amz-checksum-algorithm").upper(), call.header("x-amz-checksum-type").upper()
    if not algorithm:
        if kind:
            raise S3Error("InvalidRequest", "The x-amz-checksum-type header can only be used with the"
                          " x-amz-checksum-algorithm header.")  # fmt: skip
        return "", ""
    if algorithm not in call.traits.checksums:
        if call.traits.checksum_others == "refused" or algorithm not in DIGEST_SIZES:
            raise S3Error("InvalidRequest", "Checksum algorithm provided is unsupported.")
        return "", ""
    kind = kind or TYPES[algorithm][0]
    if kind not in TYPES[algorithm]:
        raise S3Error("InvalidRequest", f"The {kind} checksum type cannot be used with the {algorithm} checksum"
                      " algorithm.")  # fmt: skip
    return algorithm, kind


def open_upload(call: Call) -> Upload:
    """The upload a request names; NoSuchUpload if it is not open."""
    upload = call.store.index.upload(call.query("uploadId"))
    if upload is None or upload.bucket != call.bucket_name or upload.key != call.key:
        raise S3Error("NoSuchUpload", extra={"UploadId": call.query("uploadId")})
    return upload


def part_number(call: Call) -> int:
    text = call.query("partNumber")
    if not text.isdecimal() or not 1 <= int(text) <= call.traits.most_parts:
        raise S3Error(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {call.traits.most_parts}, inclusive",
            extra={"ArgumentName": "partNumber", "ArgumentValue": text},
        )
    return int(text)


async def upload_part(call: Call) -> Answer:
    number, upload = part_number(call), open_upload(call)
    check_upload_key(call, upload)
    algorithm, stated = stated_checksum(call)
    _check_algorithm(upload, algorithm)
    kept = {upload.algorithm, algorithm} - {""}
    received = await take(call, algorithm, stated, kept, call.traits.largest_part)
    checksums = {name: kept_checksum(call, name, stated if name == algorithm else "", received) for name in kept}
    segments, size = spoil_stored(call.strike, call.store.disk, received.segments, received.size)
    part = Part(
        number, size, received.md5, part_etag(call, upload, received.md5), call.store.clock(), segments, checksums
    )
    save_part(call, upload, part)
    headers = {"ETag": f'"{part.etag}"', **encryption_headers(upload.facts)}
    echo = call.struck("echo_digest")
    if echo and call.payload.given_md5:
        headers["ETag"] = f'"{call.payload.given_md5.hex()}"'
    if algorithm:
        headers[f"x-amz-checksum-{algorithm.lower()}"] = checksums[algorithm]
    return Answer(200, headers)


def check_upload_key(call: Call, upload: Upload) -> None:
    if customer_key_md5(call) != upload.facts.customer_key:
        raise S3Error("InvalidRequest", "The multipart upload was begun with another encryption key.")


def _check_algorithm(upload: Upload, given: str) -> None:
    expected = upload.algorithm if upload.is_named else ""
    needs = bool(expected) and upload.checksum_type == COMPOSITE
    if (expected and given and given != expected) or (needs and not given):
        raise S3Error("InvalidRequest", f"Checksum Type mismatch occurred, expected checksum Type: {expected.lower()},"
                      f" actual checksum Type: {given.lower() or 'null'}")  # fmt: skip


def part_etag(call: Call, upload: Upload, md5: bytes) -> str:
    if upload.facts.encryption in SEALED or call.traits.etag_multipart == "random":
        # Opaque, and yet the same when the same part is sent again.
        return hashlib.md5(upload.id.encode() + md5).hexdigest()
    if call.traits.etag_single == "echo" and call.payload.given_md5:
        return call.payload.given_md5.hex()
    return md5.hex()


def save_part(call: Call, upload: Upload, part: Part) -> None:
    """Keep the part. With land_late it waits in the dark until its upload has been aborted."""
    if call.struck("land_late"):
        call.store.late.setdefault(upload.id, []).append((upload, part))
        raise LineBroken
    if call.store.index.upload(upload.id) is None:
        # The upload ended while this part was on its way.
        call.store.disk.remove(part.segments)
        raise S3Error("NoSuchUpload", extra={"UploadId": upload.id})
    call.store.disk.remove(call.store.index.save_part(upload.id, part))


async def abort_multipart_upload(call: Call) -> Answer:
    upload = open_upload(call)
    for part in call.store.index.drop_upload(upload.id):
        call.store.disk.remove(part.segments)
    late = call.store.late.pop(upload.id, [])
    if late:
        call.store.index.add_upload(upload)
    for _, part in late:
        call.store.disk.remove(call.store.index.save_part(upload.id, part))
    return Answer(204)


async def list_parts(call: Call) -> Answer:
    upload = open_upload(call)
    marker, most = call.number("part-number-marker", 0, 2**31), call.number("max-parts", 1000, 1000)
    parts = [part for part in call.store.index.parts(upload.id) if part.number > marker]
    shown = parts[:most]
    is_truncated = len(parts) > len(shown)
    tree: dict[str, object] = {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "Initiator": account(call),
        "Owner": account(call),
        "StorageClass": upload.storage_class,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": shown[-1].number if shown else marker,
        "MaxParts": most,
        "IsTruncated": is_truncated,
        "ChecksumAlgorithm": upload.algorithm if upload.is_named else None,
        "ChecksumType": upload.checksum_type if upload.is_named else None,
        "Part": [_listed_part(upload, part) for part in shown],
    }
    return xml_answer(document("ListPartsResult", tree))


def _listed_part(upload: Upload, part: Part) -> dict[str, object]:
    shown: dict[str, object] = {
        "PartNumber": part.number,
        "LastModified": iso_time(part.modified),
        "ETag": f'"{part.etag}"',
        "Size": part.size,
    }
    if upload.is_named and upload.algorithm in part.checksums:
        shown[f"Checksum{upload.algorithm}"] = part.checksums[upload.algorithm]
    return shown


async def list_multipart_uploads(call: Call) -> Answer:
    bucket, prefix, delimiter = call.bucket(), call.query("prefix"), call.query("delimiter")
    most = call.number("max-uploads", 1000, 1000)
    after = (call.query("key-marker").encode(), call.query("upload-id-marker"))
    encode = url_encoded if call.query("encoding-type") == "url" else str
    shown: list[Upload] = []
    prefixes: dict[str, None] = {}
    is_truncated = False
    for upload in _uploads_after(call, *after):
        if not upload.key.startswith(prefix):
            continue
        rest = upload.key[len(prefix) :]
        group = prefix + rest.partition(delimiter)[0] + delimiter if delimiter and delimiter in rest else ""
        if group in prefixes:
            continue
        if len(shown) + len(prefixes) >= most:
            is_truncated = True
            break
        if group:
            prefixes[group] = None
        else:
            shown.append(upload)
    tree: dict[str, object] = {
        "Bucket": bucket.name,
        "KeyMarker": encode(call.query("key-marker")),
        "UploadIdMarker": call.query("upload-id-marker"),
        "NextKeyMarker": encode(shown[-1].key) if shown and is_truncated else None,
        "NextUploadIdMarker": shown[-1].id if shown and is_truncated else None,
        "Prefix": encode(prefix),
        "Delimiter": encode(delimiter) if delimiter else None,
        "EncodingType": call.query("encoding-type") or None,
        "MaxUploads": most,
        "IsTruncated": is_truncated,
        "Upload": [
            {
                "Key": encode(upload.key),
                "UploadId": upload.id,
                "Initiator": account(call),
                "Owner": account(call),
                "StorageClass": upload.storage_class,
                "Initiated": iso_time(upload.created),
                "ChecksumAlgorithm": upload.algorithm if upload.is_named else None,
                "ChecksumType": upload.checksum_type if upload.is_named else None,
            }
            for upload in shown
        ],
        "CommonPrefixes": [{"Prefix": encode(group)} for group in prefixes],
    }
    return xml_answer(document("ListMultipartUploadsResult", tree))


def _uploads_after(call: Call, key_marker: bytes, id_marker: str) -> list[Upload]:
    uploads = call.store.index.uploads(call.bucket_name)
    if not key_marker:
        return uploads
    ids = [upload.id for upload in uploads]
    seen = ids.index(id_marker) if id_marker in ids else -1
    return [
        upload
        for place, upload in enumerate(uploads)
        if upload.key.encode() > key_marker or (id_marker and upload.key.encode() == key_marker and place > seen)
    ]


def account(call: Call) -> dict[str, object]:
    return {"ID": call.owner, "DisplayName": call.owner}
