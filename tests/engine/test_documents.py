"""Row 66: what a store says stays about as large as it came, whoever reads it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest

from integrity.layouts import MIB
from migrator.engine.addresses import AddressRule
from migrator.engine.documents import document, harmless_root, name_of, root_of, without_forbidden
from migrator.engine.errors import EngineError
from migrator.engine.lines import LARGEST_ANSWER, LARGEST_ERROR
from migrator.engine.pacing import Patience
from migrator.engine.pages import page_of
from migrator.engine.stores import Endpoint, Store
from tests.engine.scripted import answering

LARGEST = LARGEST_ANSWER - 200
CODED = "<EncodingType>url</EncodingType>"
Ask = Callable[[Store], object]

EXPANDED = (
    f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "{"k" * 60_000}">]><ListBucketResult>'
    f"<Name>bucket</Name>{'<Contents><Key>&a;</Key><Size>1</Size></Contents>' * 1000}</ListBucketResult>"
)


def filled(unit: str, size: int = LARGEST, start: str = "", end: str = "") -> bytes:
    """A listing of `size` bytes at most that repeats one thing."""
    start, end = f"<ListBucketResult>{start}", f"{end}</ListBucketResult>"
    return (start + unit * ((size - len(start) - len(end)) // len(unit)) + end).encode()


def named_apart(size: int, root: str = "ListBucketResult") -> bytes:
    """Half of it the long name of a namespace, the rest elements that are all named differently within it."""
    elements = "".join(f"<e{number:05}/>" for number in range((size // 2 - 100) // 9))
    return f'<{root} xmlns="{"u" * (size // 2)}">{elements}</{root}>'.encode()


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def listed(store: Store) -> object:
    return store.list_page("bucket", "")


def versions(store: Store) -> object:
    return store.list_version_page("bucket", "")


def parts(store: Store) -> object:
    return store.list_parts("bucket", "key", "id")


def peak_of(ask: Ask, said: bytes) -> int:
    """The most bytes that are held on the way, besides the answer as the server has it."""
    # The second answer: what the first question of all loads is not counted.
    with answering(answer(b"<a/>"), said) as told:
        keys = {"access_key_id": "example", "secret_access_key": "example-secret"}
        store = Store(Endpoint(url=told.url, rule=AddressRule(allow_private=True), **keys), patience=Patience(tries=1))
        with suppress(EngineError):
            ask(store)
        tracemalloc.start()
        with suppress(EngineError):
            ask(store)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        store.close()
    assert len(told.requests) == 2
    return peak


# Made when they are needed: they are large.
BOMBS: dict[str, Callable[[], bytes]] = {
    "elements": lambda: filled("<a/>"),
    "rows": lambda: filled("<Contents><Key/></Contents>"),
    "one in the other": lambda: filled("<a>", LARGEST // 2),
    "attributes": lambda: b"<a " + b" ".join(b"a%d=''" % number for number in range(LARGEST // 12)) + b"/>",
    "lines": lambda: filled("a\n"),
    "returns": lambda: filled("a\r"),
    "brackets": lambda: filled("a]]"),
    "entities": lambda: filled("a&lt;"),
    "a wide sign in a name": lambda: filled("a", start="<Name>\U0001f600", end="</Name>"),
    "a wide sign in a key": lambda: filled("a", start="<Contents><Key>\U0001f600", end="</Key></Contents>"),
    "a coded key": lambda: filled("%41", start=f"{CODED}<Contents><Key>", end="</Key></Contents>"),
    "a long namespace": lambda: named_apart(MIB),
    "a document type": lambda: EXPANDED.encode(),
    "a document type in UTF-16": lambda: EXPANDED.encode("utf-16"),
    "just small enough": lambda: filled("<a/>", MIB),
}


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("ask", [listed, versions, parts])
def test_row_66_an_answer_does_not_grow(ask: Ask, kind: str) -> None:
    assert peak_of(ask, answer(BOMBS[kind]())) < 64 * MIB


@pytest.mark.parametrize("ask", [listed, versions, parts])
def test_row_66_a_refusal_does_not_grow(ask: Ask) -> None:
    assert peak_of(ask, answer(named_apart(LARGEST_ERROR - 100, "Error"), "500 Internal Server Error")) < 4 * MIB


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_document_type_is_refused_in_every_encoding(encoding: str) -> None:
    with pytest.raises(ValueError, match="document type"):
        document(EXPANDED.encode(encoding), "ListBucketResult")
    with pytest.raises(ValueError, match="document type"):
        harmless_root(EXPANDED.encode(encoding))


@pytest.mark.parametrize("encoding", ["nobody-knows", "hex", "utf-7"])
def test_an_encoding_that_cannot_be_read_is_no_crash(encoding: str) -> None:
    with pytest.raises(ValueError, match="encoding"):
        page_of(f'<?xml version="1.0" encoding="{encoding}"?><ListBucketResult/>'.encode())


FORBIDDEN = [*range(9), 11, 12, *range(14, 32), 0xD800, 0xDFFF, 0xFFFE, 0xFFFF, 0x110000, 0x10000000, 10**12]
ALLOWED = [9, 10, 13, 0x20, 0x7F, 0xD7FF, 0xE000, 0xFFFD, 0x10000, 0x10FFFF]


@pytest.mark.parametrize("form", ["&#x{:x};", "&#x{:06X};", "&#{};", "&#{:09};"])
def test_references_to_signs_that_xml_forbids_are_question_marks_and_no_others(form: str) -> None:
    def said(*signs: int) -> bytes:
        return f"<Key>a{''.join(map(form.format, signs))}z</Key>".encode()

    for sign in FORBIDDEN:
        with pytest.raises(ValueError, match="invalid character number"):
            root_of(said(sign))

    assert without_forbidden(said(*FORBIDDEN)) == b"<Key>a" + b"?" * len(FORBIDDEN) + b"z</Key>"
    assert without_forbidden(said(*ALLOWED)) == said(*ALLOWED)
    assert root_of(said(*ALLOWED)).text == f"a{''.join(map(chr, ALLOWED))}z"


def test_signs_that_xml_forbids_are_question_marks_and_no_others() -> None:
    written = [chr(sign).encode() for sign in FORBIDDEN if sign < 0xD800 or sign in (0xFFFE, 0xFFFF)]
    others = [chr(sign).encode() for sign in ALLOWED]

    assert without_forbidden(b"".join(written)) == b"?" * len(written)
    assert without_forbidden(b"".join(others)) == b"".join(others)


def test_a_page_of_a_thousand_of_the_longest_keys_is_read() -> None:
    """All that S3 can say of a row, and each byte of its key is coded."""
    said = "".join(f"<{name}>x</{name}>" for name in ("ETag", "ChecksumAlgorithm", "ChecksumType", "StorageClass"))
    owner = "<Owner><ID>me</ID><DisplayName>me</DisplayName></Owner>"
    restored = "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus>"
    row = f"<Contents><Key>{'%C3' * 1024}</Key><Size>1</Size>{said}{owner}{restored}</Contents>"
    page = page_of(filled(row, len(row) * 1001, CODED))

    assert len(page.entries) == 1000
    assert page.entries[-1].key.encode("utf-8", "surrogateescape") == b"\xc3" * 1024


def test_blanks_before_a_document_are_none_of_it() -> None:
    body = b" \r\n\t" * 100 + b'<?xml version="1.0" encoding="UTF-8"?><Tagging/>'

    assert name_of(document(body, "Tagging")) == "Tagging"


@pytest.mark.parametrize("body", [b"<Result/>", b'<s3:Result xmlns:s3="urn:s3"><s3:Code/></s3:Result>'])
def test_who_has_another_reader_of_a_document_learns_what_it_is(body: bytes) -> None:
    assert harmless_root(body) == "Result"
