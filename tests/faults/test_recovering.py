"""Rows 33 and 34: what an unclear answer to Complete meant, and whether what is there is ours."""

from __future__ import annotations

import os

import pytest

from migrator.engine.errors import CredentialsExpired, CredentialsRefused
from migrator.engine.planning import Item
from migrator.sandbox import Logged
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS, TwoStores

BODY, OTHER = os.urandom(100_000), os.urandom(100_000)
COMPLETE = {"side": "destination", "operation": "CompleteMultipartUpload", "key": "film"}
HEAD = {"side": "destination", "operation": "HeadObject", "key": "film"}
LOST = {**COMPLETE, "calls": "1", "action": "drop_reply"}
BUSY = {**COMPLETE, "calls": "1", "action": "status", "value": 500}
GONE = {**COMPLETE, "action": "status", "value": {"status": 404, "code": "NoSuchUpload"}}


def film(two_stores: Make, *faults: dict[str, object], **traits: object) -> TwoStores:
    pair = two_stores(*faults, dest_traits={"small_parts": True, **traits})
    pair.seed("film", BODY, part_size=40_000)
    return pair


def asked(pair: TwoStores, operation: str) -> list[Logged]:
    return [entry for entry in pair.dest.log if entry.operation == operation]


def test_row_33_a_lost_answer_is_recovered_by_head(two_stores: Make) -> None:
    pair = film(two_stores, LOST)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.verdict == "verified"
    assert settled.notes == ("recovered",)
    assert settled.attempts == [""]


def test_row_33_an_upload_that_is_gone_after_a_lost_answer_is_recovered_by_head(two_stores: Make) -> None:
    # The first HEAD finds the key free, the second one does not see yet what was completed.
    late = {**HEAD, "calls": "2", "action": "status", "value": 404}
    pair = film(two_stores, LOST, late)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.verdict, settled.notes, settled.attempts) == ("verified", ("recovered",), [""])
    assert [entry.code for entry in asked(pair, "CompleteMultipartUpload")] == ["", "NoSuchUpload"]


def test_row_33_what_is_there_is_not_ours_where_no_answer_to_complete_was_lost(two_stores: Make) -> None:
    pair = film(two_stores, {**GONE, "calls": "1"})
    pair.dest.on_fired(lambda _: pair.lay("film", BODY))

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.verdict, settled.notes) == ("verified", ("already_there",))
    assert settled.attempts == ["complete_failed", ""]
    assert settled.finding.bytes_written == 0


def test_row_33_where_etags_mean_nothing_a_checksum_shows_what_was_completed(two_stores: Make) -> None:
    pair = film(two_stores, LOST, etag_multipart="random")

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.verdict, settled.notes, settled.attempts) == ("verified", ("recovered",), [""])
    assert pair.requests("CompleteMultipartUpload") == 1


def meanwhile_there(pair: TwoStores, *others: dict[str, object]) -> list[Item]:
    """Have Complete answer 500, undone, in the moment in which another writer puts the same bytes there."""
    planned = pair.begin()
    pair.dest.plan_faults([{**COMPLETE, "calls": "1", "action": "status", "value": 500}, *others])

    def write_too(_: object) -> None:
        if not pair.dest.keys(DEST):
            pair.dest.seed(DEST, "film", BODY, part_size=40_000)

    pair.dest.on_fired(write_too)
    return planned


def test_row_33_where_another_writer_put_the_same_bytes_there_our_upload_is_aborted(two_stores: Make) -> None:
    pair = film(two_stores)

    settled = pair.copy_items(meanwhile_there(pair), limits=TINY_PARTS)

    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ("recovered",))
    pair.check_invariants(settled)


def test_row_33_an_upload_that_cannot_be_aborted_after_a_recovery_stays_known(two_stores: Make) -> None:
    pair = film(two_stores)
    abort = {"operation": "AbortMultipartUpload", "key": "film", "calls": "all", "action": "status", "value": 403}

    settled = pair.copy_items(meanwhile_there(pair, abort), limits=TINY_PARTS)

    assert settled["film"].verdict == "verified"
    assert sorted(settled["film"].notes) == ["recovered", "upload_left_open"]
    pair.check_invariants(settled, left_open=["film"])


@pytest.mark.parametrize(
    ("status", "code", "problem"),
    [(400, "ExpiredToken", CredentialsExpired), (403, "InvalidAccessKeyId", CredentialsRefused)],
)
@pytest.mark.parametrize("keep_above", [len(BODY) - 1, len(BODY)], ids=["kept", "aborted"])
def test_rows_33_53_where_credentials_end_before_the_look_nothing_is_claimed(
    two_stores: Make, status: int, code: str, problem: type[Exception], keep_above: int
) -> None:
    pair = film(two_stores)
    planned = pair.begin()
    refused = {"side": "destination", "calls": "all", "action": "status", "value": {"status": status, "code": code}}
    asked = ("AbortMultipartUpload", "ListObjectsV2", "ListParts")
    pair.dest.plan_faults(
        [
            LOST,
            # The first one finds the key free.
            {**refused, "operation": "HeadObject", "calls": "2-"},
            *({**refused, "operation": operation} for operation in asked),
        ]
    )

    with pytest.raises(problem):
        pair.copy_items(planned, limits=TINY_PARTS, keep_above=keep_above)
    assert (pair.findings, pair.told.closed, pair.told.bytes_moved) == ([], [], 0)

    # With new ones it is looked at again. The id of the upload is known, so who knows it may abort it.
    pair.dest.plan_faults([])
    pair.told.upload_closed(*pair.told.opened[0])
    settled = pair.copy_items(planned, limits=TINY_PARTS, keep_above=keep_above)
    pair.check_invariants(settled)
    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ("already_there",))


def test_row_34_an_old_object_of_that_key_is_no_success(two_stores: Make) -> None:
    pair = film(two_stores, {**COMPLETE, "calls": "all", "action": "status", "value": 500})
    planned = pair.items()
    pair.dest.seed(DEST, "film", os.urandom(100_000))
    pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS, if_exists="replace_if_matches")

    assert settled["film"].code == "complete_failed"
    assert settled["film"].verdict == "failed"
    pair.check_invariants(settled)


def test_row_34_an_older_object_with_the_very_same_bytes_is_no_success_of_ours(two_stores: Make) -> None:
    pair = film(two_stores, {**COMPLETE, "calls": "all", "action": "status", "value": 500})
    pair.dest.seed(DEST, "film", BODY, part_size=40_000, modified=1_000_000_000)

    settled = pair.copy_one(limits=TINY_PARTS, if_exists="replace_if_matches")

    assert settled.code == "complete_failed"


@pytest.mark.parametrize("etags", ["formula", "random"])
@pytest.mark.parametrize("older", [BODY[:-1], OTHER], ids=["shorter", "other bytes"])
def test_row_34_where_an_old_object_is_there_and_the_upload_is_gone_it_is_begun_again(
    two_stores: Make, older: bytes, etags: str
) -> None:
    pair = film(two_stores, BUSY, {**GONE, "calls": "2"}, etag_multipart=etags)
    # As young as ours, so that its age tells nothing.
    pair.dest.seed(DEST, "film", older, part_size=40_000)

    settled = pair.copy_one(limits=TINY_PARTS, if_exists="replace_if_matches")

    assert (settled.verdict, settled.notes, settled.attempts) == ("verified", (), ["complete_failed", ""])
    assert len(asked(pair, "CreateMultipartUpload")) == 2
