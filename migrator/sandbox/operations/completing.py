"""CompleteMultipartUpload: from parts to an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from migrator.sandbox.call import Call
from migrator.sandbox.checksums import (
    COMPOSITE,
    FULL,
    composite,
    constant_etag,
    hex_multipart_etag,
    multipart_etag,
    whole,
)
from migrator.sandbox.damage import spoil_stored
from migrator.sandbox.errors import S3Error
from migrator.sandbox.markup import document, parse
from migrator.sandbox.messages import Answer, xml_answer
from migrator.sandbox.operations.described import encryption_headers, version_headers
from migrator.sandbox.operations.multipart import check_upload_key, open_upload
from migrator.sandbox.rows import Part, PartFact, Upload
from migrator.sandbox.store import SEALED


@dataclass(frozen=True, slots=True)
class _Named:
    """A part as the client's Complete names it."""

    number: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)


async def complete_multipart_upload(call: Call) -> Answer:
    if call.traits.repeated_complete == "answered" and call.query("uploadId") in call.store.completed:
        return call.store.completed[call.query("uploadId")]
    bucket, upload = call.bucket(), open_upload(call)
    check_upload_key(call, upload)
    named = _named_parts(await call.payload.document())
    # The document was awaited: another Complete may have come first.
    upload = open_upload(call)
    parts = _chosen(call, upload, named)
    size = sum(part.size for part in parts)
    _check_size(call, size)
    checksum = _checksum(upload, parts)
    _check_checksum(call, upload, checksum)
    call.store.check_conditions(call.request.headers, call.store.current(bucket.name, upload.key))
    etag = _etag(call, upload, parts)
    segments = tuple(segment for part in parts for segment in part.segments)
    segments, size = spoil_stored(call.strike, call.store.disk, segments, size)
    facts = replace(
        upload.facts,
        checksums={upload.algorithm: checksum} if checksum else {},
        checksum_type=upload.checksum_type if checksum else "",
        is_named=upload.is_named,
        parts=tuple(PartFact(part.number, part.size, part.checksums.get(upload.algorithm, "")) for part in parts),
    )
    late = call.struck("late_visible")
    stored_etag = etag if call.traits.etag_stable else _whole_md5(call, parts)
    version = call.store.put(
        bucket,
        upload.key,
        segments=segments,
        size=size,
        etag=stored_etag,
        facts=facts,
        storage_class=upload.storage_class,
        conditions={},
        hidden_for=late.number(5) if late else 0,
    )
    kept = {part.number for part in parts}
    for part in call.store.index.drop_upload(upload.id):
        if part.number not in kept:
            call.store.disk.remove(part.segments)
    answer = _completed(
        call, upload, etag, checksum, {**version_headers(call, version, is_write=True), **encryption_headers(facts)}
    )
    if call.traits.repeated_complete == "answered":
        call.store.completed[upload.id] = answer
    return answer


def _completed(call: Call, upload: Upload, etag: str, checksum: str, headers: dict[str, str]) -> Answer:
    tree = {
        "Location": f"http://{call.header('host')}/{upload.bucket}/{upload.key}",
        "Bucket": upload.bucket,
        "Key": upload.key,
        "ETag": f'"{etag}"',
        f"Checksum{upload.algorithm}": checksum or None,
        "ChecksumType": upload.checksum_type if checksum else None,
    }
    return xml_answer(document("CompleteMultipartUploadResult", tree), headers=headers)


def _named_parts(data: bytes) -> list[_Named]:
    tree = parse(data, "CompleteMultipartUpload")
    named = []
    for element in tree.findall("Part"):
        number, etag = element.findtext("PartNumber") or "", element.findtext("ETag") or ""
        if not number.strip().isdecimal() or not etag:
            raise S3Error("MalformedXML")
        checksums = {
            child.tag.removeprefix("Checksum"): (child.text or "").strip()
            for child in element
            if child.tag.startswith("Checksum")
        }
        named.append(_Named(int(number), etag.strip().strip('"'), checksums))
    if not named:
        raise S3Error("MalformedXML")
    return named


def _chosen(call: Call, upload: Upload, named: Sequence[_Named]) -> list[Part]:
    """The stored parts that were named, checked: order, ETag, checksum, size."""
    if any(after.number <= before.number for before, after in pairwise(named)):
        raise S3Error("InvalidPartOrder", extra={"UploadId": upload.id})
    stored = {part.number: part for part in call.store.index.parts(upload.id)}
    chosen = [_matching(upload, stored.get(entry.number), entry) for entry in named]
    if upload.checksum_type == COMPOSITE and [part.number for part in chosen] != list(range(1, len(chosen) + 1)):
        raise S3Error("InvalidPartOrder", "A composite checksum needs parts numbered from 1 without gaps.")
    smallest = 0 if call.traits.small_parts else call.traits.smallest_part
    for part in chosen[:-1]:
        if part.size < smallest:
            extra = {"ProposedSize": str(part.size), "MinSizeAllowed": str(smallest), "PartNumber": str(part.number)}
            raise S3Error("EntityTooSmall", extra=extra)
    if call.traits.equal_parts:
        _check_equal(chosen)
    return chosen


def _matching(upload: Upload, part: Part | None, named: _Named) -> Part:
    wrong = {"UploadId": upload.id, "PartNumber": str(named.number), "ETag": named.etag}
    if part is None or part.etag != named.etag:
        raise S3Error("InvalidPart", extra=wrong)
    for algorithm, text in named.checksums.items():
        if algorithm in part.checksums and part.checksums[algorithm] != text:
            raise S3Error("InvalidPart", extra=wrong)
    if upload.is_named and upload.checksum_type == COMPOSITE and upload.algorithm not in named.checksums:
        raise S3Error("InvalidRequest", f"The upload was created using a {upload.algorithm.lower()} checksum. The"
                      " complete request must include the checksum for each part. It was missing for part"
                      f" {named.number} in the request.")  # fmt: skip
    return part


def _check_equal(parts: Sequence[Part]) -> None:
    first = parts[0].size
    if any(part.size != first for part in parts[:-1]) or parts[-1].size > first:
        raise S3Error("InvalidPart", "All non-trailing parts must have the same length.")


def _check_size(call: Call, size: int) -> None:
    text = call.header("x-amz-mp-object-size")
    if not text or call.traits.complete_size == "ignores":
        return
    if not text.isdecimal() or int(text) != size:
        raise S3Error("InvalidRequest", f"The provided 'x-amz-mp-object-size' header value {text} does not match what"
                      f" was computed: {size}")  # fmt: skip


def _checksum(upload: Upload, parts: Sequence[Part]) -> str:
    if not upload.algorithm:
        return ""
    texts = [part.checksums[upload.algorithm] for part in parts]
    if upload.checksum_type == FULL:
        return whole(upload.algorithm, zip(texts, [part.size for part in parts], strict=True))
    return composite(upload.algorithm, texts)


def _check_checksum(call: Call, upload: Upload, checksum: str) -> None:
    kind = call.header("x-amz-checksum-type").upper()
    if kind and upload.is_named and kind != upload.checksum_type:
        raise S3Error("InvalidRequest", f"The upload was created using the {upload.checksum_type} checksum mode. The"
                      " complete request must use the same checksum mode.")  # fmt: skip
    if call.traits.complete_checksum == "ignores":
        return
    for name, value in call.request.headers.items():
        algorithm = name.removeprefix("x-amz-checksum-").upper()
        if not name.startswith("x-amz-checksum-") or algorithm not in call.traits.checksums:
            continue
        if algorithm != upload.algorithm:
            expected = upload.algorithm.lower() or "null"
            raise S3Error(
                "InvalidRequest",
                f"Checksum Type mismatch occurred, expected checksum Type: {expected}, actual: {algorithm.lower()}",
            )
        if value.partition("-")[0] != checksum.partition("-")[0]:
            raise S3Error("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")


def _etag(call: Call, upload: Upload, parts: Sequence[Part]) -> str:
    digests, trait = [part.md5 for part in parts], call.traits.etag_multipart
    if trait == "random" or upload.facts.encryption in SEALED:
        return f"{call.store.chance.randbytes(16).hex()}-{len(parts)}"
    if trait == "constant":
        return constant_etag(len(parts))
    if trait == "hex":
        return hex_multipart_etag(digests)
    if trait == "md5":
        return _whole_md5(call, parts)
    return multipart_etag(digests)


def _whole_md5(call: Call, parts: Sequence[Part]) -> str:
    md5, _ = call.store.disk.rehash((segment for part in parts for segment in part.segments), ())
    return md5.hex()
