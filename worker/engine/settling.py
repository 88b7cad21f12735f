"""Committing shares, and what follows: calls begin, senders learn, lanes go on.

Where a transaction fails for a reason that may be one lane's, it is made again lane by
lane, and then part by part, so that one lane's trouble stays its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import structlog
from sqlalchemy import Engine as Ledger

from ledger.database import LedgerUnreachableError
from ledger.progress import Change, Claimed
from ledger.states import OPEN
from worker.accounts import Lane
from worker.calls import CallResult
from worker.engine.clock import Clock
from worker.engine.deciding import log_changes, log_lane
from worker.engine.dispatcher import Dispatcher
from worker.engine.lane_operation import STATES, Call, Entry, LaneOperation, Submission
from worker.engine.permits import Limiter
from worker.engine.registry import Registry
from worker.engine.transaction import Committed, Share, commit
from worker.limits import Place

log = structlog.get_logger("rescind.engine")

RETRY_SECONDS, LONGEST_RETRY = 0.5, 16.0
"""Until what could not be written is tried again; twice as long each time, where the
fault is one lane's."""
_OPERATION_OF = {state: operation for operation, state in STATES.items()}


class Settling:
    """Writes shares to the ledger, and does what follows from each."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        dispatcher: Dispatcher,
        limiter: Limiter,
        registry: Registry,
        told: Callable[[], object],
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._dispatcher = dispatcher
        self._limiter = limiter
        self._registry = registry
        self._told = told

    def commit(self, shares: Sequence[Share], *, stopping: bool) -> None:
        """Write all of ``shares``, together where that is possible."""
        together = [share for share in shares if not share.operation.apart]
        if together:
            self._together(together, stopping=stopping)
        for share in shares:
            if share.operation.apart:
                self._in_parts(share, stopping=stopping)

    def withdraw(self, operation: LaneOperation) -> None:
        """Give back what was claimed and that no thread has begun."""
        calls = self._dispatcher.withdraw(operation)
        if calls:
            operation.home.extend(call.put_back() for call in calls)
            self._limiter.release([call.permit for call in calls])
            self._registry.activate(operation)

    # --- the ledger ---

    def _together(self, shares: Sequence[Share], *, stopping: bool) -> None:
        try:
            self._write(shares, stopping=stopping)
        except LedgerUnreachableError as error:
            log.warning("the ledger is away", why=str(error))
            for share in shares:
                self._keep(share)
        except Exception:
            log.exception("a transaction failed: each lane is written by itself")
            for _, some in groupby(sorted(shares, key=_lane), key=_lane):
                self._one_lane(list(some), stopping=stopping)

    def _one_lane(self, shares: Sequence[Share], *, stopping: bool) -> None:
        try:
            self._write(shares, stopping=stopping)
        except LedgerUnreachableError as error:
            log.warning("the ledger is away", why=str(error))
            for share in shares:
                self._keep(share)
        except Exception:
            lane = "/".join(shares[0].lane)
            log.exception("a lane cannot be written: each part by itself", lane=lane)
            for share in shares:
                self._in_parts(share, stopping=stopping)

    def _in_parts(self, share: Share, *, stopping: bool) -> None:
        """Each result, each submission and the claims by themselves."""
        operation, faults = share.operation, share.operation.faults
        operation.faults = 0
        for results, entries in _parts(share):
            claims = not (results or entries)
            part = Share(
                operation,
                results,
                entries,
                room=share.room if claims else 0,
                backlog=share.backlog if claims else operation.backlog,
                in_flight=operation.in_flight - len(results),
            )
            try:
                self._write([part], stopping=stopping)
            except LedgerUnreachableError as error:
                log.warning("the ledger is away", why=str(error))
                self._keep(part)
            except Exception as error:
                log.exception("not written", lane="/".join(operation.lane))
                operation.faults = faults + 1
                for one in {entry.submission for entry in entries}:
                    one.fail(error)
                self._keep(part)

    def _write(self, shares: Sequence[Share], *, stopping: bool) -> None:
        now = self._clock.now()
        done = commit(self._ledger, shares, now, stopping=stopping)
        for lane, (was, is_now) in done.lanes.items():
            log_lane(lane, was, is_now)
        for share in shares:
            self._after(share, done)
        if done.recorded.to_tell:
            self._told()

    def _keep(self, share: Share) -> None:
        """Try again a little later, as long as the leases last."""
        operation, now = share.operation, self._clock.now()
        open_ones = [
            one
            for one in share.results
            if any((c.progress.due_at or now) >= now for c in one.claimed)
        ]
        dropped = len(share.results) - len(open_ones)
        if dropped:
            operation.in_flight -= dropped
            where = "/".join(operation.lane)
            log.error("results not recorded in time: read back", lane=where, of=dropped)
        operation.home.extendleft(reversed(open_ones))
        waiting = [one for one in share.entries if not one.submission.abandoned]
        operation.inbox.extendleft(reversed(waiting))
        wait = min(RETRY_SECONDS * 2**operation.faults, LONGEST_RETRY)
        operation.not_before = self._clock.monotonic() + wait
        self._give_back_permits(operation)
        self._registry.activate(operation)

    # --- after the commit ---

    def _after(self, share: Share, done: Committed) -> None:
        operation, stale = share.operation, done.recorded.stale
        log_changes(share.lane, share.changes, stale)
        operation.registered |= bool(share.entries)
        operation.urgent &= bool(operation.inbox)
        self._go_on(share)
        self._begin(share)
        self._wake_others(share.changes, share.lane)
        if not share.free or any(one.effect.stops for one in share.results):
            self._halt(share.lane)
        _tell_senders(share)

    def _go_on(self, share: Share) -> None:
        """Whether the ledger may hold more for this operation."""
        operation = share.operation
        operation.waiting = share.waiting
        if not share.claims:
            return
        if share.room and not share.calls:
            # Permits that the lane cannot use now are asked for a little later.
            operation.permits_at = self._clock.monotonic() + RETRY_SECONDS
        if not share.allowed:
            # The sweep notifies when the lane may be called again.
            operation.backlog = False
        elif operation.limited:
            operation.backlog = share.waiting > 0
        elif share.asked:
            # Orders of a refused batch come in few: more may wait behind them.
            capped = any(one.progress.batch_cap for one in share.claimed)
            full = len(share.claimed) - share.direct >= share.asked
            operation.backlog = full or capped
        else:
            operation.backlog = True

    def _begin(self, share: Share) -> None:
        operation = share.operation
        operation.in_flight = share.in_flight
        if not share.claimed:
            self._give_back_permits(operation)
            return
        calls, left = self._calls(share)
        operation.in_flight += len(calls) + len(left)
        operation.home.extend(call.put_back() for call in left)
        if calls:
            if operation.in_flight == len(calls):
                operation.heard_at = self._clock.monotonic()
            self._dispatcher.start(operation, calls)
        self._give_back_permits(operation)

    def _calls(self, share: Share) -> tuple[list[Call], list[Call]]:
        """Calls for what was claimed, and those that there is no permit for."""
        operation = share.operation
        calls, left = [], []
        for claimed in _batches(share.claimed, operation.batch):
            if not operation.limited:
                permit: Place | None = Place()
            else:
                permit = operation.permits.pop(0) if operation.permits else None
            call = Call(operation, operation.caller, claimed, permit or Place())
            (left if permit is None else calls).append(call)
        return calls, left

    def _give_back_permits(self, operation: LaneOperation) -> None:
        if operation.permits:
            permits, operation.permits = operation.permits, []
            self._limiter.release(permits)

    def _wake_others(self, changes: Sequence[Change], lane: Lane) -> None:
        """What these changes have made due need not wait for the sweep."""
        now = self._clock.now()
        for state in {
            change.to.state
            for change in changes
            if change.to.state in OPEN and (change.to.due_at or now) <= now
        }:
            if state in _OPERATION_OF:
                self._registry.has_due(lane, _OPERATION_OF[state])

    def _halt(self, lane: Lane) -> None:
        for operation in self._registry.of_lane(lane):
            self.withdraw(operation)


def _parts(share: Share) -> Iterable[tuple[list[CallResult], list[Entry]]]:
    """Its results one by one, its entries by submission, and nothing: the claims."""
    yield from (([one], []) for one in share.results)
    by_submission: dict[Submission, list[Entry]] = {}
    for entry in share.entries:
        by_submission.setdefault(entry.submission, []).append(entry)
    yield from (([], entries) for entries in by_submission.values())
    if share.room:
        yield [], []


def _lane(share: Share) -> Lane:
    return share.lane


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
