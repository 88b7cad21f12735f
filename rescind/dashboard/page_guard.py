"""Guards every page: sessions, security headers, and errors as readable pages."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError
from starlette.types import Message

from rescind.config.access_tokens import Scope
from rescind.config.settings import SettingsError
from rescind.dashboard import translation
from rescind.dashboard.page_context import Dashboard, dashboard_of
from rescind.dashboard.security_headers import HEADERS
from rescind.dashboard.session_cookies import session_of
from rescind.dashboard.sessions import Session
from rescind.dashboard.sign_in_redirect import to_sign_in
from rescind.dashboard.translation import _
from rescind.dashboard.trouble import trouble
from rescind.dashboard.unsent_forms import BODY, form_again, held_form
from rescind.ledger.seal import SealError
from rescind.ledger.storage.unreachable import LedgerUnreachableError, in_words
from rescind.provider.outcomes import InvalidRequestError

FORM = "application/x-www-form-urlencoded"
LARGEST_FORM = 65_536
"""Bytes of a form: 200 ticked cancellations take about 10,000."""


class NotSignedInError(Exception):
    """The request has no session, or one that has ended."""


class EarlierSessionError(Exception):
    """The form has the key of no session, or of another one than the request."""


class RefusedError(Exception):
    """The request is refused; the text is a sentence for the user."""

    def __init__(self, why: str, status: int = 403) -> None:
        super().__init__(why)
        self.status = status


def _earlier_session() -> str:
    return _("This form belongs to an earlier session: go back, reload and try again.")


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class DashboardRoute(APIRoute):
    """A route that adds the pages' headers, and answers errors as pages."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            accepted = request.headers.get("accept-language", "")
            translation.speak(request.cookies.get(translation.COOKIE), accepted)
            try:
                response = await self._answer(request, handle)
            except Exception as error:
                found = _in_words(request, error)
                if found is None:
                    raise
                response = found
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return guarded

    async def _answer(self, request: Request, handle: Handler) -> Response:
        try:
            return await handle(await self.read(request))
        except EarlierSessionError:
            found = await run_in_threadpool(form_again, request)
        if found is None:
            raise RefusedError(_earlier_session())
        return found

    async def read(self, request: Request) -> Request:
        """The request with its body; raises ``RefusedError`` if that is refused."""
        return await _whole(request)


async def _whole(request: Request) -> Request:
    """The request with its form, which is read, bounded, before authentication."""
    if request.method == "GET":
        return request
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("", FORM):
        # A multipart form names its encodings, and some take minutes to decode.
        why = _("A form must be sent as %(kind)s: nothing was done.", kind=FORM)
        raise RefusedError(why, 415)
    body = await bounded_body(request, LARGEST_FORM)
    setattr(request.state, BODY, body)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


async def bounded_body(request: Request, most: int) -> bytes:
    """The body of at most ``most`` bytes; raises ``RefusedError`` for a larger one."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise RefusedError(_("The form is too large: nothing was done."), 413)
    return bytes(body)


def _in_words(request: Request, error: Exception) -> Response | None:
    if isinstance(error, NotSignedInError):
        return held_form(request) or to_sign_in(request)
    if isinstance(error, RefusedError):
        return trouble(request, error.status, _("That was not done"), str(error))
    if isinstance(error, InvalidRequestError):
        return trouble(request, 422, _("That was not done"), str(error))
    if isinstance(error, LedgerUnreachableError):
        # The next check of ``/readyz`` writes to the ledger.
        request.app.state.readiness.doubt()
        return trouble(request, 503, _("The ledger cannot be used"), str(error))
    if isinstance(error, DBAPIError):
        why = in_words(dashboard_of(request).context.engine, error)
        return trouble(request, 503, _("The ledger cannot be used"), why)
    if isinstance(error, SettingsError | SealError):
        return trouble(request, 503, _("A setting is wrong"), str(error))
    return None


# --- authentication -------------------------------------------------------------------


TheDashboard = Annotated[Dashboard, Depends(dashboard_of)]


def limited_reader(request: Request, dashboard: TheDashboard) -> Session:
    """A dependency: the session of a signed-in user; raises ``NotSignedInError``.

    Only for pages that show and change nothing outside ``Session.limits``.
    """
    found = session_of(request, dashboard)
    if found is None:
        raise NotSignedInError
    request.state.session = found
    return found


LimitedReader = Annotated[Session, Depends(limited_reader)]


def reader(who: LimitedReader) -> Session:
    """As ``limited_reader``; refuses sessions of limited tokens."""
    return without_limits(who)


Reader = Annotated[Session, Depends(reader)]


def without_limits(who: Session) -> Session:
    """``who``; raises ``RefusedError`` if its token is limited."""
    if not who.limits.unlimited:
        raise RefusedError(who.beyond_limits())
    return who


def check_scope(who: Session, scope: Scope) -> None:
    """Raise ``RefusedError`` if the session's token lacks the scope."""
    if not who.may(scope):
        raise RefusedError(who.lacks(scope))


def check_form(request: Request, who: Session, form_key: str, scope: Scope) -> None:
    """Raise ``RefusedError`` unless this user may send this form.

    It is refused if it came from another site, or if the token lacks the scope. If it
    came from another session, ``EarlierSessionError`` is raised.
    """
    check_origin(request)
    if not hmac.compare_digest(form_key.encode(), who.form_key.encode()):
        # The form is shown again only to those who may send it.
        raise (
            EarlierSessionError if who.may(scope) else RefusedError(_earlier_session())
        )
    check_scope(who, scope)


def limited_operator(
    request: Request, who: LimitedReader, form_key: Annotated[str, Form()] = ""
) -> Session:
    """A dependency: the session of a user who may operate; raises ``RefusedError``.

    Only for routes that obey ``Session.limits``.
    """
    check_form(request, who, form_key, Scope.OPERATE)
    return who


LimitedOperator = Annotated[Session, Depends(limited_operator)]


def operator(who: LimitedOperator) -> Session:
    """As ``limited_operator``; refuses sessions of limited tokens."""
    return without_limits(who)


Operator = Annotated[Session, Depends(operator)]


def limited_submitter(
    request: Request, who: LimitedReader, form_key: Annotated[str, Form()] = ""
) -> Session:
    """A dependency: the session of a user who may submit; raises ``RefusedError``.

    Only for routes that obey ``Session.limits``.
    """
    check_form(request, who, form_key, Scope.SUBMIT)
    return who


LimitedSubmitter = Annotated[Session, Depends(limited_submitter)]


def check_origin(request: Request) -> None:
    """Raise ``RefusedError`` for a request that another site's page made."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        # Behind a proxy, Host may differ: the browser's own verdict is more reliable.
        ours = site in ("same-origin", "none")
    else:
        host = request.headers.get("host", "")
        ours = origin is None or origin.partition("://")[2] == host
    if not ours:
        raise RefusedError(_("A page of another site sent this: nothing was done."))
