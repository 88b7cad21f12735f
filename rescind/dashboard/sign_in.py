"""Signing in and out: a token is sent once, then a cookie that does not contain it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from limits import parse

from rescind.config.access_tokens import Scope
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import (
    DashboardRoute,
    TheDashboard,
    check_origin,
)
from rescind.dashboard.rendering import page
from rescind.dashboard.session_cookies import cookie_name, is_secure, session_of
from rescind.dashboard.sessions import LASTS
from rescind.dashboard.sign_in_redirect import SIGN_IN
from rescind.dashboard.translation import _
from rescind.dashboard.unsent_forms import IN_ANOTHER_TAB

FAILURES = parse("10/minute")
"""Failed sign-ins allowed from one address."""

router = APIRouter(route_class=DashboardRoute)


@router.get(SIGN_IN)
def ask(
    request: Request,
    dashboard: TheDashboard,
    next: str = "/",  # noqa: A002
    unsent: str = "",
    tab: str = "",
) -> Response:
    """The sign-in page.

    ``unsent``: it was shown in answer to a form. ``tab``: it was opened in a tab of its
    own by a page that holds a form.
    """
    session = session_of(request, dashboard)
    if session is None:
        back = IN_ANOTHER_TAB if tab else next
        return _page(request, dashboard, 200, None, back, unsent=bool(unsent))
    if tab:
        request.state.session = session
        return page(request, "signed_in.html")
    return RedirectResponse(ours(next), 303)


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
        why = _("Too many wrong access tokens came from this address: wait a minute.")
        return _page(request, dashboard, 429, why, back)
    found = dashboard.access.token(token.strip())
    if found is None:
        dashboard.failures.hit(FAILURES, address)
        why = _("This access token is not known: check it, or ask for a new one.")
        return _page(request, dashboard, 401, why, back)
    if Scope.READ not in found.scopes:
        why = _(
            "You cannot sign in with the access token %(name)s: it has no right to see"
            " the pages.",
            name=found.name,
        )
        return _page(request, dashboard, 403, why, back)
    response = RedirectResponse(ours(back), 303)
    keep_session(request, response, dashboard.sessions.cookie(found))
    return response


def keep_session(request: Request, response: Response, cookie: str) -> None:
    """Have the browser keep the session's cookie."""
    response.set_cookie(
        cookie_name(request),
        cookie,
        max_age=int(LASTS.total_seconds()),
        httponly=True,
        secure=is_secure(request),
        samesite="strict",
    )


@router.post("/desk/sign-out")
def sign_out(
    request: Request,
    dashboard: TheDashboard,
    everywhere: Annotated[str, Form()] = "",
) -> Response:
    """End this session, or with ``everywhere`` all sessions of its token or user."""
    check_origin(request)
    if (ended := session_of(request, dashboard)) is not None:
        dashboard.end(ended, everywhere=bool(everywhere))
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(
        cookie_name(request),
        httponly=True,
        secure=is_secure(request),
        samesite="strict",
    )
    return response


def _page(
    request: Request,
    dashboard: Dashboard,
    status: int,
    why: str | None,
    back: str,
    *,
    unsent: bool = False,
) -> Response:
    return page(
        request,
        "sign_in.html",
        status,
        back=ours(back),
        unsent=unsent,
        why=why,
        tokens=bool(dashboard.access.tokens),
        openid=dashboard.openid is not None,
    )


def ours(back: str) -> str:
    """The page to go back to: one of this dashboard, never one of another site."""
    good = back == "/" or back.startswith(("/?", "/desk/"))
    return back if good and back.isprintable() and "\\" not in back else "/"
