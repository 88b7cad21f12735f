"""A firewall's page is recognised at every provider, and never blamed on the key."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.registry import PROVIDERS
from rescind.provider.http import Evidence, Exchange, exchange
from rescind.provider.http_messages import Reply, Request
from rescind.provider.interface import Provider, WithLogin
from rescind.provider.outcomes import Held, Parsed, TokenRefused
from tests.providers.accounts import ORDERS
from tests.providers.conftest import Wire
from tests.providers.test_http import POLICY, whole

NOW = datetime(2020, 11, 20, 18, 9, tzinfo=UTC)
HTML = {"content-type": "text/html; charset=UTF-8"}
PAGES: dict[str, tuple[dict[str, str], str]] = {
    "awselb": ({}, "<html><title>403 Forbidden</title><center>awselb</center></html>"),
    "cloudflare": (
        HTML,
        "<html><title>Attention Required! | Cloudflare</title></html>",
    ),
    "challenge": (
        {**HTML, "cf-mitigated": "challenge"},
        "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>",
    ),
    "cloudflare's text": ({"content-type": "text/plain"}, "error code: 1020"),
    "nginx": (HTML, "\r\n<html>\r\n<h1>403 Forbidden</h1>\r\n</html>"),
    "xhtml": ({}, '<?xml version="1.0"?><!DOCTYPE html><html><body>No</body></html>'),
    "fragment": ({}, "\ufeff  <center>blocked</center>"),
    "words": ({}, "Access denied"),
}
FORBIDDEN = ("key", "secret", "token", "password", "hash", "credential")


@pytest.fixture(params=PROVIDERS, ids=lambda provider: provider.name)
def provider(request: pytest.FixtureRequest) -> Provider[Any]:
    found: Provider[Any] = request.param
    return found


def readings(provider: Provider[Any], reply: Reply) -> list[Any]:
    """The result of each of the provider's parsers for ``reply``."""
    asked = ORDERS[provider.name][: provider.policy.batch]
    found: list[Any] = [
        provider.parse_cancel(asked, reply),
        provider.parse_read(asked, reply),
        provider.parse_probe(reply),
    ]
    if isinstance(provider, WithLogin):
        found.append(provider.parse_login(reply, NOW))
    return found


def check(held: object) -> None:
    assert isinstance(held, Held)
    assert held.by_gateway
    assert "web page or firewall answered" in held.why
    assert "allow this server's address there (IP" in held.why
    words = held.why.lower()
    assert not [word for word in FORBIDDEN if word in words]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("status", [403, 406])
def test_a_page_before_the_api_holds_the_lane_and_does_not_blame_the_key(
    provider: Provider[Any], page: str, status: int
) -> None:
    headers, body = PAGES[page]
    for held in readings(provider, Reply(status, headers, body.encode())):
        check(held)
        assert f"HTTP {status}" in held.why


def test_a_pages_title_is_shown_cut_to_length(provider: Provider[Any]) -> None:
    body = f"<html><TITLE class=x>\n Access&nbsp;Denied {'x' * 400}</TITLE>"
    for held in readings(provider, Reply(403, HTML, body.encode())):
        assert '"Access Denied x' in held.why
        assert len(held.why) < 300


@pytest.mark.parametrize("body", [b"", b"{}", b'{"error": "Account suspended"}', b"[]"])
def test_the_apis_own_answer_is_no_page(provider: Provider[Any], body: bytes) -> None:
    # Many APIs declare their JSON as HTML.
    for status in (401, 403):
        for held in readings_or_none(provider, Reply(status, HTML, body)):
            assert not isinstance(held, Held) or not held.by_gateway


def readings_or_none(provider: Provider[Any], reply: Reply) -> list[Any]:
    try:
        return readings(provider, reply)
    except ValueError:
        return []


def test_a_401_renews_the_token_even_if_it_is_a_page(provider: Provider[Any]) -> None:
    if isinstance(provider, WithLogin):
        asked = ORDERS[provider.name]
        page = Reply(401, HTML, b"<html>401</html>")
        assert isinstance(provider.parse_cancel(asked, page), TokenRefused)


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_page_at_a_login_does_not_blame_the_key(status: int) -> None:
    for provider in PROVIDERS:
        if isinstance(provider, WithLogin) and status < 500:
            page = Reply(status, HTML, b"<html><title>Not here</title></html>")
            check(provider.parse_login(page, NOW))


# --- pages that prove nothing about the order ---------------------------------------


def asked(wire: Wire, status: int, body: str, *headers: str) -> Exchange:
    def parse(reply: Reply) -> Parsed:
        return PROVIDERS[0].parse_cancel(ORDERS[PROVIDERS[0].name], reply)

    wire.answers(whole(status, body, *headers))
    return exchange(Request("POST", wire.url, {}, b"{}"), parse, POLICY)


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("page", ["challenge", "cloudflare"])
def test_a_firewall_with_another_status_may_be_done_and_holds_the_lane(
    wire: Wire, status: int, page: str
) -> None:
    headers, body = PAGES[page]
    result = asked(wire, status, body, *(f"{k}: {v}" for k, v in headers.items()))
    assert result.evidence is Evidence.MAYBE_DONE
    check(result.parsed)


@pytest.mark.parametrize("status", [405, 410])
def test_a_page_about_a_wrong_address_may_be_done_and_names_base_url(
    wire: Wire, status: int
) -> None:
    result = asked(wire, status, "<html><h1>nginx</h1></html>")
    assert result.evidence is Evidence.MAYBE_DONE
    check(result.parsed)
    assert "check base_url" in repr(result.parsed)


@pytest.mark.parametrize("status", [200, 400, 409, 500, 502])
def test_any_other_page_may_be_done_and_holds_no_lane(wire: Wire, status: int) -> None:
    result = asked(wire, status, "<html><title>Fatal error</title></html>")
    assert (result.evidence, result.parsed) == (Evidence.MAYBE_DONE, None)
    assert status >= 500 or "web page or firewall answered" in str(result.detail)


def test_unreadable_json_is_no_page(wire: Wire) -> None:
    result = asked(wire, 200, json.dumps({"response": "just a moment"}))
    assert (result.evidence, result.parsed) == (Evidence.MAYBE_DONE, None)
    assert "page" not in str(result.detail)
