"""A page whose status does not say what happened proves nothing about the order."""

from __future__ import annotations

import json

import pytest

from rescind.provider.http import Evidence, Exchange, exchange
from rescind.provider.http_messages import Reply, Request
from rescind.provider.outcomes import Parsed
from rescind.provider.testing.firewalls import PAGES, check_page
from tests.providers.cases import CASES
from tests.providers.conftest import Wire
from tests.providers.test_http import POLICY, whole

CASE = CASES["iletimerkezi"]


def asked(wire: Wire, status: int, body: str, *headers: str) -> Exchange:
    def parse(reply: Reply) -> Parsed:
        return CASE.provider.parse_cancel(CASE.asked, reply)

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
    check_page(result.parsed)


@pytest.mark.parametrize("status", [405, 410])
def test_a_page_about_a_wrong_address_may_be_done_and_names_base_url(
    wire: Wire, status: int
) -> None:
    result = asked(wire, status, "<html><h1>nginx</h1></html>")
    assert result.evidence is Evidence.MAYBE_DONE
    check_page(result.parsed)
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
