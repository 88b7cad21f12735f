"""Routes that show and retry one cancellation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from rescind.api.api_context import ApiContext
from rescind.api.bodies import read_json
from rescind.api.callers import LimitedOperator, LimitedReader
from rescind.api.openapi import RETRY, TOKEN_PROBLEMS, problems
from rescind.api.problem_codes import ProblemCode
from rescind.api.problem_details import JSON, ProblemError
from rescind.api.response_models import Record, RecordWithHistory
from rescind.config.access_tokens import Token
from rescind.config.times import parse_time
from rescind.intake.validation import LONGEST_TEXT
from rescind.ledger.reading.limited import sees
from rescind.ledger.reading.predecessors import as_after, predecessors_of
from rescind.ledger.reading.queries import as_record, history, rows_of
from rescind.ledger.storage.transactions import reading
from rescind.operations import actions
from rescind.operations.actions import ChangedError, UnknownError
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode

router = APIRouter(prefix="/v1", tags=["cancellations"], responses=TOKEN_PROBLEMS)
Text = Annotated[str | None, Query(max_length=LONGEST_TEXT)]


def context_of(request: Request) -> ApiContext:
    context: ApiContext = request.app.state.context
    return context


def not_found(what: str) -> ProblemError:
    return ProblemError(404, "not-found", f"This {what} does not exist.")


# --- one ------------------------------------------------------------------------------


@router.get(
    "/cancellations/{id}",
    summary="One cancellation, with its history",
    responses={200: {"model": RecordWithHistory}, **problems(404)},
)
def show(id: str, request: Request, caller: LimitedReader) -> Response:  # noqa: A002
    """The history is oldest first, and holds the provider's own words."""
    return _show(request, id, caller)


@router.get(
    "/cancellations/{provider}/{account}/{key:path}",
    summary="One cancellation, by its provider, account and key",
    responses={200: {"model": RecordWithHistory}, **problems(404)},
)
def show_by_key(
    provider: str, account: str, key: str, request: Request, caller: LimitedReader
) -> Response:
    """The key is the order unless the producer gave another; it may hold slashes."""
    return _show(request, f"{provider}/{account}/{key}", caller)


def _show(request: Request, name: str, caller: Token) -> Response:
    with reading(context_of(request).ledger()) as connection:
        try:
            row = actions.found(connection, name, caller.limits)
        except UnknownError:
            raise not_found("cancellation") from None
        steps = history(connection, row.id)
        before = predecessors_of(connection, [row.id]).get(row.id, [])
        seen = rows_of(connection, [one.id for one in before])
        hidden = {one.id for one in seen if not sees(caller.limits, one)}
        after = as_after(before, hidden)
    return JSON(
        {**record_of(row, caller), "after": after, "history": _told(steps, caller)}
    )


def _told(steps: list[dict[str, Any]], caller: Token) -> list[dict[str, Any]]:
    """The history; a limited caller is not told the names of the workers' hosts."""
    for step in steps if not caller.limits.unlimited else ():
        if isinstance(step["evidence"], dict):
            step["evidence"].pop("worker", None)
    return steps


def record_of(row: Any, caller: Token) -> dict[str, Any]:
    """The record, with its key as this caller sent it."""
    return {**as_record(row), "key": caller.limits.shown_key(row.key)}


@router.post(
    "/cancellations/{id}/retry",
    summary="Open a new round for one that failed, expired or was rejected",
    responses={200: {"model": Record}, **problems(404, 409, 413)},
    openapi_extra=RETRY,
)
async def retry(id: str, request: Request, caller: LimitedOperator) -> Response:  # noqa: A002
    """If an earlier call may have worked, the provider is asked before a new one."""
    before = _deadline(await read_json(request, empty={}), datetime.now(UTC))
    context = context_of(request)
    row = await run_in_threadpool(_retry, context, id, before, caller)
    for operation, lanes in actions.lanes_to_notify([row]).items():
        context.notifier.notify(lanes, operation)
    return JSON(record_of(row, caller))


def _retry(
    context: ApiContext, name: str, before: datetime | None, caller: Token
) -> Any:
    known, now = (context.ledger(), context.accounts), datetime.now(UTC)
    try:
        return actions.retry(*known, name, now, before, caller.limits, by=caller.actor)
    except UnknownError:
        raise not_found("cancellation") from None
    except InvalidRequestError as error:
        code, param = error.code, error.param or None
        raise ProblemError(
            409, "conflict", str(error), code=code, param=param
        ) from None
    except ChangedError as error:
        raise ProblemError(409, "conflict", str(error)) from None


def _deadline(body: Any, now: datetime) -> datetime | None:
    if not isinstance(body, dict) or body.keys() - {"cancel_before"}:
        says = 'The body must be {"cancel_before": "+1h"}, or empty.'
        code = ProblemCode.INVALID_BODY
        raise ProblemError(400, "invalid-request", says, code=code, param="")
    if body.get("cancel_before") is None:
        return None
    try:
        moment = parse_time(body["cancel_before"], now)
    except ValueError as error:
        raise _wrong_deadline(f"cancel_before {error}") from None
    if moment <= now:
        raise _wrong_deadline("cancel_before has passed: give a later time")
    return moment


def _wrong_deadline(says: str) -> ProblemError:
    return ProblemError(
        422,
        "invalid-request",
        says,
        code=RefusalCode.INVALID_VALUE,
        param="/cancel_before",
    )
