"""When a run has stopped progressing: nothing has moved for some time."""

from __future__ import annotations

import time
from collections.abc import Callable

STALL_SECONDS = 60.0
"""So long a run waits without progress, and no longer.

A healthy run is never still for so long, even on a slow machine. What a dead worker
held is free when its lease ends, within 15 s. A message that it had not acknowledged is
delivered again after 20 s. Its successor is ready within some 10 s.
"""


class StallDetector:
    """Compares what is seen of a run with what was seen before."""

    def __init__(
        self,
        seconds: float = STALL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._seen: object = None
        self._since = clock()

    def stalled(self, seen: object) -> bool:
        """Whether ``seen`` has been the same for too long.

        ``None``, where nothing can be seen, is no progress.
        """
        if seen is not None and seen != self._seen:
            self._seen, self._since = seen, self._clock()
        return self._clock() - self._since >= self._seconds
