"""Health checks for load balancers and alerts, and the metrics route."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from fastapi import APIRouter, Depends, Request
from redis import RedisError
from redis.exceptions import ResponseError
from starlette.responses import Response

from rescind.api.api_context import ApiContext
from rescind.api.cached_check import CachedCheck
from rescind.api.callers import Reader
from rescind.api.cancellation_routes import context_of
from rescind.api.openapi import TOKEN_PROBLEMS, problems
from rescind.api.operation_models import Alive, Ready
from rescind.api.problem_details import ProblemError, ledger_unreachable
from rescind.api.query_parameters import only_known
from rescind.config.settings import Settings, SettingsError
from rescind.errors.redis_refusals import refusal
from rescind.ledger.storage.transactions import LedgerUnreachableError, ping
from rescind.ledger.storage.write_check import check_writes
from rescind.telemetry import exposition, heartbeat
from rescind.telemetry.shared_collection import SharedCollection
from rescind.telemetry.text_format import CONTENT_TYPE

log = structlog.get_logger("rescind.api")
router = APIRouter(tags=["health"], dependencies=[Depends(only_known)])
ALIVE_SECONDS = 30.0
"""A worker counts as alive for so long after its last sweep. It sweeps each second;
a busy worker skips some sweeps."""
RETRY_SECONDS = "5"
"""When to ask again after a 503."""


def alive(context: ApiContext) -> dict[str, Any]:
    """The ages of the workers' latest sweeps; ``ProblemError`` if all are too old, or
    if Redis is away or refuses writes: workers cannot work then."""
    try:
        heartbeat.check_writable(context.redis)
        ages = heartbeat.ages(context.redis, datetime.now(UTC))
        ahead = heartbeat.ahead(context.redis)
    except ResponseError as error:
        log.warning("Redis refuses", why=refusal(error))
        raise redis_refuses(error) from None
    except (RedisError, OSError, SettingsError, ValueError) as error:
        log.warning("heartbeats cannot be read", why=type(error).__name__)
        raise redis_unreachable() from None
    # Without the hosts' names: this route needs no token.
    seconds = list(ages.values())
    if ahead:
        raise clock_set_back(ahead)
    if seconds and seconds[0] <= ALIVE_SECONDS:
        return {"alive": True, "swept_seconds_ago": seconds}
    raise no_worker(seconds)


def no_worker(ages: list[float]) -> ProblemError:
    return ProblemError(
        503,
        "no-worker",
        f"No worker has swept for {ALIVE_SECONDS:g} s. Check that workers and beat run"
        " (`rescind up`, `celery -A worker worker`, `celery -A worker beat`), and read"
        " their logs. Submissions are accepted, and wait.",
        {"Retry-After": RETRY_SECONDS},
        swept_seconds_ago=ages,
    )


def clock_set_back(seconds: float) -> ProblemError:
    return ProblemError(
        503,
        "clock",
        f"A clock was set back: the newest time in the ledger is {seconds:.0f} s ahead"
        " of this clock. Work that waits for its time waits so much longer. Set the"
        " clocks right (NTP).",
        {"Retry-After": RETRY_SECONDS},
    )


def redis_unreachable() -> ProblemError:
    return ProblemError(
        503,
        "redis-unreachable",
        "Redis cannot be reached, so it is not known whether workers run. Check that"
        " Redis runs: `rescind doctor` says more. Submissions are accepted, and wait.",
        {"Retry-After": RETRY_SECONDS},
    )


def redis_refuses(error: ResponseError) -> ProblemError:
    """Redis answers with an error; it is said without the command or the address."""
    return ProblemError(
        503,
        "redis-refuses",
        f"{refusal(error)}. Submissions are accepted, and wait.",
        {"Retry-After": RETRY_SECONDS},
    )


class Readiness:
    """Whether the ledger answers, has this version and accepts writes.

    It writes to the ledger only while that is in doubt: at first, and after a request
    that could not use the ledger. So frequent checks cost nothing.
    """

    def __init__(self) -> None:
        self._doubtful = True

    def doubt(self) -> None:
        """Have the next look write to the ledger."""
        self._doubtful = True

    def ready(self, context: ApiContext) -> dict[str, Any]:
        """Raises ``ProblemError`` unless cancellations can be accepted."""
        doubtful, self._doubtful = self._doubtful, False
        try:
            ledger = context.ledger()
            ping(ledger)
            if doubtful:
                check_writes(ledger)
        except Exception as error:
            self._doubtful = True
            if not isinstance(error, LedgerUnreachableError):
                raise
            log.warning("not ready", why=str(error))
            raise ledger_unreachable() from None
        return {"ready": True}


@router.get(
    "/healthz",
    summary="Do workers run?",
    responses={200: {"model": Alive}, **problems(400, 415, 500, 503)},
)
async def healthz(request: Request) -> Response:
    """Alive means that a worker has swept lately, not only that a process exists."""
    found: CachedCheck = request.app.state.alive
    return await found.answer(context_of(request))


@router.get(
    "/readyz",
    summary="Can the HTTP API accept cancellations?",
    responses={200: {"model": Ready}, **problems(400, 415, 500, 503)},
)
async def readyz(request: Request) -> Response:
    """Ready means that the ledger answers and accepts writes. Redis and workers may be
    down."""
    found: CachedCheck = request.app.state.ready
    return await found.answer(context_of(request))


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **TOKEN_PROBLEMS,
    },
)
def show_metrics(request: Request, _caller: Reader) -> Response:
    context = context_of(request)
    try:
        redis = context.redis
    except (SettingsError, ValueError):
        raise redis_unreachable() from None
    collection: SharedCollection = request.app.state.metrics
    text = collection.metrics(
        lambda: exposition.exposition(
            context.engine,
            redis,
            datetime.now(UTC),
            context.accounts,
            _keep_for(context.settings),
        )
    )
    return Response(text, media_type=CONTENT_TYPE)


def _keep_for(chosen: Settings) -> timedelta | None:
    """The retention; ``None`` if it is wrong: the workers' logs say so."""
    try:
        return chosen.keep_for
    except SettingsError:
        return None
