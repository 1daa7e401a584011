from __future__ import annotations

import asyncio
import re

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client

from migrator import events
from migrator.models import Run
from migrator.web import live
from tests.web.conftest import Story
from tests.web.rows import a_record, a_run, a_task, settled
from tests.web.sockets import Socket, opened

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture
def run(operator: User) -> Run:
    return a_run(a_task(operator), planned=10)


async def test_a_snapshot_comes_first(as_operator: Client, run: Run) -> None:
    socket = await opened(as_operator, run)
    frame = await socket.frame()
    await socket.leave()

    assert 'id="run-books"' in frame
    assert 'id="run-progress"' in frame


async def test_a_change_brings_only_what_has_changed(as_operator: Client, run: Run) -> None:
    socket = await opened(as_operator, run)
    await socket.frame()
    await sync_to_async(a_record)(run, "2019/new.jpg")
    await sync_to_async(settled)(run, "running")
    await sync_to_async(events.publish)(run.pk, events.Change.RECORDS)
    frame = await socket.frame()
    await socket.leave()

    assert "2019/new.jpg" in frame
    assert 'id="run-actions"' not in frame


async def test_sequence_numbers_rise(as_operator: Client, run: Run) -> None:
    socket = await opened(as_operator, run)
    first = await socket.frame()
    await sync_to_async(events.publish)(run.pk, events.Change.PROGRESS)
    second = await socket.frame()
    await socket.leave()

    assert sequence(first) < sequence(second)


async def test_many_changes_become_few_frames(as_operator: Client, run: Run) -> None:
    socket = await opened(as_operator, run)
    await socket.frame()
    for _ in range(40):
        await sync_to_async(events.publish)(run.pk, events.Change.PROGRESS)
    await asyncio.sleep(1.1)
    frames = await socket.frames_so_far()
    await socket.leave()

    assert 1 <= frames <= 5


async def test_a_new_phase_replaces_the_body_of_the_page(as_operator: Client, run: Run) -> None:
    socket = await opened(as_operator, run, phase="ready")
    frame = await socket.frame()
    await socket.leave()

    assert 'id="run-body"' in frame


async def test_an_ended_run_gets_its_last_frame_and_no_socket(as_operator: Client, story: Story) -> None:
    socket = await opened(as_operator, story.run)
    frame = await socket.frame()

    assert "2 of 3 objects are not verified." in frame
    assert await socket.closing_code() == live.ENDED


async def test_a_snapshot_follows_without_any_message(
    as_operator: Client, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SNAPSHOT_SECONDS", 0.5)
    socket = await opened(as_operator, run)
    await socket.frame()
    second = await socket.frame()
    await socket.leave()

    assert 'id="run-books"' in second


async def test_a_stranger_is_closed_out(run: Run) -> None:
    assert await (await opened(Client(), run)).closing_code() == live.NO_RIGHT


async def test_another_operator_is_closed_out(as_colleague: Client, run: Run) -> None:
    assert await (await opened(as_colleague, run)).closing_code() == live.NO_RIGHT


async def test_a_page_of_another_site_is_refused(as_operator: Client, run: Run) -> None:
    socket = Socket(as_operator, run, origin="https://evil.example.org")

    assert not await socket.connect()


async def test_signing_out_closes_the_live_pages(as_operator: Client, run: Run) -> None:
    socket = await opened(as_operator, run)
    await socket.frame()
    await sync_to_async(as_operator.post)("/logout/")

    assert await socket.closing_code() == live.NO_RIGHT


async def test_a_lost_role_is_noticed_within_a_minute(
    as_operator: Client, operator: User, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RIGHTS_SECONDS", 0.3)
    socket = await opened(as_operator, run)
    await socket.frame()
    await sync_to_async(operator.groups.clear)()
    await sync_to_async(events.publish)(run.pk, events.Change.PROGRESS)
    await asyncio.sleep(0.4)
    await sync_to_async(events.publish)(run.pk, events.Change.PROGRESS)

    assert await socket.closing_code() == live.NO_RIGHT


async def test_what_a_browser_sends_is_not_heeded(as_operator: Client, run: Run) -> None:
    socket = await opened(as_operator, run)
    await socket.frame()
    await socket.say('{"verb": "cancel"}')
    await sync_to_async(events.publish)(run.pk, events.Change.STATE)
    await socket.frame()
    await socket.leave()

    await run.arefresh_from_db()
    assert run.state == "running"


def sequence(frame: str) -> int:
    found = re.search(r'data-sequence="(\d+)"', frame)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(("frame_seconds", "rest"), [(0.0, 0.25), (0.03, 0.25), (0.05, 0.4), (9.0, 1.0)])
def test_what_takes_long_to_show_is_shown_less_often(frame_seconds: float, rest: float) -> None:
    assert live.rest_after(frame_seconds) == pytest.approx(rest)
