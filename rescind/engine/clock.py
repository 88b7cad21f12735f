"""The time, handed in wherever it decides something, so that a test can set it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the engine has the time from."""

    def now(self) -> datetime:
        """The time of day, in UTC: what the ledger holds."""

    def monotonic(self) -> float:
        """Seconds since some moment; never set back."""


class SystemClock:
    """This machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
