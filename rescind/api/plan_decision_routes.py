"""Routes by which an operator decides for what waits for other cancellations."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from rescind.api.callers import LimitedOperator
from rescind.api.cancellation_routes import context_of, not_found, record_of
from rescind.api.openapi import TOKEN_PROBLEMS, problems
from rescind.api.problem_details import JSON, ProblemError
from rescind.api.response_models import Record
from rescind.config.access_tokens import Token
from rescind.operations import actions
from rescind.operations.actions import UnknownError
from rescind.operations.release_and_skip import RELEASE, SKIP, Decision, decide
from rescind.provider.outcomes import InvalidRequestError

router = APIRouter(
    prefix="/v1/cancellations", tags=["cancellations"], responses=TOKEN_PROBLEMS
)
DONE = {200: {"model": Record}, **problems(404, 409)}


@router.post("/{id}/release", summary="Send one that waits for others", responses=DONE)
def release(id: str, request: Request, caller: LimitedOperator) -> Response:  # noqa: A002
    """It is sent, whatever becomes of those that it waits for."""
    return _decide(request, RELEASE, id, caller)


@router.post("/{id}/skip", summary="End one that waits for others", responses=DONE)
def skip(id: str, request: Request, caller: LimitedOperator) -> Response:  # noqa: A002
    """It ends as `withdrawn`, `not_wanted`, and nothing is sent for it."""
    return _decide(request, SKIP, id, caller)


def _decide(request: Request, decision: Decision, name: str, caller: Token) -> Response:
    context, now = context_of(request), datetime.now(UTC)
    by, within = caller.actor, caller.limits
    try:
        row = decide(context.ledger(), decision, name, now, within, by=by)
    except UnknownError:
        raise not_found("cancellation") from None
    except InvalidRequestError as error:
        raise ProblemError(409, "conflict", str(error), code=error.code) from None
    for operation, lanes in actions.lanes_to_notify([row]).items():
        context.notifier.notify(lanes, operation)
    return JSON(record_of(row, caller))
