from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from integrity.evidence import EtagMeaning, Profile, Proof, limits_of, profile_to_json
from migrator.models import Connection, StoreProfile
from tests.stores import SOURCE_BUCKET, Stores, connect
from tests.web.conftest import text_of
from tests.web.rows import FAKE_SECRET, a_connection, a_task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

FORM = {
    "name": "New archive",
    "kind": "generic",
    "endpoint_url": "https://s3.example.com",
    "region": "us-east-1",
    "addressing_style": "auto",
    "access_key_id": "EXAMPLEKEY1234",
    "secret_access_key": FAKE_SECRET,
}


def test_an_admin_stores_a_connection(as_admin: Client, operator: User) -> None:
    response = as_admin.post("/connections/new/", FORM | {"shared_with": ["operator"]})

    made = Connection.objects.get()
    assert response["Location"] == f"/connections/{made.pk}/"
    assert list(made.shared_with.all()) == [operator]


def test_the_secret_never_comes_back(as_admin: Client) -> None:
    connection = a_connection("Archive")
    pages = [as_admin.get(f"/connections/{connection.pk}/{page}") for page in ("", "edit/")]
    refused = as_admin.post("/connections/new/", FORM | {"name": ""})

    assert not any(FAKE_SECRET in text_of(page) for page in [*pages, refused])


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("endpoint_url", "ftp://s3.example.com", "must begin with https:// or http://"),
        ("endpoint_url", "https://me:pw@s3.example.com", "Leave user and password out of the address."),
        ("endpoint_url", "https://s3.example.com/bucket", "The address ends after the host and the port."),
        ("endpoint_url", "http://169.254.169.254", "169.254.169.254"),
        ("name", "", "This field is required."),
        ("secret_access_key", "", "Enter the secret key that belongs to the access key."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(field: str, value: str, words: str, as_admin: Client) -> None:
    response = as_admin.post("/connections/new/", FORM | {field: value})
    page = text_of(response)

    assert response.status_code == 422
    assert f'id="id_{field}_error"' in page
    assert words in page
    assert "<title>Error: " in page
    assert not Connection.objects.exists()


def test_an_edit_without_a_secret_keeps_the_stored_one(as_admin: Client) -> None:
    connection = a_connection("Archive")
    sent = FORM | {"name": "Renamed", "endpoint_url": connection.endpoint_url, "secret_access_key": ""}
    as_admin.post(f"/connections/{connection.pk}/edit/", sent)

    connection.refresh_from_db()
    assert connection.name == "Renamed"


def test_a_stored_secret_is_not_sent_to_a_new_address(as_admin: Client) -> None:
    connection = a_connection("Archive")
    response = as_admin.post(f"/connections/{connection.pk}/edit/", FORM | {"secret_access_key": ""})

    assert "The address changed, so enter the secret key again." in text_of(response)


def test_a_connection_in_use_is_not_deleted(as_admin: Client, operator: User) -> None:
    task = a_task(operator)
    response = as_admin.post(f"/connections/{task.source_connection_id}/delete/", follow=True)

    assert "is used by a task, so it cannot be deleted" in text_of(response)


def test_a_test_shows_each_step(as_admin: Client, stores: Stores) -> None:
    stores.seed(one=b"1")
    connection = connect("Old store", stores.source)
    page = text_of(as_admin.post(f"/connections/{connection.pk}/test/", {"bucket": SOURCE_BUCKET}))

    assert "Address allowed" in page
    assert "One object read" in page
    assert "Failed" not in page


def test_a_test_through_htmx_answers_with_the_steps_only(as_admin: Client, stores: Stores) -> None:
    connection = connect("Old store", stores.source)
    response = as_admin.post(
        f"/connections/{connection.pk}/test/", {"bucket": "elsewhere"}, headers={"HX-Request": "true"}
    )

    page = text_of(response)
    assert "<html" not in page
    assert "There is no bucket" in page
    assert "Not tried" in page


def test_a_bucket_that_is_none_is_refused_at_its_field(as_admin: Client, stores: Stores) -> None:
    connection = connect("Old store", stores.source)
    page = text_of(as_admin.post(f"/connections/{connection.pk}/test/", {"bucket": "arn:aws:s3:::x"}))

    assert "Enter the name of the bucket only" in page


def test_tests_are_limited(as_admin: Client) -> None:
    connection = a_connection("Archive")
    answers = [as_admin.post(f"/connections/{connection.pk}/test/", {"bucket": "??"}) for _ in range(13)]

    assert [answer.status_code for answer in answers] == [200] * 12 + [429]


def test_staff_without_a_connection_learn_whom_to_ask(as_operator: Client) -> None:
    assert "Ask an admin to share one." in text_of(as_operator.get("/connections/"))


def test_limits_that_are_not_the_usual_ones_are_said(as_admin: Client) -> None:
    made = a_connection("New")
    found = Profile(limits=limits_of("s3.fr-par.scw.cloud"))

    assert "It takes parts of at most 4.7 GiB, at most 1,000 parts, objects of at most 4.5 TiB." in page_of(
        as_admin, made, found
    )


def test_what_a_probe_found_out_besides_is_said(as_admin: Client) -> None:
    found = Profile(complete_size=Proof.IGNORES, read_after_write_seconds=2, tagging=False)
    page = page_of(as_admin, a_connection("New"), found)

    assert "It does not look at the size that an upload is to have in the end." in page
    assert "HEAD and a listing had it within 2 s." in page
    assert "It does not know tags, so none are carried over." in page


def known(connection: Connection, found: Profile, side: str = "destination") -> Connection:
    """Have a probe find this out about a bucket."""
    facts = profile_to_json(found)
    StoreProfile.objects.create(
        connection=connection, bucket="archive", side=side, facts=facts, probed_at=timezone.now()
    )
    return connection


def page_of(person: Client, connection: Connection, found: Profile) -> str:
    """The page of a connection after a probe found this out about a destination."""
    known(connection, found)
    return text_of(person.get(f"/connections/{connection.pk}/"))


MD5S = Profile(etag_single=EtagMeaning.MD5)
MARK, UNMARK = "Mark “archive” as mixed", "Take the mark back"


def test_an_admin_marks_a_source_and_takes_the_mark_back(as_admin: Client) -> None:
    address = f"/connections/{known(a_connection('Old'), MD5S, 'source').pk}/"
    before = text_of(as_admin.get(address))

    marked = text_of(as_admin.post(f"{address}mark/", {"bucket": "archive"}, follow=True))
    plain = text_of(as_admin.post(f"{address}unmark/", {"bucket": "archive"}, follow=True))

    assert "The ETag of an object is the MD5 of the bytes;" in before
    assert f'action="{address}mark/"' in before
    assert (MARK in before, UNMARK in before) == (True, False)
    assert "“archive” is marked as mixed. This holds from the next plan on." in marked
    assert "Marked as mixed by admin, " in marked
    assert "is not always the MD5 of the bytes, as a person has marked;" in marked
    assert (MARK in marked, UNMARK in marked, f'action="{address}unmark/"' in marked) == (False, True, True)
    assert "Without the mark such objects fail, from the next plan on." in marked
    assert "“archive” is no longer marked as mixed." in plain
    assert (MARK in plain, "Marked as mixed" in plain) == (True, False)


def test_others_see_the_mark_and_no_button(as_auditor: Client, as_operator: Client, operator: User) -> None:
    connection = known(a_connection("Old", operator), MD5S, "source")
    before = text_of(as_operator.get(f"/connections/{connection.pk}/"))
    StoreProfile.objects.update(mixed_since=timezone.now(), mixed_by="admin")
    pages = [text_of(person.get(f"/connections/{connection.pk}/")) for person in (as_auditor, as_operator)]

    assert (MARK in before, "right objects" in before) == (False, False)
    assert all("Marked as mixed by admin" in page for page in pages)
    assert not any(UNMARK in page for page in pages)


def test_a_destination_has_no_mark(as_admin: Client) -> None:
    connection = a_connection("New")
    page = page_of(as_admin, connection, MD5S)
    refused = text_of(as_admin.post(f"/connections/{connection.pk}/mark/", {"bucket": "archive"}, follow=True))

    assert MARK not in page
    assert "is known as a destination only" in refused
    assert StoreProfile.objects.get().mixed_since is None


@pytest.mark.parametrize(
    ("bucket", "words"), [("photos", "Nothing is known yet of &quot;photos&quot;"), ("a\x00b", "A bucket name has")]
)
def test_a_bucket_that_nobody_has_tested_is_not_marked(as_admin: Client, bucket: str, words: str) -> None:
    connection = a_connection("Old")

    assert words in text_of(as_admin.post(f"/connections/{connection.pk}/mark/", {"bucket": bucket}, follow=True))
