"""Caches the latest board, so that all viewers share one read of the ledger."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import cached_property

from anyio import CapacityLimiter
from fastapi import Request

from rescind.dashboard.board import Board, read_board
from rescind.dashboard.page_context import Dashboard, dashboard_of
from rescind.dashboard.system_health import FindFault, fault_finder

TICK = 2.0
"""Seconds between two reads of the ledger, for all viewers together."""


@dataclass
class BoardCache:
    """The board that was read last."""

    dashboard: Dashboard
    find_fault: FindFault
    _board: Board | None = None
    _read_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def turn(self) -> CapacityLimiter:
        """Lets one stream read at a time, so that a slow ledger blocks one thread."""
        return CapacityLimiter(1)

    def board(self, *, older: bool = True) -> Board:
        """The board, at most ``TICK`` seconds old; read now if ``older`` is false.

        Raises ``LedgerUnreachableError``.
        """
        with self._lock:
            is_old = time.monotonic() - self._read_at >= TICK
            if self._board is None or is_old or not older:
                self._board = read_board(self.dashboard, self.find_fault())
                self._read_at = time.monotonic()
            return self._board


def board_cache_of(request: Request) -> BoardCache:
    """The board cache of the app that serves the request."""
    state = request.app.state
    found: BoardCache | None = getattr(state, "board_cache", None)
    if found is None:
        its = (dashboard_of(request), fault_finder(request.app))
        found = state.board_cache = BoardCache(*its)
    return found
