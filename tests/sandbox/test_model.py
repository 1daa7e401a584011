"""The sandbox against a dictionary, under a state machine."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from migrator.sandbox import Sandbox
from tests.sandbox import wire

KEYS = st.sampled_from(["a", "a/b", "a/c", "b", "ü", "u\u0308", "z z", "+", "%41"])
BODIES = st.binary(max_size=200)
DIGEST = hashlib.md5


def attempt(ask: Callable[..., Any], **asked: Any) -> tuple[Any, str]:
    """The reply, and the code of the error there was instead, or ""."""
    try:
        return ask(**asked), ""
    except ClientError as exc:
        return None, exc.response["Error"]["Code"]


def named(place: tuple[str, str]) -> dict[str, str]:
    return {"Bucket": "photos", "Key": place[0], "UploadId": place[1]}


class SandboxMachine(RuleBasedStateMachine):
    """Puts, copies, deletes, ranges, listings and multipart uploads of small parts."""

    uploads = Bundle("uploads")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.sandbox = Sandbox(self.folder.name, buckets=["photos"], traits={"small_parts": True}).start()
        self.s3: Any = wire.client(self.sandbox)
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.parts: dict[tuple[str, str], dict[int, bytes]] = {}

    def teardown(self) -> None:
        self.s3.close()
        self.sandbox.stop()
        self.folder.cleanup()

    @rule(key=KEYS, body=BODIES)
    def put(self, key: str, body: bytes) -> None:
        reply = self.s3.put_object(Bucket="photos", Key=key, Body=body)

        self.objects[key] = (body, f'"{DIGEST(body).hexdigest()}"')
        assert reply["ETag"] == self.objects[key][1]

    @rule(key=KEYS, body=BODIES)
    def put_if_absent(self, key: str, body: bytes) -> None:
        _, code = attempt(self.s3.put_object, Bucket="photos", Key=key, Body=body, IfNoneMatch="*")

        assert code == ("PreconditionFailed" if key in self.objects else "")
        self.objects.setdefault(key, (body, f'"{DIGEST(body).hexdigest()}"'))

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket="photos", Key=key)

        self.objects.pop(key, None)

    @rule(origin=KEYS, key=KEYS)
    def copy(self, origin: str, key: str) -> None:
        place = {"Bucket": "photos", "Key": origin}
        _, code = attempt(self.s3.copy_object, Bucket="photos", Key=key, CopySource=place, MetadataDirective="REPLACE")

        assert code == ("" if origin in self.objects else "NoSuchKey")
        if not code:
            body = self.objects[origin][0]
            self.objects[key] = (body, f'"{DIGEST(body).hexdigest()}"')

    @rule(key=KEYS, start=st.integers(0, 200), length=st.integers(1, 50))
    def get_range(self, key: str, start: int, length: int) -> None:
        asked = f"bytes={start}-{start + length - 1}"
        reply, code = attempt(self.s3.get_object, Bucket="photos", Key=key, Range=asked)
        body, etag = self.objects.get(key, (b"", ""))

        assert code == ("NoSuchKey" if not etag else "InvalidRange" if start >= len(body) else "")
        if not code:
            assert (reply["Body"].read(), reply["ETag"]) == (body[start : start + length], etag)

    @rule(target=uploads, key=KEYS)
    def begin(self, key: str) -> tuple[str, str]:
        upload = self.s3.create_multipart_upload(Bucket="photos", Key=key)["UploadId"]
        self.parts[key, upload] = {}
        return key, upload

    @rule(place=uploads, number=st.integers(1, 4), body=BODIES)
    def part(self, place: tuple[str, str], number: int, body: bytes) -> None:
        _, code = attempt(self.s3.upload_part, **named(place), PartNumber=number, Body=body)

        assert code == ("" if place in self.parts else "NoSuchUpload")
        if not code:
            self.parts[place][number] = body

    @rule(place=uploads)
    def complete(self, place: tuple[str, str]) -> None:
        sent = sorted(self.parts.get(place, {}).items())
        parts = [{"PartNumber": number, "ETag": DIGEST(body).hexdigest()} for number, body in sent]
        reply, code = attempt(self.s3.complete_multipart_upload, **named(place), MultipartUpload={"Parts": parts})

        assert code == ("NoSuchUpload" if place not in self.parts else "" if sent else "MalformedXML")
        if not code:
            joined = b"".join(DIGEST(body).digest() for _, body in sent)
            self.objects[place[0]] = (b"".join(body for _, body in sent), reply["ETag"])
            assert reply["ETag"] == f'"{DIGEST(joined).hexdigest()}-{len(sent)}"'
            del self.parts[place]

    @rule(place=uploads)
    def abort(self, place: tuple[str, str]) -> None:
        _, code = attempt(self.s3.abort_multipart_upload, **named(place))

        assert code == ("" if place in self.parts else "NoSuchUpload")
        self.parts.pop(place, None)

    @rule(size=st.integers(1, 4), prefix=st.sampled_from(["", "a", "a/", "z"]))
    def list_pages(self, size: int, prefix: str) -> None:
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket="photos", Prefix=prefix, PaginationConfig={"PageSize": size}
        )
        seen = [(entry["Key"], entry["Size"], entry["ETag"]) for page in pages for entry in page.get("Contents", [])]

        kept = sorted((key for key in self.objects if key.startswith(prefix)), key=str.encode)
        assert seen == [(key, len(self.objects[key][0]), self.objects[key][1]) for key in kept]

    @invariant()
    def the_disk_holds_the_same(self) -> None:
        assert set(self.sandbox.keys("photos")) == set(self.objects)
        for key, (body, _) in self.objects.items():
            assert self.sandbox.stored_bytes("photos", key) == body

    @invariant()
    def the_open_uploads_are_those_of_the_model(self) -> None:
        assert {(upload.key, upload.id) for upload in self.sandbox.open_uploads()} == set(self.parts)


TestSandboxMachine = SandboxMachine.TestCase
TestSandboxMachine.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
