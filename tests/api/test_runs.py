from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from migrator import jobs
from migrator.models import AuditEvent, Run
from migrator.models.progress import progress_of
from tests.api.caller import Caller, a_record, a_run, a_task, pointers
from tests.stores import Stores, make_task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

PROMISED = {
    "id", "task", "kind", "state", "cause", "created_at", "started_at", "finished_at", "counts", "bytes", "rate",
    "eta_seconds", "ledger_root",
}  # fmt: skip


def test_a_run_goes_from_the_api_to_its_end(stores: Stores, as_operator: Caller, operator: User) -> None:
    stores.seed(one=b"1" * 1000, two=b"2" * 2000)
    made = as_operator.post(f"/tasks/{make_task(stores, operator).pk}/runs", {})
    path = f"/runs/{made.json()['id']}"

    jobs.plan(made.json()["id"])
    jobs.work(made.json()["id"])

    ended = as_operator.get(path).json()
    assert (made.status_code, made["Location"]) == (201, f"/api/v1{path}")
    assert ended.keys() >= PROMISED
    assert (ended["state"], ended["counts"]) == (
        "finished",
        {"planned": 2, "verified": 2, "unverified": 0, "failed": 0, "skipped": 0, "pending": 0},
    )
    assert (ended["bytes"]["planned"], ended["bytes"]["copied"]) == (3000, 3000)
    assert len(ended["ledger_root"]) == 64
    stores.assert_arrived("one", "two")


def test_a_run_without_start_is_planned_and_waits(stores: Stores, as_operator: Caller, operator: User) -> None:
    stores.seed(one=b"1" * 1000)
    made = as_operator.post(f"/tasks/{make_task(stores, operator).pk}/runs", {"start": False}).json()
    jobs.plan(made["id"])

    preview = as_operator.get(f"/runs/{made['id']}/preview").json()
    started = as_operator.post(f"/runs/{made['id']}/actions/start", {}).json()

    assert (preview["state"], preview["objects"], preview["bytes"], preview["first_keys"]) == (
        "ready", 1, 1000, ["one"]
    )  # fmt: skip
    assert preview["forecast"]["provable"]["objects"] == {"at_least": 1, "at_most": 1}
    assert started["state"] == "running"


def test_an_empty_plan_waits_until_it_is_confirmed(stores: Stores, as_operator: Caller, operator: User) -> None:
    made = as_operator.post(f"/tasks/{make_task(stores, operator).pk}/runs", {}).json()
    jobs.plan(made["id"])
    path = f"/runs/{made['id']}"

    waiting = as_operator.get(path).json()
    refused = as_operator.post(f"{path}/actions/start", {})
    started = as_operator.post(f"{path}/actions/start", {"confirm_empty": True})

    assert (waiting["state"], waiting["cause"]) == ("ready", "empty_plan")
    assert (refused.status_code, refused.json()["code"], started.status_code) == (409, "empty_plan", 200)


def test_the_preview_names_what_the_source_cannot_list(as_operator: Caller, operator: User) -> None:
    ranges = ['after "one", before "two"']
    run = a_run(operator, state=Run.State.READY, listing_complete=False, plan_summary={"unlisted": ranges})

    assert as_operator.get(f"/runs/{run.pk}/preview").json()["unlisted"] == ranges


def test_what_is_not_known_while_planning_is_null(as_operator: Caller, operator: User) -> None:
    run = a_run(operator, state=Run.State.PLANNING, listing_complete=False)

    answer = as_operator.get(f"/runs/{run.pk}").json()
    preview = as_operator.get(f"/runs/{run.pk}/preview").json()

    assert (answer["rate"], answer["eta_seconds"]) == ({"objects_per_s": None, "bytes_per_s": None}, None)
    assert (answer["started_at"], answer["cause"], answer["ledger_root"]) == (None, None, None)
    assert (preview["objects"], preview["bytes"], preview["hazards"]) == (None, None, None)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "move"}, "/kind"),
        ({"start": "yes"}, "/start"),
        ({"retry_of": "x"}, "/retry_of"),
        ({"retry_of": str(uuid.uuid4())}, "/retry_of"),
        ({"kind": "retry"}, "/retry_of"),
        ({"seed": 1}, "/seed"),
        ({"sample_percent": 101}, "/sample_percent"),
        ({"verify_depth": "deep"}, "/verify_depth"),
        ({"confirm_empty": 1}, "/confirm_empty"),
        ({"speed": 1}, "/speed"),
    ],
)
def test_a_wrong_run_is_refused_at_its_field(
    as_operator: Caller, operator: User, body: dict[str, Any], pointer: str
) -> None:
    response = as_operator.post(f"/tasks/{a_task(operator).pk}/runs", body)

    assert (response.status_code, pointers(response)) == (422, [pointer])
    assert not Run.objects.exists()


def test_runs_are_seen_by_who_started_them_and_by_those_who_see_all(
    as_operator: Caller, as_colleague: Caller, as_admin: Caller, as_auditor: Caller, operator: User
) -> None:
    path = f"/runs/{a_run(operator).pk}"
    callers = (as_operator, as_admin, as_auditor, as_colleague)
    places = ("", "/preview", "/integrity", "/integrity/records", "/integrity/failures", "/report?format=csv")

    seen = [[caller.get(path + place).status_code for place in places] for caller in callers]

    assert seen == [[200] * 6] * 3 + [[404] * 6]
    assert [len(caller.get("/runs").json()["items"]) for caller in callers] == [1, 1, 1, 0]


@pytest.mark.parametrize("verb", ["start", "pause", "resume", "cancel", "retry"])
def test_a_run_is_steered_by_who_started_it_or_an_admin(
    verb: str, as_colleague: Caller, as_auditor: Caller, stranger: Caller, operator: User
) -> None:
    path = f"/runs/{a_run(operator, state=Run.State.RUNNING).pk}/actions/{verb}"

    assert [one.post(path, {}).status_code for one in (as_colleague, as_auditor, stranger)] == [404, 403, 401]
    assert Run.objects.get().state == "running"
    assert not AuditEvent.objects.exclude(action="token.created").exists()


def test_pause_resume_and_cancel_answer_the_run_as_it_is_then(as_operator: Caller, operator: User) -> None:
    path = f"/runs/{a_run(operator, state=Run.State.RUNNING, planned=5).pk}/actions"

    answers = [as_operator.post(f"{path}/{verb}", {}).json() for verb in ("pause", "resume", "cancel")]

    assert [(one["state"], one["cause"]) for one in answers] == [
        ("paused", "person"), ("running", None), ("cancelled", "person")
    ]  # fmt: skip


@pytest.mark.parametrize("verb", ["start", "pause", "resume", "cancel"])
def test_what_a_run_cannot_do_in_its_state_is_409(as_operator: Caller, operator: User, verb: str) -> None:
    response = as_operator.post(f"/runs/{a_run(operator).pk}/actions/{verb}", {})

    assert (response.status_code, response.json()["code"]) == (409, "run_state")


def test_an_action_needs_no_body(as_operator: Caller, operator: User) -> None:
    run = a_run(operator, state=Run.State.RUNNING)

    assert as_operator.post(f"/runs/{run.pk}/actions/pause").status_code == 200


def test_an_action_takes_no_unknown_field(as_operator: Caller, operator: User) -> None:
    run = a_run(operator, state=Run.State.RUNNING)

    assert as_operator.post(f"/runs/{run.pk}/actions/pause", {"force": True}).status_code == 422
    assert Run.objects.get().state == "running"


def test_an_action_that_does_not_exist_is_404(as_operator: Caller, operator: User) -> None:
    assert as_operator.post(f"/runs/{a_run(operator).pk}/actions/explode", {}).status_code == 404


def test_a_retry_answers_the_new_run(as_operator: Caller, operator: User) -> None:
    run = a_run(operator, planned=1, failed=1)
    a_record(run, 0, "failed")

    response = as_operator.post(f"/runs/{run.pk}/actions/retry")

    made = response.json()
    assert (response.status_code, made["kind"], made["retry_of"], made["number"]) == (201, "retry", str(run.pk), 2)
    assert response["Location"] == f"/api/v1/runs/{made['id']}"


def test_with_nothing_to_retry_it_is_409(as_operator: Caller, operator: User) -> None:
    response = as_operator.post(f"/runs/{a_run(operator).pk}/actions/retry")

    assert (response.status_code, response.json()["code"]) == (409, "nothing_to_retry")


def test_runs_are_filtered_and_paged_newest_first(as_operator: Caller, operator: User) -> None:
    runs = [a_run(operator, state=state) for state in ("finished", "cancelled", "finished", "finished")]

    first = as_operator.get("/runs?state=finished&limit=2").json()
    second = as_operator.get(f"/runs?state=finished&limit=2&cursor={first['next_cursor']}").json()

    ids = [one["id"] for one in first["items"] + second["items"]]
    assert (ids, second["next_cursor"]) == ([str(runs[n].pk) for n in (3, 2, 0)], None)


def test_a_running_run_has_a_rate(as_operator: Caller, operator: User) -> None:
    run = a_run(operator, state=Run.State.RUNNING, planned=10, verified=1, started_at=timezone.now())
    a_record(run, 0, created_at=timezone.now())

    answer = as_operator.get(f"/runs/{run.pk}").json()

    assert answer["rate"]["objects_per_s"] > 0
    assert answer["counts"]["pending"] == 9


def test_the_rate_is_summed_up_without_a_look_at_the_records_themselves(operator: User) -> None:
    """A busy run settles hundreds of thousands a minute, and every page that is open asks several times a second."""
    run = a_run(operator, state=Run.State.RUNNING, planned=2, verified=2, started_at=timezone.now())
    for index in range(2):
        a_record(run, index, created_at=timezone.now())

    with CaptureQueriesContext(connection) as asked:
        progress = progress_of(run)

    assert progress.bytes_per_s == pytest.approx(progress.objects_per_s * 10)
    if connection.vendor == "sqlite":
        # A plan of PostgreSQL depends on how much there is.
        of_records = next(each["sql"] for each in asked if "integrity_integrityrecord" in each["sql"])
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {of_records}")
            assert "USING COVERING INDEX" in str(cursor.fetchall())


def test_a_comparison_is_asked_for_with_its_depth_and_sample(
    stores: Stores, as_operator: Caller, operator: User
) -> None:
    stores.seed(one=b"1")
    stores.dest.seed("archive", "stray", b"more")
    asked = {"kind": "verify", "verify_depth": "statements", "sample_percent": 100, "seed": 7, "start": False}
    made = as_operator.post(f"/tasks/{make_task(stores, operator).pk}/runs", asked).json()
    jobs.plan(made["id"])

    preview = as_operator.get(f"/runs/{made['id']}/preview").json()
    summary = as_operator.get(f"/runs/{made['id']}/integrity").json()

    assert {name: made["options"][name] for name in ("verify_depth", "sample_percent", "seed")} == {
        "verify_depth": "statements",
        "sample_percent": 100,
        "seed": 7,
    }
    assert (preview["dest_only"], preview["dest_only_keys"]) == (1, ["stray"])
    assert (summary["dest_only"], summary["dest_only_keys"]) == (1, ["stray"])
