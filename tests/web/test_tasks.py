from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from migrator.models import Run, Task
from tests.stores import DEST_BUCKET, SOURCE_BUCKET, Stores, connect, make_task
from tests.web.conftest import text_of
from tests.web.rows import a_connection

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

OPTIONS = {
    "if_exists": "fail_if_exists",
    "versions": "latest",
    "policy": "standard",
    "fidelity": "report",
    "read_back_percent": "0",
    "tags": "on",
    "probe": "on",
}


@pytest.fixture
def form(stores: Stores, operator: User) -> dict[str, str]:
    source, dest = connect("Old store", stores.source, operator), connect("New store", stores.dest, operator)
    return OPTIONS | {
        "name": "Archive",
        "source_connection": str(source.pk),
        "source_bucket": SOURCE_BUCKET,
        "source_prefix": "",
        "destination_connection": str(dest.pk),
        "destination_bucket": DEST_BUCKET,
        "destination_prefix": "",
    }


def test_an_operator_makes_a_task(as_operator: Client, operator: User, form: dict[str, str]) -> None:
    response = as_operator.post("/tasks/new/", form | {"include": "*.jpg\n\n*.png", "speed_limit": "1.5"})

    made = Task.objects.get()
    assert response["Location"] == f"/tasks/{made.pk}/"
    assert made.owner == operator
    assert (made.options["include"], made.options["bytes_per_s"]) == (["*.jpg", "*.png"], 1572864)


def test_every_version_is_asked_for_in_plain_words(as_operator: Client, operator: User, form: dict[str, str]) -> None:
    as_operator.post("/tasks/new/", form | {"versions": "all"})
    made = Task.objects.get()

    assert made.options["versions"] == "all"
    assert 'value="latest" id="id_versions_0" required checked' in text_of(as_operator.get("/tasks/new/"))
    page = text_of(as_operator.get(f"/tasks/{made.pk}/"))
    assert "every one, the oldest first; delete markers are not carried over" in page


def test_the_default_never_replaces_an_object(as_operator: Client) -> None:
    page = text_of(as_operator.get("/tasks/new/"))

    assert 'value="fail_if_exists" id="id_if_exists_0" required checked' in page
    assert "nothing is ever deleted from the source" in page


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"source_bucket": "arn:aws:s3:::photos"}, "source_bucket", "Enter the name of the bucket only"),
        ({"source_bucket": "nowhere"}, "source_bucket", "There is no bucket"),
        ({"destination_bucket": "UPPER"}, "destination_bucket", "3 to 63 small letters"),
        ({"name": ""}, "name", "This field is required."),
        ({"read_back_percent": "101"}, "read_back_percent", "less than or equal to 100"),
        ({"source_connection": ""}, "source_connection", "This field is required."),
        ({"leave_out_digests": "SHA1"}, "leave_out_digests", "SHA1 is not one of the available choices"),
        ({"storage_class_map": "STANDARD_IA"}, "storage_class_map", "Write a class, =, and the class of its copy"),
        ({"storage_class_map": "A = B\nA = C"}, "storage_class_map", "A has two lines. Keep one."),
        ({"storage_class_map": "COLD ONE = B"}, "storage_class_map", "is not the name of a storage class"),
        ({"encryption_key_id": "key-1"}, "encryption_key_id", "Choose a key service as the encryption"),
        ({"encryption_type": "rot13"}, "encryption_type", "rot13 is not one of the available choices"),
        ({"encryption_type": "AES256", "encryption_key_id": "k"}, "encryption_key_id", "A key belongs to encryption"),
        (
            {"leave_out_digests": "SHA256", "policy": "strict"},
            "leave_out_digests",
            "a strict task reads every copy back",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    changed: dict[str, str], field: str, words: str, as_operator: Client, form: dict[str, str]
) -> None:
    response = as_operator.post("/tasks/new/", form | changed)
    page = text_of(response)

    assert response.status_code == 422
    assert f'id="id_{field}_error"' in page
    assert words in page
    assert not Task.objects.exists()


def test_an_expert_leaves_checksums_out(as_operator: Client, form: dict[str, str]) -> None:
    as_operator.post("/tasks/new/", {**form, "leave_out_digests": ["MD5", "CRC32"]})

    made = Task.objects.get()
    page = text_of(as_operator.get(f"/tasks/{made.pk}/"))
    assert made.options["leave_out_digests"] == ["MD5", "CRC32"]
    assert "<dt>Checksums left out by the task</dt><dd>MD5, CRC32</dd>" in page
    assert text_of(as_operator.get(f"/tasks/{made.pk}/edit/")).count('name="leave_out_digests"') == 5


def test_what_was_left_out_can_be_taken_back(as_operator: Client, form: dict[str, str]) -> None:
    as_operator.post("/tasks/new/", {**form, "leave_out_digests": ["MD5"]})
    task = Task.objects.get()

    as_operator.post(f"/tasks/{task.pk}/edit/", form)

    task.refresh_from_db()
    assert task.options["leave_out_digests"] == []


def test_classes_and_encryption_are_filled_in_and_shown(as_operator: Client, form: dict[str, str]) -> None:
    classes = "STANDARD_IA = GLACIER_IR\r\n\r\n*=default"
    kms = {"encryption_type": "aws:kms", "encryption_key_id": "alias/archive"}
    as_operator.post("/tasks/new/", {**form, "storage_class_map": classes, **kms})

    made = Task.objects.get()
    page, again = (text_of(as_operator.get(f"/tasks/{made.pk}/{name}")) for name in ("", "edit/"))
    assert made.options["storage_class_map"] == {"STANDARD_IA": "GLACIER_IR", "*": "default"}
    assert made.options["encryption"] == {"type": "aws:kms", "key_id": "alias/archive"}
    assert "STANDARD_IA → GLACIER_IR; every other → the destination&#x27;s choice" in page
    assert "with a key service (aws:kms), key alias/archive" in page
    assert "STANDARD_IA = GLACIER_IR\n* = default</textarea>" in again
    assert 'value="aws:kms" selected' in again


def test_without_a_word_classes_are_not_carried_and_the_bucket_encrypts(
    as_operator: Client, form: dict[str, str]
) -> None:
    as_operator.post("/tasks/new/", form)

    made = Task.objects.get()
    assert (made.options["storage_class_map"], made.options["encryption"]) == ({}, None)


def test_nothing_is_left_out_unless_someone_says_so(as_operator: Client, form: dict[str, str]) -> None:
    as_operator.post("/tasks/new/", form)

    made = Task.objects.get()
    assert made.options["leave_out_digests"] == []
    assert "left out" not in text_of(as_operator.get(f"/tasks/{made.pk}/"))


def test_the_same_place_is_refused(as_operator: Client, form: dict[str, str]) -> None:
    same = {"destination_connection": form["source_connection"], "destination_bucket": SOURCE_BUCKET}
    page = text_of(as_operator.post("/tasks/new/", form | same))

    assert "Source and destination are the same place." in page
    assert 'id="id_destination_prefix_error"' in page


def test_a_connection_that_is_not_shared_cannot_be_picked(as_operator: Client, form: dict[str, str]) -> None:
    hidden = a_connection("Hidden")
    page = text_of(as_operator.post("/tasks/new/", form | {"source_connection": str(hidden.pk)}))

    assert 'id="id_source_connection_error"' in page
    assert "Hidden" not in page


def test_an_answer_is_not_lost_on_an_error(as_operator: Client, form: dict[str, str]) -> None:
    page = text_of(as_operator.post("/tasks/new/", form | {"name": "", "source_prefix": "photos/2019/"}))

    assert 'value="photos/2019/"' in page


def test_a_task_is_changed_for_the_runs_to_come(
    as_operator: Client, operator: User, stores: Stores, form: dict[str, str]
) -> None:
    as_operator.post("/tasks/new/", form)
    task = Task.objects.get()
    as_operator.post(f"/tasks/{task.pk}/edit/", form | {"policy": "strict"})

    task.refresh_from_db()
    assert task.options["policy"] == "strict"


def test_ten_real_keys_appear(as_operator: Client, operator: User, stores: Stores) -> None:
    stores.seed(**{f"photos/{number:02d}.jpg": b"x" for number in range(12)})
    task = make_task(stores, operator)
    asked = {"side": "source", "source_connection": task.source_connection_id, "source_bucket": SOURCE_BUCKET}
    page = text_of(as_operator.get("/tasks/keys/", asked))

    assert page.count("photos/") == 10
    assert "The first 10 keys" in page


@pytest.mark.parametrize("side", ["source", "destination"])
def test_keys_of_a_source_are_asked_for_as_one_who_pays_where_the_task_says_so(
    side: str, as_operator: Client, operator: User, stores: Stores
) -> None:
    task = make_task(stores, operator)
    stores.source.clear_log()
    place = {f"{side}_connection": task.source_connection_id, f"{side}_bucket": SOURCE_BUCKET}

    as_operator.get("/tasks/keys/", {"side": side, "requester_pays": "on"} | place)

    assert ["x-amz-request-payer" in entry.headers for entry in stores.source.log] == [side == "source"]


@pytest.mark.parametrize("connection", ["", "nonsense", "00000000-0000-4000-8000-000000000000"])
def test_keys_of_no_connection_ask_for_one(connection: str, as_operator: Client) -> None:
    assert "Pick a connection first." in text_of(as_operator.get("/tasks/keys/", {"source_connection": connection}))


def test_keys_of_a_hidden_connection_are_not_shown(as_operator: Client, stores: Stores) -> None:
    stores.seed(one=b"1")
    asked = {"source_connection": connect("Hidden", stores.source).pk, "source_bucket": SOURCE_BUCKET}

    assert "Pick a connection first." in text_of(as_operator.get("/tasks/keys/", asked))


def test_an_unknown_bucket_is_said_in_words(as_operator: Client, operator: User, stores: Stores) -> None:
    asked = {"source_connection": connect("Old", stores.source, operator).pk, "source_bucket": "nowhere"}

    assert "There is no bucket" in text_of(as_operator.get("/tasks/keys/", asked))


def test_a_task_is_checked_without_copying(as_operator: Client, operator: User, stores: Stores) -> None:
    task = make_task(stores, operator)

    assert "Check without copying" in text_of(as_operator.get(f"/tasks/{task.pk}/"))
    as_operator.post(f"/tasks/{task.pk}/plan/", {"kind": "verify"})

    assert [(run.kind, run.options["verify_depth"]) for run in Run.objects.all()] == [("verify", "auto")]
