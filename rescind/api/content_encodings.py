"""Refuses bodies in a content coding: none is decoded, so none can be a bomb."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from rescind.api.problem_codes import ProblemCode
from rescind.api.problem_details import ProblemError

PLAIN = frozenset({"", "identity"})


class ContentEncodings:
    """ASGI middleware for all routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_coded(Headers(scope=scope)):
            await _refused().response()(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_coded(headers: Headers) -> bool:
    given = ",".join(headers.getlist("content-encoding")).split(",")
    return any(one.strip().lower() not in PLAIN for one in given)


def _refused() -> ProblemError:
    return ProblemError(
        415,
        "invalid-request",
        "The body must be sent as it is: without Content-Encoding.",
        {"Accept-Encoding": "identity", "Connection": "close"},
        code=ProblemCode.UNSUPPORTED_ENCODING,
        param="/header/Content-Encoding",
    )
