"""The loop that owns the ledger's hot path: one thread for all lanes of a process.

Each step takes what has come (new cancellations, results of calls, notifications,
permits), makes one transaction of it for all lanes, and gives the claimed calls to the
executor. Clock, executor, rate limiter and ledger are handed in, and ``step`` is a
plain method: a simulation runs it without a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future

from sqlalchemy import Engine as Ledger

from rescind.config.accounts import Lane
from rescind.engine.belief import belief
from rescind.engine.clock import Clock
from rescind.engine.committing import Committer
from rescind.engine.dispatcher import GATHER_SECONDS, Dispatcher
from rescind.engine.executor import Executor
from rescind.engine.lane_operation import Entry, LaneOperation, Submission
from rescind.engine.lane_registry import Key, Registry
from rescind.engine.permit_requests import PermitRequests
from rescind.engine.permits import Limiter
from rescind.engine.planning import Plan
from rescind.engine.rate_limiter import Budget
from rescind.engine.settling import Settling
from rescind.ledger.changes.new_cancellation import NewCancellation

LONGEST_WAIT = 5.0
"""The loop looks at its clocks at least so often, in seconds."""
HELD_LOOK = 0.02
"""How often it looks at new orders that wait in memory."""
STOPPING_LOOK = 0.1


class EngineStoppedError(RuntimeError):
    """The engine takes nothing more: it is another worker's."""


class Engine:
    """All lanes of one process. ``submit``, ``notify`` and ``stop`` are for any
    thread; all else belongs to the thread that runs it."""

    def __init__(
        self,
        ledger: Ledger,
        registry: Registry,
        executor: Executor,
        limiter: Limiter,
        clock: Clock,
        told: Callable[[], object],
    ) -> None:
        """``told`` is called when producers are to be told of an end."""
        self._registry = registry
        self._limiter = limiter
        self._clock = clock
        self._changed = threading.Condition()
        self._dispatcher = Dispatcher(executor, self._changed)
        self._settling = Settling(clock, self._dispatcher, limiter, registry)
        self._committer = Committer(ledger, clock, registry, self._settling, told)
        self._requests = PermitRequests(registry, limiter, clock)
        self._submitted: list[Submission] = []
        self._notified: dict[Key, None] = {}
        self._granted: list[tuple[LaneOperation, Budget]] = []
        self._stopping = self._ended = self._over = False
        self._heeded = False
        """Whether a step has begun since ``stop``."""
        self.busy_since: float | None = None
        """When the present step began, by the monotonic clock; None between steps."""

    # --- for any thread ---

    def submit(self, new: Sequence[NewCancellation]) -> Future[frozenset[str]]:
        """Insert these, and send what can be sent at once. No two have one key.

        The future holds the ids that were inserted, once all of ``new`` are committed;
        the keys of the others stood in the ledger already. Cancelling it withdraws
        what is not committed yet. Raises ``EngineStoppedError``.
        """
        submission = Submission(new)
        with self._changed:
            if self._ended:
                raise EngineStoppedError("this worker is stopping")
            self._submitted.append(submission)
            self._changed.notify()
        return submission.future

    def notify(self, due: Iterable[Key]) -> None:
        """The ledger may hold something to do for these lanes and operations."""
        with self._changed:
            self._notified.update(dict.fromkeys(due))
            self._changed.notify()

    def belief(self, lane: Lane, name: str) -> str:
        """What it takes this operation of a lane to wait for: words for the log."""
        return belief(self._registry.known(lane, name), self._clock.monotonic())

    def stop(self) -> None:
        """Claim and begin nothing more; ``run`` ends when all results are recorded."""
        self._dispatcher.close()
        with self._changed:
            self._stopping = True
            self._changed.notify()

    # --- for the thread that runs it ---

    def run(self) -> None:
        """Work until ``stop``, and until what is under way then is recorded."""
        while not self._has_ended():
            self._wait()
            self.busy_since = self._clock.monotonic()
            try:
                self.step()
            finally:
                self.busy_since = None

    def step(self) -> None:
        """Take what has come, commit it, and begin the calls that were claimed."""
        self._registry.reload()
        self._drain()
        stopping = self._heeded = self._requests.stopping = self._stopping
        if stopping:
            for operation in self._registry:
                self._settling.withdraw(operation)
        active = self._registry.active
        now = self._clock.monotonic()
        plan = Plan(now, alone=len(active) == 1, stopping=stopping)
        for operation in active:
            share = plan.take(operation)
            if share is None and operation.permits and not operation.passed_over:
                self._settling.decline_permits(operation)
        self._committer.commit(plan.shares)
        self._registry.end_turns(plan.shares)
        self._requests.request_all(self._receive)
        self._over = plan.over

    def patience(self) -> float:
        """Seconds until ``step`` has something to do, unless something comes before;
        no more than ``LONGEST_WAIT``."""
        with self._changed:
            ready = self._over or self._has_work()
        return 0.0 if ready else self._patience()

    def _has_ended(self) -> bool:
        """Whether all is done after ``stop``: from then on nothing is taken."""
        with self._changed:
            if self._stopping and not self._submitted:
                self._ended = not any(
                    one.in_flight or one.urgent or one.inbox or one.home
                    for one in self._registry
                )
            return self._ended

    # --- waiting ---

    def _wait(self) -> None:
        """Until something has come, or is due."""
        patience = 0.0 if self._over else self._patience()
        with self._changed:
            self._changed.wait_for(self._has_work, patience)
            results = self._dispatcher.has_results()
            if results and not self._over and not self._has_arrivals():
                # Calls that begin together mostly end together: one commit for all.
                self._changed.wait_for(self._is_gathered, GATHER_SECONDS)

    def _has_work(self) -> bool:
        return self._has_arrivals() or self._dispatcher.has_results()

    def _has_arrivals(self) -> bool:
        told = self._stopping and not self._heeded
        return bool(self._submitted or self._notified or self._granted or told)

    def _is_gathered(self) -> bool:
        return self._has_arrivals() or self._dispatcher.is_quiet()

    def _patience(self) -> float:
        """Seconds until the loop must look by itself."""
        now = self._clock.monotonic()
        times = [now + (STOPPING_LOOK if self._stopping else LONGEST_WAIT)]
        for one in self._registry.active:
            if one.not_before > now:
                times.append(one.not_before)
            elif one.home or (one.has_work(now) and not self._stopping):
                times.append(now)
            elif one.inbox or one.urgent:
                times.append(now + HELD_LOOK)
            elif one.backlog and one.permits_at > now:
                times.append(one.permits_at)
        return min(times) - now

    # --- what has come ---

    def _drain(self) -> None:
        with self._changed:
            submitted, self._submitted = self._submitted, []
            notified, self._notified = self._notified, {}
            granted, self._granted = self._granted, []
        for submission in submitted:
            self._arrive(submission)
        for lane, name in notified:
            self._registry.has_due(lane, name)
        for operation, budget in granted:
            operation.asking = False
            operation.permits.extend(budget.places)
            wait = budget.wait.total_seconds()
            operation.permits_at = self._clock.monotonic() + wait
            self._registry.activate(operation)
        self._come_home()

    def _arrive(self, submission: Submission) -> None:
        submission.settle(0, ())
        for new in () if submission.abandoned else submission.new:
            operation = self._registry.get((new.provider, new.account), "cancel")
            entry = Entry(new, submission)
            operation.inbox_of(entry).append(entry)
            self._registry.activate(operation)

    def _come_home(self) -> None:
        heard: dict[LaneOperation, int] = {}
        home = self._dispatcher.take_home()
        for call, result in home:
            operation = call.operation
            if result is None:
                # Its orders are read back when their lease has run out.
                operation.in_flight -= 1
                continue
            operation.home.append(operation.attributed(result))
            heard[operation] = heard.get(operation, 0) + 1
            self._registry.activate(operation)
        for operation, results in heard.items():
            operation.heard(results, self._clock.monotonic())
        self._limiter.release([call.permit for call, _ in home])

    def _receive(self, operation: LaneOperation, budget: Budget) -> None:
        """The rate limiter's answer. From any thread."""
        with self._changed:
            self._granted.append((operation, budget))
            self._changed.notify()
