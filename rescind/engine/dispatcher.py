"""The dispatcher: it passes claimed calls to threads, and collects their results.

The engine's thread and the executor's threads share its state, under one lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import structlog

from rescind.engine.call_results import CallResult
from rescind.engine.executor import Executor
from rescind.engine.lane_operation import Call, LaneOperation

log = structlog.get_logger("rescind.engine")

GATHER_SECONDS = 0.003
"""Time that a result waits for others, to be recorded in the same transaction."""

Results = list[tuple[Call, CallResult | None]]


class Dispatcher:
    """Gives claimed calls to the executor, at most ``concurrency`` of each operation
    at once, and keeps their results until ``collect``."""

    def __init__(self, executor: Executor, changed: threading.Condition) -> None:
        """``changed`` is the lock, and is notified when results arrive."""
        self._executor = executor
        self._changed = changed
        self._results: Results = []
        self._calling = 0
        self._closed = False

    def close(self) -> None:
        """Begin no further call."""
        with self._changed:
            self._closed = True

    def start(self, operation: LaneOperation, calls: Iterable[Call]) -> bool:
        """Begin these calls as threads become free. False if there is no thread."""
        with self._changed:
            operation.ready.extend(calls)
            room = operation.policy.concurrency - operation.running
            # A result may have arrived meanwhile that forbids further calls.
            stopped = operation.halted or self._closed
            number = 0 if stopped else max(0, min(room, len(operation.ready)))
            begun = [operation.ready.popleft() for _ in range(number)]
            operation.running += len(begun)
            self._calling += len(begun)
        refused = [call for call in begun if not self._begin(call)]
        return not refused

    def withdraw(self, operation: LaneOperation) -> list[Call]:
        """Remove and return the calls that no thread has begun."""
        with self._changed:
            back = list(operation.ready)
            operation.ready.clear()
            operation.halted = False
            return back

    def collect(self) -> Results:
        """Remove and return the results so far, each with its call.

        A result is None where the call failed by a bug of ours.
        """
        with self._changed:
            results, self._results = self._results, []
            return results

    def has_results(self) -> bool:
        """Whether a result waits to be collected. The caller holds the lock."""
        return bool(self._results)

    def is_quiet(self) -> bool:
        """Whether no call is under way. The caller holds the lock."""
        return not self._calling

    def _begin(self, call: Call) -> bool:
        try:
            self._executor.start(call, self._done)
        except RuntimeError as error:
            # The system has no more threads: the orders are returned unsent.
            log.warning("no thread for a call", why=str(error))
            following: Call | None = call
            while following is not None:
                following = self._done(following, following.return_unsent())
            return False
        return True

    # --- in the executor's threads ---

    def _done(self, call: Call, result: CallResult | None) -> Call | None:
        operation = call.operation
        with self._changed:
            self._results.append((call, result))
            # No further call begins until the engine has recorded the lane's state.
            operation.halted |= result is not None and result.effect.stops
            self._calling -= 1
            following = self._next(operation)
            if len(self._results) == 1 or not self._calling:
                self._changed.notify()
            return following

    def _next(self, operation: LaneOperation) -> Call | None:
        if operation.ready and not operation.halted and not self._closed:
            self._calling += 1
            return operation.ready.popleft()
        operation.running -= 1
        return None
