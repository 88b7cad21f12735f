"""The threads that make the calls. They start on demand, and are reused."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from rescind.engine.call_results import CallResult
from rescind.engine.lane_operation import Call

MOST_THREADS = 4096
"""Most calls at once in one process: enough for dozens of accounts whose calls all
hang."""

Done = Callable[[Call, CallResult | None], Call | None]
"""Takes a call's result (None if the call failed by a bug of ours), and returns the
next call for the same thread, if there is one."""


class Executor(Protocol):
    """Makes calls without blocking the thread that starts them."""

    def start(self, call: Call, done: Done) -> None:
        """Make ``call``, and each further call that ``done`` returns.

        Raises ``RuntimeError`` if there is no thread for it.
        """


class ThreadExecutor:
    """Makes each call in a thread, and knows since when each thread is calling."""

    def __init__(self, failed: Callable[[Call, Exception], None]) -> None:
        """``failed`` is called with what a call raised: a bug of ours."""
        self._failed = failed
        self._threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="call")
        self._begun: dict[int, tuple[float, Call]] = {}

    def start(self, call: Call, done: Done) -> None:
        waiting = [call]
        try:
            self._threads.submit(self._run, waiting, done)
        except RuntimeError:
            # The pool queued the call before it failed to start a thread, so the next
            # free thread would make it. Only one side can take it from ``waiting``.
            if _taken(waiting) is not None:
                raise

    def load(self) -> tuple[int, int]:
        """How many calls are under way, and on how many lanes."""
        under_way = [call.operation.lane for _, call in self._begun.copy().values()]
        return len(under_way), len(set(under_way))

    def oldest(self) -> tuple[float, Call] | None:
        """The call that has been under way for longest, and the time at which it began
        (monotonic seconds)."""
        return min(self._begun.copy().values(), key=lambda one: one[0], default=None)

    def _run(self, waiting: list[Call], done: Done) -> None:
        call = _taken(waiting)
        while call is not None:
            call = done(call, self._make(call))

    def _make(self, call: Call) -> CallResult | None:
        self._begun[id(call)] = (time.monotonic(), call)
        try:
            return call.make()
        except Exception as error:  # noqa: BLE001  (``failed`` logs it)
            self._failed(call, error)
            return None
        finally:
            del self._begun[id(call)]


def _taken(waiting: list[Call]) -> Call | None:
    """The call, or None if another thread has taken it."""
    try:
        return waiting.pop()
    except IndexError:
        return None
