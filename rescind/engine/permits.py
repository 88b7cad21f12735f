"""Gets permits from Redis, in threads other than the engine's.

Redis may therefore hang without delaying the record of results or new orders.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from queue import SimpleQueue
from typing import Protocol

import structlog
from redis import RedisError

from rescind.config.accounts import Lane
from rescind.engine.rate_limiter import Grant, Permit, Rates
from rescind.provider.policy import Policy

log = structlog.get_logger("rescind.permits")

THREADS = 4
AWAY = timedelta(seconds=4)
"""Wait before the next request after Redis could not be reached."""

Granted = Callable[[Grant], None]


class Limiter(Protocol):
    """Grants permits asynchronously, and releases permits, used or not."""

    def request(
        self, lane: Lane, policy: Policy, calls: int, share: float, granted: Granted
    ) -> None: ...

    def release(self, permits: Sequence[Permit]) -> None: ...


class RedisLimiter:
    """Asks ``engine.rate_limiter`` from threads of its own.

    The threads start at once: later the system may have no more threads, and this must
    not end the engine.
    """

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._requests: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        for number in range(THREADS):
            name = f"permits-{number}"
            threading.Thread(target=self._run, name=name, daemon=True).start()

    def request(
        self, lane: Lane, policy: Policy, calls: int, share: float, granted: Granted
    ) -> None:
        def ask() -> None:
            granted(self._take(lane, policy, calls, share))

        self._requests.put(ask)

    def release(self, permits: Sequence[Permit]) -> None:
        counted = [one for one in permits if one.rules]
        if counted:
            self._requests.put(partial(self._rates.release, counted))

    def close(self) -> None:
        """End the threads after the requests made so far."""
        for _ in range(THREADS):
            self._requests.put(None)

    def _run(self) -> None:
        while (request := self._requests.get()) is not None:
            try:
                request()
            except Exception:
                # Redis frees them when it would if this worker had died.
                log.exception("permits were not released")

    def _take(self, lane: Lane, policy: Policy, calls: int, share: float) -> Grant:
        try:
            return self._rates.take(lane, policy, calls, share)
        except RedisError as error:
            where, kind = "/".join(lane), type(error).__name__
            log.warning("Redis is away: no call is made", lane=where, error=kind)
            return Grant((), AWAY)
        except Exception:
            # Without an answer the lane would wait for ever.
            log.exception("no permits", lane="/".join(lane))
            return Grant((), AWAY)
