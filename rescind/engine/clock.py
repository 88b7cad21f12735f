"""The clock, passed in wherever the time decides something: a test can set it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The engine's source of the time."""

    def now(self) -> datetime:
        """The time of day, in UTC, as the ledger stores it."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment. It never goes back."""
