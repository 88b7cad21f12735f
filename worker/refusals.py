"""Backoff for a worker whose Redis answers, but refuses its commands.

A worker whose connection is lost needs time to connect again. A worker that is refused
can connect at once, so without a wait it would retry as fast as the processor allows.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import structlog
from redis.exceptions import ResponseError

from rescind.errors.redis_refusals import refusal
from rescind.runtime import shutdown_flag

log = structlog.get_logger("rescind.consumer")

WAITS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each connection that follows a refusal; the last repeats."""
STEADY_SECONDS = 30.0
"""After so long without a refusal, the waits begin again with the first."""


class Refusals:
    """Counts the recent refusals of Redis. Used by one thread."""

    def __init__(self, pause: Callable[[float], None] = shutdown_flag.pause) -> None:
        self._pause = pause
        self._count = 0
        self._last = 0.0

    def wait(self, error: ResponseError) -> None:
        """Log the refusal and wait; the wait ends when the worker shuts down."""
        if monotonic() - self._last > STEADY_SECONDS:
            self._count = 0
        seconds = WAITS[min(self._count, len(WAITS) - 1)]
        self._count += 1
        log.warning("connecting to Redis again", why=refusal(error), seconds=seconds)
        self._pause(seconds)
        self._last = monotonic()


def without_command(error: Exception) -> Exception:
    """An error that may be logged: Redis's own texts can begin with the command."""
    if isinstance(error, ResponseError):
        return ResponseError(refusal(error))
    return error
