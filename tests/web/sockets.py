"""A browser's end of a websocket, spoken to the application without a server.

The communicator of channels would do, but its package cannot be imported without a second web server.
"""

from __future__ import annotations

from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.test import Client

from migrator.models import Run

SECONDS = 5


class Socket:
    """One websocket of one browser at the live page of a run."""

    def __init__(self, client: Client, run: Run, phase: str = "moving", origin: str = "http://localhost") -> None:
        from migrator.asgi import application

        cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
        headers = [(b"host", b"localhost"), (b"origin", origin.encode())]
        if cookie is not None:
            headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie.value}".encode()))
        scope = {
            "type": "websocket",
            "path": f"/ws/runs/{run.pk}/",
            "query_string": f"phase={phase}".encode(),
            "headers": headers,
            "subprotocols": [],
        }
        self._wire = ApplicationCommunicator(application, scope)

    async def connect(self) -> bool:
        """Whether the application accepts."""
        await self._wire.send_input({"type": "websocket.connect"})
        answer = await self._wire.receive_output(SECONDS)
        return bool(answer["type"] == "websocket.accept")

    async def frame(self) -> str:
        """Return the next frame."""
        message = await self._wire.receive_output(SECONDS)
        assert message["type"] == "websocket.send", message
        return str(message["text"])

    async def frames_so_far(self) -> int:
        """Return how many frames have arrived and not been looked at."""
        count = 0
        while not await self._wire.receive_nothing(0.05):
            await self.frame()
            count += 1
        return count

    async def closing_code(self) -> int:
        """Return with which code the application closes, whatever it sends before."""
        while True:
            message = await self._wire.receive_output(SECONDS)
            if message["type"] == "websocket.close":
                return int(message["code"])

    async def say(self, text: str) -> None:
        """Send something, as no page of ours does."""
        await self._wire.send_input({"type": "websocket.receive", "text": text})

    async def leave(self) -> None:
        """Close the tab."""
        await self._wire.send_input({"type": "websocket.disconnect", "code": 1001})
        await self._wire.wait(SECONDS)


async def opened(client: Client, run: Run, phase: str = "moving") -> Socket:
    """Return a socket that was accepted."""
    socket = Socket(client, run, phase)
    assert await socket.connect()
    return socket
