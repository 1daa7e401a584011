from __future__ import annotations

import uuid

import pytest
from pytest_django.fixtures import Settings

from migrator.credentials import CredentialsUnreadable, Secret, seal, unseal

SECRET = Secret("example-secret-not-real", "example-session-token")


def test_what_was_sealed_opens_again() -> None:
    owner = uuid.uuid4()

    assert unseal(seal(SECRET, owner), owner) == SECRET


def test_the_sealed_form_shows_nothing() -> None:
    sealed = seal(SECRET, uuid.uuid4())

    assert b"example-secret" not in sealed
    assert b"example-session" not in sealed


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    owner = uuid.uuid4()

    assert seal(SECRET, owner) != seal(SECRET, owner)


def test_a_row_moved_to_another_connection_does_not_open() -> None:
    sealed = seal(SECRET, uuid.uuid4())

    with pytest.raises(CredentialsUnreadable):
        unseal(sealed, uuid.uuid4())


def test_one_changed_byte_does_not_open() -> None:
    owner = uuid.uuid4()
    sealed = bytearray(seal(SECRET, owner))
    sealed[-1] ^= 1

    with pytest.raises(CredentialsUnreadable):
        unseal(bytes(sealed), owner)


def test_another_key_does_not_open(settings: Settings) -> None:
    owner = uuid.uuid4()
    sealed = seal(SECRET, owner)
    settings.CREDENTIALS_KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="

    with pytest.raises(CredentialsUnreadable):
        unseal(sealed, owner)


def test_a_missing_key_is_said_and_not_a_crash(settings: Settings) -> None:
    settings.CREDENTIALS_KEY = ""

    with pytest.raises(CredentialsUnreadable, match="CREDENTIALS_KEY"):
        seal(SECRET, uuid.uuid4())


def test_a_secret_does_not_print_itself() -> None:
    assert "example" not in repr(SECRET)
