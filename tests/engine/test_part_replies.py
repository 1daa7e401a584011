"""What a store answered to parts comes back as it was, whatever it was, and takes little memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrity.evidence import Encryption, Origin, Statement
from migrator.engine.part_replies import PartReplies

FIRST = Statement(
    origin=Origin.PART_REPLY,
    at="2026-01-02T03:04:05.000006Z",
    request_id="req-1",
    etag='"0123"',
    checksums={"CRC64NVME": "AAAAAAAAAAA="},
)

texts = st.text(st.characters(max_codepoint=255, exclude_characters="\r"), max_size=8)
replies = st.builds(
    Statement,
    origin=st.sampled_from([Origin.PART_REPLY, Origin.PART_LISTING]),
    at=texts,
    request_id=texts,
    etag=st.none() | texts,
    encryption=st.sampled_from(Encryption),
    checksums=st.dictionaries(st.sampled_from(["CRC32", "CRC64NVME"]), texts),
    storage_class=st.none() | st.just("COLD"),
)


@given(st.lists(replies, max_size=5), st.randoms())
def test_replies_come_back_in_the_order_of_their_parts(said: list[Statement], chance: Random) -> None:
    found, numbered = PartReplies(), list(enumerate(said, start=1))
    chance.shuffle(numbered)
    for number, reply in numbered:
        found.take(number, reply)

    assert list(found) == said
    assert [[*reply.checksums] for reply in found] == [[*reply.checksums] for reply in said]


def test_they_are_a_sequence_like_any_other() -> None:
    said = [replace(FIRST, etag=f'"{number}"') for number in range(3)]
    found = PartReplies()
    for number, reply in enumerate(said, start=1):
        found.take(number, reply)

    assert (len(found), found[-1], found[:2]) == (3, said[2], tuple(said[:2]))
    with pytest.raises(IndexError):
        found[3]


def test_a_part_that_is_sent_again_has_its_last_reply() -> None:
    found = PartReplies()
    found.take(1, FIRST)
    found.take(1, replace(FIRST, etag='"4567"'))

    assert list(found) == [replace(FIRST, etag='"4567"')]


def test_ten_thousand_replies_take_less_than_three_mib() -> None:
    tracemalloc.start()
    found = PartReplies()
    for number in range(1, 10_001):
        etag, sums = f'"{number:032x}"', {"CRC64NVME": f"{number:011}="}
        found.take(number, replace(FIRST, etag=etag, request_id=f"{number:016}", checksums=sums))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert len(found) == 10_000
    assert taken < 3 * 2**20
