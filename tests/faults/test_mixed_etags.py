"""A source that a person has marked `mixed`: beside plain objects there are some whose ETag only looks like an MD5."""

from __future__ import annotations

import os

import pytest

from integrity.evidence import CheckName, EtagMeaning, Reason
from integrity.forecast import forecast
from migrator.engine.copying import Side
from migrator.engine.foreseeing import Classes, look_at, wish_of
from migrator.engine.verifying import Depth
from migrator.engine.workplace import CopyOptions
from tests.faults.conftest import Make
from tests.faults.small_objects import asked
from tests.faults.two_stores import DEST, SOURCE, TINY_PARTS, Settled, TwoStores

BODY, LARGE = os.urandom(3_000), os.urandom(900_000)
STATES_NO_SUMS = {"checksums": [], "default_checksum": ""}
FLIP = {"side": "source", "operation": "GetObject", "key": "plain", "calls": "all", "action": "flip"}


def filled(pair: TwoStores, body: bytes = BODY) -> TwoStores:
    """Give the source one object of each kind."""
    pair.seed("plain", body)
    usual = pair.source.traits.etag_single
    pair.source.change_traits(etag_single="opaque")
    pair.seed("odd", body + b"odd")
    pair.source.change_traits(etag_single=usual)
    return pair


def copied(pair: TwoStores, **options: object) -> dict[str, Settled]:
    """Copy all of it for a run that goes by the mark."""
    items = pair.begin()
    assert pair.source_profile.etag_single is EtagMeaning.MD5
    pair.source_profile = pair.source_profile.with_mixed_etags()
    settled = pair.copy_items(items, **options)
    pair.check_invariants(settled)
    return settled


def ends(settled: dict[str, Settled]) -> dict[str, tuple[str, str, str | None, list[str]]]:
    return {key: (each.verdict, each.grades, each.code or each.reason, each.attempts) for key, each in settled.items()}


PROVEN = ("verified", "S3/D3", None, [""])
NOT_TOLD = ("unverified", "S1/D3", "etag_semantics_unknown", [""])


@pytest.mark.parametrize("stores", ["two_stores", "streamed_stores"])
@pytest.mark.parametrize("if_match", ["honoured", "ignored"])
def test_an_object_whose_etag_is_no_md5_is_copied_and_stays_unverified(
    stores: str, if_match: str, request: pytest.FixtureRequest
) -> None:
    make: Make = request.getfixturevalue(stores)
    pair = filled(make(source_traits={"if_match": if_match, **STATES_NO_SUMS}))

    assert ends(copied(pair)) == {"plain": PROVEN, "odd": NOT_TOLD}
    assert pair.dest_bytes("odd") == BODY + b"odd"


def test_a_plain_object_beside_it_costs_no_request_more(two_stores: Make) -> None:
    pair = filled(two_stores(source_traits=STATES_NO_SUMS))

    copied(pair)

    source, dest = asked(pair)
    assert {entry.key for entry in pair.source.log if entry.operation == "HeadObject"} == {"odd"}
    assert (source["GetObject"], dest["PutObject"]) == (2, 2)


def test_a_checksum_proves_what_the_etag_does_not(two_stores: Make) -> None:
    assert ends(copied(filled(two_stores()))) == {"plain": PROVEN, "odd": PROVEN}


def test_a_second_reading_does_not_stand_in_for_it(two_stores: Make) -> None:
    settled = copied(filled(two_stores(source_traits=STATES_NO_SUMS)), double_read=True)

    assert settled["odd"].verdict == "unverified"
    assert settled["odd"].outcome(CheckName.SOURCE_REREAD) == "etag_semantics_unknown"
    assert settled["plain"].verdict == "verified"


def test_a_damaged_reading_proves_nothing(two_stores: Make) -> None:
    settled = copied(filled(two_stores(FLIP, source_traits=STATES_NO_SUMS)))

    assert ends(settled)["plain"] == NOT_TOLD


def test_a_damaged_reading_of_what_carries_a_checksum_is_found(two_stores: Make) -> None:
    assert copied(filled(two_stores(FLIP)))["plain"].code == "source_checksum_mismatch"


def test_a_large_body_is_tried_straight_and_read_again_in_parts_where_its_etag_is_none(two_stores: Make) -> None:
    pair = filled(two_stores(source_traits=STATES_NO_SUMS, dest_traits={"small_parts": True}), LARGE + LARGE)

    settled = copied(pair, threshold=100_000, limits=TINY_PARTS, concurrency=1)

    assert {key: (each.verdict, each.attempts) for key, each in settled.items()} == {
        "plain": ("verified", [""]),
        "odd": ("unverified", [""]),
    }
    # The odd one has shown it before its last piece went out; the rest of the batch then goes in parts at once.
    assert [entry.key for entry in pair.source.log if entry.operation == "GetObject"] == ["odd", "odd", "plain"]
    assert pair.requests("CreateMultipartUpload") == 2


@pytest.mark.parametrize("depth", list(Depth))
def test_a_comparison_finds_no_difference_where_the_etag_shows_none(two_stores: Make, depth: Depth) -> None:
    pair = filled(two_stores(source_traits=STATES_NO_SUMS))
    pair.dest.seed(DEST, "plain", BODY)
    pair.dest.seed(DEST, "odd", BODY + b"odd")
    pair.learn()
    pair.source_profile = pair.source_profile.with_mixed_etags()

    settled = pair.verify_items(pair.items(), depth)

    assert (settled["odd"].verdict, settled["odd"].code) == ("unverified", None)
    assert settled["odd"].outcome(CheckName.PAIR_DIGEST) == "etag_semantics_unknown"
    assert settled["plain"].verdict == ("unverified" if depth is Depth.STATEMENTS else "verified")


@pytest.mark.parametrize("traits", [STATES_NO_SUMS, {}])
def test_the_forecast_is_a_range_where_only_the_etag_could_prove_it(
    two_stores: Make, traits: dict[str, object]
) -> None:
    pair = filled(two_stores(source_traits=traits))
    pair.learn()
    known, options = pair.source_profile.with_mixed_etags(), CopyOptions()
    classes = Classes(options, "seed")
    for item in pair.items():
        classes.add(item)
    side = Side(pair.source_store, SOURCE, "", known)
    looks = {item_class: look_at(side, items) for item_class, items in classes.to_ask()}

    found = forecast(classes.planned, looks, known, pair.dest_profile, wish_of(options))

    assert (found.provable.lower.items, found.provable.upper.items) == ((0, 2) if traits else (2, 2))
    assert {each.why for each in found.shortfalls} == ({Reason.ETAG_SEMANTICS_UNKNOWN} if traits else set())
