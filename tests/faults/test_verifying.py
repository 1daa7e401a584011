"""Comparing without copying, and row V1: what two stores state where no body is read."""

from __future__ import annotations

import os

import pytest

from integrity.evidence import CheckName
from migrator.engine.verifying import Depth
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TwoStores

BODY = os.urandom(100_000)
FLIPPED = BODY[:50_000] + bytes([BODY[50_000] ^ 1]) + BODY[50_001:]
EACH_DEPTH = pytest.mark.parametrize("depth", list(Depth))


def held(pair: TwoStores, source: bytes = BODY, dest: bytes = BODY, **described: object) -> TwoStores:
    """Give both sides an object of this key."""
    pair.seed("photo", source)
    pair.dest.seed(DEST, "photo", dest, **described)
    return pair


def gets(pair: TwoStores) -> tuple[int, int]:
    """How often each side was asked for a body after the plan."""
    logs = (pair.source.log, pair.dest.log)
    return tuple(sum(entry.operation == "GetObject" for entry in log) for log in logs)  # type: ignore[return-value]


HEAD = {"side": "source", "operation": "HeadObject", "action": "status", "value": 404}
TAGS = {"side": "source", "operation": "GetObjectTagging", "action": "status"}


def test_an_object_whose_headers_are_denied_though_it_is_listed_is_listed_not_found(two_stores: Make) -> None:
    settled = held(two_stores({**HEAD, "calls": "all"})).verify(Depth.STATEMENTS)["photo"]

    assert (settled.code, settled.attempts) == ("listed_not_found", ["listed_not_found"])
    assert settled.finding.error_message.startswith("The source lists this object, but says that it does not exist")


def test_an_object_that_was_deleted_before_its_headers_were_asked_for_is_source_gone(two_stores: Make) -> None:
    deleted = {**HEAD, "calls": "1", "action": "delete", "value": "before"}

    assert held(two_stores(deleted)).verify(Depth.STATEMENTS)["photo"].code == "source_gone"


def test_an_object_whose_tags_are_denied_though_it_is_listed_is_listed_not_found(two_stores: Make) -> None:
    denied = {**TAGS, "calls": "all", "value": {"status": 404, "code": "NoSuchKey"}}
    pair = two_stores(denied)
    pair.seed("photo", BODY, tags={"a": "b"})
    pair.dest.seed(DEST, "photo", BODY)

    assert pair.verify(Depth.STATEMENTS, tags=True)["photo"].code == "listed_not_found"


def test_what_another_tool_copied_is_verified_by_reading_both(two_stores: Make) -> None:
    settled = held(two_stores()).verify()["photo"]

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D4", [""])
    assert settled.finding.bytes_read == len(BODY)


def test_an_object_in_other_parts_is_verified_by_reading_both(two_stores: Make) -> None:
    settled = held(two_stores(), part_size=30_000).verify()["photo"]

    assert (settled.verdict, settled.grades) == ("verified", "S3/D4")


def test_a_flipped_byte_behind_opaque_etags_is_a_readback_mismatch(two_stores: Make) -> None:
    pair = held(two_stores(dest_traits={"etag_single": "opaque", "checksums": []}), dest=FLIPPED)

    settled = pair.verify()["photo"]

    assert (settled.verdict, settled.code) == ("failed", "dest_readback_mismatch")
    assert settled.attempts == ["dest_readback_mismatch"] * 2
    assert pair.dest_bytes("photo") == FLIPPED


def test_a_byte_that_rotted_behind_a_right_etag_is_a_readback_mismatch(two_stores: Make) -> None:
    rot = {"side": "destination", "operation": "GetObject", "key": "photo", "calls": "all", "action": "flip"}

    settled = held(two_stores(rot)).verify()["photo"]

    assert (settled.verdict, settled.code) == ("failed", "dest_readback_mismatch")
    assert settled.outcome(CheckName.PAIR_DIGEST) == "match"


def test_a_flipped_byte_that_the_destination_states_needs_no_reading_back(two_stores: Make) -> None:
    settled = held(two_stores(), dest=FLIPPED).verify()["photo"]

    assert (settled.verdict, settled.code) == ("failed", "dest_etag_mismatch")


def test_a_flipped_byte_in_parts_is_found_by_the_destinations_own_layout(two_stores: Make) -> None:
    pair = held(two_stores(), dest=FLIPPED, part_size=30_000)

    settled = pair.verify(Depth.SOURCE, proven=True)["photo"]

    assert (settled.verdict, settled.code) == ("failed", "dest_etag_mismatch")


def test_a_damaged_reading_of_the_destination_is_read_again(two_stores: Make) -> None:
    flip = {"side": "destination", "operation": "GetObject", "key": "photo", "calls": "1", "action": "flip"}

    settled = held(two_stores(flip)).verify()["photo"]

    assert (settled.verdict, settled.attempts) == ("verified", ["dest_readback_mismatch", ""])


@EACH_DEPTH
def test_an_object_that_is_missing_at_the_destination_is_named(two_stores: Make, depth: Depth) -> None:
    pair = two_stores()
    pair.seed("photo", BODY)

    settled = pair.verify(depth)["photo"]

    assert (settled.verdict, settled.code, settled.attempts) == ("failed", "dest_missing", ["dest_missing"])
    assert pair.dest.keys(DEST) == []


@EACH_DEPTH
def test_another_size_fails_without_reading_the_source(two_stores: Make, depth: Depth) -> None:
    settled = held(two_stores(), dest=BODY[:-1]).verify(depth)["photo"]

    assert (settled.verdict, settled.code, settled.attempts) == ("failed", "dest_size_mismatch", ["dest_size_mismatch"])
    assert settled.finding.bytes_read == 0


def test_reading_the_source_proves_what_a_controlled_destination_states(two_stores: Make) -> None:
    settled = held(two_stores()).verify(Depth.SOURCE, proven=True)["photo"]

    assert (settled.verdict, settled.grades) == ("verified", "S3/D3")


def test_reading_the_source_proves_nothing_where_the_destination_was_never_tried(two_stores: Make) -> None:
    settled = held(two_stores()).verify(Depth.SOURCE)["photo"]

    assert (settled.verdict, settled.reason, settled.grades) == ("unverified", "store_unproven", "S3/D1")


def test_opaque_etags_at_the_destination_give_no_false_alarm_and_no_false_proof(two_stores: Make) -> None:
    traits = {"etag_single": "opaque", "checksums": []}

    settled = held(two_stores(dest_traits=traits)).verify(Depth.SOURCE)["photo"]

    assert (settled.verdict, settled.reason, settled.grades) == ("unverified", "etag_semantics_unknown", "S3/D1")


def test_opaque_etags_at_both_ends_leave_the_source_to_be_proven(two_stores: Make) -> None:
    traits = {"etag_single": "opaque", "checksums": []}

    settled = held(two_stores(source_traits=traits, dest_traits=traits)).verify()["photo"]

    assert (settled.verdict, settled.reason, settled.grades) == ("unverified", "etag_semantics_unknown", "S1/D4")


def test_an_object_that_is_replaced_while_it_is_read_back_is_named(two_stores: Make) -> None:
    swap = {"side": "destination", "operation": "GetObject", "key": "photo", "calls": "1", "action": "overwrite"}
    pair = held(two_stores({**swap, "value": "before"}))

    settled = pair.verify()["photo"]

    assert settled.attempts == ["dest_changed_after_write"]
    assert settled.verdict == "failed"


def test_a_source_that_changed_after_the_plan_is_named(two_stores: Make) -> None:
    swap = {"side": "source", "operation": "HeadObject", "key": "photo", "calls": "1", "action": "overwrite"}
    pair = held(two_stores({**swap, "value": "before"}))

    assert pair.verify(Depth.STATEMENTS)["photo"].code == "source_changed"


def test_row_v1_differing_statements_fail(two_stores: Make) -> None:
    settled = held(two_stores(), dest=FLIPPED).verify(Depth.STATEMENTS)["photo"]

    assert (settled.verdict, settled.code) == ("failed", "pair_digest_mismatch")
    assert settled.attempts == ["pair_digest_mismatch"]


def test_row_v1_equal_statements_alone_prove_little(two_stores: Make) -> None:
    pair = held(two_stores())

    settled = pair.verify(Depth.STATEMENTS)["photo"]

    assert (settled.verdict, settled.reason) == ("unverified", "not_requested")
    assert settled.judgement.source_grade <= "S1"
    assert settled.outcome(CheckName.PAIR_DIGEST) == "match"
    assert settled.outcome(CheckName.DEST_IDENTITY) == "match"


def test_row_v1_no_body_is_read(two_stores: Make) -> None:
    pair = held(two_stores())
    planned = pair.begin()

    settled = pair.verify_items(planned, Depth.STATEMENTS)

    assert (settled["photo"].verdict, gets(pair)) == ("unverified", (0, 0))


def test_row_v1_statements_of_other_layouts_are_no_finding(two_stores: Make) -> None:
    settled = held(two_stores(), part_size=30_000).verify(Depth.STATEMENTS)["photo"]

    assert (settled.verdict, settled.code) == ("unverified", None)


def test_row_v1_differing_statements_of_one_layout_fail(two_stores: Make) -> None:
    pair = two_stores(source_traits={"checksums": []}, dest_traits={"checksums": []})
    pair.seed("film", BODY, part_size=30_000)
    pair.dest.seed(DEST, "film", FLIPPED, part_size=30_000)

    assert pair.verify(Depth.STATEMENTS)["film"].code == "pair_digest_mismatch"


def test_row_v1_statements_that_mean_nothing_are_no_finding(two_stores: Make) -> None:
    opaque = {"etag_single": "opaque", "checksums": []}

    settled = held(two_stores(dest_traits=opaque), dest=FLIPPED).verify(Depth.STATEMENTS)["photo"]

    assert (settled.verdict, settled.outcome(CheckName.PAIR_DIGEST)) == ("unverified", "etag_semantics_unknown")
