"""The demo as anybody starts it, and a real browser to look at it with."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.environment import ORDINARY

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


NOT_VERIFIED = re.compile(r"2 of 425( objects)? are not verified\.")
ENOUGH_MS = 90_000


@dataclass(frozen=True, slots=True)
class Demo:
    """A started demo: its address, the passwords it printed, its folder."""

    url: str
    passwords: dict[str, str]
    data: Path


@pytest.fixture(scope="session")
def demo(project_root: Path) -> Iterator[Demo]:
    """Start `manage.py demo` in a folder of its own; Ctrl-C ends it."""
    data = Path(tempfile.mkdtemp(prefix="tc-e2e-"))
    command = [sys.executable, "manage.py", "demo", "--data", str(data), "--port", "0"]
    process = subprocess.Popen(command, cwd=project_root, env=ORDINARY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline().rstrip("\n") for _ in range(4)]
    assert lines[0].startswith("Truecopy is ready: "), lines
    passwords = dict(line.split("  ", 1) for line in lines[1:])
    yield Demo(lines[0].split(": ", 1)[1].rstrip("/"), passwords, data)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) in (0, 130)
    process.stdout.close()
    shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium on the path (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without a past."""
    made = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab in which every error of the console and every request that leaves the machine is a failure."""
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: _complain_of_strangers(request.url, complaints))
    yield opened
    assert complaints == []


def _complain_of_strangers(url: str, complaints: list[str]) -> None:
    if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
        complaints.append(f"a request left the machine: {url}")


def sign_in(page: Page, demo: Demo, name: str) -> None:
    """Sign in as a person would."""
    page.goto(f"{demo.url}/login/")
    page.locator("#id_username").fill(name)
    page.locator("#id_password").fill(demo.passwords[name])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{demo.url}/")


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures go."""
    kept = os.environ.get("SCREENSHOTS")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("screens")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def finished_run(browser: Browser, demo: Demo, album: Path) -> str:
    """The address of a run that the operator launched and watched to its end, without one reload."""
    page = browser.new_page()
    sign_in(page, demo, "operator")
    page.goto(f"{demo.url}/tasks/")
    page.get_by_role("link", name="Archive to new storage").first.click()
    page.get_by_role("button", name="Plan a run").click()
    page.get_by_role("button", name="Start copying").click(timeout=ENOUGH_MS)
    expect(page.locator("main")).to_contain_text("Progress")
    expect(page.locator("#live-mark")).to_contain_text("Live", timeout=20_000)
    address = page.url
    expect(page.locator("#books-failed")).to_be_visible(timeout=ENOUGH_MS)
    page.screenshot(path=album / "live.png")
    loads: list[str] = []
    page.on("load", lambda: loads.append(page.url))

    expect(page.locator("main")).to_contain_text(NOT_VERIFIED, timeout=ENOUGH_MS)

    assert loads == []
    page.close()
    return address
