"""Masks personal data by its shape, such as numbers of a provider's own customers.

Their phone numbers, cards, IBANs and e-mail addresses are in none of our requests, so
no list of secrets can name them.
"""

from __future__ import annotations

import json
import re
from typing import Any

from rescind.provider.http_messages import Request

BETWEEN = r"(?:[\s().+/-]|\\u00a0|&nbsp;|&#160;|%20){0,4}"
"""What may separate the groups of a number, in text, JSON, HTML or a URL."""
BEGINS = r"(?:(?<![\w])|(?<=\\[bfnrt])|(?<=\\u[0-9a-fA-F]{4})|(?<=%[0-9a-fA-F]{2}))"
"""Where a number may begin. A letter before it belongs to an escape, or else the number
is part of a name such as ``SF1234567890``."""
CUT = r"(?:[&\\%][#\w]{0,5})?"
YEAR, MONTH, DAY = r"(?:19|20)\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
CLOCK = r"(?:[T ]\d\d:\d\d(?::\d\d)?)?(?!\d)"
LOCAL = r"[^\s\"'<>,;:()\[\]{}\\/=&|@%]"
AT = r"(?:@|%40|\\u0040|&#0*64;|&#x40;|&commat;)"
UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
LEAST_DIGITS = 8
"""Fewest digits of an IBAN; a word and a number beside it have fewer."""

SHAPES = re.compile(
    rf"(?P<kept>(?<!\w)(?:{UUID}|{YEAR}-{MONTH}-{DAY}{CLOCK}"
    rf"|{DAY}[./-]{MONTH}[./-]{YEAR}{CLOCK}))"
    rf"|(?P<mail>(?<!{LOCAL})(?:{LOCAL}|\\u(?!0040)[0-9a-fA-F]{{4}}){{1,256}}+{AT}[\w.-]*)"
    rf"|(?P<iban>{BEGINS}[A-Za-z]{{2}}\d{{2}}(?:{BETWEEN}[0-9A-Za-z]){{11,30}}(?!\w))"
    # A phone number has ten digits or more, and a card up to nineteen.
    rf"|(?P<number>{BEGINS}[+(]{{0,2}}\d(?:{BETWEEN}\d){{9,}}"
    # The body may have been cut in the middle of a number, or of an escape in it.
    rf"|{BEGINS}(?:[A-Za-z]{{2}})?[+(]{{0,2}}\d(?:{BETWEEN}\d){{5,}}{BETWEEN}{CUT}\Z)"
)
OWN = re.compile(r"(?<!\w)[0-9A-Za-z]{6,}(?!\w)")
BARE = re.compile(r"[^0-9A-Za-z]")


def masked_shapes(text: str, known: frozenset[str] = frozenset()) -> str:
    """``text`` without phone numbers, cards, IBANs and e-mail addresses. Words in
    ``known`` stay: an operator needs the numbers of our orders."""

    def shown(found: re.Match[str]) -> str:
        bare = BARE.sub("", found[0])
        word = found["iban"] is not None and sum(map(str.isdigit, bare)) < LEAST_DIGITS
        kept = found["kept"] is not None or word or bare in known
        return found[0] if kept else "***"

    return SHAPES.sub(shown, text)


def own_words(request: Request) -> frozenset[str]:
    """The words in ``request``, such as the numbers of its orders."""
    text = f"{request.url} {request.body.decode('utf-8', 'replace')}"
    return frozenset(OWN.findall(text.replace("%2C", " ")))


def kept_members(body: bytes, request: Request) -> bytes:
    """``body`` with the values of all JSON members masked that ``request`` does not
    allow to be kept; empty if it is JSON that cannot be read."""
    if request.keeps is None:
        return body
    allowed = request.keeps | own_words(request)

    def masked(members: dict[str, Any]) -> dict[str, Any]:
        return {k: v if k in allowed else "***" for k, v in members.items()}

    try:
        document = json.loads(body, object_hook=masked)
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        # Cut off, or of another encoding: its members cannot be told apart.
        return b"" if body.lstrip()[:1] in (b"{", b"[") else body
