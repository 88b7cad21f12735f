"""Waking lanes for those who must not wait for Redis: from a thread of its own.

What cannot be woken is dropped: the next sweep finds it in the ledger.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from itertools import product

import structlog
from redis import RedisError

from rescind.config.accounts import Lane
from rescind.config.settings import SettingsError, settings

log = structlog.get_logger("rescind.waker")

SAY_SECONDS = 60.0
"""A Redis that is away is said no more often."""
LAST_SECONDS = 1.0
"""How long an ending waker may take to send what was asked for last."""

Send = Callable[[Lane, str], None]


class Waker:
    """Sends wake-ups one after the other; what is asked twice meanwhile goes once."""

    def __init__(self, send: Send | None = None) -> None:
        self._send = send or send_by_celery
        self._asked: set[tuple[Lane, str]] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._quiet_until = 0.0
        self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
        self._thread.start()

    def wake(self, lanes: Iterable[Lane], *operations: str) -> None:
        """Ask for work on ``lanes``, cancels unless said otherwise; never waits."""
        asked = product(set(lanes), operations or ("cancel",))
        with self._changed:
            self._asked.update(asked)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(LAST_SECONDS)

    def _run(self) -> None:
        while asked := self._next():
            try:
                for lane, operation in sorted(asked):
                    self._send(lane, operation)
            except (RedisError, SettingsError, OSError) as error:
                self._say(str(error))
            except Exception as error:  # noqa: BLE001  (others are to be woken yet)
                self._say(type(error).__name__)

    def _next(self) -> set[tuple[Lane, str]]:
        """What was asked since; empty once the waker is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._asked or self._closed)
            asked, self._asked = self._asked, set()
            return asked

    def _say(self, why: str) -> None:
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + SAY_SECONDS
            log.warning("not woken: the sweep will find it", why=why)


def send_by_celery(lane: Lane, operation: str) -> None:
    """Send one wake-up; raises ``SettingsError`` where no Redis is known yet."""
    # The app needs a broker's address, which may come later than whoever waits for it.
    _ = settings().redis
    from worker.celery import app
    from worker.notifications import wake_one

    wake_one(app, lane, operation)
