"""Rows 31, 32 and 35: Complete has outcomes, not answers; and nothing is left open."""

from __future__ import annotations

import os
import socket

import pytest

from migrator.engine.addresses import AddressRule
from migrator.engine.errors import NotConnected, Stopped
from migrator.engine.opening import Opening
from migrator.engine.pacing import Patience
from migrator.engine.stores import Store, WriteHeaders
from migrator.engine.transport import Endpoint
from migrator.sandbox import Fired
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, IMPATIENT, TINY_PARTS, TwoStores

BODY = os.urandom(100_000)
COMPLETE = {"side": "destination", "operation": "CompleteMultipartUpload", "key": "film"}


def film(two_stores: Make, *faults: dict[str, object]) -> TwoStores:
    pair = two_stores(*faults, dest_traits={"small_parts": True})
    pair.seed("film", BODY, part_size=40_000)
    return pair


def test_row_31_an_error_inside_a_200_is_asked_again(two_stores: Make) -> None:
    pair = film(two_stores, {**COMPLETE, "calls": "1", "action": "error_in_200"})

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.verdict == "verified"
    assert pair.requests("CompleteMultipartUpload") == 2


def test_row_31_an_error_inside_every_200_fails_and_is_aborted(two_stores: Make) -> None:
    pair = film(two_stores, {**COMPLETE, "calls": "all", "action": "error_in_200"})

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.code == "complete_failed"
    assert pair.dest.keys(DEST) == []


@pytest.mark.parametrize("action", ["empty_200", "html_200"])
def test_row_32_a_200_that_says_nothing_is_decided_by_head(two_stores: Make, action: str) -> None:
    pair = film(two_stores, {**COMPLETE, "calls": "1", "action": action})

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.verdict == "verified"


def test_row_35_an_abort_that_fails_is_repeated(two_stores: Make) -> None:
    abort = {"side": "destination", "operation": "AbortMultipartUpload", "key": "film"}
    pair = film(
        two_stores,
        {"side": "source", "operation": "GetObject", "calls": "all", "action": "flip", "at_byte": 1},
        {**abort, "calls": "1-2", "action": "status", "value": 500},
    )

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.code == "source_etag_mismatch"
    assert "upload_left_open" not in settled.notes


def test_row_35_an_upload_that_cannot_be_aborted_stays_known(two_stores: Make) -> None:
    abort = {"side": "destination", "operation": "AbortMultipartUpload", "key": "film"}
    pair = film(
        two_stores,
        {"side": "source", "operation": "GetObject", "calls": "all", "action": "flip", "at_byte": 1},
        {**abort, "calls": "all", "action": "status", "value": 403},
    )
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS, most_attempts=1)

    pair.check_invariants(settled, left_open=["film"])
    assert settled["film"].notes == ("upload_left_open",)
    assert len(pair.told.opened) == 1
    assert pair.told.closed == []


def test_row_35_what_an_earlier_attempt_left_open_is_noted_once_whatever_became_of_the_object(two_stores: Make) -> None:
    flip = {"side": "source", "operation": "GetObject", "action": "flip", "at_byte": 1}
    abort = {"side": "destination", "operation": "AbortMultipartUpload", "key": "film", "calls": "all"}
    pair = film(two_stores, {**flip, "calls": "1-2"}, {**abort, "action": "status", "value": 403})
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS)

    pair.check_invariants(settled, left_open=["film", "film"])
    assert settled["film"].attempts == ["source_etag_mismatch", "source_etag_mismatch", ""]
    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ("upload_left_open",))


def test_row_35_a_part_that_lands_after_the_abort_is_aborted_too(two_stores: Make) -> None:
    late = {"side": "destination", "operation": "UploadPart", "key": "film", "part": 1}
    pair = film(
        two_stores,
        {"side": "source", "operation": "GetObject", "calls": "1", "action": "flip", "at_byte": 1},
        {**late, "calls": "1", "action": "land_late"},
    )

    assert pair.copy_one(limits=TINY_PARTS).verdict == "verified"


def test_row_41_a_stop_in_mid_object_aborts_and_leaves_the_item_pending(two_stores: Make) -> None:
    pair = film(two_stores)
    planned = pair.begin()
    pair.told.stop_after = 1

    with pytest.raises(Stopped):
        pair.copy_items(planned, limits=TINY_PARTS)

    assert not pair.dest.open_uploads()
    assert pair.dest.keys(DEST) == []
    assert pair.told.bytes_moved == 0


CREATE = {"side": "destination", "operation": "CreateMultipartUpload", "key": "film"}
LOST = {**CREATE, "calls": "1", "action": "drop_reply"}


def others_upload(pair: TwoStores, seconds_ago: float, key: str = "film") -> str:
    """Somebody else begins an upload."""
    pair.dest_seconds_ahead = lambda: -seconds_ago
    upload_id = pair.dest_store.create_upload(DEST, key)
    pair.dest_seconds_ahead = lambda: 0
    return upload_id


@pytest.mark.parametrize("calls", ["1-2", "all"])
@pytest.mark.parametrize("operation", ["AbortMultipartUpload", "ListParts"])
def test_row_35_a_404_that_names_no_upload_is_no_word_of_the_store_on_one(
    two_stores: Make, operation: str, calls: str
) -> None:
    # What becomes of "404 page not found": so a proxy answers whose store is not there for a moment.
    page = {"action": "status", "value": {"status": 404, "code": "404"}}
    pair = film(
        two_stores,
        {"side": "source", "operation": "GetObject", "calls": "all", "action": "flip", "at_byte": 1},
        {"side": "destination", "operation": operation, "key": "film", "calls": calls, **page},
    )
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS, most_attempts=1)

    is_never_told = (operation, calls) == ("AbortMultipartUpload", "all")
    pair.check_invariants(settled, left_open=["film"] if is_never_told else [])
    assert settled["film"].notes == (("upload_left_open",) if is_never_told else ())


def left_open(pair: TwoStores) -> list[str]:
    return [upload.id for upload in pair.dest.open_uploads()]


def test_an_upload_whose_id_was_lost_is_found_and_aborted(two_stores: Make) -> None:
    pair = film(two_stores, LOST)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ())
    assert pair.requests("CreateMultipartUpload") == len(pair.told.opened) == 2


@pytest.mark.parametrize("is_done", ["", "done"])
@pytest.mark.parametrize("action", ["empty_200", "html_200"])
def test_an_upload_that_was_opened_without_saying_its_id_is_found_too(
    two_stores: Make, action: str, is_done: str
) -> None:
    pair = film(two_stores, {**LOST, "action": action, "value": is_done or None})

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ())
    assert len(pair.told.opened) == (2 if is_done else 1)


def test_where_every_answer_was_lost_all_of_them_are_found(two_stores: Make) -> None:
    pair = film(two_stores, {**LOST, "calls": f"1-{IMPATIENT.tries}"})

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.verdict, settled.attempts) == ("verified", ["endpoint_unreachable", ""])
    assert len(pair.told.closed) == IMPATIENT.tries + 1


def test_without_a_lost_answer_nothing_is_looked_for(two_stores: Make) -> None:
    pair = film(two_stores, {**CREATE, "calls": "1", "action": "status", "value": 503})

    assert pair.copy_one(limits=TINY_PARTS).verdict == "verified"
    assert pair.requests("ListMultipartUploads") == 0


def test_where_every_answer_was_lost_and_there_are_more_uploads_none_is_taken(two_stores: Make) -> None:
    pair = film(two_stores, {**LOST, "calls": f"1-{IMPATIENT.tries}"})
    others = others_upload(pair, seconds_ago=-60)
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS)

    # The attempt that left them is over, and they are still there.
    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ("upload_perhaps_left_open",))
    assert others in left_open(pair)
    assert len(left_open(pair)) == IMPATIENT.tries + 1


def test_after_a_fault_of_the_store_no_upload_is_taken_for_ours(two_stores: Make) -> None:
    pair = film(two_stores, {**CREATE, "calls": "1", "action": "status", "value": 500})
    others = others_upload(pair, seconds_ago=-60)
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS)

    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ("upload_perhaps_left_open",))
    assert left_open(pair) == [others]


def test_where_no_connection_came_about_nothing_is_looked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    rule = AddressRule(allow_private=True)
    store = Store(Endpoint(url=url, access_key_id="a", secret_access_key="b", rule=rule), patience=IMPATIENT)
    opening = Opening(store, DEST, "film")

    with pytest.raises(NotConnected):
        opening.open(WriteHeaders(), "")

    assert opening.strays() == ()
    store.close()


def test_uploads_of_others_that_were_there_before_or_have_parts_are_left_alone(two_stores: Make) -> None:
    pair = film(two_stores, LOST)
    old, later_key = others_upload(pair, seconds_ago=60), others_upload(pair, seconds_ago=-60, key="film-2")
    filled = others_upload(pair, seconds_ago=-60)
    pair.dest_store.upload_part(DEST, "film", filled, 1, b"a part of theirs")
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS)

    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ())
    assert sorted(left_open(pair)) == sorted([old, later_key, filled])


def test_where_it_cannot_be_told_whose_an_upload_is_none_is_aborted(two_stores: Make) -> None:
    pair = film(two_stores, LOST)
    others = others_upload(pair, seconds_ago=-60)
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS)

    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ("upload_perhaps_left_open",))
    assert others in left_open(pair)
    assert len(left_open(pair)) == 2
    assert pair.told.opened == pair.told.closed


@pytest.mark.parametrize("status", [403, 501])
def test_where_uploads_are_not_listed_nothing_is_claimed(two_stores: Make, status: int) -> None:
    refused = {"side": "destination", "operation": "ListMultipartUploads", "calls": "all"}
    pair = film(two_stores, LOST, {**refused, "action": "status", "value": status})
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS)

    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ("upload_perhaps_left_open",))
    assert len(left_open(pair)) == 1


def test_an_upload_whose_id_was_lost_stays_known_where_it_cannot_be_aborted(two_stores: Make) -> None:
    abort = {"side": "destination", "operation": "AbortMultipartUpload", "key": "film"}
    pair = film(two_stores, LOST, {**abort, "calls": "all", "action": "status", "value": 403})
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS)

    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ("upload_left_open",))
    assert {upload_id for _, upload_id in pair.told.opened} - {upload_id for _, upload_id in pair.told.closed} == set(
        left_open(pair)
    )
    # What is only concluded to be ours is continued by nobody.
    assert [pair.told.purposes[each] for each in left_open(pair)] == [""]


def test_an_upload_that_another_account_began_is_left_alone(two_stores: Make) -> None:
    pair = film(two_stores)
    others = others_upload(pair, seconds_ago=-60)
    planned = pair.begin()
    begun = f"<UploadId>{others}</UploadId><Initiator><ID>"
    named = {"operation": "ListMultipartUploads", "action": "xml", "value": {"find": begun, "put": f"{begun}other-"}}
    pair.dest.plan_faults([LOST, {**named, "calls": "1"}])

    settled = pair.copy_items(planned, limits=TINY_PARTS)

    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ())
    assert left_open(pair) == [others]


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("header", {"remove": ["date"]}),
        ("xml", {"find": "Initiated>", "put": "Begun>"}),
        ("xml", {"find": "<UploadId>", "put": "<UploadId>other-"}),
    ],
)
def test_a_listing_that_tells_no_time_or_lacks_our_upload_decides_nothing(
    two_stores: Make, action: str, value: dict[str, object]
) -> None:
    listing = {"side": "destination", "operation": "ListMultipartUploads", "calls": "1"}
    pair = film(two_stores, LOST, {**listing, "action": action, "value": value})
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS)

    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ("upload_perhaps_left_open",))
    assert len(left_open(pair)) == 1


SAYS_NOTHING = [
    {"action": "empty_200"},
    {"action": "html_200"},
    {"action": "xml", "value": "<html><body>Welcome</body></html>"},
    # So does a store that does not know the question, and answers another one.
    {"action": "xml", "value": "<ListBucketResult><Name>dest-bucket</Name></ListBucketResult>"},
]


@pytest.mark.parametrize("said", SAYS_NOTHING)
def test_row_35_a_list_of_parts_that_says_nothing_does_not_say_that_an_upload_is_gone(
    two_stores: Make, said: dict[str, object]
) -> None:
    flip = {"side": "source", "operation": "GetObject", "calls": "all", "action": "flip", "at_byte": 1}
    upload = {"side": "destination", "key": "film", "calls": "all"}
    # A proxy says yes to all, and its store hears of nothing.
    unheard = {**upload, "operation": "AbortMultipartUpload", "action": "empty_200"}
    pair = film(two_stores, flip, unheard, {**upload, "operation": "ListParts", **said})
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS, most_attempts=1)

    pair.check_invariants(settled, left_open=["film"])
    assert settled["film"].notes == ("upload_left_open",)


@pytest.mark.parametrize("said", SAYS_NOTHING)
def test_a_list_of_uploads_that_says_nothing_does_not_say_that_none_was_opened(
    two_stores: Make, said: dict[str, object]
) -> None:
    listing = {"side": "destination", "operation": "ListMultipartUploads", "calls": "all"}
    pair = film(two_stores, {**LOST, "calls": f"1-{IMPATIENT.tries}"}, {**listing, **said})
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS, most_attempts=1)

    assert (settled["film"].code, settled["film"].notes) == ("endpoint_unreachable", ("upload_perhaps_left_open",))
    assert len(left_open(pair)) == IMPATIENT.tries


@pytest.mark.parametrize(
    "mangled", [("UploadId>", "Upload>"), ("Key>", "Name>"), ("<Initiated>", "<Initiated>9999999999")]
)
def test_a_list_of_uploads_that_makes_no_sense_decides_nothing(two_stores: Make, mangled: tuple[str, str]) -> None:
    find, put = mangled
    listing = {"side": "destination", "operation": "ListMultipartUploads", "calls": "1"}
    pair = film(two_stores, LOST, {**listing, "action": "xml", "value": {"find": find, "put": put}})
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS)

    assert (settled["film"].verdict, settled["film"].notes) == ("verified", ("upload_perhaps_left_open",))


@pytest.mark.parametrize("operation", ["CreateMultipartUpload", "CompleteMultipartUpload"])
def test_blanks_before_an_answer_keep_the_line_open_and_no_more(two_stores: Make, operation: str) -> None:
    answer = {"side": "destination", "operation": operation, "key": "film", "calls": "1"}
    blanks = {"find": "<?xml", "put": "  \r\n" * 50 + "<?xml"}
    pair = film(two_stores, {**answer, "action": "xml", "value": blanks})

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.verdict, settled.notes) == ("verified", ())
    assert pair.requests(operation) == 1


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
@pytest.mark.parametrize(
    ("operation", "size"),
    [("CompleteMultipartUpload", 40_000), ("UploadPart", 40_000), ("HeadObject", 40_000), ("PutObject", None)],
)
def test_an_etag_that_is_two_quotes_is_none(
    request: pytest.FixtureRequest, way: str, operation: str, size: int | None
) -> None:
    pair = request.getfixturevalue(way)(dest_traits={"small_parts": True})
    pair.seed("film", BODY, **({"part_size": size} if size else {}))
    planned = pair.begin()
    pair.dest.plan_faults([{"operation": operation, "key": "film", "calls": "1", "action": "etag", "value": ""}])

    settled = pair.copy_items(planned, limits=TINY_PARTS)["film"]

    assert (settled.verdict, settled.attempts) == ("verified", [""])
    assert pair.dest_bytes("film") == BODY


@pytest.mark.parametrize("size", [None, 40_000], ids=["whole", "in parts"])
@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
def test_a_destination_that_takes_no_writes_is_named_as_such(
    request: pytest.FixtureRequest, way: str, size: int | None
) -> None:
    operation = "CreateMultipartUpload" if size else "PutObject"
    refused = {"status": 405, "code": "MethodNotAllowed"}
    write = {"side": "destination", "operation": operation, "key": "film"}
    pair = request.getfixturevalue(way)(
        {**write, "calls": "1", "action": "status", "value": refused}, dest_traits={"small_parts": True}
    )
    pair.seed("film", BODY, **({"part_size": size} if size else {}))

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.code, settled.attempts) == ("dest_config", ["dest_config"])
    what = "uploads in parts" if size else "writing"
    assert settled.finding.error_message.startswith(f"This storage service does not know {what}.")


# What becomes of "404 page not found": so a proxy answers whose store is not there for a moment.
A_PAGE = {"action": "status", "value": {"status": 404, "code": "404"}}


@pytest.mark.parametrize("is_there", [False, True], ids=["a new key", "a key to replace"])
@pytest.mark.parametrize(
    ("operation", "size"),
    [
        ("PutObject", None),
        ("CreateMultipartUpload", 40_000),
        ("UploadPart", 40_000),
        ("CompleteMultipartUpload", 40_000),
    ],
)
@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
def test_a_404_that_is_no_word_of_the_store_on_a_write_is_asked_again(
    request: pytest.FixtureRequest, way: str, operation: str, size: int | None, is_there: bool
) -> None:
    write = {"side": "destination", "operation": operation, "key": "film"}
    pair = request.getfixturevalue(way)({**write, "calls": "1", **A_PAGE}, dest_traits={"small_parts": True})
    pair.seed("film", BODY, **({"part_size": size} if size else {}))
    if is_there:
        pair.dest.seed(DEST, "film", b"older")

    settled = pair.copy_one(limits=TINY_PARTS, if_exists="replace_if_matches")

    assert (settled.verdict, settled.attempts) == ("verified", [""])
    assert pair.requests("CreateMultipartUpload") == (0 if size is None else 2 if "Create" in operation else 1)


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ({"status": 503, "code": "SlowDown"}, "throttled", "asks us to go slower"),
        ({"status": 429, "code": "TooManyRequests"}, "throttled", "asks us to go slower"),
        ({"status": 500, "code": "InternalError"}, "complete_failed", "did not say clearly that it has put"),
    ],
)
def test_row_15_an_upload_that_is_never_completed_ends_as_what_the_store_says(
    two_stores: Make, said: dict[str, object], code: str, words: str
) -> None:
    pair = film(two_stores, {**COMPLETE, "calls": "all", "action": "status", "value": said})

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.code, settled.attempts) == (code, [code] * 4)
    assert words in settled.finding.error_message
    assert "said yes" not in settled.finding.error_message


@pytest.mark.parametrize("action", ["empty_200", "html_200"])
def test_row_32_a_complete_that_only_ever_says_yes_without_proof_ends_so(two_stores: Make, action: str) -> None:
    pair = film(two_stores, {**COMPLETE, "calls": "all", "action": action})

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.code, settled.attempts) == ("complete_failed", ["complete_failed"] * 4)
    assert "said yes but sent no proof" in settled.finding.error_message


def test_row_41_a_stop_does_not_wait_for_a_store_that_aborts_nothing(two_stores: Make) -> None:
    abort = {"side": "destination", "operation": "AbortMultipartUpload", "key": "film", "calls": "1"}
    pair = film(two_stores, {**abort, "action": "status", "value": 500})
    planned = pair.begin()
    pair.told.stop_after = 1

    with pytest.raises(Stopped):
        pair.copy_items(planned, limits=TINY_PARTS)

    assert pair.requests("AbortMultipartUpload") == 1
    assert set(pair.told.opened) - set(pair.told.closed) == {("film", each) for each in left_open(pair)}
    assert len(left_open(pair)) == 1


def test_an_upload_that_is_never_aborted_is_asked_for_as_often_as_anything_else(two_stores: Make) -> None:
    abort = {"side": "destination", "operation": "AbortMultipartUpload", "key": "film", "calls": "all"}
    flip = {"side": "source", "operation": "GetObject", "calls": "1", "action": "flip", "at_byte": 1}
    pair = film(two_stores, flip, {**abort, "action": "status", "value": 503})
    planned = pair.begin()

    settled = pair.copy_items(planned, limits=TINY_PARTS, most_attempts=1)

    pair.check_invariants(settled, left_open=["film"])
    assert pair.requests("AbortMultipartUpload") == IMPATIENT.tries


def test_row_41_a_stop_is_heard_between_two_tries_of_a_complete(two_stores: Make) -> None:
    pair = film(two_stores, {**COMPLETE, "calls": "1", "action": "status", "value": 500})
    pair.dest_store.patience = Patience(first_seconds=0.01, longest_seconds=0.01)
    planned = pair.begin()

    def stop(fired: Fired) -> None:
        pair.told.stop_after = 0

    pair.dest.on_fired(stop)
    with pytest.raises(Stopped):
        pair.copy_items(planned, limits=TINY_PARTS)

    assert pair.requests("CompleteMultipartUpload") == 1
    assert (left_open(pair), pair.told.opened) == ([], pair.told.closed)
    assert pair.told.bytes_moved == 0


def test_row_35_a_page_for_people_in_answer_to_an_abort_does_not_say_that_it_was_done(two_stores: Make) -> None:
    # The source fails before the first part, so that a list of parts shows nothing of an upload that is open.
    gone = {"side": "source", "operation": "GetObject", "calls": "all", "action": "reset", "at_byte": 1}
    abort = {"side": "destination", "operation": "AbortMultipartUpload", "key": "film", "calls": "1"}
    pair = film(two_stores, gone, {**abort, "action": "html_200"})

    settled = pair.copy_one(limits=TINY_PARTS, most_attempts=1)

    assert (settled.verdict, settled.notes) == ("failed", ())
    assert pair.requests("AbortMultipartUpload") == 2


@pytest.mark.parametrize(("operation", "size"), [("PutObject", None), ("CompleteMultipartUpload", 40_000)])
def test_a_write_that_is_refused_for_an_object_that_is_not_there_is_told_as_that(
    two_stores: Make, operation: str, size: int | None
) -> None:
    write = {"side": "destination", "operation": operation, "key": "film", "calls": "all"}
    pair = two_stores({**write, "action": "status", "value": 412}, dest_traits={"small_parts": True})
    pair.seed("film", BODY, **({"part_size": size} if size else {}))

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.code == "dest_missing"
    assert "had none there when we looked" in settled.finding.error_message
