"""The route that providers send events to. Signatures take the place of tokens."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.responses import Response

from rescind.api.api_context import ApiContext
from rescind.api.openapi import problems
from rescind.api.problem_details import ProblemError
from rescind.config.accounts import Lane
from rescind.operations.provider_events import ProvenEvent, proven, take_in_event
from rescind.provider.events import Event

log = structlog.get_logger("rescind.api")
router = APIRouter(prefix="/v1/providers", tags=["events of providers"])
RATE = parse("50/second")
"""Signed events of one account, for each API process."""
THREADS = 2
"""Events that are written at once. The threads of other requests stay free."""
SAY_SECONDS = 60.0
"""Seconds between two log messages about unsigned events for one account."""
BODY: dict[str, Any] = {
    "requestBody": {
        "description": "The event in the provider's own form.",
        "required": False,
        "content": {
            "application/json": {"schema": {}},
            "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
        },
    }
}


class EventIntake:
    """Bounds what events cost one API process."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._threads = CapacityLimiter(THREADS)
        self._quiet_until: dict[Lane, float] = {}

    async def take_in(self, context: ApiContext, lane: Lane, came: ProvenEvent) -> int:
        """How many cancellations it changed; raises ``ProblemError`` 429, and errors of
        the ledger."""
        if not self._limiter.hit(RATE, *lane):
            raise _too_many()
        return await to_thread.run_sync(
            lambda: take_in_event(context.ledger(), context.seal, lane, came),
            limiter=self._threads,
        )

    def refused(self, lane: Lane) -> None:
        """Log an unsigned event for an account that exists, at most once a minute."""
        now = time.monotonic()
        if now >= self._quiet_until.get(lane, now):
            self._quiet_until[lane] = now + SAY_SECONDS
            log.warning(
                "an event was not accepted: no valid signature", lane="/".join(lane)
            )


@router.post(
    "/{provider}/{account}/events",
    status_code=204,
    response_class=Response,
    summary="For a provider: an order has changed",
    response_description="Taken in, also if it names no order of ours.",
    responses=problems(400, 403, 408, 413, 415, 429, 500, 503),
    openapi_extra=BODY,
)
async def take_event(provider: str, account: str, request: Request) -> Response:
    """Needs no token: the provider's own signature proves who has sent it.

    An event is never believed. It only makes the next reading of its orders due now.
    An event that was sent before, or that names no order of ours, changes nothing.
    """
    context: ApiContext = request.app.state.context
    intake: EventIntake = request.app.state.event_intake
    lane = (provider, account)
    event = Event(
        _headers(request),
        await request.body(),
        request.url.query,
        received_at=datetime.now(UTC),
    )
    config = context.accounts.lane(lane)
    came = proven(lane, config, event)
    if came is None:
        if config.account is not None:
            intake.refused(lane)
        raise _not_proven()
    if await intake.take_in(context, lane, came):
        context.notifier.notify([lane], "verify", "poll")
    return Response(status_code=204)


def _headers(request: Request) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _not_proven() -> ProblemError:
    # One answer for all causes: strangers cannot find out which accounts there are.
    return ProblemError(
        403,
        "forbidden",
        "No account takes this event: the address or the signature is wrong.",
    )


def _too_many() -> ProblemError:
    says = f"Events of one account are taken in up to {RATE}: send it again later."
    return ProblemError(429, "too-many-requests", says, {"Retry-After": "1"})
