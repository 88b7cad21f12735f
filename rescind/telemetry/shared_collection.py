"""One collection of the metrics for all scrapes that come while it runs.

Scrapes come at regular intervals. So each scrape has the next collection begin a little
before the next scrape, which then gets finished metrics at once. A scrape that comes
unexpectedly collects itself. If it would wait for longer than ``PATIENCE``, it gets the
metrics of the collection before, as long as these are not too old.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from threading import Lock, Timer

PATIENCE = 0.08
"""Seconds that a scrape waits for new metrics, if there are former ones."""
OLDEST = 60.0
"""Seconds after which former metrics are no longer given."""
AHEAD = 1.0
"""Seconds before the expected scrape at which its collection begins."""
FRESH = 2 * AHEAD
"""Seconds for which metrics that were collected ahead are given at once."""
INTERVALS = (3 * AHEAD, 120.0)
"""Seconds between two scrapes, at least and at most, for which it collects ahead."""
Collect = Callable[[], bytes]
Later = Callable[[float, Callable[[], None]], None]
"""Calls something after so many seconds."""


def _later(seconds: float, do: Callable[[], None]) -> None:
    timer = Timer(seconds, do)
    # A process that ends does not wait for the next scrape.
    timer.daemon = True
    timer.start()


class SharedCollection:
    """Runs ``collect`` in a thread, one run at a time."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, later: Later = _later
    ) -> None:
        self._monotonic, self._later = monotonic, later
        self._thread = ThreadPoolExecutor(1, "metrics")
        self._lock = Lock()
        self._running: Future[bytes] | None = None
        self._latest: tuple[float, bytes] | None = None
        self._is_ahead = False
        self._scraped_at: float | None = None

    def metrics(self, collect: Collect) -> bytes:
        """The metrics that were collected ahead, those of the run that goes on, or of a
        new one; raises what ``collect`` raises."""
        with self._lock:
            self._expect_the_next(collect)
            ready = self._ready()
            if ready is not None:
                return ready
            running, latest = self._run_on(collect), self._latest
        if latest is None or self._monotonic() - latest[0] > OLDEST:
            return running.result()
        try:
            return running.result(PATIENCE)
        except TimeoutError:
            return latest[1]

    def settle(self) -> None:
        """Wait until no collection runs."""
        if self._running is not None:
            wait((self._running,))

    def _expect_the_next(self, collect: Collect) -> None:
        """Have the next collection begin just before the next scrape."""
        now, before = self._monotonic(), self._scraped_at
        self._scraped_at = now
        if before is not None and INTERVALS[0] <= now - before <= INTERVALS[1]:
            self._later(now - before - AHEAD, lambda: self._collect_ahead(now, collect))

    def _collect_ahead(self, scraped_at: float, collect: Collect) -> None:
        # A process that ends takes no more work.
        with self._lock, suppress(RuntimeError):
            # Another scrape, which came meanwhile, expects its own next one.
            if self._scraped_at == scraped_at:
                self._run_on(collect)
                self._is_ahead = True

    def _ready(self) -> bytes | None:
        """What was collected ahead of this scrape. The next scrape collects again."""
        is_ahead, self._is_ahead = self._is_ahead, False
        if not is_ahead or self._latest is None:
            return None
        began, found = self._latest
        return found if self._monotonic() - began <= FRESH else None

    def _run_on(self, collect: Collect) -> Future[bytes]:
        if self._running is None or self._running.done():
            self._running = self._thread.submit(self._run, collect)
        return self._running

    def _run(self, collect: Collect) -> bytes:
        began = self._monotonic()
        found = collect()
        self._latest = (began, found)
        return found
