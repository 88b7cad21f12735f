"""Simulated time: a queue of events, which run one at a time, in order.

A task is a greenlet. It switches to the hub where a thread would wait. No two tasks
ever run at once, and no real time passes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from greenlet import getcurrent, greenlet

Do = Callable[[], None]


class Killed(BaseException):
    """The machine of this task has died. Our own code must not catch it."""


class Hub:
    """The true time, in seconds since the epoch, and the queue of events."""

    def __init__(self, began: float) -> None:
        self.time = began
        self.main = getcurrent()
        self._heap: list[tuple[float, int, Do]] = []
        self._numbers = count()

    def at(self, when: float, do: Do) -> None:
        """Call ``do`` at ``when``. If that is in the past, call it next."""
        heapq.heappush(self._heap, (max(when, self.time), next(self._numbers), do))

    def later(self, seconds: float, do: Do) -> None:
        self.at(self.time + seconds, do)

    def now(self) -> float:
        return self.time

    def run(self, until: float, over: Callable[[], bool]) -> None:
        """Run the events in order, until the time ``until``, or until ``over``."""
        while self._heap and self._heap[0][0] <= until and not over():
            self.time, _, do = heapq.heappop(self._heap)
            do()


class Task:
    """Work that can wait. Made by ``Machine.spawn``."""

    def __init__(self, hub: Hub, work: Do, held: Callable[[Do], bool]) -> None:
        """``held`` returns whether the task's machine stands still. If it does, it
        keeps the event for later."""
        self._hub = hub
        self._held = held
        self._turn = 0
        self._called = False
        self._greenlet = greenlet(lambda _resumed: work(), hub.main)
        hub.at(hub.time, lambda: self._wake(0, resumed=True))

    @property
    def over(self) -> bool:
        return bool(self._greenlet.dead)

    def park(self, seconds: float | None = None) -> bool:
        """Wait for ``resume``, at most for so many seconds. Returns whether it was
        resumed.

        Only the task itself may call it.
        """
        assert getcurrent() is self._greenlet  # noqa: S101
        if self._called:
            self._called = False
            return True
        turn = self._turn
        if seconds is not None:
            self._hub.later(seconds, lambda: self._wake(turn, resumed=False))
        return bool(self._hub.main.switch())

    def resume(self) -> None:
        """Let the task go on. If it calls this itself, its next ``park`` returns at
        once."""
        turn = self._turn
        if getcurrent() is self._greenlet:
            self._called = True
        else:
            self._hub.at(self._hub.time, lambda: self._wake(turn, resumed=True))

    def kill(self) -> None:
        """End the task: only its ``finally`` clauses run."""
        self._turn += 1
        if not self._greenlet.dead and getcurrent() is not self._greenlet:
            self._greenlet.parent = getcurrent()
            with suppress(Killed):
                self._greenlet.throw(Killed)

    @property
    def running(self) -> bool:
        return getcurrent() is self._greenlet

    def _wake(self, turn: int, *, resumed: bool) -> None:
        if turn != self._turn or self._greenlet.dead:
            return
        if self._held(lambda: self._wake(turn, resumed=resumed)):
            return
        self._turn += 1
        with suppress(Killed):
            self._greenlet.switch(resumed)
