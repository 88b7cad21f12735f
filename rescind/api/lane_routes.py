"""Routes that show, hold and resume lanes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from rescind.api.api_context import ApiContext
from rescind.api.bodies import read_json
from rescind.api.callers import LimitedOperator, LimitedReader
from rescind.api.cancellation_routes import context_of, not_found
from rescind.api.openapi import TOKEN_PROBLEMS, problems
from rescind.api.operation_models import Lane as LaneDocument
from rescind.api.operation_models import Lanes
from rescind.api.problem_codes import ProblemCode
from rescind.api.problem_details import JSON, ProblemError
from rescind.config.access_tokens import Token
from rescind.config.accounts import Lane
from rescind.ledger.reading.backlogs import COUNTED
from rescind.operations import actions, lane_holds
from rescind.operations.actions import UnknownError
from rescind.operations.lane_holds import LONGEST_NOTE, hold_note
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode
from rescind.provider.text import storable

router = APIRouter(prefix="/v1/lanes", tags=["lanes"], responses=TOKEN_PROBLEMS)
ONE = "/{provider}/{account}"
FOUND = {200: {"model": LaneDocument}, **problems(404)}
HOLD: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "reason": {
                            "type": ["string", "null"],
                            "maxLength": LONGEST_NOTE,
                            "description": "Why, for those who see the hold.",
                        }
                    },
                    "additionalProperties": False,
                },
                "examples": {
                    "maintenance": {"value": {"reason": "maintenance until 18:00"}}
                },
            }
        },
    }
}
"""``openapi_extra`` of the route that holds a lane."""
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


@router.post(
    f"{ONE}/hold",
    summary="Hold a lane",
    responses={**FOUND, **problems(413)},
    openapi_extra=HOLD,
)
async def hold(
    provider: str, account: str, request: Request, caller: LimitedOperator
) -> Response:
    """No call begins on a held lane until it is resumed; calls under way end."""
    context, lane = context_of(request), _named(provider, account, caller)
    note = _note(await read_json(request, empty={}))
    return await run_in_threadpool(_hold, context, lane, note, caller)


def _note(body: Any) -> str | None:
    """Why the lane is held; raises ``ProblemError``."""
    if not isinstance(body, dict) or body.keys() - {"reason"}:
        says = 'The body must be {"reason": "maintenance at the provider"}, or empty.'
        code = ProblemCode.INVALID_BODY
        raise ProblemError(400, "invalid-request", says, code=code, param="")
    given = body.get("reason")
    if not isinstance(given, str | None):
        raise _wrong_reason("the reason of a hold must be a text")
    try:
        return hold_note(given or "")
    except InvalidRequestError as error:
        raise _wrong_reason(str(error)) from None


def _wrong_reason(says: str) -> ProblemError:
    code = RefusalCode.INVALID_VALUE
    return ProblemError(422, "invalid-request", says, code=code, param="/reason")


def _hold(context: ApiContext, lane: Lane, note: str | None, caller: Token) -> Response:
    try:
        known = (context.ledger(), context.accounts, lane, datetime.now(UTC))
        lane_holds.hold(*known, note, by=caller.actor)
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
        fault = lane_holds.resume(*known, by=caller.actor)
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
