"""Sessions in the database, asked only for keys that could be one."""

from __future__ import annotations

from django.contrib.sessions.backends import db

# As Django has it.
_SHORTEST_KEY = 8


class SessionStore(db.SessionStore):
    """Django's own. A cookie may spell any sign, NUL too, and PostgreSQL takes no text with that."""

    def _validate_session_key(self, key: str | None) -> bool:
        return key is not None and len(key) >= _SHORTEST_KEY and key.isascii() and key.isalnum()
