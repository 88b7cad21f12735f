"""Every error as ``application/problem+json`` (RFC 9457), in sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from rescind.errors import problem
from rescind.errors.http_errors import HTTP_API
from rescind.ledger.storage.transactions import LedgerUnreachableError

MEDIA_TYPE = "application/problem+json"
OTHERS = (
    *("invalid-request", "conflict"),
    *("redis-unreachable", "ledger-unreachable", "clock"),
)
"""Problems that the door shares with the command line."""
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
    """A request ends here: a status, what kind of problem it is, and a sentence."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.slug, self.detail = status, slug, detail
        self.headers, self.more = headers or {}, more

    def document(self) -> dict[str, Any]:
        return {
            "type": f"/errors/{self.slug}",
            "title": problem(self.slug).title,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }

    def response(self) -> Response:
        return JSON(
            self.document(),
            status_code=self.status,
            headers=dict(self.headers),
            media_type=MEDIA_TYPE,
        )


class JSON(Response):
    """JSON of any text, half a surrogate pair too."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def internal_error() -> ProblemError:
    return ProblemError(
        500,
        "internal-error",
        "This is a fault of the door's own; its log names it. Send the same again:"
        " what was taken in already is not taken in twice.",
    )


def ledger_unreachable() -> ProblemError:
    """Says nothing of where the ledger is: that is in the log."""
    return ProblemError(
        503,
        "ledger-unreachable",
        "The ledger cannot be used just now, so nothing was done. Send the same again:"
        " what was taken in all the same is not taken in twice.",
        {"Retry-After": str(LEDGER_RETRY_SECONDS)},
    )


def add_handlers(app: FastAPI) -> None:
    """Let everything that can end a request end it as a problem."""
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
    slug = _BY_STATUS.get(error.status_code, "invalid-request")
    says = {
        404: "There is nothing at this address: /openapi.json lists all there are.",
        405: f"This address does not take {request.method[:20]}.",
    }
    detail = says.get(error.status_code) or HTTPStatus(error.status_code).phrase
    headers = error.headers or {}
    return ProblemError(error.status_code, slug, detail, headers).response()


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    wrong = [f"{_name(one['loc'])}: {one['msg']}" for one in error.errors()]
    return ProblemError(422, "invalid-request", "; ".join(wrong[:10])).response()


def _name(where: Sequence[str | int]) -> str:
    # "query" or "path" comes first, and within a list the place in it.
    return next((str(one) for one in where[1:] if isinstance(one, str)), "request")


async def _ledger(_request: Request, _error: Exception) -> Response:
    return ledger_unreachable().response()


async def _gone(_request: Request, _error: Exception) -> Response:
    # Nobody is there to read it.
    return Response(status_code=400)
