from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from migrator.models import Connection, IdempotentReply, Run
from migrator.web.api.once import CLAIM_HOLDS
from tests.api.caller import FAKE_SECRET, Caller, a_connection, a_record, a_run, new_connection

pytestmark = pytest.mark.django_db

KEY = "order-17"


def test_a_request_sent_twice_is_done_once(as_admin: Caller) -> None:
    first = as_admin.post("/connections", new_connection(), Idempotency_Key=KEY)
    second = as_admin.post("/connections", new_connection(), Idempotency_Key=KEY)

    assert (first.status_code, second.status_code) == (201, 201)
    assert (second.content, second["Location"], second["ETag"]) == (first.content, first["Location"], first["ETag"])
    assert ("Idempotent-Replay" in first, second["Idempotent-Replay"]) == (False, "true")
    assert Connection.objects.count() == 1


def test_a_retry_sent_twice_makes_one_run(as_operator: Caller, operator: User, valkey: str) -> None:
    run = a_run(operator, planned=1, failed=1)
    a_record(run, 0, "failed")

    answers = [as_operator.post(f"/runs/{run.pk}/actions/retry", Idempotency_Key=KEY).json()["id"] for _ in range(2)]

    assert answers[0] == answers[1]
    assert Run.objects.count() == 2


def test_a_key_belongs_to_one_request(as_admin: Caller) -> None:
    as_admin.post("/connections", new_connection(), Idempotency_Key=KEY)

    response = as_admin.post("/connections", new_connection("Other"), Idempotency_Key=KEY)

    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")


def test_a_key_belongs_to_one_person(as_admin: Caller, as_operator: Caller) -> None:
    as_admin.post("/connections", new_connection(), Idempotency_Key=KEY)

    assert as_operator.post("/connections", new_connection(), Idempotency_Key=KEY).status_code == 403


def test_what_was_refused_may_be_sent_again(as_admin: Caller) -> None:
    refused = as_admin.post("/connections", new_connection(shared_with=["later"]), Idempotency_Key=KEY)
    User.objects.create(username="later")

    again = as_admin.post("/connections", new_connection(shared_with=["later"]), Idempotency_Key=KEY)

    assert (refused.status_code, again.status_code) == (422, 201)


def test_while_the_first_is_at_work_the_second_is_told_to_wait(as_admin: Caller, admin: User) -> None:
    a_connection("Old store")
    as_admin.post("/connections", new_connection("New store"), Idempotency_Key=KEY)
    IdempotentReply.objects.update(status=0)

    response = as_admin.post("/connections", new_connection("New store"), Idempotency_Key=KEY)

    assert (response.status_code, response["Retry-After"]) == (409, "1")


def test_the_claim_of_a_request_that_died_ends(as_admin: Caller) -> None:
    as_admin.post("/connections", new_connection("New store"), Idempotency_Key=KEY)
    IdempotentReply.objects.update(status=0, created_at=timezone.now() - CLAIM_HOLDS - timedelta(seconds=1))
    Connection.objects.all().delete()

    assert as_admin.post("/connections", new_connection("New store"), Idempotency_Key=KEY).status_code == 201


def test_nothing_secret_is_kept(as_admin: Caller) -> None:
    as_admin.post("/connections", new_connection(), Idempotency_Key=KEY)

    assert FAKE_SECRET not in repr(IdempotentReply.objects.values())


@pytest.mark.parametrize("key", ["x" * 201, "a b", "\u00e9"])
def test_a_key_we_do_not_take_is_400(as_admin: Caller, key: str) -> None:
    response = as_admin.post("/connections", new_connection(), Idempotency_Key=key)

    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_refused")


def test_a_stranger_leaves_no_claim(stranger: Caller) -> None:
    assert stranger.post("/connections", new_connection(), Idempotency_Key=KEY).status_code == 401
    assert not IdempotentReply.objects.exists()
