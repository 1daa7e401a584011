from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from migrator import services
from migrator.models import ApiToken
from tests.web.conftest import text_of

pytestmark = pytest.mark.django_db


def test_a_token_is_shown_once(as_operator: Client, operator: User) -> None:
    made = text_of(as_operator.post("/tokens/", {"name": "nightly", "days": "30"}))
    found = re.search(r"tcp_[\w-]+", made)

    assert found is not None
    assert services.person_of_token(found[0]) == operator
    assert found[0] not in text_of(as_operator.get("/tokens/"))


def test_a_revoked_token_no_longer_works(as_operator: Client, operator: User) -> None:
    token, text = services.create_token(operator, "nightly")
    as_operator.post(f"/tokens/{token.pk}/revoke/")

    assert services.person_of_token(text) is None


def test_only_own_tokens_are_listed(as_operator: Client, admin: User) -> None:
    services.create_token(admin, "of the admin")

    assert "of the admin" not in text_of(as_operator.get("/tokens/"))


def test_a_token_needs_a_name(as_operator: Client) -> None:
    response = as_operator.post("/tokens/", {"name": "", "days": "30"})

    assert response.status_code == 422
    assert not ApiToken.objects.exists()
