"""The live page shows calls and orders as they happen, and no credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote_plus, urlencode

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect

from rescind.sandbox import Sandbox
from rescind.sandbox.call_masking import masked, secrets_in
from rescind.sandbox.sandbox_log import KEPT, LARGEST
from tests.browser import opened
from tests.sandbox.calls import TIMEOUT, akinon, dukkango, ithink, panel, sms

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def get(sandbox: Sandbox, path: str = "/", **headers: str) -> requests.Response:
    return requests.get(sandbox.url + path, headers=headers, timeout=TIMEOUT)


def test_a_browser_gets_the_page_and_other_programs_the_guide(
    sandbox: Sandbox,
) -> None:
    page = get(sandbox, **BROWSER)
    assert "<h1>Rescind sandbox</h1>" in page.text
    assert get(sandbox).text == get(sandbox, "/guide", **BROWSER).text
    for part in ("/static/live.css", "/static/live.js"):
        assert part in page.text
        assert get(sandbox, part).ok


def test_the_page_runs_nothing_that_is_not_its_own(sandbox: Sandbox) -> None:
    page = get(sandbox, **BROWSER)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    for inline in ("<style", "style=", "onclick", "javascript:"):
        assert inline not in page.text
    assert "innerHTML" not in get(sandbox, "/static/live.js").text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:80"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:8900", "Origin": "http://localhost:8900"}, 200),
        ({"Host": "[::1]:8900"}, 200),
        ({}, 200),
    ],
)
def test_pages_of_other_sites_cannot_use_the_sandbox(
    sandbox: Sandbox, headers: dict[str, str], status: int
) -> None:
    for path in ("/_sandbox/orders", "/", "/accounts.toml"):
        assert get(sandbox, path, **headers).status_code == status
    reset = requests.post(
        f"{sandbox.url}/_sandbox/reset", headers=headers, timeout=TIMEOUT
    )
    assert reset.status_code == status


def test_a_call_is_shown_with_what_was_answered_and_what_was_done(
    sandbox: Sandbox,
) -> None:
    sandbox.seed("notpanel", "ord_1", "pending")
    sandbox.script("notpanel", "cancel", "error_500_after")
    panel(sandbox, "cancel", "ord_1")
    found = sandbox.recent()
    (call,) = found["calls"]
    assert call["path"] == "/notpanel/api/v2"
    assert "action=cancel&order=ord_1" in call["sent"]
    assert (call["fault"], call["status"]) == ("error_500_after", 500)
    assert json.loads(call["answer"]) == {"error": "Internal server error"}
    assert call["orders"] == [{"id": "ord_1", "acted": True}]
    (order,) = found["orders"]
    assert (order["was"], order["truth"]) == ("active", "cancelled")
    assert (order["calls"], order["cancels"]) == (1, 1)


def test_calls_that_no_provider_has_are_shown_too(sandbox: Sandbox) -> None:
    get(sandbox, "/notpanel/api/v3?key=abcdef")
    get(sandbox, "/nopanel/api/v2")
    calls = sandbox.recent()["calls"]
    said = [(one["op"], one["status"], one["path"]) for one in calls]
    assert said == [
        (None, 404, "/nopanel/api/v2"),
        (None, 404, "/notpanel/api/v3?key=***"),
    ]


def test_calls_and_orders_are_found_by_a_part_of_an_id(sandbox: Sandbox) -> None:
    sandbox.seed("notpanel", [f"ord_{n:03}" for n in range(200)], "pending")
    sandbox.seed("ithink", ["A042", "A9"], "manifested")
    panel(sandbox, "status", "ord_001", "ord_042")
    ithink(sandbox, "track", "A042")
    ithink(sandbox, "track", "A9")
    found = sandbox.recent(" 042")
    assert [one["provider"] for one in found["calls"]] == ["ithink", "notpanel"]
    assert {one["id"] for one in found["orders"]} == {"ord_042", "A042"}
    found = sandbox.recent(provider="ithink")
    assert [one["id"] for one in found["orders"]] == ["A9", "A042"]
    assert found["known"] == 202
    # The orders of the newest calls come first, though others are newer.
    shown = [one["id"] for one in sandbox.recent(provider="notpanel")["orders"]]
    assert shown[:3] == ["ord_001", "ord_042", "ord_199"]
    assert len(shown) == 50


def test_only_the_newest_calls_are_kept(sandbox: Sandbox) -> None:
    with requests.Session() as session:
        for _ in range(KEPT + 1):
            session.get(f"{sandbox.url}/nowhere", timeout=TIMEOUT)
        form = {"key": "k", "action": "status", "order": "x" * LARGEST}
        session.post(f"{sandbox.url}/notpanel/api/v2", data=form, timeout=TIMEOUT)
    found = sandbox.recent()
    assert found["total"] == KEPT + 2
    assert len(found["calls"]) == 50
    assert "bytes)" in found["calls"][0]["sent"]
    sandbox.reset()
    assert sandbox.recent()["calls"] == []


SECRETS = ("s3cret-key-1", "s3cret-hash-2", "tok/en+3 x", "s3cret-4", "s3cret-5")


def test_no_credential_and_no_personal_data_is_shown(sandbox: Sandbox) -> None:
    sandbox.settings(echo=True)
    key, _, token, secret, other = SECRETS
    sms(sandbox, "get-report", key=key)
    panel(sandbox, "status", "ord_bad1", key=token)
    ithink(sandbox, "cancel", "BAD1", token=token)
    dukkango(sandbox, "GET", "orders/get-current", token=secret)
    akinon(sandbox, "7", token=other)
    login = {"app_secret_key": secret, "rest_secret_key": other}
    issued = dukkango(sandbox, "POST", "auth/login", login).json()["data"]
    dukkango(sandbox, "GET", "orders/get-current", token=issued["access_token"])
    body = {"ibans": {"1": "TR330006100519786457841326"}, "holder_names": {"1": "Ada"}}
    url = f"{sandbox.base_url('akinon')}/api/i1/orders/7/cancel/"
    requests.post(url, json=body, timeout=TIMEOUT)
    shown = json.dumps(sandbox.recent()["calls"], ensure_ascii=False)
    hidden = [*SECRETS, issued["access_token"], "TR3300", "Ada", "+905320000000"]
    assert [one for one in hidden if one in shown] == []
    assert len(sandbox.recent()["calls"]) == 8


@given(
    # Longer than the names of the fields, in which it may not occur.
    st.text(st.characters(codec="utf-8"), min_size=20, max_size=40),
    st.sampled_from(["key", "access_token", "X-Api-Key", "client_secret", "Password"]),
    st.booleans(),
)
def test_a_value_of_a_secret_field_is_in_no_shown_body(
    secret: str, name: str, as_json: bool
) -> None:
    fields = {name: secret, "said": f"you sent {secret}"}
    form = urlencode(fields).encode()
    body = json.dumps({"data": [fields]}).encode() if as_json else form
    shown = masked(body, secrets_in(body, {}, ""))
    assert "***" in shown
    for spelt in (secret, quote_plus(secret), json.dumps(secret)[1:-1]):
        assert spelt not in shown


@pytest.mark.parametrize("body", [b"key=abcdef&", b"\x00\x01", b"[1", b"plain words"])
def test_a_body_that_cannot_be_read_is_not_shown(body: bytes) -> None:
    assert masked(body, frozenset()) in (
        f"({len(body)} bytes that are neither JSON nor a form)",
        "key=***",
    )


def violations(page: Page) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    options = {"resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]
    ]


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with opened(chromium) as one:
        yield one


def test_the_page_follows_calls_filters_and_resets(
    sandbox: Sandbox, page: Page
) -> None:
    page.goto(sandbox.url)
    name = "<img src=x onerror=alert(1)>"
    panel(sandbox, "cancel", "ord_1")
    get(sandbox, f"/{name}")
    calls, orders = page.locator("#call-rows tr"), page.locator("#order-rows tr")
    expect(calls).to_have_count(2)
    expect(orders).to_have_count(1)
    expect(calls.first).to_contain_text("the provider has no such call")
    # What a reader has opened stays open when further calls come.
    calls.nth(1).locator("summary").press("Enter")
    expect(calls.nth(1).locator("pre").first).to_contain_text("key=***&action=cancel")
    panel(sandbox, "status", "ord_2")
    expect(calls).to_have_count(3)
    expect(calls.nth(2).locator("details")).to_have_attribute("open", "")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
    page.get_by_label("Order id contains").fill("ORD_2")
    expect(orders).to_have_count(1)
    expect(orders.first).to_contain_text("ord_2")
    page.get_by_label("Order id contains").fill("")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Reset").click()
    expect(calls).to_have_count(0)
    expect(page.locator("#no-orders")).to_be_visible()
