"""Work that a process does beside its lanes, with one thread for each kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger("rescind.worker")


class BackgroundJob:
    """A thread that runs ``job`` whenever it was notified since the last run began.

    If a run of ``job`` takes more than ``bound`` seconds, the watchdog takes it to
    hang.
    """

    def __init__(self, name: str, job: Callable[[], None], bound: float) -> None:
        self.name = name
        self.bound = bound
        self.busy_since: float | None = None
        """When the run began or last moved, by the monotonic clock; None if idle."""
        self._job = job
        self._wanted = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def notify(self) -> None:
        """Have ``job`` run once more. Safe from any thread."""
        self._wanted.set()

    def moved(self) -> None:
        """A long job calls this at each of its steps, to show that it does not hang."""
        self.busy_since = time.monotonic()

    def stop(self) -> None:
        """Begin no further run; ``join`` waits for the current one."""
        self._stopped = True
        self._wanted.set()

    def join(self) -> None:
        self._thread.join()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopped:
                return
            self.busy_since = time.monotonic()
            try:
                self._job()
            except Exception:
                # An exception must not end the thread: the next notification runs it.
                log.exception("background work failed", job=self.name)
            self.busy_since = None
