"""The watchdog: ends a process in which a thread of ours no longer moves.

Every wait of ours has a bound. A thread that is busy for longer hangs in something that
has none, such as a look-up of a name or a full disk: a thread cannot be ended, so the
process is, its supervisor starts another, and what was under way is read back.
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
    """A thread that hangs if it is busy for longer than ``bound`` seconds."""

    name: str
    busy_since: float | None
    """By the monotonic clock; None while it waits for work."""
    bound: float
    alive: bool = True


class Watchdog:
    """Looks each second; ``end`` is called once, with what hangs."""

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
    """What hangs, in words, if anything does."""
    for one in watched:
        if not one.alive:
            return f"the thread {one.name} has ended by a fault"
        if one.busy_since is not None and now - one.busy_since > one.bound:
            spent = now - one.busy_since
            return f"{one.name} has not moved for {spent:.0f} s (bound {one.bound:g} s)"
    return None
