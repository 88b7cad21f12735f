"""Signing in and out: a token is shown once, and a cookie that holds none is kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from limits import parse

from rescind.config.access_tokens import Scope
from rescind.dashboard.page_guard import (
    SIGN_IN,
    DeskRoute,
    TheDesk,
    check_origin,
    cookie_name,
    is_secure,
    session_of,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.sessions import LASTS

FAILURES = parse("10/minute")
"""From one address: a token can be tried no more often."""

router = APIRouter(route_class=DeskRoute)


@router.get(SIGN_IN)
def ask(request: Request, desk: TheDesk, next: str = "/") -> Response:  # noqa: A002
    if session_of(request, desk) is not None:
        return RedirectResponse(_ours(next), 303)
    empty = not desk.access.tokens
    return page(request, "sign_in.html", back=_ours(next), why=None, empty=empty)


@router.post(SIGN_IN)
def sign_in(
    request: Request,
    desk: TheDesk,
    token: Annotated[str, Form()] = "",
    back: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    check_origin(request)
    address = request.client.host if request.client else "?"
    if not desk.failures.test(FAILURES, address):
        why = "Too many wrong tokens came from this address: wait a minute."
        return _again(request, 429, why, back)
    found = desk.access.token(token.strip())
    if found is None:
        desk.failures.hit(FAILURES, address)
        return _again(request, 401, "No such token: it may have been removed.", back)
    if Scope.READ not in found.scopes:
        why = f"The token {found.name} may not look: it lacks the scope read."
        return _again(request, 403, why, back)
    response = RedirectResponse(_ours(back), 303)
    response.set_cookie(
        cookie_name(request),
        desk.sessions.cookie(found),
        max_age=LASTS,
        httponly=True,
        secure=is_secure(request),
        samesite="strict",
    )
    return response


@router.post("/desk/sign-out")
def sign_out(request: Request, desk: TheDesk) -> Response:
    check_origin(request)
    if (ended := session_of(request, desk)) is not None:
        desk.sessions.end(ended)
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
    """Where to go on: a page of ours, and no other site's."""
    good = back == "/" or back.startswith(("/?", "/desk/"))
    return back if good and back.isprintable() and "\\" not in back else "/"
