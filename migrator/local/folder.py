"""The data folder of one machine: whose it is, its lock, its keys. Free of Django: it is ready before the settings."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrator.local import valkey

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import MutableMapping

DEFAULT = Path(__file__).resolve().parent.parent.parent / ".local"
_MARKER = "this-is-a-demo"
# How long a new instance waits for one that is just stopping.
_STOPPING_SECONDS = 8.0


class Refused(Exception):
    """What was asked for cannot be done; the text is a sentence for the person at the terminal."""

    exit_code = 2


class AlreadyRunning(Refused):
    """Another instance holds the folder."""

    exit_code = 1


def choose(arguments: list[str], environ: MutableMapping[str, str]) -> list[str]:
    """Settle the data folder before the settings are read; return the arguments without `--data`.

    `--data` wins over `DATA_DIR`. `start` and `demo` also make the folder and its keys, since the settings read
    them at import. Raises `Refused` where the folder is not for this command.
    """
    given, rest = _take_data(arguments)
    path = Path(given or environ.get("DATA_DIR") or DEFAULT).expanduser().absolute()
    command = rest[1] if len(rest) > 1 else ""
    if command == "demo" and not DataFolder(path).is_demo:
        path = path / "demo"
    folder = DataFolder(path)
    if command in ("start", "demo") and not {"-h", "--help"} & set(rest):
        # Database, logs and sockets of this installation are nobody else's business.
        os.umask(0o077)
        folder.prepare(demo=command == "demo", environ=environ)
    environ["DATA_DIR"] = str(path)
    if folder.is_demo:
        environ["DEMO"] = "1"
        # The sandboxes listen on loopback, also where the database is elsewhere.
        environ.setdefault("ENDPOINT_ALLOW", "127.0.0.1")
    return rest


def _take_data(arguments: list[str]) -> tuple[str | None, list[str]]:
    given, rest = None, []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--data":
            given = next(words, "")
            if not given:
                raise Refused("--data needs a folder.")
        elif word.startswith("--data="):
            given = word.removeprefix("--data=")
        else:
            rest.append(word)
    return given, rest


def add_data_argument(parser: ArgumentParser) -> None:
    """Let `--help` of a command show `--data`, which `choose` takes away before the command sees it."""
    parser.add_argument("--data", metavar="DIR", help="the data folder (DATA_DIR, or .local)")


class DataFolder:
    """Everything that one installation keeps on this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self.valkey = path / "valkey"
        self.processes = path / "processes.json"
        self._lock: int | None = None

    @property
    def is_demo(self) -> bool:
        """Whether this folder belongs to a demo."""
        return (self.path / _MARKER).exists()

    @property
    def redis_url(self) -> str:
        """The address of the embedded Valkey, or an empty text where there never was one."""
        try:
            return (self.path / "redis-url").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""

    def prepare(self, *, demo: bool, environ: MutableMapping[str, str]) -> None:
        """Make the folder, its marker, its keys and the address of its Valkey, as far as they are missing."""
        self._refuse_the_wrong_kind(demo)
        try:
            self._make()
            if demo:
                self.keep(_MARKER, "Sample data of `make demo`. Delete this folder to begin anew.\n")
            if not {"SECRET_KEY", "SECRET_KEY_FILE"} & set(environ):
                self.keep("keys/secret_key", secrets.token_urlsafe(48))
            if not {"CREDENTIALS_KEY", "CREDENTIALS_KEY_FILE"} & set(environ):
                self.keep("keys/credentials_key", base64.b64encode(os.urandom(32)).decode())
            url = valkey.url_of(valkey.settle_socket(self.valkey, self.redis_url))
            if url != self.redis_url:
                self.write("redis-url", url)
        except OSError as exc:
            reason = exc.strerror or exc
            raise Refused(
                f"The data folder {self.path} cannot be used: {reason}. Choose another one with --data."
            ) from exc

    def _refuse_the_wrong_kind(self, demo: bool) -> None:
        if self.is_demo and not demo:
            raise Refused(
                f"{self.path} is the folder of a demo, and nothing in a demo is real. Choose another one with --data."
            )
        if demo and not self.is_demo and (self.path / "db.sqlite3").exists():
            raise Refused(f"{self.path} holds a real installation. Choose another folder for the demo with --data.")

    def _make(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not any(self.path.iterdir()):
            self.path.chmod(0o700)
        for inside in ("keys", "logs", "static", "valkey"):
            (self.path / inside).mkdir(exist_ok=True, mode=0o700)

    def keep(self, name: str, text: str) -> str:
        """Write a private file unless it is there; return what it holds then."""
        target = self.path / name
        if not target.exists():
            draft = self._draft(target, text)
            # A link fails where a file is; so nobody's key is ever replaced.
            with contextlib.suppress(FileExistsError):
                os.link(draft, target)
            draft.unlink()
        return target.read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        """Write a private file, whole or not at all."""
        target = self.path / name
        self._draft(target, text).replace(target)

    @staticmethod
    def _draft(target: Path, text: str) -> Path:
        handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return Path(draft)

    def lock(self) -> None:
        """Claim the folder until this process ends, however it ends. Raises `AlreadyRunning`."""
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + _STOPPING_SECONDS
        while not _try_lock(handle):
            holder = _read_json(self.path / "lock")
            if not holder.get("stopping") or time.monotonic() > deadline:
                os.close(handle)
                raise AlreadyRunning(_already_running(self.path, holder))
            time.sleep(0.1)
        self._lock = handle
        self.tell(pid=os.getpid())

    def tell(self, **facts: Any) -> None:
        """Leave word in the lock about the instance that holds it: pid, url, stopping."""
        if self._lock is None:
            return
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, json.dumps(facts).encode(), 0)

    def unlock(self) -> None:
        """Give the folder free."""
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _already_running(path: Path, holder: dict[str, Any]) -> str:
    where = f" at {holder['url']}" if holder.get("url") else ""
    pid = f" (process {holder['pid']})" if holder.get("pid") else ""
    return (
        f"Truecopy is already running{where} with the data folder {path}{pid}. "
        "Stop it with Ctrl-C in its terminal, or choose another folder with --data."
    )
