"""Permits from the lanes' rates, which Redis holds: off the engine's thread.

A Redis that hangs keeps neither results nor new orders from the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Protocol

import structlog
from redis import RedisError

from providers.model import Policy
from worker.accounts import Lane
from worker.limits import Budget, Place, Rates

log = structlog.get_logger("rescind.permits")

THREADS = 4
AWAY = timedelta(seconds=4)
"""Until Redis is asked again, after it could not be reached."""

Granted = Callable[[Budget], None]


class Limiter(Protocol):
    """Gives permits, later; takes back those that were not used or are over."""

    def request(
        self, lane: Lane, policy: Policy, calls: int, share: float, granted: Granted
    ) -> None: ...

    def release(self, permits: Sequence[Place]) -> None: ...


class RedisLimiter:
    """Asks ``worker.limits`` from threads of its own."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="permits")

    def request(
        self, lane: Lane, policy: Policy, calls: int, share: float, granted: Granted
    ) -> None:
        def ask() -> None:
            granted(self._take(lane, policy, calls, share))

        self._threads.submit(ask)

    def release(self, permits: Sequence[Place]) -> None:
        counted = [one for one in permits if one.rules]
        if counted:
            self._threads.submit(self._rates.release, counted)

    def _take(self, lane: Lane, policy: Policy, calls: int, share: float) -> Budget:
        try:
            return self._rates.take(lane, policy, calls, share)
        except RedisError as error:
            kind = type(error).__name__
            log.warning(
                "Redis is away: no call is made", lane="/".join(lane), error=kind
            )
            return Budget((), AWAY)
        except Exception:
            # The lane must not wait for an answer that never comes.
            log.exception("no permits", lane="/".join(lane))
            return Budget((), AWAY)
