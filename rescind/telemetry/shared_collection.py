"""One collection of the metrics for all scrapes that come while it runs.

A scrape that would wait for longer than ``PATIENCE`` gets the metrics of the collection
before, as long as these are not too old.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

PATIENCE = 0.08
"""Seconds that a scrape waits for new metrics, if there are former ones."""
OLDEST = 60.0
"""Seconds after which former metrics are no longer given."""


class SharedCollection:
    """Runs ``collect`` in a thread, one run at a time."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._thread = ThreadPoolExecutor(1, "metrics")
        self._lock = Lock()
        self._running: Future[bytes] | None = None
        self._latest: tuple[float, bytes] | None = None

    def metrics(self, collect: Callable[[], bytes]) -> bytes:
        """The metrics of the run that goes on, or of a new one; raises what ``collect``
        raises."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running = self._thread.submit(self._run, collect)
            running, latest = self._running, self._latest
        if latest is None or self._monotonic() - latest[0] > OLDEST:
            return running.result()
        try:
            return running.result(PATIENCE)
        except TimeoutError:
            return latest[1]

    def _run(self, collect: Callable[[], bytes]) -> bytes:
        began = self._monotonic()
        found = collect()
        self._latest = (began, found)
        return found
