"""The requests of the data plane, as values: what is asked for, under which conditions, with which digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import BinaryIO, NamedTuple
from xml.sax.saxutils import escape

from integrity.digests import Buffer
from migrator.engine.buffers import Pipe
from migrator.engine.lines import Request
from migrator.engine.messages import SentPart, WriteHeaders
from migrator.engine.signing import UNSIGNED_PAYLOAD

# No body of an object is cut here; who reads it counts.
LARGEST_OBJECT = 1 << 62
# Ten times what a page of a thousand parts takes. Some stores answer with the object itself.
_LARGEST_ATTRIBUTES = 1024 * 1024


class Operation(NamedTuple):
    """An operation of S3, what it does, and the permission for it."""

    name: str
    verb: str
    permission: str


LIST = Operation("ListObjectsV2", "list", "s3:ListBucket")
LIST_VERSIONS = Operation("ListObjectVersions", "list the versions", "s3:ListBucketVersions")
HEAD = Operation("HeadObject", "read", "s3:GetObject")
GET = Operation("GetObject", "read", "s3:GetObject")
PUT = Operation("PutObject", "write", "s3:PutObject")
PUT_PART = Operation("UploadPart", "write", "s3:PutObject")
GET_TAGS = Operation("GetObjectTagging", "read tags", "s3:GetObjectTagging")
GET_ATTRIBUTES = Operation("GetObjectAttributes", "read", "s3:GetObjectAttributes")


def of_version(operation: Operation, version_id: str) -> Operation:
    """Return the operation as it is allowed: to read a named version takes a permission of its own."""
    return operation._replace(permission="s3:GetObjectVersion") if version_id else operation


def list_request(
    bucket: str,
    prefix: str,
    *,
    token: str = "",
    start_after: str = "",
    most_keys: int = 1000,
    coded: bool = True,
    is_slow: bool = False,
) -> Request:
    """Return the question for one page of a listing; `coded`: keys URL-encoded."""
    query = [("list-type", "2"), ("max-keys", str(most_keys)), ("prefix", prefix)]
    if coded:
        query.append(("encoding-type", "url"))
    if token:
        query.append(("continuation-token", token))
    elif start_after:
        query.append(("start-after", start_after))
    return Request(method="GET", bucket=bucket, query=tuple(query), is_slow=is_slow)


def list_versions_request(
    bucket: str,
    prefix: str,
    *,
    key_marker: str = "",
    version_marker: str = "",
    most_keys: int = 1000,
) -> Request:
    """Return the question for one page of a listing of versions, keys URL-encoded."""
    query = [("versions", ""), ("encoding-type", "url"), ("max-keys", str(most_keys)), ("prefix", prefix)]
    if key_marker:
        query.append(("key-marker", key_marker))
    if version_marker:
        query.append(("version-id-marker", version_marker))
    return Request(method="GET", bucket=bucket, query=tuple(query))


def head_request(
    bucket: str,
    key: str,
    *,
    version_id: str = "",
    part_number: int | None = None,
    checksums: bool = False,
) -> Request:
    """Return a HEAD; `checksums` asks for the stored ones."""
    query = _version(version_id) + ((("partNumber", str(part_number)),) if part_number is not None else ())
    headers = _CHECKSUM_MODE if checksums else {}
    return Request(method="HEAD", bucket=bucket, key=key, query=query, headers=headers)


def attributes_request(bucket: str, key: str, *, version_id: str = "", marker: int = 0) -> Request:
    """Return the question for the sizes of an object's parts, those after the part `marker`."""
    headers = {"x-amz-object-attributes": "ObjectParts"}
    if marker:
        headers["x-amz-part-number-marker"] = str(marker)
    query = (("attributes", ""), *_version(version_id))
    return Request(method="GET", bucket=bucket, key=key, query=query, headers=headers, bound=_LARGEST_ATTRIBUTES)


def get_request(
    bucket: str,
    key: str,
    *,
    version_id: str = "",
    if_match: str = "",
    first_byte: int = 0,
    last_byte: int | None = None,
    checksums: bool = False,
    bound: int = LARGEST_OBJECT,
) -> Request:
    """Return a GET; a range is asked for only if `first_byte` or `last_byte` is given."""
    headers = dict(_CHECKSUM_MODE) if checksums else {}
    if if_match:
        headers["If-Match"] = _quoted(if_match)
    if first_byte or last_byte is not None:
        headers["Range"] = f"bytes={first_byte}-{'' if last_byte is None else last_byte}"
    return Request(method="GET", bucket=bucket, key=key, query=_version(version_id), headers=headers, bound=bound)


def tags_request(bucket: str, key: str, *, version_id: str = "") -> Request:
    """Return the question for an object's tags."""
    return Request(method="GET", bucket=bucket, key=key, query=(("tagging", ""), *_version(version_id)))


def put_request(
    bucket: str,
    key: str,
    body: Buffer | BinaryIO | Pipe,
    *,
    headers: WriteHeaders | None = None,
    content_md5: str = "",
    checksums: Mapping[str, str] | None = None,
    if_none_match: bool = False,
    if_match: str = "",
    payload_sha256: str = "",
    wire_body: bytes | None = None,
) -> Request:
    """Return a PUT of one body with its digests (base64) and conditions."""
    wire = (headers or _NO_HEADERS).wire() | digest_headers(content_md5, checksums)
    wire |= conditions(if_none_match, if_match)
    return Request(
        method="PUT",
        bucket=bucket,
        key=key,
        headers=wire,
        body=body,
        payload_sha256=payload_sha256,
        wire_body=wire_body,
    )


def part_request(
    bucket: str,
    key: str,
    upload_id: str,
    number: int,
    body: Buffer | BinaryIO,
    *,
    content_md5: str = "",
    checksums: Mapping[str, str] | None = None,
    is_signed: bool = True,
    payload_sha256: str = "",
    wire_body: bytes | None = None,
) -> Request:
    """Return an UploadPart. `is_signed`: its bytes are signed, not its headers alone, by their hash if it is known."""
    return Request(
        method="PUT",
        bucket=bucket,
        key=key,
        query=(("partNumber", str(number)), ("uploadId", upload_id)),
        headers=digest_headers(content_md5, checksums),
        body=body,
        payload_sha256=payload_sha256 if is_signed else UNSIGNED_PAYLOAD,
        wire_body=wire_body,
    )


def opening_headers(headers: WriteHeaders, algorithm: str) -> dict[str, str]:
    """Return what an upload is opened with; `algorithm` names a full-object checksum, if it is to have one."""
    wire = headers.wire()
    if algorithm:
        wire |= {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": "FULL_OBJECT"}
    return wire


def complete_body(parts: Iterable[SentPart]) -> bytes:
    """Return the body of a CompleteMultipartUpload, made part by part: as boto3 makes it, it takes a KiB for each."""
    body = bytearray(b'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">')
    for part in parts:
        sums = "".join(f"<Checksum{name}>{escape(value)}</Checksum{name}>" for name, value in part.checksums.items())
        body += f"<Part><PartNumber>{part.number}</PartNumber><ETag>{escape(part.etag)}</ETag>{sums}</Part>".encode()
    body += b"</CompleteMultipartUpload>"
    return bytes(body)


_NO_HEADERS = WriteHeaders()
_CHECKSUM_MODE = {"x-amz-checksum-mode": "ENABLED"}


def _version(version_id: str) -> tuple[tuple[str, str], ...]:
    return (("versionId", version_id),) if version_id else ()


def conditions(if_none_match: bool, if_match: str) -> dict[str, str]:
    """Return the header that lets a write happen only so."""
    if if_none_match:
        return {"If-None-Match": "*"}
    return {"If-Match": _quoted(if_match)} if if_match else {}


def _quoted(etag: str) -> str:
    """Some stores list ETags without quotes, or among blanks; a condition needs the quotes and no blanks."""
    etag = etag.strip()
    return etag if etag.endswith('"') else f'"{etag}"'


def digest_headers(content_md5: str, checksums: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers of these digests, in base64."""
    headers = {"Content-MD5": content_md5} if content_md5 else {}
    headers.update({f"x-amz-checksum-{name.lower()}": value for name, value in (checksums or {}).items()})
    return headers
