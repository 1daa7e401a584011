"""System checks: what a wrong installation is told, at the start and with a hint."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@register(Tags.security)
def check_secrets(**_: Any) -> list[CheckMessage]:
    """Refuse default or missing secrets wherever more than this machine is involved."""
    found: list[CheckMessage] = []
    if settings.SECRET_KEY == settings.INSECURE_SECRET_KEY and not settings.ONE_MACHINE:
        found.append(
            Error(
                "The secret key is the default one, which everybody knows.",
                hint="Set SECRET_KEY or SECRET_KEY_FILE to a long random text.",
                id="truecopy.E001",
            )
        )
    if not settings.CREDENTIALS_KEY and not settings.ONE_MACHINE:
        found.append(
            Error(
                "There is no key to seal the credentials of connections with.",
                hint="Set CREDENTIALS_KEY or CREDENTIALS_KEY_FILE to 32 random bytes in base64.",
                id="truecopy.E002",
            )
        )
    if settings.CREDENTIALS_KEY and not _is_32_bytes(settings.CREDENTIALS_KEY):
        found.append(
            Error(
                "CREDENTIALS_KEY is not 32 bytes in base64.",
                hint="Make one with: openssl rand -base64 32",
                id="truecopy.E003",
            )
        )
    if settings.DEBUG and not settings.ONE_MACHINE:
        found.append(
            Error(
                "Debug mode shows secrets to whoever causes an error.",
                hint="Leave DEBUG unset.",
                id="truecopy.E004",
            )
        )
    return found


@register()
def check_parts_fit_together(**_: Any) -> list[CheckMessage]:
    """Refuse a database or Redis that cannot do what several machines need."""
    if settings.ONE_MACHINE:
        return []
    found: list[CheckMessage] = []
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3") and not _is_local(settings.REDIS_URL):
        found.append(
            Error(
                "SQLite serves one machine, but Redis is on another.",
                hint="Set DATABASE_URL to a PostgreSQL database.",
                id="truecopy.E005",
            )
        )
    parts = urlsplit(settings.REDIS_URL)
    if not _is_local(settings.REDIS_URL) and not parts.password:
        found.append(
            Error(
                "Redis beyond this machine has no password.",
                hint="Put one into REDIS_URL and into the Redis server.",
                id="truecopy.E006",
            )
        )
    if not settings.REDIS_URL:
        found.append(
            checks.Warning("REDIS_URL is not set, so no work can be done.", hint="Set REDIS_URL.", id="truecopy.W001")
        )
    return found


def _is_32_bytes(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


def _is_local(url: str) -> bool:
    parts = urlsplit(url)
    return not url or parts.scheme == "unix" or parts.hostname in LOOPBACK
