"""Row 41: a stop is no failure, so what has arrived of a large object is kept and continued."""

from __future__ import annotations

import os
import time

import pytest

from integrity.evidence import VERSION_NAMED, CheckName, ErrorCode, EtagMeaning, Finding
from integrity.layouts import Limits
from integrity.verdicts import Fidelity, Policy
from migrator.engine.errors import ConnectionProblem, SecretRefused, Stopped
from migrator.engine.planning import Item, plan
from migrator.engine.versions import list_versions, versions_in
from migrator.sandbox import Fired
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, SOURCE, TINY_PARTS, Settled, TwoStores

PARTS = 8
BODY = os.urandom(PARTS * 50_000)
PART = {"side": "destination", "operation": "UploadPart", "key": "film"}
LARGE = {"limits": TINY_PARTS, "keep_above": len(BODY) - 1}
CARRIED: dict[str, object] = {
    "policy": Policy(fidelity=Fidelity.REQUIRED),
    "tags": True,
    "storage_class_map": {"STANDARD_IA": "STANDARD_IA"},
}


def film(two_stores: Make, *faults: dict[str, object], **described: object) -> TwoStores:
    pair = two_stores(*faults, dest_traits={"small_parts": True})
    pair.seed("film", BODY, part_size=50_000, **described)
    return pair


def stop_in_its_midst(pair: TwoStores, **options: object) -> list[Item]:
    planned = pair.begin()
    stop_after(pair, 5, planned, **options)
    return planned


def stop_after(pair: TwoStores, parts: int, planned: list[Item], **options: object) -> None:
    pair.told.stop_after = pair.told.bytes_moved + parts * 50_000
    with pytest.raises(Stopped):
        pair.copy_items(planned, **(LARGE | options))
    pair.told.stop_after = None


def left_open(pair: TwoStores) -> list[str]:
    return [upload.id for upload in pair.dest.open_uploads()]


def keep(pair: TwoStores, *kept: str) -> None:
    """Give the next copier the uploads that are open, or these."""
    pair.room = {"kept_uploads": {"film": pair.told.kept(*(kept or left_open(pair)))}}


def go_on(pair: TwoStores, planned: list[Item], *kept: str, **options: object) -> Settled:
    keep(pair, *kept)
    settled = pair.copy_items(planned, **(LARGE | options))
    pair.check_invariants(settled)
    return settled["film"]


def test_a_stop_leaves_what_has_arrived_and_the_next_attempt_sends_the_rest(two_stores: Make) -> None:
    pair = film(two_stores)
    planned = stop_in_its_midst(pair)
    arrived = pair.requests("UploadPart")
    assert (len(left_open(pair)), pair.told.closed, pair.told.bytes_moved) == (1, [], 0)
    assert 0 < arrived < PARTS

    settled = go_on(pair, planned)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ("upload_continued",))
    assert settled.outcome(CheckName.PART_ETAGS) == settled.outcome(CheckName.WRITE_DIGEST) == "match"
    assert settled.finding.bytes_read == len(BODY)
    assert (pair.requests("CreateMultipartUpload"), pair.requests("UploadPart")) == (1, PARTS)


def test_what_is_continued_may_be_stopped_again(two_stores: Make) -> None:
    pair = film(two_stores)
    planned = stop_in_its_midst(pair)
    keep(pair)
    stop_after(pair, 2, planned)

    assert go_on(pair, planned).verdict == "verified"
    assert (pair.requests("CreateMultipartUpload"), pair.requests("UploadPart")) == (1, PARTS)


def test_an_object_that_is_not_above_the_border_is_aborted(two_stores: Make) -> None:
    pair = film(two_stores)

    stop_in_its_midst(pair, keep_above=len(BODY))

    assert not left_open(pair)
    assert pair.told.opened == pair.told.closed


SILENT = {**PART, "part": 4, "calls": "1", "action": "stall", "at_byte": 1}
DRIP = {"side": "source", "operation": "GetObject", "calls": "1", "action": "drip", "at_byte": 0, "value": 200_000}
while_the_source = pytest.mark.parametrize("faults", [[SILENT, DRIP], [SILENT]], ids=["is read", "has been read"])


def stop_once_it_is_silent(pair: TwoStores, **options: object) -> list[Item]:
    pair.dest_store.close()
    pair.dest_store = pair.store_of(pair.dest, read_seconds=60)
    planned = pair.begin()

    def stop(fired: Fired) -> None:
        if fired.action == "stall":
            pair.told.stop_at = time.monotonic() + 0.2

    pair.dest.on_fired(stop)
    with pytest.raises(Stopped):
        pair.copy_items(planned, **options)
    assert pair.told.stop_at is not None
    assert time.monotonic() - pair.told.stop_at < 10
    pair.told.stop_at = None
    return planned


@while_the_source
def test_a_stop_is_heard_while_a_destination_is_silent_and_what_has_arrived_is_kept(
    two_stores: Make, faults: list[dict[str, object]]
) -> None:
    pair = film(two_stores, *faults)
    planned = stop_once_it_is_silent(pair, **LARGE)
    assert (len(left_open(pair)), pair.told.closed, pair.told.bytes_moved) == (1, [], 0)

    settled = go_on(pair, planned)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ("upload_continued",))
    assert pair.requests("CreateMultipartUpload") == 1


@while_the_source
def test_an_upload_with_a_part_that_may_land_yet_stays_known_and_is_not_waited_for(
    two_stores: Make, faults: list[dict[str, object]]
) -> None:
    pair = film(two_stores, *faults)
    planned = stop_once_it_is_silent(pair, **LARGE | {"keep_above": len(BODY)})
    assert (len(left_open(pair)), pair.told.closed, pair.requests("AbortMultipartUpload")) == (1, [], 0)

    assert go_on(pair, planned).verdict == "verified"


@pytest.mark.parametrize("at_byte", [1, len(BODY) - 1])
def test_a_stop_is_heard_while_a_destination_is_silent_in_the_midst_of_one_body(two_stores: Make, at_byte: int) -> None:
    silent = {"side": "destination", "operation": "PutObject", "key": "film", "calls": "1", "action": "stall"}
    pair = two_stores({**silent, "at_byte": at_byte})
    pair.seed("film", BODY)
    straight = {"threshold": len(BODY) // 2}

    planned = stop_once_it_is_silent(pair, **straight)

    assert pair.told.bytes_moved == 0
    settled = pair.copy_items(planned, **straight)
    pair.check_invariants(settled)
    assert settled["film"].verdict == "verified"


@pytest.mark.parametrize("at_byte", [1, len(BODY) - 1])
def test_a_stop_is_heard_while_a_destination_is_silent_in_the_midst_of_one_put(
    streamed_stores: Make, at_byte: int
) -> None:
    silent = {"side": "destination", "operation": "PutObject", "key": "film", "calls": "1", "action": "stall"}
    pair = streamed_stores({**silent, "at_byte": at_byte})
    pair.seed("film", BODY)

    planned = stop_once_it_is_silent(pair)

    assert pair.told.bytes_moved == 0
    settled = pair.copy_items(planned)
    pair.check_invariants(settled)
    assert settled["film"].verdict == "verified"


@pytest.mark.parametrize("answer", [503, {"status": 400, "code": "BadDigest"}], ids=["busy", "refused"])
def test_a_stop_is_heard_while_a_destination_is_silent_over_a_small_object_that_is_sent_again(
    two_stores: Make, answer: object
) -> None:
    put = {"side": "destination", "operation": "PutObject", "key": "film"}
    pair = two_stores(
        {**put, "calls": "1", "action": "status", "value": answer},
        {**put, "calls": "2", "action": "stall", "at_byte": 1},
    )
    pair.seed("film", BODY)

    planned = stop_once_it_is_silent(pair)

    assert pair.findings == []
    assert pair.told.bytes_moved == 0
    settled = pair.copy_items(planned)
    pair.check_invariants(settled)
    assert settled["film"].verdict == "verified"


def test_what_a_person_must_mend_is_a_stop_too(two_stores: Make) -> None:
    ended = {"status": 400, "code": "ExpiredToken"}
    pair = film(two_stores, {**PART, "part": 4, "calls": "1", "action": "status", "value": ended})
    planned = pair.begin()
    with pytest.raises(ConnectionProblem):
        pair.copy_items(planned, **LARGE)

    settled = go_on(pair, planned)

    assert (settled.verdict, settled.notes) == ("verified", ("upload_continued",))
    # The one that was refused, and nothing else twice.
    assert (pair.requests("CreateMultipartUpload"), pair.requests("UploadPart")) == (1, PARTS + 1)


def test_a_key_whose_signature_is_refused_is_a_failure_and_leaves_nothing_open(two_stores: Make) -> None:
    refused = {"status": 403, "code": "SignatureDoesNotMatch"}
    pair = film(two_stores, {**PART, "part": 6, "calls": "1", "action": "status", "value": refused})

    assert pair.copy(**LARGE)["film"].code == "key_invalid"


def test_what_keys_that_are_refused_leave_open_is_continued(two_stores: Make) -> None:
    no = {"action": "status", "value": {"status": 403, "code": "SignatureDoesNotMatch"}}
    asked = ({"operation": each, "calls": "1"} for each in ("AbortMultipartUpload", "HeadBucket"))
    pair = film(
        two_stores, {**PART, "part": 6, "calls": "1", **no}, *({"side": "destination"} | each | no for each in asked)
    )
    planned = pair.begin()
    with pytest.raises(SecretRefused):
        pair.copy_items(planned, **LARGE)

    assert go_on(pair, planned).notes == ("upload_continued",)


def test_a_part_with_other_bytes_ends_the_upload_and_the_object_begins_anew(two_stores: Make) -> None:
    pair = film(two_stores)
    planned = stop_in_its_midst(pair)
    pair.dest_store.upload_part(DEST, "film", *left_open(pair), 2, bytes(50_000))

    settled = go_on(pair, planned)

    assert (settled.verdict, settled.attempts) == ("verified", ["part_etag_mismatch", ""])
    assert pair.requests("CreateMultipartUpload") == 2


@pytest.mark.parametrize(("number", "size"), [(2, 49_999), (PARTS + 1, 50_000)], ids=["its size", "its number"])
def test_an_upload_cut_in_another_way_is_aborted(two_stores: Make, number: int, size: int) -> None:
    pair = film(two_stores)
    planned = stop_in_its_midst(pair)
    pair.dest_store.upload_part(DEST, "film", *left_open(pair), number, bytes(size))

    settled = go_on(pair, planned)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ())
    assert pair.requests("CreateMultipartUpload") == 2


def test_an_upload_that_was_aborted_meanwhile_is_begun_anew(two_stores: Make) -> None:
    pair = film(two_stores)
    planned = stop_in_its_midst(pair)
    (upload_id,) = left_open(pair)
    pair.dest_store.abort_upload(DEST, "film", upload_id)

    settled = go_on(pair, planned, upload_id)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ())


def test_an_upload_that_may_not_be_looked_into_is_aborted(two_stores: Make) -> None:
    listing = {"side": "destination", "operation": "ListParts", "key": "film"}
    pair = film(two_stores, {**listing, "calls": "1", "action": "status", "value": 403})
    planned = stop_in_its_midst(pair)

    settled = go_on(pair, planned)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ())
    assert pair.requests("CreateMultipartUpload") == 2


def test_of_several_the_first_that_fits_is_continued(two_stores: Make) -> None:
    pair = film(two_stores)
    planned = stop_in_its_midst(pair)
    (first,) = left_open(pair)
    other = pair.dest_store.create_upload(DEST, "film")
    pair.told.upload_opened("film", other, pair.told.purposes[first])

    settled = go_on(pair, planned, first, other)

    assert (settled.verdict, settled.notes) == ("verified", ("upload_continued",))
    assert pair.requests("UploadPart") == PARTS


@pytest.mark.parametrize("meaning", [EtagMeaning.UNKNOWN, EtagMeaning.OPAQUE])
def test_nothing_is_continued_where_an_etag_names_no_part(two_stores: Make, meaning: EtagMeaning) -> None:
    pair = film(two_stores)
    planned = stop_in_its_midst(pair)
    pair.believe(etag_multipart=meaning)

    settled = go_on(pair, planned)

    assert (settled.notes, pair.requests("CreateMultipartUpload")) == ((), 2)


def test_an_upload_is_not_kept_where_an_etag_names_no_part(two_stores: Make) -> None:
    pair = film(two_stores)
    planned = pair.begin()
    pair.believe(etag_multipart=EtagMeaning.UNKNOWN)
    pair.told.stop_after = 5 * 50_000

    with pytest.raises(Stopped):
        pair.copy_items(planned, **LARGE)

    assert not left_open(pair)


def test_a_source_that_was_replaced_meanwhile_makes_no_mixture(two_stores: Make) -> None:
    pair = film(two_stores)
    planned = stop_in_its_midst(pair)
    kept = left_open(pair)
    pair.source.seed(SOURCE, "film", BODY[:-1] + b"!", part_size=50_000)
    keep(pair, *kept)

    settled = pair.copy_items(planned, **LARGE)

    assert settled["film"].code == "source_changed"
    assert pair.dest.keys(DEST) == []


def test_what_was_kept_of_another_source_is_aborted(two_stores: Make) -> None:
    pair = film(two_stores)
    stop_in_its_midst(pair)
    kept = left_open(pair)
    pair.source.seed(SOURCE, "film", b"!" + BODY[1:], part_size=50_000)
    planned = pair.begin()

    settled = go_on(pair, planned, *kept)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ())
    assert left_open(pair) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"tags": {"cut": "new"}},
        {"metadata": {"cut": "new"}},
        {"headers": {"Content-Type": "video/mp4"}},
        {"storage_class": "STANDARD_IA"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_changed_meanwhile_beside_the_bytes_is_carried_over(two_stores: Make, changed: dict[str, object]) -> None:
    # Tags are changed without writing the object, and within a second nothing is told by a time.
    described = {"modified": time.time() - 60, "tags": {"cut": "old"}}
    pair = film(two_stores, **described)
    planned = stop_in_its_midst(pair, **CARRIED)
    pair.seed("film", BODY, part_size=50_000, **(described | changed))

    settled = go_on(pair, planned, **CARRIED)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ())
    assert pair.requests("CreateMultipartUpload") == 2


def test_what_was_written_again_as_it_was_is_continued(two_stores: Make) -> None:
    described = {"tags": {"a": "1", "b": "2"}, "metadata": {"cut": "final"}, "headers": {"Content-Type": "video/mp4"}}
    pair = film(two_stores, **described)
    planned = stop_in_its_midst(pair, **CARRIED)
    pair.seed("film", BODY, part_size=50_000, modified=time.time() + 5, **described)

    settled = go_on(pair, planned, **CARRIED)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ("upload_continued",))
    assert pair.requests("UploadPart") == PARTS


def test_an_upload_of_which_nobody_knows_what_it_was_opened_for_is_aborted(two_stores: Make) -> None:
    pair = film(two_stores)
    planned = stop_in_its_midst(pair)
    pair.told.purposes.update(dict.fromkeys(left_open(pair), ""))

    settled = go_on(pair, planned)

    assert (settled.verdict, settled.attempts, settled.notes) == ("verified", [""], ())
    assert pair.requests("CreateMultipartUpload") == 2


def test_what_was_kept_of_a_version_that_is_gone_is_not_for_the_next_one(two_stores: Make) -> None:
    pair, planned = two_cuts(two_stores)
    stop_after(pair, 5, planned)
    keep(pair)
    gone = {"status": 404, "code": "NoSuchVersion"}
    pair.source.plan_faults([{"operation": "GetObject", "calls": "1", "action": "status", "value": gone}])

    pair.copy_items(planned, **LARGE)

    first, final = pair.findings
    assert first.error_code is ErrorCode.SOURCE_GONE
    assert_is_final(pair, final)


def test_nor_is_it_where_the_record_of_that_one_was_all_that_came_before_another_stop(two_stores: Make) -> None:
    pair, planned = two_cuts(two_stores)
    stop_after(pair, 5, planned)
    keep(pair)

    pair.copy_items(planned[1:], **LARGE)

    (final,) = pair.findings
    assert_is_final(pair, final)


def test_the_upload_of_a_version_is_continued_for_that_version(two_stores: Make) -> None:
    pair, planned = two_cuts(two_stores)
    stop_after(pair, 5, planned)
    keep(pair)

    pair.copy_items(planned, **LARGE)

    first, final = pair.findings
    assert first.notes == (VERSION_NAMED, "upload_continued")
    assert first.dest is not None
    assert first.dest.metadata == {"cut": "first"}
    assert_is_final(pair, final)


def two_cuts(two_stores: Make) -> tuple[TwoStores, list[Item]]:
    """Two versions with the same bytes, and the plan of both."""
    traits = {"versioned": True}
    pair = two_stores(source_traits=traits, dest_traits={**traits, "small_parts": True})
    for cut in ("first", "final"):
        pair.seed("film", BODY, part_size=50_000, metadata={"cut": cut})
    pair.learn()
    pair.dest.clear_log()
    listed = versions_in(list_versions(pair.source_store, SOURCE))
    return pair, [item for batch in plan(listed, ()) for item in batch.items]


def assert_is_final(pair: TwoStores, finding: Finding) -> None:
    assert (finding.error_code, finding.notes) == (None, (VERSION_NAMED,))
    assert finding.dest is not None
    assert finding.dest.metadata == {"cut": "final"}
    assert not left_open(pair)
    assert sorted(pair.told.opened) == sorted(pair.told.closed)


def test_what_nobody_takes_up_is_left_to_the_caller(two_stores: Make) -> None:
    pair = film(two_stores)
    planned = stop_in_its_midst(pair)
    kept = left_open(pair)
    keep(pair, *kept)

    settled = pair.copy_items(planned, limits=Limits(smallest_part=1, most_parts=4))

    assert (settled["film"].verdict, settled["film"].notes, left_open(pair)) == ("verified", (), kept)
