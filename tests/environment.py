"""Loaded before the settings are (`-p tests.environment`): a data folder of its own for each test process."""

from __future__ import annotations

import atexit
import base64
import os
import shutil
import tempfile
from pathlib import Path

# Short, for the path of a unix socket has room for about 100 bytes.
DATA = Path(tempfile.mkdtemp(prefix="tc-"))
VALKEY_SOCKET = DATA / "valkey.sock"

# What a person's shell would hold: for the processes that tests start as anybody starts them.
ORDINARY = dict(os.environ)

os.environ["DATA_DIR"] = str(DATA)
os.environ["SECRET_KEY"] = "not-a-secret-only-for-tests"
os.environ["CREDENTIALS_KEY"] = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
os.environ["ENDPOINT_ALLOW"] = "127.0.0.0/8"
os.environ.pop("REDIS_URL", None)
# The same tests on PostgreSQL: `make test-all` names a server here.
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")
# Where a server looks for collected files; it warns when the folder is missing.
(DATA / "static").mkdir()
(DATA / "redis-url").write_text(f"unix://{VALKEY_SOCKET}", encoding="ascii")

_owner = os.getpid()


@atexit.register
def _clean() -> None:
    if os.getpid() == _owner:
        shutil.rmtree(DATA, ignore_errors=True)
