"""Akinon's order list: pages of orders, with filters, as the official client reads it.

No page of the provider shows the list's form. The official client asks for ``page`` and
``limit``, and reads ``results`` and ``next``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from rescind.sandbox.raw_http import Request

LIMIT, MOST = 10, 1000
"""Orders of a page: if none are asked for, and the most."""
FILTERS = ("pk", "number", "status")


class NoSuchPageError(Exception):
    """The list has no such page."""


def page_of(documents: Sequence[Mapping[str, Any]], request: Request) -> dict[str, Any]:
    """The page of ``documents`` that ``request`` asks for: ``count``, ``next``,
    ``previous`` and ``results``. Raises ``NoSuchPageError``."""
    asked = dict(parse_qsl(request.query))
    found = [one for one in documents if _fits(one, asked)]
    page, limit = _number(asked, "page", 1), min(MOST, _number(asked, "limit", LIMIT))
    start = (page - 1) * limit
    if start and start >= len(found):
        raise NoSuchPageError
    more = start + limit < len(found)
    return {
        "count": len(found),
        "next": _address(request, asked, page + 1) if more else None,
        "previous": _address(request, asked, page - 1) if page > 1 else None,
        "results": found[start : start + limit],
    }


def _fits(document: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
    wanted = {name: asked[name] for name in FILTERS if name in asked}
    return all(str(document[name]) == value for name, value in wanted.items())


def _number(asked: Mapping[str, str], name: str, usual: int) -> int:
    written = asked.get(name, str(usual))
    if not written.isdecimal() or not int(written):
        raise NoSuchPageError
    return int(written)


def _address(request: Request, asked: Mapping[str, str], page: int) -> str:
    query = urlencode({**asked, "page": page})
    return f"http://{request.headers.get('host', '')}{request.path}?{query}"
