"""Work that a process does beside its lanes: a thread for each kind of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger("rescind.worker")


class BackgroundJob:
    """Does ``job`` each time that it was notified since it last began, in a thread.

    ``bound`` is the number of seconds beyond which ``job`` is taken to hang.
    """

    def __init__(self, name: str, job: Callable[[], None], bound: float) -> None:
        self.name = name
        self.bound = bound
        self.busy_since: float | None = None
        """When it last began, by the monotonic clock; None while it rests."""
        self._job = job
        self._wanted = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def notify(self) -> None:
        """There is something to do. From any thread."""
        self._wanted.set()

    def moved(self) -> None:
        """A long job does not hang: for the job to say, at each of its steps."""
        self.busy_since = time.monotonic()

    def stop(self) -> None:
        """Begin no more; ``join`` waits for the end."""
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
                # The next notification begins it again; it must not end the thread.
                log.exception("background work failed", job=self.name)
            self.busy_since = None
