"""The dashboard's pictures in the documentation match the page's text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescind.ledger.reading.listing import Filter, list_rows
from rescind.ledger.storage.transactions import reading
from tests import pictures
from tests.browser import PHONE, opened
from tests.dashboard.stage import OPERATOR, Served, a_day, utc_now

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def test_the_pictures_match_the_text(
    chromium: Browser, site: Served, tmp_path: Path
) -> None:
    where = pictures.folder(tmp_path)
    a_day(site.engine, utc_now())
    with reading(site.engine) as connection:
        failed = list_rows(connection, Filter(states=["failed"], account="kadikoy"), 1)
    with opened(chromium, base_url=site.base) as page:
        _enter(page)
        page.get_by_text("notpanel refuses the key").wait_for()
        pictures.take(page, where, "desk-overview", 1150)
        page.goto("/desk/cancellations?state=failed")
        page.get_by_text("a second cancel does no harm there").wait_for()
        pictures.take(page, where, "desk-failed")
        page.goto(f"/desk/cancellations/{failed[0].id}")
        page.get_by_text("What the provider answered").click()
        pictures.take(page, where, "desk-one", 900)
    dark: dict[str, Any] = {"viewport": PHONE, "color_scheme": "dark"}
    with opened(chromium, base_url=site.base, **dark) as page:
        _enter(page)
        pictures.take(page, where, "desk-phone", 740)


def _enter(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Token").fill(OPERATOR)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()
