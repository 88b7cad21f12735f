"""Problems that the HTTP server answers before any route sees the request."""

from __future__ import annotations

from http import HTTPStatus

from starlette.types import Receive, Scope, Send

from rescind.api.problem_codes import ProblemCode
from rescind.api.problem_details import ProblemError
from rescind.api.request_context import HEADER, new_request_id


def malformed(says: str) -> bytes:
    """The whole answer to a request that is no HTTP, for the connection itself."""
    its_id = new_request_id()
    found = ProblemError(
        400,
        "invalid-request",
        says,
        {HEADER: its_id, "Connection": "close", "Cache-Control": "no-store"},
        code=ProblemCode.MALFORMED_HTTP,
    )
    response = found.response(its_id)
    status = f"HTTP/1.1 {found.status} {HTTPStatus(found.status).phrase}\r\n".encode()
    lines = [b"%s: %s\r\n" % pair for pair in response.raw_headers]
    return b"".join([status, *lines, b"\r\n", bytes(response.body)])


async def crowded(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI app that answers while there are too many connections."""
    its_id = new_request_id()
    found = ProblemError(
        503,
        "not-ready",
        "Too many connections are open: send the request again in a second.",
        {HEADER: its_id, "Retry-After": "1", "Connection": "close"},
    )
    await found.response(its_id)(scope, receive, send)
