from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from integrity.evidence import NOT_CARRIED
from integrity.models import IntegrityRecord, ReviewDecision
from migrator.models import Run
from tests.api.caller import Caller, a_record, a_run, pointers

pytestmark = pytest.mark.django_db

PROMISED = {
    "id", "task", "run", "object_key", "source_version_id", "dest_version_id", "source_etag", "dest_etag",
    "calculated_etag", "calculated_md5", "sha256", "crc32", "crc64nvme", "source_size", "dest_size", "bytes_hashed",
    "part_count", "etag_match", "size_match", "md5_match", "checks", "verdict", "reason", "notes", "source_grade",
    "dest_grade", "is_valid", "attempts", "error_code", "error_message", "created_at",
}  # fmt: skip


@pytest.fixture
def run(operator: User) -> Run:
    run = a_run(operator, planned=5, verified=2, failed=1, unverified=1, skipped=1, ledger_root="ab" * 32)
    for index, verdict in enumerate(["verified", "failed", "unverified", "skipped", "verified"]):
        a_record(run, index, verdict)
    return run


def keys(answer: dict[str, Any]) -> list[str]:
    return [one["object_key"] for one in answer["items"]]


def test_the_summary_of_a_run_lists_what_is_not_carried(as_operator: Caller, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(options={"tags": False, "storage_class_map": {"*": "STANDARD"}})

    assert as_operator.get(f"/runs/{run.pk}/integrity").json()["not_carried"] == [*NOT_CARRIED, "tags"]


def test_a_record_answers_what_was_promised(as_operator: Caller, run: Run) -> None:
    listed = as_operator.get(f"/runs/{run.pk}/integrity/records").json()["items"][0]

    record = as_operator.get(f"/records/{listed['id']}").json()

    assert record == listed
    assert record.keys() >= PROMISED
    assert record["checks"][0].keys() >= {"name", "outcome", "reason", "expected", "observed"}
    assert (record["verdict"], record["is_valid"], record["etag_match"]) == ("verified", True, True)
    assert record["created_at"] == "2026-01-31T12:00:00.250000Z"


def test_what_is_not_known_of_a_record_is_null(as_operator: Caller, run: Run) -> None:
    record = as_operator.get(f"/runs/{run.pk}/integrity/records?verdict=failed").json()["items"][0]

    names = ("dest_etag", "sha256", "dest_size", "bytes_hashed", "part_count", "reason", "source_version_id")
    assert [record[name] for name in names] == [None] * 7
    assert [record[name] for name in ("etag_match", "size_match", "md5_match")] == [None] * 3


def test_a_skipped_item_has_a_record_without_a_verdict(as_operator: Caller, run: Run) -> None:
    found = as_operator.get(f"/runs/{run.pk}/integrity/records?verdict=skipped").json()["items"]

    assert [(one["object_key"], one["verdict"], one["reason"], one["is_valid"]) for one in found] == [
        ("key-0003", None, "already_verified", False)
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("verdict=verified", ["key-0000", "key-0004"]),
        ("reason=source_etag_mismatch", ["key-0001"]),
        ("reason=sse_kms", ["key-0002"]),
        ("key_prefix=key-0003", ["key-0003"]),
        ("key_prefix=KEY", []),
        ("verdict=verified&key_prefix=key-0004", ["key-0004"]),
        ("key_prefix=%25", []),
    ],
)
def test_records_are_filtered(as_auditor: Caller, run: Run, query: str, found: list[str]) -> None:
    assert keys(as_auditor.get(f"/runs/{run.pk}/integrity/records?{query}").json()) == found


@pytest.mark.parametrize(
    "query", ["verdict=good", "key_prefix=%00", "limit=1000", "cursor=W10", "cursor=WyJpbmRleCIsIngiLCIiXQ"]
)
def test_a_wrong_filter_is_422(as_auditor: Caller, run: Run, query: str) -> None:
    response = as_auditor.get(f"/runs/{run.pk}/integrity/records?{query}")

    assert (response.status_code, pointers(response)) == (422, [f"/{query.split('=')[0]}"])


def test_records_come_in_pages_in_plan_order(as_auditor: Caller, run: Run) -> None:
    path = f"/runs/{run.pk}/integrity/records?limit=2"

    first = as_auditor.get(path).json()
    second = as_auditor.get(f"{path}&cursor={first['next_cursor']}").json()
    third = as_auditor.get(f"{path}&cursor={second['next_cursor']}").json()

    assert keys(first) + keys(second) + keys(third) == [f"key-000{n}" for n in range(5)]
    assert third["next_cursor"] is None


def test_failures_are_what_needs_a_person(as_auditor: Caller, run: Run) -> None:
    answer = as_auditor.get(f"/runs/{run.pk}/integrity/failures").json()

    assert keys(answer) == ["key-0001", "key-0002"]
    assert [one["review"]["state"] for one in answer["items"]] == ["open", "open"]


def test_the_summary_counts_balances_and_names_the_seal(as_auditor: Caller, run: Run) -> None:
    answer = as_auditor.get(f"/runs/{run.pk}/integrity").json()

    assert answer["verdicts"] == {"verified": 2, "unverified": 1, "failed": 1}
    assert (answer["books"]["pending"], answer["books"]["balanced"]) == (0, True)
    assert answer["grades"][-1] == {"verdict": "verified", "source_grade": "S3", "dest_grade": "D3", "count": 2}
    assert {(one["verdict"], one["cause"], one["count"]) for one in answer["reasons"]} == {
        ("failed", "source_etag_mismatch", 1),
        ("unverified", "sse_kms", 1),
    }
    assert answer["completeness"] == {"listing_complete": True, "complete": True}
    assert (answer["seal"]["sealed"], answer["seal"]["ledger_root"]) == (True, "ab" * 32)
    assert answer["reviews"] == {"open": 2, "decided": 0}


def test_a_list_of_records_asks_the_database_a_fixed_number_of_times(
    as_auditor: Caller, run: Run, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(9):
        as_auditor.get(f"/runs/{run.pk}/integrity/records")


def test_the_record_of_another_does_not_exist(as_colleague: Caller, as_operator: Caller, run: Run) -> None:
    record = as_operator.get(f"/runs/{run.pk}/integrity/failures").json()["items"][0]
    path = f"/records/{record['id']}"

    answers = [as_colleague.get(path), as_colleague.post(f"{path}/reviews", {"decision": "retry"})]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_an_admin_decides_and_the_verdict_stays(as_admin: Caller, as_operator: Caller, run: Run) -> None:
    record = as_operator.get(f"/runs/{run.pk}/integrity/failures").json()["items"][0]
    body = {"decision": "accept", "reason": "Compared by hand on the 3rd."}

    decided = as_admin.post(f"/records/{record['id']}/reviews", body)
    after = as_operator.get(f"/records/{record['id']}").json()

    assert (decided.status_code, decided.json()["person"], decided.json()["decision"]) == (201, "admin", "accept")
    assert (after["verdict"], after["is_valid"], after["review"]["state"]) == ("failed", False, "decided")
    assert after["review"]["decisions"] == [decided.json()]


@pytest.mark.parametrize("role", ["as_operator", "as_auditor"])
def test_only_admins_decide(role: str, run: Run, request: pytest.FixtureRequest) -> None:
    caller = request.getfixturevalue(role)
    record = caller.get(f"/runs/{run.pk}/integrity/failures").json()["items"][0]

    response = caller.post(f"/records/{record['id']}/reviews", {"decision": "retry"})

    assert response.status_code == 403
    assert not ReviewDecision.objects.exists()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"decision": "forget"}, "/decision"),
        ({}, "/decision"),
        ({"decision": "accept"}, "/reason"),
        ({"decision": "waive", "reason": "too short"}, "/reason"),
        ({"decision": "retry", "reason": "x" * 1001}, "/reason"),
        ({"decision": "retry", "person": "auditor"}, "/person"),
    ],
)
def test_a_wrong_decision_is_refused_at_its_field(
    as_admin: Caller, run: Run, body: dict[str, str], pointer: str
) -> None:
    record = as_admin.get(f"/runs/{run.pk}/integrity/failures").json()["items"][0]

    response = as_admin.post(f"/records/{record['id']}/reviews", body)

    assert (response.status_code, pointers(response)) == (422, [pointer])


def test_a_verified_record_has_nothing_to_decide(as_admin: Caller, run: Run) -> None:
    record = as_admin.get(f"/runs/{run.pk}/integrity/records").json()["items"][0]

    response = as_admin.post(f"/records/{record['id']}/reviews", {"decision": "retry"})

    assert (response.status_code, response.json()["code"]) == (409, "nothing_to_review")
    assert record["review"] is None


def test_a_record_names_the_earlier_one_that_it_was_compared_with(as_operator: Caller, run: Run) -> None:
    earlier = IntegrityRecord.objects.filter(run=run.pk, verdict="verified").first()
    assert earlier is not None
    newer = a_record(run, 9, "verified", compared_with=earlier.pk, bytes_hashed=None)

    answers = [as_operator.get(f"/records/{pk}").json() for pk in (newer.pk, earlier.pk)]

    assert [answer["compared_with"] for answer in answers] == [str(earlier.pk), None]
    assert answers[0]["bytes_hashed"] is None
