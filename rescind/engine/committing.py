"""Writes the shares of a step, in one transaction for all lanes if possible.

If that transaction fails, each lane is written in a transaction of its own. If a lane
fails, each part of its share is. A fault of one lane therefore affects no other lane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import structlog
from sqlalchemy import Engine as Ledger

from rescind.config.accounts import Lane
from rescind.engine.clock import Clock
from rescind.engine.deciding import log_lane
from rescind.engine.duplicates import DuplicateGuard
from rescind.engine.inbox import Entry, Submission
from rescind.engine.lane_registry import Registry
from rescind.engine.lane_share import Share
from rescind.engine.restore_guard import hold_back_unread
from rescind.engine.settling import Settling
from rescind.engine.transaction import Committed, commit
from rescind.ledger.storage.transactions import LedgerUnreachableError

log = structlog.get_logger("rescind.engine")

RETRY_SECONDS, LONGEST_RETRY = 0.5, 16.0
"""Wait before a share that could not be written is tried again. If the fault is one
lane's, the wait doubles with each try."""

Fail = Callable[[Sequence[Share], Exception], None]
"""Handles shares that cannot be written together."""


class Committer:
    """Writes shares to the ledger. Each share is then settled, or kept for later."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        registry: Registry,
        settling: Settling,
        deliveries_due: Callable[[], object],
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._registry = registry
        self._settling = settling
        self._guard = DuplicateGuard(ledger, clock)
        self._deliveries_due = deliveries_due
        self._away = False
        """Whether the ledger could not be reached in this step."""
        self._failed = False
        """Whether a part of the operation that is written now has failed."""

    def commit(self, shares: Sequence[Share]) -> None:
        """Write all of ``shares``, in one transaction if possible."""
        self._away = False
        together = [share for share in shares if not share.operation.apart]
        apart = [share for share in shares if share.operation.apart]
        if together:
            self._try(together, self._lane_by_lane)
        self._part_by_part(apart)

    def _try(self, shares: Sequence[Share], fail: Fail) -> None:
        if self._away:
            # Each further try could last as long as the first one.
            self._keep_all(shares)
            return
        now, claimed_at = self._clock.now(), self._clock.monotonic()
        try:
            done = commit(self._ledger, shares, now)
        except LedgerUnreachableError as error:
            log.warning("the ledger is away", why=str(error))
            self._away = True
            self._keep_all(shares)
        except Exception as error:  # noqa: BLE001  (``fail`` logs it)
            fail(shares, error)
        else:
            self._settle(shares, done, claimed_at)

    def _settle(
        self, shares: Sequence[Share], done: Committed, claimed_at: float
    ) -> None:
        for lane, (was, is_now) in done.lanes.items():
            log_lane(lane, was, is_now)
        self._guard.hold_back(shares)
        hold_back_unread(shares, self._clock.now())
        for share in shares:
            self._settling.settle(share, done, claimed_at)
        claiming = {s.lane for s in shares if s.operation.operation == "cancel"}
        for lane in done.recorded.released - claiming:
            # They waited for what has just ended.
            self._registry.has_due(lane, "cancel")
        if done.recorded.to_deliver:
            self._deliveries_due()

    # --- failures ---

    def _lane_by_lane(self, shares: Sequence[Share], error: Exception) -> None:
        log.error(
            "a transaction failed: each lane is written by itself", exc_info=error
        )
        for _, some in groupby(sorted(shares, key=_lane), key=_lane):
            self._try(list(some), lambda lane, _error: self._part_by_part(lane))

    def _part_by_part(self, shares: Sequence[Share]) -> None:
        """Write each result, each submission and the claims in its own transaction."""
        for share in shares:
            operation = share.operation
            self._failed = False
            for part in _parts(share):
                part.in_flight = operation.in_flight - len(part.results)
                self._try([part], self._fault)
            if not self._failed and not self._away:
                operation.faults = 0

    def _fault(self, parts: Sequence[Share], error: Exception) -> None:
        """Handle parts that cannot be written even alone: fail their submissions, and
        keep the rest for later."""
        for part in parts:
            lane = "/".join(part.lane)
            log.error("not written: tried again later", lane=lane, exc_info=error)
            if not self._failed:
                part.operation.faults += 1
            self._failed = True
            for submission in {entry.submission for entry in part.entries}:
                submission.fail(error)
            part.entries = []
            self._keep(part)

    def _keep_all(self, shares: Sequence[Share]) -> None:
        for share in shares:
            self._keep(share)

    def _keep(self, share: Share) -> None:
        """Keep the share for a later try. Results whose leases have ended are dropped:
        their orders are read back."""
        operation, now = share.operation, self._clock.now()
        leased = [
            one
            for one in share.results
            if any((c.progress.due_at or now) >= now for c in one.claimed)
        ]
        dropped = len(share.results) - len(leased)
        if dropped:
            operation.in_flight -= dropped
            where = "/".join(operation.lane)
            log.error("results not recorded in time: read back", lane=where, of=dropped)
            # A dropped result is never settled, and may have halted the lane.
            self._settling.withdraw(operation)
        operation.results.extendleft(reversed(leased))
        for one in reversed(share.entries):
            if not one.submission.abandoned:
                operation.inbox_of(one).appendleft(one)
        doublings = min(max(0, operation.faults - 1), 10)
        wait = min(RETRY_SECONDS * 2**doublings, LONGEST_RETRY)
        operation.not_before = self._clock.monotonic() + wait
        self._settling.return_permits(operation)
        self._registry.activate(operation)


def _parts(share: Share) -> Iterable[Share]:
    """The parts of a share: each result, the entries of each submission, the claims."""
    operation = share.operation
    yield from (Share(operation, [one]) for one in share.results)
    by_submission: dict[Submission, list[Entry]] = {}
    for entry in share.entries:
        by_submission.setdefault(entry.submission, []).append(entry)
    for entries in by_submission.values():
        yield Share(operation, entries=entries, backlog=True)
    if share.backlog:
        yield Share(operation, room=share.room, backlog=True)


def _lane(share: Share) -> Lane:
    return share.lane
