"""Each part of an installation looked at, with what to do about it: what `doctor` prints."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from migrator.credentials import CredentialsUnreadable, unseal
from migrator.local import valkey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_MIB = 1024 * 1024
_LEAST_FREE = 200 * _MIB
_LITTLE_FREE = 2048 * _MIB


class Outcome(StrEnum):
    """What a look at one part found."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: what was found, and what to do unless it is good."""

    part: str
    outcome: Outcome
    words: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Look at every part. A part that cannot be looked at is a finding too; this never raises."""
    looks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("settings", _settings),
        ("data folder", _data_folder),
        ("free disk", _free_disk),
        ("database", _database),
        ("credentials", _credentials),
        ("redis", _redis),
        ("workers", _workers),
        ("cron", _cron),
        ("aws crt", _awscrt),
    )
    for part, look in looks:
        try:
            yield look()
        except Exception as exc:  # noqa: BLE001  doctor is for installations in which anything may be wrong
            yield Finding(part, Outcome.BAD, f"It cannot be looked at: {exc or type(exc).__name__}", _START)


_START = "Start Truecopy with `make start`, or see the parts above."


def _settings() -> Finding:
    found = [message for message in checks.run_checks() if message.level >= checks.WARNING]
    if settings.SECRET_KEY == settings.INSECURE_SECRET_KEY:
        return Finding(
            "settings",
            Outcome.BAD,
            "There is no secret key of this installation.",
            "`make start` makes one; elsewhere set SECRET_KEY or SECRET_KEY_FILE.",
        )
    if not found:
        return Finding("settings", Outcome.GOOD, "The settings are complete.")
    worst = max(found, key=lambda message: message.level)
    outcome = Outcome.BAD if worst.level >= checks.ERROR else Outcome.WARNING
    return Finding("settings", outcome, f"{worst.msg} ({worst.id})", str(worst.hint or ""))


def _data_folder() -> Finding:
    folder: Path = settings.DATA_DIR
    if not folder.is_dir():
        return Finding("data folder", Outcome.BAD, f"{folder} is not there.", "`make start` makes it.")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding(
            "data folder", Outcome.BAD, f"{folder} cannot be written to.", "Give it to the user that runs Truecopy."
        )
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        return Finding("data folder", Outcome.WARNING, f"{folder} can be read by others.", f"Run: chmod 700 '{folder}'")
    return Finding("data folder", Outcome.GOOD, f"{folder} is ours alone.")


def _free_disk() -> Finding:
    free = shutil.disk_usage(settings.DATA_DIR if settings.DATA_DIR.is_dir() else settings.BASE_DIR).free
    words = f"{free // _MIB:,} MiB are free."
    if free < _LEAST_FREE:
        return Finding("free disk", Outcome.BAD, words, "Make room: records cannot be written without it.")
    if free < _LITTLE_FREE:
        return Finding("free disk", Outcome.WARNING, words, "Make room before a large run.")
    return Finding("free disk", Outcome.GOOD, words)


def _database() -> Finding:
    connection = connections[DEFAULT_DB_ALIAS]
    advice = "`make start` makes the tables; elsewhere run `python manage.py migrate`."
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as exc:
        return Finding("database", Outcome.BAD, f"It does not answer: {exc}".strip(), "Check DATABASE_URL.")
    if missing:
        return Finding("database", Outcome.BAD, f"{len(missing)} changes to its tables are missing.", advice)
    return Finding("database", Outcome.GOOD, f"{connection.display_name} answers and is up to date.")


def _credentials() -> Finding:
    from migrator.models import Connection

    if not settings.CREDENTIALS_KEY:
        return Finding(
            "credentials",
            Outcome.BAD,
            "There is no key to seal credentials with.",
            "`make start` makes one; elsewhere set CREDENTIALS_KEY or CREDENTIALS_KEY_FILE.",
        )
    stored = list(Connection.objects.only("name", "sealed_secret"))
    closed = [connection.name for connection in stored if not _opens(connection)]
    if closed:
        return Finding(
            "credentials",
            Outcome.BAD,
            f"{len(closed)} of {len(stored)} connections do not open with this key, such as {closed[0]}.",
            "Put back the key they were made with, or enter their credentials again.",
        )
    return Finding("credentials", Outcome.GOOD, f"The key opens {len(stored)} of {len(stored)} connections.")


def _opens(connection: Any) -> bool:
    try:
        unseal(connection.sealed_secret, connection.pk)
    except (CredentialsUnreadable, ValueError):
        return False
    return True


def _redis() -> Finding:
    if not settings.REDIS_URL or not valkey.answers(settings.REDIS_URL):
        return Finding(
            "redis", Outcome.BAD, "It does not answer.", "`make start` starts one; elsewhere check REDIS_URL."
        )
    if policy := valkey.may_evict(settings.REDIS_URL):
        return Finding(
            "redis",
            Outcome.WARNING,
            f"It may throw work away when it is full (maxmemory-policy {policy}).",
            "Set maxmemory-policy to noeviction.",
        )
    if not valkey.facts(settings.REDIS_URL).get("aof_enabled"):
        return Finding(
            "redis",
            Outcome.WARNING,
            "It forgets the queue when it restarts. Nothing is lost, but work halts for up to a minute.",
            "Set appendonly to yes.",
        )
    return Finding("redis", Outcome.GOOD, "It answers, keeps what it has, and throws nothing away.")


def _workers() -> Finding:
    heard = valkey.workers_heard(settings.REDIS_URL, settings.QUEUE) if settings.REDIS_URL else 0
    if not heard:
        return Finding(
            "workers", Outcome.BAD, "No worker was heard from.", "Run `python manage.py worker`, once or more."
        )
    return Finding("workers", Outcome.GOOD, f"{heard} {'worker is' if heard == 1 else 'workers are'} there.")


def _cron() -> Finding:
    if not settings.REDIS_URL or not valkey.clocks_heard(settings.REDIS_URL):
        return Finding(
            "cron",
            Outcome.BAD,
            "The clock was not heard from, so lost work stays lost.",
            "Run `python manage.py cron`.",
        )
    return Finding("cron", Outcome.GOOD, "The clock runs.")


def _awscrt() -> Finding:
    if importlib.util.find_spec("awscrt") is None:
        return Finding("aws crt", Outcome.BAD, "awscrt is not installed.", "Install requirements.lock again.")
    import awscrt

    return Finding("aws crt", Outcome.GOOD, f"awscrt {awscrt.__version__} computes the CRC checksums.")
