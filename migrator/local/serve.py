"""The web process of `start`:  python -m migrator.local.serve --fd N  serves a socket that the supervisor bound."""

from __future__ import annotations

import argparse
import socket

import uvicorn


def main() -> None:
    """Serve pages, API and websockets until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="the listening socket")
    listener = socket.socket(fileno=parser.parse_args().fd)
    config = uvicorn.Config(
        "migrator.asgi:application",
        lifespan="off",
        access_log=False,
        server_header=False,
        # Nobody stands before `start`, so nobody may say for whom they ask.
        proxy_headers=False,
        # An open run page must not hold up a stop.
        timeout_graceful_shutdown=1,
        ws_max_size=64 * 1024,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
