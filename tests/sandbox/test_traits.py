"""Each dialect, as a client meets it."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from migrator.sandbox import Sandbox, SandboxProblem, Traits
from migrator.sandbox.checksums import checksum_of
from tests.sandbox import wire

BODY = b"a body of some bytes"
ETAG = f'"{hashlib.md5(BODY).hexdigest()}"'
WRONG = base64.b64encode(b"0123456789abcdef").decode()
Make = Callable[..., Sandbox]


def put(sandbox: Sandbox, headers: dict[str, str] | None = None, payload: str = "") -> wire.Reply:
    return wire.ask(sandbox, "PUT", "/photos/a", BODY, headers or {}, payload=payload)


def head(sandbox: Sandbox, **headers: str) -> wire.Reply:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return wire.ask(sandbox, "HEAD", "/photos/a", headers=given)


def upload(sandbox: Sandbox, *parts: bytes, headers: str = "") -> tuple[wire.Reply, list[str]]:
    """A multipart upload of these parts: the answer to Complete, and the parts' ETags."""
    begun = wire.ask(sandbox, "POST", "/photos/a?uploads=").body
    upload_id = begun.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()
    etags = [
        wire.ask(sandbox, "PUT", f"/photos/a?partNumber={number}&uploadId={upload_id}", body).headers["etag"]
        for number, body in enumerate(parts, 1)
    ]
    lines = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in enumerate(etags, 1)
    )
    document = f"<CompleteMultipartUpload>{lines}</CompleteMultipartUpload>".encode()
    given = {"x-amz-mp-object-size": headers} if headers else {}
    return wire.ask(sandbox, "POST", f"/photos/a?uploadId={upload_id}", document, given), etags


def etag_in(reply: wire.Reply) -> str:
    return reply.body.partition(b"<ETag>")[2].partition(b"</ETag>")[0].decode().replace("&quot;", '"')


def test_traits_are_written_and_read_alike() -> None:
    traits = Traits.of({"sse": "kms", "checksums": ["CRC32"], "archive": True, "equal_parts": True})

    assert Traits.of(traits.to_json()) == traits


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"colour": "red"}, "unknown trait colour"),
        ({"sse": "rot13"}, "trait sse is one of"),
        ({"checksums": ["MD6"]}, "trait checksums"),
        ({"checksums": "CRC32"}, "trait checksums"),
        ({"default_checksum": "MD6"}, "default_checksum"),
        ({"equal_parts": "yes"}, "equal_parts is a bool"),
        ({"most_parts": -1}, "most_parts"),
        ({"most_parts": True}, "most_parts"),
        ({"archive": 7}, "archive"),
    ],
)
def test_a_trait_that_cannot_be_read_is_named(raw: dict[str, object], words: str) -> None:
    with pytest.raises(SandboxProblem, match=words):
        Traits.of(raw)


@pytest.mark.parametrize(("sse", "said"), [("kms", "aws:kms"), ("dsse", "aws:kms:dsse")])
def test_a_kms_store_seals_everything(make: Make, sse: str, said: str) -> None:
    sandbox = make(traits={"sse": sse})
    etag = put(sandbox).headers["etag"]

    assert (head(sandbox).headers["etag"] == etag, etag == ETAG, len(etag)) == (True, False, 34)
    assert head(sandbox).headers["x-amz-server-side-encryption"] == said


def test_an_sse_s3_store_keeps_the_md5(make: Make) -> None:
    reply = put(make(traits={"sse": "s3"}))

    assert (reply.headers["etag"], reply.headers["x-amz-server-side-encryption"]) == (ETAG, "AES256")


def test_an_opaque_store_has_etags_that_mean_nothing(make: Make) -> None:
    sandbox = make(traits={"etag_single": "opaque"})

    assert put(sandbox).headers["etag"] != ETAG
    assert put(sandbox).headers["etag"] != put(sandbox).headers["etag"]


def test_an_echoing_store_states_what_it_was_told(make: Make) -> None:
    sandbox = make(traits={"etag_single": "echo", "content_md5": "ignores"})

    assert put(sandbox, {"Content-MD5": WRONG}).headers["etag"] == f'"{b"0123456789abcdef".hex()}"'
    assert put(sandbox).headers["etag"] == ETAG


@pytest.mark.parametrize(
    ("trait", "etag"),
    [
        ("formula", '"1397b7ee3222e3980d0d20f23a871b02-2"'),
        ("hex", '"2111c0ee5f1706682c57410673830fb3-2"'),
        ("md5", f'"{hashlib.md5(b"onetwo").hexdigest()}"'),
        ("constant", '"d41d8cd98f00b204e9800998ecf8427e-2"'),
    ],
)
def test_a_multipart_etag_follows_the_store_s_way(make: Make, trait: str, etag: str) -> None:
    sandbox = make(traits={"etag_multipart": trait, "small_parts": True})

    assert etag_in(upload(sandbox, b"one", b"two")[0]) == etag
    assert head(sandbox).headers["etag"] == etag
    assert sandbox.seed("photos", "seeded", b"onetwo", part_size=3) == etag.strip('"')


def test_a_constant_etag_is_that_of_no_bytes(make: Make) -> None:
    sandbox = make(traits={"etag_single": "constant"})
    etag = '"d41d8cd98f00b204e9800998ecf8427e"'

    assert wire.ask(sandbox, "PUT", "/photos/a", b"bytes").headers["etag"] == etag
    assert sandbox.seed("photos", "seeded", b"bytes") == etag.strip('"')


def test_a_random_multipart_etag_fits_nothing(make: Make) -> None:
    sandbox = make(traits={"etag_multipart": "random", "small_parts": True})
    etags = {etag_in(upload(sandbox, b"one", b"two")[0]) for _ in range(3)}

    assert len(etags) == 3


def test_an_unstable_etag_changes_after_complete(make: Make) -> None:
    sandbox = make(traits={"etag_stable": False, "small_parts": True})
    told = etag_in(upload(sandbox, b"one", b"two")[0])

    assert told.endswith('-2"')
    assert head(sandbox).headers["etag"] == f'"{hashlib.md5(b"onetwo").hexdigest()}"'


def test_content_md5_can_be_ignored_or_refused(make: Make) -> None:
    assert put(make(traits={"content_md5": "ignores"}), {"Content-MD5": WRONG}).headers["etag"] == ETAG
    assert put(make(traits={"content_md5": "refuses"}), {"Content-MD5": WRONG}).status == 501


def test_the_payload_hash_can_be_ignored(make: Make) -> None:
    assert put(make(traits={"payload_sha256": "ignores"}), payload="0" * 64).status == 200


@pytest.mark.parametrize(("trait", "status"), [("rejects", 400), ("ignores", 200)])
def test_a_wrong_payload_hash_of_a_part_can_be_ignored(make: Make, trait: str, status: int) -> None:
    sandbox = make(traits={"part_sha256": trait})
    begun = wire.ask(sandbox, "POST", "/photos/a?uploads=").body
    upload_id = begun.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()
    part = f"/photos/a?partNumber=1&uploadId={upload_id}"

    assert wire.ask(sandbox, "PUT", part, BODY, payload="0" * 64).status == status
    assert put(sandbox, payload="0" * 64).status == 400


def test_a_store_without_checksums_ignores_them(make: Make) -> None:
    sandbox = make(traits={"checksums": []})
    reply = put(sandbox, {"x-amz-checksum-crc32": checksum_of("CRC32", b"other")})

    assert reply.status == 200
    assert [name for name in head(sandbox, x_amz_checksum_mode="ENABLED").headers if "checksum" in name] == []


def test_a_store_without_checksums_may_refuse_them(make: Make) -> None:
    sandbox = make(traits={"checksums": [], "checksum_others": "refused"})

    assert put(sandbox, {"x-amz-checksum-crc32": checksum_of("CRC32", BODY)}).status == 400
    assert put(sandbox).status == 200
    assert head(sandbox, x_amz_checksum_mode="ENABLED").status == 400


@pytest.mark.parametrize(("trait", "stated"), [("ignores", BODY), ("echoes", b"other")])
def test_a_wrong_checksum_can_be_ignored_or_echoed(make: Make, trait: str, stated: bytes) -> None:
    sandbox = make(traits={"checksum_values": trait})
    put(sandbox, {"x-amz-checksum-crc32": checksum_of("CRC32", b"other")})

    assert head(sandbox, x_amz_checksum_mode="ENABLED").headers["x-amz-checksum-crc32"] == checksum_of("CRC32", stated)


def test_checksums_can_be_missing_on_head_alone(make: Make) -> None:
    sandbox = make(traits={"checksum_on_head": False})
    put(sandbox)
    given = {"x-amz-checksum-mode": "ENABLED"}

    assert "x-amz-checksum-crc64nvme" not in head(sandbox, x_amz_checksum_mode="ENABLED").headers
    assert "x-amz-checksum-crc64nvme" in wire.ask(sandbox, "GET", "/photos/a", headers=given).headers


def test_the_default_checksum_can_be_switched_off(make: Make) -> None:
    sandbox = make(traits={"default_checksum": ""})
    put(sandbox)

    assert [name for name in head(sandbox, x_amz_checksum_mode="ENABLED").headers if "checksum" in name] == []


def test_a_wrong_size_at_complete_can_be_ignored(make: Make) -> None:
    careless = make(traits={"complete_size": "ignores", "small_parts": True})
    strict = make(traits={"small_parts": True})

    assert upload(careless, b"one", headers="99")[0].status == 200
    assert upload(strict, b"one", headers="99")[0].status == 400


def test_if_match_of_a_read_can_be_ignored(make: Make) -> None:
    sandbox = make(traits={"if_match": "ignored"})
    put(sandbox)

    assert wire.ask(sandbox, "GET", "/photos/a", headers={"If-Match": '"other"'}).status == 200


def test_conditions_of_a_write_can_be_ignored(make: Make) -> None:
    sandbox = make(traits={"if_none_match": "ignored", "if_match_put": "ignored"})
    put(sandbox)

    assert put(sandbox, {"If-None-Match": "*"}).status == 200
    assert put(sandbox, {"If-Match": '"other"'}).status == 200


@pytest.mark.parametrize(("trait", "status", "size"), [("ignored", 200, 6), ("refused", 501, 3), ("honoured", 206, 3)])
def test_a_part_number_can_be_ignored_or_refused(make: Make, trait: str, status: int, size: int) -> None:
    sandbox = make(traits={"part_number": trait, "small_parts": True})
    upload(sandbox, b"one", b"two")
    reply = wire.ask(sandbox, "HEAD", "/photos/a?partNumber=1")

    assert reply.status == status
    assert status == 501 or reply.headers["content-length"] == str(size)


def test_a_range_can_be_ignored(make: Make) -> None:
    sandbox = make(traits={"range": "ignored"})
    put(sandbox)
    reply = wire.ask(sandbox, "GET", "/photos/a", headers={"Range": "bytes=1-2"})

    assert (reply.status, reply.body) == (200, BODY)


@pytest.mark.parametrize(("trait", "path"), [("attributes", "attributes="), ("tagging", "tagging=")])
def test_an_operation_can_be_missing(make: Make, trait: str, path: str) -> None:
    sandbox = make(traits={trait: "not_supported"})
    put(sandbox)

    assert wire.ask(sandbox, "GET", f"/photos/a?{path}", headers={"x-amz-object-attributes": "ETag"}).status == 501


@pytest.mark.parametrize(
    ("trait", "put_status", "asked", "count"),
    [("supported", 200, 200, 1), ("not_supported", 200, 501, 0), ("refused", 501, 501, 0), ("dropped", 200, 200, 0)],
)
def test_tags_can_be_unknown_refused_or_lost(make: Make, trait: str, put_status: int, asked: int, count: int) -> None:
    sandbox = make(traits={"tagging": trait})
    put(sandbox)
    written = put(sandbox, {"x-amz-tagging": "kind=note"})
    reply = wire.ask(sandbox, "GET", "/photos/a?tagging=")

    assert (written.status, reply.status, reply.body.count(b"<Tag>")) == (put_status, asked, count)


@pytest.mark.parametrize(
    ("headers", "asked"), [({}, (404, "NoSuchTagSet")), ({"x-amz-tagging": "kind=note"}, (200, ""))]
)
def test_that_there_are_no_tags_can_be_said_by_a_404(
    make: Make, headers: dict[str, str], asked: tuple[int, str]
) -> None:
    sandbox = make(traits={"tagging": "no_set"})
    put(sandbox, headers)
    reply = wire.ask(sandbox, "GET", "/photos/a?tagging=")

    assert (reply.status, wire.code(reply) if reply.status == 404 else "") == asked


def test_framing_can_be_stored_as_data(make: Make) -> None:
    sandbox = make(traits={"aws_chunked": "stored"})
    headers = {"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": "3"}
    wire.ask(
        sandbox, "PUT", "/photos/a", b"3\r\nabc\r\n0\r\n\r\n", headers, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    )

    assert sandbox.stored_bytes("photos", "a") == b"3\r\nabc\r\n0\r\n\r\n"
    assert head(sandbox).headers["content-encoding"] == "aws-chunked"


@pytest.mark.parametrize(
    ("parts", "status"),
    [((b"1234", b"1234", b"12"), 200), ((b"1234", b"123", b"12"), 400), ((b"1234", b"12345"), 400), ((b"1",), 200)],
)
def test_parts_may_have_to_be_equal(make: Make, parts: tuple[bytes, ...], status: int) -> None:
    sandbox = make(traits={"equal_parts": True, "small_parts": True})

    assert upload(sandbox, *parts)[0].status == status


def test_a_listing_can_state_another_etag_and_size(make: Make) -> None:
    sandbox = make(traits={"listing_etag": "other", "listing_size": "other"})
    put(sandbox)
    listed = wire.ask(sandbox, "GET", "/photos?list-type=2").body

    assert ETAG.strip('"').encode() not in listed
    assert f"<Size>{len(BODY)}</Size>".encode() not in listed
    assert (head(sandbox).headers["etag"], head(sandbox).headers["content-length"]) == (ETAG, str(len(BODY)))


def test_a_listing_can_be_out_of_order(make: Make, connect: Callable[..., Any]) -> None:
    sandbox = make(traits={"listing_order": "unsorted"})
    for key in "abc":
        sandbox.seed("photos", key, b"")

    page = connect(sandbox).list_objects_v2(Bucket="photos")
    versions = connect(sandbox).list_object_versions(Bucket="photos")
    assert [entry["Key"] for entry in page["Contents"]] == ["c", "b", "a"]
    assert [entry["Key"] for entry in versions["Versions"]] == ["c", "b", "a"]


def test_the_encoding_type_can_be_ignored(make: Make) -> None:
    sandbox = make(traits={"encoding_type": "ignored"})
    sandbox.seed("photos", "a\x01\rb", b"")
    body = wire.ask(sandbox, "GET", "/photos?list-type=2&encoding-type=url").body

    assert b"<Key>a&#x1;\rb</Key>" in body
    assert b"EncodingType" not in body


def test_a_sign_that_xml_forbids_can_be_replaced_in_keys_and_tokens(make: Make, connect: Callable[..., Any]) -> None:
    sandbox = make(traits={"encoding_type": "replaced", "largest_page": 1})
    for key in ("a\x01", "aa", "b"):
        sandbox.seed("photos", key, b"")
    client = connect(sandbox)

    first = client.list_objects_v2(Bucket="photos")
    second = client.list_objects_v2(Bucket="photos", ContinuationToken=first["NextContinuationToken"])

    assert (first["Contents"][0]["Key"], first["NextContinuationToken"]) == ("a\ufffd", "a\ufffd")
    assert second["Contents"][0]["Key"] == "b"


def test_a_page_can_be_smaller(make: Make) -> None:
    sandbox = make(traits={"largest_page": 2})
    for key in "abc":
        sandbox.seed("photos", key, b"")

    assert wire.ask(sandbox, "GET", "/photos?list-type=2").body.count(b"<Key>") == 2


@pytest.mark.parametrize(("trait", "kept"), [("dropped", None), ("lower_ascii", "caf-e")])
def test_metadata_can_suffer(make: Make, trait: str, kept: str | None) -> None:
    sandbox = make(traits={"metadata": trait})
    put(sandbox, {"x-amz-meta-name": "CAF-E"})

    assert head(sandbox).headers.get("x-amz-meta-name") == kept


def test_a_meddling_proxy_unpacks(make: Make) -> None:
    sandbox = make(traits={"gzip": "unpacked"})
    sandbox.seed("photos", "a", gzip.compress(BODY), headers={"Content-Encoding": "gzip"})
    reply = wire.ask(sandbox, "GET", "/photos/a")

    assert (reply.body, "content-encoding" in reply.headers) == (BODY, False)


@pytest.mark.parametrize(("glob", "status"), [(True, 403), ("a*", 403), ("b*", 200)])
def test_objects_can_be_archived(make: Make, glob: object, status: int) -> None:
    sandbox = make(traits={"archive": glob})
    put(sandbox)

    assert wire.ask(sandbox, "GET", "/photos/a").status == status
    assert (b"GLACIER" in wire.ask(sandbox, "GET", "/photos?list-type=2").body) is (status == 403)


def test_an_upload_can_be_completed_again(make: Make, connect: Callable[..., Any]) -> None:
    s3 = connect(make(traits={"repeated_complete": "answered"}))
    place = {"Bucket": "photos", "Key": "a"}
    place["UploadId"] = s3.create_multipart_upload(**place)["UploadId"]
    parts = [{"PartNumber": 1, "ETag": s3.upload_part(**place, PartNumber=1, Body=BODY)["ETag"]}]
    answers = [s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})["ETag"] for _ in range(2)]

    assert answers[0] == answers[1]


def test_traits_can_change_while_it_runs(sandbox: Sandbox) -> None:
    sandbox.change_traits(content_md5="ignores")

    assert put(sandbox, {"Content-MD5": WRONG}).status == 200
