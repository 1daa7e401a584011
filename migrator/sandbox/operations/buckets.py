"""Buckets: make, remove, list, and their settings."""

from __future__ import annotations

from dataclasses import replace

from migrator.sandbox.call import Call
from migrator.sandbox.errors import S3Error
from migrator.sandbox.markup import document, iso_time, parse, text_of
from migrator.sandbox.messages import Answer, xml_answer


async def list_buckets(call: Call) -> Answer:
    prefix, after = call.query("prefix"), call.query("continuation-token")
    most = call.number("max-buckets", 10_000, 10_000)
    found = [
        bucket
        for bucket in call.store.index.buckets()
        if bucket.owner == call.owner and bucket.name.startswith(prefix) and bucket.name > after
    ]
    shown = found[:most]
    tree: dict[str, object] = {
        "Owner": {"ID": call.owner, "DisplayName": call.owner},
        "Buckets": {"Bucket": [{"Name": bucket.name, "CreationDate": iso_time(bucket.created)} for bucket in shown]},
        "ContinuationToken": shown[-1].name if len(shown) < len(found) else None,
        "Prefix": prefix or None,
    }
    return xml_answer(document("ListAllMyBucketsResult", tree))


async def create_bucket(call: Call) -> Answer:
    data = await call.payload.document()
    if data:
        place = text_of(parse(data, "CreateBucketConfiguration"), "LocationConstraint")
        if place and place != call.region:
            raise S3Error("InvalidArgument", f"The location constraint {place} is not known here.")
    found = call.store.index.bucket(call.bucket_name)
    # The oldest region answers 200 to whoever makes a bucket of their own again.
    if found is None or found.owner != call.owner or call.region != "us-east-1":
        call.store.create_bucket(call.bucket_name, call.owner)
    return Answer(200, {"Location": f"/{call.bucket_name}"})


async def head_bucket(call: Call) -> Answer:
    call.bucket()
    return Answer(200, {"x-amz-bucket-region": call.region, "Content-Type": "application/xml"})


async def delete_bucket(call: Call) -> Answer:
    bucket = call.bucket()
    if not call.store.index.is_empty(bucket.name):
        raise S3Error("BucketNotEmpty", extra={"BucketName": bucket.name})
    for upload in call.store.index.uploads(bucket.name):
        for part in call.store.index.drop_upload(upload.id):
            call.store.disk.remove(part.segments)
    call.store.index.delete_bucket(bucket.name)
    return Answer(204)


async def get_bucket_location(call: Call) -> Answer:
    call.bucket()
    place = "" if call.region == "us-east-1" else call.region
    return xml_answer(document("LocationConstraint", {}).replace(b"></", f">{place}</".encode()))


async def get_bucket_versioning(call: Call) -> Answer:
    state = call.bucket().versioning
    return xml_answer(document("VersioningConfiguration", {"Status": state or None}))


async def put_bucket_versioning(call: Call) -> Answer:
    state = text_of(parse(await call.payload.document(), "VersioningConfiguration"), "Status")
    if state not in ("Enabled", "Suspended"):
        raise S3Error("IllegalVersioningConfigurationException")
    call.store.set_versioning(call.bucket_name, state)
    return Answer(200)


async def get_bucket_encryption(call: Call) -> Answer:
    bucket = call.bucket()
    if not bucket.encryption:
        raise S3Error("ServerSideEncryptionConfigurationNotFoundError", extra={"BucketName": bucket.name})
    default = {"SSEAlgorithm": bucket.encryption, "KMSMasterKeyID": bucket.kms_key or None}
    tree = {"Rule": {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": False}}
    return xml_answer(document("ServerSideEncryptionConfiguration", tree))


async def put_bucket_encryption(call: Call) -> Answer:
    tree = parse(await call.payload.document(), "ServerSideEncryptionConfiguration")
    default = tree.find("Rule/ApplyServerSideEncryptionByDefault")
    if default is None or text_of(default, "SSEAlgorithm") not in ("AES256", "aws:kms", "aws:kms:dsse"):
        raise S3Error("MalformedXML")
    changed = replace(
        call.bucket(), encryption=text_of(default, "SSEAlgorithm"), kms_key=text_of(default, "KMSMasterKeyID")
    )
    call.store.index.save_bucket(changed)
    return Answer(200)


async def delete_bucket_encryption(call: Call) -> Answer:
    call.store.index.save_bucket(replace(call.bucket(), encryption="", kms_key=""))
    return Answer(204)


async def get_acl(call: Call) -> Answer:
    """The only list there is: the owner may do everything. Access is granted by the rules of the keys."""
    if call.key:
        call.version()
    owner = {"ID": call.owner, "DisplayName": call.owner}
    grant = {"Grantee": owner, "Permission": "FULL_CONTROL"}
    body = document("AccessControlPolicy", {"Owner": owner, "AccessControlList": {"Grant": [grant]}})
    typed = b'<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
    return xml_answer(body.replace(b"<Grantee>", typed))
