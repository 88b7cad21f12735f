"""The clocks that a call goes by, and those of this machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Times(Protocol):
    """The clocks that a call goes by."""

    def now(self) -> datetime:
        """The time of day, in UTC. It may be set, and it goes on while the machine is
        suspended. If the time is uncertain, this is the latest that it can be."""

    def earliest(self) -> datetime:
        """The earliest that ``now`` can be."""

    def monotonic(self) -> float:
        """Seconds that never go back, but may stand still in a suspended machine."""


class SystemClock:
    """This machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def earliest(self) -> datetime:
        return self.now()

    def monotonic(self) -> float:
        return time.monotonic()
