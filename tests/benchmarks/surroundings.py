"""What the figures were taken on: they are true of nothing else."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pycurl

from tests.benchmarks.places import ROOT


def truecopy() -> str:
    """Return the version that is measured, and the commit where there is one."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return f"Truecopy at {said.stdout.strip()}" if said.returncode == 0 else "Truecopy, no commit"


def machine() -> str:
    """Return the machine in one line."""
    return (
        f"{os.cpu_count()} cores of {_processor()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, awscrt {version('awscrt')}, "
        f"{pycurl.version.split()[1]}"
    )


def date() -> str:
    """Return when this is, in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def load() -> float:
    """Return how many processes wanted a core during the last minute."""
    return os.getloadavg()[0]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown make"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
