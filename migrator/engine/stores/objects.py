"""What is asked about one object: its headers, its bytes, its tags; and how it is written by one PUT and deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from integrity.digests import Buffer
from integrity.evidence import Origin, Statement
from migrator.engine.answers import Asked, number_in, statement_of, written_statement
from migrator.engine.buffers import Pipe
from migrator.engine.errors import AccessDenied, NotSupported, ObjectMissing, StoreFault, UnknownAnswer
from migrator.engine.lines import Reply
from migrator.engine.messages import Body, ToldPart, WriteHeaders, tags_of, told_parts_of
from migrator.engine.requests import (
    GET,
    GET_ATTRIBUTES,
    GET_TAGS,
    HEAD,
    PUT,
    Operation,
    attributes_request,
    get_request,
    head_request,
    of_version,
    put_request,
    tags_request,
)
from migrator.engine.stores.asking import Asking

# Many objects of a bucket may be missing: for so long one listing shows for all that the bucket is not.
_BUCKET_STANDS_SECONDS = 1
# Many may be denied: for so long one listing shows for all that the keys are taken. Where they are withdrawn meanwhile
# the next GET or listing says so, and to a run that asks for nothing but headers it looks like many denials in a row,
# which pause it too. A 400 asks each time: it is how credentials end, and few objects are refused by it.
_KEYS_STAND_SECONDS = 60


class ObjectVerbs(Asking):
    """Objects of one endpoint."""

    def head(
        self,
        bucket: str,
        key: str,
        *,
        version_id: str = "",
        part_number: int | None = None,
        checksums: bool = False,
        is_expected: bool = True,
    ) -> Statement:
        """HEAD. `checksums` asks for the stored ones; with `part_number` the size is that part's.

        Where an object that `is_expected` is not there, a listing is asked whether it is the bucket that is missing.
        """
        asked = self.asked(of_version(HEAD, version_id), bucket, key)
        request = head_request(
            bucket,
            key,
            version_id=version_id,
            part_number=part_number,
            checksums=checksums,
        )
        is_part = part_number is not None
        try:
            return self._patiently(asked, lambda: _stated(self._answer(request, asked), asked, is_part=is_part))
        except (AccessDenied, UnknownAnswer) as exc:
            if not is_part:
                # Who asks for a part takes any refusal for "not told", and asks in another way.
                self._raise_what_is_behind(bucket, _KEYS_STAND_SECONDS if isinstance(exc, AccessDenied) else 0)
            raise
        except ObjectMissing as exc:
            if exc.http_status == 404 and not is_part and is_expected:
                self._raise_what_is_behind(bucket, _BUCKET_STANDS_SECONDS)
            raise

    def find(
        self, bucket: str, key: str, *, version_id: str = "", checksums: bool = False, is_expected: bool = False
    ) -> Statement | None:
        """HEAD, or None where there is no such object or version; `is_expected` as in `head`."""
        try:
            return self.head(bucket, key, version_id=version_id, checksums=checksums, is_expected=is_expected)
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
        within: float | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Body:
        """GET; close the body. A range is asked for only if `first_byte` or `last_byte` is given.

        The body may take `within` seconds, or is for the caller to watch. Raises `Stopped` when asked to stop.
        """
        asked = self.asked(of_version(GET, version_id), bucket, key)
        request = get_request(
            bucket,
            key,
            version_id=version_id,
            if_match=if_match,
            first_byte=first_byte,
            last_byte=last_byte,
            checksums=checksums,
        )
        stream = self._patiently(
            asked, lambda: self._stream(request, asked, within, should_stop), should_stop=should_stop
        )
        return Body(stream, asked)

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
        should_stop: Callable[[], bool] | None = None,
    ) -> Statement:
        """PUT of one body; digests in base64, `payload_sha256` in hex if it is known.

        Repeated on transient refusals, unless told otherwise (then only on those that stored nothing): give bytes or a
        fresh file. Raises `Stopped` when asked to stop: a body that was whole by then may be there or not.

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
        reply = self._patiently(
            asked,
            lambda: self._answer(request, asked, should_stop),
            repeat=repeat,
            repeat_undone=True,
            should_stop=should_stop,
        )
        return written_statement(reply.headers, Origin.PUT_REPLY)

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
        should_stop: Callable[[], bool] | None = None,
    ) -> Statement:
        """PUT of a body that is still being read; its MD5 is known beforehand. Sent once, with an unsigned payload.

        Raises `Stopped` when asked to stop: a body that was whole by then may be there or not.
        """
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
            reply = self._patiently(asked, lambda: self._answer(request, asked, should_stop), repeat=False, is_fed=True)
        finally:
            pipe.give_up()
        return written_statement(reply.headers, Origin.PUT_REPLY)

    def delete(self, bucket: str, key: str, *, version_id: str = "") -> None:
        """Delete one object by its exact key (and version)."""
        asked = self.asked(Operation("DeleteObject", "delete", "s3:DeleteObject"), bucket, key)
        arguments: dict[str, object] = {"Bucket": bucket, "Key": key}
        if version_id:
            arguments["VersionId"] = version_id
        self._call(asked, "delete_object", arguments)

    def get_tags(self, bucket: str, key: str, *, version_id: str = "", is_known: bool = False) -> dict[str, str]:
        """The object's tags. `is_known`: the store knows the question, so an answer that is none is asked for again."""
        asked = self.asked(GET_TAGS, bucket, key)
        request = tags_request(bucket, key, version_id=version_id)
        if is_known:
            return self._patiently(asked, lambda: tags_of(self._answer(request, asked).body))
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
                page = told_parts_of(reply.body, marker)
            except ValueError as exc:
                # Some stores do not know the question and answer with the object itself.
                raise NotSupported(str(exc), facts=asked.facts() | {"feature": "attributes"}) from exc
            parts += page.parts
            marker = page.next_marker
            if not marker:
                return tuple(parts)


def _stated(reply: Reply, asked: Asked, *, is_part: bool) -> Statement:
    """Return what the answer to a HEAD states; a part's size is that of the answer.

    Raises `StoreFault` where it states no object: something on the way may answer everything with a page of its own.
    """
    statement = statement_of(reply.headers, Origin.HEAD)
    if is_part:
        statement = replace(statement, size=number_in(reply.headers.get("content-length")))
    # There may be stores without ETags, but each object has a time. Of a part nothing else is taken for "not told".
    is_of_object = is_part or bool(statement.last_modified)
    if statement.etag is None and (statement.size is None or not is_of_object):
        raise StoreFault("HEAD of no object", facts=asked.facts() | {"fault": "said yes but sent no data"})
    return statement
