"""One S3 endpoint as the engine sees it: a handful of verbs, statements back, one tree of errors.

boto3 is inside for now. Each method says what it promises; transient refusals are asked again here
(`Patience`), and each one that says "slow down" halves what may be in flight at this endpoint (`Pace`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast
from urllib.parse import quote, unquote_to_bytes, urlencode

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from integrity.digests import Buffer
from integrity.evidence import Origin, Statement
from migrator.engine.answers import (
    Asked,
    checksums_in,
    error_of,
    http_date,
    range_of,
    rfc3339,
    statement_of,
)
from migrator.engine.errors import (
    AnswerUnreadable,
    ConnectionProblem,
    EngineError,
    ObjectMissing,
    SourceTimeout,
    StoreBusy,
    StoreFault,
    Throttled,
    UploadGone,
)
from migrator.engine.pacing import Pace, Patience
from migrator.engine.transport import Client, Endpoint

if TYPE_CHECKING:
    from botocore.response import StreamingBody

__all__ = [
    "Body",
    "Endpoint",
    "ListPage",
    "ListedObject",
    "ListedPart",
    "ListedUpload",
    "SentPart",
    "Store",
    "WriteHeaders",
]

READ_SIZE = 256 * 1024
MOST_IN_FLIGHT = 64
T = TypeVar("T")
_CLIENT_ERRORS = (
    BotoCoreError,
    ClientError,
    ResponseParserError,
    HTTPError,
    OSError,
    ValueError,
    EngineError,
)
_ANY_ERROR = (*_CLIENT_ERRORS, EngineError)


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One object in a listing; `last_modified` RFC 3339 in UTC, `etag` as the store wrote it."""

    key: str
    size: int
    etag: str
    last_modified: str
    storage_class: str = ""
    version_id: str = ""


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a listing as it was said; what is missing is None, nothing is judged here."""

    name: str | None
    entries: tuple[ListedObject, ...]
    truncated: bool | None
    next_token: str
    key_count: int | None
    common_prefixes: int = 0
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class ListedPart:
    """One part of an open upload."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class ListedUpload:
    """One open multipart upload; `started_at` RFC 3339 in UTC."""

    key: str
    upload_id: str
    started_at: str


@dataclass(frozen=True, slots=True)
class SentPart:
    """What Complete needs of a part: its number, the ETag its reply stated, checksums by S3 name (base64)."""

    number: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteHeaders:
    """What an object carries besides its bytes. `content` has the header names of `CONTENT_HEADERS`."""

    content: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    storage_class: str = ""
    encryption: str = ""
    kms_key_id: str = ""

    def wire(self) -> dict[str, str]:
        """Return the request headers."""
        headers = dict(self.content)
        headers.update({f"x-amz-meta-{name}": value for name, value in self.metadata.items()})
        if self.tags:
            headers["x-amz-tagging"] = urlencode(self.tags, quote_via=quote)
        if self.storage_class:
            headers["x-amz-storage-class"] = self.storage_class
        if self.encryption:
            headers["x-amz-server-side-encryption"] = self.encryption
        if self.kms_key_id:
            headers["x-amz-server-side-encryption-aws-kms-key-id"] = self.kms_key_id
        return headers


class Body:
    """The answer to a GET: what it states, and the bytes as they come.

    `statement.size` is the size of the whole object, `length` the announced bytes of this body (None: not
    announced), `first_byte` where it starts. An error in mid-body is not retried here.
    """

    def __init__(self, stream: StreamingBody, headers: Mapping[str, str], status: int, asked: Asked) -> None:
        self._stream = stream
        self._asked = asked
        self.status = status
        self.headers = headers
        self.statement = statement_of(headers, Origin.GET)
        length = headers.get("content-length", "")
        self.length = int(length) if length.isascii() and length.isdigit() else None
        self.content_range = range_of(headers.get("content-range", ""))

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes; raise `SourceTimeout` for silence, `EndpointUnreachable` for a lost connection."""
        while True:
            try:
                chunk = self._stream.read(READ_SIZE)
            except ReadTimeoutError as exc:
                raise SourceTimeout(str(exc), facts=self._asked.facts()) from exc
            except _CLIENT_ERRORS as exc:
                raise error_of(exc, self._asked) from exc
            if not chunk:
                return
            yield chunk

    def close(self) -> None:
        """Drop the connection unless the body was read to its end."""
        self._stream.close()


class Store:
    """One endpoint with its credentials. Make it once in a process, after the fork; threads may share it."""

    def __init__(
        self, endpoint: Endpoint, *, patience: Patience | None = None, most_in_flight: int = MOST_IN_FLIGHT
    ) -> None:
        self.endpoint = endpoint
        self.patience = patience or Patience()
        self.pace = Pace(most_in_flight)
        self._client = Client(endpoint, most_in_flight)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def clock_skew(self) -> int | None:
        """Seconds by which the store's clock was ahead of ours in its last answer; None if it did not say."""
        return self._client.clock_skew

    def list_page(
        self,
        bucket: str,
        prefix: str,
        *,
        token: str = "",
        start_after: str = "",
        most_keys: int = 1000,
        requester_pays: bool = False,
    ) -> ListPage:
        """One page of ListObjectsV2, keys decoded. Safe to repeat."""
        asked = self._asked("ListObjectsV2", "list", "s3:ListBucket", bucket)
        arguments: dict[str, object] = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": most_keys}
        arguments["EncodingType"] = "url"
        if token:
            arguments["ContinuationToken"] = token
        elif start_after:
            arguments["StartAfter"] = start_after
        reply = self._call(asked, "list_objects_v2", arguments, _payer(requester_pays))
        return _page(reply)

    def head(
        self,
        bucket: str,
        key: str,
        *,
        version_id: str = "",
        part_number: int | None = None,
        checksums: bool = False,
        requester_pays: bool = False,
    ) -> Statement:
        """HEAD. `checksums` asks for the stored ones; with `part_number` the size is that part's."""
        asked = self._asked("HeadObject", "read", "s3:GetObject", bucket, key)
        arguments: dict[str, object] = {"Bucket": bucket, "Key": key}
        if version_id:
            arguments["VersionId"] = version_id
        if part_number is not None:
            arguments["PartNumber"] = part_number
        headers = _payer(requester_pays) | ({"x-amz-checksum-mode": "ENABLED"} if checksums else {})
        said = _headers(self._call(asked, "head_object", arguments, headers))
        statement = statement_of(said, Origin.HEAD)
        if part_number is not None:
            length = said.get("content-length", "")
            statement = replace(statement, size=int(length) if length.isdigit() else None)
        if statement.size is None and statement.etag is None:
            raise StoreFault(
                "HEAD without length and ETag", facts=asked.facts() | {"fault": "said yes but sent no data"}
            )
        return statement

    def find(self, bucket: str, key: str, *, checksums: bool = False) -> Statement | None:
        """HEAD, or None where there is no such object."""
        try:
            return self.head(bucket, key, checksums=checksums)
        except ObjectMissing:
            return None

    def open(
        self,
        bucket: str,
        key: str,
        *,
        version_id: str = "",
        if_match: str = "",
        first_byte: int = 0,
        last_byte: int | None = None,
        checksums: bool = False,
        requester_pays: bool = False,
    ) -> Body:
        """GET; close the body. A range is asked for only if `first_byte` or `last_byte` is given."""
        asked = self._asked("GetObject", "read", "s3:GetObject", bucket, key)
        arguments: dict[str, object] = {"Bucket": bucket, "Key": key}
        if version_id:
            arguments["VersionId"] = version_id
        if if_match:
            arguments["IfMatch"] = _quoted(if_match)
        if first_byte or last_byte is not None:
            arguments["Range"] = f"bytes={first_byte}-{'' if last_byte is None else last_byte}"
        headers = _payer(requester_pays) | ({"x-amz-checksum-mode": "ENABLED"} if checksums else {})
        reply = self._call(asked, "get_object", arguments, headers)
        return Body(cast("StreamingBody", reply["Body"]), _headers(reply), _status(reply), asked)

    def put(
        self,
        bucket: str,
        key: str,
        body: Buffer | BinaryIO,
        *,
        headers: WriteHeaders | None = None,
        content_md5: str = "",
        checksums: Mapping[str, str] | None = None,
        if_none_match: bool = False,
        if_match: str = "",
        wire_body: bytes | None = None,
    ) -> Statement:
        """PUT of one body; digests in base64. Repeated on transient refusals: give bytes or a fresh file.

        `wire_body`, of the same length, is sent in place of the body that was signed (the negative control).
        """
        asked = self._asked("PutObject", "write", "s3:PutObject", bucket, key)
        arguments: dict[str, object] = {"Bucket": bucket, "Key": key, "Body": body}
        wire = (headers or WriteHeaders()).wire() | _digest_headers(content_md5, checksums)
        wire |= _conditions(if_none_match, if_match)
        reply = self._call(asked, "put_object", arguments, wire, rewind=body, wire_body=wire_body)
        return replace(statement_of(_headers(reply), Origin.PUT_REPLY), size=None)

    def create_upload(self, bucket: str, key: str, *, headers: WriteHeaders | None = None, algorithm: str = "") -> str:
        """Open a multipart upload, return its id; `algorithm` names a full-object checksum (CRC64NVME, CRC32)."""
        asked = self._asked("CreateMultipartUpload", "write", "s3:PutObject", bucket, key)
        wire = (headers or WriteHeaders()).wire()
        if algorithm:
            wire |= {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": "FULL_OBJECT"}
        reply = self._call(asked, "create_multipart_upload", {"Bucket": bucket, "Key": key}, wire)
        upload_id = reply.get("UploadId")
        if not upload_id:
            raise StoreFault("no upload id", facts=asked.facts() | {"fault": "said yes but sent no upload id"})
        return str(upload_id)

    def upload_part(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        number: int,
        body: Buffer | BinaryIO,
        *,
        content_md5: str = "",
        checksums: Mapping[str, str] | None = None,
    ) -> Statement:
        """Send one part; repeating it replaces it."""
        asked = self._asked("UploadPart", "write", "s3:PutObject", bucket, key)
        arguments: dict[str, object] = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        arguments |= {"PartNumber": number, "Body": body}
        wire = _digest_headers(content_md5, checksums)
        reply = self._call(asked, "upload_part", arguments, wire, rewind=body)
        return replace(statement_of(_headers(reply), Origin.PART_REPLY), size=None)

    def complete_upload(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        parts: Sequence[SentPart],
        *,
        checksums: Mapping[str, str] | None = None,
        size: int | None = None,
        if_none_match: bool = False,
        if_match: str = "",
    ) -> Statement:
        """Complete, once: what an unclear answer means is for the caller to find out (HEAD)."""
        asked = self._asked("CompleteMultipartUpload", "write", "s3:PutObject", bucket, key)
        listed: list[dict[str, object]] = []
        for part in parts:
            sums = {f"Checksum{name}": value for name, value in part.checksums.items()}
            listed.append({"PartNumber": part.number, "ETag": part.etag, **sums})
        arguments: dict[str, object] = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        arguments["MultipartUpload"] = {"Parts": listed}
        wire = _digest_headers("", checksums) | _conditions(if_none_match, if_match)
        if checksums:
            wire["x-amz-checksum-type"] = "FULL_OBJECT"
            if size is not None:
                wire["x-amz-mp-object-size"] = str(size)
        reply = self._call(asked, "complete_multipart_upload", arguments, wire, repeat=False)
        etag = str(reply.get("ETag") or "")
        if not etag:
            raise AnswerUnreadable("no ETag", facts=asked.facts() | {"fault": "said yes but sent no proof"})
        said = replace(statement_of(_headers(reply), Origin.COMPLETE_REPLY, etag=etag), size=None)
        return replace(said, checksums=_checksums_of(reply) or said.checksums)

    def abort_upload(self, bucket: str, key: str, upload_id: str) -> None:
        """Abort. Raise `UploadGone` where there is none; parts in flight may land later, so look again."""
        asked = self._asked("AbortMultipartUpload", "write", "s3:AbortMultipartUpload", bucket, key)
        try:
            self._call(asked, "abort_multipart_upload", {"Bucket": bucket, "Key": key, "UploadId": upload_id})
        except EngineError as exc:
            raise _upload_gone(exc) from exc

    def abort_until_gone(self, bucket: str, key: str, upload_id: str, *, rounds: int = 5) -> bool:
        """Abort until ListParts is empty or denies the upload; False where it is still there in the end.

        A part that was in flight lands after the abort, and some stores keep it: so look, and abort again.
        """
        for tried in range(1, rounds + 1):
            try:
                self.abort_upload(bucket, key, upload_id)
                if not self.list_parts(bucket, key, upload_id):
                    return True
            except UploadGone:
                return True
            except ConnectionProblem:
                raise
            except EngineError:
                pass
            self.patience.wait(tried)
        return False

    def list_parts(self, bucket: str, key: str, upload_id: str) -> tuple[ListedPart, ...]:
        """All parts of an open upload; raise `UploadGone` where there is none."""
        asked = self._asked("ListParts", "list", "s3:ListMultipartUploadParts", bucket, key)
        found: list[ListedPart] = []
        marker = 0
        while True:
            arguments: dict[str, object] = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
            if marker:
                arguments["PartNumberMarker"] = marker
            reply = self._call(asked, "list_parts", arguments)
            parts = _rows(reply, "Parts")
            found += [ListedPart(_int(row["PartNumber"]), _int(row["Size"]), str(row["ETag"])) for row in parts]
            marker = _int(reply.get("NextPartNumberMarker") or 0)
            if not reply.get("IsTruncated") or not marker or not parts:
                return tuple(found)

    def list_uploads(self, bucket: str, prefix: str = "") -> tuple[ListedUpload, ...]:
        """The open uploads below `prefix`, at most the first 1,000."""
        asked = self._asked("ListMultipartUploads", "list", "s3:ListBucketMultipartUploads", bucket)
        arguments: dict[str, object] = {"Bucket": bucket, "Prefix": prefix, "EncodingType": "url"}
        reply = self._call(asked, "list_multipart_uploads", arguments)
        coded = reply.get("EncodingType") == "url"
        return tuple(
            ListedUpload(_key(row, coded), str(row["UploadId"]), _time(row.get("Initiated")))
            for row in _rows(reply, "Uploads")
        )

    def delete(self, bucket: str, key: str, *, version_id: str = "") -> None:
        """Delete one object by its exact key (and version)."""
        asked = self._asked("DeleteObject", "delete", "s3:DeleteObject", bucket, key)
        arguments: dict[str, object] = {"Bucket": bucket, "Key": key}
        if version_id:
            arguments["VersionId"] = version_id
        self._call(asked, "delete_object", arguments)

    def get_tags(self, bucket: str, key: str, *, version_id: str = "") -> dict[str, str]:
        """The object's tags."""
        asked = self._asked("GetObjectTagging", "read tags", "s3:GetObjectTagging", bucket, key)
        arguments: dict[str, object] = {"Bucket": bucket, "Key": key}
        if version_id:
            arguments["VersionId"] = version_id
        reply = self._call(asked, "get_object_tagging", arguments)
        return {str(row["Key"]): str(row["Value"]) for row in _rows(reply, "TagSet")}

    def attributes_parts(self, bucket: str, key: str, *, version_id: str = "") -> tuple[int, ...]:
        """The part sizes GetObjectAttributes tells; empty where it tells none."""
        asked = self._asked("GetObjectAttributes", "read", "s3:GetObjectAttributes", bucket, key)
        arguments: dict[str, object] = {"Bucket": bucket, "Key": key, "ObjectAttributes": ["ObjectParts"]}
        if version_id:
            arguments["VersionId"] = version_id
        sizes: list[int] = []
        marker = 0
        while True:
            if marker:
                arguments["PartNumberMarker"] = marker
            reply = self._call(asked, "get_object_attributes", arguments)
            told = cast("dict[str, object]", reply.get("ObjectParts") or {})
            rows = _rows(told, "Parts")
            sizes += [_int(row["Size"]) for row in rows]
            marker = _int(told.get("NextPartNumberMarker") or 0)
            if not told.get("IsTruncated") or not marker or not rows:
                return tuple(sizes)

    def list_buckets(self) -> tuple[str, ...]:
        """The names of the buckets these keys may see."""
        asked = self._asked("ListBuckets", "list the buckets", "s3:ListAllMyBuckets", "")
        reply = self._call(asked, "list_buckets", {})
        return tuple(str(row["Name"]) for row in _rows(reply, "Buckets"))

    def head_bucket(self, bucket: str) -> Mapping[str, str]:
        """Say that the bucket is there and ours to see; returns the reply's headers (`date`, region)."""
        asked = self._asked("HeadBucket", "list", "s3:ListBucket", bucket)
        return _headers(self._call(asked, "head_bucket", {"Bucket": bucket}))

    def _asked(self, operation: str, verb: str, permission: str, bucket: str, key: str = "") -> Asked:
        end = self.endpoint
        return Asked(operation, verb, permission, end.name, end.url, end.region, bucket, key)

    def _call(
        self,
        asked: Asked,
        method: str,
        arguments: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
        *,
        repeat: bool = True,
        rewind: Buffer | BinaryIO | None = None,
        wire_body: bytes | None = None,
    ) -> dict[str, object]:
        send = cast("Callable[..., dict[str, object]]", getattr(self._client.s3, method))
        tried = 0
        while True:
            tried += 1
            if rewind is not None and not isinstance(rewind, (bytes, bytearray, memoryview)):
                rewind.seek(0)
            try:
                with self.pace.slot(), self._client.adding(headers or {}, wire_body):
                    reply = send(**arguments)
            except _ANY_ERROR as exc:
                problem = error_of(exc, asked)
                if isinstance(problem, Throttled):
                    self.pace.throttled()
                if not isinstance(problem, StoreBusy) or not repeat or tried >= self.patience.tries:
                    raise problem from exc
                self.patience.wait(tried)
            else:
                self.pace.went_well()
                return reply


def _page(reply: Mapping[str, object]) -> ListPage:
    coded = reply.get("EncodingType") == "url"
    truncated = reply.get("IsTruncated")
    entries = tuple(
        ListedObject(
            key=_key(row, coded),
            size=_int(row.get("Size", -1)),
            etag=str(row.get("ETag", "")),
            last_modified=_time(row.get("LastModified")),
            storage_class=str(row.get("StorageClass", "")),
        )
        for row in _rows(reply, "Contents")
    )
    return ListPage(
        name=None if reply.get("Name") is None else str(reply["Name"]),
        entries=entries,
        truncated=truncated if isinstance(truncated, bool) else None,
        next_token=str(reply.get("NextContinuationToken") or ""),
        key_count=None if reply.get("KeyCount") is None else _int(reply["KeyCount"]),
        common_prefixes=len(_rows(reply, "CommonPrefixes")),
        encoding="url" if coded else "",
    )


def _key(row: Mapping[str, object], coded: bool) -> str:
    key = str(row.get("Key", ""))
    if not coded:
        return key
    # A blank comes as "+", a plus as "%2B"; what is not UTF-8 is kept apart, never replaced.
    return unquote_to_bytes(key.replace("+", " ")).decode("utf-8", "surrogateescape")


def _rows(reply: Mapping[str, object], name: str) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", reply.get(name) or [])


def _int(value: object) -> int:
    return int(cast("int | str", value))


def _time(value: object) -> str:
    return rfc3339(value) if isinstance(value, datetime) else http_date(str(value or ""))


def _headers(reply: Mapping[str, object]) -> Mapping[str, str]:
    meta = cast("dict[str, object]", reply["ResponseMetadata"])
    headers = cast("dict[str, str]", meta.get("HTTPHeaders") or {})
    return {name.lower(): value for name, value in headers.items()}


def _status(reply: Mapping[str, object]) -> int:
    return _int(cast("dict[str, object]", reply["ResponseMetadata"])["HTTPStatusCode"])


def _checksums_of(reply: Mapping[str, object]) -> dict[str, str]:
    wire = {f"x-amz-checksum-{name[8:].lower()}": str(value) for name, value in reply.items() if name[:8] == "Checksum"}
    return checksums_in(wire)


def _payer(requester_pays: bool) -> dict[str, str]:
    return {"x-amz-request-payer": "requester"} if requester_pays else {}


def _conditions(if_none_match: bool, if_match: str) -> dict[str, str]:
    if if_none_match:
        return {"If-None-Match": "*"}
    return {"If-Match": _quoted(if_match)} if if_match else {}


def _quoted(etag: str) -> str:
    """Some stores list ETags without quotes; a condition needs them."""
    return etag if etag.endswith('"') else f'"{etag}"'


def _digest_headers(content_md5: str, checksums: Mapping[str, str] | None) -> dict[str, str]:
    headers = {"Content-MD5": content_md5} if content_md5 else {}
    headers.update({f"x-amz-checksum-{name.lower()}": value for name, value in (checksums or {}).items()})
    return headers


def _upload_gone(exc: EngineError) -> EngineError:
    if exc.http_status != 404:
        return exc
    return UploadGone(str(exc), store_code=exc.store_code, http_status=404, facts=exc.facts)
