import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from migrator.local import leash
from migrator.local.processes import identity

LEASH = [sys.executable, "-I", "-S", leash.__file__]
WAYS = [pytest.param([], id="by the kernel"), pytest.param(["--watch"], id="by looking")]


def _parent_of(options: list[str], told: Path) -> subprocess.Popen:
    """A parent with one program on a leash, which has written its process id to `told`."""
    program = f"import os, time, pathlib; pathlib.Path({str(told)!r}).write_text(str(os.getpid())); time.sleep(60)"
    command = [*LEASH, *options, "--", sys.executable, "-c", program]
    return subprocess.Popen([sys.executable, "-c", f"import subprocess; subprocess.run({command!r})"])


def _until(holds) -> bool:
    for _ in range(200):
        if holds():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("options", WAYS)
def test_a_program_dies_with_its_killed_parent(tmp_path, options):
    parent = _parent_of(options, tmp_path / "pid")
    _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    program = int((tmp_path / "pid").read_text())

    parent.kill()
    parent.wait()

    assert _until(lambda: identity(program) is None)


@pytest.mark.parametrize("options", WAYS)
def test_the_exit_code_is_handed_on(options):
    ended = subprocess.run([*LEASH, *options, "--", sys.executable, "-c", "raise SystemExit(7)"], check=False)

    assert ended.returncode == 7


@pytest.mark.parametrize("options", WAYS)
def test_a_signal_reaches_the_program(tmp_path, options):
    program = (
        "import signal, sys, time, pathlib; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); "
        f"pathlib.Path({str(tmp_path / 'up')!r}).touch(); time.sleep(60)"
    )
    leashed = subprocess.Popen([*LEASH, *options, "--", sys.executable, "-c", program])
    _until((tmp_path / "up").exists)

    leashed.send_signal(signal.SIGTERM)

    assert leashed.wait(timeout=10) == 5


def test_a_program_whose_parent_is_gone_already_does_not_start(tmp_path):
    program = f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()"

    subprocess.run([*LEASH, "--parent", str(os.getpid() + 1), "--", sys.executable, "-c", program], check=False)

    assert not (tmp_path / "ran").exists()
