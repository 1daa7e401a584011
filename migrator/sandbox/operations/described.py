"""What the headers of a request say of the object to be, and what the headers of an answer say of one."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote

from migrator.sandbox.call import Call
from migrator.sandbox.checksums import DIGEST_SIZES
from migrator.sandbox.errors import S3Error
from migrator.sandbox.markup import http_time
from migrator.sandbox.rows import Facts, Version

CONTENT_HEADERS = {
    "content-type": "Content-Type",
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "expires": "Expires",
}
STORAGE_CLASSES = frozenset(
    {
        "STANDARD",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "GLACIER_IR",
        "DEEP_ARCHIVE",
    }
)
_PLAIN = "x-amz-"
_CUSTOMER = "server-side-encryption-customer-"
_MOST_METADATA = 2048
_META = "x-amz-meta-"


def asked_facts(call: Call) -> Facts:
    """Everything a write says of its object besides the bytes."""
    encryption, kms_key, customer_key = asked_encryption(call)
    return Facts(
        headers=content_headers(call),
        metadata=user_metadata(call),
        tags=asked_tags(call),
        encryption=encryption,
        kms_key=kms_key,
        customer_key=customer_key,
        website_redirect=call.header("x-amz-website-redirect-location"),
    )


def content_headers(call: Call) -> dict[str, str]:
    kept = {wire: call.header(name) for name, wire in CONTENT_HEADERS.items() if call.header(name)}
    if call.traits.aws_chunked == "decoded" and "Content-Encoding" in kept:
        words = [word.strip() for word in kept["Content-Encoding"].split(",")]
        kept["Content-Encoding"] = ", ".join(word for word in words if word != "aws-chunked")
        if not kept["Content-Encoding"]:
            del kept["Content-Encoding"]
    return {"Content-Type": "binary/octet-stream", **kept}


def user_metadata(call: Call) -> dict[str, str]:
    if call.traits.metadata == "dropped":
        return {}
    found = {name.removeprefix(_META): value for name, value in call.request.headers.items() if name.startswith(_META)}
    size = sum(len(name) + len(value) for name, value in found.items())
    if size > _MOST_METADATA:
        raise S3Error("MetadataTooLarge", extra={"Size": str(size), "MaxSizeAllowed": str(_MOST_METADATA)})
    if call.traits.metadata == "lower_ascii":
        return {name: value.encode("latin-1").decode("ascii", "ignore").lower() for name, value in found.items()}
    return found


def asked_storage_class(call: Call) -> str:
    asked = call.header("x-amz-storage-class") or "STANDARD"
    if asked not in STORAGE_CLASSES:
        raise S3Error("InvalidStorageClass", extra={"StorageClassRequested": asked})
    return asked


def asked_tags(call: Call) -> tuple[tuple[str, str], ...]:
    text = call.header("x-amz-tagging")
    if text and call.traits.tagging == "refused":
        raise S3Error("NotImplemented", "A header you provided implies functionality that is not implemented.")
    return () if call.traits.tagging == "dropped" else header_tags(text)


def header_tags(text: str) -> tuple[tuple[str, str], ...]:
    if not text:
        return ()
    pairs = parse_qsl(text.encode("latin-1").decode("utf-8", "replace"), keep_blank_values=True)
    return checked_tags(pairs)


def checked_tags(pairs: Iterable[tuple[str, str]], *, most: int = 10) -> tuple[tuple[str, str], ...]:
    """The tags, if there are not too many and none too long or twice; else what AWS says of them."""
    tags = tuple(pairs)
    if len(tags) > most:
        raise S3Error("InvalidTag", f"Object tags cannot be greater than {most}")
    if len({name for name, _ in tags}) != len(tags):
        raise S3Error("InvalidTag", "Cannot provide multiple Tags with the same key")
    for name, value in tags:
        if not name or len(name) > 128 or name.startswith("aws:"):
            raise S3Error("InvalidTag", "The TagKey you have provided is invalid")
        if len(value) > 256:
            raise S3Error("InvalidTag", "The TagValue you have provided is invalid")
    return tags


# Encryption


def asked_encryption(call: Call) -> tuple[str, str, str]:
    """(kind, KMS key, MD5 of the customer's key)"""
    customer_key = customer_key_md5(call)
    asked = call.header("x-amz-server-side-encryption")
    kms_key = call.header("x-amz-server-side-encryption-aws-kms-key-id")
    if customer_key and asked:
        raise S3Error("InvalidArgument", "Server Side Encryption with Customer provided key is incompatible")
    if customer_key:
        return "customer", "", customer_key
    if asked not in ("", "AES256", "aws:kms", "aws:kms:dsse"):
        raise S3Error("InvalidArgument", "The encryption method specified is not supported")
    if kms_key and not asked.startswith("aws:kms"):
        raise S3Error("InvalidArgument", "A KMS key needs the encryption method aws:kms.")
    return (*call.store.encryption(call.bucket(), asked, kms_key), "")


def customer_key_md5(call: Call, prefix: str = _PLAIN) -> str:
    """The MD5 of the SSE-C key in the headers, base64, after checking the three of them; "" without them."""
    algorithm, key, md5 = (call.header(f"{prefix}{_CUSTOMER}{name}") for name in ("algorithm", "key", "key-md5"))
    if not (algorithm or key or md5):
        return ""
    if algorithm != "AES256":
        raise S3Error("InvalidEncryptionAlgorithmError")
    if not key:
        raise S3Error("InvalidArgument", "Requests specifying Server Side Encryption need an encryption key.")
    try:
        raw = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise S3Error("InvalidArgument", "The secret key was invalid for the specified algorithm.") from exc
    if len(raw) != 32:
        raise S3Error("InvalidArgument", "The secret key was invalid for the specified algorithm.")
    if not md5 or base64.b64encode(hashlib.md5(raw).digest()).decode() != md5:
        raise S3Error("InvalidArgument", "The calculated MD5 hash of the key did not match the hash provided.")
    return md5


def check_customer_key(call: Call, version: Version, prefix: str = _PLAIN) -> None:
    """Refuse to read an SSE-C object without its key, and a plain one with a key."""
    given = customer_key_md5(call, prefix)
    if version.facts.customer_key and not given:
        raise S3Error("InvalidRequest", "The object was stored using a form of Server Side Encryption. The correct"
                      " parameters must be provided to retrieve the object.")  # fmt: skip
    if given and not version.facts.customer_key:
        raise S3Error("InvalidRequest", "The encryption parameters are not applicable to this object.")
    if given != version.facts.customer_key:
        raise S3Error("AccessDenied")


def encryption_headers(facts: Facts) -> dict[str, str]:
    if facts.customer_key:
        return {f"{_PLAIN}{_CUSTOMER}algorithm": "AES256", f"{_PLAIN}{_CUSTOMER}key-MD5": facts.customer_key}
    if not facts.encryption:
        return {}
    headers = {"x-amz-server-side-encryption": facts.encryption}
    if facts.kms_key:
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = facts.kms_key
    return headers


# Checksums


def stated_checksum(call: Call) -> tuple[str, str]:
    """(algorithm, base64 text) that the request gives of its payload; the text is "" while it is in a trailer."""
    given = _checksum_headers(call)
    promised = [_algorithm(name) for name in call.payload.promised_trailers if name.startswith("x-amz-checksum-")]
    if len(given) + len(promised) > 1:
        raise S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header.")
    wanted = call.header("x-amz-sdk-checksum-algorithm").upper()
    if not given and not promised:
        if wanted and wanted in call.traits.checksums:
            raise S3Error("InvalidRequest", "x-amz-sdk-checksum-algorithm specified, but no corresponding"
                          " x-amz-checksum-* or x-amz-trailer headers were found.")  # fmt: skip
        return "", ""
    algorithm, text = given[0] if given else (promised[0], "")
    if algorithm not in call.traits.checksums:
        return _unknown_checksum(call, algorithm)
    return algorithm, text


def _checksum_headers(call: Call) -> list[tuple[str, str]]:
    prefix = "x-amz-checksum-"
    return [
        (_algorithm(name), value)
        for name, value in call.request.headers.items()
        if name.startswith(prefix) and name not in (f"{prefix}algorithm", f"{prefix}mode", f"{prefix}type")
    ]


def _algorithm(name: str) -> str:
    return name.removeprefix("x-amz-checksum-").upper()


def _unknown_checksum(call: Call, algorithm: str) -> tuple[str, str]:
    if call.traits.checksum_others == "refused" or (algorithm not in DIGEST_SIZES and call.traits.checksums):
        raise S3Error("InvalidRequest", f"Unsupported header 'x-amz-checksum-{algorithm.lower()}'")
    return "", ""


def refuse_encryption_words(call: Call) -> None:
    """A read must not ask for encryption: it is a property of what is stored."""
    if call.header("x-amz-server-side-encryption"):
        raise S3Error("InvalidArgument", "x-amz-server-side-encryption header is not supported for this operation.")


def checksum_headers(facts: Facts, part: int = 0) -> dict[str, str]:
    """What is stated under checksum mode: of the whole object, or of one of its parts."""
    if part and facts.parts:
        stated = facts.parts[part - 1].checksum
        headers = {f"x-amz-checksum-{name.lower()}": stated for name in facts.checksums if stated}
        return {**headers, "x-amz-checksum-type": facts.checksum_type} if headers else {}
    headers = {f"x-amz-checksum-{name.lower()}": text for name, text in facts.checksums.items()}
    if headers:
        headers["x-amz-checksum-type"] = facts.checksum_type
    return headers


# The answer to a read


def version_headers(call: Call, version: Version, *, is_write: bool = False) -> dict[str, str]:
    """The version's id, in a bucket that has versions; a write to a suspended one does not state it."""
    versioning = call.bucket().versioning
    if not versioning or (is_write and versioning == "Suspended"):
        return {}
    return {"x-amz-version-id": version.version_id}


def object_headers(call: Call, version: Version) -> dict[str, str]:
    """The headers of GET and HEAD, without length, range and checksums."""
    facts, storage_class = version.facts, call.store.storage_class(version)
    headers = {
        "Last-Modified": http_time(version.modified),
        "ETag": f'"{version.etag}"',
        "Accept-Ranges": "bytes",
        **version_headers(call, version),
        **facts.headers,
        **{f"{_META}{name}": value for name, value in facts.metadata.items()},
        **encryption_headers(facts),
    }
    if storage_class != "STANDARD":
        headers["x-amz-storage-class"] = storage_class
    if facts.tags and call.traits.tagging == "supported":
        headers["x-amz-tagging-count"] = str(len(facts.tags))
    if facts.website_redirect:
        headers["x-amz-website-redirect-location"] = facts.website_redirect
    return headers


def copy_source(call: Call) -> tuple[str, str, str | None]:
    """(bucket, key, version) that x-amz-copy-source names."""
    text, _, version_id = call.header("x-amz-copy-source").partition("?versionId=")
    bucket, _, key = unquote(text.encode("latin-1").decode("utf-8", "replace")).removeprefix("/").partition("/")
    if not bucket or not key:
        raise S3Error("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    return bucket, key, version_id or None
