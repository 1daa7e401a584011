"""What an earlier run proved is skipped only where it is stored as the task asks now."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from integrity.models import IntegrityRecord
from migrator import jobs, services
from migrator.models import Run, Task
from tests.stores import SOURCE_BUCKET, Stores, make_known_task, records_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

TO_IA: dict[str, Any] = {"storage_class_map": {"STANDARD": "STANDARD_IA"}}
TO_GLACIER: dict[str, Any] = {"storage_class_map": {"STANDARD": "GLACIER_IR"}}
KEY = "arn:aws:kms:eu-west-1:111122223333:key/one"
OTHER_KEY = "arn:aws:kms:eu-west-1:111122223333:key/two"


def sealed(kind: str, key_id: str | None = None) -> dict[str, Any]:
    return {"encryption": {"type": kind, "key_id": key_id}}


def run_with(by: User, task: Task, **options: Any) -> Run:
    """Run the task with other options than it was made with."""
    Task.objects.filter(pk=task.pk).update(options=task.options | options)
    run = services.start_run(by, Task.objects.get(pk=task.pk), start=True)
    jobs.plan(str(run.pk))
    jobs.work(str(run.pk))
    run.refresh_from_db()
    return run


@pytest.fixture
def task(stores: Stores, operator: User) -> Task:
    stores.seed(a=b"a" * 2000)
    return make_known_task(stores, operator, if_exists="skip_if_verified_identical")


def checked(run: Run, name: str) -> tuple[str, str | None, str | None]:
    """What the record of the only object says of a check."""
    check = next(check for check in records_of(run)["a"].checks if check["name"] == name)
    return check["outcome"], check["expected"], check["observed"]


@pytest.mark.parametrize(
    "wish",
    [
        {},
        TO_IA,
        {"storage_class_map": {"*": "default"}},
        sealed("AES256"),
        sealed("aws:kms", KEY),
        TO_IA | sealed("aws:kms"),
    ],
    ids=["nothing", "class", "own class", "AES256", "key", "both"],
)
def test_the_same_wish_is_met_by_what_was_proven(operator: User, task: Task, wish: dict[str, Any]) -> None:
    first = run_with(operator, task, **wish)
    assert first.verified == 1

    assert run_with(operator, task, **wish).skipped == 1


@pytest.mark.parametrize(
    ("before", "now", "check", "seen"),
    [
        pytest.param({}, TO_IA, "storage_class", ("STANDARD_IA", "STANDARD"), id="class"),
        pytest.param(TO_IA, TO_GLACIER, "storage_class", ("GLACIER_IR", "STANDARD_IA"), id="another class"),
        pytest.param({}, sealed("AES256"), "encryption", ("AES256", "none"), id="encryption"),
        pytest.param(sealed("AES256"), sealed("aws:kms"), "encryption", ("aws:kms", "AES256"), id="another encryption"),
        pytest.param(
            sealed("aws:kms", KEY),
            sealed("aws:kms", OTHER_KEY),
            "encryption",
            (f"aws:kms {OTHER_KEY}", f"aws:kms {KEY}"),
            id="another key",
        ),
    ],
)
def test_another_wish_is_compared_and_the_difference_is_in_the_record(
    operator: User, task: Task, before: dict[str, Any], now: dict[str, Any], check: str, seen: tuple[str, str]
) -> None:
    run_with(operator, task, **before)

    for run in (run_with(operator, task, **now), run_with(operator, task, **now)):
        assert (run.skipped, run.verified) == (0, 1)
        assert checked(run, check) == ("mismatch", *seen)
        assert records_of(run)["a"].notes == ["already_there"]


def test_a_class_that_the_map_does_not_name_is_refused_and_not_skipped(
    stores: Stores, operator: User, task: Task
) -> None:
    stores.source.seed(SOURCE_BUCKET, "rare", b"r" * 2000, storage_class="STANDARD_IA")
    run_with(operator, task)

    run = run_with(operator, task, storage_class_map={"GLACIER": "STANDARD"})

    assert records_of(run)["rare"].error_code == "dest_config"
    assert records_of(run)["a"].reason == "already_verified"


REQUIRED: dict[str, Any] = {"fidelity": "required"}
STRICT: dict[str, Any] = {"policy": "strict", "read_back_percent": 100}


@pytest.mark.parametrize("stricter", [STRICT, REQUIRED], ids=["strict", "required"])
def test_what_was_proven_less_strictly_is_compared_anew_and_then_skipped(
    operator: User, task: Task, stricter: dict[str, Any]
) -> None:
    assert run_with(operator, task).verified == 1

    run = run_with(operator, task, **stricter)
    assert (run.skipped, run.verified) == (0, 1)
    assert records_of(run)["a"].notes == ["already_there"]

    assert run_with(operator, task, **stricter).skipped == 1


def test_metadata_that_was_lost_does_not_pass_for_proven_where_it_is_required(
    stores: Stores, operator: User, task: Task
) -> None:
    stores.source.seed(SOURCE_BUCKET, "note", b"text", metadata={"a": "x" * 2048})
    first = run_with(operator, task)
    assert records_of(first)["note"].verdict == "verified"

    run = run_with(operator, task, **REQUIRED)

    assert (run.skipped, records_of(run)["note"].error_code) == (0, "dest_exists")


def test_what_a_listing_does_not_say_is_compared_anew(operator: User, task: Task) -> None:
    first = run_with(operator, task)
    facts = records_of(first)["a"].dest_facts
    assert (facts["origin"], facts["storage_class"]) == ("listing", "STANDARD")
    # As a store that leaves the class out of its listings would have had it.
    IntegrityRecord.objects.filter(run=first.pk).update(dest_facts=facts | {"storage_class": None})

    assert run_with(operator, task, storage_class_map={"STANDARD": "STANDARD"}).skipped == 0


def test_where_the_last_record_failed_no_older_one_speaks(operator: User, task: Task) -> None:
    run_with(operator, task)
    refused = run_with(operator, task, **TO_IA, fidelity="required")
    assert records_of(refused)["a"].verdict == "failed"

    assert run_with(operator, task).verified == 1
    assert run_with(operator, task).skipped == 1
