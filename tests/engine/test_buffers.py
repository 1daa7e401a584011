from __future__ import annotations

from pathlib import Path

import pytest

from migrator.engine.buffers import MemoryPart, SpooledPart
from migrator.engine.errors import LocalDiskFull


@pytest.mark.parametrize("count", [1, 1_000_000])
def test_a_part_in_memory_is_sent_as_it_was_written(count: int) -> None:
    part = MemoryPart(6 * count)

    part.write(b"abc" * count)
    part.write(memoryview(b"def" * count))

    assert part.body == b"abc" * count + b"def" * count
    assert b"".join(part.read_again()) == part.body
    part.close()
    assert part.body == b""


def test_a_spooled_part_is_read_from_its_beginning_each_time(tmp_path: Path) -> None:
    part = SpooledPart(tmp_path / "spool")

    part.write(b"abc")
    part.write(b"def")

    assert part.body.read() == b"abcdef"
    assert part.body.read() == b"abcdef"
    assert b"".join(part.read_again()) == b"abcdef"
    part.close()


def test_a_spooled_part_leaves_no_file(tmp_path: Path) -> None:
    part = SpooledPart(tmp_path)

    part.write(b"abc")
    part.close()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_a_connection_problem_of_its_own(tmp_path: Path) -> None:
    part = SpooledPart(tmp_path)
    part._file.close()
    part._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115 - closed with the part

    with pytest.raises(LocalDiskFull) as full:
        part.write(b"abc")

    assert full.value.pause_cause == "local_disk_full"
    part.close()
