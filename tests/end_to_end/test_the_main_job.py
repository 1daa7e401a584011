from __future__ import annotations

import csv
import io
import json

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.conftest import Demo, sign_in

pytestmark = pytest.mark.extras

DAMAGED = "contracts/2021/contract-017.pdf"
ENCRYPTED = "payroll/2022/salaries (encrypted).xlsx"


def test_the_damaged_object_is_failed_and_named(page: Page, demo: Demo, finished_run: str) -> None:
    sign_in(page, demo, "operator")
    page.goto(finished_run)

    page.get_by_role("link", name="Report").first.wait_for()
    page.goto(f"{finished_run}records/?verdict=failed")
    page.get_by_role("link", name=DAMAGED).click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("contract-017.pdf")
    expect(page.locator("main")).to_contain_text("Failed")
    expect(page.locator("main")).to_contain_text("4 attempts")


def test_the_auditor_takes_the_report_away(page: Page, demo: Demo, finished_run: str) -> None:
    sign_in(page, demo, "auditor")
    page.goto(f"{finished_run}summary/")

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8-sig"))))
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON Lines").click()
    lines = [json.loads(line) for line in download.value.path().read_text(encoding="utf-8").splitlines()]

    verdicts = {row["object_key"]: row["verdict"] for row in rows}
    assert (verdicts[DAMAGED], verdicts[ENCRYPTED]) == ("failed", "unverified")
    assert sum(verdict == "verified" for verdict in verdicts.values()) == 423
    assert {line.get("object_key"): line.get("verdict") for line in lines}[DAMAGED] == "failed"


def test_the_admin_decides_about_what_was_not_verified(page: Page, demo: Demo, finished_run: str) -> None:
    sign_in(page, demo, "admin")
    page.goto(f"{finished_run}records/?verdict=unverified")
    page.get_by_role("link", name=ENCRYPTED).click()

    page.get_by_label("Accept").first.check()
    page.get_by_label("Reason").first.fill("The payroll office compared this file by hand.")
    page.get_by_role("button", name="Decide").or_(page.get_by_role("button", name="Save")).first.click()

    expect(page.locator("main")).to_contain_text("The payroll office compared this file by hand.")
    expect(page.locator("main")).to_contain_text("Unverified")


def test_what_a_stranger_sees_is_the_sign_in(page: Page, demo: Demo, finished_run: str) -> None:
    page.goto(finished_run)

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
