"""A firewall's page before the API is recognised, and never blamed on the key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from rescind.provider.http_messages import Reply
from rescind.provider.interface import WithLogin
from rescind.provider.outcomes import Held, TokenRefused, UnreadableReplyError
from rescind.provider.testing.case import Case

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
OWN_ANSWERS = (b"", b"{}", b'{"error": "Account suspended"}', b"[]")


class Firewalls:
    """Answers of another program than the provider's API."""

    case: ClassVar[Case]

    @pytest.mark.parametrize("page", PAGES)
    @pytest.mark.parametrize("status", [403, 406])
    def test_a_page_before_the_api_holds_the_lane_and_does_not_blame_the_key(
        self, page: str, status: int
    ) -> None:
        headers, body = PAGES[page]
        for held in readings(self.case, Reply(status, headers, body.encode())):
            check_page(held)
            assert f"HTTP {status}" in held.why

    def test_a_pages_title_is_shown_cut_to_length(self) -> None:
        body = f"<html><TITLE class=x>\n Access&nbsp;Denied {'x' * 400}</TITLE>"
        for held in readings(self.case, Reply(403, HTML, body.encode())):
            assert '"Access Denied x' in held.why
            assert len(held.why) < 300

    @pytest.mark.parametrize("body", OWN_ANSWERS)
    def test_the_apis_own_answer_is_no_page(self, body: bytes) -> None:
        # Many APIs declare their JSON as HTML.
        for status in (401, 403):
            for held in _readings_or_none(self.case, Reply(status, HTML, body)):
                assert not isinstance(held, Held) or not held.by_gateway

    @pytest.mark.parametrize("body", [b"{}", b"<html><h1>404 Not Found</h1></html>"])
    def test_a_wrong_address_does_not_prove_the_credentials(self, body: bytes) -> None:
        provider = self.case.provider
        if isinstance(provider, WithLogin):
            return
        try:
            parsed = provider.parse_probe(Reply(404, {}, body))
        except UnreadableReplyError:
            return
        assert isinstance(parsed, Held)

    def test_a_401_renews_the_token_even_if_it_is_a_page(self) -> None:
        if isinstance(self.case.provider, WithLogin):
            page = Reply(401, HTML, b"<html>401</html>")
            parsed = self.case.provider.parse_cancel(self.case.asked, page)
            assert isinstance(parsed, TokenRefused)

    @pytest.mark.parametrize("status", [400, 404])
    def test_a_page_at_a_login_does_not_blame_the_key(self, status: int) -> None:
        if isinstance(self.case.provider, WithLogin):
            page = Reply(status, HTML, b"<html><title>Not here</title></html>")
            check_page(self.case.provider.parse_login(page, NOW))


def readings(case: Case, reply: Reply) -> list[Any]:
    """The result of each of the provider's parsers for ``reply``."""
    provider, asked = case.provider, case.asked
    found: list[Any] = [
        provider.parse_cancel(asked, reply),
        provider.parse_read(asked, reply),
        provider.parse_probe(reply),
    ]
    if isinstance(provider, WithLogin):
        found.append(provider.parse_login(reply, NOW))
    return found


def _readings_or_none(case: Case, reply: Reply) -> list[Any]:
    try:
        return readings(case, reply)
    except ValueError:
        return []


def check_page(held: object) -> None:
    assert isinstance(held, Held)
    assert held.by_gateway
    assert "web page or firewall answered" in held.why
    assert "allow this server's address there (IP" in held.why
    words = held.why.lower()
    assert not [word for word in FORBIDDEN if word in words]
