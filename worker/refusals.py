"""What a worker does where Redis answers and refuses: it waits, and connects again.

A connection that is lost costs a moment until it is there again. One that is refused
is there at once, and would be refused at once, as fast as the processor allows.
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
"""After so long without a refusal the first wait is due again."""


class Refusals:
    """Counts what Redis has refused lately. Used by one thread."""

    def __init__(self, pause: Callable[[float], None] = shutdown_flag.pause) -> None:
        self._pause = pause
        self._count = 0
        self._last = 0.0

    def wait(self, error: ResponseError) -> None:
        """Say what was refused, and wait; not at all once the worker is to stop."""
        if monotonic() - self._last > STEADY_SECONDS:
            self._count = 0
        seconds = WAITS[min(self._count, len(WAITS) - 1)]
        self._count += 1
        log.warning("connecting to Redis again", why=refusal(error), seconds=seconds)
        self._pause(seconds)
        self._last = monotonic()


def without_command(error: Exception) -> Exception:
    """An error that may be logged: the text of some begins with what was sent."""
    if isinstance(error, ResponseError):
        return ResponseError(refusal(error))
    return error
