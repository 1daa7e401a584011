"""The S3 operations by name. Each takes a call and gives an answer, or raises S3Error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from migrator.sandbox.call import Call
from migrator.sandbox.messages import Answer
from migrator.sandbox.operations import (
    attributes,
    buckets,
    completing,
    copying,
    deleting,
    listing,
    multipart,
    reading,
    tagging,
    writing,
)

OPERATIONS: dict[str, Callable[[Call], Awaitable[Answer]]] = {
    "AbortMultipartUpload": multipart.abort_multipart_upload,
    "CompleteMultipartUpload": completing.complete_multipart_upload,
    "CopyObject": copying.copy_object,
    "CreateBucket": buckets.create_bucket,
    "CreateMultipartUpload": multipart.create_multipart_upload,
    "DeleteBucket": buckets.delete_bucket,
    "DeleteBucketEncryption": buckets.delete_bucket_encryption,
    "DeleteBucketTagging": tagging.delete_bucket_tagging,
    "DeleteObject": deleting.delete_object,
    "DeleteObjectTagging": tagging.delete_object_tagging,
    "DeleteObjects": deleting.delete_objects,
    "GetBucketAcl": buckets.get_acl,
    "GetBucketEncryption": buckets.get_bucket_encryption,
    "GetBucketLocation": buckets.get_bucket_location,
    "GetBucketTagging": tagging.get_bucket_tagging,
    "GetBucketVersioning": buckets.get_bucket_versioning,
    "GetObject": reading.get_object,
    "GetObjectAcl": buckets.get_acl,
    "GetObjectAttributes": attributes.get_object_attributes,
    "GetObjectTagging": tagging.get_object_tagging,
    "HeadBucket": buckets.head_bucket,
    "HeadObject": reading.head_object,
    "ListBuckets": buckets.list_buckets,
    "ListMultipartUploads": multipart.list_multipart_uploads,
    "ListObjectVersions": listing.list_object_versions,
    "ListObjects": listing.list_objects,
    "ListObjectsV2": listing.list_objects_v2,
    "ListParts": multipart.list_parts,
    "PutBucketEncryption": buckets.put_bucket_encryption,
    "PutBucketTagging": tagging.put_bucket_tagging,
    "PutBucketVersioning": buckets.put_bucket_versioning,
    "PutObject": writing.put_object,
    "PutObjectTagging": tagging.put_object_tagging,
    "UploadPart": multipart.upload_part,
    "UploadPartCopy": copying.upload_part_copy,
}
