"""Recognises web pages and firewalls that answer in place of a provider's API.

The APIs answer in JSON. A page that rejects a call says nothing about the key. An
operator must allow this server's address there, or correct ``base_url``.
"""

from __future__ import annotations

import re

from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import Held
from rescind.provider.text import fold, without_html

TURNED_AWAY = frozenset({403, 406, 407, 451})
"""Statuses with which a page or firewall rejects a call before it reaches the API."""
ADDRESS_WRONG = frozenset({404, 405, 410, 421})
"""Statuses of a page that more often mean a wrong URL than a rejected caller."""
SEEN = 16_384
"""Bytes of a body that are inspected."""
TITLE = re.compile(
    r"<(title|h1)\b[^>]{0,200}>(.{1,500}?)</\1", re.IGNORECASE | re.DOTALL
)
FIREWALL = re.compile(
    r"just a moment|attention required|checking your browser|ddos protection"
    r"|enable javascript and cookies|incapsula|imperva|sucuri|akamai reference"
    r"|awselb|web application firewall|\bwaf\b|mod.?security|captcha"
    r"|you have been blocked|request blocked|request(?:ed url)? was rejected"
    r"|access denied|error code: 10[0-9]{2}\b"
)
"""Words in the pages of firewalls and of their challenges, in folded words [C]."""
BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
JSON_VALUE = re.compile(rb"(?:null|true|false|[-+.0-9eE]+)\s*")


def turned_away(reply: Reply) -> Held | None:
    """Why the lane is held, if a page or firewall rejected the call: the API has not
    seen it, so nothing was done. Else ``None``."""
    if reply.status not in TURNED_AWAY or not is_page(reply):
        return None
    return page_held(reply)


def turned_away_login(reply: Reply) -> Held | None:
    """``turned_away`` for a login, which changes nothing: a page of any error status is
    no refusal of the credentials, except a 401, which asks for some."""
    if reply.status == 401 or reply.status < 400 or not is_page(reply):
        return None
    return page_held(reply)


def is_page(reply: Reply) -> bool:
    """Whether the body is text, and in no format in which an API answers."""
    text = reply.body[:SEEN].lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<?xml"):
        return b"<html" in text.lower()
    in_json = text[:1] in b'{["' or JSON_VALUE.fullmatch(text)
    return not in_json and not BINARY.search(text)


def for_an_operator(reply: Reply) -> Held | None:
    """Why the lane is held after a page that does not prove what happened: it names a
    firewall, shows a challenge, or reports a wrong URL. Else ``None``."""
    if not is_page(reply):
        return None
    firewall = "cf-mitigated" in reply.headers or FIREWALL.search(fold(_text(reply)))
    return page_held(reply) if firewall or reply.status in ADDRESS_WRONG else None


def page_held(reply: Reply) -> Held:
    """Names the page by its title, and says what an operator can do."""
    found = TITLE.search(_text(reply))
    title = without_html(found[2]) if found else None
    shown = f', "{title[:80]}"' if title else ""
    advice = "allow this server's address there (IP allowlist)"
    if reply.status in ADDRESS_WRONG:
        advice = f"check base_url, and {advice}"
    return Held(
        f"a web page or firewall answered (HTTP {reply.status}{shown}), not the API:"
        f" {advice}",
        by_gateway=True,
    )


def _text(reply: Reply) -> str:
    return reply.body[:SEEN].decode("utf-8", "replace")
