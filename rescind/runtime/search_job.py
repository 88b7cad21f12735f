"""Indexes new orders for the search: a little each second, in one process at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime
from socket import gethostname

import structlog
from sqlalchemy import Engine

from rescind.browse.search_indexing import (
    PASSES,
    anything_to_index,
    index_some,
)
from rescind.config.times import utc_now
from rescind.ledger.changes.leases import acquire, release
from rescind.ledger.storage.transactions import (
    LedgerUnreachableError,
    reading,
    writing,
)

log = structlog.get_logger("rescind.search")

LEASE = "search"
LEASE_SECONDS = 120.0
BUDGET_SECONDS = 0.25
"""The time of each run: enough for some thousands of orders."""
REST_SECONDS = 5.0
"""The time between two looks for something to index."""


class SearchJob:
    """Runs each second, if another process does not do the same work."""

    def __init__(self, engine: Engine, now: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._now = now
        self._holder = f"{gethostname()} {os.getpid()}"
        self._rests_until = 0.0

    def run(self) -> None:
        if time.monotonic() < self._rests_until:
            return
        try:
            more = self._index()
        except LedgerUnreachableError as error:
            log.warning("nothing is indexed", why=str(error))
            more = False
        if not more:
            self._rests_until = time.monotonic() + REST_SECONDS

    def _index(self) -> bool:
        """Index for a moment; whether this process has more to index."""
        with reading(self._engine) as connection:
            if not anything_to_index(connection, self._now()):
                return False
        with writing(self._engine) as connection:
            held = (LEASE, self._holder, LEASE_SECONDS, self._now())
            if not acquire(connection, *held):
                return False
        try:
            return self._pass_by_pass()
        finally:
            with writing(self._engine) as connection:
                release(connection, LEASE, self._holder)

    def _pass_by_pass(self) -> bool:
        until = time.monotonic() + BUDGET_SECONDS
        for lag in PASSES:
            while index_some(self._engine, lag, self._now()):
                if time.monotonic() >= until:
                    return True
        return False
