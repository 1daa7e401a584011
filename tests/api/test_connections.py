from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from migrator import credentials
from migrator.models import Connection, StoreProfile
from tests.api.caller import FAKE_KEY, FAKE_SECRET, FAKE_SESSION, Caller, a_connection, a_task, new_connection, pointers

pytestmark = pytest.mark.django_db

MARKS = ("mark_mixed", "unmark_mixed")


def test_an_admin_makes_a_connection(as_admin: Caller, operator: User) -> None:
    response = as_admin.post("/connections", new_connection(kind="minio", shared_with=["operator"]))

    made = response.json()
    assert response.status_code == 201
    assert response["Location"] == f"/api/v1/connections/{made['id']}"
    assert (made["kind"], made["region"], made["addressing_style"]) == ("minio", "us-east-1", "auto")
    assert made["shared_with"] == ["operator"]


def test_the_secret_goes_in_and_never_comes_out(as_admin: Caller) -> None:
    made = as_admin.post("/connections", new_connection(session_token=FAKE_SESSION))
    pk = made.json()["id"]
    answers = [made, as_admin.get(f"/connections/{pk}"), as_admin.get("/connections")]
    answers.append(as_admin.patch(f"/connections/{pk}", {"region": "eu-west-1"}))

    assert [answer.status_code for answer in answers] == [201, 200, 200, 200]
    assert [text for answer in answers for text in (FAKE_SECRET, FAKE_SESSION, FAKE_KEY) if text in answer.text] == []
    assert made.json()["access_key_hint"] == "…1234"


def test_a_refused_body_is_not_echoed(as_admin: Caller) -> None:
    response = as_admin.post("/connections", new_connection(endpoint_url="ftp://x", session_token=7))

    assert response.status_code == 422
    assert FAKE_SECRET not in response.text


@pytest.mark.parametrize("role", ["as_operator", "as_auditor"])
def test_only_admins_make_connections(role: str, request: pytest.FixtureRequest) -> None:
    response = request.getfixturevalue(role).post("/connections", new_connection())

    assert (response.status_code, response.json()["code"]) == (403, "forbidden")


def test_an_operator_sees_what_is_shared_and_the_others_see_all(
    as_operator: Caller, as_admin: Caller, as_auditor: Caller, operator: User
) -> None:
    a_connection("Shared", operator)
    a_connection("Hidden")

    seen = {
        caller: [one["name"] for one in caller.get("/connections?sort=name").json()["items"]]
        for caller in (as_operator, as_admin, as_auditor)
    }

    assert list(seen.values()) == [["Shared"], ["Hidden", "Shared"], ["Hidden", "Shared"]]


def test_an_operator_is_not_told_who_else_has_it(as_operator: Caller, operator: User, colleague: User) -> None:
    connection = a_connection("Shared", operator, colleague)

    assert as_operator.get(f"/connections/{connection.pk}").json()["shared_with"] is None


def test_what_is_not_shared_does_not_exist(as_operator: Caller) -> None:
    connection = a_connection("Hidden")
    path = f"/connections/{connection.pk}"

    answers = [as_operator.get(path), as_operator.patch(path, {"name": "Mine"}), as_operator.delete(path)]
    answers.append(as_operator.post(f"{path}/actions/test", {}))
    answers += [as_operator.post(f"{path}/actions/{verb}", {"bucket": "photos"}) for verb in MARKS]

    assert [answer.status_code for answer in answers] == [404] * 6


def test_an_operator_may_not_change_what_is_shared(as_operator: Caller, operator: User) -> None:
    path = f"/connections/{a_connection('Shared', operator).pk}"

    answers = [as_operator.patch(path, {"name": "Mine"}), as_operator.delete(path)]
    answers.append(as_operator.post(f"{path}/actions/test", {}))
    answers += [as_operator.post(f"{path}/actions/{verb}", {"bucket": "photos"}) for verb in MARKS]

    assert [answer.status_code for answer in answers] == [403] * 5


@pytest.mark.parametrize(
    "url",
    [
        "s3.example.com",
        "ftp://s3.example.com",
        "https://someone:opensesame@s3.example.com",
        "https://s3.example.com/bucket",
        "https://s3.example.com?x=1",
        "https://s3.example.com#x",
        "http://169.254.169.254",
        "http://2852039166",
        "http://[::ffff:169.254.169.254]",
        "http://metadata.google.internal",
        "",
    ],
)
def test_an_endpoint_we_do_not_take_is_422_at_its_field(as_admin: Caller, url: str) -> None:
    response = as_admin.post("/connections", new_connection(endpoint_url=url))

    assert (response.status_code, pointers(response)) == (422, ["/endpoint_url"])
    assert "opensesame" not in response.text


def test_several_problems_come_at_once(as_admin: Caller) -> None:
    response = as_admin.post("/connections", new_connection(name=" ", region=" ", shared_with=["nobody"]))

    assert sorted(pointers(response)) == ["/name", "/region", "/shared_with"]


def test_a_name_is_there_once(as_admin: Caller) -> None:
    as_admin.post("/connections", new_connection())

    assert pointers(as_admin.post("/connections", new_connection())) == ["/name"]


def test_a_change_keeps_the_secret_and_what_was_not_named(as_admin: Caller, operator: User) -> None:
    connection = a_connection("Old store", operator)

    changed = as_admin.patch(f"/connections/{connection.pk}", {"region": "eu-west-1"}).json()

    connection.refresh_from_db()
    assert (changed["name"], changed["region"], changed["shared_with"]) == ("Old store", "eu-west-1", ["operator"])
    assert credentials.unseal(connection.sealed_secret, connection.pk).secret_access_key == FAKE_SECRET


def test_a_new_address_needs_the_secret_again(as_admin: Caller) -> None:
    connection = a_connection("Old store")

    response = as_admin.patch(f"/connections/{connection.pk}", {"endpoint_url": "https://elsewhere.example.com"})

    assert (response.status_code, pointers(response)) == (422, ["/secret_access_key"])


def test_an_end_date_can_be_set_and_taken_away(as_admin: Caller) -> None:
    path = f"/connections/{a_connection('Old store').pk}"

    dated = as_admin.patch(path, {"expires_at": "2027-01-31T12:00:00+02:00"}).json()
    undated = as_admin.patch(path, {"expires_at": None}).json()

    assert (dated["expires_at"], undated["expires_at"]) == ("2027-01-31T10:00:00.000000Z", None)


@pytest.mark.parametrize("moment", ["2027-01-31T12:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_without_its_zone_or_out_of_the_calendar_is_refused(as_admin: Caller, moment: str) -> None:
    assert pointers(as_admin.post("/connections", new_connection(expires_at=moment))) == ["/expires_at"]


def test_an_edit_of_what_was_changed_meanwhile_is_412(as_admin: Caller) -> None:
    path = f"/connections/{a_connection('Old store').pk}"
    etag = as_admin.get(path)["ETag"]
    first = as_admin.patch(path, {"region": "eu-west-1"}, If_Match=etag)

    second = as_admin.patch(path, {"region": "eu-west-2"}, If_Match=etag)

    assert (first.status_code, second.status_code, second.json()["code"]) == (200, 412, "changed_meanwhile")
    assert as_admin.patch(path, {"region": "eu-west-2"}, If_Match=first["ETag"]).status_code == 200


def test_a_connection_in_use_is_409_and_stays(as_admin: Caller, operator: User) -> None:
    task = a_task(operator)

    response = as_admin.delete(f"/connections/{task.source_connection_id}")

    assert (response.status_code, response.json()["code"]) == (409, "connection_in_use")
    assert Connection.objects.filter(pk=task.source_connection_id).exists()


def test_a_connection_that_nobody_uses_can_go(as_admin: Caller) -> None:
    connection = a_connection("Old store")

    response = as_admin.delete(f"/connections/{connection.pk}")

    assert (response.status_code, response.content) == (204, b"")
    assert not Connection.objects.exists()


def test_a_test_with_a_bucket_that_cannot_be_one_is_422(as_admin: Caller) -> None:
    response = as_admin.post(
        f"/connections/{a_connection('Old store').pk}/actions/test", {"bucket": "arn:aws:s3:::photos"}
    )

    assert (response.status_code, pointers(response)) == (422, ["/bucket"])


def test_pages_of_a_list_hold_everything_once(as_admin: Caller) -> None:
    for number in range(5):
        a_connection(f"Store {number}")

    first = as_admin.get("/connections?sort=name&limit=2").json()
    second = as_admin.get(f"/connections?sort=name&limit=2&cursor={first['next_cursor']}").json()
    third = as_admin.get(f"/connections?sort=name&limit=2&cursor={second['next_cursor']}").json()

    names = [one["name"] for page in (first, second, third) for one in page["items"]]
    assert (names, third["next_cursor"]) == ([f"Store {number}" for number in range(5)], None)


def test_a_cursor_of_another_order_is_refused(as_admin: Caller) -> None:
    for number in range(3):
        a_connection(f"Store {number}")
    cursor = as_admin.get("/connections?sort=name&limit=2").json()["next_cursor"]

    assert pointers(as_admin.get(f"/connections?sort=-name&limit=2&cursor={cursor}")) == ["/cursor"]


def known(connection: Connection, side: str = "source") -> str:
    """Have something be known of a bucket; returns the path of its connection."""
    StoreProfile.objects.create(
        connection=connection, bucket="photos", side=side, facts={"etag_single": "md5"}, probed_at=timezone.now()
    )
    return f"/connections/{connection.pk}"


def test_a_bucket_is_marked_as_mixed_until_the_mark_is_taken_back(as_admin: Caller) -> None:
    path = known(a_connection("Old store"))
    before = as_admin.get(path)

    marked, plain = (as_admin.post(f"{path}/actions/{verb}", {"bucket": " photos"}) for verb in MARKS)

    seen = [answer.json()["profiles"][0] for answer in (before, marked, plain)]
    assert [answer.status_code for answer in (marked, plain)] == [200, 200]
    assert [(one["facts"]["etag_single"], one["mixed_by"]) for one in seen] == [
        ("md5", None),
        ("mixed", "admin"),
        ("md5", None),
    ]
    assert [one["mixed_since"] is None for one in seen] == [True, False, True]
    assert marked["ETag"] != before["ETag"] == plain["ETag"]


def test_what_a_connection_answers_shows_the_mark(as_admin: Caller) -> None:
    path = known(a_connection("Old store"))
    as_admin.post(f"{path}/actions/mark_mixed", {"bucket": "photos"})

    (listed,) = as_admin.get("/connections").json()["items"]

    assert listed["profiles"] == as_admin.get(path).json()["profiles"]
    assert listed["profiles"][0]["mixed_by"] == "admin"


@pytest.mark.parametrize("verb", MARKS)
@pytest.mark.parametrize(
    ("bucket", "words"),
    [
        ("photos", '"photos" is known as a destination only'),
        ("music", 'Nothing is known yet of "music" as a source.'),
        ("", "Enter the name of the bucket."),
    ],
)
def test_only_a_source_that_is_known_is_marked(as_admin: Caller, verb: str, bucket: str, words: str) -> None:
    path = known(a_connection("New store"), "destination")

    response = as_admin.post(f"{path}/actions/{verb}", {"bucket": bucket})

    assert (response.status_code, pointers(response)) == (422, ["/bucket"])
    assert words in response.json()["detail"]


def test_a_mark_names_its_bucket(as_admin: Caller) -> None:
    path = known(a_connection("Old store"))

    assert pointers(as_admin.post(f"{path}/actions/mark_mixed", {})) == ["/bucket"]
