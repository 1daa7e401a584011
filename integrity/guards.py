"""The rule over a record's checks, kept by the database itself, whoever writes the row.

A `match` needs two equal values, a `mismatch` two different ones, a `not_comparable` a reason. PostgreSQL keeps
the rule as a check constraint. SQLite allows no query in one, so there it is a trigger; and since Django makes an
altered table of SQLite anew, which loses its triggers, they are made again after every `migrate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connections

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

RULE = "every_check_shows_what_it_claims"
TABLE = "integrity_integrityrecord"

# Each test says first what kind of value it is about: a comparison that is "unknown" would else pass as no finding.
_POSTGRES_RULE = """
jsonb_typeof(checks) = 'array'
AND NOT jsonb_path_exists(checks, 'strict $[*].type() ? (@ != "object")')
AND NOT jsonb_path_exists(checks, '$[*] ? (!(
    @.outcome.type() == "string" && (
        (@.outcome == "match" && @.expected.type() == "string" && @.observed.type() == "string"
            && @.expected == @.observed)
        || (@.outcome == "mismatch" && @.expected.type() == "string" && @.observed.type() == "string"
            && @.expected != @.observed)
        || (@.outcome == "not_comparable" && @.reason.type() == "string" && @.reason != "")
    )
))')
"""

# Each value is taken from the whole, which SQLite keeps parsed: a check apart would be written out and parsed anew.
_SQLITE_RULE = """
json_type(NEW.checks) IS 'array' AND NOT EXISTS (
    SELECT 1 FROM json_each(NEW.checks) WHERE
    CASE json_extract(NEW.checks, '$[' || key || '].outcome')
        WHEN 'match' THEN json_extract(NEW.checks, '$[' || key || '].expected')
            = json_extract(NEW.checks, '$[' || key || '].observed')
        WHEN 'mismatch' THEN json_extract(NEW.checks, '$[' || key || '].expected')
            <> json_extract(NEW.checks, '$[' || key || '].observed')
        WHEN 'not_comparable' THEN json_extract(NEW.checks, '$[' || key || '].reason') <> ''
    END IS NOT 1
)
"""
_SQLITE_TRIGGERS = {f"{RULE}_on_insert": "INSERT", f"{RULE}_on_update": "UPDATE OF checks"}


def constrain(connection: BaseDatabaseWrapper) -> None:
    """Add the constraint where the database can hold it as one; raises where a stored row breaks the rule."""
    if connection.vendor == "postgresql":
        _run(connection, f'ALTER TABLE "{TABLE}" ADD CONSTRAINT "{RULE}" CHECK ({_POSTGRES_RULE})')


def release(connection: BaseDatabaseWrapper) -> None:
    """Take the rule away again."""
    if connection.vendor == "postgresql":
        _run(connection, f'ALTER TABLE "{TABLE}" DROP CONSTRAINT IF EXISTS "{RULE}"')
        return
    for name in _SQLITE_TRIGGERS:
        _run(connection, f'DROP TRIGGER IF EXISTS "{name}"')


def renew_triggers(*, using: str = "default", **_: object) -> None:
    """Make the triggers of SQLite anew; the receiver of `post_migrate`."""
    connection = connections[using]
    if connection.vendor != "sqlite" or TABLE not in connection.introspection.table_names():
        return
    for name, event in _SQLITE_TRIGGERS.items():
        _run(connection, f'DROP TRIGGER IF EXISTS "{name}"')
        _run(
            connection,
            f'CREATE TRIGGER "{name}" BEFORE {event} ON "{TABLE}" WHEN NOT ({_SQLITE_RULE}) '
            f"BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: {RULE}'); END",
        )


def _run(connection: BaseDatabaseWrapper, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
