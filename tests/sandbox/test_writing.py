"""PUT, copy, delete, tags, encryption, buckets."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from migrator.sandbox import Sandbox
from tests.sandbox import wire

KEY = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
MD5 = hashlib.md5(b"bytes").hexdigest()


def put(s3: Any, key: str = "a", body: bytes = b"bytes", **more: Any) -> dict[str, Any]:
    reply: dict[str, Any] = s3.put_object(Bucket="photos", Key=key, Body=body, **more)
    return reply


def test_if_none_match_keeps_what_is_there(s3: Any, sandbox: Sandbox) -> None:
    put(s3, IfNoneMatch="*")

    with pytest.raises(ClientError, match="PreconditionFailed"):
        put(s3, body=b"other", IfNoneMatch="*")
    assert sandbox.stored_bytes("photos", "a") == b"bytes"


def test_if_match_replaces_only_what_was_meant(s3: Any, sandbox: Sandbox) -> None:
    etag = put(s3)["ETag"]
    put(s3, body=b"second", IfMatch=etag)

    with pytest.raises(ClientError, match="PreconditionFailed"):
        put(s3, body=b"third", IfMatch=etag)
    with pytest.raises(ClientError, match="NoSuchKey"):
        put(s3, key="none", IfMatch=etag)
    assert sandbox.stored_bytes("photos", "a") == b"second"


def test_a_put_without_a_length_is_refused(sandbox: Sandbox) -> None:
    headers = wire.sign(sandbox, "PUT", "/photos/a", b"", {}, payload="UNSIGNED-PAYLOAD")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    host = f"{sandbox.host}:{sandbox.port}"
    answer = wire.send_raw(sandbox, f"PUT /photos/a HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 411")


def test_a_put_above_the_limit_is_too_large(make: Callable[..., Sandbox]) -> None:
    sandbox = make(traits={"largest_put": 4})

    assert wire.ask(sandbox, "PUT", "/photos/a", b"1234").status == 200
    assert wire.code(wire.ask(sandbox, "PUT", "/photos/a", b"12345")) == "EntityTooLarge"


def test_a_missing_bucket_is_named(s3: Any) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.put_object(Bucket="elsewhere", Key="a", Body=b"x")


def test_a_copy_takes_headers_metadata_and_tags_along(s3: Any) -> None:
    put(s3, ContentType="text/odd", Metadata={"who": "me"}, Tagging="a=b")
    s3.copy_object(Bucket="photos", Key="b", CopySource="photos/a")
    copy = s3.head_object(Bucket="photos", Key="b")

    assert (copy["ContentType"], copy["Metadata"], copy["ETag"]) == ("text/odd", {"who": "me"}, f'"{MD5}"')
    assert s3.get_object_tagging(Bucket="photos", Key="b")["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_a_copy_can_replace_metadata(s3: Any) -> None:
    put(s3, Metadata={"who": "me"})
    s3.copy_object(Bucket="photos", Key="a", CopySource="photos/a", MetadataDirective="REPLACE", Metadata={"n": "1"})

    assert s3.head_object(Bucket="photos", Key="a")["Metadata"] == {"n": "1"}


def test_a_copy_onto_itself_has_to_change_something(s3: Any) -> None:
    put(s3)

    with pytest.raises(ClientError, match="InvalidRequest"):
        s3.copy_object(Bucket="photos", Key="a", CopySource="photos/a")


def test_a_copy_outlives_its_source(s3: Any, sandbox: Sandbox) -> None:
    put(s3)
    s3.copy_object(Bucket="photos", Key="b", CopySource="photos/a")
    s3.delete_object(Bucket="photos", Key="a")

    assert sandbox.stored_bytes("photos", "b") == b"bytes"


def test_a_copy_has_conditions_on_its_source(s3: Any) -> None:
    put(s3)

    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.copy_object(Bucket="photos", Key="b", CopySource="photos/a", CopySourceIfMatch='"other"')


def test_tags_are_put_changed_and_removed(s3: Any) -> None:
    put(s3, Tagging="a=1&b=%20x")
    tags = {"TagSet": [{"Key": "c", "Value": "ü"}]}

    assert s3.head_object(Bucket="photos", Key="a")["TagCount"] == 2
    s3.put_object_tagging(Bucket="photos", Key="a", Tagging=tags)
    assert s3.get_object_tagging(Bucket="photos", Key="a")["TagSet"] == tags["TagSet"]
    s3.delete_object_tagging(Bucket="photos", Key="a")
    assert s3.get_object_tagging(Bucket="photos", Key="a")["TagSet"] == []


@pytest.mark.parametrize(
    "tagging", ["&".join(f"k{n}=v" for n in range(11)), "a=1&a=2", f"{'k' * 129}=v", f"k={'v' * 257}"]
)
def test_tags_beyond_the_limits_are_refused(s3: Any, sandbox: Sandbox, tagging: str) -> None:
    with pytest.raises(ClientError, match="InvalidTag"):
        put(s3, Tagging=tagging)
    assert sandbox.keys("photos") == []


def test_a_kms_object_has_an_etag_that_only_looks_like_an_md5(s3: Any) -> None:
    reply = put(s3, ServerSideEncryption="aws:kms", SSEKMSKeyId="key-1")
    seen = s3.head_object(Bucket="photos", Key="a")

    assert len(reply["ETag"]) == 34
    assert reply["ETag"] != f'"{MD5}"'
    assert (seen["ServerSideEncryption"], seen["SSEKMSKeyId"]) == ("aws:kms", "key-1")


def test_a_bucket_default_decides_where_the_request_does_not(s3: Any) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket="photos", ServerSideEncryptionConfiguration={"Rules": [rule]})

    assert put(s3)["ServerSideEncryption"] == "aws:kms"
    assert put(s3, key="b", ServerSideEncryption="AES256")["ETag"] == f'"{MD5}"'


def test_a_customer_key_opens_only_with_itself(sandbox: Sandbox) -> None:
    def keyed(letter: bytes) -> dict[str, str]:
        prefix = "x-amz-server-side-encryption-customer"
        key, md5 = letter * 32, hashlib.md5(letter * 32).digest()
        given = {f"{prefix}-algorithm": "AES256", f"{prefix}-key": base64.b64encode(key).decode()}
        return {**given, f"{prefix}-key-md5": base64.b64encode(md5).decode()}

    reply = wire.ask(sandbox, "PUT", "/photos/a", b"bytes", keyed(b"a"))

    assert (reply.status, reply.headers["etag"] == f'"{MD5}"') == (200, False)
    assert wire.ask(sandbox, "GET", "/photos/a", headers=keyed(b"a")).body == b"bytes"
    assert wire.ask(sandbox, "GET", "/photos/a", headers=keyed(b"b")).status == 403
    assert wire.code(wire.ask(sandbox, "GET", "/photos/a")) == "InvalidRequest"


def test_an_object_sealed_with_nobody_s_key_opens_for_nobody(sandbox: Sandbox) -> None:
    etag = sandbox.seed("photos", "a", b"bytes", encryption="customer")

    assert etag != MD5
    assert wire.ask(sandbox, "HEAD", "/photos/a").status == 400
    assert wire.code(wire.ask(sandbox, "GET", "/photos/a")) == "InvalidRequest"


def test_a_customer_key_has_to_fit_its_md5(sandbox: Sandbox) -> None:
    prefix = "x-amz-server-side-encryption-customer"
    given = {f"{prefix}-algorithm": "AES256", f"{prefix}-key": base64.b64encode(b"k" * 32).decode()}
    reply = wire.ask(sandbox, "PUT", "/photos/a", b"bytes", {**given, f"{prefix}-key-md5": "AAAA"})

    assert wire.code(reply) == "InvalidArgument"


def test_many_are_deleted_at_once_and_missing_ones_do_not_matter(s3: Any, sandbox: Sandbox) -> None:
    put(s3)
    reply = s3.delete_objects(Bucket="photos", Delete={"Objects": [{"Key": "a"}, {"Key": "none"}]})

    assert [entry["Key"] for entry in reply["Deleted"]] == ["a", "none"]
    assert sandbox.keys("photos") == []


def test_deleted_bytes_leave_the_disk(s3: Any, sandbox: Sandbox) -> None:
    put(s3)
    put(s3, body=b"again")
    s3.delete_object(Bucket="photos", Key="a")

    assert [file for file in (sandbox._root / "data").rglob("*") if file.is_file()] == []


def test_a_bucket_is_made_seen_and_removed(s3: Any) -> None:
    s3.create_bucket(Bucket="papers")

    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["papers", "photos"]
    assert s3.get_bucket_location(Bucket="papers")["LocationConstraint"] is None
    s3.delete_bucket(Bucket="papers")
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket="papers")


def test_a_bucket_with_objects_stays(s3: Any) -> None:
    put(s3)

    with pytest.raises(ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket="photos")


@pytest.mark.parametrize("name", ["ab", "Upper", "under_score", "-dash", "two..dots", "1.2.3.4", "a" * 64])
def test_illegal_bucket_names_are_refused(sandbox: Sandbox, name: str) -> None:
    assert wire.code(wire.ask(sandbox, "PUT", f"/{name}")) == "InvalidBucketName"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_what_is_left_out_is_said_to_be(sandbox: Sandbox, method: str) -> None:
    reply = wire.ask(sandbox, method, "/photos?lifecycle=")

    assert (reply.status, wire.code(reply)) == (501, "NotImplemented")


TYPED = '<?xml version="1.0" encoding="{}"?><!DOCTYPE x [<!ENTITY a "b">]><Tagging><TagSet/></Tagging>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<",
        b"<Other/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><Tagging>&a;</Tagging>',
        *(TYPED.format(name).encode(name) for name in ("utf-8", "utf-16", "utf-16-le", "utf-16-be")),
        b'<?xml version="1.0" encoding="nobody-knows"?><Tagging><TagSet/></Tagging>',
        b"<s3:Tagging><TagSet/></s3:Tagging>",
    ],
)
def test_a_document_that_is_none_is_malformed(sandbox: Sandbox, body: bytes) -> None:
    sandbox.seed("photos", "a", b"x")

    assert wire.code(wire.ask(sandbox, "PUT", "/photos/a?tagging=", body)) == "MalformedXML"


@pytest.mark.parametrize(
    "text",
    [
        "<Tagging>{}</Tagging>",
        '<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{}</Tagging>',
        '<?xml version="1.0" encoding="utf-16"?><Tagging>{}</Tagging>',
    ],
)
def test_a_document_may_name_its_namespace_and_its_encoding(s3: Any, sandbox: Sandbox, text: str) -> None:
    sandbox.seed("photos", "a", b"x")
    body = text.format("<TagSet><Tag><Key>a &amp; b</Key><Value>\u00e9</Value></Tag></TagSet>")

    reply = wire.ask(sandbox, "PUT", "/photos/a?tagging=", body.encode("utf-16" if "utf-16" in text else "utf-8"))

    assert reply.status == 200
    assert s3.get_object_tagging(Bucket="photos", Key="a")["TagSet"] == [{"Key": "a & b", "Value": "\u00e9"}]


def test_a_request_that_is_not_http_is_a_bad_request(sandbox: Sandbox) -> None:
    assert wire.send_raw(sandbox, b"HELLO\r\n\r\n").startswith(b"HTTP/1.1 400")
