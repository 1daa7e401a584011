"""One S3 endpoint as the engine sees it: a handful of verbs, statements back, one tree of errors.

Objects, parts and listings go over `transport`, the rest through boto3 (`control`), on the same lines. Each method
says what it promises; transient refusals are asked again here (`Patience`), and each one that says "slow down"
halves what may be in flight at this endpoint (`Pace`).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import BinaryIO, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from integrity.digests import Buffer
from integrity.evidence import Origin, Statement
from migrator.engine.answers import Asked, number_in, statement_of
from migrator.engine.buffers import Pipe
from migrator.engine.control import Client
from migrator.engine.errors import (
    AnswerUnreadable,
    ConnectionProblem,
    EngineError,
    NotSupported,
    ObjectMissing,
    StoreBusy,
    StoreFault,
    Throttled,
    UploadGone,
)
from migrator.engine.lines import LARGEST_ERROR, LineBroken, Reply, Request
from migrator.engine.messages import (
    Body,
    ListedObject,
    ListedPart,
    ListedUpload,
    ListPage,
    SentPart,
    ToldPart,
    VersionPage,
    WriteHeaders,
    headers_of,
    int_of,
    rows_of,
    stated_checksums_of,
    tags_of,
    time_of,
    told_parts_of,
)
from migrator.engine.pacing import Pace, Patience
from migrator.engine.pages import key_of, page_of, version_page_of
from migrator.engine.refusals import error_of, refusal_of
from migrator.engine.requests import (
    GET,
    GET_ATTRIBUTES,
    GET_TAGS,
    HEAD,
    LIST,
    LIST_VERSIONS,
    PUT,
    PUT_PART,
    Operation,
    attributes_request,
    conditions,
    digest_headers,
    get_request,
    head_request,
    list_request,
    list_versions_request,
    of_version,
    part_request,
    put_request,
    tags_request,
)
from migrator.engine.transport import Endpoint, Stream, Transport

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

MOST_IN_FLIGHT = 256
_TROUBLES = (BotoCoreError, ClientError, ResponseParserError, LineBroken, ValueError, EngineError)

_T = TypeVar("_T")


def _close(client: Client, transport: Transport) -> None:
    client.close()
    transport.close()


class Store:
    """One endpoint with its credentials. Make it once in a process, after the fork; threads may share it."""

    def __init__(
        self, endpoint: Endpoint, *, patience: Patience | None = None, most_in_flight: int = MOST_IN_FLIGHT
    ) -> None:
        self.endpoint = endpoint
        self.patience = patience or Patience()
        self.pace = Pace(most_in_flight)
        self.transport = Transport(endpoint)
        self._client = Client(self.transport)
        # A line and what libcurl calls of it hold each other: of a store that is only let go they would stay open
        # until the collector comes by, hundreds of them in a process that makes many stores.
        weakref.finalize(self, _close, self._client, self.transport).atexit = False

    def close(self) -> None:
        """Close the connections; a store that nobody holds any more does so by itself."""
        _close(self._client, self.transport)

    @property
    def clock_skew(self) -> int | None:
        """Seconds by which the store's clock was ahead of ours in its last answer; None if it did not say."""
        return self.transport.clock_skew

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
        asked = self.asked(LIST, bucket)
        request = list_request(
            bucket,
            prefix,
            token=token,
            start_after=start_after,
            most_keys=most_keys,
            requester_pays=requester_pays,
        )
        return self._patiently(asked, lambda: page_of(self._answer(request, asked).body))

    def list_version_page(
        self,
        bucket: str,
        prefix: str,
        *,
        key_marker: str = "",
        version_marker: str = "",
        most_keys: int = 1000,
        requester_pays: bool = False,
    ) -> VersionPage:
        """One page of ListObjectVersions, keys decoded. Safe to repeat."""
        asked = self.asked(LIST_VERSIONS, bucket)
        request = list_versions_request(
            bucket,
            prefix,
            key_marker=key_marker,
            version_marker=version_marker,
            most_keys=most_keys,
            requester_pays=requester_pays,
        )
        return self._patiently(asked, lambda: version_page_of(self._answer(request, asked).body))

    def keeps_versions(self, bucket: str) -> bool:
        """Say whether a write to this bucket keeps what was there: versioning is on, and not suspended."""
        asked = self.asked(Operation("GetBucketVersioning", "ask for the versioning", "s3:GetBucketVersioning"), bucket)
        try:
            return self._call(asked, "get_bucket_versioning", {"Bucket": bucket}).get("Status") == "Enabled"
        except NotSupported:
            # Who does not know the question has no versions either.
            return False

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
        asked = self.asked(of_version(HEAD, version_id), bucket, key)
        request = head_request(
            bucket,
            key,
            version_id=version_id,
            part_number=part_number,
            checksums=checksums,
            requester_pays=requester_pays,
        )
        said = self._patiently(asked, lambda: self._answer(request, asked)).headers
        statement = statement_of(said, Origin.HEAD)
        if part_number is not None:
            statement = replace(statement, size=number_in(said.get("content-length")))
        if statement.size is None and statement.etag is None:
            raise StoreFault(
                "HEAD without length and ETag", facts=asked.facts() | {"fault": "said yes but sent no data"}
            )
        return statement

    def find(self, bucket: str, key: str, *, version_id: str = "", checksums: bool = False) -> Statement | None:
        """HEAD, or None where there is no such object or version."""
        try:
            return self.head(bucket, key, version_id=version_id, checksums=checksums)
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
        asked = self.asked(of_version(GET, version_id), bucket, key)
        request = get_request(
            bucket,
            key,
            version_id=version_id,
            if_match=if_match,
            first_byte=first_byte,
            last_byte=last_byte,
            checksums=checksums,
            requester_pays=requester_pays,
        )
        return Body(self._patiently(asked, lambda: self._stream(request, asked)), asked)

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
        payload_sha256: str = "",
        wire_body: bytes | None = None,
        repeat: bool = True,
    ) -> Statement:
        """PUT of one body; digests in base64, `payload_sha256` in hex if it is known.

        Repeated on transient refusals, unless told otherwise: give bytes or a fresh file.

        `wire_body`, of the same length, is sent in place of the body that was signed (the negative control).
        """
        asked = self.asked(PUT, bucket, key)
        request = put_request(
            bucket,
            key,
            body,
            headers=headers,
            content_md5=content_md5,
            checksums=checksums,
            if_none_match=if_none_match,
            if_match=if_match,
            payload_sha256=payload_sha256,
            wire_body=wire_body,
        )
        reply = self._patiently(asked, lambda: self._answer(request, asked), repeat=repeat)
        return written_statement(reply, Origin.PUT_REPLY)

    def put_through(
        self,
        bucket: str,
        key: str,
        pipe: Pipe,
        *,
        headers: WriteHeaders,
        content_md5: str,
        if_none_match: bool = False,
        if_match: str = "",
    ) -> Statement:
        """PUT of a body that is still being read; its MD5 is known beforehand. Sent once, with an unsigned payload."""
        asked = self.asked(PUT, bucket, key)
        request = put_request(
            bucket,
            key,
            pipe,
            headers=headers,
            content_md5=content_md5,
            if_none_match=if_none_match,
            if_match=if_match,
        )
        try:
            reply = self._patiently(asked, lambda: self._answer(request, asked), repeat=False)
        finally:
            pipe.give_up()
        return written_statement(reply, Origin.PUT_REPLY)

    def create_upload(self, bucket: str, key: str, *, headers: WriteHeaders | None = None, algorithm: str = "") -> str:
        """Open a multipart upload, return its id; `algorithm` names a full-object checksum (CRC64NVME, CRC32)."""
        asked = self.asked(Operation("CreateMultipartUpload", "write", "s3:PutObject"), bucket, key)
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
        is_signed: bool = True,
    ) -> Statement:
        """Send one part; repeating it replaces it. `is_signed`: its bytes are signed, not its headers alone."""
        asked = self.asked(PUT_PART, bucket, key)
        request = part_request(
            bucket,
            key,
            upload_id,
            number,
            body,
            content_md5=content_md5,
            checksums=checksums,
            is_signed=is_signed,
        )
        reply = self._patiently(asked, lambda: self._answer(request, asked))
        return written_statement(reply, Origin.PART_REPLY)

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
        asked = self.asked(Operation("CompleteMultipartUpload", "write", "s3:PutObject"), bucket, key)
        listed: list[dict[str, object]] = []
        for part in parts:
            sums = {f"Checksum{name}": value for name, value in part.checksums.items()}
            listed.append({"PartNumber": part.number, "ETag": part.etag, **sums})
        arguments: dict[str, object] = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        arguments["MultipartUpload"] = {"Parts": listed}
        wire = digest_headers("", checksums) | conditions(if_none_match, if_match)
        if checksums:
            wire["x-amz-checksum-type"] = "FULL_OBJECT"
            if size is not None:
                wire["x-amz-mp-object-size"] = str(size)
        reply = self._call(asked, "complete_multipart_upload", arguments, wire, repeat=False)
        etag = str(reply.get("ETag") or "")
        if not etag:
            raise AnswerUnreadable("no ETag", facts=asked.facts() | {"fault": "said yes but sent no proof"})
        said = replace(statement_of(headers_of(reply), Origin.COMPLETE_REPLY, etag=etag), size=None)
        return replace(said, checksums=stated_checksums_of(reply) or said.checksums)

    def abort_upload(self, bucket: str, key: str, upload_id: str) -> None:
        """Abort. Raise `UploadGone` where there is none; parts in flight may land later, so look again."""
        asked = self.asked(Operation("AbortMultipartUpload", "write", "s3:AbortMultipartUpload"), bucket, key)
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
        asked = self.asked(Operation("ListParts", "list", "s3:ListMultipartUploadParts"), bucket, key)
        found: list[ListedPart] = []
        marker = 0
        while True:
            arguments: dict[str, object] = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
            if marker:
                arguments["PartNumberMarker"] = marker
            reply = self._call(asked, "list_parts", arguments)
            parts = rows_of(reply, "Parts")
            found += [ListedPart(int_of(row["PartNumber"]), int_of(row["Size"]), str(row["ETag"])) for row in parts]
            marker = int_of(reply.get("NextPartNumberMarker") or 0)
            if not reply.get("IsTruncated") or not marker or not parts:
                return tuple(found)

    def list_uploads(self, bucket: str, prefix: str = "") -> tuple[ListedUpload, ...]:
        """The open uploads below `prefix`, at most the first 1,000."""
        asked = self.asked(Operation("ListMultipartUploads", "list", "s3:ListBucketMultipartUploads"), bucket)
        arguments: dict[str, object] = {"Bucket": bucket, "Prefix": prefix, "EncodingType": "url"}
        reply = self._call(asked, "list_multipart_uploads", arguments)
        coded = reply.get("EncodingType") == "url"
        return tuple(
            ListedUpload(key_of(row, coded), str(row["UploadId"]), time_of(row.get("Initiated")))
            for row in rows_of(reply, "Uploads")
        )

    def delete(self, bucket: str, key: str, *, version_id: str = "") -> None:
        """Delete one object by its exact key (and version)."""
        asked = self.asked(Operation("DeleteObject", "delete", "s3:DeleteObject"), bucket, key)
        arguments: dict[str, object] = {"Bucket": bucket, "Key": key}
        if version_id:
            arguments["VersionId"] = version_id
        self._call(asked, "delete_object", arguments)

    def get_tags(self, bucket: str, key: str, *, version_id: str = "") -> dict[str, str]:
        """The object's tags."""
        asked = self.asked(GET_TAGS, bucket, key)
        request = tags_request(bucket, key, version_id=version_id)
        reply = self._patiently(asked, lambda: self._answer(request, asked))
        try:
            return tags_of(reply.body)
        except ValueError as exc:
            # Some stores do not know the question and answer with the object itself.
            raise NotSupported(str(exc), facts=asked.facts() | {"feature": "tags"}) from exc

    def told_parts(self, bucket: str, key: str, *, version_id: str = "") -> tuple[ToldPart, ...]:
        """The parts that GetObjectAttributes tells; empty where it tells none."""
        asked = self.asked(GET_ATTRIBUTES, bucket, key)
        parts: list[ToldPart] = []
        marker = 0
        while True:
            request = attributes_request(bucket, key, version_id=version_id, marker=marker)
            reply = self._patiently(asked, partial(self._reply, request, asked))
            try:
                page = told_parts_of(reply.body)
            except ValueError as exc:
                # Some stores do not know the question and answer with the object itself.
                raise NotSupported(str(exc), facts=asked.facts() | {"feature": "attributes"}) from exc
            parts += page.parts
            marker = page.next_marker
            if not marker or not page.parts:
                return tuple(parts)

    def list_buckets(self) -> tuple[str, ...]:
        """The names of the buckets these keys may see."""
        asked = self.asked(Operation("ListBuckets", "list the buckets", "s3:ListAllMyBuckets"), "")
        reply = self._call(asked, "list_buckets", {})
        return tuple(str(row["Name"]) for row in rows_of(reply, "Buckets"))

    def head_bucket(self, bucket: str) -> Mapping[str, str]:
        """Say that the bucket is there and ours to see; returns the reply's headers (`date`, region)."""
        asked = self.asked(Operation("HeadBucket", "list", "s3:ListBucket"), bucket)
        return headers_of(self._call(asked, "head_bucket", {"Bucket": bucket}))

    def asked(self, operation: Operation, bucket: str, key: str = "") -> Asked:
        """Return what a request is for, in the words of a sentence."""
        end = self.endpoint
        return Asked(*operation, end.name, end.url, end.region, bucket, key)

    def _call(
        self,
        asked: Asked,
        method: str,
        arguments: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
        *,
        repeat: bool = True,
    ) -> dict[str, object]:
        """Ask through boto3."""
        send = cast("Callable[..., dict[str, object]]", getattr(self._client.s3, method))

        def call() -> dict[str, object]:
            with self._client.adding(headers or {}, asked):
                return send(**arguments)

        return self._patiently(asked, call, repeat=repeat)

    def _answer(self, request: Request, asked: Asked) -> Reply:
        """Ask over a line and return a good answer, whole."""
        reply = self._reply(request, asked)
        if reply.cut:
            raise AnswerUnreadable(facts=asked.facts() | {"fault": "sent an answer of more than 16 MiB"})
        return reply

    def _reply(self, request: Request, asked: Asked) -> Reply:
        """Ask over a line and return a good answer, up to its bound."""
        reply = self.transport.exchange(request)
        if reply.status >= 300:
            raise refusal_of(reply, asked)
        return reply

    def _stream(self, request: Request, asked: Asked) -> Stream:
        stream = self.transport.stream(request)
        if stream.status < 300:
            return stream
        try:
            body = stream.read(LARGEST_ERROR)
        finally:
            stream.close()
        raise refusal_of(Reply(stream.status, stream.headers, body), asked)

    def _patiently(self, asked: Asked, send: Callable[[], _T], *, repeat: bool = True) -> _T:
        """Send, and again where the store is busy; raise what it says in the end as one of our errors."""
        tried = 0
        while True:
            tried += 1
            try:
                with self.pace.slot() as ticket:
                    found = send()
            except _TROUBLES as exc:
                problem = error_of(exc, asked)
                if isinstance(problem, Throttled):
                    self.pace.throttled(ticket)
                if not isinstance(problem, StoreBusy) or not repeat or tried >= self.patience.tries:
                    raise problem from exc
                self.patience.wait(tried)
            else:
                self.pace.went_well()
                return found


def _upload_gone(exc: EngineError) -> EngineError:
    if exc.http_status != 404:
        return exc
    return UploadGone(str(exc), store_code=exc.store_code, http_status=404, facts=exc.facts)


def written_statement(reply: Reply, origin: Origin) -> Statement:
    """Return what the answer to a write states; its length is that of the answer, not of the object."""
    return statement_of(reply.headers, origin, is_sized=False)
