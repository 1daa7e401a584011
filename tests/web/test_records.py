from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from integrity.evidence import NOT_CARRIED
from integrity.models import IntegrityRecord, ReviewDecision
from migrator.web import wording
from tests.web.conftest import Story, text_of
from tests.web.rows import a_record, a_run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


def test_a_verified_record_shows_both_grades_in_words(as_auditor: Client, story: Story) -> None:
    page = text_of(as_auditor.get(f"/records/{story.verified.pk}/"))

    assert "Verified · S3/D3" in page
    assert "The source states a checksum of the whole object, and it equals ours." in page
    assert "we did not read the object back" in page


def test_a_damaged_object_shows_both_values_and_says_not_to_use_it(as_auditor: Client, story: Story) -> None:
    page = text_of(as_auditor.get(f"/records/{story.failed.pk}/"))

    assert "Do not use this copy." in page
    assert "0" * 32 in page
    assert story.failed.calculated_md5 in page


def test_an_admin_learns_where_to_mark_a_bucket_of_right_objects_with_another_etag(
    as_admin: Client, as_auditor: Client, story: Story
) -> None:
    at_connection = f'href="/connections/{story.task.source_connection_id}/#h-profiles"'
    in_parts = a_record(story.run, "film", "failed", source_etag='"0123456789abcdef0123456789abcdef-2"')
    against = {"name": "source_checksum", "outcome": "mismatch", "algorithm": "CRC32", "expected": "a", "observed": "b"}
    by_checksum_too = a_record(story.run, "song", "failed", checks=[*story.failed.checks, against])
    seen = [
        at_connection in text_of(person.get(f"/records/{record.pk}/"))
        for person, record in (
            (as_admin, story.failed),
            (as_auditor, story.failed),
            (as_admin, story.unverified),
            (as_admin, in_parts),
            (as_admin, by_checksum_too),
        )
    ]

    assert seen == [True, False, False, False, False]


def test_a_missing_value_is_not_available_and_never_a_tick(as_auditor: Client, story: Story) -> None:
    assert "not available" in text_of(as_auditor.get(f"/records/{story.unverified.pk}/"))


def test_what_the_task_left_out_is_said_where_the_value_would_stand(as_auditor: Client, story: Story) -> None:
    IntegrityRecord.objects.filter(pk=story.verified.pk).update(crc32="", notes=["crc32_left_out"])

    page = text_of(as_auditor.get(f"/records/{story.verified.pk}/"))

    assert '<span class="muted small">left out by the task</span>' in page
    assert "CRC32 left out by the task" in page


def test_the_report_says_what_the_task_left_out(as_auditor: Client, story: Story) -> None:
    story.run.options = {**story.run.options, "leave_out_digests": ["MD5"]}
    story.run.save()

    page = text_of(as_auditor.get(f"/runs/{story.run.pk}/summary/"))

    assert "<dt>Checksums left out by the task</dt><dd>MD5</dd>" in page


LEFT = "access lists (ACLs), object lock, legal hold, versions before the latest, the time of the last change"


def test_a_record_lists_what_was_not_carried_and_what_by_choice(as_auditor: Client, story: Story) -> None:
    tags = {"name": "tags", "outcome": "not_comparable", "reason": "not_copied", "expected": None, "observed": None}
    IntegrityRecord.objects.filter(pk=story.verified.pk).update(checks=[*story.verified.checks, tags])

    page = text_of(as_auditor.get(f"/records/{story.verified.pk}/"))

    assert f"<dt>Not carried over</dt><dd>{LEFT}" in page
    assert "annotations, tags, by choice of the task</dd>" in page


def test_the_report_lists_what_is_not_carried_over(as_auditor: Client, story: Story) -> None:
    story.run.options = {**story.run.options, "tags": True, "storage_class_map": {"*": "STANDARD"}}
    story.run.save()

    page = text_of(as_auditor.get(f"/runs/{story.run.pk}/summary/"))

    assert "What is not carried over</h2>" in page
    assert {name for name, words in wording.NOT_CARRIED.items() if words in page} == set(NOT_CARRIED)


def test_a_record_of_one_version_says_so_and_what_its_copy_lacks(as_auditor: Client, story: Story) -> None:
    record = a_record(story.run, "kept.jpg", notes=["version_named"], source_version_id="v-1", dest_version_id="w-9")

    page = text_of(as_auditor.get(f"/records/{record.pk}/"))
    listed = text_of(as_auditor.get(f"/runs/{story.run.pk}/records/"))

    assert "delete markers, the ids of versions" in page
    assert "versions before the latest" not in page
    assert re.search(r"<dt>Version</dt><dd>.*v-1.* at the source, .*w-9.* at the destination</dd>", page)
    assert re.search(r"kept\.jpg.*version <bdi[^>]*>v-1</bdi>", listed)


def test_the_report_says_which_classes_and_which_encryption_were_asked_for(as_auditor: Client, story: Story) -> None:
    asked = {"storage_class_map": {"*": "STANDARD_IA"}, "encryption": {"type": "AES256", "key_id": None}}
    story.run.options = {**story.run.options, **asked}
    story.run.save()

    page = text_of(as_auditor.get(f"/runs/{story.run.pk}/summary/"))

    assert "<dt>Storage classes</dt><dd>every other → STANDARD_IA</dd>" in page
    assert "<dd>with a key of the storage service (AES256)</dd>" in page


def test_each_attempt_is_on_the_time_line(as_auditor: Client, story: Story) -> None:
    page = text_of(as_auditor.get(f"/records/{story.verified.pk}/"))

    assert "It needed 2 attempts." in page
    assert "They differ." in page


def repeated(**fields: object) -> dict[str, object]:
    at = "2026-03-01T10:00:00.000000Z"
    asked = {"side": "source", "operation": "GetObject", "reason": "throttled", "store_code": "SlowDown", "count": 3}
    return asked | {"first_at": at, "last_at": at} | fields


def the_page_with(client: Client, record: IntegrityRecord, **fields: object) -> str:
    """The page of this record, whose last attempt has these repeats."""
    first, last = record.attempt_log
    IntegrityRecord.objects.filter(pk=record.pk).update(attempt_log=[first, last | fields])
    return text_of(client.get(f"/records/{record.pk}/"))


def test_what_was_asked_again_stands_at_its_attempt_in_plain_words(as_auditor: Client, story: Story) -> None:
    lost = repeated(side="destination", operation="UploadPart", reason="endpoint_unreachable", store_code="", count=1)

    page = the_page_with(as_auditor, story.verified, repeats=[repeated(), lost])

    assert "The source was busy and asked us to go slower when we read the object; asked again 3 times." in page
    assert "GetObject, SlowDown" in page
    lost_line = "The destination did not answer, or the connection broke off when we sent a part of the object"
    assert f"{lost_line}; sent again once." in page
    assert page.index("Attempt 2") < page.index('aria-label="Asked again in attempt 2"') < page.index(lost_line)
    assert "Other requests" not in page


def test_what_is_beyond_the_bound_is_counted(as_auditor: Client, story: Story) -> None:
    page = the_page_with(as_auditor, story.verified, repeats=[repeated()], more_repeats=1_200)

    assert "Other requests were made again 1,200 times, for still other reasons." in page


def test_a_record_without_repeats_speaks_of_none(as_auditor: Client, story: Story) -> None:
    assert "sked again" not in text_of(as_auditor.get(f"/records/{story.verified.pk}/"))


def test_a_hostile_code_and_a_word_from_later_harm_no_page(as_auditor: Client, story: Story) -> None:
    odd = repeated(reason="of_later", operation="NewOperation", store_code="<img src=x>\u202e")

    page = the_page_with(as_auditor, story.verified, repeats=[odd])

    assert "The source met a problem (Of later); asked again 3 times." in page
    assert "<img src=x>" not in page
    assert "\u202e" not in page


@pytest.mark.parametrize("key", ["<img src=x>", "{{ settings }}", "a\u202eb", "x" * 1024, "end ", "\u65e5\u672c"])
def test_a_hostile_key_harms_no_page(key: str, as_admin: Client, story: Story) -> None:
    run = a_run(story.task, "running", planned=1)
    record = a_record(run, key, "failed")

    for path in (f"/records/{record.pk}/", f"/runs/{run.pk}/", f"/runs/{run.pk}/records/", "/reviews/"):
        page = text_of(as_admin.get(path))
        assert "<img src=x>" not in page
        assert "\u202e" not in page.replace('data-copy="a\u202eb"', "")


def test_an_admin_decides_and_the_verdict_stays(as_admin: Client, story: Story) -> None:
    sent = {"decision": "accept", "reason": "Compared by hand with the original."}
    response = as_admin.post(f"/records/{story.unverified.pk}/decide/", sent, follow=True)

    story.unverified.refresh_from_db()
    assert ReviewDecision.objects.get().decision == "accept"
    assert story.unverified.verdict == "unverified"
    assert "Compared by hand with the original." in text_of(response)


@pytest.mark.parametrize("sent", [{"decision": "accept", "reason": "short"}, {"decision": "waive"}, {}])
def test_a_decision_without_a_reason_is_refused_at_its_field(
    sent: dict[str, str], as_admin: Client, story: Story
) -> None:
    response = as_admin.post(f"/records/{story.failed.pk}/decide/", sent)

    assert response.status_code == 422
    assert "There is a problem" in text_of(response)
    assert not ReviewDecision.objects.exists()


def test_operators_see_the_case_but_no_form(as_operator: Client, story: Story) -> None:
    page = text_of(as_operator.get(f"/records/{story.failed.pk}/"))

    assert "No decision yet." in page
    assert "/decide/" not in page


def test_a_record_of_statements_names_the_earlier_one_and_claims_no_reading(
    as_auditor: Client, operator: User, story: Story
) -> None:
    run = a_run(story.task, kind="verify")
    record = a_record(run, "2019/one.jpg", compared_with=story.verified.pk, bytes_hashed=None)

    page = text_of(as_auditor.get(f"/records/{record.pk}/"))

    assert "what we computed on" in page
    assert f"/records/{story.verified.pk}/" in as_auditor.get(f"/records/{record.pk}/").content.decode()
    assert "Computed then" in page
    assert "The source&#x27;s object is the one that was read then" in page
    assert "while we read" not in page
    assert "Computed in between" not in page


@pytest.mark.parametrize(("hashed", "words"), [(None, "nothing"), (16, "the source&#x27;s object, once")])
def test_a_record_says_what_was_read_in_its_run(
    hashed: int | None, words: str, as_auditor: Client, story: Story
) -> None:
    earlier = None if hashed else story.verified.pk
    run = a_run(story.task, kind="verify")
    size = {"source_size": hashed, "dest_size": hashed} if hashed else {}
    record = a_record(run, "2019/two.jpg", compared_with=earlier, bytes_hashed=hashed, **size)

    assert f"<dt>Read in this run</dt><dd>{words}</dd>" in text_of(as_auditor.get(f"/records/{record.pk}/"))
