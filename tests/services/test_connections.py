from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from migrator import services
from migrator.models import Connection, StoreProfile
from tests.stores import DEST_BUCKET, Stores, connect

pytestmark = pytest.mark.django_db


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
