"""A layout that the first and the last part only seemed to tell: a wrong guess is no wrong byte."""

from __future__ import annotations

import os

import pytest

from integrity.evidence import CheckName
from migrator.engine.verifying import Depth
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS, TwoStores

# The first and the last part say: 8, 8, 8 and 8.
UNEQUAL = (80_000, 70_000, 90_000, 80_000)
OTHER = (80_000, 90_000, 70_000, 80_000)
BODY = os.urandom(sum(UNEQUAL))
FLIPPED = BODY[:99_000] + bytes([BODY[99_000] ^ 1]) + BODY[99_001:]
FLIP = {"side": "source", "operation": "GetObject", "key": "film", "action": "flip", "at_byte": 99_000}
PLAIN: dict[str, object] = {"checksums": []}
# A formula that the bucket has shown makes a difference a finding.
KNOWN = {"source_traits": PLAIN, "dest_traits": PLAIN | {"small_parts": True}}


def a_film(pair: TwoStores, sizes: tuple[int, ...] = UNEQUAL) -> TwoStores:
    pair.seed("film", BODY, part_sizes=sizes)
    # What shows that this bucket's ETags follow the formula.
    pair.seed("known", os.urandom(60_000), part_size=25_000)
    return pair


def heads_of_the_film(pair: TwoStores) -> int:
    return sum(entry.operation == "HeadObject" and entry.key == "film" for entry in pair.source.log)


def test_unequal_parts_between_two_that_fit_are_no_false_alarm(two_stores: Make) -> None:
    pair = a_film(two_stores(**KNOWN))

    settled = pair.copy(limits=TINY_PARTS, threshold=10_000)["film"]

    assert (settled.verdict, settled.attempts) == ("verified", [""])
    assert settled.notes == ("unequal_parts",)
    assert settled.outcome(CheckName.SOURCE_ETAG) == "match"
    assert [run.part_size for run in settled.finding.dest_layout.runs] == list(UNEQUAL)  # type: ignore[union-attr]


def test_the_upload_of_the_first_guess_is_aborted(two_stores: Make) -> None:
    pair = a_film(two_stores(**KNOWN))

    pair.copy(limits=TINY_PARTS, threshold=10_000)

    films = [upload for key, upload in pair.told.opened if key == "film"]
    assert len(films) == 2
    assert pair.dest.keys(DEST) == ["film", "known"]


def test_where_there_are_too_many_parts_to_ask_for_the_attributes_show_unequal_ones(two_stores: Make) -> None:
    sizes = [100, *[90, 110] * 150, 50]
    pair = two_stores(dest_traits={"small_parts": True})
    pair.seed("film", os.urandom(sum(sizes)), part_sizes=sizes, algorithm="CRC32")

    settled = pair.copy_one(limits=TINY_PARTS, threshold=1_000)

    assert (settled.verdict, settled.notes) == ("verified", ("unequal_parts",))


def test_a_small_object_of_unequal_parts_is_written_once(two_stores: Make) -> None:
    pair = a_film(two_stores(source_traits=PLAIN, dest_traits=PLAIN))

    settled = pair.copy()["film"]

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ("unequal_parts",))
    assert settled.finding.bytes_read == len(BODY)
    assert sum(entry.operation == "PutObject" and entry.key == "film" for entry in pair.dest.log) == 1


def test_wrong_bytes_under_a_layout_that_holds_stay_a_mismatch(two_stores: Make) -> None:
    pair = a_film(two_stores({**FLIP, "calls": "all"}, **KNOWN), sizes=(80_000,) * 4)

    settled = pair.copy(limits=TINY_PARTS)["film"]

    assert (settled.code, settled.attempts) == ("source_etag_mismatch", ["source_etag_mismatch"] * 4)
    assert pair.dest.keys(DEST) == ["known"]


def test_wrong_bytes_under_a_layout_that_does_not_hold_are_never_committed(two_stores: Make) -> None:
    pair = a_film(two_stores({**FLIP, "calls": "all"}, **KNOWN))

    settled = pair.copy(limits=TINY_PARTS)["film"]

    assert (settled.verdict, settled.code) == ("failed", "source_etag_mismatch")
    assert settled.notes == ("unequal_parts",)
    assert pair.dest.keys(DEST) == ["known"]


def test_more_parts_than_are_walked_leave_the_mismatch(two_stores: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrator.engine.cutting.MOST_PARTS_WALKED", 3)
    pair = a_film(two_stores(**KNOWN))

    settled = pair.copy_items([item for item in pair.begin() if item.key == "film"])["film"]

    assert settled.code == "source_etag_mismatch"
    assert settled.notes == ()


def test_a_part_that_the_store_does_not_tell_leaves_the_mismatch(two_stores: Make) -> None:
    # The fifth: two told the layout, and the walk has come to part 3.
    silent = {"side": "source", "operation": "HeadObject", "key": "film", "calls": "5", "action": "status"}
    pair = a_film(two_stores({**silent, "value": 403}, **KNOWN))

    assert pair.copy()["film"].attempts == ["source_etag_mismatch", ""]


def test_equal_parts_are_not_walked(two_stores: Make) -> None:
    pair = a_film(two_stores(**KNOWN), sizes=(80_000,) * 4)

    settled = pair.copy()["film"]

    # The first part and the last.
    assert (settled.verdict, heads_of_the_film(pair)) == ("verified", 2)


def test_a_comparison_reads_again_with_the_parts_of_the_source(two_stores: Make) -> None:
    pair = a_film(two_stores(**KNOWN))
    pair.dest.seed(DEST, "film", BODY)

    settled = pair.verify()["film"]

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D4", [""])
    assert settled.notes == ("unequal_parts",)


def test_a_comparison_reads_again_with_the_parts_of_the_destination(two_stores: Make) -> None:
    pair = two_stores(source_traits=PLAIN, dest_traits=PLAIN)
    pair.seed("film", BODY)
    pair.dest.seed(DEST, "film", BODY, part_sizes=UNEQUAL)

    settled = pair.verify(Depth.SOURCE, proven=True)["film"]

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D2", [""])
    assert settled.notes == ("unequal_parts",)


def test_a_flipped_byte_in_unequal_parts_at_the_destination_is_found(two_stores: Make) -> None:
    pair = two_stores(source_traits=PLAIN, dest_traits=PLAIN)
    pair.seed("film", BODY)
    pair.dest.seed(DEST, "film", FLIPPED, part_sizes=UNEQUAL)

    settled = pair.verify(Depth.SOURCE, proven=True)["film"]

    assert (settled.verdict, settled.code) == ("failed", "dest_etag_mismatch")


def test_statements_over_other_parts_are_no_finding(two_stores: Make) -> None:
    pair = a_film(two_stores(**KNOWN))
    pair.dest.seed(DEST, "film", BODY, part_sizes=OTHER)

    settled = pair.verify(Depth.STATEMENTS, proven=True)["film"]

    assert (settled.verdict, settled.outcome(CheckName.PAIR_DIGEST)) == ("unverified", "layouts_differ")


def test_statements_over_the_same_unequal_parts_are_a_finding(two_stores: Make) -> None:
    pair = a_film(two_stores(**KNOWN))
    pair.dest.seed(DEST, "film", FLIPPED, part_sizes=UNEQUAL)

    assert pair.verify(Depth.STATEMENTS, proven=True)["film"].code == "pair_digest_mismatch"
