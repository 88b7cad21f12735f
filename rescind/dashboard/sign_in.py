"""Signing in and out: a token is sent once, then a cookie that does not contain it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from limits import parse

from rescind.config.access_tokens import Scope
from rescind.dashboard.page_guard import (
    SIGN_IN,
    DashboardRoute,
    TheDashboard,
    check_origin,
    cookie_name,
    is_secure,
    session_of,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.sessions import LASTS

FAILURES = parse("10/minute")
"""Failed sign-ins allowed from one address."""

router = APIRouter(route_class=DashboardRoute)


@router.get(SIGN_IN)
def ask(request: Request, dashboard: TheDashboard, next: str = "/") -> Response:  # noqa: A002
    if session_of(request, dashboard) is not None:
        return RedirectResponse(_ours(next), 303)
    empty = not dashboard.access.tokens
    return page(request, "sign_in.html", back=_ours(next), why=None, empty=empty)


@router.post(SIGN_IN)
def sign_in(
    request: Request,
    dashboard: TheDashboard,
    token: Annotated[str, Form()] = "",
    back: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    check_origin(request)
    address = request.client.host if request.client else "?"
    if not dashboard.failures.test(FAILURES, address):
        why = "Too many wrong tokens were sent from this address: wait a minute."
        return _again(request, 429, why, back)
    found = dashboard.access.token(token.strip())
    if found is None:
        dashboard.failures.hit(FAILURES, address)
        return _again(request, 401, "Unknown token: it may have been removed.", back)
    if Scope.READ not in found.scopes:
        why = f"The token {found.name} may not sign in: it lacks the scope read."
        return _again(request, 403, why, back)
    response = RedirectResponse(_ours(back), 303)
    response.set_cookie(
        cookie_name(request),
        dashboard.sessions.cookie(found),
        max_age=LASTS,
        httponly=True,
        secure=is_secure(request),
        samesite="strict",
    )
    return response


@router.post("/desk/sign-out")
def sign_out(request: Request, dashboard: TheDashboard) -> Response:
    check_origin(request)
    if (ended := session_of(request, dashboard)) is not None:
        dashboard.sessions.end(ended)
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(
        cookie_name(request),
        httponly=True,
        secure=is_secure(request),
        samesite="strict",
    )
    return response


def _again(request: Request, status: int, why: str, back: str) -> Response:
    return page(request, "sign_in.html", status, back=_ours(back), why=why, empty=False)


def _ours(back: str) -> str:
    """The page to go back to: one of this dashboard, never one of another site."""
    good = back == "/" or back.startswith(("/?", "/desk/"))
    return back if good and back.isprintable() and "\\" not in back else "/"
