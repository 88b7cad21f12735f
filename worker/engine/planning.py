"""What goes into the next transaction: a share for each operation that has something.

A transaction is bounded in rows, since an urgent order waits for the one before it.
Urgent and single orders come first; an operation that had its share comes last next
time.
"""

from __future__ import annotations

import math

from worker.engine.lane_operation import LaneOperation
from worker.engine.transaction import Share

MOST_ROWS = 400
"""Rows that one transaction writes, about."""
HOLD_SECONDS = 0.05
"""New orders wait in memory for calls that end within this time at the lane's pace: an
order that is inserted when it can be sent is written once less."""


class Plan:
    """Shares, taken from operations until the rows of a transaction are used up."""

    def __init__(self, now: float, *, stopping: bool = False) -> None:
        self.shares: list[Share] = []
        self.over = False
        """Whether some of it has to wait for the next transaction."""
        self._now = now
        self._stopping = stopping
        self._rows = MOST_ROWS

    def take(self, operation: LaneOperation) -> Share | None:
        """This operation's share, taken from it; None if it has nothing to do now."""
        if operation.not_before > self._now:
            return None
        if not operation.callable:
            # The sweep notifies of it when it can be called.
            operation.backlog = False
        if self._rows <= 0:
            self.over = True
            return None
        share = Share(operation, backlog=operation.backlog)
        self._take_results(share)
        self._take_calls(share)
        self._take_entries(share)
        if not (share.results or share.entries or self._looks(share)):
            return None
        self.shares.append(share)
        return share

    def _take_results(self, share: Share) -> None:
        home = share.operation.home
        while home and self._rows > 0:
            result = home.popleft()
            share.results.append(result)
            self._rows -= len(result.claimed)
        self.over |= bool(home)
        share.in_flight = share.operation.in_flight - len(share.results)

    def _take_calls(self, share: Share) -> None:
        """How many calls it may claim for; new orders keep a part of the rows."""
        operation = share.operation
        if self._stopping or not operation.callable:
            return
        room = operation.room(self._now, share.in_flight)
        if operation.limited:
            room = min(room, len(operation.permits))
        rows = max(0, self._rows)
        if share.backlog and operation.inbox:
            rows //= 2
        affordable = math.ceil(rows / operation.batch)
        share.room = min(room, affordable)
        if share.backlog:
            self.over |= affordable < room
            self._rows -= share.room * operation.batch

    def _take_entries(self, share: Share) -> None:
        """New orders: those that can be sent now, and the rest unless it soon can."""
        operation, inbox = share.operation, share.operation.inbox
        if not inbox:
            return
        most = min(len(inbox), max(1, self._rows))
        if not share.backlog and not operation.urgent and self._holds(operation):
            sendable = min(len(inbox), share.room * operation.batch)
            self.over |= most < sendable
            most = min(most, sendable)
        else:
            self.over |= most < len(inbox)
        share.entries = [inbox.popleft() for _ in range(most)]
        self._rows -= most

    def _holds(self, operation: LaneOperation) -> bool:
        """Whether the lane's calls will soon have room for all of its new orders."""
        if self._stopping or not operation.callable or operation.limited:
            return False
        soon = (
            operation.pace_at(self._now) * HOLD_SECONDS + operation.policy.concurrency
        )
        return len(operation.inbox) <= soon * operation.batch

    def _looks(self, share: Share) -> bool:
        """Whether it asks the ledger for orders, or for how many there are."""
        operation = share.operation
        if self._stopping or not share.backlog or not operation.callable:
            return False
        counts = operation.limited and not operation.waiting and not operation.asking
        return share.room > 0 or (counts and operation.permits_at <= self._now)
