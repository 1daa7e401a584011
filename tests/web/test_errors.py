from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory

from migrator.web.pages import errors
from tests.web.conftest import text_of

pytestmark = pytest.mark.django_db


def test_an_address_that_is_none_offers_the_search(as_operator: Client) -> None:
    response = as_operator.get("/nowhere/")

    assert response.status_code == 404
    assert "There is nothing at this address" in text_of(response)
    assert "Reference " in text_of(response)


def test_a_stranger_is_offered_the_start(client: Client) -> None:
    response = client.get("/nowhere/")

    assert response.status_code == 404
    assert "Go to the start" in text_of(response)


def test_a_page_for_another_role_says_which(as_auditor: Client) -> None:
    response = as_auditor.get("/connections/new/")

    assert response.status_code == 403
    assert "This page is for the role admin." in text_of(response)


def test_a_fault_of_ours_needs_neither_database_nor_session() -> None:
    response = errors.broken(RequestFactory().get("/"))

    assert response.status_code == 500
    assert "What was recorded stays" in text_of(response)


def test_a_database_that_is_away_is_503() -> None:
    try:
        raise OperationalError("away")
    except OperationalError:
        response = errors.broken(RequestFactory().get("/"))

    assert response.status_code == 503
    assert "runs wait without harm" in text_of(response)
