"""The configuration file of a sandbox process: JSON, so that no secret stands on a command line.

    {"root": "folder", "host": "127.0.0.1", "port": 0, "region": "us-east-1", "side": "source", "seed": 7,
     "keys": [{"access_key_id": "...", "secret_access_key": "...", "rules": [...]}],
     "buckets": ["photos"], "traits": {...}, "faults": [...], "fired_log": "file",
     "tls": false, "ca_file": "file"}

root is taken from the file's own folder; fired_log receives one JSON line for each fault that fires,
ca_file the authority to trust where tls is true.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from migrator.sandbox.errors import SandboxProblem
from migrator.sandbox.faults import Strike
from migrator.sandbox.sandbox import Sandbox

KNOWN = frozenset(
    {
        "root",
        "host",
        "port",
        "region",
        "side",
        "seed",
        "keys",
        "buckets",
        "traits",
        "faults",
        "log_size",
        "tls",
        "fired_log",
        "ca_file",
    }
)


def sandbox_from(path: Path) -> Sandbox:
    """The sandbox that a file describes, not yet started; SandboxProblem says what cannot be read."""
    try:
        raw = json.loads(path.read_text())
    except json.JSONDecodeError as exc:
        raise SandboxProblem(f"{path} is not JSON: {exc}") from exc
    if not isinstance(raw, dict) or "root" not in raw:
        raise SandboxProblem(f"{path} needs a root: the folder of the objects")
    unknown = sorted(set(raw) - KNOWN)
    if unknown:
        raise SandboxProblem(f"{path} has no field {', '.join(unknown)}; known: {', '.join(sorted(KNOWN))}")
    fired_log, ca_file = raw.pop("fired_log", None), raw.pop("ca_file", None)
    sandbox = Sandbox(path.parent / raw.pop("root"), **raw)
    if ca_file:
        (path.parent / ca_file).write_text(sandbox.ca_pem)
    if fired_log:
        _write_fired(sandbox, (path.parent / fired_log).open("a", buffering=1))
    return sandbox


def _write_fired(sandbox: Sandbox, file: TextIO) -> None:
    def tell(strike: Strike) -> None:
        line = {
            "action": strike.action,
            "operation": strike.operation,
            "key": strike.key,
            "part": strike.part,
            "call": strike.call,
        }
        file.write(json.dumps(line) + "\n")

    sandbox.on_fired(tell)
