"""What a lane was offered and has not kept yet; and keeping it.

Orders wait here for a moment, until they can be sent: then they are kept as claimed.
What cannot be sent soon is given back, to be kept as queued by whoever offered it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ledger.arrivals import Arrivals, keep_claimed
from ledger.lanes import register_lanes
from ledger.progress import Claimed
from worker.accounts import Lane
from worker.handoff import Offer
from worker.runtime import do_nothing

MOST_IN_HAND = 1000
"""Orders. Who would offer more waits at the door, and costs nothing."""
WAIT_SECONDS, EACH_SECONDS = 0.005, 0.0001
"""An offer may wait so long, and so much longer for each of its orders: some times as
long as to keep them otherwise. Beyond it a slow lane would slow intake for all."""
STILL_SECONDS = 1.0
"""Where nothing could be sent for so long, all is given back."""


@dataclass(slots=True)
class Kept:
    """What a transaction keeps of what is in hand; see ``Hand.kept``."""

    orders: int = 0
    claimed: list[Claimed] = field(default_factory=list)
    left_out: frozenset[str] = frozenset()
    """The ids of those whose keys stood there already."""


class Hand:
    """What is offered to one lane, the oldest first.

    Given by one thread and taken by another; at any time, one takes.
    """

    def __init__(self, lane: Lane, taken: Callable[[], object] = do_nothing) -> None:
        self.lane = lane
        self._offers: deque[Offer] = deque()
        self._done: list[Offer] = []
        self._moved_at = 0.0
        self._taken = taken
        self._lock = threading.Lock()
        self.registered = False
        """Whether the ledger knows its lane."""

    def __len__(self) -> int:
        """How many orders wait."""
        with self._lock:
            return self._waiting()

    @property
    def patience(self) -> float:
        """Seconds until nothing has been taken from it for too long; 0 if so."""
        if not self._offers:
            return STILL_SECONDS
        return max(0.0, self._moved_at + STILL_SECONDS - time.monotonic())

    def add(self, one: Offer) -> None:
        with self._lock:
            if not self._offers:
                self._moved_at = time.monotonic()
            self._offers.append(one)

    def first(self, most: int) -> list[Arrivals]:
        """Its first orders, so many at most."""
        with self._lock:
            return list(self._first(most))

    def _first(self, most: int) -> Iterator[Arrivals]:
        for one in self._offers:
            some = min(most, one.waiting)
            if some <= 0:
                return
            yield one.new.part(one.kept, one.kept + some)
            most -= some

    def kept(self, what: Kept) -> None:
        """That much is in the ledger now; ``answer`` says so."""
        if not what.orders:
            return
        self.registered = True
        with self._lock:
            for one in self._offers if what.left_out else ():
                one.left_out += [i for i in one.new.ids if i in what.left_out]
            self._done += self._advance(what.orders)
            self._moved_at = time.monotonic()

    def give_back(self, room: int = 0, pace: float = 0.0) -> None:
        """Keep what has ``room``, and what will soon, at so many orders a second;
        ``answer`` tells the others that theirs were not kept."""
        with self._lock:
            while self._offers and not self._goes_soon(room, pace):
                self._done.append(self._offers.pop())

    def _goes_soon(self, room: int, pace: float) -> bool:
        """Whether all up to the last one will be sent before it has waited too long."""
        orders = len(self._offers[-1].new.rows)
        beyond = self._waiting() - room
        return beyond <= pace * (WAIT_SECONDS + orders * EACH_SECONDS)

    def answer(self) -> None:
        """Tell whose offers are over; it has time until the calls go out."""
        with self._lock:
            done, self._done = self._done, []
        for one in done:
            one.answer()
        if done:
            self._taken()

    def refuse(self) -> None:
        """Give all back, and say so."""
        self.give_back()
        self.answer()

    def _waiting(self) -> int:
        return sum(one.waiting for one in self._offers)

    def _advance(self, number: int) -> Iterator[Offer]:
        while self._offers and number:
            first = self._offers[0]
            some = min(first.waiting, number)
            first.kept, number = first.kept + some, number - some
            if not first.waiting:
                yield self._offers.popleft()


def keep(
    connection: Connection, hand: Hand, most: int, lease: timedelta, now: datetime
) -> Kept:
    """Keep up to ``most`` as claimed, for ``lease``.

    The same ones each time until ``Hand.kept`` or ``Hand.give_back`` is called.
    """
    kept = Kept()
    for part in hand.first(most):
        held, left_out = keep_claimed(connection, part, lease, now)
        kept.claimed += held
        kept.left_out |= left_out
        kept.orders += len(part.rows)
    if kept.orders and not hand.registered:
        register_lanes(connection, [hand.lane])
    return kept
