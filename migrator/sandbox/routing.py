"""From method, path and query to the name of an S3 operation."""

from __future__ import annotations

from dataclasses import dataclass

from migrator.sandbox.errors import S3Error
from migrator.sandbox.messages import Request

# Subresources that decide the operation, by method; the first one present in the query counts.
_BUCKET = {
    "GET": {
        "location": "GetBucketLocation",
        "versioning": "GetBucketVersioning",
        "versions": "ListObjectVersions",
        "uploads": "ListMultipartUploads",
        "encryption": "GetBucketEncryption",
        "tagging": "GetBucketTagging",
        "acl": "GetBucketAcl",
    },
    "PUT": {
        "versioning": "PutBucketVersioning",
        "encryption": "PutBucketEncryption",
        "tagging": "PutBucketTagging",
    },
    "DELETE": {"encryption": "DeleteBucketEncryption", "tagging": "DeleteBucketTagging"},
    "POST": {"delete": "DeleteObjects"},
}
_OBJECT = {
    "GET": {
        "tagging": "GetObjectTagging",
        "attributes": "GetObjectAttributes",
        "uploadId": "ListParts",
        "acl": "GetObjectAcl",
    },
    "PUT": {"tagging": "PutObjectTagging"},
    "DELETE": {"tagging": "DeleteObjectTagging", "uploadId": "AbortMultipartUpload"},
    "POST": {"uploads": "CreateMultipartUpload", "uploadId": "CompleteMultipartUpload"},
}
# Subresources of features the sandbox leaves out: refused, never mistaken for something else.
_LEFT_OUT = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "intelligent-tiering",
        "inventory",
        "legal-hold",
        "lifecycle",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "ownershipControls",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "restore",
        "retention",
        "select",
        "torrent",
        "website",
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    operation: str
    bucket: str = ""
    key: str = ""
    part: int | None = None


def route(request: Request) -> Target:
    """The operation a request asks for; NotImplemented or MethodNotAllowed for what the sandbox leaves out."""
    bucket, key = _place(request)
    if not bucket:
        if request.method != "GET":
            raise S3Error("MethodNotAllowed")
        return Target("ListBuckets")
    if not key:
        return Target(_bucket_operation(request), bucket)
    operation = _object_operation(request)
    text = request.query.get("partNumber", "")
    part = int(text) if text.isdecimal() and operation.startswith("UploadPart") else None
    return Target(operation, bucket, key, part)


def _place(request: Request) -> tuple[str, str]:
    """(bucket, key) by path, or by a host name such as bucket.localhost."""
    path = request.resource.removeprefix("/")
    host = request.header("host").rpartition(":")[0] or request.header("host")
    if host.endswith(".localhost"):
        return host.removesuffix(".localhost"), path
    bucket, _, key = path.partition("/")
    return bucket, key


def _bucket_operation(request: Request) -> str:
    found = _subresource(request, _BUCKET)
    if found:
        return found
    if request.method == "GET":
        return "ListObjectsV2" if request.query.get("list-type") == "2" else "ListObjects"
    plain = {"PUT": "CreateBucket", "DELETE": "DeleteBucket", "HEAD": "HeadBucket"}.get(request.method)
    if plain is None:
        raise S3Error("MethodNotAllowed")
    return plain


def _object_operation(request: Request) -> str:
    found = _subresource(request, _OBJECT)
    if found:
        return found
    is_copy = "x-amz-copy-source" in request.headers
    if request.method == "PUT" and "uploadId" in request.query:
        return "UploadPartCopy" if is_copy else "UploadPart"
    if request.method == "PUT":
        return "CopyObject" if is_copy else "PutObject"
    plain = {"GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(request.method)
    if plain is None:
        raise S3Error("MethodNotAllowed")
    return plain


def _subresource(request: Request, table: dict[str, dict[str, str]]) -> str:
    if not request.query:
        return ""
    for name, operation in table.get(request.method, {}).items():
        if name in request.query:
            return operation
    if not _LEFT_OUT.isdisjoint(request.query):
        raise S3Error("NotImplemented")
    return ""
