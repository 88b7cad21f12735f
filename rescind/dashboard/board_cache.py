"""The latest board: read once for all who look at it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import cached_property

from anyio import CapacityLimiter
from fastapi import Request

from rescind.dashboard.board import Board, read_board
from rescind.dashboard.page_context import Desk, the_desk

TICK = 2.0
"""Seconds between two looks at the ledger, for all readers together."""


@dataclass
class Hub:
    """What was read last, and how many streams tell of it."""

    desk: Desk
    open: int = 0
    _board: Board | None = None
    _read_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def turn(self) -> CapacityLimiter:
        """Streams look one by one: a slow ledger keeps one thread, and not each."""
        return CapacityLimiter(1)

    def board(self, *, older: bool = True) -> Board:
        """Not older than a tick, or of this moment.

        Raises ``LedgerUnreachableError``.
        """
        with self._lock:
            is_old = time.monotonic() - self._read_at >= TICK
            if self._board is None or is_old or not older:
                self._board = read_board(self.desk)
                self._read_at = time.monotonic()
            return self._board


def the_hub(request: Request) -> Hub:
    """The hub of the app that was asked."""
    state = request.app.state
    found: Hub | None = getattr(state, "desk_hub", None)
    if found is None:
        found = state.desk_hub = Hub(the_desk(request))
    return found
