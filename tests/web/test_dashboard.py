from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.web.conftest import Story, text_of
from tests.web.rows import a_connection, a_run, a_task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


def test_a_newcomer_learns_the_next_step(as_admin: Client) -> None:
    page = text_of(as_admin.get("/"))

    assert "Nothing here yet" in page
    assert page.count("button primary") == 1


def test_staff_without_a_connection_learn_whom_to_ask(as_operator: Client) -> None:
    assert "Ask an admin to add one" in text_of(as_operator.get("/"))


def test_what_waits_for_a_person_comes_first(as_admin: Client, story: Story) -> None:
    page = text_of(as_admin.get("/"))

    assert "2 objects wait for a decision." in page
    assert page.index("Needs attention") < page.index("The last 30 days")


def test_no_worker_is_said(as_operator: Client, story: Story) -> None:
    assert "No worker is running" in text_of(as_operator.get("/"))


def test_credentials_about_to_end_are_said(as_admin: Client, story: Story) -> None:
    connection = a_connection("Lent keys")
    connection.expires_at = timezone.now() + timedelta(days=1)
    connection.save()

    assert "The credentials of “Lent keys” end soon." in text_of(as_admin.get("/"))


def test_the_poll_brings_only_what_runs(as_operator: Client, operator: User) -> None:
    a_run(a_task(operator), planned=4)
    page = text_of(as_operator.get("/", headers={"HX-Request": "true"}))

    assert 'hx-swap-oob="true"' in page
    assert "<html" not in page


def test_the_number_of_queries_is_bounded(
    as_operator: Client, operator: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(6):
        a_run(a_task(operator, f"Task {number}"), "paused", planned=4)

    with django_assert_max_num_queries(20):
        as_operator.get("/")
