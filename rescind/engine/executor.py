"""The threads that make the calls: made on demand, and kept for the next call."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from rescind.engine.call_results import CallResult
from rescind.engine.lane_operation import Call

MOST_THREADS = 4096
"""Calls at once in one process: more than dozens of accounts that hang together."""

Done = Callable[[Call, CallResult | None], Call | None]
"""Takes a call's result (None where the call failed by a bug of ours), and gives back
the next call for the same thread."""


class Executor(Protocol):
    """Makes calls, without keeping the caller waiting."""

    def start(self, call: Call, done: Done) -> None:
        """Make ``call``, and all that ``done`` gives back. Raises ``RuntimeError``
        where there is no thread for it."""


class ThreadExecutor:
    """Makes each call in a thread; knows since when each thread is at its call."""

    def __init__(self, failed: Callable[[Call, Exception], None]) -> None:
        """``failed`` is told of what a call raised: a bug of ours."""
        self._failed = failed
        self._threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="call")
        self._begun: dict[int, tuple[float, Call]] = {}

    def start(self, call: Call, done: Done) -> None:
        waiting = [call]
        try:
            self._threads.submit(self._run, waiting, done)
        except RuntimeError:
            # The pool queued it before it failed to start a thread, so that a thread
            # that comes free would make it: whoever takes it out of here has it.
            if _taken(waiting) is not None:
                raise

    def oldest(self) -> tuple[float, Call] | None:
        """The call that has been under way for longest, and since when (monotonic)."""
        return min(self._begun.copy().values(), key=lambda one: one[0], default=None)

    def _run(self, waiting: list[Call], done: Done) -> None:
        call = _taken(waiting)
        while call is not None:
            call = done(call, self._make(call))

    def _make(self, call: Call) -> CallResult | None:
        self._begun[id(call)] = (time.monotonic(), call)
        try:
            return call.make()
        except Exception as error:  # noqa: BLE001  (said by ``failed``; others go on)
            self._failed(call, error)
            return None
        finally:
            del self._begun[id(call)]


def _taken(waiting: list[Call]) -> Call | None:
    """The call, for one taker alone."""
    try:
        return waiting.pop()
    except IndexError:
        return None
