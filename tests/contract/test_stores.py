"""What the engine relies on, asked of a store itself."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import pytest

from integrity.checksums import encode
from integrity.etags import normalise
from migrator.engine.errors import (
    BucketMissing,
    ConditionFailed,
    CredentialsRefused,
    DigestRejected,
    ObjectMissing,
    UploadGone,
)
from migrator.engine.listing import list_objects
from migrator.engine.stores import SentPart, Store, WriteHeaders
from tests.contract.conftest import BUCKET, Ground, open_uploads

MIB = 1024 * 1024
WRONG = encode(hashlib.md5(b"something else").digest())
THREE_LETTERS = [letter.encode() * 5 * MIB for letter in "ABC"]


def put(ground: Ground, name: str, body: bytes, **more: object) -> str:
    reply = ground.store.put(ground.bucket, ground.key(name), body, **more)  # type: ignore[arg-type]
    return normalise(reply.etag or "")


def upload(ground: Ground, name: str, parts: list[bytes]) -> str:
    store, key = ground.store, ground.key(name)
    upload_id = store.create_upload(ground.bucket, key)
    sent = [
        SentPart(number, store.upload_part(ground.bucket, key, upload_id, number, part).etag or "")
        for number, part in enumerate(parts, start=1)
    ]
    return normalise(store.complete_upload(ground.bucket, key, upload_id, sent).etag or "")


@pytest.mark.parametrize("size", [0, 1, 65_537])
def test_what_was_put_is_what_is_read(ground: Ground, size: int) -> None:
    body = os.urandom(size)

    etag = put(ground, "object", body, content_md5=encode(hashlib.md5(body).digest()))

    assert ground.read("object") == body
    assert etag == hashlib.md5(body).hexdigest()
    assert ground.store.head(ground.bucket, ground.key("object")).size == size


def test_a_wrong_content_md5_is_rejected_and_nothing_is_stored(ground: Ground) -> None:
    with pytest.raises(DigestRejected):
        put(ground, "object", b"body", content_md5=WRONG)

    assert ground.store.find(ground.bucket, ground.key("object")) is None


@pytest.mark.differs("rclone", by="keeps whatever arrives, whatever was signed")
def test_a_wrong_payload_is_rejected(ground: Ground) -> None:
    with pytest.raises(DigestRejected):
        put(ground, "object", b"body", wire_body=b"doby")


@pytest.mark.differs("rclone", by="does not look at checksums")
def test_a_wrong_checksum_is_rejected(ground: Ground) -> None:
    with pytest.raises(DigestRejected):
        put(ground, "object", b"body", checksums={"CRC32": "AAAAAA=="})


def test_a_right_checksum_is_stated_by_head(ground: Ground) -> None:
    put(ground, "object", b"123456789", checksums={"CRC32": "y/Q5Jg=="})

    said = ground.store.head(ground.bucket, ground.key("object"), checksums=True)

    assert said.checksums["CRC32"] == "y/Q5Jg=="


def test_the_etag_of_parts_is_the_golden_one(ground: Ground) -> None:
    assert upload(ground, "film", THREE_LETTERS) == "b2add96cc9702bbf4efb0ccdfc6b7747-3"


@pytest.mark.differs("rclone", by="keeps no parts")
def test_a_head_of_part_1_tells_its_size_and_how_many_there_are(ground: Ground) -> None:
    upload(ground, "film", [*THREE_LETTERS, b"end"])

    said = ground.store.head(ground.bucket, ground.key("film"), part_number=1)

    assert (said.size, said.parts_count) == (5 * MIB, 4)


@pytest.mark.differs("rclone", by="answers a range with 200")
def test_a_range_is_206_and_says_where_it_starts(ground: Ground) -> None:
    put(ground, "object", b"0123456789")

    body = ground.store.open(ground.bucket, ground.key("object"), first_byte=4)

    assert b"".join(body.chunks()) == b"456789"
    assert body.status == 206
    assert body.content_range == (4, 9, 10)
    assert body.statement.size == 10
    body.close()


@pytest.mark.differs("rclone", by="ignores conditions")
def test_a_wrong_if_match_is_refused(ground: Ground) -> None:
    put(ground, "object", b"body")

    with pytest.raises(ConditionFailed):
        ground.store.open(ground.bucket, ground.key("object"), if_match="0" * 32)


@pytest.mark.differs("rclone", by="ignores conditions")
def test_if_none_match_keeps_what_is_there(ground: Ground) -> None:
    put(ground, "object", b"first")

    with pytest.raises(ConditionFailed):
        put(ground, "object", b"second", if_none_match=True)

    assert ground.read("object") == b"first"


def test_headers_and_metadata_come_back(ground: Ground) -> None:
    content = {"content-type": "text/plain", "cache-control": "no-store", "content-language": "de"}
    put(ground, "object", b"body", headers=WriteHeaders(content=content, metadata={"author": "ann"}))

    said = ground.store.head(ground.bucket, ground.key("object"))

    assert {name: said.content_headers.get(name) for name in content} == content
    assert said.metadata == {"author": "ann"}


@pytest.mark.differs("rclone", by="has no tags")
def test_tags_come_back(ground: Ground) -> None:
    put(ground, "object", b"body", headers=WriteHeaders(tags={"kind": "a note"}))

    assert ground.store.get_tags(ground.bucket, ground.key("object")) == {"kind": "a note"}


@pytest.mark.parametrize("name", ["plus+", "blank blank", "per%41cent", "caf\u00e9", "emoji \U0001f600", "q?m#h&a"])
def test_odd_keys_are_listed_as_they_were_written(ground: Ground, name: str) -> None:
    put(ground, name, b"body")

    assert [entry.key for entry in list_objects(ground.store, ground.bucket, ground.prefix)] == [ground.key(name)]
    assert ground.read(name) == b"body"


def test_a_listing_says_what_head_says(ground: Ground) -> None:
    put(ground, "object", b"body")

    (entry,) = list_objects(ground.store, ground.bucket, ground.prefix)
    said = ground.store.head(ground.bucket, ground.key("object"))

    assert (entry.size, normalise(entry.etag)) == (said.size, normalise(said.etag or ""))
    assert entry.last_modified[:19] == said.last_modified[:19]


def test_a_listing_goes_on_after_a_key(ground: Ground) -> None:
    for name in "abc":
        put(ground, name, b"")

    rest = list_objects(ground.store, ground.bucket, ground.prefix, start_after=ground.key("a"))

    assert [entry.key for entry in rest] == [ground.key("b"), ground.key("c")]


def test_what_is_not_there_is_missing(ground: Ground) -> None:
    with pytest.raises(ObjectMissing):
        ground.store.open(ground.bucket, ground.key("nothing"))


def test_an_aborted_upload_is_gone(ground: Ground) -> None:
    store, key = ground.store, ground.key("film")
    upload_id = store.create_upload(ground.bucket, key)
    store.upload_part(ground.bucket, key, upload_id, 1, b"part")

    assert store.abort_until_gone(ground.bucket, key, upload_id)

    with pytest.raises(UploadGone):
        store.list_parts(ground.bucket, key, upload_id)


@pytest.mark.parametrize("name", ["bell\x07", "none\ufffe"])
def test_a_key_that_xml_cannot_say_is_written_in_parts(ground: Ground, name: str) -> None:
    assert upload(ground, name, [b"part"]) == f"{hashlib.md5(hashlib.md5(b'part').digest()).hexdigest()}-1"
    assert ground.read(name) == b"part"


def test_an_open_upload_lists_its_parts(ground: Ground) -> None:
    store, key = ground.store, ground.key("film")
    upload_id = store.create_upload(ground.bucket, key)
    store.upload_part(ground.bucket, key, upload_id, 1, b"part")

    (part,) = store.list_parts(ground.bucket, key, upload_id)

    assert (part.number, part.size, normalise(part.etag)) == (1, 4, hashlib.md5(b"part").hexdigest())
    assert [each.upload_id for each in open_uploads(ground)] == [upload_id]


def test_a_wrong_secret_is_credentials_refused(ground: Ground) -> None:
    stranger = Store(replace(ground.store.endpoint, secret_access_key="not-the-secret"))

    with pytest.raises(CredentialsRefused):
        stranger.list_page(ground.bucket, "")


def test_a_bucket_that_does_not_exist_is_missing(ground: Ground) -> None:
    if ground.kind == "real":
        pytest.skip("a stranger's bucket could have this name")

    with pytest.raises(BucketMissing):
        ground.store.list_page(BUCKET + "-nowhere", "")
