"""The stores of a process: one for each connection, and not more than are asked for."""

from __future__ import annotations

import pytest

from migrator.jobs import sides
from migrator.jobs.sides import store_of
from tests.web.rows import a_connection

pytestmark = pytest.mark.django_db


def test_a_connection_has_one_store_until_it_is_edited() -> None:
    connection = a_connection("Photos")
    first = store_of(connection)

    again = store_of(connection)
    connection.save()

    assert again is first
    assert store_of(connection) is not first


def test_of_many_connections_those_asked_for_last_keep_their_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sides, "MOST_STORES", 2)
    one, two, three = (a_connection(name) for name in ("One", "Two", "Three"))
    first, second = store_of(one), store_of(two)

    store_of(one)
    store_of(three)

    assert store_of(one) is first
    assert store_of(two) is not second
    assert len(sides._stores) == 2
