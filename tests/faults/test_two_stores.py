"""The invariants themselves: whoever breaks one is seen, also in a test that does not ask for the key."""

from __future__ import annotations

import http.client

import pytest

from migrator.engine.verifying import Depth
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, SOURCE, Settled, TwoStores

PUT = {"side": "destination", "operation": "PutObject", "calls": "1"}


def copied(two_stores: Make) -> tuple[TwoStores, dict[str, Settled]]:
    pair = two_stores()
    for number in range(3):
        pair.seed(f"photos/{number}", b"body")
    return pair, pair.copy()


def test_an_item_that_is_settled_twice_is_seen(two_stores: Make) -> None:
    pair, settled = copied(two_stores)
    pair.findings.append(pair.findings[0])

    with pytest.raises(AssertionError):
        pair.check_invariants(settled)


def test_an_item_that_is_not_settled_is_seen(two_stores: Make) -> None:
    pair, settled = copied(two_stores)
    del settled[pair.findings.pop().key]

    with pytest.raises(AssertionError):
        pair.check_invariants(settled)


def test_an_object_that_is_not_planned_is_seen(two_stores: Make) -> None:
    pair, settled = copied(two_stores)
    lost = pair.planned.pop()
    pair.findings = [finding for finding in pair.findings if finding.index != lost.index]
    del settled[lost.key]

    with pytest.raises(AssertionError):
        pair.check_invariants(settled)


@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("PUT", "/photo"),
        ("DELETE", "/photo"),
        ("PUT", "/photo?tagging"),
        ("POST", "/photo?uploads"),
        ("POST", "/photo?uploadId=1"),
        ("DELETE", "/photo?uploadId=1"),
        ("PUT", ""),
        ("DELETE", "?tagging"),
        ("PUT", "?acl"),
    ],
)
def test_whatever_is_not_reading_is_seen_at_the_source(two_stores: Make, method: str, place: str) -> None:
    pair, settled = copied(two_stores)
    line = http.client.HTTPConnection("127.0.0.1", pair.source.port)
    line.request(method, f"/{SOURCE}{place}")
    line.getresponse().read()
    line.close()

    with pytest.raises(AssertionError):
        pair.check_invariants(settled)


def test_a_planned_fault_that_a_comparison_never_met_is_seen(two_stores: Make) -> None:
    pair = two_stores({**PUT, "action": "status", "value": 503})
    pair.seed("photo", b"body")
    pair.dest.seed(DEST, "photo", b"body")

    with pytest.raises(AssertionError):
        pair.verify()


def test_a_comparison_that_verifies_what_has_rotted_is_seen(two_stores: Make) -> None:
    pair = two_stores({**PUT, "action": "corrupt_after_ack"})
    pair.seed("photo", b"body")
    planned = pair.begin()
    pair.copy_items(planned)
    # Who wrote it so is forgotten, and no statement of the destination shows it.
    pair.dest.plan_faults([])
    pair.dest.clear_log()

    with pytest.raises(AssertionError):
        pair.verify_items(planned, Depth.SOURCE)
