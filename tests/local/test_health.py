import pytest

from migrator.credentials import Secret, seal
from migrator.local import health, schedule
from migrator.local.health import Outcome
from migrator.models import Connection


@pytest.fixture
def installed(settings, own_valkey, db):
    settings.REDIS_URL = own_valkey.url
    return settings


def _found(part: str) -> health.Finding:
    [finding] = [finding for finding in health.examine() if finding.part == part]
    return finding


def _connection(name: str) -> Connection:
    made = Connection(name=name, endpoint_url="http://127.0.0.1:9", access_key_id="key", created_by="admin")
    made.sealed_secret = seal(Secret("not-a-secret"), made.id)
    made.save()
    return made


def test_a_redis_that_evicts_is_warned_of(installed, queue):
    queue.connection.config_set("maxmemory-policy", "allkeys-lru")

    assert _found("redis").outcome is Outcome.WARNING
    assert "allkeys-lru" in _found("redis").words


def test_a_redis_that_forgets_is_warned_of(installed):
    assert _found("redis").advice == "Set appendonly to yes."


def test_a_redis_that_writes_everything_down_is_good(installed, queue):
    queue.connection.config_set("appendonly", "yes")

    assert _found("redis").outcome is Outcome.GOOD


def test_a_redis_that_is_away_is_a_problem_and_nothing_is_raised(installed, own_valkey):
    own_valkey.stop()

    assert {_found("redis").outcome, _found("workers").outcome, _found("cron").outcome} == {Outcome.BAD}
    own_valkey.start()


def test_no_worker_is_a_problem(installed):
    assert _found("workers").outcome is Outcome.BAD


def test_a_worker_that_was_heard_from_is_good(installed, errand_worker):
    errand_worker()

    assert _found("workers").outcome is Outcome.GOOD


def test_the_clock_is_heard(installed, queue):
    schedule.Schedule(queue.connection).register_birth()

    assert _found("cron").outcome is Outcome.GOOD


def test_credentials_of_another_key_are_a_problem(installed):
    _connection("archive")
    installed.CREDENTIALS_KEY = "YW5vdGhlciBrZXkgb2YgMzIgYnl0ZXMgaGVyZSEhISE="

    assert _found("credentials").outcome is Outcome.BAD
    assert "archive" in _found("credentials").words


def test_credentials_that_open_are_good(installed):
    _connection("archive")

    assert _found("credentials").words == "The key opens 1 of 1 connections."


def test_a_folder_that_others_can_read_is_warned_of(installed, tmp_path):
    tmp_path.chmod(0o755)
    installed.DATA_DIR = tmp_path

    assert _found("data folder").outcome is Outcome.WARNING


def test_a_folder_that_is_not_there_is_a_problem(installed, tmp_path):
    installed.DATA_DIR = tmp_path / "gone"

    assert _found("data folder").outcome is Outcome.BAD


def test_the_default_secret_is_a_problem(installed):
    installed.SECRET_KEY = installed.INSECURE_SECRET_KEY

    assert _found("settings").outcome is Outcome.BAD


def test_every_table_is_there(installed):
    assert _found("database").outcome is Outcome.GOOD
