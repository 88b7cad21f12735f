"""The language that a reader chooses on the page, kept in a cookie."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from rescind.dashboard.page_guard import DashboardRoute, check_origin
from rescind.dashboard.session_cookies import is_secure
from rescind.dashboard.sign_in import ours
from rescind.dashboard.translation import COOKIE, LANGUAGES

YEAR = 365 * 24 * 3600

router = APIRouter(route_class=DashboardRoute)


@router.post("/desk/language")
def choose(
    request: Request,
    language: Annotated[str, Form()] = "",
    back: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Keep the chosen language for a year; an unknown one changes nothing."""
    check_origin(request)
    response = RedirectResponse(ours(back), 303)
    if language in LANGUAGES:
        response.set_cookie(
            COOKIE,
            language,
            max_age=YEAR,
            httponly=True,
            secure=is_secure(request),
            samesite="lax",
        )
    return response
