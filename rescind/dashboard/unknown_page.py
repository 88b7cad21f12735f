"""The answer to a browser at an address that shows no page."""

from __future__ import annotations

from fastapi import Request, Response
from sqlalchemy.exc import DBAPIError

from rescind.dashboard import translation
from rescind.dashboard.page_context import dashboard_of
from rescind.dashboard.security_headers import HEADERS
from rescind.dashboard.session_cookies import session_of
from rescind.dashboard.sessions import Session
from rescind.dashboard.translation import _
from rescind.dashboard.trouble import trouble
from rescind.ledger.storage.unreachable import LedgerUnreachableError

PROGRAMS = "/v1/"
"""Addresses of the HTTP API: their answers are for programs, also in a browser."""


def wants_page(request: Request) -> bool:
    """Whether a person in a browser asks: a program does not accept HTML."""
    accepted = request.headers.get("accept", "").lower()
    return (
        "text/html" in accepted
        and "json" not in accepted
        and not request.url.path.startswith(PROGRAMS)
    )


def unknown_page(request: Request) -> Response:
    """A page which says that no page has this address."""
    why = _(
        "No page of Rescind has this address, so nothing was done. Check the address,"
        " or begin at the page below."
    )
    return _said(request, 404, why)


def form_address(request: Request) -> Response:
    """A page which says that only forms are sent to this address."""
    why = _(
        "Only forms are sent to this address. No form was sent now, so nothing was"
        " done."
    )
    return _said(request, 405, why)


def _said(request: Request, status: int, why: str) -> Response:
    accepted = request.headers.get("accept-language", "")
    translation.speak(request.cookies.get(translation.COOKIE), accepted)
    request.state.session = _session(request)
    response = trouble(request, status, _("There is no such page"), why)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _session(request: Request) -> Session | None:
    """The session, for the bar of the page; none while the ledger cannot be asked."""
    try:
        return session_of(request, dashboard_of(request))
    except (LedgerUnreachableError, DBAPIError):
        return None
