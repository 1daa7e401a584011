"""A source whose parts are larger than what a proxy before the destination lets through."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from integrity.evidence import CheckName
from integrity.layouts import MIB
from migrator.engine.errors import CredentialsExpired
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TwoStores

FILM = os.urandom(MIB) * 18
CREATE = "CreateMultipartUpload"
COMPLETE = {"side": "destination", "operation": "CompleteMultipartUpload"}
# As a proxy answers, which is no store.
REFUSED = {"side": "destination", "operation": "UploadPart", "action": "status"}
A_PAGE = {"status": 413, "code": "413"}


def narrow(make: Make, *faults: Mapping[str, object], widest: int = 17 * MIB) -> TwoStores:
    """Return two stores, the second of which takes no part above this size."""
    return make(*faults, source_traits={"default_checksum": ""}, dest_traits={"largest_part": widest})


def test_an_object_whose_parts_are_refused_for_their_size_goes_in_our_own(two_stores: Make) -> None:
    pair = narrow(two_stores)
    for key in ("film-1", "film-2"):
        pair.seed(key, FILM, part_size=18 * MIB)

    settled = pair.copy(concurrency=1)

    for each in settled.values():
        assert (each.verdict, each.grades, each.attempts) == ("verified", "S3/D3", [""])
        assert str(each.finding.dest_layout) == f"multipart {16 * MIB}*1+{2 * MIB}*1"
        assert each.outcome(CheckName.SOURCE_ETAG) == "match"
        assert each.outcome(CheckName.PAIR_DIGEST) == "layouts_differ"
        assert each.finding.bytes_read == len(FILM)
    # The first one has shown it, and what was opened for it is gone.
    assert pair.requests(CREATE) == 3
    assert len(pair.told.closed) == 3


def test_what_a_proxy_says_counts_as_what_a_store_says(two_stores: Make) -> None:
    pair = two_stores({**REFUSED, "part": 1, "calls": "1", "value": A_PAGE})
    pair.seed("film", FILM, part_size=18 * MIB)

    assert pair.copy_one().verdict == "verified"


def test_parts_of_the_source_that_are_no_larger_than_our_own_are_mirrored_all_the_same(two_stores: Make) -> None:
    pair = narrow(two_stores)
    pair.seed("film-1", FILM, part_size=18 * MIB)
    pair.seed("film-2", FILM, part_size=10 * MIB)

    settled = pair.copy(concurrency=1)

    assert settled["film-2"].outcome(CheckName.PAIR_DIGEST) == "match"


@pytest.mark.parametrize("part_size", [18 * MIB, 10 * MIB])
def test_an_object_whose_smallest_parts_are_refused_as_well_is_too_large(two_stores: Make, part_size: int) -> None:
    pair = narrow(two_stores, widest=9 * MIB)
    pair.seed("film", FILM, part_size=part_size)

    settled = pair.copy_one()

    ours = min(part_size, 16 * MIB)
    assert (settled.code, settled.attempts) == ("object_too_large", ["object_too_large"])
    assert f"is {ours:,} bytes large" in settled.finding.error_message
    assert pair.requests(CREATE) == (2 if part_size > ours else 1)
    assert pair.dest.keys(DEST) == []


def test_an_object_that_is_refused_for_its_size_at_its_end_is_not_sent_again(two_stores: Make) -> None:
    too_large = {"status": 400, "code": "EntityTooLarge"}
    pair = two_stores({**COMPLETE, "calls": "1", "action": "status", "value": too_large})
    pair.seed("film", FILM, part_size=18 * MIB)

    settled = pair.copy_one()

    assert (settled.code, settled.attempts) == ("object_too_large", ["object_too_large"])
    assert settled.finding.error_message == "The object is too large; the destination takes less."
    assert pair.requests(CREATE) == 1


def test_what_came_to_the_key_meanwhile_is_left_alone(two_stores: Make) -> None:
    pair = narrow(two_stores, {**COMPLETE, "action": "overwrite", "value": "before"})
    pair.seed("film", FILM, part_size=18 * MIB)

    settled = pair.copy_items(pair.begin())["film"]

    assert settled.code == "dest_exists"
    assert pair.dest_bytes("film") != FILM


def test_row_41_what_was_kept_in_parts_of_our_own_is_continued(two_stores: Make) -> None:
    expired = {"status": 400, "code": "ExpiredToken"}
    fault = {"side": "destination", "operation": "UploadPart", "part": 2, "calls": "1", "action": "status"}
    pair = narrow(two_stores, {**fault, "value": expired})
    pair.seed("film", FILM, part_size=18 * MIB)
    planned = pair.begin()
    with pytest.raises(CredentialsExpired):
        pair.copy_items(planned, keep_above=MIB)
    (kept,) = pair.dest.open_uploads()
    pair.room = {"kept_uploads": {"film": pair.told.kept(kept.id)}}
    pair.dest.clear_log()

    settled = pair.copy_items(planned, keep_above=MIB)
    pair.check_invariants(settled)

    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ("upload_continued",))
    assert (pair.requests(CREATE), pair.requests("UploadPart")) == (0, 1)
