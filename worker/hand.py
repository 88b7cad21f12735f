"""What a lane was offered and has not kept yet; and keeping it.

Orders wait here for a moment, until they can be sent: then they are kept as claimed.
What cannot be sent soon is kept as queued at once, and claimed when its turn comes.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection

from ledger.arrivals import Arrivals, keep_claimed, keep_queued
from ledger.lanes import register_lanes
from ledger.progress import Claimed
from worker.accounts import Lane
from worker.handoff import Offer
from worker.runtime import do_nothing, utc_now

KEEP_SECONDS = 1.0
"""Orders that could not be sent for so long are kept as queued."""
MOST_OFFERS = 2
"""So many are in hand: one that is being sent, and the next one. The others wait where
they are, and cost nothing."""


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
        self._taken = taken
        self._lock = threading.Lock()
        self.registered = False
        """Whether the ledger knows its lane."""

    def __len__(self) -> int:
        """How many orders wait."""
        with self._lock:
            return sum(one.waiting for one in self._offers)

    @property
    def offers(self) -> int:
        return len(self._offers)

    @property
    def patience(self) -> float:
        """Seconds until what came first has waited for long enough; 0 if it has."""
        with self._lock:
            came_at = self._offers[0].came_at if self._offers else time.monotonic()
        return max(0.0, came_at + KEEP_SECONDS - time.monotonic())

    def add(self, one: Offer) -> None:
        with self._lock:
            self._offers.append(one)

    def parts(self, start: int, stop: int) -> list[Arrivals]:
        """Its orders from the ``start``-th to before the ``stop``-th."""
        with self._lock:
            return list(self._parts(start, stop))

    def _parts(self, start: int, stop: int) -> Iterator[Arrivals]:
        for one in self._offers:
            first, last = max(0, start), min(stop, one.waiting)
            if first < last:
                yield one.new.part(one.kept + first, one.kept + last)
            start, stop = start - one.waiting, stop - one.waiting

    def kept(self, what: Kept) -> None:
        """That much is in the ledger now; ``answer`` says so."""
        self.registered |= what.orders > 0
        with self._lock:
            for one in self._offers if what.left_out else ():
                one.left_out += [i for i in one.new.ids if i in what.left_out]
            self._done += self._advance(what.orders)

    def answer(self) -> bool:
        """Tell those whose offers are kept, if any; it has time until the calls go
        out."""
        done, self._done = self._done, []
        for one in done:
            one.answer()
        if done:
            self._taken()
        return bool(done)

    def refuse(self) -> None:
        """Leave all that is left to those who offered it."""
        with self._lock:
            left = list(self._offers)
            self._offers.clear()
        for one in left:
            one.refuse()
        if left:
            self._taken()

    def _advance(self, number: int) -> Iterator[Offer]:
        while self._offers and number:
            first = self._offers[0]
            some = min(first.waiting, number)
            first.kept, number = first.kept + some, number - some
            if not first.waiting:
                yield self._offers.popleft()


def keep(
    connection: Connection, hand: Hand, most: int, lease: timedelta, *, rest: bool
) -> Kept:
    """Keep up to ``most`` as claimed, for ``lease``; the ``rest``, if so, as queued.

    The same each time until ``Hand.kept`` or ``Hand.refuse`` is called.
    """
    kept, now = Kept(), utc_now()
    for part in hand.parts(0, most):
        held, left_out = keep_claimed(connection, part, lease, now)
        kept.claimed += held
        kept.left_out |= left_out
        kept.orders += len(part.rows)
    for part in hand.parts(kept.orders, sys.maxsize) if rest else ():
        kept.left_out |= keep_queued(connection, part, now)
        kept.orders += len(part.rows)
    if kept.orders and not hand.registered:
        register_lanes(connection, [hand.lane])
    return kept
