"""Plans the next transaction: a share for each operation that has something to do.

The number of rows is limited, since an urgent order waits for the transaction before
its own. No operation gets more than half of the rows that are left, unless it is the
only one.
"""

from __future__ import annotations

import math
from collections import deque

from rescind.engine.inbox import Entry
from rescind.engine.lane_operation import LaneOperation
from rescind.engine.lane_share import Share

MOST_ROWS = 400
"""Most rows that one transaction writes, about."""
DEPENDENTS_A_ROW = 3
"""So many new orders that wait for others count as one row: they are only inserted, and
fewer orders beside them would not fill a batch."""
HOLD_SECONDS = 0.05
"""New orders wait in memory if, at the lane's pace, enough calls end within this time.
An order that is inserted as claimed saves one write."""


class Plan:
    """The shares of one transaction, taken from operations until no rows are left."""

    def __init__(
        self, now: float, *, alone: bool = False, stopping: bool = False
    ) -> None:
        """``now``: monotonic seconds. ``alone``: one operation may use all rows.
        ``stopping``: nothing is claimed."""
        self.shares: list[Share] = []
        self.over = False
        """Whether some work has to wait for the next transaction."""
        self._now = now
        self._alone = alone
        self._stopping = stopping
        self._rows = MOST_ROWS
        self._urgent_rows = MOST_ROWS if alone else MOST_ROWS // 2
        """Rows that operations with urgent orders may use together."""
        self._own = 0
        """Rows left for the operation whose share is taken now."""

    def take(self, operation: LaneOperation) -> Share | None:
        """Take this operation's share. None if it has nothing to do now, or no rows are
        left."""
        if not operation.callable:
            # The sweep notifies the lane when it can be called.
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
        """Whether it has anything to do now. Most operations wait for their calls."""
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
        results = share.operation.results
        while results and self._own > 0:
            result = results.popleft()
            share.results.append(result)
            self._own -= len(result.claimed)
        share.in_flight = share.operation.in_flight - len(share.results)

    def _take_calls(self, share: Share) -> None:
        """Set how many calls it may claim. New orders keep a part of the rows."""
        operation = share.operation
        if self._stopping or not operation.callable:
            return
        if operation.inbox or share.entries:
            # The restraint may be old: this transaction reads the lane's present state.
            operation.restraint = None
        room = operation.room(self._now, share.in_flight)
        if operation.limited:
            room = min(room, len(operation.permits))
        rows = max(0, self._own)
        if share.backlog and operation.inbox:
            rows //= 2
        # An urgent order is in the next call, whatever else has to be written.
        most = max(math.ceil(rows / operation.batch), bool(share.entries))
        share.room = min(room, most)
        if share.backlog:
            self._own -= share.room * operation.batch

    def _take_entries(self, share: Share) -> None:
        """Take the new orders that can be sent now, and the others too unless they can
        be sent soon."""
        operation = share.operation
        most = len(operation.inbox)
        if not share.backlog and not share.entries and self._holds(share):
            most = min(most, share.room * operation.batch)
        share.entries += self._taken(operation.inbox, most)

    def _taken(self, inbox: deque[Entry], most: int) -> list[Entry]:
        taken: list[Entry] = []
        while len(taken) < most and self._own > 0:
            taken.append(inbox.popleft())
            self._own -= 1 + len(taken[-1].dependents) // DEPENDENTS_A_ROW
        self.over |= len(taken) < most
        return [one for one in taken if not one.submission.abandoned]

    def _holds(self, share: Share) -> bool:
        """Whether new orders wait in memory: the lane's calls will soon have room for
        all of them."""
        operation = share.operation
        pace = operation.pace_at(self._now)
        restrained = operation.limited or operation.restraint is not None
        if self._stopping or not operation.callable or restrained or not pace:
            return False
        calls = share.room + pace * HOLD_SECONDS
        return len(operation.inbox) <= calls * operation.batch

    def _looks(self, share: Share) -> bool:
        """Whether it claims orders, or counts them for a request of permits."""
        operation = share.operation
        if self._stopping or not share.backlog or not operation.callable:
            return False
        counts = operation.limited and not operation.waiting and not operation.asking
        return share.room > 0 or (counts and operation.permits_at <= self._now)
