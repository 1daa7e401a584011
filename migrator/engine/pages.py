"""Pages of a listing, read as they were said; nothing is judged here.

Listing a bucket is reading XML: three fifths of what a key costs with the library's parser. A store writes the rows of
a page one like the other, so those are cut out by a pattern and only what is around them is parsed. The pattern takes
no liberties: a page with anything in it that it does not expect goes to the parser whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes
from xml.etree.ElementTree import Element

from migrator.engine.answers import rfc3339
from migrator.engine.documents import SMALL_DOCUMENT, document, name_of
from migrator.engine.messages import ListedMarker, ListedObject, ListPage, VersionPage


def page_of(body: bytes) -> ListPage:
    """Read a page of ListObjectsV2 as it was said. Raises ValueError where it is none."""
    # What is large is first counted by the parser's door.
    cut = _cut_rows(body) if len(body) <= SMALL_DOCUMENT else None
    if cut is not None:
        found = _page_around(cut)
        if found is not None:
            return found
    root = document(body, _LISTING)
    names = _Names()
    rows = [{names[field.tag]: field.text or "" for field in child} for child in root if names[child.tag] == _ROW]
    columns = {name: [row.get(name, absent) for row in rows] for name, absent in _ABSENT.items()}
    return _page(root, columns)


def version_page_of(body: bytes) -> VersionPage:
    """Read a page of ListObjectVersions as it was said. Raises ValueError where it is none."""
    root = document(body, "ListVersionsResult")
    said = {name_of(child): child.text or "" for child in root}
    coded = said.get("EncodingType") == "url"
    rows = [(name_of(child), {name_of(each): each.text or "" for each in child}) for child in root]
    return VersionPage(
        name=said.get("Name"),
        versions=tuple(_listed_version(row, coded) for name, row in rows if name == "Version"),
        markers=tuple(_listed_marker(row, coded) for name, row in rows if name == "DeleteMarker"),
        truncated=_TRUTH.get(said.get("IsTruncated", "")),
        next_key=key_of({"Key": said.get("NextKeyMarker", "")}, coded),
        next_version=said.get("NextVersionIdMarker", ""),
    )


_LISTING, _ROW = "ListBucketResult", "Contents"
# What is read of a row, and what stands for it where it is missing.
_ABSENT = {"Key": "", "Size": "-1", "ETag": "", "LastModified": "", "StorageClass": ""}


def _page(root: Element, columns: Mapping[str, Sequence[str]]) -> ListPage:
    """Return a page from what is said around its rows, and from the rows by the columns of `_ABSENT`."""
    others = [child for child in root if name_of(child) != _ROW]
    said = {name_of(child): child.text or "" for child in others}
    coded = said.get("EncodingType") == "url"
    keys, sizes, etags, times, classes = (columns[name] for name in _ABSENT)
    if coded:
        keys = [_decoded(key) for key in keys]
    return ListPage(
        name=said.get("Name"),
        entries=tuple(map(ListedObject, keys, map(int, sizes), etags, map(_listed_time, times), classes)),
        truncated=_TRUTH.get(said.get("IsTruncated", "")),
        next_token=said.get("NextContinuationToken", ""),
        key_count=int(said["KeyCount"]) if "KeyCount" in said else None,
        common_prefixes=sum(name_of(child) == "CommonPrefixes" for child in others),
        encoding="url" if coded else "",
    )


_MARK = {"cut": "here"}


class _Cut(NamedTuple):
    """A page whose rows were cut out: what is around them, one marked row in their place, and their columns."""

    around: bytes
    columns: dict[str, Sequence[str]]


def _page_around(cut: _Cut) -> ListPage | None:
    """Return the page; None where what is around the rows is not as expected: then the whole shows what it is."""
    try:
        root = document(cut.around, _LISTING)
    except ValueError:
        return None
    rows = [child for child in root if name_of(child) == _ROW]
    return _page(root, cut.columns) if len(rows) == 1 and rows[0].attrib == _MARK else None


def _cut_rows(body: bytes) -> _Cut | None:
    """Cut out the rows of a page; None where they are not all alike, or anything could mean what it does not say."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    declared = _DECLARATION.match(text)
    start, end = text.find(f"<{_ROW}>"), text.rfind(f"</{_ROW}>") + len(f"</{_ROW}>")
    if start < 0 or end < start or "]]>" in text or text.count("<?") != (declared is not None):
        return None
    # In the text of an element these are the quotes of an ETag, however they are written.
    rows = text[start:end].replace("&quot;", '"').replace("&#34;", '"')
    first = _FIRST_ROW.match(rows)
    if first is None:
        return None
    names = _FIELD.findall(first[0])
    found = _pattern_of(tuple(names)).split(rows)
    width = len(names) + 1
    if "".join(found[::width]).strip(" \t\n"):
        return None
    columns: dict[str, Sequence[str]] = {name: found[place::width] for place, name in enumerate(names, start=1)}
    count = len(found) // width
    absent = {name: [text] * count for name, text in _ABSENT.items() if name not in columns}
    return _Cut(f"{text[:start]}<{_ROW} cut='here'/>{text[end:]}".encode(), columns | absent)


# What may stand before the first element. Of another encoding the parser knows more.
_DECLARATION = re.compile(
    r"""<\?xml version=["']1\.0["'](?: encoding=["'](?i:utf-8)["'])?(?: standalone="\w+")? ?\?>"""
)
# Text that a parser would hand over as it is: no entity, and no sign that XML forbids or changes.
_TEXT = r"[^<&\x00-\x1f\ufffe\uffff]*"
_FIRST_ROW = re.compile(rf"<{_ROW}>(?:<([A-Za-z_]\w*)>{_TEXT}</\1>)+</{_ROW}>", re.ASCII)
_FIELD = re.compile(r"<(\w+)>(?=[^<]*</)", re.ASCII)


@lru_cache(maxsize=16)
def _pattern_of(names: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of a row that has these fields in this order."""
    fields = "".join([f"<{name}>({_TEXT})</{name}>" for name in names])
    return re.compile(f"<{_ROW}>{fields}</{_ROW}>")


class _Names(dict[str, str]):
    """The names of tags without their prefixes, each cut once: a page has thousands of a dozen tags."""

    def __missing__(self, tag: str) -> str:
        name = self[tag] = tag.rpartition(":")[2]
        return name


_TRUTH = {"true": True, "false": False}


def _listed_version(row: Mapping[str, str], coded: bool) -> ListedObject:
    said = row.get
    return ListedObject(
        key_of(row, coded),
        int(said("Size", "-1")),
        said("ETag", ""),
        _listed_time(said("LastModified", "")),
        said("StorageClass", ""),
        said("VersionId", ""),
    )


def _listed_marker(row: Mapping[str, str], coded: bool) -> ListedMarker:
    return ListedMarker(
        key=key_of(row, coded),
        version_id=row.get("VersionId", ""),
        is_latest=row.get("IsLatest") == "true",
        last_modified=_listed_time(row.get("LastModified", "")),
    )


def _listed_time(text: str) -> str:
    """Return a time of a listing as RFC 3339 in UTC. Raises ValueError where it is none."""
    if len(text) == len("2026-11-25T08:33:21.000Z") and text.isascii() and text[19] == "." and text[23] == "Z":
        return f"{text[:23]}000Z"
    return rfc3339(datetime.fromisoformat(text)) if text else ""


def key_of(row: Mapping[str, object], coded: bool) -> str:
    """Return a row's key, decoded where the page is coded; what is not UTF-8 is kept apart, never replaced."""
    key = str(row.get("Key", ""))
    return _decoded(key) if coded else key


# Far more than any store takes as a key: to decode one costs many times its size.
_LONGEST_CODED = 64 * 1024


def _decoded(key: str) -> str:
    if "%" not in key and "+" not in key:
        return key
    if len(key) > _LONGEST_CODED:
        raise ValueError("a key without end")
    # A blank comes as "+", a plus as "%2B".
    return unquote_to_bytes(key.replace("+", " ")).decode("utf-8", "surrogateescape")
