"""Is anybody at work, and can the door take cancellations? And metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from redis import RedisError
from starlette.responses import Response

from rescind.api.api_context import Front
from rescind.api.callers import Reader
from rescind.api.cancellation_routes import the_front
from rescind.api.openapi import TOKEN_PROBLEMS, problems
from rescind.api.problem_details import JSON, ProblemError, ledger_unreachable
from rescind.api.response_models import Alive, Ready
from rescind.config.settings import SettingsError
from rescind.ledger.storage.transactions import LedgerUnreachableError, ping
from rescind.telemetry import exposition, heartbeat

log = structlog.get_logger("rescind.api")
router = APIRouter(tags=["health"])
ALIVE_SECONDS = 30.0
"""A worker sweeps each second; busy ones now and then skip some."""
FRESH_SECONDS = 1.0
"""What was found is good for so long: who asks more often costs nothing."""
PATIENCE = 3.0
"""What has not answered by then is as good as away."""


class Remembered:
    """One answer for all who ask at once, found again when it is old.

    It has a thread of its own, and never keeps anybody: ``late`` is the answer when
    what is asked about hangs.
    """

    def __init__(
        self,
        find: Callable[[Front], dict[str, Any]],
        late: Callable[[], ProblemError],
    ) -> None:
        self._find, self._late = find, late
        self._own = CapacityLimiter(1)
        self._until = 0.0
        self._look: asyncio.Task[dict[str, Any] | ProblemError] | None = None

    async def answer(self, front: Front) -> Response:
        look = self._look
        if look is None or (look.done() and time.monotonic() >= self._until):
            look = self._look = asyncio.create_task(self._found(front))
        await asyncio.wait({look}, timeout=PATIENCE)
        found = look.result() if look.done() else self._late()
        return found.response() if isinstance(found, ProblemError) else JSON(found)

    async def _found(self, front: Front) -> dict[str, Any] | ProblemError:
        try:
            return await to_thread.run_sync(
                self._find, front, limiter=self._own, abandon_on_cancel=True
            )
        except ProblemError as problem:
            return problem
        finally:
            self._until = time.monotonic() + FRESH_SECONDS


def alive(front: Front) -> dict[str, Any]:
    """Who has swept lately; raises ``ProblemError`` if nobody has."""
    try:
        ages = heartbeat.ages(front.redis, datetime.now(UTC))
        ahead = heartbeat.ahead(front.redis)
    except (RedisError, OSError, SettingsError, ValueError) as error:
        log.warning("no pulse can be read", why=type(error).__name__)
        raise redis_unreachable() from None
    # Not by name: anybody may ask.
    seconds = list(ages.values())
    if ahead:
        raise clock_set_back(ahead)
    if seconds and seconds[0] <= ALIVE_SECONDS:
        return {"alive": True, "swept_seconds_ago": seconds}
    raise ProblemError(
        503,
        "no-worker",
        f"No worker has swept for {ALIVE_SECONDS:g} s: look whether workers and beat"
        " run (`rescind up`, `celery -A worker worker`, `celery -A worker beat`), and"
        " at their logs. What is submitted is accepted, and waits.",
        swept_seconds_ago=seconds,
    )


def clock_set_back(seconds: float) -> ProblemError:
    return ProblemError(
        503,
        "clock",
        f"A clock was set back: the ledger holds what comes {seconds:.0f} s from now."
        " What waits for its time waits so much longer: set the clocks right (NTP).",
    )


def redis_unreachable() -> ProblemError:
    return ProblemError(
        503,
        "redis-unreachable",
        "Redis cannot be reached from here, so nobody can tell whether workers are at"
        " work: `rescind doctor` says more. What is submitted is accepted, and waits.",
    )


def ready(front: Front) -> dict[str, Any]:
    """Whether the ledger is there, and of this version; raises ``ProblemError``."""
    try:
        ping(front.ledger())
    except LedgerUnreachableError as error:
        log.warning("not ready", why=str(error))
        raise ledger_unreachable() from None
    return {"ready": True}


@router.get(
    "/healthz",
    summary="Is work being done?",
    responses={200: {"model": Alive}, **problems(500, 503)},
)
async def healthz(request: Request) -> Response:
    """Alive means that a worker has consumed lately, and not that a process runs."""
    found: Remembered = request.app.state.alive
    return await found.answer(the_front(request))


@router.get(
    "/readyz",
    summary="Can the door take cancellations?",
    responses={200: {"model": Ready}, **problems(500, 503)},
)
async def readyz(request: Request) -> Response:
    """Ready means that the ledger is there. Redis and workers may be away."""
    found: Remembered = request.app.state.ready
    return await found.answer(the_front(request))


@router.get(
    "/metrics",
    summary="For Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **TOKEN_PROBLEMS,
    },
)
def show_metrics(request: Request, _caller: Reader) -> Response:
    front = the_front(request)
    try:
        redis = front.redis
    except (SettingsError, ValueError):
        raise redis_unreachable() from None
    text = exposition.exposition(front.engine, redis, datetime.now(UTC), front.accounts)
    return Response(text, media_type=exposition.CONTENT_TYPE)
