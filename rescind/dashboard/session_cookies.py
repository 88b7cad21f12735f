"""The cookie of a session: its name, and the session of a request."""

from __future__ import annotations

from fastapi import Request

from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.sessions import Session

COOKIE = "rescind_desk"
SECURE_COOKIE = "__Host-rescind_desk"


def is_secure(request: Request) -> bool:
    return request.url.scheme == "https"


def cookie_name(request: Request) -> str:
    return SECURE_COOKIE if is_secure(request) else COOKIE


def shown_session(request: Request, dashboard: Dashboard) -> Session | None:
    """The session of the request's cookie, which may have been ended."""
    cookie = request.cookies.get(cookie_name(request))
    return dashboard.sessions.read(cookie, dashboard.access) if cookie else None


def session_of(request: Request, dashboard: Dashboard) -> Session | None:
    """The request's session; ``None`` without one that is valid and not ended."""
    found = shown_session(request, dashboard)
    return None if found is None or dashboard.is_ended(found) else found
