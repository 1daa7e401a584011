"""Pages of a listing, read as they were said; nothing is judged here.

Listing a bucket is reading XML: three fifths of what a key costs with the library's parser. A store writes the rows of
a page one like the other, or of a few kinds, so those are cut out by a pattern and only what is around them is parsed.
The pattern takes no liberties: a page with anything in it that it does not expect goes to the parser whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes
from xml.etree.ElementTree import Element

from migrator.engine.answers import rfc3339
from migrator.engine.documents import SMALL_DOCUMENT, document, name_of
from migrator.engine.messages import ListedMarker, ListedObject, ListPage, VersionPage


def page_of(body: bytes) -> ListPage:
    """Read a page of ListObjectsV2 as it was said. Raises ValueError where it is none."""
    root, columns = _read(body, _OBJECTS)
    others = [child for child in root if name_of(child) != _OBJECTS.row]
    said = {name_of(child): child.text or "" for child in others}
    coded = said.get("EncodingType") == "url"
    return ListPage(
        name=said.get("Name"),
        entries=tuple(map(ListedObject, *_values(columns, coded))),
        truncated=_TRUTH.get(said.get("IsTruncated", "")),
        next_token=said.get("NextContinuationToken", ""),
        key_count=int(said["KeyCount"]) if "KeyCount" in said else None,
        common_prefixes=_folded(others),
        encoding="url" if coded else "",
    )


def version_page_of(body: bytes) -> VersionPage:
    """Read a page of ListObjectVersions as it was said. Raises ValueError where it is none."""
    root, columns = _read(body, _VERSIONS)
    said = {name_of(child): child.text or "" for child in root}
    coded = said.get("EncodingType") == "url"
    markers = [{name_of(each): each.text or "" for each in child} for child in root if name_of(child) == _MARKER]
    return VersionPage(
        name=said.get("Name"),
        versions=tuple(map(ListedObject, *_values(columns, coded))),
        markers=tuple(_listed_marker(row, coded) for row in markers),
        truncated=_TRUTH.get(said.get("IsTruncated", "")),
        next_key=key_of({"Key": said.get("NextKeyMarker", "")}, coded),
        next_version=said.get("NextVersionIdMarker", ""),
        common_prefixes=_folded(root),
    )


def _folded(children: Iterable[Element]) -> int:
    """Return how many prefixes stand for all the keys behind them; an empty element stands for none."""
    return sum(name_of(child) == "CommonPrefixes" and any(each.text for each in child) for child in children)


# What may stand before the first element. Of another encoding the parser knows more.
_DECLARATION = re.compile(
    r"""<\?xml version=["']1\.0["'](?: encoding=["'](?i:utf-8)["'])?(?: standalone="\w+")? ?\?>"""
)
# Text that a parser would hand over as it is: no entity, and no sign that XML forbids or changes.
_TEXT = r"[^<&\x00-\x1f\ufffe\uffff]*"
# The one field that is made of others, of which nothing is read.
_OWNER = re.compile(rf"<Owner>((?:<ID>{_TEXT}</ID>|<DisplayName>{_TEXT}</DisplayName>)*)</Owner>")
_ANY_FIELDS = rf"(?:<([A-Za-z_]\w*)>{_TEXT}</\1>|{_OWNER.pattern})+"


class _Listing(NamedTuple):
    """A kind of listing: its root, its rows, what is read of a row with what stands for it where it is missing.

    `beside`: what else may stand between rows.
    """

    root: str
    row: str
    absent: Mapping[str, str]
    beside: re.Pattern[str]


_READ = {"Key": "", "Size": "-1", "ETag": "", "LastModified": "", "StorageClass": ""}
_MARKER = "DeleteMarker"
_OBJECTS = _Listing("ListBucketResult", "Contents", _READ, re.compile(""))
_VERSIONS = _Listing(
    "ListVersionsResult",
    "Version",
    {**_READ, "VersionId": ""},
    re.compile(rf"(?:<{_MARKER}>{_ANY_FIELDS}</{_MARKER}>)*", re.ASCII),
)
_Columns: TypeAlias = Mapping[str, Sequence[str]]


def _values(columns: _Columns, coded: bool) -> tuple[Iterable[object], ...]:
    """Return the columns in the order of the fields of `ListedObject`."""
    keys, sizes, etags, times, *others = columns.values()
    if coded:
        keys = [_decoded(key) for key in keys]
    return (keys, map(int, sizes), etags, map(_listed_time, times), *others)


def _read(body: bytes, listing: _Listing) -> tuple[Element, _Columns]:
    """Return the root of a page and the columns of its rows; where rows were cut out one marked row is left of them."""
    # What is large is first counted by the parser's door.
    cut = _cut_rows(body, listing) if len(body) <= SMALL_DOCUMENT else None
    root = None if cut is None else _root_around(cut, listing)
    if cut is not None and root is not None:
        return root, cut.columns
    root = document(body, listing.root)
    names = _Names()
    rows = [
        {names[field.tag]: field.text or "" for field in child} for child in root if names[child.tag] == listing.row
    ]
    return root, {name: [row.get(name, absent) for row in rows] for name, absent in listing.absent.items()}


_MARK = {"cut": "here"}


class _Cut(NamedTuple):
    """A page whose rows were cut out: what is around them, one marked row in their place, and their columns."""

    around: bytes
    columns: _Columns


def _root_around(cut: _Cut, listing: _Listing) -> Element | None:
    """Return the root; None where what is around the rows is not as expected: then the whole shows what it is."""
    try:
        root = document(cut.around, listing.root)
    except ValueError:
        return None
    rows = [child for child in root if name_of(child) == listing.row]
    return root if len(rows) == 1 and rows[0].attrib == _MARK else None


def _cut_rows(body: bytes, listing: _Listing) -> _Cut | None:
    """Cut out the rows of a page; None where they are of many kinds, or anything could mean what it does not say."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    declared, row = _DECLARATION.match(text), listing.row
    start, end = text.find(f"<{row}>"), text.rfind(f"</{row}>") + len(f"</{row}>")
    if start < 0 or end < start or "]]>" in text or text.count("<?") != (declared is not None):
        return None
    # In the text of an element these are the quotes of an ETag, however they are written.
    rows = text[start:end].replace("&quot;", '"').replace("&#34;", '"')
    fields, odd, beside = _Fields(listing), rows, list[str]()
    while odd:
        if not fields.learn(odd):
            return None
        found = fields.pattern().split(rows)
        beside = [between for each in found[:: fields.width] if (between := each.strip(" \t\n"))]
        odd = next((each for each in beside if listing.beside.fullmatch(each) is None), "")
    return _Cut(f"{text[:start]}<{row} cut='here'/>{''.join(beside)}{text[end:]}".encode(), fields.columns(found))


class _Fields:
    """The fields of the rows of a page, in their order. Rows of more kinds than one lack some of them."""

    def __init__(self, listing: _Listing) -> None:
        self._listing = listing
        self._names: list[str] = []
        self._kinds = 0

    @property
    def width(self) -> int:
        """How many pieces a row is split into, with what stands before it."""
        return len(self._names) + 1

    def learn(self, rows: str) -> bool:
        """Learn the fields of the first row; False where it is not plain, or one kind too many."""
        first = _row_of_any_fields(self._listing.row).search(rows)
        if first is None or self._kinds == _MOST_KINDS:
            return False
        self._kinds += 1
        names = _FIELD.findall(_OWNER.sub("<Owner></Owner>", first[0]))
        if self._kinds == 1:
            # A field may be there twice, such as the algorithms of checksums.
            self._names = names
            return True
        if len(set(self._names)) < len(self._names):
            return False
        for before, name in zip(["", *names], names, strict=False):
            if name not in self._names:
                self._names.insert(self._names.index(before) + 1 if before else 0, name)
        return True

    def pattern(self) -> re.Pattern[str]:
        """Return what splits the rows."""
        return _pattern_of(self._listing.row, tuple(self._names), self._kinds > 1)

    def columns(self, found: Sequence[str | None]) -> _Columns:
        """Return the columns that are read."""
        return {name: self._column(name, absent, found) for name, absent in self._listing.absent.items()}

    def _column(self, name: str, absent: str, found: Sequence[str | None]) -> Sequence[str]:
        if name not in self._names:
            return [absent] * (len(found) // self.width)
        # Of a field that is there twice the last one counts, as with the parser.
        place = self.width - 1 - self._names[::-1].index(name)
        column = found[place :: self.width]
        return [absent if text is None else text for text in column]


# With more kinds on a page, or with fields in another order, trying costs more than the parser does.
_MOST_KINDS = 4
_FIELD = re.compile(r"<(\w+)>(?=[^<]*</)", re.ASCII)


@lru_cache(maxsize=4)
def _row_of_any_fields(row: str) -> re.Pattern[str]:
    return re.compile(rf"<{row}>{_ANY_FIELDS}</{row}>", re.ASCII)


@lru_cache(maxsize=32)
def _pattern_of(row: str, names: tuple[str, ...], is_mixed: bool) -> re.Pattern[str]:
    """Return the pattern of a row that has these fields in this order, or some of them."""
    fields = [_OWNER.pattern if name == "Owner" else f"<{name}>({_TEXT})</{name}>" for name in names]
    return re.compile(f"<{row}>{''.join([f'(?:{each})?' if is_mixed else each for each in fields])}</{row}>")


class _Names(dict[str, str]):
    """The names of tags without their prefixes, each cut once: a page has thousands of a dozen tags."""

    def __missing__(self, tag: str) -> str:
        name = self[tag] = tag.rpartition(":")[2]
        return name


_TRUTH = {"true": True, "false": False}


def _listed_marker(row: Mapping[str, str], coded: bool) -> ListedMarker:
    return ListedMarker(
        key=key_of(row, coded),
        version_id=row.get("VersionId", ""),
        is_latest=row.get("IsLatest") == "true",
        last_modified=_listed_time(row.get("LastModified", "")),
    )


_MARKS = ("-", "T", ".", "Z")


def _listed_time(text: str) -> str:
    """Return a time of a listing as RFC 3339 in UTC. Raises ValueError where it is none."""
    if not text:
        return ""
    moment = datetime.fromisoformat(text)
    # Nearly all are written so, and to write them anew costs many times what looking costs.
    is_usual = len(text) == len("2026-11-25T08:33:21.000Z") and (text[7], text[10], text[19], text[23]) == _MARKS
    return f"{text[:23]}000Z" if is_usual else rfc3339(moment)


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
