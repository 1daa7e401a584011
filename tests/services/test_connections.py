from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from migrator import services
from migrator.models import AuditEvent, Connection, StoreProfile
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores, connect

pytestmark = pytest.mark.django_db

Mark = Callable[[User, Connection, str], None]


def given(**changes: object) -> services.ConnectionInput:
    values: dict[str, object] = {
        "name": "Archive",
        "endpoint_url": "https://s3.example.com",
        "access_key_id": "EXAMPLEKEY",
        "secret_access_key": "example-secret",
    }
    return services.ConnectionInput(**(values | changes))  # type: ignore[arg-type]


def test_a_test_with_writing_keeps_the_profile_of_the_bucket(stores: Stores, admin: User) -> None:
    connection = connect("New", stores.dest)

    steps = services.run_connection_test(admin, connection, DEST_BUCKET, write=True)

    assert [step.name for step in steps if step.outcome == "failed"] == []
    assert StoreProfile.objects.get(connection=connection).facts["content_md5"] == "rejects"
    assert stores.dest.keys(DEST_BUCKET) == []


def test_a_test_without_writing_keeps_what_reading_tells(stores: Stores, admin: User) -> None:
    services.run_connection_test(admin, connect("New", stores.dest), DEST_BUCKET)

    assert StoreProfile.objects.get().side == "source"
    assert not [entry for entry in stores.dest.log if entry.operation == "PutObject"]


def test_only_an_admin_makes_connections(operator: User) -> None:
    with pytest.raises(services.Forbidden):
        services.create_connection(operator, given())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"endpoint_url": "https://user:pass@s3.example.com"}, "endpoint_url"),
        ({"endpoint_url": "https://s3.example.com/bucket"}, "endpoint_url"),
        ({"endpoint_url": "http://169.254.169.254"}, "endpoint_url"),
        ({"endpoint_url": "ftp://s3.example.com"}, "endpoint_url"),
        ({"access_key_id": ""}, "access_key_id"),
        ({"access_key_id": "EXAMPLE\u200bKEY"}, "access_key_id"),
        ({"session_token": "one\r\ntwo"}, "session_token"),
        ({"region": "eu\u2011west"}, "region"),
        ({"secret_access_key": ""}, "secret_access_key"),
        ({"kind": "floppy"}, "kind"),
        ({"addressing_style": "sideways"}, "addressing_style"),
        ({"shared_with": ["nobody"]}, "shared_with"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(admin: User, changes: dict[str, object], field: str) -> None:
    with pytest.raises(services.Refused) as refused:
        services.create_connection(admin, given(**changes))

    assert [problem.field for problem in refused.value.problems] == [field]


def test_a_new_address_needs_the_secret_again(admin: User) -> None:
    connection = services.create_connection(admin, given())
    moved = given(endpoint_url="https://elsewhere.example.com", secret_access_key="")

    with pytest.raises(services.Refused) as refused:
        services.update_connection(admin, connection, moved)

    assert refused.value.problems[0].field == "secret_access_key"
    assert Connection.objects.get().endpoint_url == "https://s3.example.com"


def test_a_connection_in_use_stays(stores: Stores, operator: User, admin: User) -> None:
    from tests.stores import make_task

    task = make_task(stores, operator)

    with pytest.raises(services.Refused, match="used by a task"):
        services.delete_connection(admin, task.source_connection)


def known_source(stores: Stores, admin: User) -> Connection:
    """A connection whose source bucket was tested, and shows that its ETags are MD5s."""
    stores.seed(one=b"1")
    connection = connect("Old store", stores.source)
    services.run_connection_test(admin, connection, SOURCE_BUCKET)
    return connection


def events() -> list[tuple[str, str, str, object]]:
    marks = AuditEvent.objects.filter(action__contains="mixed").order_by("pk")
    return [(event.actor, event.action, event.target, event.detail) for event in marks]


def test_a_marked_bucket_is_mixed_until_the_mark_is_taken_back(stores: Stores, admin: User) -> None:
    connection = known_source(stores, admin)

    services.mark_mixed(admin, connection, SOURCE_BUCKET)
    marked = StoreProfile.objects.get()
    services.unmark_mixed(admin, connection, SOURCE_BUCKET)
    plain = StoreProfile.objects.get()

    assert (marked.mixed_by, marked.facts_in_use) == ("admin", marked.facts | {"etag_single": "mixed"})
    assert marked.facts["etag_single"] == "md5"
    assert (plain.mixed_since, plain.mixed_by, plain.facts_in_use) == (None, "", marked.facts)
    assert events() == [
        ("admin", "connection.mixed_marked", "Old store", {"bucket": SOURCE_BUCKET}),
        ("admin", "connection.mixed_unmarked", "Old store", {"bucket": SOURCE_BUCKET}),
    ]


def test_a_mark_that_is_there_keeps_its_date_and_who_made_it(stores: Stores, admin: User) -> None:
    connection = known_source(stores, admin)
    services.unmark_mixed(admin, connection, SOURCE_BUCKET)
    services.mark_mixed(admin, connection, SOURCE_BUCKET)
    first = StoreProfile.objects.get().mixed_since

    services.mark_mixed(admin, connection, SOURCE_BUCKET)

    assert StoreProfile.objects.get().mixed_since == first
    assert [action for _, action, _, _ in events()] == ["connection.mixed_marked"]


def test_a_mark_outlives_the_next_test(stores: Stores, admin: User) -> None:
    connection = known_source(stores, admin)
    services.mark_mixed(admin, connection, SOURCE_BUCKET)

    services.run_connection_test(admin, connection, SOURCE_BUCKET)

    kept = StoreProfile.objects.get()
    assert (kept.facts["etag_single"], kept.facts_in_use["etag_single"]) == ("md5", "mixed")


@pytest.mark.parametrize("verb", [services.mark_mixed, services.unmark_mixed])
def test_only_an_admin_marks_a_bucket(stores: Stores, admin: User, operator: User, verb: Mark) -> None:
    connection = known_source(stores, admin)

    with pytest.raises(services.Forbidden):
        verb(operator, connection, SOURCE_BUCKET)

    assert StoreProfile.objects.get().mixed_since is None


@pytest.mark.parametrize("bucket", ["", "a\x00b", "x" * 200])
def test_what_is_no_bucket_is_not_looked_for(admin: User, stores: Stores, bucket: str) -> None:
    with pytest.raises(services.Refused, match=r"A bucket name has|Enter the name of the bucket") as refused:
        services.mark_mixed(admin, connect("Old store", stores.source), bucket)

    assert [problem.field for problem in refused.value.problems] == ["bucket"]


@pytest.mark.parametrize("verb", [services.mark_mixed, services.unmark_mixed])
@pytest.mark.parametrize(
    ("write", "words"),
    [(True, '"archive" is known as a destination only'), (None, 'Nothing is known yet of "archive" as a source')],
)
def test_only_a_source_that_is_known_is_marked(
    stores: Stores, admin: User, verb: Mark, write: bool | None, words: str
) -> None:
    connection = connect("New store", stores.dest)
    if write is not None:
        services.run_connection_test(admin, connection, DEST_BUCKET, write=write)

    with pytest.raises(services.Refused, match=words) as refused:
        verb(admin, connection, DEST_BUCKET)

    assert [problem.field for problem in refused.value.problems] == ["bucket"]
    assert events() == []
