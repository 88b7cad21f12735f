"""The dashboard in Chromium: mouse, keyboard, phone, accessibility."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.config.redis_client import redis_client
from rescind.dashboard import board_cache
from rescind.dashboard.board import Board, LaneRow, shown_in
from rescind.dashboard.plot import plots_of
from rescind.dashboard.rendering import render
from rescind.ledger.changes.lane_states import LaneState
from rescind.ledger.reading.backlogs import Backlog
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.provider.outcomes import Reason
from tests.browser import PHONE, WIDE, opened
from tests.dashboard.planned import end_parcel, web_order
from tests.dashboard.stage import (
    CLERK,
    OPERATOR,
    PANEL,
    READER,
    Served,
    a_day,
    end,
    set_lane,
    utc_now,
)
from tests.ledger.build import row
from tests.ledger.delivering import GONE, ended, holding, settling

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

OTHERWISE = {"/", "/desk/cancellations?state=failed", "/desk/cancellations/ONE"}
"""Pages that have another layout on a phone."""
PAGES = [
    "/desk/sign-in",
    "/",
    "/desk/cancellations?state=failed",
    "/desk/cancellations?state=rejected&group=nightly",
    "/desk/cancellations?state=expired",
    "/desk/undelivered",
    "/desk/cancellations?q=8621001",
    "/desk/cancellations?q=nowhere",
    "/desk/statistics",
    "/desk/schedules",
    "/desk/notifications?state=given_up",
    "/desk/workers",
    "/desk/words",
    "/desk/lanes",
    "/desk/groups",
    "/desk/group?name=nightly",
    "/desk/plans",
    "/desk/plans/PLAN",
    "/desk/actions",
    "/desk/actions?by=ann&action=hold",
    "/desk/lanes/hold?lane=ithink/default",
    "/desk/cancellations/ONE",
    "/desk/cancellations/nothing",
    "/desk/nothing",
]


@pytest.fixture
def page(chromium: Browser, site: Served) -> Iterator[Page]:
    """A page whose visitor is signed in as an operator."""
    with opened(chromium, base_url=site.base) as found:
        enter(found, OPERATOR)
        yield found


def enter(page: Page, token: str) -> None:
    page.goto("/")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()


def one_that_failed(site: Served) -> str:
    with reading(site.engine) as connection:
        return str(list_rows(connection, Wanted(states=["failed"]), 9)[-1].id)


def test_a_held_lane_is_resumed_and_another_held(site: Served, page: Page) -> None:
    a_day(site.engine, utc_now())
    page.goto("/")
    lane = page.get_by_role("row", name=re.compile("notpanel.default"))
    assert "refuses the key" in lane.inner_text()
    lane.get_by_role("link", name="Resume").click()
    page.get_by_role("button", name="Resume it").click()
    page.get_by_text("notpanel/default is resumed").wait_for()
    page.get_by_text("One lane has nothing to do").click()
    page.get_by_role("link", name="Hold… ithink/default").click()
    page.get_by_role("button", name="Hold it").click()
    page.get_by_text("ithink/default is held").wait_for()
    lane = page.get_by_role("row", name=re.compile("ithink.default"))
    assert "by ann (access token)" in lane.inner_text()


def test_a_form_and_a_file_are_submitted_from_the_page(
    site: Served, chromium: Browser, valkey_url: str
) -> None:
    site.context.redis = redis_client(valkey_url)
    with opened(chromium, base_url=site.base, timezone_id="Europe/Istanbul") as page:
        enter(page, CLERK)
        page.get_by_role("link", name="Submit").click()
        page.get_by_label("Provider and account").select_option("dukkango/kadikoy")
        reason = page.get_by_label("Reason", exact=True)
        reason.select_option("4: the customer cancelled")
        # The fields came later than the page, and know the zone, too.
        zones = page.locator("#fields input[name=zone], #fields [data-zone]")
        zones.first.wait_for(state="attached")
        assert zones.first.input_value() == "Europe/Istanbul"
        assert zones.last.text_content() == "Europe/Istanbul"
        content = b"provider;order\nnotpanel;ord_1\nnobody;1\n"
        page.get_by_label("Excel workbook").set_input_files(
            {"name": "orders.csv", "mimeType": "text/csv", "buffer": content}
        )
        page.get_by_role("button", name="Check the file").click()
        page.get_by_text("provider must be one of").wait_for()
        page.get_by_role("button", name="Submit 1 order").click()
        page.get_by_role("heading", name="1 order was submitted").wait_for()
    with reading(site.engine) as connection:
        (one,) = list_rows(connection, Wanted(), 9)
    assert one.order_id == "ord_1"


def test_an_order_is_followed_and_back_shows_the_fields_of_its_account(
    site: Served, chromium: Browser, valkey_url: str
) -> None:
    site.context.redis = redis_client(valkey_url)
    with opened(chromium, base_url=site.base) as page:
        enter(page, CLERK)
        page.goto("/desk/submit")
        named = page.get_by_label("Provider and account")
        assert named.input_value() == ""
        named.select_option("ithink/default")
        page.locator("input[name=fields_of][value='ithink/default']").wait_for(
            state="attached"
        )
        page.get_by_label("Order", exact=True).fill("86210010463")
        page.get_by_role("button", name="Submit this order").click()
        page.get_by_text("It was accepted").wait_for()
        with reading(site.engine) as connection:
            (one,) = list_rows(connection, Wanted(), 9)
        ended = (State.CANCELLED, Reason.CONFIRMED)
        soon = utc_now() + timedelta(seconds=1)
        end_parcel(site.engine, {"parcel": one.id}, *ended, soon)
        # The page itself shows the end, and then asks no more.
        page.locator("#order:not([hx-trigger]) .stands .cancelled").wait_for()
        page.go_back()
        page.get_by_role("button", name="Submit this order").wait_for()
        fields = page.locator("input[name=fields_of]")
        assert named.input_value() == fields.input_value() == "ithink/default"


def test_forty_busy_lanes_fit_on_a_laptops_screen(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.route("**/desk/events", lambda route: route.fulfill(status=204))
    page.goto("/")
    shown = shown_in(busy_board(40), UTC, utc_now())
    text = render("board.html", **shown, operates=True, session=None)
    page.evaluate("text => document.getElementById('board').innerHTML = text", text)
    lanes = page.locator(".lane")
    assert lanes.count() == 40
    bottom = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.lane')]"
        ".map((one) => one.getBoundingClientRect().bottom))"
    )
    assert bottom <= 800
    for part in (".name", ".load"):
        cut = page.locator(f".lane {part}").last
        assert cut.evaluate("one => one.scrollWidth <= one.clientWidth")


def busy_board(number: int) -> Board:
    """A board with so many lanes, each with orders waiting and nothing wrong."""
    waiting = {"queued": 840, "sending": 12}
    backlog = Backlog(waiting, oldest=utc_now() - timedelta(minutes=4))
    lanes = [
        LaneRow(
            name=f"dukkango/restaurant-{n}",
            provider="dukkango",
            account=f"restaurant-{n}",
            status="open",
            why=None,
            since=None,
            until=None,
            backlog=backlog,
            rate="90/minute",
            read_rate="none",
            failed=0,
            by_file=False,
        )
        for n in range(number)
    ]
    return Board(lanes, plots_of([], utc_now()), (), 0, (), None)


def test_all_of_a_page_are_ticked_and_retried(site: Served, page: Page) -> None:
    failed = (State.FAILED, Reason.ATTEMPTS_EXHAUSTED)
    ids = [end(site.engine, PANEL, f"ord_{n}", *failed) for n in range(3)]
    page.goto("/desk/cancellations?state=failed")
    page.get_by_label("All on this page").check()
    page.get_by_label("Tick ord_1").uncheck()
    page.get_by_role("button", name="Retry the ticked…").click()
    page.get_by_role("button", name="Retry 2 cancellations").click()
    page.get_by_text("2 cancellations are under way again").wait_for()
    assert [row(site.engine, one).state for one in ids] == [
        "queued",
        "failed",
        "queued",
    ]


def test_a_filter_updates_the_list_without_a_new_page(site: Served, page: Page) -> None:
    a_day(site.engine, utc_now())
    page.goto("/desk/cancellations?state=failed")
    page.evaluate("window.sameDocument = true")
    page.locator("select[name=provider]").select_option("dukkango")
    page.get_by_text("ord_78").wait_for(state="detached")
    assert page.get_by_text("3e9caf87").count() == 1
    assert page.evaluate("window.sameDocument") is True
    assert "provider=dukkango" in page.url


def test_the_overview_changes_by_itself_and_keeps_the_focus(
    site: Served, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_cache, "TICK", 0.05)
    page.get_by_text("Nothing has failed").wait_for()
    page.get_by_role("link", name="Hold… ithink/default").focus()
    held_at = utc_now() - timedelta(minutes=5)
    set_lane(site.engine, PANEL, LaneState(held_at=held_at, held_reason="no key"))
    end(site.engine, PANEL, "ord_1", State.FAILED, Reason.UNRESOLVED)
    page.get_by_role("link", name="1 failed", exact=True).wait_for()
    since = held_at + timedelta(hours=3)
    page.get_by_text(f"since {since:%Y-%m-%d %H:%M:%S}").wait_for()
    assert page.evaluate("document.activeElement.id") == "hold-ithink/default"


def test_a_lost_connection_is_reported_and_restored(
    site: Served, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_cache, "TICK", 0.05)
    stale = page.get_by_text("This page may be out of date")
    assert stale.is_hidden()
    page.route("**/desk/events", lambda route: route.abort())
    site.context.stopping.set()
    stale.wait_for()
    assert re.search(
        r"Last update at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", stale.inner_text()
    )
    site.context.stopping.clear()


def test_times_are_shown_in_the_readers_zone(site: Served, page: Page) -> None:
    one = end(site.engine, PANEL, "ord_1", State.FAILED, Reason.UNRESOLVED)
    page.goto(f"/desk/cancellations/{one}")
    assert "in this time zone: Europe/Istanbul" in page.locator("footer").inner_text()
    shown = page.locator("time[data-at]").first
    moment = shown.get_attribute("datetime") or ""
    hour = (int(moment[11:13]) + 3) % 24
    assert shown.inner_text()[11:16] == f"{hour:02}:{moment[14:16]}"
    assert re.search(r" \(\d+ s ago\)$", shown.inner_text())
    page.locator("button[lang=tr]").click()
    page.get_by_text("Zamanların saat dilimi: Europe/Istanbul").wait_for()
    assert re.search(r" \(\d+ sn önce\)$", shown.inner_text())


def test_the_keyboard_alone_is_enough(chromium: Browser, site: Served) -> None:
    one = end(site.engine, PANEL, "ord_1", State.FAILED, Reason.UNRESOLVED)
    with opened(chromium, base_url=site.base) as page:
        page.goto("/")
        # The browser sets the focus when it first paints the page, after loading.
        page.locator("#token:focus").wait_for()
        page.keyboard.type(OPERATOR)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Overview").wait_for()
        page.keyboard.press("Tab")
        assert _focused(page) == "Skip to the content"
        _tab_to(page, "Cancellations")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Cancellations").wait_for()
        _tab_to(page, "Skip the filter")
        page.keyboard.press("Enter")
        _tab_to(page, "ord_1")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="ord_1").wait_for()
        _tab_to(page, "Retry…")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Retry 1 cancellation").wait_for()
        _tab_to(page, "Retry 1 cancellation")
        page.keyboard.press("Enter")
        page.get_by_text("A new round has begun").wait_for()
    assert row(site.engine, one).state == "queued"


def _focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.innerText || ''")).strip()


def _tab_to(page: Page, text: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if _focused(page) == text:
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(outline) == "solid", "one sees where one is"
            return
    raise AssertionError(f"no way to {text!r} by the keyboard")


def test_it_works_without_scripts(chromium: Browser, site: Served) -> None:
    one = end(site.engine, PANEL, "ord_1", State.FAILED, Reason.UNRESOLVED)
    with opened(chromium, base_url=site.base, java_script_enabled=False) as page:
        enter(page, OPERATOR)
        page.get_by_label("Find an order").fill("ord_1")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="ord_1").click()
        page.get_by_role("button", name="Retry…").click()
        page.get_by_role("button", name="Retry 1 cancellation").click()
        page.get_by_text("A new round has begun").wait_for()
    assert row(site.engine, one).state == "queued"


# --- accessibility --------------------------------------------------------------------


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_every_page_is_accessible(
    chromium: Browser, site: Served, size: dict[str, int]
) -> None:
    long = "9" * 200
    ended(site.engine, long)
    settling(site.engine, holding(site.engine)[0], GONE)
    a_day(site.engine, utc_now())
    end(site.engine, PANEL, long, State.FAILED, Reason.UNRESOLVED, message=long)
    one = one_that_failed(site)
    plan, _steps = web_order(site.engine)
    with opened(chromium, base_url=site.base, viewport=size) as page:
        for number, path in enumerate(PAGES):
            if number == 1:
                enter(page, OPERATOR if size is WIDE else READER)
            page.goto(path.replace("ONE", one).replace("PLAN", plan))
            page.evaluate(
                "document.querySelectorAll('details').forEach((one) => one.open = true)"
            )
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"], f"{path} is {wide} wide"
            if size is PHONE and path not in OTHERWISE:
                continue
            assert _violations(page) == [], path
            page.emulate_media(color_scheme="dark")
            # In dark mode, only the colours differ.
            assert _violations(page, "color-contrast") == [], f"{path}, dark"
            page.emulate_media(color_scheme="light")
    with opened(chromium, base_url=site.base, viewport=size) as page:
        enter(page, CLERK)
        for path in ("/desk/submit", "/desk/submit?lane=akinon/shop"):
            page.goto(path)
            assert _violations(page) == [], path


def _violations(page: Page, *rules: str) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {node['html'][:120]} {node.get('failureSummary', '')}"
        for one in found
        for node in one["nodes"]
    ]
