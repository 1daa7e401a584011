"""The bare loop beside the pass."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.benchmarks import one_pass
from tests.benchmarks.one_pass import PART, Pairs
from tests.benchmarks.sets import KIB, MIB


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("length", one_pass.BUFFERS)
def test_both_say_the_same_of_a_large_object(length: int, parts: bool) -> None:
    buffers = one_pass.cut(bytes(range(256)) * (2 * PART // 256), length)

    with ThreadPoolExecutor() as pool:
        bare, ours = one_pass.streams(buffers, 2 * PART, parts, pool)

        assert bare() == ours()


def test_both_say_the_same_of_small_objects() -> None:
    bare, ours = one_pass.objects_each(one_pass.cut(bytes(range(256)) * 64, 4 * KIB))

    assert bare() == ours()


def test_every_digest_of_a_pass_is_taken_alone_too() -> None:
    seconds = one_pass.each_alone(one_pass.cut(bytes(MIB), 64 * KIB))

    assert list(seconds) == ["MD5", "SHA-256", "CRC32", "CRC32C", "CRC64NVME"]
    assert min(seconds.values()) > 0


def test_who_disagrees_is_not_measured() -> None:
    with pytest.raises(SystemExit, match="disagree"):
        one_pass.in_turns(Pairs("figure", MIB), 1, lambda: b"one", lambda: b"other")


def test_each_is_taken_once_a_pair() -> None:
    pairs = one_pass.in_turns(Pairs("figure", MIB), 3, lambda: None, lambda: None)

    assert (len(pairs.bare), len(pairs.ours)) == (3, 3)
