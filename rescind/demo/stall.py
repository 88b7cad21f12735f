"""Detects that a run makes no more progress."""

from __future__ import annotations

import time
from collections.abc import Callable

STALL_SECONDS = 60.0
"""The longest time that a run may wait without progress.

A healthy run never pauses for so long, even on a slow machine. After a worker dies, its
leases end within 15 s, its unacknowledged messages are delivered again after 20 s, and
its successor is ready within about 10 s.
"""


class StallDetector:
    """Compares a run's latest progress with its earlier progress."""

    def __init__(
        self,
        seconds: float = STALL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._seen: object = None
        self._since = clock()

    def stalled(self, seen: object) -> bool:
        """Whether ``seen`` has been the same for too long.

        ``None`` means that the progress cannot be read, and counts as no progress.
        """
        if seen is not None and seen != self._seen:
            self._seen, self._since = seen, self._clock()
        return self._clock() - self._since >= self.seconds
