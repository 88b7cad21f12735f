"""One operation of one lane: its waiting orders, its calls under way, and its pace.

It is a small object without a thread: thousands of idle ones cost nothing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rescind.config.accounts import Lane, LaneConfig
from rescind.engine.call_results import CallResult, Effect
from rescind.engine.calls import Caller
from rescind.engine.inbox import Entry
from rescind.engine.rate_limiter import Permit
from rescind.ledger.progress import Claimed
from rescind.ledger.states import State
from rescind.provider.policy import Policy

STATES = {
    "cancel": State.QUEUED,
    "verify": State.VERIFYING,
    "poll": State.REQUESTED,
}
"""The state of the orders that each operation works on."""
OPERATION_OF = {state: operation for operation, state in STATES.items()}

AHEAD_SECONDS, BATCHES_AHEAD_SECONDS = 0.01, 0.05
"""Calls are claimed ahead for so many seconds of the present pace, and no more. An
order that is claimed when its worker dies has to be read back, and may end unresolved
if its provider never had it. With 50 ms for single calls, ``make chaos`` saw twice as
many."""
MOST_AHEAD = 4
"""Most calls that are claimed ahead, as a multiple of the lane's concurrency."""
FIRST_PACE = 50.0
"""Assumed calls a second of a lane without a rate, until its pace is measured."""
HANGS_SECONDS = 0.5
"""Time without any result after which a lane counts as hanging and has no pace."""


@dataclass(eq=False, slots=True)
class LaneOperation:
    """One operation of one lane. The engine's thread owns it.

    Executor threads use only ``ready``, ``running`` and ``halted``, under the engine's
    lock.
    """

    lane: Lane
    operation: str
    config: LaneConfig
    caller: Caller
    urgent: deque[Entry] = field(default_factory=deque)
    """New cancellations with a deadline, not in the ledger yet."""
    inbox: deque[Entry] = field(default_factory=deque)
    """The other new cancellations that are not in the ledger yet."""
    results: deque[CallResult] = field(default_factory=deque)
    """Results of calls, not in the ledger yet."""
    ready: deque[Call] = field(default_factory=deque)
    """Calls whose orders are claimed, and that no thread has begun."""
    permits: list[Permit] = field(default_factory=list)
    """Permits for calls whose orders are not claimed yet."""
    running: int = 0
    """Threads that make its calls."""
    in_flight: int = 0
    """Calls whose orders are claimed and whose results are not in the ledger."""
    backlog: bool = False
    """Whether the ledger may hold orders that are due."""
    capped: bool = False
    """Whether orders of refused batches may be due. A claim takes only orders with the
    same batch cap, so these may be due when it finds fewer than it asks for."""
    restraint: int | None = None
    """How many calls the lane may have under way, if that is less than its concurrency;
    None otherwise. As of the last transaction."""
    passed_over: bool = False
    """Whether the last transaction had no rows left for it."""
    waiting: int = 0
    """Due orders in the ledger when they were last counted."""
    asking: bool = False
    """Whether a request for permits has no answer of the rate limiter yet."""
    not_before: float = 0.0
    """No share is taken before this time, by the monotonic clock."""
    permits_at: float = 0.0
    """No permits are requested before this time, by the monotonic clock."""
    halted: bool = False
    """Whether a result says that no further call may begin."""
    unreadable: set[str] = field(default_factory=set)
    """Orders with an unreadable answer since the lane's last readable one."""
    faults: int = 0
    """How many times in a row its share could not be written."""
    registered: bool = False
    """Whether the ledger has a row for the lane."""
    pace: float = 0.0
    """Calls a second, a moving average."""
    result_at: float = 0.0
    """When the last results were collected, by the monotonic clock."""
    silent_since: float = 0.0
    """When its calls last gave a sign: results came, or the first calls began."""

    @property
    def policy(self) -> Policy:
        return self.config.policy

    @property
    def state(self) -> State:
        return STATES[self.operation]

    @property
    def batch(self) -> int:
        """Most orders in one call."""
        policy = self.policy
        return policy.batch if self.operation == "cancel" else policy.read_batch

    @property
    def limited(self) -> bool:
        """Whether its calls need permits."""
        policy = self.policy
        reading = self.operation != "cancel"
        return policy.rate != "none" or (reading and policy.read_rate != "none")

    @property
    def apart(self) -> bool:
        """Whether it is written in its own transaction, so that its faults fail no
        other lane's."""
        return self.faults > 0

    @property
    def callable(self) -> bool:
        return self.config.account is not None

    def inbox_of(self, entry: Entry) -> deque[Entry]:
        """The queue in which this new cancellation waits."""
        return self.inbox if entry.new.cancel_before is None else self.urgent

    @property
    def busy(self) -> bool:
        """Whether the engine has something to do for it, now or later."""
        return bool(self.urgent or self.inbox or self.results or self.backlog)

    def has_work(self, now: float) -> bool:
        """Whether a transaction has something to do for it now. New orders do not
        count."""
        if self.not_before > now:
            return False
        if self.results:
            return True
        if not self.backlog or not self.callable:
            return False
        if self.limited:
            return not self.waiting and not self.asking and self.permits_at <= now
        return self.room(now, self.in_flight) > 0

    def room(self, now: float, in_flight: int) -> int:
        """How many more calls may be claimed if ``in_flight`` are under way."""
        if self.restraint is not None:
            return max(0, self.restraint - in_flight)
        ahead = AHEAD_SECONDS if self.batch == 1 else BATCHES_AHEAD_SECONDS
        concurrency = self.policy.concurrency
        spare = min(int(self.pace_at(now) * ahead), MOST_AHEAD * concurrency)
        return max(0, concurrency + spare - in_flight)

    def pace_at(self, now: float) -> float:
        """Calls a second; 0 if no call has ended for ``HANGS_SECONDS``."""
        hangs = self.in_flight > 0 and now - self.silent_since > HANGS_SECONDS
        return 0.0 if hangs else self.pace

    def attributed(self, result: CallResult) -> CallResult:
        """The same result, without a failure of the lane if only one order has
        unreadable answers: then that order is at fault."""
        effect = result.effect
        if effect.unreadable:
            self.unreadable.update(one.order.id for one in result.claimed)
            if len(self.unreadable) == 1:
                return replace(result, effect=Effect(why=effect.failed or ""))
        elif result.call is not None and effect.failed is None:
            self.unreadable.clear()
        return result

    def update_pace(self, results: int, now: float) -> None:
        """Measure the pace from the number of results that have just arrived."""
        latest = results / max(now - self.result_at, 0.001)
        self.pace = (self.pace + latest) / 2
        self.result_at = self.silent_since = now


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a provider, with its claimed orders."""

    operation: LaneOperation
    caller: Caller
    claimed: Sequence[Claimed]
    permit: Permit
    begin_by: float = math.inf
    """When the call must have begun, by the monotonic clock: else its lease may end
    before it does, though the time of day was set back meanwhile."""

    def make(self) -> CallResult:
        """Make the call. Only a bug of ours raises."""
        return self.caller.call(self.claimed, self.permit, self.begin_by)

    def return_unsent(self) -> CallResult:
        """The result if the call is not made: its orders are returned, and no attempt
        is counted."""
        return self.caller.return_unsent(self.claimed, self.permit)
