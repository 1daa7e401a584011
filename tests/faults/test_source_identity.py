"""Rows 16 to 19, 55, 70, 72: the object that was planned, and no other."""

from __future__ import annotations

import os

import pytest

from migrator.engine.errors import (
    BucketMissing,
    ClockSkew,
    CredentialsExpired,
    CredentialsRefused,
    SecretRefused,
    WrongRegion,
)
from migrator.engine.verifying import Depth
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, IMPATIENT, TwoStores

BODY = os.urandom(100_000)
GET = {"side": "source", "operation": "GetObject"}


def test_row_16_an_object_replaced_after_the_plan_is_source_changed(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "1", "action": "overwrite", "value": "before"})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == "source_changed"
    assert settled.attempts == ["source_changed"]
    assert pair.dest.keys(DEST) == []


def test_row_16_a_new_plan_copies_the_new_object(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "1", "action": "overwrite", "value": "before"})
    pair.seed("photo", BODY)
    pair.copy_one()

    (settled,) = pair.copy_items(pair.items()).values()

    assert settled.verdict == "verified"
    assert pair.dest_bytes("photo") == pair.source_bytes("photo") != BODY


def test_row_17_bytes_swapped_in_mid_body_are_never_verified(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "all", "action": "swap", "at_byte": 50_000})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code in {"source_changed", "source_etag_mismatch"}
    assert pair.dest.keys(DEST) == []


def test_row_17_an_object_replaced_while_if_match_is_ignored_is_source_changed(two_stores: Make) -> None:
    pair = two_stores(
        {**GET, "calls": "1", "action": "overwrite", "value": "before"}, source_traits={"if_match": "ignored"}
    )
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert (settled.code, settled.attempts) == ("source_changed", ["source_changed"])


def test_row_18_an_object_deleted_after_the_plan_is_source_gone(two_stores: Make) -> None:
    pair = two_stores({**GET, "calls": "1", "action": "delete", "value": "before"})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == "source_gone"
    assert settled.attempts == ["source_gone"]
    assert "no longer in the source" in settled.finding.error_message


def test_row_18_an_object_that_is_listed_under_another_name_is_listed_not_found(two_stores: Make) -> None:
    pair = two_stores(source_traits={"encoding_type": "replaced"})
    pair.seed("photo\x01", BODY)

    (settled,) = pair.copy_items(pair.begin()).values()

    assert (settled.finding.key, settled.code) == ("photo\ufffd", "listed_not_found")


def test_row_18_an_object_that_is_listed_and_denied_is_listed_not_found(two_stores: Make) -> None:
    denied = {"status": 404, "code": "NoSuchKey"}
    pair = two_stores({**GET, "calls": "all", "action": "status", "value": denied})
    pair.seed("photo", BODY)

    assert pair.copy_one().code == "listed_not_found"


def test_row_19_a_delete_marker_on_top_is_source_gone(two_stores: Make) -> None:
    pair = two_stores(
        {**GET, "calls": "1", "action": "delete_marker", "value": "before"}, source_traits={"versioned": True}
    )
    pair.seed("photo", BODY)

    assert pair.copy_one().code == "source_gone"


def test_row_55_keys_that_may_not_be_read_fail_once_and_the_others_go_on(two_stores: Make) -> None:
    pair = two_stores({**GET, "key": "secret/*", "calls": "all", "action": "status", "value": 403})
    pair.seed("secret/plans", BODY)
    pair.seed("open/plans", BODY)

    settled = pair.copy()

    assert settled["open/plans"].verdict == "verified"
    assert settled["secret/plans"].code == "access_denied"
    assert settled["secret/plans"].attempts == ["access_denied"]
    assert 'may not read in "source-bucket"' in settled["secret/plans"].finding.error_message


def test_row_70_an_archived_object_fails_once_and_says_what_to_do(two_stores: Make) -> None:
    pair = two_stores(source_traits={"archive": "old/*"})
    pair.seed("old/film", BODY, storage_class="GLACIER")

    settled = pair.copy_one()

    assert settled.code == "archived"
    assert settled.attempts == ["archived"]
    assert "must be restored" in settled.finding.error_message


@pytest.mark.parametrize("way", ["crowd", "streamed"])
@pytest.mark.parametrize(
    ("answer", "attempts"),
    [
        ({"status": 507, "code": "InsufficientStorage"}, 4),
        ({"status": 403, "code": "QuotaExceeded"}, 1),
        ({"status": 413, "code": "EntityTooLarge"}, 1),
    ],
    ids=["full", "quota", "too large"],
)
def test_a_source_that_says_of_a_reading_what_is_said_of_writes_is_no_full_destination(
    two_stores: Make, streamed_stores: Make, way: str, answer: dict[str, object], attempts: int
) -> None:
    make = two_stores if way == "crowd" else streamed_stores
    pair = make({**GET, "calls": "all", "action": "status", "value": answer})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == ("access_denied" if answer["status"] == 403 else "store_error")
    assert len(settled.attempts) == attempts


def test_a_source_that_knows_no_heads_is_no_fault_of_the_destination(two_stores: Make) -> None:
    head = {"side": "source", "operation": "HeadObject", "calls": "all", "action": "status"}
    pair = two_stores({**head, "value": {"status": 501, "code": "NotImplemented"}})
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", BODY)

    (settled,) = pair.verify(Depth.STATEMENTS).values()

    assert (settled.code, settled.attempts) == ("access_denied", ["access_denied"])


@pytest.mark.parametrize(
    ("status", "code", "problem"),
    [
        (400, "ExpiredToken", CredentialsExpired),
        (403, "InvalidAccessKeyId", CredentialsRefused),
        (403, "RequestTimeTooSkewed", ClockSkew),
        (404, "NoSuchBucket", BucketMissing),
        (301, "PermanentRedirect", WrongRegion),
    ],
)
def test_rows_53_54_57_what_a_person_must_act_on_stops_the_batch(
    two_stores: Make, status: int, code: str, problem: type[Exception]
) -> None:
    answer = {"status": status, "code": code}
    pair = two_stores({**GET, "calls": "all", "action": "status", "value": answer})
    for number in range(20):
        pair.seed(f"photo-{number}", BODY)
    planned = pair.begin()

    with pytest.raises(problem):
        pair.copy_items(planned)

    assert len({entry.key for entry in pair.source.log if entry.operation == "GetObject"}) <= 8
    assert pair.dest.keys(DEST) == []


def test_row_54_one_odd_key_with_a_refused_signature_does_not_stop_the_others(two_stores: Make) -> None:
    refused = {"status": 403, "code": "SignatureDoesNotMatch"}
    pair = two_stores({**GET, "key": "odd", "calls": "all", "action": "status", "value": refused})
    pair.seed("odd", BODY)
    pair.seed("plain", BODY)

    settled = pair.copy()

    assert settled["odd"].code == "key_invalid"
    assert settled["plain"].verdict == "verified"


@pytest.mark.parametrize("way", ["two_stores", "streamed_stores"])
def test_row_54_where_a_busy_store_cannot_say_what_is_behind_a_refused_signature_the_object_is_tried_again(
    request: pytest.FixtureRequest, way: str
) -> None:
    refused = {"status": 403, "code": "SignatureDoesNotMatch"}
    busy = {"side": "source", "operation": "HeadBucket", "calls": f"1-{IMPATIENT.tries}", "action": "status"}
    pair: TwoStores = request.getfixturevalue(way)(
        {**GET, "key": "odd", "calls": "all", "action": "status", "value": refused}, {**busy, "value": 503}
    )
    pair.seed("odd", BODY)
    pair.seed("plain", BODY)

    settled = pair.copy()

    assert (settled["odd"].code, settled["odd"].attempts) == ("key_invalid", ["throttled", "key_invalid"])
    assert settled["plain"].verdict == "verified"


def test_row_54_a_secret_that_is_refused_for_everything_stops_the_run(two_stores: Make) -> None:
    refused = {"side": "source", "calls": "all", "action": "status"}
    why = {"status": 403, "code": "SignatureDoesNotMatch"}
    pair = two_stores(*({**refused, "operation": each, "value": why} for each in ("GetObject", "HeadBucket")))
    pair.seed("photo", BODY)
    planned = pair.begin()

    with pytest.raises(SecretRefused):
        pair.copy_items(planned)


def test_rows_53_54_credentials_that_end_while_a_refused_signature_is_looked_at_stop_the_run(two_stores: Make) -> None:
    refused = {"side": "source", "calls": "all", "action": "status"}
    ended = {"status": 400, "code": "ExpiredToken"}
    pair = two_stores(
        {**refused, "operation": "GetObject", "value": {"status": 403, "code": "SignatureDoesNotMatch"}},
        *({**refused, "operation": each, "value": ended} for each in ("HeadBucket", "ListObjectsV2")),
    )
    pair.seed("photo", BODY)
    planned = pair.begin()

    with pytest.raises(CredentialsExpired):
        pair.copy_items(planned)


def test_row_53_credentials_that_end_before_a_look_at_the_source_do_not_seal_the_object(two_stores: Make) -> None:
    refused = {"side": "source", "calls": "all", "action": "status", "value": {"status": 400, "code": "ExpiredToken"}}
    pair = two_stores(*({**refused, "operation": each} for each in ("HeadObject", "ListObjectsV2")))
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", BODY)

    with pytest.raises(CredentialsExpired):
        pair.verify(Depth.STATEMENTS)


def test_an_object_sealed_with_its_owner_s_key_fails_in_words_and_the_others_go_on(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("photo", BODY)
    pair.seed("sealed", BODY, encryption="customer")

    settled = pair.copy()

    assert (settled["sealed"].code, settled["photo"].verdict) == ("access_denied", "verified")
    assert settled["sealed"].attempts == ["access_denied"]
    assert "a key of its owner (SSE-C)" in settled["sealed"].finding.error_message


@pytest.mark.parametrize("depth", list(Depth))
def test_a_sealed_object_that_is_only_compared_fails_in_the_same_words(two_stores: Make, depth: Depth) -> None:
    pair = two_stores()
    pair.seed("sealed", BODY, encryption="customer")
    pair.dest.seed(DEST, "sealed", BODY)

    (settled,) = pair.verify(depth).values()

    assert settled.code == "access_denied"
    assert "a key of its owner (SSE-C)" in settled.finding.error_message
