"""The broker and the beat of a world. Messages arrive at least once, ticks at most
once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

from simulate.hub import Hub

VISIBILITY = 60.0
"""Seconds until a message without an acknowledgement is delivered again."""
ACKS_LATE = True
"""Whether a worker acknowledges a message after its work, not before."""
AGAIN = 1.0
"""Seconds until a producer that could not send tries again."""

Entries = Sequence[Mapping[str, Any]]
Give = Callable[[int, Entries], bool]
"""Gives a message to a worker; False if there is no worker."""


class Broker:
    """Keeps each message until it is acknowledged."""

    def __init__(self, hub: Hub, give: Give) -> None:
        self._hub = hub
        self._give = give
        self._numbers = count(1)
        self._waiting: deque[tuple[int, Entries]] = deque()
        self._given: dict[int, Entries] = {}
        self._away_until = 0.0
        self._trying = 0
        """Messages that their producers could not send yet."""

    @property
    def away(self) -> bool:
        return self._hub.time < self._away_until

    @property
    def idle(self) -> bool:
        """Whether the broker and the producers have no message left."""
        return not (self._waiting or self._given or self._trying)

    def send(self, entries: Entries) -> None:
        """Take a message. While the broker is away, the producer tries again."""
        if self.away:
            self._trying += 1
            self._hub.later(AGAIN, lambda: self._try_again(entries))
            return
        self._waiting.append((next(self._numbers), entries))
        self.deliver()

    def deliver(self) -> None:
        """Give waiting messages to workers."""
        while self._waiting and not self.away:
            number, entries = self._waiting[0]
            if not self._give(number, entries):
                # Each worker that starts calls this again.
                return
            self._waiting.popleft()
            if ACKS_LATE:
                self._given[number] = entries
                self._hub.later(VISIBILITY, partial(self._restore, number))

    def acknowledge(self, number: int) -> None:
        """Note that a message's work is done. If the broker is away, the note is lost,
        and the message is delivered again."""
        if not self.away:
            self._given.pop(number, None)

    def reject(self, number: int) -> None:
        """Put a message back into the queue: its work could not be done."""
        self._restore(number)

    def go_away(self, seconds: float) -> None:
        self._away_until = max(self._away_until, self._hub.time + seconds)
        self._hub.later(seconds, self.deliver)

    def lose_all(self) -> None:
        """Lose all messages, as a Redis without persistence does when it restarts."""
        self._waiting.clear()
        self._given.clear()

    def _try_again(self, entries: Entries) -> None:
        self._trying -= 1
        self.send(entries)

    def _restore(self, number: int) -> None:
        entries = self._given.pop(number, None)
        if entries is not None:
            self._waiting.append((number, entries))
            self.deliver()


class Beat:
    """Ticks each second while the ledger changes, and less often otherwise.

    ``rescind.beat`` itself ticks each second. A simulation of days cannot afford that,
    and a tick changes nothing if nothing is due.
    """

    def __init__(
        self, hub: Hub, tick: Callable[[], None], next_due: Callable[[], float | None]
    ) -> None:
        """``next_due``: the time at which an order or lane is due next, or None."""
        self._hub = hub
        self._tick = tick
        self._next_due = next_due
        self._wait = 1.0
        self._turn = 0
        self.quicken()

    def quicken(self) -> None:
        """Tick in a second: the ledger has changed."""
        self._wait = 1.0
        self._schedule(self._hub.time + 1.0)

    def _schedule(self, when: float) -> None:
        self._turn += 1
        turn = self._turn
        self._hub.at(when, lambda: self._run(turn))

    def _run(self, turn: int) -> None:
        if turn != self._turn:
            return
        self._tick()
        now, due = self._hub.time, self._next_due()
        if due is not None and due > now:
            self._schedule(max(due, now + 1.0))
            return
        # A due order that does not move belongs to a lane that may not call now.
        self._wait = min(2 * self._wait, 60.0)
        self._schedule(now + self._wait)
