"""Routes that show, hold and resume lanes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from rescind.api.api_context import ApiContext
from rescind.api.callers import LimitedOperator, LimitedReader
from rescind.api.cancellation_routes import context_of, not_found
from rescind.api.openapi import TOKEN_PROBLEMS, problems
from rescind.api.operation_models import Lane as LaneDocument
from rescind.api.operation_models import Lanes
from rescind.api.problem_details import JSON
from rescind.config.access_tokens import Token
from rescind.config.accounts import Lane
from rescind.ledger.reading.backlogs import COUNTED
from rescind.operations import actions
from rescind.operations.actions import UnknownError
from rescind.provider.text import storable

router = APIRouter(prefix="/v1/lanes", tags=["lanes"], responses=TOKEN_PROBLEMS)
ONE = "/{provider}/{account}"
FOUND = {200: {"model": LaneDocument}, **problems(404)}
Exact = Annotated[
    bool, Query(description=f"Count all, instead of up to {COUNTED:,} of each state.")
]


@router.get("", summary="Every lane", responses={200: {"model": Lanes}})
def list_lanes(
    request: Request, caller: LimitedReader, exact: Exact = False
) -> Response:
    """Each lane's backlog, oldest wait and rate, and why it is paused or held."""
    context, now = context_of(request), datetime.now(UTC)
    most = None if exact else COUNTED
    found = actions.lanes(context.ledger(), context.accounts, now, most, caller.limits)
    return JSON({"lanes": [one.document(now) for one in found]})


@router.get(ONE, summary="One lane", responses=FOUND)
def show_lane(
    provider: str,
    account: str,
    request: Request,
    caller: LimitedReader,
    exact: Exact = False,
) -> Response:
    return _lane(context_of(request), _named(provider, account, caller), exact=exact)


@router.post(f"{ONE}/hold", summary="Hold a lane", responses=FOUND)
def hold(
    provider: str, account: str, request: Request, caller: LimitedOperator
) -> Response:
    """No call begins on a held lane until it is resumed; calls under way end."""
    context, lane = context_of(request), _named(provider, account, caller)
    try:
        known = (context.ledger(), context.accounts, lane, datetime.now(UTC))
        actions.hold(*known, by=caller.actor)
    except UnknownError:
        raise not_found("lane") from None
    return _lane(context, lane)


@router.post(f"{ONE}/resume", summary="Resume a lane", responses=FOUND)
def resume(
    provider: str, account: str, request: Request, caller: LimitedOperator
) -> Response:
    """The lane's hold, pause and count of failures are cleared.

    A lane that the accounts file holds stays `held`, and `fault` says why.
    """
    context, lane = context_of(request), _named(provider, account, caller)
    try:
        known = (context.ledger(), context.accounts, lane, datetime.now(UTC))
        fault = actions.resume(*known, by=caller.actor)
    except UnknownError:
        raise not_found("lane") from None
    if fault is None:
        context.notifier.notify([lane], *actions.EVERY_OPERATION)
    return _lane(context, lane)


def _named(provider: str, account: str, caller: Token) -> Lane:
    """The lane; raises ``ProblemError`` if it is not wholly within the limits."""
    lane = storable(provider), storable(account)
    if not caller.limits.allows_lane(*lane):
        raise not_found("lane")
    return lane


def _lane(context: ApiContext, lane: Lane, *, exact: bool = False) -> Response:
    now, most = datetime.now(UTC), None if exact else COUNTED
    try:
        found = actions.lane(context.ledger(), context.accounts, lane, now, most)
    except UnknownError:
        raise not_found("lane") from None
    return JSON(found.document(now))
