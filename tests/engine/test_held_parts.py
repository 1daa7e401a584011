"""What an upload was opened for: another digest for whatever else is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from integrity.evidence import Origin, Profile, Proof, Statement
from integrity.layouts import Layout
from migrator.engine.held_parts import purpose_of
from migrator.engine.planning import Item
from migrator.engine.stores import Endpoint, Store, WriteHeaders
from migrator.engine.writing import Target

ITEM = Item(index=0, key="film", dest_key="to/film", size=20, etag='"e-2"', last_modified="", version_id="v")
SAID = Statement(origin=Origin.GET, etag='"e-2"', version_id="v", metadata={"cut": "final"})
HEADERS = WriteHeaders(
    content={"content-type": "video/mp4"},
    metadata={"cut": "final"},
    tags={"a": "1", "b": "2"},
    storage_class="STANDARD_IA",
    encryption="aws:kms",
    kms_key_id="key",
)
ONE_OF = {
    "content": {"content-type": "video/mpeg"},
    "metadata": {"cut": "first"},
    "tags": {"a": "1", "b": "3"},
    "storage_class": "GLACIER",
    "encryption": "AES256",
    "kms_key_id": "another",
}


@pytest.fixture
def target() -> Iterator[Target]:
    """Where the upload goes; nobody is asked."""
    end = Endpoint(url="http://127.0.0.1:9", access_key_id="id", secret_access_key="secret")
    with closing(Store(end)) as store:
        yield Target(store, "bucket", "to/film", Profile(), HEADERS)


def purpose(target: Target, item: Item = ITEM, said: Statement = SAID, layout: str = "multipart 10*2") -> str:
    return purpose_of(item, said, target, Layout.from_text(layout))


@pytest.mark.parametrize("name", ONE_OF)
def test_each_header_is_part_of_it(target: Target, name: str) -> None:
    other: Any = {name: ONE_OF[name]}

    assert purpose(replace(target, headers=replace(HEADERS, **other))) != purpose(target)


def test_the_checksum_of_the_whole_is_part_of_it(target: Target) -> None:
    proven = Profile(checksums={"CRC32": Proof.REJECTS})

    assert purpose(replace(target, profile=proven)) != purpose(target)


def test_the_object_and_its_parts_are_part_of_it(target: Target) -> None:
    others = [
        purpose(target),
        purpose(target, item=replace(ITEM, key="film 2")),
        purpose(target, item=replace(ITEM, version_id="w")),
        purpose(target, said=replace(SAID, version_id="w")),
        purpose(target, said=replace(SAID, etag='"f-2"')),
        purpose(target, layout="multipart 10*1+9*1"),
        purpose(target, layout="multipart 5*4"),
    ]

    assert len(set(others)) == len(others)


def test_what_says_the_same_in_other_words_is_not(target: Target) -> None:
    turned = replace(HEADERS, tags={"b": "2", "a": "1"})
    later = replace(SAID, request_id="r", at="2026-01-31T10:20:30Z", last_modified="2026-01-31T10:20:30Z", etag="e-2")

    assert purpose(replace(target, headers=turned), said=later) == purpose(target)
