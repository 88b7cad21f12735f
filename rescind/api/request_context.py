"""What is known of the request that is being answered: its id, and its token's rate."""

from __future__ import annotations

import re
from contextvars import ContextVar
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Id"
SANE = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
"""Ids that are taken over from callers: they can stand in a header and in a log."""
RATE = "rate_limit"
"""The name in ``request.state`` of the headers about the token's rate."""
LIST_AGE = "list_age"
"""The name in ``request.state`` of the seconds that a list may be old."""
LIST_AGE_HEADER = "Rescind-List-Age"
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def request_id() -> str | None:
    """The id of the request that this task answers."""
    return _current.get()


def new_request_id() -> str:
    return str(uuid4())


class RequestContext:
    """ASGI middleware: gives each request an id, and answers HEAD wherever GET is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        its_id = _id_of(scope)
        set_back = _current.set(its_id)
        answer = _Answer(scope, its_id, send)
        try:
            with structlog.contextvars.bound_contextvars(request_id=its_id):
                await self._app(_as_get(scope), receive, answer)
        finally:
            _current.reset(set_back)


def _id_of(scope: Scope) -> str:
    given = Headers(scope=scope).getlist(HEADER)
    sane = len(given) == 1 and SANE.fullmatch(given[0])
    return given[0] if sane else new_request_id()


def _as_get(scope: Scope) -> Scope:
    """The scope as the routes see it: HEAD is GET without a body."""
    scope.setdefault("state", {})
    if scope["method"] != "HEAD":
        return scope
    return {**scope, "method": "GET", "asked_method": "HEAD"}


class _Answer:
    """A ``send`` that adds the headers, and that ends a HEAD after them."""

    def __init__(self, scope: Scope, its_id: str, send: Send) -> None:
        self._state, self._id, self._send = scope["state"], its_id, send
        self._head = scope["method"] == "HEAD"

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers[HEADER] = self._id
            headers.update(self._state.get(RATE, {}))
            if (age := self._state.get(LIST_AGE)) is not None:
                headers[LIST_AGE_HEADER] = f"{age:.1f}"
            await self._send(message)
            if self._head:
                # Also the answer that never ends, as a stream of events is.
                await self._send({"type": "http.response.body", "body": b""})
        elif not self._head:
            await self._send(message)
