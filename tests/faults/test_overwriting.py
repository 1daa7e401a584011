"""Rows 59 to 62: what is at the destination already."""

from __future__ import annotations

import os
from hashlib import md5

import pytest

from migrator.engine.errors import CredentialsExpired
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS, TwoStores

BODY = os.urandom(100_000)
FILM = os.urandom(6_000_000)
PUT = {"side": "destination", "operation": "PutObject", "key": "photo"}
HOLLOW = pytest.mark.parametrize("action", ["empty_200", "html_200"])
EACH_WAY = pytest.mark.parametrize("threshold", [len(BODY), len(BODY) - 1], ids=["held", "straight through"])
UNKNOWN = {
    "if_none_match_put": None,
    "if_none_match_complete": None,
    "if_match_put": None,
    "if_match_complete": None,
}


def test_row_59_an_identical_object_is_already_there(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", BODY)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.notes == ("already_there",)
    assert pair.requests("PutObject") == 0


def test_row_59_an_identical_object_in_other_parts_is_already_there(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", BODY, part_size=30_000)

    assert pair.copy_one().notes == ("already_there",)


def test_row_59_a_different_object_of_the_same_size_is_left_alone(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", os.urandom(100_000))

    settled = pair.copy_one()

    assert settled.code == "dest_exists"
    assert settled.attempts == ["dest_exists"]


def test_row_59_an_object_of_another_size_is_not_even_compared(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", b"small")

    assert pair.copy_one().code == "dest_exists"
    assert not [entry for entry in pair.source.log if entry.operation == "GetObject"]


def test_row_59_an_object_that_appeared_after_the_plan_is_left_alone(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "1", "action": "overwrite", "value": "before"})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == "dest_exists"
    assert pair.dest_bytes("photo") != BODY


def test_row_59_an_object_in_parts_asks_before_it_uploads(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("film", os.urandom(6_000_000), part_size=5_242_880)
    pair.dest.seed(DEST, "film", os.urandom(6_000_000))

    assert pair.copy_one().code == "dest_exists"
    assert pair.told.opened == []


def test_row_59_what_the_plan_saw_is_replaced_when_asked(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", b"older")

    settled = pair.copy_one(if_exists="replace_if_matches")

    assert settled.verdict == "verified"
    assert pair.dest_bytes("photo") == BODY


SPOILT = {"side": "destination", "calls": "1", "action": "corrupt_after_ack"}


@pytest.mark.parametrize("is_versioned", [True, False], ids=["versioned", "unversioned"])
@pytest.mark.parametrize("operation", ["PutObject", "CompleteMultipartUpload"])
def test_row_59_what_the_plan_saw_is_replaced_after_a_wrong_copy_was_removed(
    two_stores: Make, operation: str, is_versioned: bool
) -> None:
    traits = {"small_parts": True, "versioned": is_versioned}
    pair = two_stores({**SPOILT, "operation": operation}, dest_traits=traits)
    in_parts = {"part_size": 40_000} if operation == "CompleteMultipartUpload" else {}
    pair.seed("photo", BODY, **in_parts)
    pair.dest.seed(DEST, "photo", b"older")

    settled = pair.copy_one(if_exists="replace_if_matches", read_back_percent=100, limits=TINY_PARTS)

    assert (settled.verdict, settled.attempts) == ("verified", ["dest_readback_mismatch", ""])
    there = [pair.dest.stored_bytes(DEST, "photo", version) for version in pair.dest.version_ids(DEST, "photo")]
    assert there == ([b"older", BODY] if is_versioned else [BODY])


def test_row_59_what_came_after_a_wrong_copy_was_removed_is_not_replaced(two_stores: Make) -> None:
    removed = {"side": "destination", "operation": "DeleteObject", "action": "overwrite", "value": "after"}
    pair = two_stores({**SPOILT, "operation": "PutObject"}, removed)
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", b"older")
    planned = pair.begin()

    settled = pair.copy_items(planned, if_exists="replace_if_matches", read_back_percent=100)

    assert settled["photo"].code == "dest_exists"
    assert pair.dest_bytes("photo") not in (BODY, b"older")


def test_row_59_where_nothing_tells_what_is_back_it_is_not_replaced(two_stores: Make) -> None:
    look = {"side": "destination", "operation": "HeadObject", "calls": "2", "action": "status", "value": 403}
    pair = two_stores({**SPOILT, "operation": "PutObject"}, look, dest_traits={"versioned": True})
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", b"older")

    settled = pair.copy_one(if_exists="replace_if_matches", read_back_percent=100)

    assert settled.attempts == ["dest_readback_mismatch", "dest_exists"]
    assert pair.dest_bytes("photo") == b"older"


@pytest.mark.parametrize(
    ("operation", "threshold"), [("PutObject", 200_000), ("PutObject", 50_000), ("CompleteMultipartUpload", 50_000)]
)
def test_row_59_what_was_to_be_replaced_and_is_gone_leaves_the_key_free(
    two_stores: Make, operation: str, threshold: int
) -> None:
    gone = {"side": "destination", "operation": operation, "calls": "1", "action": "delete", "value": "before"}
    pair = two_stores(gone, dest_traits={"small_parts": True})
    in_parts = {"part_size": 40_000} if operation == "CompleteMultipartUpload" else {}
    pair.seed("photo", BODY, **in_parts)
    pair.dest.seed(DEST, "photo", b"older")

    settled = pair.copy_one(if_exists="replace_if_matches", limits=TINY_PARTS, threshold=threshold)

    assert (settled.verdict, settled.attempts) == ("verified", ["store_error", ""])


@pytest.mark.parametrize("in_parts", [{}, {"part_size": 40_000}], ids=["whole", "in parts"])
def test_row_59_a_412_where_nothing_is_left_to_replace_leaves_the_key_free(
    two_stores: Make, in_parts: dict[str, int]
) -> None:
    operation = "CompleteMultipartUpload" if in_parts else "PutObject"
    false = {"side": "destination", "operation": operation, "calls": "1", "action": "status", "value": 412}
    pair = two_stores(false, dest_traits={"small_parts": True})
    pair.seed("photo", BODY, **in_parts)
    pair.dest.seed(DEST, "photo", b"older")
    planned = pair.begin()
    pair.dest_store.delete(DEST, "photo")

    settled = pair.copy_items(planned, if_exists="replace_if_matches", limits=TINY_PARTS)

    pair.check_invariants(settled)
    assert (settled["photo"].verdict, settled["photo"].attempts) == ("verified", ["dest_missing", ""])


def test_row_59_an_upload_that_is_gone_under_what_is_to_be_replaced_is_begun_again(two_stores: Make) -> None:
    gone = {"status": 404, "code": "NoSuchUpload"}
    complete = {"side": "destination", "operation": "CompleteMultipartUpload", "calls": "1"}
    pair = two_stores({**complete, "action": "status", "value": gone}, dest_traits={"small_parts": True})
    pair.seed("photo", BODY, part_size=40_000)
    pair.dest.seed(DEST, "photo", b"older")

    settled = pair.copy_one(if_exists="replace_if_matches", limits=TINY_PARTS)

    assert (settled.verdict, settled.attempts) == ("verified", ["complete_failed", ""])


def test_row_59_what_changed_since_the_plan_is_not_replaced(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", b"older")
    planned = pair.begin()
    pair.lay("photo", b"newer")

    settled = pair.copy_items(planned, if_exists="replace_if_matches")

    pair.check_invariants(settled)
    assert settled["photo"].code == "dest_exists"
    assert "the task says to replace only that" in settled["photo"].finding.error_message


def test_row_59_a_locked_object_is_dest_locked(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "1", "action": "lock", "value": "before"})
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", b"older")

    settled = pair.copy_one(if_exists="replace_if_matches")

    assert settled.code == "dest_locked"
    assert settled.attempts == ["dest_locked"]


def test_row_60_another_writer_after_our_write_is_named(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "1", "action": "overwrite", "value": "after"})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == "dest_changed_after_write"
    assert settled.notes == ("wrong_copy_left",)
    assert pair.dest.keys(DEST) == ["photo"]


def test_row_60_in_a_versioned_bucket_our_version_is_judged(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "1", "action": "overwrite", "value": "after"}, dest_traits={"versioned": True})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.finding.dest is not None
    assert pair.dest.stored_bytes(DEST, "photo", settled.finding.dest.version_id) == BODY
    assert pair.dest_bytes("photo") != BODY


REMOVED = {"side": "destination", "operation": "DeleteObject", "key": "photo", "calls": "1"}
UNNAMED = {"side": "destination", "operation": "HeadObject", "key": "photo", "calls": "all"}


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
@pytest.mark.parametrize("is_named", [True, False], ids=["named", "named by the reply alone"])
def test_row_60_in_a_versioned_bucket_our_wrong_version_alone_is_removed(
    request: pytest.FixtureRequest, way: str, is_named: bool
) -> None:
    make: Make = request.getfixturevalue(way)
    unnamed = {**UNNAMED, "action": "header", "value": {"remove": ["x-amz-version-id"]}}
    pair = make(
        {**SPOILT, "operation": "PutObject"},
        {**REMOVED, "action": "overwrite", "value": "before"},
        *([] if is_named else [unnamed]),
        dest_traits={"versioned": True},
    )
    pair.seed("photo", BODY)

    settled = pair.copy_one(read_back_percent=100)

    assert settled.attempts == ["dest_readback_mismatch", "dest_exists"]
    # Of the two that were written the other writer's is left, and it is what the key holds.
    assert len(pair.dest.version_ids(DEST, "photo")) == 1
    assert pair.dest_store.find(DEST, "photo") is not None


def test_row_60_another_writer_before_a_wrong_copy_is_removed_loses_nothing(streamed_stores: Make) -> None:
    asked = {"side": "destination", "operation": "GetObjectTagging", "key": "photo", "calls": "1"}
    pair = streamed_stores({**SPOILT, "operation": "PutObject"}, {**asked, "action": "overwrite", "value": "after"})
    pair.seed("photo", BODY, tags={"kept": "long"})

    settled = pair.copy_one(read_back_percent=100, tags=True)

    assert (settled.code, settled.notes) == ("dest_readback_mismatch", ("wrong_copy_left",))
    assert pair.requests("DeleteObject") == 0
    assert pair.dest.keys(DEST) == ["photo"]


def test_row_60_a_wrong_copy_is_left_where_the_last_look_at_it_is_refused(two_stores: Make) -> None:
    look = {**UNNAMED, "calls": "2", "action": "status", "value": 403}
    pair = two_stores({**PUT, "calls": "1", "action": "drop_tail"}, look)
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert (settled.code, settled.notes) == ("dest_size_mismatch", ("wrong_copy_left",))


def test_row_61_a_store_that_ignores_conditions_is_asked_first(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"if_none_match": "ignored"})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert pair.dest_profile.if_none_match_put is False
    assert settled.verdict == "verified"
    assert settled.notes == ("race_possible",)


def test_row_61_where_conditions_are_ignored_nothing_is_replaced(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"if_none_match": "ignored"})
    pair.seed("photo", BODY)
    planned = pair.begin()
    pair.lay("photo", os.urandom(100_000))

    settled = pair.copy_items(planned)

    pair.check_invariants(settled)
    assert settled["photo"].code == "dest_exists"


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
@pytest.mark.parametrize("trait", ["honoured", "ignored"])
def test_row_61_where_nothing_is_known_of_conditions_what_appeared_after_the_plan_is_left_alone(
    request: pytest.FixtureRequest, way: str, trait: str
) -> None:
    pair: TwoStores = request.getfixturevalue(way)(dest_traits={"if_none_match": trait})
    pair.seed("photo", BODY)
    planned = pair.begin()
    pair.believe(**UNKNOWN)
    pair.dest.seed(DEST, "photo", b"somebody else's")

    settled = pair.copy_items(planned)

    assert settled["photo"].code == "dest_exists"
    assert pair.dest_bytes("photo") == b"somebody else's"
    assert pair.requests("PutObject") == 0


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
def test_row_61_where_nothing_is_known_of_conditions_the_race_is_named_and_the_condition_sent(
    request: pytest.FixtureRequest, way: str
) -> None:
    pair: TwoStores = request.getfixturevalue(way)({**PUT, "key": "raced", "action": "overwrite", "value": "before"})
    pair.seed("photo", BODY)
    pair.seed("raced", BODY)
    planned = pair.begin()
    pair.believe(**UNKNOWN)

    settled = pair.copy_items(planned)

    assert (settled["photo"].verdict, settled["photo"].notes) == ("verified", ("race_possible",))
    # Between the look and the write only the condition can help, and here it does.
    assert settled["raced"].code == "dest_exists"
    assert pair.dest_bytes("raced") != BODY


@pytest.mark.parametrize("fact", [None, False])
def test_row_61_an_object_in_parts_names_the_race_where_complete_may_ignore_conditions(
    two_stores: Make, fact: bool | None
) -> None:
    pair = two_stores()
    pair.seed("film", FILM, part_size=5_242_880)
    planned = pair.begin()
    pair.believe(if_none_match_complete=fact)

    settled = pair.copy_items(planned)

    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ("race_possible",))


@pytest.mark.parametrize("fact", [None, False])
def test_row_61_an_object_in_parts_that_changed_since_the_plan_is_not_replaced_where_complete_may_ignore_conditions(
    two_stores: Make, fact: bool | None
) -> None:
    ignored = {"side": "destination", "operation": "CompleteMultipartUpload", "action": "ignore", "value": "If-Match"}
    pair = two_stores(ignored)
    pair.seed("film", FILM, part_size=5_242_880)
    pair.dest.seed(DEST, "film", b"older")
    planned = pair.begin()
    pair.believe(if_match_complete=fact)
    pair.dest.seed(DEST, "film", b"somebody else's")

    settled = pair.copy_items(planned, if_exists="replace_if_matches")

    assert pair.dest_profile.if_match_put is True
    assert (settled["film"].code, settled["film"].notes) == ("dest_exists", ("race_possible",))
    assert pair.dest_bytes("film") == b"somebody else's"
    assert pair.told.opened == []


@pytest.mark.parametrize(("fact", "notes"), [(True, ()), (None, ("race_possible",)), (False, ("race_possible",))])
def test_row_61_an_object_in_parts_that_is_replaced_names_the_race_unless_complete_honours_conditions(
    two_stores: Make, fact: bool | None, notes: tuple[str, ...]
) -> None:
    pair = two_stores()
    pair.seed("film", FILM, part_size=5_242_880)
    pair.dest.seed(DEST, "film", b"older")
    planned = pair.begin()
    pair.believe(if_match_complete=fact)

    settled = pair.copy_items(planned, if_exists="replace_if_matches")

    assert (settled["film"].verdict, settled["film"].notes) == ("verified", notes)
    assert pair.requests("HeadObject") == (1 if fact else 2)


def test_row_61_a_complete_that_honours_conditions_replaces_nothing_that_came_after_the_look(two_stores: Make) -> None:
    complete = {"side": "destination", "operation": "CompleteMultipartUpload", "key": "film"}
    pair = two_stores({**complete, "action": "overwrite", "value": "before"})
    pair.seed("film", FILM, part_size=5_242_880)
    pair.dest.seed(DEST, "film", b"older")
    planned = pair.begin()
    # Where nothing is known the condition is sent, and here it helps.
    pair.believe(if_match_complete=None)

    settled = pair.copy_items(planned, if_exists="replace_if_matches")

    assert settled["film"].code == "dest_exists"
    assert pair.dest_bytes("film") != FILM


@pytest.mark.parametrize("fact", [None, False])
def test_row_61_a_body_that_goes_in_parts_after_all_asks_before_it_uploads(two_stores: Make, fact: bool | None) -> None:
    pair = two_stores(source_traits={"sse": "kms"}, dest_traits={"small_parts": True, "if_none_match": "ignored"})
    pair.seed("film", FILM)
    planned = pair.begin()
    pair.believe(if_none_match_put=True, if_none_match_complete=fact)
    pair.dest.seed(DEST, "film", b"somebody else's")

    settled = pair.copy_items(planned, threshold=1_000_000)

    assert settled["film"].code == "dest_exists"
    assert pair.dest_bytes("film") == b"somebody else's"


def test_row_61_where_nothing_is_known_of_conditions_what_changed_since_the_plan_is_not_replaced(
    two_stores: Make,
) -> None:
    pair = two_stores(dest_traits={"if_match_put": "ignored"})
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", b"older")
    planned = pair.begin()
    pair.believe(**UNKNOWN)
    pair.dest.seed(DEST, "photo", b"newer")

    settled = pair.copy_items(planned, if_exists="replace_if_matches")

    assert settled["photo"].code == "dest_exists"
    assert pair.dest_bytes("photo") == b"newer"


@pytest.mark.parametrize("fact", [None, False])
def test_row_61_a_key_that_was_free_is_asked_for_also_where_what_is_there_may_be_replaced(
    two_stores: Make, fact: bool | None
) -> None:
    pair = two_stores(dest_traits={"if_none_match": "ignored"})
    pair.seed("photo", BODY)
    planned = pair.begin()
    pair.believe(if_none_match_put=fact)
    pair.dest.seed(DEST, "photo", b"somebody else's")

    settled = pair.copy_items(planned, if_exists="replace_if_matches")

    assert settled["photo"].code == "dest_exists"
    assert pair.dest_bytes("photo") == b"somebody else's"


def test_row_62_a_conflict_is_tried_again(two_stores: Make) -> None:
    conflict = {"status": 409, "code": "ConditionalRequestConflict"}
    pair = two_stores({**PUT, "calls": "1", "action": "status", "value": conflict})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert len(settled.attempts) == 2


def test_row_62_a_conflict_at_the_end_of_an_upload_begins_it_anew_with_all_its_parts(two_stores: Make) -> None:
    conflict = {"status": 409, "code": "ConditionalRequestConflict"}
    complete = {"side": "destination", "operation": "CompleteMultipartUpload", "key": "film"}
    pair = two_stores(
        {**complete, "calls": "1", "action": "status", "value": conflict}, dest_traits={"small_parts": True}
    )
    pair.seed("film", BODY, part_size=40_000)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.verdict == "verified"
    assert len(settled.attempts) == 2
    assert [pair.requests(each) for each in ("CreateMultipartUpload", "CompleteMultipartUpload")] == [2, 2]
    assert pair.requests("UploadPart") == 2 * 3
    assert pair.requests("AbortMultipartUpload") >= 1
    assert not pair.dest.open_uploads()


def test_an_answer_to_put_that_was_lost_ends_as_already_there(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "1", "action": "drop_reply"})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.notes == ("already_there",)


def test_credentials_that_end_after_a_lost_answer_to_put_claim_nothing(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("photo", BODY)
    planned = pair.begin()
    ended = {"calls": "all", "action": "status", "value": {"status": 400, "code": "ExpiredToken"}}
    pair.dest.plan_faults(
        [
            {**PUT, "calls": "1", "action": "drop_reply"},
            *({"operation": operation, **ended} for operation in ("HeadObject", "ListObjectsV2")),
        ]
    )

    with pytest.raises(CredentialsExpired):
        pair.copy_items(planned)
    assert pair.findings == []

    pair.dest.plan_faults([])
    settled = pair.copy_items(planned)
    pair.check_invariants(settled)
    assert (settled["photo"].verdict, settled["photo"].notes) == ("verified", ("already_there",))


def test_a_head_that_is_refused_while_a_listing_is_not_is_about_the_object(two_stores: Make) -> None:
    pair = two_stores(
        {"side": "destination", "operation": "HeadObject", "calls": "all", "action": "status", "value": 400}
    )
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", BODY)

    settled = pair.copy_one()

    assert (settled.code, settled.attempts) == ("store_error", ["store_error"])


@HOLLOW
@EACH_WAY
@pytest.mark.parametrize("older", [b"older", os.urandom(len(BODY))], ids=["of another size", "of the same size"])
def test_a_yes_without_an_etag_to_a_put_that_was_not_done_judges_nothing_of_what_it_was_to_replace(
    two_stores: Make, older: bytes, threshold: int, action: str
) -> None:
    pair = two_stores({**PUT, "calls": "1", "action": action})
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", older)

    settled = pair.copy_one(if_exists="replace_if_matches", threshold=threshold)

    assert (settled.verdict, settled.grades, settled.notes) == ("verified", "S3/D3", ())
    assert settled.attempts == ["store_error", ""]


@HOLLOW
@EACH_WAY
@pytest.mark.parametrize("there", [None, b"older"], ids=["free", "replaced"])
def test_a_put_whose_yes_states_no_etag_is_decided_by_head(
    two_stores: Make, there: bytes | None, threshold: int, action: str
) -> None:
    pair = two_stores({**PUT, "calls": "1", "action": action, "value": "done"})
    pair.seed("photo", BODY)
    if there is not None:
        pair.dest.seed(DEST, "photo", there)

    settled = pair.copy_one(if_exists="replace_if_matches", threshold=threshold)

    assert (settled.verdict, settled.grades, settled.notes) == ("verified", "S3/D3", ("recovered",))
    assert (settled.attempts, pair.requests("PutObject")) == ([""], 1)


def test_a_small_object_whose_put_is_answered_without_an_etag_is_decided_by_head(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "1", "action": "empty_200", "value": "done"})
    pair.seed("photo", BODY)
    pair.seed("other", BODY[1:])

    settled = pair.copy()

    assert {key: each.notes for key, each in settled.items()} == {"photo": ("recovered",), "other": ()}
    assert {each.verdict for each in settled.values()} == {"verified"}
    assert pair.requests("PutObject") == 2


@pytest.mark.parametrize("if_exists", ["fail_if_exists", "replace_if_matches"])
@EACH_WAY
def test_a_store_that_states_no_etags_is_written_to_once_and_proves_nothing(
    two_stores: Make, threshold: int, if_exists: str
) -> None:
    nameless = {"calls": "all", "action": "header", "value": {"remove": ["etag"]}}
    pair = two_stores({**PUT, **nameless}, {**PUT, "operation": "HeadObject", **nameless})
    pair.seed("photo", BODY)

    settled = pair.copy_one(if_exists=if_exists, threshold=threshold)

    assert (settled.verdict, settled.reason, settled.attempts) == ("unverified", "etag_absent", [""])
    assert pair.requests("PutObject") == 1


def test_a_newer_object_of_other_bytes_after_a_yes_without_an_etag_is_not_taken_for_what_was_there(
    two_stores: Make,
) -> None:
    pair = two_stores({**PUT, "calls": "1", "action": "empty_200", "value": "done"})
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", b"older")
    planned = pair.begin()
    pair.dest.on_fired(lambda *_: pair.lay("photo", b"newer"))

    settled = pair.copy_items(planned, if_exists="replace_if_matches")["photo"]

    assert (settled.verdict, settled.code, settled.notes) == ("failed", "dest_size_mismatch", ("wrong_copy_left",))
    assert pair.dest_bytes("photo") == b"newer"


@pytest.mark.parametrize("in_parts", [False, True], ids=["in one piece", "in parts"])
def test_a_store_that_goes_on_for_a_while_with_what_was_replaced_is_asked_again(
    two_stores: Make, in_parts: bool
) -> None:
    older = {"etag": f'"{md5(b"older").hexdigest()}"', "content-length": "5"}
    old = {"side": "destination", "operation": "HeadObject", "action": "header", "value": {"set": older}}
    pair = two_stores({**old, "calls": "1-2"}, dest_traits={"small_parts": True})
    pair.seed("photo", BODY, **({"part_size": 40_000} if in_parts else {}))
    pair.dest.seed(DEST, "photo", b"older")

    settled = pair.copy_one(if_exists="replace_if_matches", limits=TINY_PARTS, found_within_seconds=10)

    assert (settled.verdict, settled.notes, settled.attempts) == ("verified", (), [""])
    (repeat,) = settled.finding.attempts[0].repeats
    assert (repeat.operation, repeat.reason, repeat.count) == ("HeadObject", "dest_missing", 2)


def test_a_store_that_never_shows_what_was_written_in_place_of_another_is_named(two_stores: Make) -> None:
    older = {"etag": f'"{md5(b"older").hexdigest()}"', "content-length": "5"}
    old = {"side": "destination", "operation": "HeadObject", "action": "header", "value": {"set": older}}
    pair = two_stores({**old, "calls": "all"})
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", b"older")

    settled = pair.copy_items(pair.begin(), if_exists="replace_if_matches")["photo"]

    assert (settled.code, settled.notes) == ("dest_changed_after_write", ("wrong_copy_left",))


def test_what_is_written_over_by_the_same_bytes_is_not_waited_for(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("photo", BODY, metadata={"cut": "new"})
    pair.dest.seed(DEST, "photo", BODY, metadata={"cut": "old"})

    settled = pair.copy_one(if_exists="replace_if_matches", found_within_seconds=60)

    assert (settled.verdict, pair.requests("HeadObject")) == ("verified", 1)
    assert pair.dest_store.head(DEST, "photo").metadata == {"cut": "new"}
