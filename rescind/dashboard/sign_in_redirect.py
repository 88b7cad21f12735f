"""Leads those who are not signed in to the sign-in page, and from there back."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from rescind.dashboard.rendering import page

SIGN_IN = "/desk/sign-in"


def to_sign_in(request: Request) -> Response:
    """Redirect to the sign-in page, which leads back to this page."""
    if _follows_a_link(request):
        return page(request, "onward.html", back=None)
    is_form, back = request.method != "GET", _page_of(request)
    # The sign-in page says that nothing was done with a form, and checks ``next``.
    asked = {"next": back if back != "/" else "", "unsent": "yes" if is_form else ""}
    given = urlencode({name: value for name, value in asked.items() if value})
    where = f"{SIGN_IN}?{given}" if given else SIGN_IN
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": where})
    return RedirectResponse(where, 303)


def _page_of(request: Request) -> str:
    """The address of the page that is asked for, or from which a form was sent."""
    if request.method == "GET":
        path, query = request.url.path, request.url.query
    else:
        try:
            sent_from = urlsplit(request.headers.get("referer", ""))
        except ValueError:
            return "/"
        path, query = sent_from.path, sent_from.query
    return f"{path}?{query}" if query else path or "/"


def _follows_a_link(request: Request) -> bool:
    """Whether a link on another site led here: then browsers do not send our cookie.

    The cookie is ``SameSite=strict``. A page that reloads itself makes them send it.
    """
    from_afar = request.headers.get("sec-fetch-site") == "cross-site"
    return from_afar and request.method == "GET"
