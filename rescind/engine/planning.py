"""What goes into the next transaction: a share for each operation that has something.

A transaction is bounded in rows, since an urgent order waits for the one before it. No
operation gets more than half of the rows that are left, unless it is the only one.
"""

from __future__ import annotations

import math
from collections import deque

from rescind.engine.lane_operation import Entry, LaneOperation
from rescind.engine.lane_share import Share

MOST_ROWS = 400
"""Rows that one transaction writes, about."""
HOLD_SECONDS = 0.05
"""New orders wait in memory for calls that end within this time at the lane's pace: an
order that is inserted when it can be sent is written once less."""


class Plan:
    """Shares, taken from operations until the rows of a transaction are used up."""

    def __init__(
        self, now: float, *, alone: bool = False, stopping: bool = False
    ) -> None:
        """``alone``: one operation has all of the rows."""
        self.shares: list[Share] = []
        self.over = False
        """Whether some of it has to wait for the next transaction."""
        self._now = now
        self._alone = alone
        self._stopping = stopping
        self._rows = MOST_ROWS
        self._urgent_rows = MOST_ROWS if alone else MOST_ROWS // 2
        """Rows that operations with urgent orders may have of them, together."""
        self._own = 0
        """Rows left for the operation that takes its share now."""

    def take(self, operation: LaneOperation) -> Share | None:
        """This operation's share, taken from it; None if it has nothing to do now."""
        if not operation.callable:
            # The sweep notifies of it when it can be called.
            operation.backlog = False
        operation.passed_over = False
        if operation.not_before > self._now or not self._is_wanted(operation):
            return None
        urgent = bool(operation.urgent)
        left = min(self._rows, self._urgent_rows) if urgent else self._rows
        operation.passed_over = left <= 0
        if operation.passed_over:
            self.over = True
            return None
        allowed = left if self._alone else max(1, left // 2)
        self._own = allowed
        share = self._fill(operation)
        self._rows -= allowed - self._own
        if urgent:
            self._urgent_rows -= allowed - self._own
        if not (share.results or share.entries or self._looks(share)):
            return None
        self.shares.append(share)
        return share

    def _is_wanted(self, operation: LaneOperation) -> bool:
        """Whether there is anything to do for it now; most wait for their calls."""
        new = operation.inbox or operation.urgent
        return bool(new or operation.permits or operation.has_work(self._now))

    def _fill(self, operation: LaneOperation) -> Share:
        share = Share(operation, backlog=operation.backlog)
        share.entries = self._taken(operation.urgent, len(operation.urgent))
        self._take_results(share)
        self._take_calls(share)
        self._take_entries(share)
        return share

    def _take_results(self, share: Share) -> None:
        home = share.operation.home
        while home and self._own > 0:
            result = home.popleft()
            share.results.append(result)
            self._own -= len(result.claimed)
        share.in_flight = share.operation.in_flight - len(share.results)

    def _take_calls(self, share: Share) -> None:
        """How many calls it may claim for; new orders keep a part of the rows."""
        operation = share.operation
        if self._stopping or not operation.callable:
            return
        if operation.inbox or share.entries:
            # The transaction for new orders sees what restrains the lane by now.
            operation.restraint = None
        room = operation.room(self._now, share.in_flight)
        if operation.limited:
            room = min(room, len(operation.permits))
        rows = max(0, self._own)
        if share.backlog and operation.inbox:
            rows //= 2
        # An urgent order is in the very next call, whatever else is to be written.
        most = max(math.ceil(rows / operation.batch), bool(share.entries))
        share.room = min(room, most)
        if share.backlog:
            self._own -= share.room * operation.batch

    def _take_entries(self, share: Share) -> None:
        """New orders: those that can be sent now, and the rest unless it soon can."""
        operation = share.operation
        most = len(operation.inbox)
        if not share.backlog and not share.entries and self._holds(share):
            most = min(most, share.room * operation.batch)
        share.entries += self._taken(operation.inbox, most)

    def _taken(self, inbox: deque[Entry], most: int) -> list[Entry]:
        rows = max(0, self._own)
        self.over |= most > rows
        taken = [inbox.popleft() for _ in range(min(most, rows))]
        self._own -= len(taken)
        return [one for one in taken if not one.submission.abandoned]

    def _holds(self, share: Share) -> bool:
        """Whether the lane's calls will soon have room for all of its new orders."""
        operation = share.operation
        pace = operation.pace_at(self._now)
        restrained = operation.limited or operation.restraint is not None
        if self._stopping or not operation.callable or restrained or not pace:
            return False
        calls = share.room + pace * HOLD_SECONDS
        return len(operation.inbox) <= calls * operation.batch

    def _looks(self, share: Share) -> bool:
        """Whether it asks the ledger for orders, or for how many there are."""
        operation = share.operation
        if self._stopping or not share.backlog or not operation.callable:
            return False
        counts = operation.limited and not operation.waiting and not operation.asking
        return share.room > 0 or (counts and operation.permits_at <= self._now)
