"""What every test stands on: a data folder of its own, keys, a real Valkey, and three people who always exist."""

from __future__ import annotations

import base64
import os
import tempfile
from pathlib import Path

# Settings read the environment when they are first imported, so it is prepared before anything else.
_DATA = Path(tempfile.mkdtemp(prefix="truecopy-tests-"))
os.environ["DATA_DIR"] = str(_DATA)
os.environ.setdefault("SECRET_KEY", "not-a-secret-only-for-tests")
os.environ.setdefault("CREDENTIALS_KEY", base64.b64encode(b"0123456789abcdef0123456789abcdef").decode())
