"""The engine's loop: one thread that serves all lanes of a process.

Each step drains the inbox (new cancellations, results of calls, notifications,
permits), writes one transaction for all lanes, and gives the claimed calls to the
executor. Clock, executor, rate limiter and ledger are passed in, and ``step`` is a
plain method: a simulation runs it without a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future

from sqlalchemy import Engine as Ledger

from rescind.config.accounts import Lane
from rescind.engine.clock import Clock
from rescind.engine.committing import Committer
from rescind.engine.dispatcher import GATHER_SECONDS, Dispatcher
from rescind.engine.executor import Executor
from rescind.engine.inbox import Submission
from rescind.engine.lane_operation import LaneOperation
from rescind.engine.lane_registry import Key, Registry
from rescind.engine.permit_requests import PermitRequests
from rescind.engine.permits import Limiter
from rescind.engine.planning import Plan
from rescind.engine.rate_limiter import Grant
from rescind.engine.settling import Settling
from rescind.engine.wait_reasons import wait_reasons
from rescind.ledger.changes.dependencies import NO_DEPENDENTS, Dependents
from rescind.ledger.changes.new_cancellation import NewCancellation

LONGEST_WAIT = 5.0
"""Longest wait of the loop between two steps, in seconds."""
HELD_LOOK = 0.02
"""Longest wait, in seconds, while new orders wait in memory."""
STOPPING_LOOK = 0.1
"""Longest wait, in seconds, while the engine stops."""


class EngineStoppedError(RuntimeError):
    """The engine takes no more submissions; another worker can take this one."""


class Engine:
    """All lanes of one process.

    Any thread may call ``submit``, ``notify``, ``wait_reasons`` and ``stop``. The other
    methods belong to the thread that runs the engine.
    """

    def __init__(
        self,
        ledger: Ledger,
        registry: Registry,
        executor: Executor,
        limiter: Limiter,
        clock: Clock,
        deliveries_due: Callable[[], object],
    ) -> None:
        """``deliveries_due`` is called when webhook deliveries were inserted."""
        self._registry = registry
        self._limiter = limiter
        self._clock = clock
        self._changed = threading.Condition()
        self._dispatcher = Dispatcher(executor, self._changed)
        self._settling = Settling(clock, self._dispatcher, limiter, registry)
        settled = (self._settling, deliveries_due)
        self._committer = Committer(ledger, clock, registry, *settled)
        self._requests = PermitRequests(registry, limiter, clock)
        self._submitted: list[Submission] = []
        self._notified: dict[Key, None] = {}
        self._granted: list[tuple[LaneOperation, Grant]] = []
        self._stopping = self._ended = self._over = False
        self._stop_seen = False
        """Whether a step has begun since ``stop``."""
        self.busy_since: float | None = None
        """When the present step began, by the monotonic clock; None between steps."""

    # --- for any thread ---

    def submit(
        self, new: Sequence[NewCancellation], dependents: Dependents = NO_DEPENDENTS
    ) -> Future[frozenset[str]]:
        """Insert these cancellations, and call their providers as soon as possible.

        No two of ``new`` may have the same key. The future is resolved when all of them
        are committed. It holds the ids whose keys were new, of ``dependents`` only
        those that wait for nothing but what the same transaction inserts. Cancelling it
        withdraws what is not committed yet. Raises ``EngineStoppedError``.
        """
        submission = Submission(new, dependents)
        with self._changed:
            if self._ended:
                raise EngineStoppedError("this worker is stopping")
            self._submitted.append(submission)
            self._changed.notify()
        return submission.future

    def notify(self, due: Iterable[Key]) -> None:
        """Say that the ledger may hold due orders for these lanes and operations."""
        with self._changed:
            self._notified.update(dict.fromkeys(due))
            self._changed.notify()

    def wait_reasons(self, lane: Lane, name: str) -> str:
        """What this operation of a lane waits for, in words for the log."""
        return wait_reasons(self._registry.known(lane, name), self._clock.monotonic())

    def stop(self) -> None:
        """Claim no more, and begin no call. ``run`` returns when all is recorded."""
        self._dispatcher.close()
        with self._changed:
            self._stopping = True
            self._changed.notify()

    # --- for the thread that runs the engine ---

    def run(self) -> None:
        """Work until ``stop``, and until the calls under way then are recorded."""
        while not self._has_ended():
            self._wait()
            self.busy_since = self._clock.monotonic()
            try:
                self.step()
            finally:
                self.busy_since = None

    def step(self) -> None:
        """Drain the inbox, commit a share of each lane's work, and begin the claimed
        calls."""
        self._registry.reload()
        self._drain()
        stopping = self._stop_seen = self._requests.stopping = self._stopping
        for operation in self._registry if stopping else ():
            self._settling.withdraw(operation)
        active = self._registry.active
        alone = len(active) == 1
        plan = Plan(self._clock.monotonic(), alone=alone, stopping=stopping)
        for operation in active:
            share = plan.take(operation)
            if share is None and operation.permits and not operation.passed_over:
                self._settling.decline_permits(operation)
        self._committer.commit(plan.shares)
        self._registry.end_turns(plan.shares)
        self._requests.request_all(self._receive)
        self._over = plan.over

    def patience(self) -> float:
        """Seconds until ``step`` has something to do, if nothing arrives before that.
        At most ``LONGEST_WAIT``."""
        with self._changed:
            ready = self._over or self._has_work()
        return 0.0 if ready else self._patience()

    def _has_ended(self) -> bool:
        """Whether all work is done after ``stop``; ``submit`` raises from then on."""
        with self._changed:
            if self._stopping and not self._submitted:
                self._ended = not any(
                    one.in_flight or one.urgent or one.inbox or one.results
                    for one in self._registry
                )
            return self._ended

    # --- waiting ---

    def _wait(self) -> None:
        """Wait until something has arrived, or is due."""
        patience = 0.0 if self._over else self._patience()
        with self._changed:
            self._changed.wait_for(self._has_work, patience)
            results = self._dispatcher.has_results()
            if results and not self._over and not self._has_arrivals():
                # Calls that begin together mostly end together: wait for the others,
                # and record all in one commit.
                self._changed.wait_for(self._is_gathered, GATHER_SECONDS)

    def _has_work(self) -> bool:
        return self._has_arrivals() or self._dispatcher.has_results()

    def _has_arrivals(self) -> bool:
        new_stop = self._stopping and not self._stop_seen
        return bool(self._submitted or self._notified or self._granted or new_stop)

    def _is_gathered(self) -> bool:
        return self._has_arrivals() or self._dispatcher.is_quiet()

    def _patience(self) -> float:
        """Seconds until the next step is needed even if nothing arrives."""
        now = self._clock.monotonic()
        times = [now + (STOPPING_LOOK if self._stopping else LONGEST_WAIT)]
        for one in self._registry.active:
            if one.not_before > now:
                times.append(one.not_before)
            elif one.results or (one.has_work(now) and not self._stopping):
                times.append(now)
            elif one.inbox or one.urgent:
                times.append(now + HELD_LOOK)
            elif one.backlog and one.permits_at > now:
                times.append(one.permits_at)
        return min(times) - now

    # --- the inbox ---

    def _drain(self) -> None:
        with self._changed:
            submitted, self._submitted = self._submitted, []
            notified, self._notified = self._notified, {}
            granted, self._granted = self._granted, []
        for submission in submitted:
            self._arrive(submission)
        for lane, name in notified:
            self._registry.has_due(lane, name)
        for operation, grant in granted:
            operation.asking = False
            operation.permits.extend(grant.places)
            operation.permits_at = self._clock.monotonic() + grant.wait.total_seconds()
            self._registry.activate(operation)
        self._collect_results()

    def _arrive(self, submission: Submission) -> None:
        submission.settle(0, ())
        for entry in submission.entries():
            operation = self._registry.get(entry.new.lane, "cancel")
            operation.inbox_of(entry).append(entry)
            self._registry.activate(operation)

    def _collect_results(self) -> None:
        ended: dict[LaneOperation, int] = {}
        results = self._dispatcher.collect()
        for call, result in results:
            operation = call.operation
            if result is None:
                # The call's orders are read back when their lease has run out.
                operation.in_flight -= 1
                continue
            operation.results.append(operation.attributed(result))
            ended[operation] = ended.get(operation, 0) + 1
            self._registry.activate(operation)
        for operation, number in ended.items():
            operation.update_pace(number, self._clock.monotonic())
        self._limiter.release([call.permit for call, _ in results])

    def _receive(self, operation: LaneOperation, grant: Grant) -> None:
        """Take an answer of the rate limiter. Any thread may call this."""
        with self._changed:
            self._granted.append((operation, grant))
            self._changed.notify()
