from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from migrator.models import DEFAULT_OPTIONS, Connection, Task
from migrator.sandbox import Sandbox
from migrator.web.api.tasks import OPTIONS_SCHEMA
from tests.api.caller import Caller, a_connection, a_task, pointers
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores, connect

pytestmark = pytest.mark.django_db


@pytest.fixture
def connected(stores: Stores, operator: User) -> Stores:
    connect("Old store", stores.source, operator)
    connect("New store", stores.dest, operator)
    return stores


def new_task(name: str = "Archive", **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "source": {"connection": "Old store", "bucket": SOURCE_BUCKET, "prefix": ""},
        "destination": {"connection": "New store", "bucket": DEST_BUCKET, "prefix": ""},
    } | fields


def place(connection: str, bucket: str, prefix: str = "") -> dict[str, str]:
    return {"connection": connection, "bucket": bucket, "prefix": prefix}


def test_an_operator_makes_a_task_between_shared_connections(connected: Stores, as_operator: Caller) -> None:
    response = as_operator.post("/tasks", new_task(options={"policy": "strict"}))

    made = response.json()
    assert (response.status_code, response["Location"]) == (201, f"/api/v1/tasks/{made['id']}")
    assert (made["state"], made["owner"], made["source"]["connection_name"]) == ("active", "operator", "Old store")
    assert made["options"] == DEFAULT_OPTIONS | {"policy": "strict"}


def test_a_connection_may_be_named_by_its_id(connected: Stores, as_operator: Caller) -> None:
    pk = str(Connection.objects.get(name="Old store").pk)

    response = as_operator.post("/tasks", new_task(source=place(pk, SOURCE_BUCKET)))

    assert (response.status_code, response.json()["source"]["connection"]) == (201, pk)


def test_an_auditor_makes_no_task(connected: Stores, as_auditor: Caller) -> None:
    assert as_auditor.post("/tasks", new_task()).status_code == 403


def test_a_connection_that_is_not_shared_is_as_one_that_is_not_there(connected: Stores, as_operator: Caller) -> None:
    a_connection("Hidden")

    hidden = as_operator.post("/tasks", new_task(source=place("Hidden", SOURCE_BUCKET)))
    missing = as_operator.post("/tasks", new_task(source=place("Nowhere", SOURCE_BUCKET)))

    assert [pointers(hidden), pointers(missing)] == [["/source/connection"]] * 2
    assert hidden.json()["detail"] == missing.json()["detail"]


@pytest.mark.parametrize(
    ("source_prefix", "dest_prefix"), [("", ""), ("a/", "a/"), ("", "a/"), ("a/", ""), ("a/", "a/b/")]
)
def test_the_same_place_and_overlapping_prefixes_are_refused(
    connected: Stores, as_operator: Caller, source_prefix: str, dest_prefix: str
) -> None:
    body = new_task(
        source=place("Old store", SOURCE_BUCKET, source_prefix),
        destination=place("Old store", SOURCE_BUCKET, dest_prefix),
    )

    response = as_operator.post("/tasks", body)

    assert (response.status_code, response.json()["code"]) == (422, "same_place")
    assert pointers(response) == ["/destination/prefix"]


@pytest.mark.parametrize(
    "bucket", ["No", "UPPER", "a..b", "192.168.5.4", "arn:aws:s3:::photos", "photos/2024", "../x", "-photos", ""]
)
def test_a_bucket_that_cannot_be_one_is_refused_at_its_field(
    connected: Stores, as_operator: Caller, bucket: str
) -> None:
    response = as_operator.post("/tasks", new_task(destination=place("New store", bucket)))

    assert (response.status_code, pointers(response)) == (422, ["/destination/bucket"])


def test_an_unknown_bucket_is_refused_at_its_field(connected: Stores, as_operator: Caller) -> None:
    response = as_operator.post("/tasks", new_task(source=place("Old store", "not-there")))

    assert (response.status_code, pointers(response)) == (422, ["/source/bucket"])
    assert "not-there" in response.json()["detail"]


def test_a_refused_key_is_said_at_the_connection(connected: Stores, as_operator: Caller) -> None:
    Connection.objects.filter(name="Old store").update(access_key_id="NOBODYSKEY")

    response = as_operator.post("/tasks", new_task())

    assert (response.status_code, pointers(response)) == (422, ["/source/connection"])
    assert "Old store" in response.json()["detail"]


def test_an_endpoint_that_does_not_answer_is_said_at_the_connection(
    connected: Stores, as_operator: Caller, tmp_path: Path
) -> None:
    with Sandbox(tmp_path / "gone") as gone:
        url = gone.url
    Connection.objects.filter(name="New store").update(endpoint_url=url)

    response = as_operator.post("/tasks", new_task())

    assert (response.status_code, pointers(response)) == (422, ["/destination/connection"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("speed", "fast"),
        ("if_exists", "overwrite"),
        ("policy", True),
        ("read_back_percent", 101),
        ("read_back_percent", "10"),
        ("double_read", "yes"),
        ("include", "*.jpg"),
        ("min_size", -1),
        ("max_size", 1.5),
        ("modified_after", "yesterday"),
        ("modified_after", "0001-01-01T00:00:00+23:59"),
        ("bytes_per_s", 0),
        ("canary", None),
        ("leave_out_digests", "MD5"),
        ("leave_out_digests", ["SHA1"]),
        ("leave_out_digests", ["MD5", "MD5"]),
        ("leave_out_digests", [{"name": "MD5"}]),
        ("leave_out_digests", None),
        ("storage_class_map", None),
        ("storage_class_map", [["STANDARD_IA", "STANDARD"]]),
        ("storage_class_map", {"STANDARD IA": "STANDARD"}),
        ("storage_class_map", {"": "STANDARD"}),
        ("storage_class_map", {"default": "STANDARD"}),
        ("storage_class_map", {"STANDARD_IA": "*"}),
        ("storage_class_map", {"STANDARD_IA": None}),
        ("storage_class_map", {"STANDARD_IA": ""}),
        ("storage_class_map", {"STANDARD_IA": "STANDARD\r\nx-amz-acl: public-read"}),
        ("storage_class_map", {f"CLASS_{number}": "STANDARD" for number in range(101)}),
        ("encryption", "aws:kms"),
        ("encryption", {"type": "aws:kms", "key": "key-1"}),
        ("versions", "every"),
        ("versions", None),
    ],
)
def test_a_wrong_option_is_refused_at_its_name(connected: Stores, as_operator: Caller, name: str, value: Any) -> None:
    response = as_operator.post("/tasks", new_task(options={name: value}))

    assert (response.status_code, pointers(response)) == (422, [f"/options/{name}"])


@pytest.mark.parametrize(
    ("asking", "words"),
    [
        ({"policy": "strict"}, "reads every copy back"),
        ({"read_back_percent": 1}, "read back 0 percent"),
        ({"double_read": True}, "read the source once"),
    ],
)
def test_the_digest_of_a_second_reading_cannot_be_left_out(
    connected: Stores, as_operator: Caller, asking: dict[str, Any], words: str
) -> None:
    response = as_operator.post("/tasks", new_task(options={"leave_out_digests": ["SHA256"], **asking}))

    assert (response.status_code, pointers(response)) == (422, ["/options/leave_out_digests"])
    assert response.json()["detail"].startswith("SHA256 cannot be left out: ")
    assert words in response.json()["detail"]
    assert as_operator.post("/tasks", new_task(options={"leave_out_digests": ["MD5"], **asking})).status_code == 201


@pytest.mark.parametrize(
    ("encryption", "field", "words"),
    [
        ({}, "type", "The type of an encryption is one of AES256, aws:kms, aws:kms:dsse."),
        ({"type": "SSE-KMS"}, "type", "The type of an encryption is one of"),
        ({"type": ["aws:kms"]}, "type", "The type of an encryption is one of"),
        ({"type": "AES256", "key_id": "key-1"}, "key_id", "A key belongs to encryption with a key service"),
        ({"type": "aws:kms", "key_id": ""}, "key_id", "The key is its ARN, its id or its alias"),
        ({"type": "aws:kms", "key_id": 7}, "key_id", "The key is its ARN"),
        ({"type": "aws:kms", "key_id": "key 1"}, "key_id", "The key is its ARN"),
        ({"type": "aws:kms", "key_id": "key-1\r\nx-amz-acl: public-read"}, "key_id", "The key is its ARN"),
        ({"type": "aws:kms", "key_id": "k" * 2049}, "key_id", "The key is its ARN"),
    ],
)
def test_what_is_wrong_with_an_encryption_is_said_at_its_field(
    connected: Stores, as_operator: Caller, encryption: dict[str, Any], field: str, words: str
) -> None:
    response = as_operator.post("/tasks", new_task(options={"encryption": encryption}))

    assert (response.status_code, pointers(response)) == (422, [f"/options/encryption/{field}"])
    assert response.json()["detail"].startswith(words)


@pytest.mark.parametrize(
    "options",
    [
        {"storage_class_map": {"STANDARD_IA": "GLACIER_IR", "*": "default"}},
        {"storage_class_map": {"cold-hdd": "warm.ssd"}},
        {"encryption": {"type": "AES256"}},
        {"encryption": {"type": "aws:kms", "key_id": None}},
        {"encryption": {"type": "aws:kms:dsse", "key_id": "arn:aws:kms:eu-west-1:111122223333:alias/archive"}},
        {"encryption": None, "storage_class_map": {}},
    ],
)
def test_classes_and_encryption_are_stored_as_they_were_said(
    connected: Stores, as_operator: Caller, options: dict[str, Any]
) -> None:
    made = as_operator.post("/tasks", new_task(options=options)).json()

    assert made["options"] == DEFAULT_OPTIONS | options


@pytest.mark.parametrize(
    ("classes", "asking", "words"),
    [
        ({"*": "GLACIER"}, {"policy": "strict"}, "A strict task reads every copy back, and what lies in GLACIER"),
        ({"*": "DEEP_ARCHIVE"}, {"read_back_percent": 1}, "The task reads copies back, and what lies in DEEP_ARCHIVE"),
        ({"*": "default"}, {"fidelity": "required"}, "A class that is left to the destination (default) cannot be"),
    ],
)
def test_a_class_that_rules_out_what_else_is_asked_for_is_refused(
    connected: Stores, as_operator: Caller, classes: dict[str, str], asking: dict[str, Any], words: str
) -> None:
    response = as_operator.post("/tasks", new_task(options={"storage_class_map": classes, **asking}))

    assert (response.status_code, pointers(response)) == (422, ["/options/storage_class_map"])
    assert response.json()["detail"].startswith(words)
    assert as_operator.post("/tasks", new_task(options={"storage_class_map": classes})).status_code == 201


def test_a_class_that_amazon_s3_does_not_have_is_refused_before_any_copy(
    connected: Stores, as_operator: Caller
) -> None:
    Connection.objects.filter(name="New store").update(kind=Connection.Kind.AWS)

    refused = as_operator.post("/tasks", new_task(options={"storage_class_map": {"COLD": "STANDRD"}}))
    taken = as_operator.post("/tasks", new_task(options={"storage_class_map": {"COLD": "GLACIER_IR", "*": "default"}}))

    assert (pointers(refused), taken.status_code) == (["/options/storage_class_map"], 201)
    assert refused.json()["detail"].startswith("Amazon S3 has no storage class STANDRD. It has STANDARD,")


def test_what_a_change_asks_for_is_held_against_what_was_left_out_before(
    connected: Stores, as_operator: Caller
) -> None:
    made = as_operator.post("/tasks", new_task(options={"leave_out_digests": ["SHA256", "CRC32"]})).json()

    refused = as_operator.patch(f"/tasks/{made['id']}", {"options": {"policy": "strict"}})

    assert made["options"]["leave_out_digests"] == ["SHA256", "CRC32"]
    assert pointers(refused) == ["/options/leave_out_digests"]


def test_reading_both_sides_back_needs_the_digest_it_compares(connected: Stores, as_operator: Caller) -> None:
    path = f"/tasks/{as_operator.post('/tasks', new_task(options={'leave_out_digests': ['SHA256']})).json()['id']}/runs"

    refused = as_operator.post(path, {"kind": "verify", "start": False})
    taken = as_operator.post(path, {"kind": "verify", "verify_depth": "source", "start": False})

    assert (refused.status_code, pointers(refused)) == (422, ["/verify_depth"])
    assert taken.status_code == 201


def test_an_unknown_field_of_a_place_is_refused(connected: Stores, as_operator: Caller) -> None:
    response = as_operator.post("/tasks", new_task(source=place("Old store", SOURCE_BUCKET) | {"region": "x"}))

    assert pointers(response) == ["/source/region"]


def test_the_schema_names_every_option() -> None:
    assert set(OPTIONS_SCHEMA["properties"]) == set(DEFAULT_OPTIONS)


def test_a_task_is_seen_by_its_owner_and_by_those_who_see_all(
    as_operator: Caller, as_colleague: Caller, as_admin: Caller, as_auditor: Caller, operator: User
) -> None:
    path = f"/tasks/{a_task(operator).pk}"
    callers = (as_operator, as_admin, as_auditor, as_colleague)

    assert [caller.get(path).status_code for caller in callers] == [200, 200, 200, 404]
    assert [len(caller.get("/tasks").json()["items"]) for caller in callers] == [1, 1, 1, 0]


def test_the_task_of_another_can_be_neither_changed_nor_run(
    as_colleague: Caller, as_auditor: Caller, operator: User
) -> None:
    path = f"/tasks/{a_task(operator).pk}"

    answers = [
        caller_answer
        for caller in (as_colleague, as_auditor)
        for caller_answer in (caller.patch(path, {"name": "Mine"}), caller.post(f"{path}/runs", {}))
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 403, 403]


def test_a_change_keeps_what_was_not_named(connected: Stores, as_operator: Caller) -> None:
    made = as_operator.post("/tasks", new_task(options={"policy": "strict", "tags": False})).json()

    changed = as_operator.patch(
        f"/tasks/{made['id']}", {"destination": {"prefix": "2024/"}, "options": {"tags": True}}
    ).json()

    assert changed["destination"] == made["destination"] | {"prefix": "2024/"}
    assert (changed["name"], changed["options"]["policy"], changed["options"]["tags"]) == ("Archive", "strict", True)


def test_a_change_of_what_was_changed_meanwhile_is_412(connected: Stores, as_operator: Caller) -> None:
    made = as_operator.post("/tasks", new_task())
    path = f"/tasks/{made.json()['id']}"

    first = as_operator.patch(path, {"name": "First"}, If_Match=made["ETag"])
    second = as_operator.patch(path, {"name": "Second"}, If_Match=made["ETag"])

    assert (first.status_code, second.status_code) == (200, 412)
    assert Task.objects.get().name == "First"


def test_a_task_list_filters_by_name(as_operator: Caller, operator: User) -> None:
    a_task(operator, "One")
    a_task(operator, "Two")

    assert [one["name"] for one in as_operator.get("/tasks?name=Two").json()["items"]] == ["Two"]
