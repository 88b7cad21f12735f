"""Notifies workers from a background thread, for callers that must not wait for Redis.

A notification that cannot be sent is dropped: the next sweep finds the work in the
ledger.
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
"""Seconds between two log messages about a Redis that cannot be reached."""
LAST_SECONDS = 1.0
"""Seconds that ``close`` waits for the last notifications to be sent."""

Send = Callable[[Lane, str], None]


class BackgroundNotifier:
    """Sends notifications one after the other, and equal ones that wait only once."""

    def __init__(self, send: Send | None = None) -> None:
        self._send = send or send_by_celery
        self._asked: set[tuple[Lane, str]] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._quiet_until = 0.0
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
        self._thread.start()

    def notify(self, lanes: Iterable[Lane], *operations: str) -> None:
        """Ask for work on ``lanes``, for cancels by default; never waits."""
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
            except Exception as error:  # noqa: BLE001  (the thread has to go on)
                self._say(type(error).__name__)

    def _next(self) -> set[tuple[Lane, str]]:
        """Wait for new requests and take them; empty once the notifier is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._asked or self._closed)
            asked, self._asked = self._asked, set()
            return asked

    def _say(self, why: str) -> None:
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + SAY_SECONDS
            log.warning("a worker was not notified: the sweep will do it", why=why)


def send_by_celery(lane: Lane, operation: str) -> None:
    """Send one notification; raises ``SettingsError`` if no Redis is set."""
    # Importing the app needs the broker's address, which may not be known yet.
    _ = settings().redis
    from worker.celery import app
    from worker.notifications import notify_lane

    notify_lane(app, lane, operation)
