"""The live run page over a websocket: check rights, join, accept, snapshot, then frames.

A message only says that something changed; what is shown is rendered from the database, from the fragments that
the page includes. A lost message costs nothing: a snapshot follows every reconnect and every ten seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import structlog
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.utils.module_loading import import_string
from redis.exceptions import RedisError

from migrator.events import RunChanged, run_group
from migrator.models import Run
from migrator.web import regions
from migrator.web.access import visible_runs

if TYPE_CHECKING:
    import uuid

log = structlog.get_logger(__name__)

# The least between two frames. A frame that took long, on a machine that is busy copying, is followed by a longer rest.
FRAME_SECONDS = 0.25
_RESTS_A_FRAME = 8
_LONGEST_REST_SECONDS = 1.0
SNAPSHOT_SECONDS = 10.0
RIGHTS_SECONDS = 60.0
NO_RIGHT = 4403
ENDED = 1000


def person_group(person_id: int | str) -> str:
    """Return the name of the group that hears when one person's rights may have changed."""
    return f"person.{person_id}"


def recheck_rights(person_id: int | str) -> None:
    """Ask all sockets of a person to look at their rights now: after a sign-out, a lock, a change of role."""
    layer = get_channel_layer()
    try:
        async_to_sync(layer.group_send)(person_group(person_id), {"type": "rights.changed"})
    except (RedisError, OSError) as exc:
        # The sockets look by themselves within a minute.
        log.warning("live_message_lost", person=str(person_id), error=type(exc).__name__)


def rest_after(frame_seconds: float) -> float:
    """Return how many seconds to wait after a frame that took so long: the longer, the longer, up to a second."""
    return min(max(FRAME_SECONDS, _RESTS_A_FRAME * frame_seconds), _LONGEST_REST_SECONDS)


class RunSocket(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """`/ws/runs/<id>/?feed=…&phase=…`: frames of HTML for one run."""

    async def connect(self) -> None:
        """Accept whoever may see the run, and send where it stands."""
        self._loop_task: asyncio.Task[None] | None = None
        self._groups: list[str] = []
        self._run_id: uuid.UUID = self.scope["url_route"]["kwargs"]["pk"]
        query = dict(part.partition("=")[::2] for part in self.scope["query_string"].decode("latin-1").split("&"))
        self._only_not_verified = query.get("feed") == "not_verified"
        self._phase = query.get("phase", "")
        self._shown: dict[str, str] = {}
        self._frame_took = 0.0
        self._dirty, self._check_rights = asyncio.Event(), False
        person = await database_sync_to_async(self._person)()
        if person is None:
            # Accepted first: a refusal before it would look like a lost network and be tried again for ever.
            await self.accept()
            await self.close(NO_RIGHT)
            return
        await self._join(run_group(self._run_id), person_group(person.pk))
        await self.accept()
        self._loop_task = asyncio.create_task(self._serve())

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        """Leave the groups and stop sending."""
        if self._loop_task is not None and self._loop_task is not asyncio.current_task():
            self._loop_task.cancel()
        for group in self._groups:
            with contextlib.suppress(RedisError, OSError):
                await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Heed nothing that a browser sends: what a person does goes through the pages."""

    async def run_changed(self, message: RunChanged) -> None:  # noqa: ARG002
        """Remember that the run has changed; a frame follows within a quarter of a second."""
        self._dirty.set()

    async def rights_changed(self, message: dict[str, str]) -> None:  # noqa: ARG002
        """Look at the rights of this person before anything else is sent."""
        self._check_rights = True
        self._dirty.set()

    async def _join(self, *groups: str) -> None:
        for group in groups:
            try:
                await self.channel_layer.group_add(group, self.channel_name)
                self._groups.append(group)
            except (RedisError, OSError) as exc:
                # Without Redis there are still the snapshots.
                log.warning("live_group_missed", group=group, error=type(exc).__name__)

    async def _serve(self) -> None:
        """Send a frame for each change, coalesced, and a whole snapshot every ten seconds."""
        last_snapshot = last_rights = time.monotonic()
        if not await self._send(whole=True):
            return
        while True:
            await asyncio.sleep(rest_after(self._frame_took))
            wait = SNAPSHOT_SECONDS - (time.monotonic() - last_snapshot)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._dirty.wait(), max(0.01, wait))
            self._dirty.clear()
            now = time.monotonic()
            if self._check_rights or now - last_rights >= RIGHTS_SECONDS:
                self._check_rights, last_rights = False, now
                if await database_sync_to_async(self._person)() is None:
                    await self.close(NO_RIGHT)
                    return
            whole = now - last_snapshot >= SNAPSHOT_SECONDS
            if whole:
                last_snapshot = now
            if not await self._send(whole=whole):
                return

    async def _send(self, *, whole: bool) -> bool:
        """Send a frame; whether more will follow. An ended run gets its last frame and needs no socket."""
        if whole:
            self._shown.clear()
        began = time.monotonic()
        html, ended = await database_sync_to_async(self._frame)()
        self._frame_took = time.monotonic() - began
        if html:
            await self.send(text_data=html)
        if ended:
            await self.close(ENDED)
        return not ended

    def _frame(self) -> tuple[str, bool]:
        run = Run.objects.select_related(
            "task__source_connection", "task__dest_connection", "task__owner", "created_by"
        ).get(pk=self._run_id)
        context = regions.run_context(run, self._watcher, only_not_verified=self._only_not_verified)
        html = regions.frame(context, self._phase, self._shown)
        self._phase = context["phase"]
        return html, run.has_ended

    def _person(self) -> User | None:
        """Return who is behind the session now, if the session still holds and the run may be seen."""
        session = self.scope.get("session")
        key = session.session_key if session is not None else None
        if not key:
            return None
        store = import_string(f"{settings.SESSION_ENGINE}.SessionStore")(session_key=key)
        person = get_user(cast("Any", SimpleNamespace(session=store)))
        if not isinstance(person, User) or not visible_runs(person).filter(pk=self._run_id).exists():
            return None
        self._watcher = person
        return person
