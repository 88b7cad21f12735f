"""Signing in at an OpenID Connect provider: to it, and back from it."""

from __future__ import annotations

import hmac
import json
from typing import Annotated

from cryptography.fernet import InvalidToken
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from limits import parse

from rescind.config.access_tokens import Scope
from rescind.dashboard.openid import CALLBACK, Attempt, OpenIdClient, OpenIdError, User
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.page_guard import DashboardRoute, RefusedError, TheDashboard
from rescind.dashboard.rendering import page
from rescind.dashboard.sign_in import keep_session, ours
from rescind.dashboard.translation import _

START = "/desk/openid"
ATTEMPT = "rescind_openid"
"""The cookie that ties the provider's answer to the browser that asked."""
ATTEMPT_SECONDS = 600
STARTS = parse("30/minute")
"""Sign-ins that one address may begin: each asks the provider."""

router = APIRouter(route_class=DashboardRoute)


@router.get(START)
def start(request: Request, dashboard: TheDashboard, next: str = "/") -> Response:  # noqa: A002
    """Send the browser to the provider."""
    client = _client(dashboard)
    _count(request, dashboard)
    attempt = Attempt.new()
    response = RedirectResponse(_asked(client, attempt), 303)
    held = [attempt.state, attempt.nonce, attempt.verifier, ours(next)]
    sealed = dashboard.sessions.fernet.encrypt(json.dumps(held).encode()).decode()
    response.set_cookie(
        ATTEMPT,
        sealed,
        max_age=ATTEMPT_SECONDS,
        path=START,
        httponly=True,
        secure=_is_secure(client),
        # The provider's answer comes from another site: with "strict" it would be lost.
        samesite="lax",
    )
    return response


@router.get(CALLBACK)
def come_back(
    request: Request,
    dashboard: TheDashboard,
    state: Annotated[str, Query(max_length=1000)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """Where the provider sends the browser back to."""
    client = _client(dashboard)
    _count(request, dashboard)
    attempt, back = _attempt(request, dashboard, state)
    user = _identified(client, attempt, code)
    if Scope.READ not in user.scopes:
        raise RefusedError(
            _(
                "%(name)s may not sign in: RESCIND_OIDC_ROLES gives none of this user's"
                " roles the scope read.",
                name=user.name,
            )
        )
    # A redirect would not send the strict cookie, since another site led here.
    response = page(request, "onward.html", back=back)
    cookie = dashboard.sessions.cookie_of_user(user.name, user.scopes)
    keep_session(request, response, cookie)
    response.delete_cookie(ATTEMPT, path=START)
    return response


def _client(dashboard: Dashboard) -> OpenIdClient:
    if dashboard.openid is None:
        raise RefusedError(
            _("There is no company sign-in here: use an access token."), 404
        )
    return dashboard.openid


def _count(request: Request, dashboard: Dashboard) -> None:
    address = request.client.host if request.client else "?"
    if not dashboard.failures.hit(STARTS, "openid", address):
        raise RefusedError(
            _("Too many sign-ins came from this address: wait a minute."), 429
        )


def _asked(client: OpenIdClient, attempt: Attempt) -> str:
    try:
        return client.address(attempt)
    except OpenIdError as error:
        raise RefusedError(str(error), 503) from None


def _identified(client: OpenIdClient, attempt: Attempt, code: str) -> User:
    if not code:
        raise RefusedError(_("The sign-in provider did not let you sign in."))
    try:
        return client.user(attempt, code)
    except OpenIdError as error:
        raise RefusedError(str(error)) from None


def _attempt(request: Request, dashboard: Dashboard, state: str) -> tuple[Attempt, str]:
    """The attempt of this browser, and the page to go back to."""
    cookie = request.cookies.get(ATTEMPT, "").encode()
    try:
        held = json.loads(dashboard.sessions.fernet.decrypt(cookie, ATTEMPT_SECONDS))
        known, nonce, verifier, back = held
    except (InvalidToken, ValueError):
        known = ""
    if not known or not hmac.compare_digest(known.encode(), state.encode()):
        raise RefusedError(
            _("This sign-in was not begun in this browser, or too long ago: try again.")
        )
    return Attempt(known, nonce, verifier), back


def _is_secure(client: OpenIdClient) -> bool:
    return client.chosen.base_url.startswith("https:")
