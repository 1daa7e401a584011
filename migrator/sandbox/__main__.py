"""python -m migrator.sandbox CONFIG.json: one sandbox as a process, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from migrator.sandbox.config import sandbox_from
from migrator.sandbox.errors import SandboxProblem
from migrator.sandbox.sandbox import Sandbox


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        _say("usage: python -m migrator.sandbox CONFIG.json", error=True)
        return 2
    try:
        sandbox = sandbox_from(Path(arguments[0]))
    except (SandboxProblem, OSError) as problem:
        _say(f"sandbox: {problem}", error=True)
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_serve(sandbox))
        except OSError as problem:
            _say(f"sandbox: {problem}", error=True)
            return 1
        finally:
            sandbox.stop()
    return 0


async def _serve(sandbox: Sandbox) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await sandbox.serve(lambda: _say(f"sandbox listening on {sandbox.url}"), stopping)


def _say(text: str, *, error: bool = False) -> None:
    stream = sys.stderr if error else sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
