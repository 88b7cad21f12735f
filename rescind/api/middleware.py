"""Middleware around every request: security headers, a bound on requests, errors."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rescind.api.problem_details import ProblemError, internal_error

log = structlog.get_logger("rescind.api")
MOST_AT_ONCE = 200
"""Requests under way at once; more are answered with 503."""
ALWAYS = frozenset({"/healthz", "/readyz"})
"""Answered beyond that bound: they cost almost nothing, and report other faults."""
HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Set unless a route sets its own, as the dashboard's pages do."""


class Guard:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        if scope["path"] in ALWAYS:
            await self._guarded(scope, receive, answer)
            return
        self._under_way += 1
        try:
            if self._under_way > MOST_AT_ONCE:
                await _too_many().response()(scope, receive, answer)
            else:
                await self._guarded(scope, receive, answer)
        finally:
            self._under_way -= 1

    async def _guarded(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            await self._app(scope, receive, answer)
        except Exception as error:  # noqa: BLE001  (the caller must get an answer)
            # The error's text might hold submitted data: only its kind and place.
            log.error("a request failed", kind=type(error).__name__, at=_place(error))  # noqa: TRY400
            if answer.begun:
                return
            await internal_error().response()(scope, receive, answer)


class _Answer:
    """A ``send`` that adds the headers and records whether an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"


def _too_many() -> ProblemError:
    return ProblemError(
        503,
        "not-ready",
        f"{MOST_AT_ONCE} requests are under way already: send yours again in a second.",
        {"Retry-After": "1"},
    )
