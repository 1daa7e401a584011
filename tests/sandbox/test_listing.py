"""Listings: order, pages, delimiters, encoding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from migrator.sandbox import Sandbox
from tests.sandbox import wire

KEYS = ["a", "a/", "a/b", "a/c/d", "a b", "b//c", "b/c", "z+1", "\u00fc", "u\u0308", "z%41", "\U0001f600"]


@pytest.fixture
def filled(sandbox: Sandbox) -> Sandbox:
    for key in KEYS:
        sandbox.seed("photos", key, key.encode())
    return sandbox


def keys(page: dict[str, Any]) -> list[str]:
    return [entry["Key"] for entry in page.get("Contents", [])]


def prefixes(page: dict[str, Any]) -> list[str]:
    return [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]


def by_bytes(names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: name.encode())


def test_keys_come_in_byte_order(filled: Sandbox, s3: Any) -> None:
    page = s3.list_objects_v2(Bucket="photos")

    assert keys(page) == by_bytes(KEYS)
    assert (page["KeyCount"], page["IsTruncated"], page["Name"]) == (len(KEYS), False, "photos")


@pytest.mark.parametrize("size", [1, 2, 5, 11, 12, 1000])
def test_pages_add_up(filled: Sandbox, s3: Any, size: int) -> None:
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket="photos", PaginationConfig={"PageSize": size}))

    assert [key for page in pages for key in keys(page)] == by_bytes(KEYS)
    assert all(len(keys(page)) <= size for page in pages)


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_prefixes_and_keys_share_the_pages(filled: Sandbox, s3: Any, size: int) -> None:
    paginator = s3.get_paginator("list_objects_v2")
    pages = list(paginator.paginate(Bucket="photos", Delimiter="/", PaginationConfig={"PageSize": size}))

    assert [key for page in pages for key in keys(page)] == by_bytes([key for key in KEYS if "/" not in key])
    assert [group for page in pages for group in prefixes(page)] == ["a/", "b/"]


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_the_first_version_pages_by_marker(filled: Sandbox, s3: Any, size: int) -> None:
    pages = list(s3.get_paginator("list_objects").paginate(Bucket="photos", PaginationConfig={"PageSize": size}))

    assert [key for page in pages for key in keys(page)] == by_bytes(KEYS)


def test_a_prefix_narrows_and_start_after_skips(filled: Sandbox, s3: Any) -> None:
    assert keys(s3.list_objects_v2(Bucket="photos", Prefix="a/")) == ["a/", "a/b", "a/c/d"]
    assert keys(s3.list_objects_v2(Bucket="photos", Prefix="a/", StartAfter="a/b")) == ["a/c/d"]
    assert keys(s3.list_objects_v2(Bucket="photos", Prefix="a/", StartAfter="zzz")) == []


def test_a_prefix_and_a_delimiter_look_one_level_deep(filled: Sandbox, s3: Any) -> None:
    page = s3.list_objects_v2(Bucket="photos", Prefix="a/", Delimiter="/")

    assert (keys(page), prefixes(page)) == (["a/", "a/b"], ["a/c/"])


def test_max_keys_of_zero_is_an_empty_page(filled: Sandbox, s3: Any) -> None:
    page = s3.list_objects_v2(Bucket="photos", MaxKeys=0)

    assert (keys(page), page["IsTruncated"]) == ([], False)


def test_more_than_a_thousand_keys_need_two_pages(sandbox: Sandbox, s3: Any) -> None:
    for number in range(1005):
        sandbox.seed("photos", f"{number:05}", b"")
    first = s3.list_objects_v2(Bucket="photos", MaxKeys=5000)

    assert (len(first["Contents"]), first["IsTruncated"]) == (1000, True)
    assert len(s3.list_objects_v2(Bucket="photos", ContinuationToken=first["NextContinuationToken"])["Contents"]) == 5


@pytest.mark.parametrize("count", [998, 999, 1000, 1001, 2500])
def test_a_group_may_be_larger_than_a_page(sandbox: Sandbox, s3: Any, count: int) -> None:
    sandbox.seed_keys("photos", [f"a/{number:05}" for number in range(count)])
    sandbox.seed_keys("photos", ["a", "a0", "b", "c", "d/1"])
    page = s3.list_objects_v2(Bucket="photos", Delimiter="/")

    assert (keys(page), prefixes(page), page["IsTruncated"]) == (["a", "a0", "b", "c"], ["a/", "d/"], False)


@pytest.mark.parametrize("query", ["max-keys=x", "max-keys=-1", "continuation-token=no", "encoding-type=odd"])
def test_a_query_that_makes_no_sense_is_refused(sandbox: Sandbox, query: str) -> None:
    assert wire.code(wire.ask(sandbox, "GET", f"/photos?list-type=2&{query}")) == "InvalidArgument"


def test_url_encoding_covers_what_xml_cannot_say(sandbox: Sandbox) -> None:
    sandbox.seed("photos", "a\x01b c\r", b"")
    body = wire.ask(sandbox, "GET", "/photos?list-type=2&encoding-type=url").body

    assert b"<Key>a%01b%20c%0D</Key>" in body
    assert b"<EncodingType>url</EncodingType>" in body


def test_without_encoding_a_control_character_is_a_bare_reference(sandbox: Sandbox) -> None:
    sandbox.seed("photos", "a\x01b", b"")

    assert b"<Key>a&#x1;b</Key>" in wire.ask(sandbox, "GET", "/photos?list-type=2").body


def test_the_owner_is_named_on_request(filled: Sandbox, s3: Any) -> None:
    assert "Owner" not in s3.list_objects_v2(Bucket="photos")["Contents"][0]
    assert s3.list_objects_v2(Bucket="photos", FetchOwner=True)["Contents"][0]["Owner"]["ID"] == "sandbox"


def test_a_listing_and_a_head_agree(filled: Sandbox, s3: Any) -> None:
    entry = s3.list_objects_v2(Bucket="photos", Prefix="a/b")["Contents"][0]
    seen = s3.head_object(Bucket="photos", Key="a/b")

    assert (entry["ETag"], entry["Size"]) == (seen["ETag"], seen["ContentLength"])
    assert entry["LastModified"] == seen["LastModified"]


# Versions


@pytest.fixture
def versioned(make: Callable[..., Sandbox]) -> Sandbox:
    return make(traits={"versioned": True})


def put(sandbox: Sandbox, body: bytes, key: str = "a") -> str:
    return wire.ask(sandbox, "PUT", f"/photos/{key}", body).headers["x-amz-version-id"]


def test_each_write_is_a_version_of_its_own(versioned: Sandbox) -> None:
    first, second = put(versioned, b"one"), put(versioned, b"two")

    assert wire.ask(versioned, "GET", f"/photos/a?versionId={first}").body == b"one"
    assert wire.ask(versioned, "GET", f"/photos/a?versionId={second}").body == b"two"
    assert wire.ask(versioned, "GET", "/photos/a").body == b"two"


def test_a_delete_leaves_a_marker(versioned: Sandbox) -> None:
    put(versioned, b"one")
    marker = wire.ask(versioned, "DELETE", "/photos/a").headers
    gone = wire.ask(versioned, "GET", "/photos/a")
    by_version = wire.ask(versioned, "GET", f"/photos/a?versionId={marker['x-amz-version-id']}")

    assert (marker["x-amz-delete-marker"], gone.status, by_version.status) == ("true", 404, 405)
    assert gone.headers["x-amz-delete-marker"] == "true"


def test_deleting_the_marker_brings_the_object_back(versioned: Sandbox) -> None:
    put(versioned, b"one")
    marker = wire.ask(versioned, "DELETE", "/photos/a").headers["x-amz-version-id"]
    wire.ask(versioned, "DELETE", f"/photos/a?versionId={marker}")

    assert wire.ask(versioned, "GET", "/photos/a").body == b"one"


def test_an_unknown_version_is_named(versioned: Sandbox) -> None:
    put(versioned, b"one")

    assert wire.code(wire.ask(versioned, "GET", "/photos/a?versionId=none")) == "NoSuchVersion"


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_versions_are_listed_newest_first(versioned: Sandbox, connect: Callable[..., Any], size: int) -> None:
    s3 = connect(versioned)
    ids = [put(versioned, body) for body in (b"one", b"two")]
    other = put(versioned, b"b", "b")
    wire.ask(versioned, "DELETE", "/photos/a")
    paginator = s3.get_paginator("list_object_versions")
    pages = list(paginator.paginate(Bucket="photos", PaginationConfig={"PageSize": size}))

    found = [(entry["VersionId"], entry["IsLatest"]) for page in pages for entry in page.get("Versions", [])]
    assert found == [(ids[1], False), (ids[0], False), (other, True)]
    assert [entry["IsLatest"] for page in pages for entry in page.get("DeleteMarkers", [])] == [True]


def test_a_suspended_bucket_overwrites_only_the_null_version(versioned: Sandbox, connect: Callable[..., Any]) -> None:
    s3, kept = connect(versioned), put(versioned, b"one")
    s3.put_bucket_versioning(Bucket="photos", VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket="photos", Key="a", Body=b"two")
    s3.put_object(Bucket="photos", Key="a", Body=b"three")

    listed = s3.list_object_versions(Bucket="photos")["Versions"]
    assert [entry["VersionId"] for entry in listed] == ["null", kept]
    assert s3.get_object(Bucket="photos", Key="a")["Body"].read() == b"three"


def test_a_versioned_bucket_with_old_versions_is_not_empty(versioned: Sandbox, connect: Callable[..., Any]) -> None:
    put(versioned, b"one")
    wire.ask(versioned, "DELETE", "/photos/a")

    with pytest.raises(ClientError, match="BucketNotEmpty"):
        connect(versioned).delete_bucket(Bucket="photos")
