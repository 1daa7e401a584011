"""What a source states decides what is computed, and nothing else does."""

from __future__ import annotations

import pytest

from integrity.algorithms import ALL, FOR_PARTS, USUAL, Algorithm
from integrity.evidence import Demand, Statement
from tests.integrity.evidence.facts import MD5, said

TYPES = ("FULL_OBJECT", "COMPOSITE")


def stating(name: str, stated_type: str | None, text: str = "AAAA") -> Statement:
    return said(checksums={name: text}, checksum_type=stated_type)


def test_a_source_that_states_nothing_costs_nothing() -> None:
    assert Demand.of(said(etag=f"{MD5}-5")) == Demand() == Demand(USUAL, FOR_PARTS)


@pytest.mark.parametrize("algorithm", sorted(ALL))
def test_a_full_object_checksum_asks_for_that_digest_of_the_whole(algorithm: Algorithm) -> None:
    assert Demand.of(stating(algorithm, "FULL_OBJECT")) == Demand(USUAL | {algorithm}, FOR_PARTS)


@pytest.mark.parametrize("algorithm", sorted(ALL))
def test_a_composite_checksum_asks_for_that_digest_of_each_part(algorithm: Algorithm) -> None:
    assert Demand.of(stating(algorithm, "COMPOSITE")) == Demand(USUAL, FOR_PARTS | {algorithm})


def test_the_count_tells_a_composite_where_no_type_is_stated() -> None:
    assert Demand.of(stating("CRC32", None, "WgDhBQ==-3")) == Demand()
    assert Demand.of(stating("SHA1", None, "sizjvY4eud3MrcHdZM3cQ/ol39o=-3")).parts == FOR_PARTS | {Algorithm.SHA1}


def test_a_checksum_of_unclear_type_may_be_one_of_the_whole() -> None:
    assert Demand.of(stating("SHA1", None)) == Demand(USUAL | {Algorithm.SHA1}, FOR_PARTS)


@pytest.mark.parametrize("stated_type", TYPES)
def test_an_algorithm_that_we_do_not_know_asks_for_nothing(stated_type: str) -> None:
    assert Demand.of(stating("BLAKE3", stated_type)) == Demand()


@pytest.mark.parametrize("stated_type", TYPES)
def test_what_the_task_leaves_out_is_not_computed_though_it_is_stated(stated_type: str) -> None:
    left_out = frozenset({Algorithm.SHA256, Algorithm.MD5})

    assert Demand.of(stating("SHA256", stated_type), left_out) == Demand(USUAL - left_out, FOR_PARTS - left_out)
