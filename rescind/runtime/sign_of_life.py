"""Writes this process's record every few seconds, in a thread of its own.

Redis may be slow or away: neither the engine nor the watchdog may wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib.metadata import version

import structlog
from redis import Redis, RedisError

from rescind.config.times import utc_now
from rescind.telemetry import worker_records
from rescind.telemetry.worker_records import (
    EVERY_SECONDS,
    KEY,
    WorkerRecord,
    own_record,
)

log = structlog.get_logger("rescind.worker")


class SignOfLife:
    """The thread. ``load`` returns the calls under way, and on how many lanes;
    ``sweeping_for`` returns the seconds that a sweep has run, or ``None``."""

    def __init__(
        self,
        redis: Redis,
        load: Callable[[], tuple[int, int]],
        key: str = KEY,
        sweeping_for: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._redis = redis
        self._load = load
        self._key = key
        self._sweeping_for = sweeping_for
        self._version = version("rescind")
        self._started_at = utc_now()
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="sign-of-life", daemon=True
        )
        self._thread.start()

    def stop(self, seconds: float | None = None) -> None:
        """Remove the record, and end the thread; wait for it at most ``seconds``."""
        self._stopped.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            self._attempt(worker_records.write)
            if self._stopped.wait(EVERY_SECONDS):
                self._attempt(worker_records.remove)
                return

    def _attempt(self, do: Callable[[Redis, WorkerRecord, str], None]) -> None:
        load, sweeping = self._load(), self._sweeping_for()
        own = own_record(self._version, self._started_at, utc_now(), load, sweeping)
        try:
            do(self._redis, own, self._key)
        except RedisError as error:
            log.debug("no sign of life", kind=type(error).__name__)
