"""Pages in Turkish, whose words are long: none is broken, and no column is cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis import Redis
from sqlalchemy import insert

from rescind.config.redis_client import redis_client
from rescind.ledger.changes.unknown_words import Words, count_words
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import SCHEDULE_RUN
from rescind.ledger.storage.transactions import writing
from rescind.provider.outcomes import Reason
from rescind.telemetry import worker_records
from rescind.telemetry.worker_records import WorkerRecord
from tests.browser import PHONE, WIDE, opened
from tests.dashboard.planned import end_parcel, web_order
from tests.dashboard.stage import (
    CLERK,
    OPERATOR,
    Served,
    Visitor,
    a_day,
    utc_now,
)
from tests.dashboard.test_browser import one_that_failed
from tests.dashboard.test_submit_file import previewed
from tests.ledger.delivering import GONE, ended, holding, settling

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGES = [
    "/",
    "/desk/cancellations",
    "/desk/groups",
    "/desk/group?name=nightly",
    "/desk/plans",
    "/desk/statistics",
    "/desk/schedules",
    "/desk/notifications?state=given_up",
    "/desk/workers",
    "/desk/words",
    "/desk/lanes",
    "/desk/actions",
    "/desk/undelivered",
]
BROKEN = r"""
() => {
  const broken = [], range = document.createRange();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.parentElement.closest("code, pre, .mono, .order, script")) continue;
    for (const found of node.data.matchAll(/\p{L}{2,24}/gu)) {
      range.setStart(node, found.index);
      range.setEnd(node, found.index + found[0].length);
      const parts = [...range.getClientRects()].filter((one) => one.width > 0);
      const lines = new Set(parts.map((one) => Math.round(one.top)));
      if (lines.size > 1) broken.push(found[0]);
    }
  }
  return broken;
}
"""
"""The words of a page that stand on two lines."""
CUT_OFF = """
() => [...document.querySelectorAll("main .scroll, main section, main table")]
  .filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.tagName + " " + one.className + " " + one.innerText.slice(0, 60))
"""
AT_THE_EDGE = """
() => [...document.querySelectorAll(".tile")].filter((tile) => {
  const outer = tile.getBoundingClientRect(), range = document.createRange();
  range.selectNodeContents(tile);
  return [...range.getClientRects()].some((one) => one.width > 0
    && one.width < outer.width - 1
    && (one.left < outer.left + 6 || one.right > outer.right - 6));
}).map((tile) => tile.innerText)
"""
"""The tiles whose text touches their edge."""
ALIGNED = """
() => new Set([...document.querySelectorAll(".cards td, .cards tbody th")].map(
  (one) => getComputedStyle(one).textAlign)).size
"""
"""How many alignments the labels and the values of cards have."""
PREVIEWED = (
    "provider,order,account,key,group,not_before,cancel_before,metadata.shop\n"
    "notpanel,ord_01HG9X7KJP4N,,anahtar-1,iadeler-2026-11,2025-01-01 10:00,,No 7\n"
    "ithink,86210010463,,,iadeler-2026-11,,2025-01-01 10:00,Kadıköy\n"
    "dukkango,3e9caf87-5cb7-4c4e-adcb-fc2ec54cf24e,kadikoy,,,,,\n"
)


def fill(site: Served) -> None:
    ended(site.engine, "ord_1")
    settling(site.engine, holding(site.engine)[0], GONE)
    a_day(site.engine, utc_now())
    said = "Siparişin durumu güncellenemediğinden işlem gerçekleştirilemedi"
    words = [
        Words("cancel", "ORDER_STATUS_UNKNOWN", said, "01a2"),
        Words("read", "545", "Shipment is with the delivery partner", "01a3"),
    ]
    with writing(site.engine) as connection:
        count_words(connection, [("iletimerkezi", one) for one in words], 1_000)


def faults(page: Page) -> dict[str, list[str]]:
    found = {"broken": page.evaluate(BROKEN), "cut off": page.evaluate(CUT_OFF)}
    wide = page.evaluate("document.documentElement.scrollWidth")
    found["the page"] = [f"is {wide} wide"] if wide > WIDE["width"] else []
    return {kind: said for kind, said in found.items() if said}


def entered(page: Page, visitor: Visitor, base: str) -> None:
    """Give the browser the session of a visitor."""
    page.context.add_cookies(
        [
            {"name": one.name, "value": str(one.value), "url": base}
            for one in visitor.session.cookies
        ]
    )


def test_no_word_is_broken_and_no_column_cut_off(
    chromium: Browser, site: Served, valkey_url: str
) -> None:
    site.context.redis = redis_client(valkey_url)
    fill(site)
    clerk, seen = site.visitor(CLERK), dict[str, object]()
    plan, ids = web_order(site.engine)
    end_parcel(site.engine, ids, State.FAILED, Reason.UNRESOLVED)
    last = [f"/desk/cancellations/{one_that_failed(site)}", f"/desk/plans/{plan}"]
    last.append(f"/desk/cancellations/{ids['refund']}")
    asked = {OPERATOR: PAGES + last, CLERK: ["/desk/submit?lane=akinon/shop"]}
    asked[CLERK].append(previewed(clerk, PREVIEWED, zone="Europe/Istanbul"))
    for token, paths in asked.items():
        with opened(
            chromium, base_url=site.base, viewport=WIDE, locale="tr-TR"
        ) as page:
            who = clerk if token == CLERK else site.visitor(token)
            entered(page, who, site.base)
            for path in paths:
                page.goto(path)
                seen[path] = faults(page)
    assert {path: found for path, found in seen.items() if found} == {}


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("locale", ["en-GB", "tr-TR"])
def test_no_text_of_a_tile_touches_its_edge(
    chromium: Browser, site: Served, size: dict[str, int], locale: str
) -> None:
    fill(site)
    at = in_ms(utc_now())
    run = {"name": "nightly", "asked_by": "beat", "attempts": 1, "version": 1}
    run |= {"started_at": at, "finished_at": at, "due_at": at, "state": "held"}
    with writing(site.engine) as connection:
        connection.execute(insert(SCHEDULE_RUN), run)
    with opened(chromium, base_url=site.base, viewport=size, locale=locale) as page:
        entered(page, site.visitor(OPERATOR), site.base)
        page.goto("/")
        assert page.locator(".tile").count() == 3
        assert page.evaluate(AT_THE_EDGE) == []


@pytest.mark.parametrize("locale", ["en-GB", "tr-TR"])
def test_the_workers_fit_on_a_phone(
    chromium: Browser, site: Served, valkey_url: str, locale: str
) -> None:
    with Redis.from_url(valkey_url) as redis:
        site.context.redis = redis_client(valkey_url)
        gone = in_ms(utc_now()) - 60_000
        record = WorkerRecord("a-machine", 23398, "0.1.0", gone, gone, 0, 0)
        worker_records.write(redis, record)
        with opened(
            chromium, base_url=site.base, viewport=PHONE, locale=locale
        ) as page:
            entered(page, site.visitor(OPERATOR), site.base)
            page.goto("/desk/workers")
            page.locator(".chip.failed").wait_for()
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"]
            assert page.evaluate(CUT_OFF) == []
            assert page.evaluate(ALIGNED) == 1
        redis.delete(worker_records.KEY)
