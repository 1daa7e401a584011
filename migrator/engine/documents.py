"""The one door for XML that comes from a store. What is sent may be hostile, and must not grow on its way in.

No document type is taken, in whatever encoding: its entities could grow without end. Namespaces are not resolved: one
long name of a namespace would be repeated in front of every name. What is large is counted beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

# A page of keys of some 700 bytes has as much. What is no larger takes forty times its bytes at most.
SMALL_DOCUMENT = 1024 * 1024
# What stands for a tag, an attribute or a new piece of text, each of which costs memory of its own. A page of a
# thousand rows has a quarter of so many, with all that S3 can say of each.
_MARKS = (b"<", b"=", b"&", b"\n", b"\r")
_MOST_MARKS = 200_000
_LONGEST_ATTRIBUTE = 100
# Signs that XML cannot say, as they are, and references, which may be to one of them.
_PERHAPS_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]|&#(?:x([0-9a-fA-F]+)|([0-9]+));")
# Of XML 1.0, but for the tab and the ends of lines.
_SIGNS = (range(0x20, 0xD800), range(0xE000, 0xFFFE), range(0x10000, 0x110000))


def document(body: bytes, *names: str) -> Element:
    """Parse an answer of one of these kinds. Raises ValueError where it is none, or none that we take."""
    root = root_of(body)
    if name_of(root) not in names:
        raise ValueError(f"{root.tag[:100]} where {names[0]} was asked for")
    return root


def root_of(body: bytes) -> Element:
    """Parse an answer of any kind. Raises ValueError where it cannot be read, or asks for too much memory."""
    builder, parser = TreeBuilder(), _parser()
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.data
    _read(parser, body)
    return builder.close()


def harmless_root(body: bytes) -> str:
    """Return the name of the root of an answer that another reader of XML is to read, without its prefix.

    Raises ValueError where it cannot be read, or would grow there.
    """
    parser, root = _parser(), list[str]()

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        if not root:
            root.append(name)
        _refuse_long_attributes(attributes)

    parser.StartElementHandler = begin
    _read(parser, body)
    return root[0].rpartition(":")[2]


def begun(body: bytes) -> bytes:
    """Return an answer without the blanks before it: a store that works for long sends them to keep the line open.

    XML has none before its declaration.
    """
    return body.lstrip()


def without_forbidden(body: bytes) -> bytes:
    """Return an answer in UTF-8 in which signs that XML cannot say, and references to them, are question marks.

    Keys may hold such signs. A store that repeats the key in its answer writes them nevertheless, so that no reader
    takes it (S3's guide tells of keys with the signs 0 to 10). For answers of which the key is not read.
    """
    return _PERHAPS_FORBIDDEN.sub(lambda found: b"?" if _is_forbidden(found) else found[0], body)


def _is_forbidden(found: re.Match[bytes]) -> bool:
    if not found.lastindex:
        return True
    # No sign has so high a number that its digits would take long to read.
    digits = found[found.lastindex].lstrip(b"0")[:8] or b"0"
    sign = int(digits, 16 if found[1] else 10)
    return sign not in (9, 10, 13) and not any(sign in signs for signs in _SIGNS)


def name_of(element: Element) -> str:
    """Return an element's name without its prefix."""
    return element.tag.rpartition(":")[2]


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()
    # Without it each line and each entity is a piece of its own.
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_document_type
    return parser


def _read(parser: expat.XMLParserType, body: bytes) -> None:
    if len(body) > SMALL_DOCUMENT and sum(map(body.count, _MARKS)) > _MOST_MARKS:
        raise ValueError("more in an answer than a page of a thousand rows has")
    try:
        parser.Parse(begun(body), True)
    except (expat.ExpatError, LookupError) as exc:
        # An encoding that nobody knows is a LookupError.
        raise ValueError(str(exc)) from exc


def _refuse_document_type(*_: object) -> None:
    raise ValueError("a document type in an answer")


def _refuse_long_attributes(attributes: Mapping[str, str]) -> None:
    if any(len(text) > _LONGEST_ATTRIBUTE for text in attributes.values()):
        raise ValueError("a long attribute in an answer")
