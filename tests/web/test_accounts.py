from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from migrator.models import role_of
from tests.web.conftest import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

PASSWORD = "operator-password-for-tests"


def test_a_person_signs_in_and_lands_on_the_dashboard(client: Client, operator: User) -> None:
    response = client.post("/login/", {"username": "operator", "password": PASSWORD}, follow=True)

    assert response.redirect_chain == [("/", 302)]
    assert "Dashboard" in text_of(response)


def test_it_is_not_said_which_part_was_wrong(client: Client, operator: User) -> None:
    wrong_password = text_of(client.post("/login/", {"username": "operator", "password": "no"}))
    wrong_name = text_of(client.post("/login/", {"username": "nobody", "password": "no"}))

    sentence = "This name and password do not fit together."
    assert sentence in wrong_password
    assert sentence in wrong_name


def test_a_name_that_is_longer_than_any_is_refused_at_its_field(client: Client) -> None:
    response = client.post("/login/", {"username": "n" * 400, "password": "no"})

    assert response.status_code == 200
    assert "at most 150 characters" in text_of(response)


@pytest.mark.parametrize("key", ['"' + "\\000" * 9 + '"', "k" * 4000, '"' + "\\377" * 9 + '"'])
def test_a_cookie_that_names_no_session_is_a_stranger(client: Client, operator: User, key: str) -> None:
    assert client.get("/login/", headers={"cookie": f"sessionid={key}"}).status_code == 200
    assert client.get("/", headers={"cookie": f"sessionid={key}"}).status_code == 302


def test_too_many_tries_lock_for_15_minutes(client: Client, operator: User) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        response = client.post("/login/", {"username": "operator", "password": "no"})
    right = client.post("/login/", {"username": "operator", "password": PASSWORD})

    assert (response.status_code, right.status_code) == (429, 429)
    assert "Locked for 15 minutes" in text_of(right)


def test_a_next_address_elsewhere_is_not_followed(client: Client, operator: User) -> None:
    response = client.post(
        "/login/", {"username": "operator", "password": PASSWORD, "next": "https://evil.example.org/"}
    )

    assert response["Location"] == "/"


def test_signing_out_ends_the_session(as_operator: Client) -> None:
    as_operator.post("/logout/")

    assert as_operator.get("/")["Location"] == "/login/?next=/"


def test_signing_out_by_a_link_does_not_work(as_operator: Client) -> None:
    assert as_operator.get("/logout/").status_code == 405


@pytest.fixture
def setup_code() -> str:
    User.objects.all().delete()
    file = settings.DATA_DIR / "setup-code"
    file.write_text("12345-67890\n", encoding="ascii")
    yield "12345-67890"
    file.unlink(missing_ok=True)


def test_the_first_admin_is_made_with_the_code_and_then_the_setup_is_closed(client: Client, setup_code: str) -> None:
    sent = {"code": f" {setup_code} ", "username": "first", "password": "a-long-enough-password"}
    made = client.post("/setup/", sent)

    assert made["Location"] == "/login/"
    assert role_of(User.objects.get(username="first")) == "admin"
    assert client.get("/setup/").status_code == 410
    assert client.post("/setup/", sent | {"username": "second"}).status_code == 410


def test_a_wrong_code_makes_nobody(client: Client, setup_code: str) -> None:
    response = client.post("/setup/", {"code": "guess", "username": "first", "password": "a-long-enough-password"})

    assert response.status_code == 422
    assert "This is not the code that the terminal printed." in text_of(response)
    assert not User.objects.exists()


def test_a_short_password_is_refused_at_its_field(client: Client, setup_code: str) -> None:
    response = client.post("/setup/", {"code": setup_code, "username": "first", "password": "short"})

    assert 'id="id_password_error"' in text_of(response)


def test_the_sign_in_leads_to_the_setup_while_nobody_exists(client: Client, setup_code: str) -> None:
    assert client.get("/login/")["Location"] == "/setup/"


def test_the_chosen_colours_are_kept(as_operator: Client) -> None:
    as_operator.post("/theme/", {"theme": "dark", "next": "/tasks/"})

    assert 'data-theme="dark"' in text_of(as_operator.get("/"))


def test_colours_cannot_send_a_person_elsewhere(as_operator: Client) -> None:
    response = as_operator.post("/theme/", {"theme": "dark", "next": "//evil.example.org/"})

    assert response["Location"] == "/"


def test_nothing_inline_and_a_closed_policy(client: Client) -> None:
    response = client.get("/login/")
    policy = response["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert " style=" not in text_of(response)
    assert "<script>" not in text_of(response)
