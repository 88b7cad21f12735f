"""Routes that show, list and retry cancellations, and that count groups."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from rescind.api import cursors
from rescind.api.api_context import ApiContext
from rescind.api.bodies import read_json
from rescind.api.callers import Operator, Reader
from rescind.api.openapi import RETRY, TOKEN_PROBLEMS, problems
from rescind.api.problem_details import JSON, ProblemError
from rescind.api.response_models import Group, Record, Records, RecordWithHistory
from rescind.config.times import parse_time
from rescind.intake.validation import LONGEST_TEXT
from rescind.ledger.reading.groups import states_of_group
from rescind.ledger.reading.listing import Filter, list_rows
from rescind.ledger.reading.queries import as_record, history
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.operations import actions
from rescind.operations.actions import ChangedError, UnknownError
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.text import storable

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
def show(id: str, request: Request, _caller: Reader) -> Response:  # noqa: A002
    """The history is oldest first, and holds the provider's own words."""
    return _show(request, id)


@router.get(
    "/cancellations/{provider}/{account}/{key:path}",
    summary="One cancellation, by its provider, account and key",
    responses={200: {"model": RecordWithHistory}, **problems(404)},
)
def show_by_key(
    provider: str, account: str, key: str, request: Request, _caller: Reader
) -> Response:
    """The key is the order unless the producer gave another; it may hold slashes."""
    return _show(request, f"{provider}/{account}/{key}")


def _show(request: Request, name: str) -> Response:
    with reading(context_of(request).ledger()) as connection:
        try:
            row = actions.found(connection, name)
        except UnknownError:
            raise not_found("cancellation") from None
        steps = history(connection, row.id)
    return JSON({**as_record(row), "history": steps})


@router.post(
    "/cancellations/{id}/retry",
    summary="Open a new round for one that failed, expired or was rejected",
    responses={200: {"model": Record}, **problems(400, 404, 409, 413, 415)},
    openapi_extra=RETRY,
)
async def retry(id: str, request: Request, caller: Operator) -> Response:  # noqa: A002
    """If an earlier call may have worked, the provider is asked before a new one."""
    before = _deadline(await read_json(request), datetime.now(UTC))
    context = context_of(request)
    row = await run_in_threadpool(_retry, context, id, before, caller.actor)
    for operation, lanes in actions.lanes_to_notify([row]).items():
        context.notifier.notify(lanes, operation)
    return JSON(as_record(row))


def _retry(context: ApiContext, name: str, before: datetime | None, by: str) -> Any:
    try:
        known = (context.ledger(), context.accounts)
        return actions.retry(*known, name, datetime.now(UTC), before, by=by)
    except UnknownError:
        raise not_found("cancellation") from None
    except (InvalidRequestError, ChangedError) as error:
        raise ProblemError(409, "conflict", str(error)) from None


def _deadline(body: Any, now: datetime) -> datetime | None:
    if body is None:
        return None
    if not isinstance(body, dict) or body.keys() - {"cancel_before"}:
        says = 'The body must be {"cancel_before": "+1h"}, or empty.'
        raise ProblemError(400, "invalid-request", says)
    if body.get("cancel_before") is None:
        return None
    try:
        moment = parse_time(body["cancel_before"], now)
    except ValueError as error:
        says = f"cancel_before {error}"
        raise ProblemError(422, "invalid-request", says) from None
    if moment <= now:
        says = "cancel_before has passed: give a later time"
        raise ProblemError(422, "invalid-request", says)
    return moment


# --- many -----------------------------------------------------------------------------


@router.get(
    "/cancellations",
    summary="Cancellations, the newest first",
    responses={200: {"model": Records}},
)
def list_many(
    request: Request,
    _caller: Reader,
    state: Annotated[list[State] | None, Query(description="Any of these.")] = None,
    provider: Text = None,
    account: Text = None,
    group: Text = None,
    order: Text = None,
    limit: cursors.Limit = 50,
    cursor: cursors.Cursor = None,
) -> Response:
    """A cancellation must match all filters. New ones do not shift the pages."""
    wanted = Filter(
        states=[str(one) for one in state or []],
        provider=_storable(provider),
        account=_storable(account),
        group=_storable(group),
        order=_storable(order),
    )
    before = cursors.before(cursor)
    with reading(context_of(request).ledger()) as connection:
        # One row more than the page shows tells whether another page follows.
        rows = list_rows(connection, wanted, limit + 1, before)
    more = cursors.after(rows[limit - 1].id) if len(rows) > limit else None
    listed = [as_record(row) for row in rows[:limit]]
    return JSON({"cancellations": listed, "next": more})


def _storable(text: str | None) -> str | None:
    return None if text is None else storable(text)


@router.get(
    "/groups/{group:path}",
    tags=["groups"],
    summary="A group: how many of its cancellations are in each state",
    responses={200: {"model": Group}, **problems(404)},
)
def show_group(group: str, request: Request, _caller: Reader) -> Response:
    """All cancellations of the group are counted, without a limit."""
    with reading(context_of(request).ledger()) as connection:
        found = states_of_group(connection, storable(group))
    if not found:
        raise not_found("group")
    states = {state: found.get(state, 0) for state in State}
    return JSON({"group": group, "total": sum(found.values()), "states": states})
