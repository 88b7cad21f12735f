"""The clock and timer of the simulated providers; tests and simulations pass others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timing(Protocol):
    """The clock and timer of the simulated providers."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Call ``do`` after so many seconds."""


class RealTime:
    """The real clock, and the timer of the running event loop."""

    def now(self) -> float:
        return time.time()

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, do)
