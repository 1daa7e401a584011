"""Every screen of the main job in light, dark and on a phone. The pictures in the docs come from here.

`SCREENSHOTS=docs/screenshots` keeps the pictures there; without it they go to a folder that is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.end_to_end.conftest import Demo, sign_in

pytestmark = pytest.mark.extras

LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}
SCREENS = {
    "dashboard": "/",
    "tasks": "/tasks/",
    "new-task": "/tasks/new/",
    "connections": "/connections/",
    "new-connection": "/connections/new/",
    "runs": "/runs/",
    "reviews": "/reviews/",
    "tokens": "/tokens/",
    "help": "/help/",
}


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest, browser: Browser) -> Iterator[tuple[str, Page]]:
    """A page in one of the looks, with what the console complained of."""
    context = browser.new_context(**LOOKS[request.param])
    yield request.param, context.new_page()
    context.close()


def test_no_screen_scrolls_sideways_or_complains(
    look: tuple[str, Page], demo: Demo, finished_run: str, album: Path
) -> None:
    name, page = look
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    sign_in(page, demo, "admin")
    pages = {title: f"{demo.url}{path}" for title, path in SCREENS.items()}
    pages |= {"run": finished_run, "report": f"{finished_run}summary/", "records": f"{finished_run}records/"}
    page.goto(f"{finished_run}records/?verdict=failed")
    first = page.locator("main a[href^='/records/']").first
    pages["record"] = f"{demo.url}{first.get_attribute('href')}"

    wide = []
    for title, address in pages.items():
        page.goto(address)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(title)
        page.screenshot(path=album / f"{title}-{name}.png", full_page=True)

    assert wide == []
    # The camera itself leaves an empty style attribute behind, which the policy refuses.
    assert [complaint for complaint in complaints if "Applying inline style" not in complaint] == []
