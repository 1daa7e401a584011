"""What the database itself refuses, whoever writes the row: rows go in past the code that judges."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from integrity import guards, records
from integrity.models import IntegrityRecord
from integrity.records import new_record, row_of
from tests.integrity.test_records import CONTEXT, MD5, proven

pytestmark = pytest.mark.django_db

OTHER = "0" * 32
PARTS = f"{OTHER}-2"


def a_row(**fields: object) -> IntegrityRecord:
    row = new_record(proven(), replace(CONTEXT, run=uuid.uuid4()))
    for name, value in fields.items():
        setattr(row, name, value)
    return row


def is_refused(row: IntegrityRecord) -> bool:
    try:
        with transaction.atomic():
            IntegrityRecord.objects.bulk_create([row])
    except IntegrityError:
        return True
    return False


def a_check(outcome: object, expected: object = None, observed: object = None, reason: object = None) -> object:
    return {"name": "dest_etag", "outcome": outcome, "expected": expected, "observed": observed, "reason": reason}


@pytest.mark.parametrize(
    "fields",
    [
        {"etag_match": True, "dest_etag": OTHER, "md5_match": None},
        {"etag_match": True, "dest_etag": "", "md5_match": None},
        {"etag_match": True, "source_etag": "", "md5_match": None},
        {"etag_match": True, "source_etag": OTHER, "md5_match": None},
        {"etag_match": True, "dest_etag": "", "calculated_etag": "", "calculated_md5": "", "md5_match": None},
        {"md5_match": True, "etag_match": None, "source_etag": PARTS},
        {"md5_match": True, "etag_match": None, "dest_etag": PARTS, "calculated_etag": PARTS},
        {"md5_match": True, "etag_match": None, "calculated_md5": OTHER, "calculated_etag": OTHER},
        {"md5_match": True, "etag_match": None, "source_etag": "", "dest_etag": "", "calculated_md5": ""},
        {"bytes_hashed": 15},
        {"bytes_hashed": None},
        {"dest_size": 15, "source_size": 15},
        {"dest_grade": "D4", "sha256": ""},
        {"source_grade": "S1 reread", "sha256": ""},
    ],
)
def test_a_match_that_the_columns_do_not_show_is_refused(fields: dict[str, object]) -> None:
    assert is_refused(a_row(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"source_etag": PARTS, "md5_match": None},
        {"dest_etag": PARTS, "calculated_etag": PARTS, "md5_match": None},
        {"calculated_etag": PARTS},
        {"etag_match": False, "md5_match": False, "dest_etag": OTHER},
    ],
    ids=["one put", "source in parts", "both in parts", "an MD5 stated for parts", "no match claimed"],
)
def test_what_the_columns_show_is_taken(fields: dict[str, object]) -> None:
    assert not is_refused(a_row(**fields))


NOW_UNREAD = {"compared_with": uuid.UUID(int=9), "bytes_hashed": None}


@pytest.mark.parametrize(
    "fields",
    [
        NOW_UNREAD | {"dest_grade": "D4"},
        NOW_UNREAD | {"source_grade": "S1 reread"},
        NOW_UNREAD | {"bytes_hashed": 16},
        NOW_UNREAD | {"dest_etag": OTHER, "md5_match": None},
        NOW_UNREAD | {"dest_size": 15},
    ],
)
def test_a_record_that_names_an_earlier_one_claims_no_reading(fields: dict[str, object]) -> None:
    assert is_refused(a_row(**fields))


def test_digests_of_an_earlier_record_need_no_bytes_of_this_run() -> None:
    assert not is_refused(a_row(**NOW_UNREAD))


@pytest.mark.parametrize(
    "check",
    [
        a_check("match"),
        a_check("match", MD5, None),
        a_check("match", MD5, OTHER),
        a_check("match", "16", 16),
        a_check("mismatch", MD5, MD5),
        a_check("mismatch", MD5, None),
        a_check("not_comparable", MD5, MD5),
        a_check("not_comparable", reason=""),
        a_check("fine", MD5, MD5),
        a_check(None, MD5, MD5),
        a_check({"match": True}, MD5, MD5),
        {"name": "dest_etag", "outcome": "match"},
        {},
        "match",
        None,
        [a_check("match", MD5, MD5)],
    ],
)
def test_a_check_that_claims_what_its_values_do_not_show_is_refused(check: object) -> None:
    honest = a_check("match", MD5, MD5)

    assert is_refused(a_row(checks=[honest, check, honest]))


@pytest.mark.parametrize("checks", [{}, "match", None, {"0": a_check("match", MD5, MD5)}])
def test_what_is_no_list_of_checks_is_refused(checks: object) -> None:
    assert is_refused(a_row(checks=checks))


def test_honest_checks_are_taken() -> None:
    honest = [
        a_check("match", MD5, MD5),
        a_check("mismatch", MD5, OTHER),
        a_check("not_comparable", None, OTHER, "etag_opaque"),
    ]

    assert not is_refused(a_row(checks=honest))
    assert not is_refused(a_row(checks=[]))


def test_a_stored_check_cannot_be_bent_afterwards() -> None:
    row = a_row()
    IntegrityRecord.objects.bulk_create([row])
    bent = json.dumps([a_check("match", MD5, OTHER)])

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE integrity_integrityrecord SET checks = %s WHERE run = %s", [bent, _stored(row.run)])


def test_one_bent_row_keeps_its_whole_group_out() -> None:
    fine, bent = row_of(proven(), CONTEXT), {"checks": [a_check("match", MD5, OTHER)], "id": uuid.uuid4(), "index": 7}
    rows = [fine, fine | bent]

    with pytest.raises(IntegrityError), transaction.atomic():
        records.write(rows)

    assert IntegrityRecord.objects.count() == 0


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_the_triggers_are_there_after_all_migrations() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [guards.TABLE])
        found = {name for (name,) in cursor.fetchall()}

    assert found == {f"{guards.RULE}_on_insert", f"{guards.RULE}_on_update"}


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_the_constraint_is_there_after_all_migrations() -> None:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, guards.TABLE)

    assert found[guards.RULE]["check"]


@pytest.mark.django_db(transaction=True)
def test_a_table_that_was_made_anew_has_the_rule_again() -> None:
    field = IntegrityRecord._meta.get_field("task_name")
    with connection.schema_editor() as editor:
        # What a later change of any column does on SQLite.
        editor.alter_field(IntegrityRecord, field, _longer(field), strict=True)
        editor.alter_field(IntegrityRecord, _longer(field), field, strict=True)

    call_command("migrate", verbosity=0)

    assert is_refused(a_row(checks=[a_check("match", MD5, OTHER)]))


@pytest.mark.django_db(transaction=True)
def test_the_way_back_and_forth_keeps_the_rule() -> None:
    call_command("migrate", "integrity", "0002", verbosity=0)
    call_command("migrate", verbosity=0)

    assert is_refused(a_row(checks=[a_check("match", MD5, OTHER)]))


def test_the_rule_can_be_taken_away() -> None:
    guards.release(connection)

    assert not is_refused(a_row(checks=[a_check("match", MD5, OTHER)]))


def _longer(field: object) -> object:
    longer = field.clone()  # type: ignore[attr-defined]
    longer.max_length = 151
    longer.set_attributes_from_name("task_name")
    longer.model = IntegrityRecord
    return longer


def _stored(value: uuid.UUID) -> str:
    return value.hex if connection.vendor == "sqlite" else str(value)
