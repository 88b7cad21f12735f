"""What holds for every page: who may see it, its headers, and errors in words."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError
from starlette.types import Message

from rescind.config.settings import SettingsError
from rescind.dashboard.page_context import Desk, the_desk
from rescind.dashboard.rendering import page
from rescind.dashboard.sessions import Session
from rescind.ledger.seal import SealError
from rescind.ledger.storage.migrate import LedgerVersionError
from rescind.ledger.storage.unreachable import LedgerUnreachableError, in_words
from rescind.provider.outcomes import InvalidRequestError

SIGN_IN = "/desk/sign-in"
COOKIE = "rescind_desk"
SECURE_COOKIE = "__Host-rescind_desk"
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{k} {v}" for k, v in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with it browsers would hide a form's origin from us, too.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
FORM = "application/x-www-form-urlencoded"
LARGEST_FORM = 65_536
"""Bytes: 200 that are ticked come to some 10,000."""


class NotSignedInError(Exception):
    """No session, or one that is over."""


class RefusedError(Exception):
    """A person may not do this, or not from there: a sentence for them."""

    def __init__(self, why: str, status: int = 403) -> None:
        super().__init__(why)
        self.status = status


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class DeskRoute(APIRoute):
    """A page: with the headers of all pages, and errors as pages in words."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                response = await handle(await _whole(request))
            except Exception as error:
                found = _in_words(request, error)
                if found is None:
                    raise
                response = found
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return guarded


async def _whole(request: Request) -> Request:
    """The request with its form, which is read before anybody knows whose it is."""
    if request.method == "GET":
        return request
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("", FORM):
        # Parts of a multipart form name their encodings, and some take minutes to read.
        raise RefusedError(f"Forms are taken as {FORM} alone: nothing was done.", 415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise RefusedError("No form here is as large: nothing was done.", 413)

    async def receive() -> Message:
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return Request(request.scope, receive)


def _in_words(request: Request, error: Exception) -> Response | None:
    if isinstance(error, NotSignedInError):
        return to_sign_in(request)
    if isinstance(error, RefusedError):
        return _trouble(request, error.status, "That was not done", str(error))
    if isinstance(error, InvalidRequestError):
        return _trouble(request, 422, "That was not done", str(error))
    if isinstance(error, LedgerUnreachableError | LedgerVersionError):
        return _trouble(request, 503, "The ledger is out of reach", str(error))
    if isinstance(error, DBAPIError):
        why = in_words(the_desk(request).front.engine, error)
        return _trouble(request, 503, "The ledger is out of reach", why)
    if isinstance(error, SettingsError | SealError):
        return _trouble(request, 503, "A setting is wrong", str(error))
    return None


def _trouble(request: Request, status: int, title: str, why: str) -> Response:
    return page(request, "trouble.html", status, title=title, why=why)


# --- who it is ------------------------------------------------------------------------


def to_sign_in(request: Request) -> Response:
    """To the page that asks for a token, and back here afterwards."""
    if _follows_a_link(request):
        return page(request, "onward.html")
    back = request.url.path if request.method == "GET" else "/"
    if request.method == "GET" and request.url.query:
        back += f"?{request.url.query}"
    where = SIGN_IN if back == "/" else f"{SIGN_IN}?next={quote(back, safe='')}"
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": where})
    return RedirectResponse(where, 303)


def _follows_a_link(request: Request) -> bool:
    """Whether another site's link led here: then browsers keep a strict cookie back.

    A page that leads on to itself has it sent, to whoever is signed in.
    """
    from_afar = request.headers.get("sec-fetch-site") == "cross-site"
    return from_afar and request.method == "GET"


def is_secure(request: Request) -> bool:
    return request.url.scheme == "https"


def cookie_name(request: Request) -> str:
    return SECURE_COOKIE if is_secure(request) else COOKIE


def session_of(request: Request, desk: Desk) -> Session | None:
    """Whose session the request shows; asks anew whether its token still opens."""
    cookie = request.cookies.get(cookie_name(request))
    return desk.sessions.read(cookie, desk.access) if cookie else None


TheDesk = Annotated[Desk, Depends(the_desk)]


def reader(request: Request, desk: TheDesk) -> Session:
    """Whoever looks at a page."""
    found = session_of(request, desk)
    if found is None:
        raise NotSignedInError
    request.state.session = found
    return found


Reader = Annotated[Session, Depends(reader)]


def operator(
    request: Request, who: Reader, form_key: Annotated[str, Form()] = ""
) -> Session:
    """Whoever sends a form: from a page of ours, in this session, and allowed to."""
    check_origin(request)
    if not hmac.compare_digest(form_key.encode(), who.form_key.encode()):
        raise RefusedError(
            "This form is not of your present session: go back, reload and try again."
        )
    if not who.operates:
        raise RefusedError(
            f"The token {who.name} may look and not act: it lacks the scope operate."
        )
    return who


Operator = Annotated[Session, Depends(operator)]


def check_origin(request: Request) -> None:
    """Refuse what another site had this browser send."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        # Behind a proxy the browser knows better than we do where the page was from.
        ours = site in ("same-origin", "none")
    else:
        host = request.headers.get("host", "")
        ours = origin is None or origin.partition("://")[2] == host
    if not ours:
        raise RefusedError("This came from another site's page: nothing was done.")
