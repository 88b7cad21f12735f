"""Permits from the lanes' rates, which Redis holds: off the engine's thread.

A Redis that hangs keeps neither results nor new orders from the ledger.
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
from rescind.engine.rate_limiter import Budget, Place, Rates
from rescind.provider.policy import Policy

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
    """Asks ``engine.rate_limiter`` from threads of its own.

    They are started at once: later the system may have no more threads to give, and
    the engine must not end by that.
    """

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        for number in range(THREADS):
            name = f"permits-{number}"
            threading.Thread(target=self._run, name=name, daemon=True).start()

    def request(
        self, lane: Lane, policy: Policy, calls: int, share: float, granted: Granted
    ) -> None:
        def ask() -> None:
            granted(self._take(lane, policy, calls, share))

        self._asked.put(ask)

    def release(self, permits: Sequence[Place]) -> None:
        counted = [one for one in permits if one.rules]
        if counted:
            self._asked.put(partial(self._rates.release, counted))

    def close(self) -> None:
        """End its threads when they have done what was asked before."""
        for _ in range(THREADS):
            self._asked.put(None)

    def _run(self) -> None:
        while (asked := self._asked.get()) is not None:
            try:
                asked()
            except Exception:
                # What is not released is free when its worker would be taken for dead.
                log.exception("permits were not released")

    def _take(self, lane: Lane, policy: Policy, calls: int, share: float) -> Budget:
        try:
            return self._rates.take(lane, policy, calls, share)
        except RedisError as error:
            where, kind = "/".join(lane), type(error).__name__
            log.warning("Redis is away: no call is made", lane=where, error=kind)
            return Budget((), AWAY)
        except Exception:
            # The lane must not wait for an answer that never comes.
            log.exception("no permits", lane="/".join(lane))
            return Budget((), AWAY)
