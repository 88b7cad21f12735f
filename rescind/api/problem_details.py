"""Turns every error into ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from rescind.api.methods import allowed
from rescind.api.problem_codes import ProblemCode, code_of
from rescind.api.request_context import request_id
from rescind.dashboard.unknown_page import form_address, unknown_page, wants_page
from rescind.errors import problem
from rescind.errors.http_errors import HTTP_API
from rescind.ledger.storage.transactions import LedgerUnreachableError
from rescind.provider.refusal_codes import pointer

MEDIA_TYPE = "application/problem+json"
OTHERS = (
    *("invalid-request", "conflict", "already-sent", "already-ended"),
    *("redis-unreachable", "redis-refuses", "ledger-unreachable", "clock"),
)
"""Problems that the HTTP API shares with the command line."""
TITLES = {
    slug: problem(slug).title
    for slug in (*(one.slug for one in HTTP_API.problems), *OTHERS)
}
LEDGER_RETRY_SECONDS = 2
_BY_STATUS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    429: "too-many-requests",
    503: "not-ready",
}


class ProblemError(Exception):
    """Ends a request: an HTTP status, the problem's slug, and a sentence.

    ``code`` says more exactly than the slug what is wrong. ``param`` is a JSON pointer
    (RFC 6901) to what is wrong in the body; ``/query/NAME`` and ``/header/NAME`` are a
    query parameter and a header.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        *,
        code: str | None = None,
        param: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.code, self.param = code or code_of(slug), param
        self.status, self.slug, self.detail = status, slug, detail
        self.headers, self.more = headers or {}, more

    def document(self, its_request: str | None = None) -> dict[str, Any]:
        return {
            "type": f"/errors/{self.slug}",
            "title": problem(self.slug).title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "param": self.param,
            "request_id": its_request or request_id(),
            **self.more,
        }

    def response(self, its_request: str | None = None) -> Response:
        return JSON(
            self.document(its_request),
            status_code=self.status,
            headers=dict(self.headers),
            media_type=MEDIA_TYPE,
        )


class JSON(Response):
    """A JSON response that can hold any text, lone surrogates too."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def internal_error() -> ProblemError:
    return ProblemError(
        500,
        "internal-error",
        "This is a fault in the HTTP API; its log names it. Send the same request"
        " again: a cancellation that was accepted already is not accepted twice.",
    )


def ledger_unreachable() -> ProblemError:
    """The ledger cannot be used; where it is stands only in the log."""
    return ProblemError(
        503,
        "ledger-unreachable",
        "The ledger cannot be used now. Send the same request again: a cancellation"
        " that was accepted nevertheless is not accepted twice.",
        {"Retry-After": str(LEDGER_RETRY_SECONDS)},
    )


def add_handlers(app: FastAPI) -> None:
    """Register handlers, so that each kind of error is answered as a problem."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(LedgerUnreachableError, _ledger)
    app.add_exception_handler(ClientDisconnect, _gone)


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101  (for mypy)
    return error.response()


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return await _wrong_method(request)
    if _no_such_address(request, error) and wants_page(request):
        return await to_thread.run_sync(unknown_page, request)
    slug = _BY_STATUS.get(error.status_code, "invalid-request")
    says = {404: "This address does not exist: /openapi.json lists those that do."}
    detail = says.get(error.status_code) or HTTPStatus(error.status_code).phrase
    headers = error.headers or {}
    return ProblemError(error.status_code, slug, detail, headers).response()


def _no_such_address(request: Request, error: HTTPException) -> bool:
    """Whether no route has the address; otherwise its route answers for itself."""
    return error.status_code == HTTPStatus.NOT_FOUND and "endpoint" not in request.scope


async def _wrong_method(request: Request) -> Response:
    # The router's own Allow has the methods of one route, where others have the rest.
    headers = {"Allow": ", ".join(allowed(request.app, request.scope))}
    method = request.scope.get("asked_method", request.method)[:20]
    if method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    if wants_page(request):
        page = await to_thread.run_sync(form_address, request)
        page.headers.update(headers)
        return page
    says = f"This address takes {headers['Allow']}, and not {method}."
    return ProblemError(405, "method-not-allowed", says, headers).response()


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    wrong = [f"{_name(one['loc'])}: {one['msg']}" for one in error.errors()]
    return ProblemError(
        422,
        "invalid-request",
        "; ".join(wrong[:10]),
        code=ProblemCode.INVALID_PARAMETER,
        param=pointer([one for one in error.errors()[0]["loc"] if one != "__root__"]),
    ).response()


def _name(where: Sequence[str | int]) -> str:
    # The first part is "query" or "path"; a number is the place within a list.
    return next((str(one) for one in where[1:] if isinstance(one, str)), "request")


async def _ledger(request: Request, _error: Exception) -> Response:
    request.app.state.readiness.doubt()
    return ledger_unreachable().response()


async def _gone(_request: Request, _error: Exception) -> Response:
    # The client has disconnected and does not read this answer.
    return Response(status_code=400)
