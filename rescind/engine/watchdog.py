"""The watchdog: ends the process if one of its threads no longer moves.

Every wait in our code has a bound. A thread that is busy for longer hangs in something
without a bound, such as a DNS lookup or a full disk. A thread cannot be ended, so the
watchdog ends the process. Its supervisor starts another one, and the orders whose calls
were under way are read back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

log = structlog.get_logger("rescind.worker")

LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A thread. It hangs if it is busy for longer than ``bound`` seconds."""

    name: str
    busy_since: float | None
    """By the monotonic clock; None while it waits for work."""
    bound: float
    alive: bool = True


class Watchdog:
    """Checks the threads each second. It calls ``end`` once, with what hangs, in
    words."""

    def __init__(
        self, watched: Callable[[], Iterable[Watched]], end: Callable[[str], None]
    ) -> None:
        self._watched = watched
        self._end = end
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            found = hanging(self._watched(), time.monotonic())
            if found is not None:
                self._end(found)
                return


def hanging(watched: Iterable[Watched], now: float) -> str | None:
    """The first thread that hangs or has ended, in words; None if all is well."""
    for one in watched:
        if not one.alive:
            return f"the thread {one.name} has ended by a fault"
        if one.busy_since is not None and now - one.busy_since > one.bound:
            spent = now - one.busy_since
            return f"{one.name} has not moved for {spent:.0f} s (bound {one.bound:g} s)"
    return None
