"""ListObjectsV2, ListObjects and ListObjectVersions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from migrator.sandbox.call import Call
from migrator.sandbox.errors import S3Error
from migrator.sandbox.markup import Finished, document, escape, iso_time, url_encoded
from migrator.sandbox.messages import Answer, xml_answer
from migrator.sandbox.rows import Listed

_FETCH = 1001
_SEALED_EXTRA = 28
# Written as a reference or not, XML knows no such sign.
_FORBIDDEN = re.compile(rb"&#x(?:[0-8BCEF]|1[0-9A-F]);")


@dataclass(slots=True)
class _Page:
    """One page being filled. entries: in the order of the keys; last: the key or prefix it ended with."""

    most: int
    contents: list[Listed] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    is_truncated: bool = False
    last: str = ""

    @property
    def count(self) -> int:
        return len(self.contents) + len(self.prefixes)


async def list_objects_v2(call: Call) -> Answer:
    bucket, prefix, delimiter = call.bucket(), call.query("prefix"), call.query("delimiter")
    start_after, token = call.query("start-after"), call.request.query.get("continuation-token")
    most = call.number("max-keys", 1000, call.traits.largest_page)
    after = start_after if not token else _from_token(call, token)
    page = _page(call, prefix, delimiter, after, most)
    encode, encoding = _encoding(call)
    owner = call.owner if call.query("fetch-owner") == "true" else ""
    tree: dict[str, object] = {
        "Name": bucket.name,
        "Prefix": encode(prefix),
        "Delimiter": encode(delimiter) if delimiter else None,
        "StartAfter": encode(start_after) if start_after else None,
        "ContinuationToken": token,
        "NextContinuationToken": _to_token(call, page.last) if page.is_truncated else None,
        "KeyCount": page.count,
        "MaxKeys": most,
        "EncodingType": encoding,
        "IsTruncated": page.is_truncated,
        "Contents": [_content(call, entry, encode, owner) for entry in _ordered(call, page.contents)],
        "CommonPrefixes": [{"Prefix": encode(group)} for group in page.prefixes],
    }
    return _listing(call, "ListBucketResult", tree)


async def list_objects(call: Call) -> Answer:
    bucket, prefix, delimiter, marker = (
        call.bucket(),
        call.query("prefix"),
        call.query("delimiter"),
        call.query("marker"),
    )
    most = call.number("max-keys", 1000, call.traits.largest_page)
    page = _page(call, prefix, delimiter, marker, most)
    encode, encoding = _encoding(call)
    owner = call.owner
    tree: dict[str, object] = {
        "Name": bucket.name,
        "Prefix": prefix,
        "Marker": encode(marker),
        "NextMarker": encode(page.last) if page.is_truncated and delimiter else None,
        "Delimiter": encode(delimiter) if delimiter else None,
        "MaxKeys": most,
        "EncodingType": encoding,
        "IsTruncated": page.is_truncated,
        "Contents": [_content(call, entry, encode, owner) for entry in _ordered(call, page.contents)],
        "CommonPrefixes": [{"Prefix": encode(group)} for group in page.prefixes],
    }
    return _listing(call, "ListBucketResult", tree)


def _page(call: Call, prefix: str, delimiter: str, after: str, most: int) -> _Page:
    """Up to most keys and common prefixes after a key or prefix, in byte order."""
    page = _Page(most)
    if most == 0:
        return page
    skipped = after if delimiter and after.endswith(delimiter) and after.startswith(prefix) else ""
    walk = _Walk(call, prefix, after.encode())
    for entry in walk:
        group = _group(entry.key, prefix, delimiter)
        if group and group == skipped:
            continue
        if page.count >= most:
            page.is_truncated = True
            break
        if group:
            page.prefixes.append(group)
            page.last = skipped = group
            walk.leap(group)
        else:
            page.contents.append(entry)
            page.last = entry.key
    return page


def _group(key: str, prefix: str, delimiter: str) -> str:
    if not delimiter:
        return ""
    head, found, _ = key[len(prefix) :].partition(delimiter)
    return f"{prefix}{head}{delimiter}" if found else ""


class _Walk:
    """The objects under a prefix after a key, fetched by the page."""

    def __init__(self, call: Call, prefix: str, after: bytes) -> None:
        self._call = call
        self._prefix = prefix.encode()
        self._after = after
        self._goal = b""

    def leap(self, group: str) -> None:
        """Go on behind the keys of this group, however many there are."""
        raw = group.encode()
        self._goal = raw[:-1] + bytes((raw[-1] + 1,))

    def __iter__(self) -> Iterator[Listed]:
        index, bucket, now = self._call.store.index, self._call.bucket_name, self._call.store.clock()
        start, is_after = max((self._after, True), (self._prefix, False))
        while True:
            rows = index.list_latest(bucket, start, is_after, _FETCH, now)
            for row in rows:
                raw = row.key.encode()
                if not raw.startswith(self._prefix):
                    return
                if raw >= self._goal:
                    yield row
            if len(rows) < _FETCH:
                return
            start, is_after = max((rows[-1].key.encode(), True), (self._goal, False))


def _content(call: Call, entry: Listed, encode: Callable[[str], str], owner: str) -> Finished:
    """One line of a listing. Written out, for there are a thousand of them on a page."""
    shown = _as_listed(call, entry)
    owned = f"<Owner><ID>{escape(owner)}</ID><DisplayName>{escape(owner)}</DisplayName></Owner>" if owner else ""
    return Finished(
        f"<Key>{escape(encode(shown.key))}</Key><LastModified>{iso_time(shown.modified)}</LastModified>"
        f"<ETag>&quot;{escape(shown.etag)}&quot;</ETag><Size>{shown.size}</Size>{owned}"
        f"<StorageClass>{shown.storage_class}</StorageClass>"
    )


def _as_listed(call: Call, entry: Listed) -> Listed:
    """The line as the store's dialect shows it."""
    traits = call.traits
    if traits.listing_etag == "other":
        entry = replace(entry, etag=hashlib.md5(entry.etag.encode()).hexdigest())
    if traits.listing_size == "other":
        entry = replace(entry, size=entry.size + _SEALED_EXTRA)
    if traits.archive:
        entry = replace(entry, storage_class=call.store.storage_class(entry))
    return entry


def _ordered(call: Call, contents: list[Listed]) -> list[Listed]:
    return contents if call.traits.listing_order == "sorted" else contents[::-1]


def _listing(call: Call, root: str, tree: dict[str, object]) -> Answer:
    body = document(root, tree)
    if call.traits.encoding_type == "ignored":
        # A careless store also writes a raw carriage return, which a parser then reads as a line feed.
        body = body.replace(b"&#xD;", b"\r")
    if call.traits.encoding_type == "replaced":
        body = _FORBIDDEN.sub("\ufffd".encode(), body)
    return xml_answer(body, headers={"x-amz-bucket-region": call.region})


def _encoding(call: Call) -> tuple[Callable[[str], str], str | None]:
    asked = call.query("encoding-type")
    if asked not in ("", "url"):
        raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request")
    if asked == "url" and call.traits.encoding_type == "honoured":
        return url_encoded, "url"
    return str, None


def _to_token(call: Call, last: str) -> str:
    if call.traits.encoding_type == "replaced":
        return last
    return base64.urlsafe_b64encode(b"1" + last.encode()).decode()


def _from_token(call: Call, token: str) -> str:
    if call.traits.encoding_type == "replaced":
        return token
    try:
        raw = base64.urlsafe_b64decode(token.encode())
        if not raw.startswith(b"1"):
            raise ValueError(token)
        return raw[1:].decode()
    except (binascii.Error, ValueError) as exc:
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect") from exc


# Versions


async def list_object_versions(call: Call) -> Answer:
    bucket, prefix, delimiter = call.bucket(), call.query("prefix"), call.query("delimiter")
    key_marker, id_marker = call.query("key-marker"), call.query("version-id-marker")
    most = call.number("max-keys", 1000, call.traits.largest_page)
    if id_marker and not key_marker:
        raise S3Error("InvalidArgument", "A version-id marker cannot be specified without a key marker.")
    page = _version_page(call, prefix, delimiter, key_marker, id_marker, most)
    encode, encoding = _encoding(call)
    last = page.contents[-1] if page.contents and page.contents[-1].key == page.last else None
    contents = _ordered(call, page.contents)
    tree: dict[str, object] = {
        "Name": bucket.name,
        "Prefix": encode(prefix),
        "Delimiter": encode(delimiter) if delimiter else None,
        "KeyMarker": encode(key_marker),
        "VersionIdMarker": id_marker,
        "NextKeyMarker": encode(page.last) if page.is_truncated else None,
        "NextVersionIdMarker": last.version_id if page.is_truncated and last else None,
        "MaxKeys": most,
        "EncodingType": encoding,
        "IsTruncated": page.is_truncated,
        "Version": [_version(call, entry, encode) for entry in contents if not entry.is_marker],
        "DeleteMarker": [_marker(call, entry, encode) for entry in contents if entry.is_marker],
        "CommonPrefixes": [{"Prefix": encode(group)} for group in page.prefixes],
    }
    return _listing(call, "ListVersionsResult", tree)


def _version_page(call: Call, prefix: str, delimiter: str, key: str, version_id: str, most: int) -> _Page:
    page = _Page(most)
    if most == 0:
        return page
    skipped = key if delimiter and key.endswith(delimiter) else ""
    for entry in _walk_versions(call, prefix, key, version_id):
        group = _group(entry.key, prefix, delimiter)
        if group and group == skipped:
            continue
        if page.count >= most:
            page.is_truncated = True
            break
        if group:
            page.prefixes.append(group)
            page.last = skipped = group
        else:
            page.contents.append(entry)
            page.last = entry.key
    return page


def _walk_versions(call: Call, prefix: str, key: str, version_id: str) -> Iterator[Listed]:
    index, bucket, raw_prefix = call.store.index, call.bucket_name, prefix.encode()
    start, seq = key.encode(), 0
    if version_id:
        seq = index.seq_of(bucket, key, version_id) or 0
    if start < raw_prefix:
        # One past every version of a key is where the key itself begins.
        start, seq = raw_prefix, 2**62
    while True:
        rows = index.list_versions(bucket, start, seq, _FETCH)
        for _, row in rows:
            if not row.key.encode().startswith(raw_prefix):
                return
            yield row
        if len(rows) < _FETCH:
            return
        seq, start = rows[-1][0], rows[-1][1].key.encode()


def _version(call: Call, entry: Listed, encode: Callable[[str], str]) -> Finished:
    line = _content(call, entry, encode, call.owner)
    latest = "true" if entry.is_latest else "false"
    return Finished(f"{line}<VersionId>{escape(entry.version_id)}</VersionId><IsLatest>{latest}</IsLatest>")


def _marker(call: Call, entry: Listed, encode: Callable[[str], str]) -> dict[str, object]:
    return {
        "Key": encode(entry.key),
        "VersionId": entry.version_id,
        "IsLatest": entry.is_latest,
        "LastModified": iso_time(entry.modified),
        "Owner": {"ID": call.owner, "DisplayName": call.owner},
    }
