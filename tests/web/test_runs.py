from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from migrator.models import Run
from tests.web.conftest import Story, text_of
from tests.web.rows import a_batch, a_record, a_run, a_task, settled

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

HOSTILE = "2019/<b>{{ 7|add:7 }}\u202egnp.exe "


def test_planning_a_run_leads_to_its_page(as_operator: Client, operator: User) -> None:
    task = a_task(operator)

    response = as_operator.post(f"/tasks/{task.pk}/plan/")

    assert response["Location"] == f"/runs/{Run.objects.get().pk}/"
    assert "Nothing is copied yet" in text_of(as_operator.get(response["Location"]))


def test_the_preview_shows_what_would_be_done(as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), "ready", planned=12481)
    run.plan_summary = {"first_keys": [HOSTILE], "largest": 2**30, "archived": 188, "existing_same_size": 4}
    run.save()

    page = text_of(as_operator.get(f"/runs/{run.pk}/"))

    assert "Start copying 12,481 objects" in page
    assert "<strong>188 objects</strong> in an archive" in page
    assert "2019/&lt;b&gt;{{ 7|add:7 }}" in page
    assert "Nothing is deleted" in page


def test_the_preview_says_what_cannot_be_proven(as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), "ready", planned=3)

    assert "its word will not count as proof" in text_of(as_operator.get(f"/runs/{run.pk}/"))


def a_forecast(**changed: object) -> dict[str, object]:
    short = {
        "reason": "sse_kms",
        "objects": {"at_least": 188, "at_most": 188},
        "bytes": {"at_least": 4402341478, "at_most": 4402341478},
        "helps": ["double_read"],
        "extra_bytes": {"at_least": 4402341478, "at_most": 4402341478},
    }
    provable = {"objects": {"at_least": 9812, "at_most": 9812}, "bytes": {"at_least": 1, "at_most": 1}}
    whole = {"policy": "standard", "objects": 10_000, "bytes": 10**10, "provable": provable, "unprovable": [short]}
    return {**whole, "out_of_reach": False, "looked_at": 208, "assumed": 9792, **changed}


def ready_with(operator: User, forecast: dict[str, object]) -> Run:
    run = a_run(a_task(operator), "ready", planned=10_000)
    run.plan_summary = {**run.plan_summary, "forecast": forecast}
    run.save()
    return run


def test_the_preview_says_how_many_can_be_proven_and_what_would_help(as_operator: Client, operator: User) -> None:
    run = ready_with(operator, a_forecast())

    page = text_of(as_operator.get(f"/runs/{run.pk}/"))

    assert "If the others are like the 208 we looked at, 9,812 of 10,000 objects can be proven" in page
    assert "188 cannot: encrypted with a key service and without a checksum. A second reading at the source " in page
    assert "would be enough (4.1 GiB more to read, 4,402,341,478 bytes)." in page
    assert "a look at 208 objects at the source; 9,792 others are taken to be like these; what turns out" in page
    assert f'href="/tasks/{run.task_id}/edit/"' in page
    assert "out of reach" not in page


def test_the_preview_says_that_the_source_is_marked(as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), "ready", planned=3)
    run.profiles |= {"source": {"etag_single": "mixed"}}
    run.save()

    page = text_of(as_operator.get(f"/runs/{run.pk}/"))

    assert "Not all of the source&#x27;s ETags are MD5s. Where one differs, a checksum decides." in page


def test_a_policy_out_of_reach_is_said_before_the_start(as_operator: Client, operator: User) -> None:
    none = {"objects": {"at_least": 0, "at_most": 0}, "bytes": {"at_least": 0, "at_most": 0}}
    run = ready_with(operator, a_forecast(provable=none, out_of_reach=True))

    page = text_of(as_operator.get(f"/runs/{run.pk}/"))

    assert "None of 10,000 objects can be proven as this task asks." in page
    assert "What this task asks for is out of reach." in page


def test_a_ready_run_is_started(as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), "ready", planned=3)

    as_operator.post(f"/runs/{run.pk}/start/")

    run.refresh_from_db()
    assert run.state == "running"


def test_an_empty_plan_asks_again(as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), "ready", cause="empty_plan")
    page = text_of(as_operator.get(f"/runs/{run.pk}/"))
    refused = as_operator.post(f"/runs/{run.pk}/start/")
    as_operator.post(f"/runs/{run.pk}/start/", {"confirm_empty": "on"})

    run.refresh_from_db()
    assert "Zero objects is never a silent success" in page
    assert (refused.status_code, run.state) == (409, "running")


def test_the_live_page_shows_books_that_add_up(as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), planned=10)
    a_record(run)
    a_batch(settled(run, "running"), bytes_in_flight=2000)

    page = text_of(as_operator.get(f"/runs/{run.pk}/"))

    assert 'aria-label="10 percent settled"' in page
    assert "Verified 1, Unverified 0, Failed 0, Skipped 0, Pending 9" in page
    assert f'ws-connect="/ws/runs/{run.pk}/?phase=moving"' in page


def test_a_bar_is_never_full_while_items_are_pending(as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), planned=2)
    a_record(run)
    settled(run, "running")
    a_batch(run, bytes_in_flight=9_000_000)

    page = text_of(as_operator.get(f"/runs/{run.pk}/"))

    assert 'class="flight" x="500" y="0" width="495"' in page


def test_a_worker_that_fell_silent_is_named(as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), planned=2)
    a_batch(run, heartbeat_at=timezone.now() - timedelta(minutes=5))

    assert "No worker has reported since" in text_of(as_operator.get(f"/runs/{run.pk}/"))


def test_causes_are_grouped_in_plain_words(as_operator: Client, story: Story) -> None:
    page = text_of(as_operator.get(f"/runs/{story.run.pk}/"))

    assert "Damaged between the source and us" in page
    assert "The ETag stated by the source differs from the one computed from the bytes we read." in page
    assert "2 of 3 objects are not verified." in page


def test_a_run_with_anything_unverified_is_not_green(as_operator: Client, story: Story) -> None:
    assert 'class="note verified"' not in text_of(as_operator.get(f"/runs/{story.run.pk}/"))


def test_a_run_with_everything_verified_says_so(as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), "planning")
    a_record(run)

    page = text_of(as_operator.get(f"/runs/{settled(run, 'finished').pk}/"))

    assert "The one object of this run is copied and verified." in page
    assert 'class="note verified"' in page


def test_an_ended_run_opens_no_socket(as_operator: Client, story: Story) -> None:
    assert "ws-connect" not in text_of(as_operator.get(f"/runs/{story.run.pk}/"))


def test_the_feed_can_show_only_what_is_not_verified(as_operator: Client, story: Story) -> None:
    page = text_of(as_operator.get(f"/runs/{story.run.pk}/", {"feed": "not_verified"}))

    assert "2019/damaged.pdf" in page
    assert "2019/one.jpg" not in page


def test_the_poll_answers_with_fragments_of_the_page(as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), planned=2)
    answer = as_operator.get(f"/runs/{run.pk}/live/", {"phase": "moving"})

    assert 'id="run-books"' in text_of(answer)
    assert "<html" not in text_of(answer)
    assert (answer["Cache-Control"], answer["Vary"]) == ("no-store, private", "HX-Request, Cookie")


def test_the_poll_replaces_the_page_when_the_phase_has_changed(as_operator: Client, story: Story) -> None:
    assert 'id="run-body"' in text_of(as_operator.get(f"/runs/{story.run.pk}/live/", {"phase": "moving"}))


@pytest.mark.parametrize(
    ("before", "verb", "after"),
    [("running", "pause", "paused"), ("paused", "resume", "running"), ("running", "cancel", "cancelled")],
)
def test_a_run_is_steered(before: str, verb: str, after: str, as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), before, planned=2)

    response = as_operator.post(f"/runs/{run.pk}/{verb}/")

    run.refresh_from_db()
    assert (response["Location"], run.state) == (f"/runs/{run.pk}/", after)


def test_a_move_that_is_not_possible_is_said_in_words(as_operator: Client, story: Story) -> None:
    response = as_operator.post(f"/runs/{story.run.pk}/pause/")

    assert response.status_code == 409
    assert "This run is finished, so it cannot be paused." in text_of(response)


def test_a_retry_plans_a_run_of_what_was_not_verified(as_operator: Client, story: Story) -> None:
    response = as_operator.post(f"/runs/{story.run.pk}/retry/")

    made = Run.objects.get(kind="retry")
    assert response["Location"] == f"/runs/{made.pk}/"
    assert (made.retry_of, made.auto_start) == (story.run, False)


def test_records_are_filtered(as_operator: Client, story: Story) -> None:
    page = text_of(as_operator.get(f"/runs/{story.run.pk}/records/", {"verdict": "failed"}))

    assert "2019/damaged.pdf" in page
    assert "2019/one.jpg" not in page


@pytest.mark.parametrize(
    "query", ["verdict=%00", "key_prefix=%00%ff", "after=99999999999999999999", "after=x", "reason='"]
)
def test_a_strange_filter_breaks_nothing(query: str, as_operator: Client, story: Story) -> None:
    assert as_operator.get(f"/runs/{story.run.pk}/records/?{query}").status_code == 200


def test_a_run_without_a_plan_shows_no_full_bar(as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), "incomplete", cause="listing_invalid")

    assert 'aria-label="0 percent settled"' in text_of(as_operator.get(f"/runs/{run.pk}/"))


def test_the_summary_names_every_exception_with_its_decision(as_auditor: Client, story: Story) -> None:
    page = text_of(as_auditor.get(f"/runs/{story.run.pk}/summary/"))

    assert "2019/damaged.pdf" in page
    assert "2019/sealed.bin" in page
    assert story.run.ledger_root in page
    assert "complete: every page was read" in page


def test_a_summary_before_the_end_says_that_it_is_not_sealed(as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), planned=2)

    assert "its ledger is not sealed" in text_of(as_operator.get(f"/runs/{run.pk}/summary/"))


@pytest.mark.django_db(transaction=True)
async def test_the_csv_holds_every_record(story: Story, auditor: User) -> None:
    text = await _download(auditor, f"/runs/{story.run.pk}/report.csv")

    rows = {row["object_key"]: row["verdict"] for row in csv.DictReader(io.StringIO(text))}
    assert rows == {"2019/one.jpg": "verified", "2019/sealed.bin": "unverified", "2019/damaged.pdf": "failed"}


@pytest.mark.django_db(transaction=True)
async def test_the_json_lines_hold_every_record(story: Story, auditor: User) -> None:
    text = await _download(auditor, f"/runs/{story.run.pk}/report.jsonl")

    assert len([json.loads(line) for line in text.splitlines()]) == 3


@pytest.mark.django_db(transaction=True)
async def test_a_stranger_downloads_nothing(story: Story) -> None:
    response = await AsyncClient().get(f"/runs/{story.run.pk}/report.csv")

    assert response.status_code == 302


async def _download(person: User, path: str) -> str:
    client = AsyncClient()
    await client.aforce_login(person, backend="django.contrib.auth.backends.ModelBackend")
    response = await client.get(path)
    return b"".join([piece async for piece in response.streaming_content]).decode()


def test_the_number_of_queries_does_not_grow_with_the_feed(
    as_operator: Client, operator: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    run = a_run(a_task(operator), planned=60)
    for number in range(40):
        a_record(run, f"2019/{number}.jpg", ["verified", "failed", "unverified"][number % 3])
    settled(run, "running")

    with django_assert_max_num_queries(14):
        as_operator.get(f"/runs/{run.pk}/")


def a_comparison(operator: User, state: str = "ready", **options: Any) -> Run:
    task = a_task(operator)
    task.options = {"verify_depth": "both", "sample_percent": None, "seed": None} | options
    run = a_run(task, state, planned=2, kind="verify")
    run.plan_summary |= {"dest_only": 1, "dest_only_keys": ["moved/stray"]}
    run.save()
    return run


def test_the_preview_of_a_comparison_promises_that_nothing_is_copied(as_operator: Client, operator: User) -> None:
    page = text_of(as_operator.get(f"/runs/{a_comparison(operator).pk}/"))

    assert "Nothing is copied, replaced or deleted, neither at the source nor at the destination." in page
    assert "Start checking 2 objects" in page
    assert "To be read and sent" not in page


@pytest.mark.parametrize(
    ("classes", "left"),
    [
        ({}, "1,200 in STANDARD_IA, 3 in COLD"),
        ({"COLD": "default", "*": "STANDARD"}, "3 in COLD"),
        ({"*": "STANDARD"}, ""),
    ],
)
def test_the_preview_says_which_classes_are_not_carried(
    classes: dict[str, str], left: str, as_operator: Client, operator: User
) -> None:
    run = a_run(a_task(operator), "ready", planned=1203)
    run.plan_summary |= {"storage_classes": {"STANDARD_IA": 1200, "COLD": 3}}
    run.options |= {"storage_class_map": classes}
    run.save()

    page = text_of(as_operator.get(f"/runs/{run.pk}/"))

    assert ("<dt>Storage class not carried over</dt>" in page) is bool(left)
    assert left in page


def test_the_preview_promises_what_the_copies_will_be_and_what_is_left(as_operator: Client, operator: User) -> None:
    run = a_run(a_task(operator), "ready", planned=2)
    run.options |= {"storage_class_map": {"*": "STANDARD_IA"}, "encryption": {"type": "aws:kms", "key_id": "key-1"}}
    run.save()

    page = text_of(as_operator.get(f"/runs/{run.pk}/"))

    assert "<li>Storage classes: every other → STANDARD_IA.</li>" in page
    assert "<li>Encryption at the destination: with a key service (aws:kms), key key-1.</li>" in page
    assert "<li>Not carried over: access lists (ACLs), object lock," in page


@pytest.mark.parametrize("side", ["source", "destination"])
def test_the_preview_says_that_tags_are_left_where_a_store_does_not_know_any(
    as_operator: Client, operator: User, side: str
) -> None:
    words = f"The {side} does not know tags, so none are carried over."
    run = a_run(a_task(operator), "ready", planned=2)
    run.profiles |= {side: {"tagging": False}}
    for wanted in (False, True):
        run.options |= {"tags": wanted}
        run.save()

        assert (words in text_of(as_operator.get(f"/runs/{run.pk}/"))) is wanted


def test_the_preview_of_a_comparison_says_that_tags_are_not_compared(as_operator: Client, operator: User) -> None:
    run = a_comparison(operator, verify_depth="statements", tags=True)
    run.profiles |= {"destination": {"tagging": False}}
    run.save()

    assert "The destination does not know tags, so none are compared." in text_of(as_operator.get(f"/runs/{run.pk}/"))


def test_the_preview_of_a_comparison_tells_its_sample(as_operator: Client, operator: User) -> None:
    page = text_of(as_operator.get(f"/runs/{a_comparison(operator, sample_percent=5, seed=7).pk}/"))

    assert "5 percent of the keys, drawn with the seed 7" in page


@pytest.mark.parametrize(
    ("depth", "words"),
    [
        ("both", "Each object is read at both ends"),
        ("source", "The destination has not been tried, so its word will not count as proof"),
        ("statements", "what no earlier run has read cannot become verified"),
        ("auto", "An object is read only where what both stores state does not settle it: once at each end."),
    ],
)
def test_the_forecast_of_a_comparison_goes_by_its_depth(
    depth: str, words: str, as_operator: Client, operator: User
) -> None:
    assert words in text_of(as_operator.get(f"/runs/{a_comparison(operator, verify_depth=depth).pk}/"))


def test_what_only_the_destination_has_is_listed(as_operator: Client, operator: User) -> None:
    run = a_comparison(operator)

    assert "moved/stray" in text_of(as_operator.get(f"/runs/{run.pk}/"))
    assert "moved/stray" in text_of(as_operator.get(f"/runs/{run.pk}/summary/"))


def test_a_comparison_never_says_that_it_copied(as_operator: Client, operator: User) -> None:
    run = a_comparison(operator, "running")
    a_record(run)
    a_record(run)
    page = text_of(as_operator.get(f"/runs/{settled(run, 'finished').pk}/"))

    assert "All 2 objects are verified by comparing; nothing was copied." in page
    assert "nothing: this run only compares" in page
    assert "copied and verified" not in page


def test_what_the_source_cannot_list_is_named_in_the_preview_and_the_report(
    as_operator: Client, operator: User
) -> None:
    run = a_run(a_task(operator), "ready", planned=3)
    run.listing_complete = False
    run.plan_summary |= {"unlisted": ['after "a<b", before "c"']}
    run.save()

    for page in (f"/runs/{run.pk}/", f"/runs/{run.pk}/summary/"):
        shown = text_of(as_operator.get(page))
        assert "did not list its keys in 1 range, however often" in shown
        assert "after &quot;a&lt;b&quot;, before &quot;c&quot;" in shown
