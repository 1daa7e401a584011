"""A TCP proxy that treats connections badly: it cuts, resets, stalls and slows them, and lets later ones overtake."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Self

_PIECE = 16 * 1024
_TROUBLES = {"cut": 4, "reset": 4, "stall": 2, "slow": 2}
# A connection meets its next trouble after so many bytes, both directions together.
_NEXT_WITHIN = 1_000_000
_LONGEST_STALL = 0.6
_SLOW_BYTES = 20_000
_BYTES_PER_S_WHEN_SLOW = 100_000
_LATEST = 0.05


class ChaosProxy:
    """Stands before a server on the loopback; what befalls the n-th connection is drawn from the seed."""

    def __init__(self, port: int, seed: int) -> None:
        self.seen: Counter[str] = Counter()
        self._behind = port
        self._seed = seed
        self._connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work):  # type: ignore[no-untyped-def]
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _end(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # A transport that was closed lets its socket go in the next turn of the loop.
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        fate = _Fate(random.Random(f"{self._seed}-{self._connections}"), self.seen)
        ends, ways = [writer], list[asyncio.Task[None]]()
        try:
            # Cancelled at the end, wherever it is by then, which asyncio would take for an error of ours.
            with suppress(asyncio.CancelledError):
                # Whoever knocked later may be let in first.
                await asyncio.sleep(fate.chance.uniform(0, _LATEST))
                behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._behind)
                ends.append(behind_writer)
                ways.append(asyncio.create_task(_pass_on(reader, behind_writer, fate)))
                ways.append(asyncio.create_task(_pass_on(behind_reader, writer, fate)))
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for each in ends:
                _close(each, hard=fate.is_reset)


class _Fate:
    """What befalls one connection."""

    def __init__(self, chance: random.Random, seen: Counter[str]) -> None:
        self.chance = chance
        self.is_reset = False
        self._seen = seen
        self._draw()

    async def meets(self, count: int) -> bool:
        """Let so many bytes come by; whether the connection lives on."""
        if self._slow > 0:
            self._slow -= count
            await asyncio.sleep(count / _BYTES_PER_S_WHEN_SLOW)
        self._left -= count
        if self._left > 0:
            return True
        trouble = self._trouble
        self._seen[trouble] += 1
        self._draw()
        if trouble == "stall":
            await asyncio.sleep(self.chance.uniform(0, _LONGEST_STALL))
        elif trouble == "slow":
            self._slow = _SLOW_BYTES
        self.is_reset = trouble == "reset"
        return trouble in ("stall", "slow")

    def _draw(self) -> None:
        self._left = self.chance.randrange(_NEXT_WITHIN)
        self._slow = 0
        (self._trouble,) = self.chance.choices(list(_TROUBLES), list(_TROUBLES.values()))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fate: _Fate) -> None:
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            # What came before the trouble still arrives, so an answer breaks off in its midst.
            kept = piece[: fate.chance.randrange(len(piece) + 1)]
            if not await fate.meets(len(piece)):
                writer.write(kept)
                await writer.drain()
                return
            writer.write(piece)
            await writer.drain()


def _close(writer: asyncio.StreamWriter, *, hard: bool) -> None:
    if hard:
        # Nothing is sent any more: the other side sees a reset.
        line = writer.get_extra_info("socket")
        with suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return
    with suppress(OSError):
        writer.close()
