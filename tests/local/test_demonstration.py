import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.local.samples import samples
from tests.local.test_machine import Running, all_gone, manage

QUESTION = """
import json
from django.contrib.auth.models import User
from migrator.models import Connection, Task
print(json.dumps({
    "people": sorted((u.username, u.groups.get().name) for u in User.objects.all()),
    "connections": sorted((c.name, c.endpoint_url) for c in Connection.objects.all()),
    "tasks": [(t.name, t.owner.username) for t in Task.objects.all()],
}))
"""


@pytest.fixture(scope="module")
def twice() -> Iterator[tuple[Running, Running]]:
    """A demo that was started, stopped and started again, on the same folder."""
    with tempfile.TemporaryDirectory(prefix="tc demo ") as name:
        with Running("demo", Path(name)) as first:
            first.await_line("auditor")
        with Running("demo", Path(name)) as second:
            second.await_line("auditor")
            yield first, second
        assert all_gone(Path(name) / "demo")


def test_the_last_it_says_is_the_address_and_three_people(twice):
    first, _ = twice
    ready, *people = first.said[-4:]

    assert re.fullmatch(r"Truecopy is ready: http://127\.0\.0\.1:\d+/", ready)
    assert [line.split("  ")[0] for line in people] == ["operator", "admin", "auditor"]
    assert all(re.fullmatch(r"[a-z]+  \S{12,}", line) for line in people)


def test_the_passwords_are_kept_and_printed_again(twice):
    first, second = twice
    kept = second.data / "demo" / "people"

    assert first.said[-3:] == second.said[-3:] == kept.read_text().splitlines()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_nothing_is_made_twice(twice):
    _, second = twice
    answer = json.loads(manage("shell", "-v0", "-c", QUESTION, "--data", str(second.data / "demo")).stdout)

    assert answer["people"] == [["admin", "admin"], ["auditor", "auditor"], ["operator", "operator"]]
    assert answer["tasks"] == [["Archive to new storage", "operator"]]
    assert [name for name, _ in answer["connections"]] == ["New storage (sandbox)", "Old storage (sandbox)"]


def test_every_sample_lies_at_the_source(twice):
    _, second = twice
    told = json.loads((second.data / "demo/sandbox-source.json").read_text())

    assert told["buckets"] == ["company-files"]
    assert len(list(samples())) == _stored(second.data / "demo" / told["root"])


def _stored(root: Path) -> int:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(f"file:{root / 'index.sqlite3'}?mode=ro", uri=True)) as index:
        return int(index.execute("SELECT count(*) FROM versions").fetchone()[0])
