"""Tags of objects and buckets."""

from __future__ import annotations

from dataclasses import replace

from migrator.sandbox.call import Call
from migrator.sandbox.errors import S3Error
from migrator.sandbox.markup import document, parse, text_of
from migrator.sandbox.messages import Answer, xml_answer
from migrator.sandbox.operations.described import checked_tags, version_headers

Tags = tuple[tuple[str, str], ...]


async def get_object_tagging(call: Call) -> Answer:
    _check_supported(call)
    version = call.version()
    if call.traits.tagging == "no_set" and not version.facts.tags:
        raise S3Error("NoSuchTagSet")
    return xml_answer(_document(version.facts.tags), headers=version_headers(call, version))


async def put_object_tagging(call: Call) -> Answer:
    _check_supported(call)
    tags = _tags(await call.payload.document(), most=10)
    version = call.store.relabel(call.version(), tags=() if call.traits.tagging == "dropped" else tags)
    return Answer(200, version_headers(call, version))


async def delete_object_tagging(call: Call) -> Answer:
    _check_supported(call)
    version = call.store.relabel(call.version(), tags=())
    return Answer(204, version_headers(call, version))


async def get_bucket_tagging(call: Call) -> Answer:
    tags = call.bucket().tags
    if not tags:
        raise S3Error("NoSuchTagSet", extra={"BucketName": call.bucket_name})
    return xml_answer(_document(tags))


async def put_bucket_tagging(call: Call) -> Answer:
    tags = _tags(await call.payload.document(), most=50)
    call.store.index.save_bucket(replace(call.bucket(), tags=tags))
    return Answer(204)


async def delete_bucket_tagging(call: Call) -> Answer:
    call.store.index.save_bucket(replace(call.bucket(), tags=()))
    return Answer(204)


def _check_supported(call: Call) -> None:
    if call.traits.tagging in ("not_supported", "refused"):
        raise S3Error("NotImplemented")


def _tags(data: bytes, *, most: int) -> Tags:
    entries = parse(data, "Tagging").findall("TagSet/Tag")
    return checked_tags([(text_of(entry, "Key"), text_of(entry, "Value")) for entry in entries], most=most)


def _document(tags: Tags) -> bytes:
    return document("Tagging", {"TagSet": {"Tag": [{"Key": name, "Value": value} for name, value in sorted(tags)]}})
