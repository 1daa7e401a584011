"""INTEGRITY.md 12: a source whose listings state other ETags than its objects do."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import pytest

from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TwoStores

BODY = os.urandom(300_000)
MD5 = hashlib.md5(BODY).hexdigest()
STRAIGHT = 100_000


def listing(make: Make, stated: str, *, known: bool = True) -> TwoStores:
    """Return two stores where the source lists its one object with this ETag; `known`: the probe has found out."""
    pair = make()
    pair.seed("photo", BODY)
    pair.source.plan_faults(
        [{"side": "source", "operation": "ListObjectsV2", "action": "xml", "value": {"find": MD5, "put": stated}}]
    )
    pair.learn()
    pair.source_profile = replace(pair.source_profile, listing_etag=False if known else None)
    return pair


@pytest.mark.parametrize("threshold", [STRAIGHT, 1_000_000], ids=["straight through", "small"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "not known"])
@pytest.mark.parametrize(
    "stated",
    [hashlib.md5(b"other").hexdigest(), "no-digest", f"{MD5}-3", MD5.upper(), "0" * 32],
    ids=["another digest", "no digest", "parts", "capitals", "zeros"],
)
def test_the_object_s_own_etag_is_what_counts(two_stores: Make, stated: str, known: bool, threshold: int) -> None:
    pair = listing(two_stores, stated, known=known)

    settled = pair.copy_items(pair.items(), threshold=threshold)["photo"]

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D3", [""])
    assert pair.dest_bytes("photo") == BODY
    assert ("listing_etag_differs" in settled.notes) is (stated != MD5.upper())


@pytest.mark.parametrize("threshold", [STRAIGHT, 1_000_000], ids=["straight through", "small"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "not known"])
@pytest.mark.parametrize(
    ("newer", "modified"),
    [(os.urandom(len(BODY)), None), (BODY[:-1], 1_700_000_000)],
    ids=["of the same size", "of the same time"],
)
def test_row_16_where_all_are_listed_with_one_etag_an_object_that_was_replaced_is_source_changed(
    two_stores: Make, newer: bytes, modified: int | None, known: bool, threshold: int
) -> None:
    pair = two_stores()
    pair.source.plan_faults(
        [{"side": "source", "operation": "ListObjectsV2", "action": "etag", "value": "0" * 32, "calls": "all"}]
    )
    pair.learn()
    pair.source_profile = replace(pair.source_profile, listing_etag=False if known else None)
    pair.seed("photo", BODY, modified=1_700_000_000)
    planned = pair.items()
    pair.seed("photo", newer, modified=modified)

    settled = pair.copy_items(planned, threshold=threshold)["photo"]

    assert (settled.code, settled.attempts) == ("source_changed", ["source_changed"])
    assert pair.dest.keys(DEST) == []


def test_an_object_of_parts_that_is_listed_as_whole_is_not_sent_straight(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("film", BODY, part_size=100_000)
    (entry,) = pair.items()
    pair.source.plan_faults(
        [
            {
                "side": "source",
                "operation": "ListObjectsV2",
                "action": "xml",
                "value": {"find": entry.etag.strip('"'), "put": hashlib.md5(b"other").hexdigest()},
            }
        ]
    )
    pair.learn()
    pair.source_profile = replace(pair.source_profile, listing_etag=None)

    settled = pair.copy_items(pair.items(), threshold=STRAIGHT)["film"]

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D3", [""])
    assert pair.dest_bytes("film") == BODY


def test_what_one_object_has_shown_is_known_of_the_next(streamed_stores: Make) -> None:
    pair = streamed_stores(source_traits={"listing_etag": "other"})
    for number in range(5):
        pair.seed(f"photo-{number}", os.urandom(1000))
    items = pair.begin()
    pair.source_profile = replace(pair.source_profile, listing_etag=None)

    settled = pair.copy_items(items, concurrency=1)

    assert {each.verdict for each in settled.values()} == {"verified"}
    assert [call.status for call in pair.source.log if call.operation == "GetObject"].count(412) == 1
    assert pair.dest.keys(DEST) == [item.key for item in items]


QUOTED = f"&quot;{MD5}&quot;"


def listed_as(pair: TwoStores, etag: str) -> TwoStores:
    """Seed the source's one object, and have it listed with an ETag that is written so."""
    pair.seed("photo", BODY)
    written = {"find": QUOTED, "put": etag}
    pair.source.plan_faults([{"side": "source", "operation": "ListObjectsV2", "action": "xml", "value": written}])
    return pair


@pytest.mark.parametrize("threshold", [STRAIGHT, 1_000_000], ids=["straight through", "small"])
@pytest.mark.parametrize(
    "written",
    [f"\n  {QUOTED}\n  ", f"{QUOTED}&#13;&#10;", f" {MD5}\t"],
    ids=["a line of its own", "an end of a line", "no quotes"],
)
def test_an_etag_that_is_listed_among_blanks_is_the_same(two_stores: Make, written: str, threshold: int) -> None:
    pair = listed_as(two_stores(), written)
    pair.learn()
    planned = pair.items()

    settled = pair.copy_items(planned, threshold=threshold)["photo"]

    assert (planned[0].etag != f'"{MD5}"', settled.verdict, settled.attempts) == (True, "verified", [""])
    assert "listing_etag_differs" not in settled.notes


@pytest.mark.parametrize("threshold", [STRAIGHT, 1_000_000], ids=["straight through", "small"])
@pytest.mark.parametrize("sign", ["&#13;&#10;x-evil: yes", "\u00e9", "\u20ac", "&#127;"], ids=ascii)
def test_an_etag_that_no_header_can_hold_is_an_answer_that_cannot_be_read(
    two_stores: Make, sign: str, threshold: int
) -> None:
    pair = listed_as(two_stores(), f"&quot;{MD5}{sign}&quot;")

    settled = pair.copy_items(pair.items(), threshold=threshold)["photo"]

    assert settled.code == "store_error"
    assert "cannot be read" in settled.finding.error_message
    assert "GetObject" not in [entry.operation for entry in pair.source.log]
