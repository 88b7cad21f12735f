"""Middleware around every request: security headers, a bound on requests, errors."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

import structlog
from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rescind.api.admission import place_of
from rescind.api.budgets import Budgets
from rescind.api.problem_details import internal_error

log = structlog.get_logger("rescind.api")
ALWAYS = frozenset({"/healthz", "/readyz"})
"""Answered without a place: they cost almost nothing, and report other faults."""
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

    def __init__(self, app: ASGIApp, budgets: Budgets) -> None:
        self._app = app
        self._budgets = budgets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._placed(scope, receive, answer)
        except Exception as error:  # noqa: BLE001  (the caller must get an answer)
            # The error's text might hold submitted data: only its kind and place.
            log.error("a request failed", kind=type(error).__name__, at=_place(error))  # noqa: TRY400
            if answer.begun:
                return
            await internal_error().response()(scope, receive, answer)

    async def _placed(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        """Run the app, if the request gets a place."""
        if scope["path"] in ALWAYS:
            await self._app(scope, receive, answer)
            return
        place = place_of(Request(scope), self._budgets)
        if not place.budget.enter(place.caller):
            await place.refusal()(scope, receive, answer)
            return
        try:
            await self._app(scope, place.bounded(receive), answer)
        finally:
            place.budget.leave(place.caller)


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
