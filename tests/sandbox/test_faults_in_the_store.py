"""What each fault of the store and of the world does to objects."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from migrator.sandbox import Sandbox
from tests.sandbox import wire

BODY = bytes(range(256)) * 400
MD5 = base64.b64encode(hashlib.md5(BODY).digest()).decode()
ETAG = f'"{hashlib.md5(BODY).hexdigest()}"'
Make = Callable[..., Sandbox]


def on_put(make: Make, action: str, value: object = None, **fault: object) -> Sandbox:
    return make(faults=[{"operation": "PutObject", "action": action, "value": value, "seed": 5, **fault}])


def put(sandbox: Sandbox, **headers: str) -> wire.Reply:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return wire.ask(sandbox, "PUT", "/photos/a", BODY, given, payload="UNSIGNED-PAYLOAD")


def head(sandbox: Sandbox, path: str = "/photos/a") -> wire.Reply:
    return wire.ask(sandbox, "HEAD", path)


def differences(ours: bytes, theirs: bytes) -> int:
    return sum(one != other for one, other in zip(ours, theirs, strict=True))


def test_corrupt_before_hash_gives_the_etag_of_the_spoilt_bytes(make: Make) -> None:
    sandbox = on_put(make, "corrupt_before_hash")
    reply, stored = put(sandbox), sandbox.stored_bytes("photos", "a")

    assert differences(BODY, stored) == 1
    assert reply.headers["etag"] == f'"{hashlib.md5(stored).hexdigest()}"'


def test_corrupt_before_hash_is_caught_by_a_digest(make: Make) -> None:
    reply = put(on_put(make, "corrupt_before_hash"), Content_MD5=MD5)

    assert wire.code(reply) == "BadDigest"


def test_corrupt_after_ack_keeps_the_right_etag(make: Make) -> None:
    sandbox = on_put(make, "corrupt_after_ack")
    reply = put(sandbox, Content_MD5=MD5)

    assert (reply.status, reply.headers["etag"]) == (200, ETAG)
    assert differences(BODY, sandbox.stored_bytes("photos", "a")) == 1
    assert differences(BODY, wire.ask(sandbox, "GET", "/photos/a").body) == 1


def test_drop_tail_shows_in_the_size_alone(make: Make) -> None:
    sandbox = on_put(make, "drop_tail", 10)
    put(sandbox)

    assert head(sandbox).headers["content-length"] == str(len(BODY) - 10)
    assert head(sandbox).headers["etag"] == ETAG
    assert sandbox.stored_bytes("photos", "a") == BODY[:-10]


def test_echo_digest_answers_with_what_it_was_told(make: Make) -> None:
    sandbox = on_put(make, "echo_digest", calls="1")
    sandbox.change_traits(content_md5="ignores")
    wrong = base64.b64encode(b"0123456789abcdef").decode()

    assert put(sandbox, Content_MD5=wrong).headers["etag"] == f'"{b"0123456789abcdef".hex()}"'


def test_ignore_forgets_a_header(make: Make) -> None:
    sandbox = on_put(make, "ignore", "If-None-Match", calls="2")
    statuses = [put(sandbox, If_None_Match="*").status for _ in range(3)]

    assert statuses == [200, 200, 412]


def test_ignore_of_a_range_gives_the_whole(make: Make) -> None:
    sandbox = make(faults=[{"operation": "GetObject", "action": "ignore", "value": "Range"}])
    sandbox.seed("photos", "a", BODY)
    reply = wire.ask(sandbox, "GET", "/photos/a", headers={"Range": "bytes=5-"})

    assert (reply.status, reply.body) == (200, BODY)


def test_late_visible_hides_the_object_for_a_while(make: Make) -> None:
    now = [time.time()]
    sandbox = make(clock=lambda: now[0], faults=[{"operation": "PutObject", "action": "late_visible", "value": 300}])
    put(sandbox)
    hidden = (head(sandbox).status, wire.ask(sandbox, "GET", "/photos?list-type=2").body.count(b"<Key>"))
    now[0] += 301

    assert hidden == (404, 0)
    assert (head(sandbox).status, wire.ask(sandbox, "GET", "/photos?list-type=2").body.count(b"<Key>")) == (200, 1)


def test_land_late_brings_a_part_back_after_the_abort(make: Make, connect: Callable[..., Any]) -> None:
    sandbox = make(faults=[{"operation": "UploadPart", "part": 2, "calls": "1", "action": "land_late"}])
    s3 = connect(sandbox)
    upload = {
        "Bucket": "photos",
        "Key": "a",
        "UploadId": s3.create_multipart_upload(Bucket="photos", Key="a")["UploadId"],
    }
    s3.upload_part(**upload, PartNumber=1, Body=BODY)
    with pytest.raises(ConnectionClosedError):
        s3.upload_part(**upload, PartNumber=2, Body=BODY)
    s3.abort_multipart_upload(**upload)

    assert [part["PartNumber"] for part in s3.list_parts(**upload)["Parts"]] == [2]
    s3.abort_multipart_upload(**upload)
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.list_parts(**upload)


def test_reset_of_a_write_stores_nothing(make: Make) -> None:
    sandbox = on_put(make, "reset", calls="1")

    assert put(sandbox).status == 0
    assert sandbox.keys("photos") == []
    assert put(sandbox).status == 200


def test_overwrite_before_a_read_meets_the_condition(make: Make) -> None:
    sandbox = make(faults=[{"operation": "GetObject", "action": "overwrite", "value": "before", "calls": "1"}])
    sandbox.seed("photos", "a", BODY)
    reply = wire.ask(sandbox, "GET", "/photos/a", headers={"If-Match": ETAG})

    assert reply.status == 412
    assert len(sandbox.stored_bytes("photos", "a")) == len(BODY)


def test_overwrite_after_a_write_replaces_ours(make: Make) -> None:
    sandbox = on_put(make, "overwrite", {"when": "after", "body": "theirs"})

    assert put(sandbox).headers["etag"] == ETAG
    assert sandbox.stored_bytes("photos", "a") == b"theirs"


def test_delete_takes_the_object_away(make: Make) -> None:
    sandbox = make(faults=[{"operation": "GetObject", "action": "delete"}])
    sandbox.seed("photos", "a", BODY)

    assert wire.code(wire.ask(sandbox, "GET", "/photos/a")) == "NoSuchKey"


def test_delete_marker_hides_it_and_keeps_its_versions(make: Make) -> None:
    sandbox = make(
        traits={"versioned": True}, faults=[{"operation": "GetObject", "action": "delete_marker", "calls": "1"}]
    )
    sandbox.seed("photos", "a", BODY)
    version = head(sandbox).headers["x-amz-version-id"]
    reply = wire.ask(sandbox, "GET", "/photos/a")

    assert (reply.status, reply.headers["x-amz-delete-marker"]) == (404, "true")
    assert wire.ask(sandbox, "GET", f"/photos/a?versionId={version}").body == BODY


def test_a_locked_object_is_neither_replaced_nor_deleted(make: Make) -> None:
    sandbox = make(faults=[{"operation": "HeadObject", "action": "lock"}])
    sandbox.seed("photos", "a", b"old")
    head(sandbox)

    assert wire.code(put(sandbox)) == "AccessDenied"
    assert wire.ask(sandbox, "DELETE", "/photos/a").status == 403
    assert sandbox.stored_bytes("photos", "a") == b"old"
