"""What follows from a commit: calls begin, senders learn, lanes go on or halt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rescind.config.accounts import Lane
from rescind.engine.clock import Clock
from rescind.engine.deciding import log_changes
from rescind.engine.dispatcher import Dispatcher
from rescind.engine.lane_operation import OPERATION_OF, Call, LaneOperation, Submission
from rescind.engine.lane_registry import Registry
from rescind.engine.lane_share import Share
from rescind.engine.permits import Limiter
from rescind.engine.rate_limiter import Place
from rescind.engine.transaction import Committed
from rescind.ledger.progress import Change, Claimed
from rescind.ledger.states import OPEN

LATER_SECONDS = 0.5
"""Until the lane asks again for permits or threads that it could not have just now."""


class Settling:
    """Does what follows from each share that was committed."""

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

    def settle(self, share: Share, done: Committed) -> None:
        """It is in the ledger: do all that follows."""
        operation = share.operation
        log_changes(share.lane, share.changes, done.recorded.stale)
        operation.registered |= bool(share.entries)
        operation.restraint = None if share.free else share.allowed
        if not share.free or any(one.effect.stops for one in share.results):
            for one in self._registry.of_lane(share.lane):
                self.withdraw(one)
        self._go_on(share)
        self._begin(share)
        self._wake_others(share.changes, share.lane)
        _tell_senders(share)

    def withdraw(self, operation: LaneOperation) -> None:
        """Give back what was claimed and that no thread has begun."""
        calls = self._dispatcher.withdraw(operation)
        if calls:
            operation.home.extend(call.put_back() for call in calls)
            self._limiter.release([call.permit for call in calls])
            self._registry.activate(operation)

    def give_back_permits(self, operation: LaneOperation) -> None:
        """Permits are good for a moment only: those that were not used go back."""
        if operation.permits:
            permits, operation.permits = operation.permits, []
            self._limiter.release(permits)

    def decline_permits(self, operation: LaneOperation) -> None:
        """There is nothing to use them for now."""
        self.give_back_permits(operation)
        operation.permits_at = self._clock.monotonic() + LATER_SECONDS

    def _go_on(self, share: Share) -> None:
        """Whether the ledger may hold more for this operation."""
        operation = share.operation
        operation.waiting = share.waiting
        if not share.claims:
            return
        if operation.limited and share.room and not share.calls:
            # Permits that the lane cannot use now are asked for a little later.
            operation.permits_at = self._clock.monotonic() + LATER_SECONDS
        if not share.allowed:
            # The sweep notifies when the lane may be called again.
            operation.backlog = False
        elif operation.limited:
            operation.backlog = share.waiting > 0
        elif share.asked:
            # Orders of a refused batch come in few: more may wait behind them.
            capped = any(one.progress.batch_cap for one in share.claimed)
            claimed = len(share.claimed) + len(share.held_back)
            full = claimed - share.direct >= share.asked
            operation.backlog = full or capped
        else:
            operation.backlog = True

    def _begin(self, share: Share) -> None:
        operation = share.operation
        calls, left = _calls(share)
        if calls and not share.in_flight:
            operation.heard_at = self._clock.monotonic()
        back = [*(call.put_back() for call in left), *share.held_back]
        operation.in_flight = share.in_flight + len(calls) + len(back)
        operation.home.extend(back)
        if not self._dispatcher.start(operation, calls):
            operation.not_before = self._clock.monotonic() + LATER_SECONDS
        self.give_back_permits(operation)

    def _wake_others(self, changes: Sequence[Change], lane: Lane) -> None:
        """What these changes have made due need not wait for the sweep."""
        now = self._clock.now()
        due = (
            change.to.state
            for change in changes
            if change.to.state in OPEN and (change.to.due_at or now) <= now
        )
        for state in dict.fromkeys(due):
            if state in OPERATION_OF:
                self._registry.has_due(lane, OPERATION_OF[state])


def _calls(share: Share) -> tuple[list[Call], list[Call]]:
    """Calls for what was claimed, and those that there is no permit for."""
    operation = share.operation
    calls: list[Call] = []
    left: list[Call] = []
    for claimed in _batches(share.claimed, operation.batch):
        permits = operation.permits if operation.limited else [Place()]
        permit = permits.pop(0) if permits else None
        call = Call(operation, operation.caller, claimed, permit or Place())
        (left if permit is None else calls).append(call)
    return calls, left


def _batches(claimed: Sequence[Claimed], size: int) -> Iterable[list[Claimed]]:
    """Orders for each call: only those with the same batch cap go together."""
    for cap, some in groupby(claimed, key=lambda one: one.progress.batch_cap):
        alike, most = list(some), min(size, cap or size)
        for start in range(0, len(alike), most):
            yield alike[start : start + most]


def _tell_senders(share: Share) -> None:
    inserted = frozenset(share.inserted)
    by_submission: dict[Submission, list[str]] = {}
    for entry in share.entries:
        by_submission.setdefault(entry.submission, []).append(entry.new.id)
    for submission, ids in by_submission.items():
        submission.settle(len(ids), [one for one in ids if one in inserted])
