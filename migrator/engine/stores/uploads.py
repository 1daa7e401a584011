"""Multipart uploads: opened, filled part by part, completed once, aborted until nothing is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import BinaryIO, cast

from integrity.digests import Buffer
from integrity.evidence import Origin, Statement
from migrator.engine.answers import Asked, http_date, named_etag, rfc3339, statement_of, written_statement
from migrator.engine.errors import AnswerUnreadable, ConnectionProblem, EngineError, UploadGone
from migrator.engine.lines import Reply
from migrator.engine.messages import (
    ListedPart,
    ListedUpload,
    SentPart,
    WriteHeaders,
    headers_of,
    int_of,
    require_rising,
    rows_of,
    stated_checksums_of,
    time_of,
)
from migrator.engine.pages import key_of
from migrator.engine.refusals import NO_CODES
from migrator.engine.requests import (
    PUT_PART,
    Operation,
    complete_body,
    conditions,
    digest_headers,
    opening_headers,
    part_request,
)
from migrator.engine.stores.asking import Asking

_TO_THE_SECOND = len("2024-01-31T10:20:30")
_SENSELESS = "sent a list of parts that makes no sense"
_SENSELESS_UPLOADS = "sent a list of uploads that makes no sense"


class UploadVerbs(Asking):
    """Multipart uploads at one endpoint."""

    def create_upload(
        self, bucket: str, key: str, *, headers: WriteHeaders | None = None, algorithm: str = "", repeat: bool = True
    ) -> str:
        """Open a multipart upload, return its id; `algorithm` names a full-object checksum (CRC64NVME, CRC32).

        Repeated unless told otherwise: an answer that was lost may have opened one more.
        """
        asked = self.asked(Operation("CreateMultipartUpload", "write", "s3:PutObject"), bucket, key)
        wire = opening_headers(headers or WriteHeaders(), algorithm)
        reply = self._call(asked, "create_multipart_upload", {"Bucket": bucket, "Key": key}, wire, repeat=repeat)
        upload_id = reply.get("UploadId")
        if not upload_id:
            raise AnswerUnreadable("no upload id", facts=asked.facts() | {"fault": "said yes but sent no upload id"})
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
        payload_sha256: str = "",
        wire_body: bytes | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Statement:
        """Send one part; repeating it replaces it, and an answer without an ETag repeats it: Complete must name one.

        `is_signed`: its bytes are signed, not its headers alone.

        `payload_sha256` in hex, if it is known; else the body is hashed as it is now, which shows nothing of it.
        `wire_body`, of the same length, is sent in place of the body that was signed (the negative control). Raises
        `Stopped` when asked to stop: the part may be there or not.
        """
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
            payload_sha256=payload_sha256,
            wire_body=wire_body,
        )
        return self._patiently(
            asked, lambda: _named_part(self._answer(request, asked, should_stop), asked), should_stop=should_stop
        )

    def complete_upload(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        parts: Iterable[SentPart],
        *,
        checksums: Mapping[str, str] | None = None,
        size: int | None = None,
        if_none_match: bool = False,
        if_match: str = "",
    ) -> Statement:
        """Complete, once: what an unclear answer means is for the caller to find out (HEAD)."""
        asked = self.asked(Operation("CompleteMultipartUpload", "write", "s3:PutObject"), bucket, key)
        arguments = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        wire = digest_headers("", checksums) | conditions(if_none_match, if_match)
        if checksums:
            wire["x-amz-checksum-type"] = "FULL_OBJECT"
            if size is not None:
                wire["x-amz-mp-object-size"] = str(size)
        body = complete_body(parts)
        reply = self._call(asked, "complete_multipart_upload", arguments, wire, body=body, repeat=False)
        etag = named_etag(str(reply.get("ETag") or ""))
        if etag is None:
            raise _no_proof(asked)
        said = replace(statement_of(headers_of(reply), Origin.COMPLETE_REPLY, etag=etag), size=None)
        return replace(said, checksums=stated_checksums_of(reply) or said.checksums)

    def abort_upload(self, bucket: str, key: str, upload_id: str, *, repeat: bool = True) -> None:
        """Abort. Raise `UploadGone` where there is none; parts in flight may land later, so look again."""
        asked = self.asked(Operation("AbortMultipartUpload", "write", "s3:AbortMultipartUpload"), bucket, key)
        try:
            self._call(
                asked, "abort_multipart_upload", {"Bucket": bucket, "Key": key, "UploadId": upload_id}, repeat=repeat
            )
        except EngineError as exc:
            raise _upload_gone(exc) from exc

    def abort_until_gone(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        *,
        rounds: int = 5,
        should_stop: Callable[[], bool] | None = None,
    ) -> bool:
        """Abort until ListParts is empty or denies the upload; False where it is still there in the end.

        A part that was in flight lands after the abort, and some stores keep it: so look, and abort again. Each round
        asks once: a store that is silent takes long over each request. After a wish to stop a failed one is the last.
        """
        for tried in range(1, rounds + 1):
            try:
                self.abort_upload(bucket, key, upload_id, repeat=False)
                if not self.list_parts(bucket, key, upload_id, repeat=False):
                    return True
            except ConnectionProblem:
                raise
            except EngineError as exc:
                if _is_told_gone(exc):
                    return True
                if should_stop is not None and should_stop():
                    break
                if tried < rounds:
                    self.repeats("AbortMultipartUpload", exc)
            self.patience.wait(tried)
        return False

    def list_parts(self, bucket: str, key: str, upload_id: str, *, repeat: bool = True) -> tuple[ListedPart, ...]:
        """All parts of an open upload; raise `UploadGone` where there is none.

        Raises `AnswerUnreadable` where a page makes no sense, or the pages have no end.
        """
        asked = self.asked(Operation("ListParts", "list", "s3:ListMultipartUploadParts"), bucket, key)
        found: list[ListedPart] = []
        marker = 0
        while True:
            arguments: dict[str, object] = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
            if marker:
                arguments["PartNumberMarker"] = marker
            reply = self._call(asked, "list_parts", arguments, repeat=repeat)
            try:
                parts, marker = _page_of_parts(reply, marker)
            except ValueError as exc:
                raise AnswerUnreadable(str(exc), facts=asked.facts() | {"fault": _SENSELESS}) from exc
            found += parts
            if not marker:
                return tuple(found)

    def list_uploads(self, bucket: str, prefix: str = "") -> tuple[ListedUpload, ...]:
        """The open uploads below `prefix`, at most the first 1,000."""
        return self._uploads(bucket, prefix)[0]

    def uploads_since(self, bucket: str, key: str, since: float) -> tuple[ListedUpload, ...]:
        """The open uploads of exactly this key that were begun since `since`, a reading of our monotonic clock.

        When that was by the store's clock is told by the Date of its answer. Raises `AnswerUnreadable` where that or
        a time is missing, or where there are more uploads of this key than one answer lists.
        """
        listed, reply = self._uploads(bucket, key)
        elapsed = timedelta(seconds=time.monotonic() - since)
        uploads = [upload for upload in listed if upload.key == key]
        is_cut = reply.get("IsTruncated") and len(uploads) == len(listed)
        told = headers_of(reply).get("date", "")
        if is_cut or not http_date(told) or not all(upload.started_at for upload in uploads):
            asked = self._asked_for_uploads(bucket)
            raise AnswerUnreadable(facts=asked.facts() | {"fault": "does not tell when its uploads were begun"})
        # Both are in whole seconds, rounded down, and so is what they are compared with.
        first = rfc3339(parsedate_to_datetime(told) - elapsed)[:_TO_THE_SECOND]
        return tuple(upload for upload in uploads if upload.started_at[:_TO_THE_SECOND] >= first)

    def _uploads(self, bucket: str, prefix: str) -> tuple[tuple[ListedUpload, ...], Mapping[str, object]]:
        """Return the open uploads of the first page, and the page."""
        asked = self._asked_for_uploads(bucket)
        arguments = {"Bucket": bucket, "Prefix": prefix, "EncodingType": "url"}
        reply = self._call(asked, "list_multipart_uploads", arguments)
        try:
            return _uploads_in(reply), reply
        except ValueError as exc:
            raise AnswerUnreadable(str(exc), facts=asked.facts() | {"fault": _SENSELESS_UPLOADS}) from exc

    def _asked_for_uploads(self, bucket: str) -> Asked:
        return self.asked(Operation("ListMultipartUploads", "list", "s3:ListBucketMultipartUploads"), bucket)


def _page_of_parts(reply: Mapping[str, object], after: int) -> tuple[Sequence[ListedPart], int]:
    """Return the parts of a page, and after which part the next one begins: 0 on the last. Raises ValueError."""
    if not reply.get("UploadId") and not reply.get("Parts"):
        # Taken for a list of none, it would say that nothing is left of the upload.
        raise ValueError("neither an upload nor a part is named")
    parts = [
        ListedPart(int_of(row.get("PartNumber", 0)), int_of(row.get("Size", -1)), str(row.get("ETag", "")))
        for row in rows_of(reply, "Parts")
    ]
    marker = int_of(reply.get("NextPartNumberMarker") or 0) if reply.get("IsTruncated") else None
    require_rising([part.number for part in parts], after, marker)
    if any(part.size < 0 for part in parts):
        raise ValueError("a part has a size below zero, or none")
    return parts, marker or 0


def _uploads_in(reply: Mapping[str, object]) -> tuple[ListedUpload, ...]:
    """Return the uploads of a page. Raises ValueError where it is none."""
    rows, coded = rows_of(reply, "Uploads"), reply.get("EncodingType") == "url"
    if not reply.get("Bucket") and not rows:
        # Some stores do not know the question and list the objects of the bucket.
        raise ValueError("neither a bucket nor an upload is named")
    if not all(row.get("UploadId") and row.get("Key") for row in rows):
        raise ValueError("an upload has no id, or no key")
    return tuple(
        ListedUpload(key_of(row, coded), str(row["UploadId"]), time_of(row.get("Initiated")), _initiator_of(row))
        for row in rows
    )


def _initiator_of(row: Mapping[str, object]) -> str:
    return str(cast("Mapping[str, object]", row.get("Initiator") or {}).get("ID") or "")


def _named_part(reply: Reply, asked: Asked) -> Statement:
    """Return what the answer to a part states; without its ETag, which Complete must name, it is no answer."""
    said = written_statement(reply.headers, Origin.PART_REPLY)
    if said.etag is None:
        raise _no_proof(asked)
    return said


def _no_proof(asked: Asked) -> AnswerUnreadable:
    return AnswerUnreadable("no ETag", facts=asked.facts() | {"fault": "said yes but sent no proof"})


def _is_told_gone(exc: EngineError) -> bool:
    """Say whether the store says so: a 404 without a code may come from a proxy whose store is not there just now."""
    return isinstance(exc, UploadGone) and exc.store_code not in NO_CODES


def _upload_gone(exc: EngineError) -> EngineError:
    if exc.http_status != 404:
        return exc
    return UploadGone(str(exc), store_code=exc.store_code, http_status=404, facts=exc.facts)
