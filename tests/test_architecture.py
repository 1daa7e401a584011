"""The architecture is tested: a forbidden import names its line, and what the docs say is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command


def test_arrows_point_down(project_root: Path) -> None:
    lint = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run([lint, "--no-cache"], cwd=project_root, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.django_db
def test_models_and_their_history_agree() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_nobody_but_settings_reads_the_environment(project_root: Path) -> None:
    reading = re.compile(r"os\.environ\[|os\.environ\.get|os\.getenv|environ\.get\(")

    readers = {
        path.relative_to(project_root).as_posix()
        for folder in ("migrator", "integrity")
        for path in (project_root / folder).rglob("*.py")
        if reading.search(path.read_text(encoding="utf-8"))
    }

    # What `--data` says is settled before the settings can be read.
    assert readers <= {"migrator/settings.py", "migrator/local/folder.py"}
