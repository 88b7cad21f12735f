"""Routes that take back a cancellation which was not sent."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from rescind.api.callers import LimitedWithdrawer
from rescind.api.cancellation_routes import context_of, not_found, record_of
from rescind.api.openapi import TOKEN_PROBLEMS, problems
from rescind.api.problem_details import JSON, ProblemError
from rescind.api.response_models import Record
from rescind.config.access_tokens import Token
from rescind.ledger.changes.withdrawals import NotWithdrawableError
from rescind.operations.actions import UnknownError
from rescind.operations.withdrawal import withdraw

router = APIRouter(
    prefix="/v1/cancellations", tags=["cancellations"], responses=TOKEN_PROBLEMS
)
DONE = {200: {"model": Record}, **problems(404, 409)}


@router.delete("/{id}", summary="Withdraw one that was not sent", responses=DONE)
def withdraw_one(id: str, request: Request, caller: LimitedWithdrawer) -> Response:  # noqa: A002
    """It ends as `withdrawn`, and nothing is sent for it.

    One that was sent, or may have been, is refused with `already-sent`. One that has
    ended otherwise is refused with `already-ended`. A second request succeeds, too.
    """
    return _withdraw(request, id, caller)


@router.delete(
    "/{provider}/{account}/{key:path}",
    summary="Withdraw one that was not sent, by its provider, account and key",
    responses=DONE,
)
def withdraw_by_key(
    provider: str, account: str, key: str, request: Request, caller: LimitedWithdrawer
) -> Response:
    """The key is the order unless the producer gave another; it may hold slashes."""
    return _withdraw(request, f"{provider}/{account}/{key}", caller)


def _withdraw(request: Request, name: str, caller: Token) -> Response:
    engine = context_of(request).ledger()
    try:
        now, within = datetime.now(UTC), caller.limits
        row = withdraw(engine, name, now, within, by=caller.actor)
    except UnknownError:
        raise not_found("cancellation") from None
    except NotWithdrawableError as error:
        raise ProblemError(409, error.problem, str(error)) from None
    return JSON(record_of(row, caller))
