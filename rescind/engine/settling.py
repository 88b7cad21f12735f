"""What follows a commit: calls begin, submissions are resolved, lanes go on or halt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rescind.config.accounts import Lane
from rescind.engine.clock import Clock
from rescind.engine.deciding import GRACE, log_changes
from rescind.engine.dispatcher import Dispatcher
from rescind.engine.inbox import Entry, Submission
from rescind.engine.lane_operation import OPERATION_OF, Call, LaneOperation
from rescind.engine.lane_registry import Registry
from rescind.engine.lane_share import Share
from rescind.engine.permits import Limiter
from rescind.engine.rate_limiter import Permit
from rescind.engine.splitting import places_by_call
from rescind.engine.transaction import Committed
from rescind.ledger.progress import Change, Claimed
from rescind.ledger.states import OPEN

LATER_SECONDS = 0.5
"""Wait before a lane requests permits or threads again, after there were none."""


class Settling:
    """Settles each share after its commit."""

    def __init__(
        self,
        clock: Clock,
        dispatcher: Dispatcher,
        limiter: Limiter,
        registry: Registry,
    ) -> None:
        self._clock = clock
        self._dispatcher = dispatcher
        self._limiter = limiter
        self._registry = registry

    def settle(self, share: Share, done: Committed, claimed_at: float) -> None:
        """Do all that follows: the share is in the ledger.

        ``claimed_at`` is the monotonic time just before its transaction.
        """
        operation = share.operation
        log_changes(share.lane, share.changes, done.recorded.stale)
        operation.registered |= bool(share.entries)
        operation.restraint = None if share.free else share.allowed
        if not share.free or any(one.effect.stops for one in share.results):
            for one in self._registry.of_lane(share.lane):
                self.withdraw(one)
        self._go_on(share)
        self._begin(share, claimed_at + GRACE.total_seconds())
        self._notify_others(share.changes, share.lane)
        _resolve_submissions(share)

    def withdraw(self, operation: LaneOperation) -> None:
        """Return the claimed orders of calls that no thread has begun."""
        calls = self._dispatcher.withdraw(operation)
        if calls:
            operation.results.extend(call.return_unsent() for call in calls)
            self._limiter.release([call.permit for call in calls])
            self._registry.activate(operation)

    def return_permits(self, operation: LaneOperation) -> None:
        """Release the permits that were not used: they are valid for a short time
        only."""
        if operation.permits:
            permits, operation.permits = operation.permits, []
            self._limiter.release(permits)

    def decline_permits(self, operation: LaneOperation) -> None:
        """Release its permits, and request none for ``LATER_SECONDS``: the operation
        cannot use them now."""
        self.return_permits(operation)
        operation.permits_at = self._clock.monotonic() + LATER_SECONDS

    def _go_on(self, share: Share) -> None:
        """Update whether the ledger may hold more due orders for this operation."""
        operation = share.operation
        operation.waiting = share.waiting
        if share.claims and not share.claimed:
            operation.capped = False
        operation.capped |= _capped(share)
        if not share.claims:
            return
        if operation.limited and share.room and not share.calls:
            # The lane cannot use permits now: it requests them again a little later.
            operation.permits_at = self._clock.monotonic() + LATER_SECONDS
        if not share.allowed:
            # The sweep notifies when the lane may be called again.
            operation.backlog = False
        elif operation.limited:
            operation.backlog = share.waiting > 0
        else:
            operation.backlog = operation.capped or not share.drained

    def _begin(self, share: Share, begin_by: float) -> None:
        operation = share.operation
        calls, left = _calls(share, begin_by)
        if calls and not share.in_flight:
            operation.silent_since = self._clock.monotonic()
        back = [*(call.return_unsent() for call in left), *share.held_back]
        operation.in_flight = share.in_flight + len(calls) + len(back)
        operation.results.extend(back)
        if not self._dispatcher.start(operation, calls):
            operation.not_before = self._clock.monotonic() + LATER_SECONDS
        self.return_permits(operation)

    def _notify_others(self, changes: Sequence[Change], lane: Lane) -> None:
        """Notify the operations whose orders these changes have made due, so that the
        orders do not wait for the sweep."""
        now = self._clock.now()
        due = (
            change.to.state
            for change in changes
            if change.to.state in OPEN and (change.to.due_at or now) <= now
        )
        for state in dict.fromkeys(due):
            if state in OPERATION_OF:
                self._registry.has_due(lane, OPERATION_OF[state])


def _capped(share: Share) -> bool:
    """Whether orders that it has claimed or put back have a batch cap."""
    claimed = any(one.progress.batch_cap for one in share.claimed)
    return claimed or any(change.to.batch_cap for change in share.changes)


def _calls(share: Share, begin_by: float) -> tuple[list[Call], list[Call]]:
    """The calls for the claimed orders, and the calls that have no permit."""
    operation = share.operation
    calls: list[Call] = []
    left: list[Call] = []
    for claimed in _parts(share):
        permits = operation.permits if operation.limited else [Permit()]
        permit = permits.pop(0) if permits else None
        call = Call(operation, operation.caller, claimed, permit or Permit(), begin_by)
        (left if permit is None else calls).append(call)
    return calls, left


def _parts(share: Share) -> Iterable[list[Claimed]]:
    """The orders of each call: the provider may split a batch into several."""
    operation = share.operation
    provider = operation.config.provider
    for batch in _batches(share.claimed, operation.batch):
        orders = [one.order for one in batch]
        for places in places_by_call(provider, operation.operation, orders):
            yield [batch[place] for place in places]


def _batches(claimed: Sequence[Claimed], size: int) -> Iterable[list[Claimed]]:
    """Orders that may share a call: at most ``size``, with the same batch cap."""
    for cap, some in groupby(claimed, key=lambda one: one.progress.batch_cap):
        alike, most = list(some), min(size, cap or size)
        for start in range(0, len(alike), most):
            yield alike[start : start + most]


def _resolve_submissions(share: Share) -> None:
    by_submission: dict[Submission, list[Entry]] = {}
    for entry in share.entries:
        by_submission.setdefault(entry.submission, []).append(entry)
    for submission, entries in by_submission.items():
        ids = [one.new.id for one in entries]
        ids += (one.new.id for entry in entries for one in entry.dependents)
        submission.settle(len(entries), share.inserted.intersection(ids))
