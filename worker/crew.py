"""The threads that make a pump's calls, with a few calls in hand for whoever is free.

Where answers come fast, the next calls are claimed a moment ahead, so that nobody waits
while outcomes are written; where they come slowly, none are.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

from ledger.progress import Claimed
from worker.calls import Asked
from worker.stopping import stopping

GATHER_SECONDS = 0.005
"""How long an answer waits for others, to be recorded with them."""
AHEAD_SECONDS, BATCHES_AHEAD_SECONDS = 0.01, 0.05
"""So much of the calls' present pace is claimed ahead, and no more: what is claimed
when a worker is killed has to be read back, and may end unresolved where its provider
never had it. At 50 ms for all `make chaos` had twice as many of these. Who takes
batches can be asked for its orders, and to record them takes as long as their calls."""
MOST_AHEAD = 4
"""Times as many as are made at once, at most."""

HANGS_SECONDS = 0.5
"""A crew that has heard nothing for so long may have to wait for much longer."""

Batch = Sequence[Claimed]
Given = TypeVar("Given")
"""What a call is made of: a batch, and what else the call needs."""


class Crew(Generic[Given]):
    """Makes calls, at most ``size`` at once, and keeps the answers until taken home."""

    def __init__(
        self,
        threads: Executor,
        ask: Callable[[Given], Asked],
        size: int,
        pace: float = 0.0,
        ahead: float = AHEAD_SECONDS,
    ) -> None:
        """``pace`` is that of its calls in a second, as far as it is known before;
        ``ahead``, how many seconds of it may be in hand."""
        self._threads = threads
        self._ask = ask
        self._size = size
        self._ready: deque[Given] = deque()
        self._calling = 0
        self._answered: list[Asked] = []
        self._failed: list[Exception] = []
        self._nudged = False
        self._halted = False
        self._changed = threading.Condition()
        self._pace = pace
        self._ahead = ahead
        self._taken_at = self._heard_at = time.monotonic()

    @property
    def under_way(self) -> int:
        """Calls that were given and not taken home."""
        with self._changed:
            return len(self._ready) + self._calling + len(self._answered)

    @property
    def pace(self) -> float:
        """Calls a second, of late; none where answers are waited for in vain."""
        with self._changed:
            hangs = self._calling and time.monotonic() - self._heard_at > HANGS_SECONDS
            return 0.0 if hangs else self._pace

    @property
    def ahead(self) -> int:
        """How many calls beyond ``size`` are worth having in hand."""
        return min(int(self._pace * self._ahead), MOST_AHEAD * self._size)

    def add(self, batches: Sequence[Given]) -> None:
        with self._changed:
            if self._is_idle():
                self._heard_at = time.monotonic()
            self._ready.extend(batches)
            more = min(len(self._ready), self._size - self._calling)
            for _ in range(more):
                # Counted once it is sure to begin: there may be no more threads.
                self._threads.submit(self._work)
                self._calling += 1

    def withdraw(self) -> list[Given]:
        """Take back the calls that nobody has begun."""
        with self._changed:
            back = list(self._ready)
            self._ready.clear()
            self._halted = False
            return back

    def take_home(self, patience: float | None) -> list[Asked]:
        """What was answered; waits so many seconds for it, for a nudge or the end."""
        with self._changed:
            self._changed.wait_for(self._is_something_up, patience)
            if self._answered and self._calling:
                # Calls sent together mostly end together: one commit for all of them.
                self._changed.wait_for(self._is_idle, GATHER_SECONDS)
            home, self._answered = self._answered, []
        self._keep_pace(len(home))
        return home

    def check(self) -> None:
        """Raise what a call raised: a bug of ours, whose orders will be read back."""
        if self._failed:
            raise self._failed.pop()

    def nudge(self) -> None:
        """End a wait. From any thread."""
        with self._changed:
            self._nudged = True
            self._changed.notify()

    @property
    def nudged(self) -> bool:
        return self._nudged

    def rest(self, seconds: float) -> None:
        """Wait, though not when nudged or told to stop meanwhile."""
        until = time.monotonic() + seconds
        while not stopping() and (left := until - time.monotonic()) > 0:
            with self._changed:
                if self._changed.wait_for(lambda: self._nudged, min(left, 0.1)):
                    return

    def calm(self) -> None:
        """Forget the nudges so far."""
        self._nudged = False

    def _is_something_up(self) -> bool:
        return bool(self._answered) or self._nudged or self._is_idle()

    def _is_idle(self) -> bool:
        return not self._calling

    def _keep_pace(self, answers: int) -> None:
        if answers:
            now = time.monotonic()
            latest = answers / max(now - self._taken_at, 0.001)
            self._pace, self._taken_at = (self._pace + latest) / 2, now

    # --- in a thread of the crew ---

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            try:
                asked = self._ask(batch)
            except Exception as error:  # noqa: BLE001  (whoever takes it home raises it)
                self._failed.append(error)
            else:
                self._answer(asked)

    def _next(self) -> Given | None:
        with self._changed:
            if self._ready and not self._halted and not stopping():
                return self._ready.popleft()
            self._calling -= 1
            if self._is_idle():
                self._changed.notify()
            return None

    def _answer(self, asked: Asked) -> None:
        with self._changed:
            self._heard_at = time.monotonic()
            self._answered.append(asked)
            # Nobody may begin what is in hand until it has been withdrawn: see Pump.
            self._halted |= asked.effect.stops
            if len(self._answered) == 1:
                self._changed.notify()
