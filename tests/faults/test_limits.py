"""What a destination takes: known by its profile, and said where the profile was wrong."""

from __future__ import annotations

import os
from dataclasses import replace

from integrity.layouts import MIB, Limits
from tests.faults.conftest import Make
from tests.faults.two_stores import TwoStores

BODY = os.urandom(300_000)


def with_limits(pair: TwoStores, **limits: object) -> TwoStores:
    """Learn both sides, and know of these limits of the destination too."""
    pair.learn()
    pair.dest_profile = replace(pair.dest_profile, limits=Limits(**limits))  # type: ignore[arg-type]
    return pair


def test_the_probe_finds_that_small_parts_are_taken(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"small_parts": True})
    pair.learn()

    assert pair.dest_profile.limits == Limits(smallest_part=1)


def test_the_probe_finds_that_small_parts_are_refused(two_stores: Make) -> None:
    pair = two_stores()
    pair.learn()

    assert pair.dest_profile.limits == Limits()
    assert not pair.dest.open_uploads()


def test_a_source_is_mirrored_where_the_profile_says_that_its_parts_are_taken(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"small_parts": True})
    pair.seed("film", BODY, part_size=100_000)

    assert pair.copy_one().finding.dest_layout.count == 3  # type: ignore[union-attr]


def test_unequal_parts_are_not_mirrored_where_equal_ones_are_asked_for(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"equal_parts": True, "small_parts": True})
    pair.seed("film", BODY, part_sizes=(100_000, 50_000, 150_000))
    items = with_limits(pair, equal_parts=True, smallest_part=1).items()

    settled = pair.copy_items(items)["film"]

    assert (settled.verdict, settled.finding.dest_layout.multipart) == ("verified", False)  # type: ignore[union-attr]


def test_an_object_above_the_limit_of_the_profile_is_refused_before_it_is_read(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("film", BODY)
    items = with_limits(pair, largest_object=299_999).items()

    settled = pair.copy_items(items)["film"]

    assert settled.code == "object_too_large"
    assert "299,999 bytes at most" in settled.finding.error_message
    assert settled.finding.bytes_read == 0


def test_options_take_the_place_of_the_profile(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("film", BODY)
    items = with_limits(pair, largest_object=1).items()

    assert pair.copy_items(items, limits=Limits())["film"].verdict == "verified"


def test_parts_that_the_store_refuses_are_said_and_sent_once(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"smallest_part": 64 * MIB})
    pair.seed("film", os.urandom(11 * MIB), part_size=5 * MIB)
    items = with_limits(pair).items()

    settled = pair.copy_items(items)["film"]

    assert (settled.code, len(settled.attempts)) == ("dest_config", 1)
    assert "EntityTooSmall" in settled.finding.error_message
    assert not pair.dest.open_uploads()


def test_more_parts_than_the_store_takes_are_said(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"most_parts": 2})
    pair.seed("film", os.urandom(11 * MIB), part_size=5 * MIB)
    items = with_limits(pair).items()

    settled = pair.copy_items(items)["film"]

    assert (settled.verdict, settled.code) == ("failed", "dest_config")
    assert "part 3 of this object and said InvalidArgument" in settled.finding.error_message
    assert not pair.dest.open_uploads()
