"""XML out, as a store writes it, and XML in, as a client sends it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from urllib.parse import quote
from xml.etree import ElementTree
from xml.parsers import expat

from migrator.sandbox.errors import S3Error

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPECIAL = re.compile('[&<>"\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]')
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}

Tree = Mapping[str, object]


class Finished(str):
    """Text that is markup already."""

    __slots__ = ()


def escape(text: str) -> str:
    """Text for an element. A control character becomes a reference, as real stores write it, legal or not."""
    return _SPECIAL.sub(lambda found: _NAMED.get(found[0]) or f"&#x{ord(found[0]):X};", text)


def document(root: str, tree: Tree, *, namespace: bool = True) -> bytes:
    """A whole XML document. In the tree a list repeats its element, None leaves it out."""
    opening = f'<{root} xmlns="{NAMESPACE}">' if namespace else f"<{root}>"
    return f"{HEAD}{opening}{''.join(_elements(tree))}</{root}>".encode()


def _elements(tree: Tree) -> Iterable[str]:
    for name, value in tree.items():
        if isinstance(value, (list, tuple)):
            for entry in value:
                yield _element(name, entry)
        elif value is not None:
            yield _element(name, value)


def _element(name: str, value: object) -> str:
    if isinstance(value, Finished):
        return f"<{name}>{value}</{name}>"
    if isinstance(value, Mapping):
        return f"<{name}>{''.join(_elements(value))}</{name}>"
    if isinstance(value, bool):
        return f"<{name}>{str(value).lower()}</{name}>"
    return f"<{name}>{value if isinstance(value, int) else escape(str(value))}</{name}>"


def parse(data: bytes, root: str) -> ElementTree.Element:
    """The root element, its names without namespace; MalformedXML for anything else.

    A document type is refused where it begins, in whatever encoding, so there are no entities to expand.
    """
    builder, parser = ElementTree.TreeBuilder(), expat.ParserCreate(namespace_separator="}")
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as exc:
        # An encoding that nobody knows is a LookupError, one that the parser cannot use is a ValueError.
        raise S3Error("MalformedXML") from exc
    tree = builder.close()
    for element in tree.iter():
        element.tag = element.tag.rpartition("}")[2]
    if tree.tag != root:
        raise S3Error("MalformedXML")
    return tree


def _refuse_document_type(*_: object) -> None:
    raise S3Error("MalformedXML")


def text_of(element: ElementTree.Element, name: str) -> str:
    """The text of a child, or the empty string."""
    return element.findtext(name) or ""


def iso_time(moment: float) -> str:
    """2024-01-31T10:20:30.000Z: whole seconds, as HEAD can say them too."""
    return _iso_second(int(moment))


def http_time(moment: float) -> str:
    """Wed, 31 Jan 2024 10:20:30 GMT"""
    return _http_second(int(moment))


@lru_cache(4096)
def _iso_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@lru_cache(4096)
def _http_second(second: int) -> str:
    return formatdate(second, usegmt=True)


def url_encoded(text: str) -> str:
    """Keys under encoding-type=url."""
    return quote(text, safe="/~-_.")
