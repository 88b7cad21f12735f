"""The dashboard's pictures in the documentation match the page's text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.config.redis_client import redis_client
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.provider.outcomes import Reason
from tests import pictures
from tests.browser import PHONE, opened
from tests.dashboard.planned import end_parcel, web_order
from tests.dashboard.stage import CLERK, OPERATOR, Served, a_day, utc_now

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


SHEET = b"""provider;account;order;param.reason_id
notpanel;;ord_101;
notpanel;;ord_102;
notpanel;;ord_102;
dukkango;kadikoy;5cb7-4c4e;4
nobody;;17;
"""


def test_the_pictures_match_the_text(
    chromium: Browser, site: Served, tmp_path: Path, valkey_url: str
) -> None:
    where = pictures.folder(tmp_path)
    site.context.redis = redis_client(valkey_url)
    a_day(site.engine, utc_now())
    with reading(site.engine) as connection:
        failed = list_rows(connection, Wanted(states=["failed"], account="kadikoy"), 1)
    with opened(chromium, base_url=site.base) as page:
        _enter(page, OPERATOR)
        page.get_by_text("notpanel refuses the key").wait_for()
        pictures.take(page, where, "desk-overview", 800)
        page.goto("/desk/cancellations?state=failed")
        page.get_by_text("a second cancel does no harm there").wait_for()
        pictures.take(page, where, "desk-failed")
        page.goto(f"/desk/cancellations/{failed[0].id}")
        page.get_by_text("What the provider answered").click()
        pictures.take(page, where, "desk-one", 900)
        page.goto("/")
        page.get_by_role("button", name="Türkçe").click()
        page.get_by_role("heading", name="Sorunlar").wait_for()
        pictures.take(page, where, "desk-turkish", 800)
    with opened(chromium, base_url=site.base) as page:
        _enter(page, CLERK)
        page.goto("/desk/submit")
        page.get_by_label("Excel workbook").set_input_files(
            {"name": "orders.csv", "mimeType": "text/csv", "buffer": SHEET}
        )
        page.get_by_role("button", name="Check the file").click()
        page.get_by_text("repeats an earlier row").first.wait_for()
        pictures.take(page, where, "desk-preview", 620)
    dark: dict[str, Any] = {"viewport": PHONE, "color_scheme": "dark"}
    with opened(chromium, base_url=site.base, **dark) as page:
        _enter(page, OPERATOR)
        pictures.take(page, where, "desk-phone", 740)
    now = utc_now()
    plan, ids = web_order(site.engine, now=now)
    end_parcel(site.engine, ids, State.FAILED, Reason.UNRESOLVED, now)
    with opened(chromium, base_url=site.base) as page:
        _enter(page, OPERATOR)
        page.goto(f"/desk/plans/{plan}")
        page.get_by_text("A person must decide").wait_for()
        pictures.take(page, where, "desk-plan", 640)


def _enter(page: Page, token: str) -> None:
    page.goto("/")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()
