"""Tells the ends of groups: each second, in one process at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from socket import gethostname

import structlog
from sqlalchemy import Engine

from rescind.config.times import utc_now
from rescind.ledger.changes.group_ends import LEASE, look, tell
from rescind.ledger.changes.leases import acquire, release
from rescind.ledger.reading.ended_groups import watched_groups
from rescind.ledger.storage.transactions import (
    LedgerUnreachableError,
    reading,
    writing,
)

log = structlog.get_logger("rescind.groups")

LEASE_SECONDS = 120.0
AT_ONCE = 20
"""Groups whose names one step reads."""
BUDGET_SECONDS = 0.25
"""The time of each run: enough for some hundreds of watched groups."""


class GroupJob:
    """Runs each second, if another process does not do the same work."""

    def __init__(
        self,
        engine: Engine,
        now: Callable[[], datetime] = utc_now,
        moved: Callable[[], object] = lambda: None,
    ) -> None:
        """``moved`` is called after each group: a large one takes long."""
        self._engine = engine
        self._now = now
        self._moved = moved
        self._holder = f"{gethostname()} {os.getpid()}"
        self._after = ""
        """The group after which the next run begins."""

    def run(self) -> None:
        until = time.monotonic() + BUDGET_SECONDS
        try:
            while self._step() and time.monotonic() < until:
                pass
        except LedgerUnreachableError as error:
            log.warning("no end of a group is told", why=str(error))

    def _step(self) -> bool:
        """Look at the next watched groups; False after the last one of all."""
        with reading(self._engine) as connection:
            names = watched_groups(connection, self._after, AT_ONCE)
        # Before they are read: one that cannot be read must not stop those after it.
        self._after = names[-1] if len(names) == AT_ONCE else ""
        for name in names:
            # Most looks find nothing to do: they need no lease, and write nothing.
            if look(self._engine, [name], self._now()):
                self._tell([name])
            self._moved()
        return bool(self._after)

    def _tell(self, names: Sequence[str]) -> None:
        with writing(self._engine) as connection:
            held = (LEASE, self._holder, LEASE_SECONDS, self._now())
            if not acquire(connection, *held):
                return
        try:
            seen = look(self._engine, names, self._now())
            tell(self._engine, self._holder, seen, self._now())
        finally:
            with writing(self._engine) as connection:
                release(connection, LEASE, self._holder)
