"""One operation of one lane: what waits, what is under way, and how fast it goes.

It is a small object and no thread: thousands of them cost nothing while they rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field, replace

from rescind.config.accounts import Lane, LaneConfig
from rescind.engine.call_results import CallResult, Effect
from rescind.engine.calls import Caller
from rescind.engine.rate_limiter import Place
from rescind.ledger.changes.new_cancellation import NewCancellation
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
"""So many seconds of the calls' present pace are claimed ahead, and no more: an order
that is claimed when a worker dies has to be read back, and may end unresolved where its
provider never had it. With 50 ms for single calls ``make chaos`` saw twice as many."""
MOST_AHEAD = 4
"""Times the lane's concurrency, at most."""
FIRST_PACE = 50.0
"""Calls a second that a lane without a rate is taken to make, until it is known."""
HANGS_SECONDS = 0.5
"""A lane whose calls have all been silent for so long has no pace."""


class Submission:
    """The new cancellations of one message; resolved when all are committed."""

    def __init__(self, new: Sequence[NewCancellation]) -> None:
        self.new = new
        self.future: Future[frozenset[str]] = Future()
        """Will hold the ids of those that were inserted. The keys of the others stood
        in the ledger already."""
        self._left = len(new)
        self._inserted: set[str] = set()

    @property
    def abandoned(self) -> bool:
        """Whether its sender no longer waits for it."""
        return self.future.done()

    def settle(self, settled: int, inserted: Sequence[str]) -> None:
        """So many more of them are committed, these by an insert."""
        self._left -= settled
        self._inserted.update(inserted)
        if not self._left:
            # Its sender may cancel it at this very moment.
            with suppress(InvalidStateError):
                self.future.set_result(frozenset(self._inserted))

    def fail(self, error: Exception) -> None:
        """They could not be written; the sender decides what becomes of them."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)


@dataclass(frozen=True, slots=True)
class Entry:
    """One new cancellation, and the submission that waits for it."""

    new: NewCancellation
    submission: Submission


@dataclass(eq=False, slots=True)
class LaneOperation:
    """One operation of one lane. Owned by the engine's thread, but for what executor
    threads take under the engine's lock: ``ready``, ``running`` and ``halted``."""

    lane: Lane
    operation: str
    config: LaneConfig
    caller: Caller
    urgent: deque[Entry] = field(default_factory=deque)
    """New cancellations with a deadline, not in the ledger yet."""
    inbox: deque[Entry] = field(default_factory=deque)
    """The other new cancellations that are not in the ledger yet."""
    home: deque[CallResult] = field(default_factory=deque)
    """Results of calls, not in the ledger yet."""
    ready: deque[Call] = field(default_factory=deque)
    """Calls that were claimed for, and that no thread has begun."""
    permits: list[Place] = field(default_factory=list)
    """Room in the lane's rate, to be claimed for."""
    running: int = 0
    """Threads that make its calls."""
    in_flight: int = 0
    """Calls that were claimed for, and whose results are not in the ledger."""
    backlog: bool = False
    """Whether the ledger may hold orders that are due."""
    restraint: int | None = None
    """How many calls the lane may have under way, where that is fewer than its
    concurrency; as of the last transaction."""
    passed_over: bool = False
    """Whether the last transaction had no rows left for it."""
    waiting: int = 0
    """Orders that were due in the ledger, when they were last counted."""
    asking: bool = False
    """Whether the rate limiter has been asked for permits, and has not answered."""
    not_before: float = 0.0
    """Until when nothing is done here, by the monotonic clock."""
    permits_at: float = 0.0
    """Until when it is useless to ask the rate limiter."""
    halted: bool = False
    """Whether a result says that no further call must begin."""
    unreadable: set[str] = field(default_factory=set)
    """Orders about which answers could not be read, since the last that could."""
    faults: int = 0
    """How often in a row its part of a transaction could not be written."""
    registered: bool = False
    """Whether the ledger has a row for the lane."""
    pace: float = 0.0
    """Calls a second, of late."""
    home_at: float = 0.0
    heard_at: float = 0.0

    @property
    def policy(self) -> Policy:
        return self.config.policy

    @property
    def state(self) -> State:
        return STATES[self.operation]

    @property
    def batch(self) -> int:
        """Orders in one call, at most."""
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
        """Whether it is written by itself, so as not to fail the transactions of
        others."""
        return self.faults > 0

    @property
    def callable(self) -> bool:
        return self.config.account is not None

    def inbox_of(self, entry: Entry) -> deque[Entry]:
        """Where this new cancellation waits."""
        return self.inbox if entry.new.cancel_before is None else self.urgent

    @property
    def busy(self) -> bool:
        """Whether the engine has something to do for it, now or later."""
        return bool(self.urgent or self.inbox or self.home or self.backlog)

    def has_work(self, now: float) -> bool:
        """Whether a transaction would do something for it now, new orders aside."""
        if self.not_before > now:
            return False
        if self.home:
            return True
        if not self.backlog or not self.callable:
            return False
        if self.limited:
            return not self.waiting and not self.asking and self.permits_at <= now
        return self.room(now, self.in_flight) > 0

    def room(self, now: float, in_flight: int) -> int:
        """How many calls could be claimed for beside ``in_flight`` others."""
        if self.restraint is not None:
            return max(0, self.restraint - in_flight)
        ahead = AHEAD_SECONDS if self.batch == 1 else BATCHES_AHEAD_SECONDS
        concurrency = self.policy.concurrency
        spare = min(int(self.pace_at(now) * ahead), MOST_AHEAD * concurrency)
        return max(0, concurrency + spare - in_flight)

    def pace_at(self, now: float) -> float:
        """Calls a second; none where all are silent."""
        hangs = self.in_flight > 0 and now - self.heard_at > HANGS_SECONDS
        return 0.0 if hangs else self.pace

    def attributed(self, result: CallResult) -> CallResult:
        """The same result; no fault of the lane's, where it is about the one order
        alone whose answers cannot be read."""
        effect = result.effect
        if effect.unreadable:
            self.unreadable.update(one.order.id for one in result.claimed)
            if len(self.unreadable) == 1:
                return replace(result, effect=Effect(why=effect.failed or ""))
        elif result.call is not None and effect.failed is None:
            self.unreadable.clear()
        return result

    def heard(self, results: int, now: float) -> None:
        """So many results came home."""
        latest = results / max(now - self.home_at, 0.001)
        self.pace = (self.pace + latest) / 2
        self.home_at = self.heard_at = now


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a provider that was claimed for."""

    operation: LaneOperation
    caller: Caller
    claimed: Sequence[Claimed]
    permit: Place

    def make(self) -> CallResult:
        """Make it. Raises only what is a bug of ours."""
        return self.caller.call(self.claimed, self.permit)

    def put_back(self) -> CallResult:
        """It is not made: its orders go back, unsent and uncounted."""
        return self.caller.put_back(self.claimed, self.permit)
