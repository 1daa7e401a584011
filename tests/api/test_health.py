from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from tests.api.caller import a_record, a_run

pytestmark = pytest.mark.django_db

TOKEN = "metrics-token-for-tests"


@pytest.fixture
def worker(valkey: str) -> Worker:
    client = redis.from_url(valkey)
    worker = Worker([Queue("truecopy", connection=client, serializer=JSONSerializer)], connection=client)
    worker.register_birth()
    yield worker
    client.close()


def missing(response: Any) -> list[str]:
    return [name for name, part in response.json()["parts"].items() if not part["ok"]]


def test_healthz_answers_without_asking_anybody(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_readyz_is_ready_once_a_worker_was_heard_from(client: Client, worker: Worker) -> None:
    response = client.get("/readyz")

    assert (response.status_code, response.json()["status"], missing(response)) == (200, "ready", [])


def test_readyz_without_a_worker_is_503(client: Client, valkey: str) -> None:
    response = client.get("/readyz")

    assert (response.status_code, missing(response)) == (503, ["workers"])


def test_a_worker_that_fell_silent_does_not_count(client: Client, worker: Worker) -> None:
    long_ago = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    worker.connection.hset(worker.key, "last_heartbeat", long_ago)

    assert missing(client.get("/readyz")) == ["workers"]


def test_readyz_without_redis_is_503_and_names_no_address(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://:hidden@127.0.0.1:1"

    response = client.get("/readyz")

    assert (response.status_code, missing(response)) == (503, ["redis", "workers"])
    assert "hidden" not in response.text
    assert "127.0.0.1" not in response.text


def test_metrics_do_not_exist_without_a_token_in_the_settings(client: Client) -> None:
    assert client.get("/metrics").status_code == 404


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
def test_metrics_need_the_token(client: Client, settings: Any, header: dict[str, str]) -> None:
    settings.METRICS_TOKEN = TOKEN

    assert client.get("/metrics", headers=header).status_code == 401


def test_metrics_hold_books_workers_and_reviews(client: Client, settings: Any, operator: User, worker: Worker) -> None:
    settings.METRICS_TOKEN = TOKEN
    a_record(a_run(operator, planned=3, verified=2, failed=1, bytes_copied=77), 0, "failed")

    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text

    assert set(text.splitlines()) >= {
        'truecopy_runs{state="finished"} 1.0',
        'truecopy_runs{state="running"} 0.0',
        'truecopy_items{book="verified"} 2.0',
        'truecopy_bytes{book="copied"} 77.0',
        "truecopy_open_reviews 1.0",
        "truecopy_workers 1.0",
        "truecopy_jobs_waiting 0.0",
        "truecopy_redis_up 1.0",
    }


def test_metrics_say_when_redis_is_away(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN, settings.REDIS_URL = TOKEN, "redis://127.0.0.1:1"

    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text

    assert "truecopy_redis_up 0.0" in text.splitlines()
