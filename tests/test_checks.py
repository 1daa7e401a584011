from __future__ import annotations

from pytest_django.fixtures import Settings

from migrator.checks import check_parts_fit_together, check_secrets


def ids(found: list[object]) -> set[str | None]:
    return {message.id for message in found}  # type: ignore[attr-defined]


def test_production_with_the_default_secret_key_is_refused(settings: Settings) -> None:
    settings.ONE_MACHINE = False
    settings.SECRET_KEY = settings.INSECURE_SECRET_KEY

    assert "truecopy.E001" in ids(check_secrets())


def test_production_without_a_credentials_key_is_refused(settings: Settings) -> None:
    settings.ONE_MACHINE = False
    settings.CREDENTIALS_KEY = ""

    assert "truecopy.E002" in ids(check_secrets())


def test_a_credentials_key_of_the_wrong_length_is_refused(settings: Settings) -> None:
    settings.CREDENTIALS_KEY = "c2hvcnQ="

    assert "truecopy.E003" in ids(check_secrets())


def test_debug_mode_in_production_is_refused(settings: Settings) -> None:
    settings.ONE_MACHINE, settings.DEBUG = False, True

    assert "truecopy.E004" in ids(check_secrets())


def test_sqlite_with_a_redis_elsewhere_is_refused(settings: Settings) -> None:
    settings.ONE_MACHINE, settings.REDIS_URL = False, "redis://:x@redis.example:6379/0"

    assert "truecopy.E005" in ids(check_parts_fit_together())


def test_a_redis_elsewhere_without_a_password_is_refused(settings: Settings) -> None:
    settings.ONE_MACHINE, settings.REDIS_URL = False, "redis://redis.example:6379/0"

    assert "truecopy.E006" in ids(check_parts_fit_together())


def test_one_machine_with_its_keys_passes() -> None:
    assert check_secrets() == []
    assert check_parts_fit_together() == []
