from __future__ import annotations

import hashlib
import time
import uuid
from dataclasses import replace

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from integrity import records
from integrity.digests import OnePass
from integrity.evidence import (
    Attempt,
    Check,
    CheckName,
    ErrorCode,
    Finding,
    Origin,
    Outcome,
    Reason,
    Repeat,
    Statement,
)
from integrity.layouts import Layout
from integrity.models import IntegrityRecord, Review
from integrity.records import RecordContext, digest_of, new_record, row_of
from integrity.verdicts import Policy

pytestmark = pytest.mark.django_db

BODY = b"sixteen bytes..."
MD5 = hashlib.md5(BODY).hexdigest()
CONTEXT = RecordContext(
    run=uuid.UUID(int=7),
    task=uuid.UUID(int=8),
    task_name="Archive",
    run_number=1,
    batch_number=0,
    source_place="Old: photos/",
    dest_place="New: archive/",
    policy=Policy(),
)


def match(name: CheckName, value: str, origin: Origin = Origin.HEAD) -> Check:
    return Check(name=name, outcome=Outcome.MATCH, expected=value, observed=value, origin=origin)


def proven() -> Finding:
    layout = Layout.single(len(BODY))
    one_pass = OnePass([layout])
    one_pass.feed(BODY)
    size = str(len(BODY))
    return Finding(
        index=0,
        key="a.txt",
        dest_key="a.txt",
        planned_size=len(BODY),
        planned_etag=f'"{MD5}"',
        checks=(
            match(CheckName.SOURCE_IDENTITY, MD5, Origin.GET),
            match(CheckName.SOURCE_SIZE, size, Origin.GET),
            match(CheckName.READ_LENGTH, size, Origin.GET),
            match(CheckName.SOURCE_ETAG, MD5, Origin.GET),
            match(CheckName.SOURCE_UNCHANGED, MD5, Origin.GET),
            match(CheckName.DEST_SIZE, size),
            match(CheckName.DEST_ETAG, MD5),
            match(CheckName.DEST_IDENTITY, MD5),
        ),
        source=Statement(origin=Origin.GET, size=len(BODY), etag=f'"{MD5}"'),
        dest=Statement(origin=Origin.HEAD, size=len(BODY), etag=f'"{MD5}"'),
        digests=one_pass.result(),
        dest_layout=layout,
        calculated_etag=MD5,
        bytes_read=len(BODY),
        bytes_written=len(BODY),
    )


def unproven() -> Finding:
    checks = [check for check in proven().checks if check.name is not CheckName.DEST_ETAG]
    store_unproven = Check(
        name=CheckName.DEST_ETAG,
        outcome=Outcome.NOT_COMPARABLE,
        reason=Reason.STORE_UNPROVEN,
        expected=MD5,
        observed=MD5,
        origin=Origin.HEAD,
    )
    return replace(proven(), index=1, key="b.txt", checks=(*checks, store_unproven))


def kept(finding: Finding) -> IntegrityRecord:
    row = row_of(finding, CONTEXT)
    records.write([row])
    return IntegrityRecord.objects.get(pk=row["id"])


def test_a_proven_copy_is_verified_with_its_grades() -> None:
    record = kept(proven())

    assert (record.verdict, record.source_grade, record.dest_grade, record.is_valid) == ("verified", "S3", "D3", True)
    assert (record.size_match, record.etag_match, record.md5_match) == (True, True, True)
    assert record.sha256 == hashlib.sha256(BODY).hexdigest()


def test_a_copy_at_an_unproven_store_is_unverified_and_matches_nothing() -> None:
    record = kept(unproven())

    assert (record.verdict, record.reason, record.is_valid) == ("unverified", "store_unproven", False)
    assert record.etag_match is None
    assert record.md5_match is None


def test_bytes_hashed_is_a_figure_of_its_own_and_never_the_size_at_the_destination() -> None:
    unseen = new_record(replace(proven(), dest=None), CONTEXT)
    shorter = new_record(replace(proven(), dest=Statement(origin=Origin.HEAD, size=3)), CONTEXT)
    silent = new_record(replace(proven(), dest=Statement(origin=Origin.HEAD)), CONTEXT)

    assert {each.bytes_hashed for each in (unseen, shorter, silent)} == {len(BODY)}
    assert [each.dest_size for each in (unseen, shorter, silent)] == [None, 3, None]


def test_bytes_that_were_read_beyond_what_the_source_states_stay_beside_it() -> None:
    one_pass = OnePass()
    one_pass.feed(BODY + b"more")

    record = new_record(replace(proven(), digests=one_pass.result()), CONTEXT)

    assert (record.source_size, record.bytes_hashed, record.dest_size) == (16, 20, 16)


def test_an_error_is_a_failed_record_with_its_code() -> None:
    finding = replace(proven(), index=2, checks=(), digests=None, dest=None, error_code=ErrorCode.SOURCE_GONE)

    record = kept(finding)

    assert (record.verdict, record.error_code, record.reason) == ("failed", "source_gone", "")
    assert record.size_match is None


def test_a_skipped_item_has_a_record_without_a_verdict() -> None:
    finding = replace(proven(), index=3, checks=(), digests=None, skipped=True)

    record = kept(finding)

    assert (record.verdict, record.reason, record.is_valid) == ("", "already_verified", False)


def test_what_is_not_verified_opens_a_review_and_what_is_does_not() -> None:
    kept(proven())
    opened = kept(unproven())

    assert [(review.record_id, review.cause) for review in Review.objects.all()] == [(opened.pk, "store_unproven")]


def test_a_row_read_back_has_the_digest_it_was_written_with() -> None:
    record = kept(proven())

    assert digest_of(record) == record.record_digest


AT = "2026-03-01T10:00:00.000000Z"
ATTEMPT = Attempt(number=1, started_at=AT, ended_at=AT)
REPEAT = Repeat(
    side="source", operation="GetObject", reason="throttled", store_code="SlowDown", count=3, first_at=AT, last_at=AT
)


def test_an_attempt_without_a_repeat_is_written_as_before_there_were_any() -> None:
    row = row_of(replace(proven(), attempts=(ATTEMPT,)), CONTEXT)

    assert row["attempt_log"] == [{"number": 1, "started_at": AT, "ended_at": AT, "error_code": "", "message": ""}]


def test_what_was_asked_again_is_in_its_attempt_and_under_the_digest() -> None:
    attempt = replace(ATTEMPT, repeats=(REPEAT,), more_repeats=7)
    record = kept(replace(proven(), attempts=(attempt,)))

    (logged,) = record.attempt_log
    assert (record.attempts, logged["more_repeats"]) == (1, 7)
    assert logged["repeats"] == [
        {
            "side": "source",
            "operation": "GetObject",
            "reason": "throttled",
            "store_code": "SlowDown",
            "count": 3,
            "first_at": AT,
            "last_at": AT,
        }
    ]
    assert digest_of(record) == record.record_digest
    logged["repeats"][0]["count"] = 2
    assert digest_of(record) != record.record_digest


@pytest.mark.parametrize(
    "edit",
    [
        {"is_valid": True, "verdict": "unverified", "reason": "sse_kms"},
        {"verdict": "verified", "is_valid": False},
        {"dest_grade": "D1"},
        {"source_grade": "S1"},
        {"dest_size": None},
        {"dest_size": F("source_size") + 1},
        {"size_match": None},
        {"dest_etag": ""},
        {"calculated_md5": ""},
        {"error_code": "internal_error"},
        {"verdict": "failed", "is_valid": False},
        {"verdict": "", "is_valid": False, "reason": ""},
        {"verdict": "fine"},
    ],
)
def test_the_database_refuses_an_unproven_match(edit: dict[str, object]) -> None:
    record = kept(proven())

    with pytest.raises(IntegrityError), transaction.atomic():
        IntegrityRecord.objects.filter(pk=record.pk).update(**edit)


def test_an_item_has_one_record_in_a_run() -> None:
    kept(proven())

    with pytest.raises(IntegrityError), transaction.atomic():
        kept(proven())


def test_keys_are_found_by_prefix_byte_by_byte() -> None:
    highest = "photos/\U0010ffff\U0010ffff"
    for index, key in enumerate(["Photos/a", "photos/a", "photos/b", highest, "photosx"]):
        kept(replace(proven(), index=index, key=key))

    found = records.select(CONTEXT.run, key_prefix="photos/")

    assert [record.object_key for record in found] == ["photos/a", "photos/b", highest]


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite knows no language")
def test_keys_are_found_byte_by_byte_in_a_database_that_sorts_as_a_language_does() -> None:
    with connection.cursor() as cursor:
        cursor.execute('ALTER TABLE integrity_integrityrecord ALTER object_key TYPE text COLLATE "en-x-icu"')
    for index, key in enumerate(["Photos/a", "photos/a", "photos-b", "photosx"]):
        kept(replace(proven(), index=index, key=key))

    found = [records.select(CONTEXT.run, key_prefix=prefix) for prefix in ("photos/", "PHOTOS", "photos%")]

    assert [[record.object_key for record in each] for each in found] == [["photos/a"], [], []]


def test_causes_count_what_was_not_verified() -> None:
    kept(proven())
    kept(unproven())
    kept(replace(unproven(), index=5))

    assert records.causes(CONTEXT.run) == [
        {"verdict": "unverified", "cause": "store_unproven", "count": 2, "bytes": 2 * len(BODY)}
    ]


def test_the_records_of_a_batch_are_found_in_plan_order_without_a_look_at_all_others() -> None:
    for index in (7, 5, 6, 8):
        row = row_of(replace(proven(), index=index), replace(CONTEXT, batch_number=1 if index < 8 else 2))
        records.write([row])

    found = records.of_batch(CONTEXT.run, 1, 5, 4)

    assert [record.index for record in found] == [5, 6, 7]
    if connection.vendor == "sqlite":
        # A plan of PostgreSQL depends on how much there is.
        assert "index>? AND index<?" in found.explain()


def test_the_newest_come_first_without_the_checks_that_no_line_shows() -> None:
    records.write(records.rows_of([replace(proven(), index=index, key=f"k{index}") for index in range(3)], CONTEXT))

    found = records.newest(CONTEXT.run, 2)

    assert [record.object_key for record in found] == ["k2", "k1"]
    assert "checks" in found[0].get_deferred_fields()
    assert found[0].checks


def test_rows_of_one_group_are_written_together_and_come_back_as_they_were() -> None:
    """More than two statements take together, and some that are left over."""
    rows = records.rows_of([replace(proven(), index=index, key=f"k{index}") for index in range(103)], CONTEXT)
    records.write(rows)

    kept_ones = list(records.select(CONTEXT.run))

    assert [record.object_key for record in kept_ones] == [f"k{index}" for index in range(103)]
    assert all(digest_of(record) == record.record_digest for record in kept_ones)
    times = [record.created_at for record in kept_ones]
    assert times == sorted(set(times))


def test_ids_are_in_the_order_of_time() -> None:
    first = row_of(proven(), CONTEXT)["id"]
    time.sleep(0.002)
    others = [row_of(proven(), CONTEXT)["id"] for _ in range(200)]

    assert all(first < other for other in others)
    assert {(other.version, other.variant) for other in others} == {(7, uuid.RFC_4122)}
    assert len(set(others)) == 200
