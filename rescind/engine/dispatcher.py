"""Calls on their way: from a claim to a thread, and home again.

What it holds is shared by the engine's thread and the executor's, under one lock.
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
"""How long a result waits for others, to be recorded with them."""

Home = list[tuple[Call, CallResult | None]]


class Dispatcher:
    """Gives claimed calls to the executor, at most ``concurrency`` of each operation
    at once, and keeps their results until they are taken."""

    def __init__(self, executor: Executor, changed: threading.Condition) -> None:
        """``changed`` is notified of results, and is the lock."""
        self._executor = executor
        self._changed = changed
        self._home: Home = []
        self._calling = 0
        self._closed = False

    def close(self) -> None:
        """Begin no further call."""
        with self._changed:
            self._closed = True

    def start(self, operation: LaneOperation, calls: Iterable[Call]) -> bool:
        """Begin these calls as threads come free; False if there are no threads."""
        with self._changed:
            operation.ready.extend(calls)
            room = operation.policy.concurrency - operation.running
            # A result may have come home meanwhile that forbids further calls.
            stopped = operation.halted or self._closed
            most = 0 if stopped else max(0, min(room, len(operation.ready)))
            begun = [operation.ready.popleft() for _ in range(most)]
            operation.running += len(begun)
            self._calling += len(begun)
        refused = [call for call in begun if not self._begin(call)]
        return not refused

    def withdraw(self, operation: LaneOperation) -> list[Call]:
        """Take back the calls that no thread has begun."""
        with self._changed:
            back = list(operation.ready)
            operation.ready.clear()
            operation.halted = False
            return back

    def take_home(self) -> Home:
        """The results so far, each with its call; None for a call that failed by a
        bug of ours. Holds the lock for a moment."""
        with self._changed:
            home, self._home = self._home, []
            return home

    def has_results(self) -> bool:
        """Under the lock."""
        return bool(self._home)

    def is_quiet(self) -> bool:
        """Whether no call is under way. Under the lock."""
        return not self._calling

    def _begin(self, call: Call) -> bool:
        try:
            self._executor.start(call, self._done)
        except RuntimeError as error:
            # There may be no more threads: the orders go back unsent.
            log.warning("no thread for a call", why=str(error))
            following: Call | None = call
            while following is not None:
                following = self._done(following, following.put_back())
            return False
        return True

    # --- in the executor's threads ---

    def _done(self, call: Call, result: CallResult | None) -> Call | None:
        operation = call.operation
        with self._changed:
            self._home.append((call, result))
            # No further call begins until the engine has looked at the lane.
            operation.halted |= result is not None and result.effect.stops
            self._calling -= 1
            following = self._next(operation)
            if len(self._home) == 1 or not self._calling:
                self._changed.notify()
            return following

    def _next(self, operation: LaneOperation) -> Call | None:
        if operation.ready and not operation.halted and not self._closed:
            self._calling += 1
            return operation.ready.popleft()
        operation.running -= 1
        return None
