"""The methods that an address takes, for ``Allow`` and for OPTIONS."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Match
from starlette.types import Scope

TRIED = ("GET", "POST", "PUT", "PATCH", "DELETE")


def allowed(app: Starlette, scope: Scope) -> list[str]:
    """The methods of the address in ``scope``; empty if there is no such address."""
    found = [method for method in TRIED if _takes(app, {**scope, "method": method})]
    if "GET" in found:
        found.insert(1, "HEAD")
    return [*found, "OPTIONS"] if found else []


def _takes(app: Starlette, scope: Scope) -> bool:
    return any(one.matches(scope)[0] is Match.FULL for one in app.routes)
