"""Serving a provider: one child of a worker works on all of its lanes side by side.

Each lane and operation has a thread of its own, so that a lane that hangs keeps nobody
but itself waiting, however many lanes there are. Between two jobs the child stays and
listens, so that the next one need not ask for a child first. When its turn is over it
lets another one serve, and brings home the calls that are still under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from ledger.database import LedgerUnreachableError, reading
from ledger.lanes import may_call, read_lane
from ledger.seal import SealError
from worker import slots
from worker.accounts import Accounts
from worker.bells import Work
from worker.broker import TASK_SECONDS
from worker.calls import longest_call
from worker.hand import MOST_IN_HAND, Hand
from worker.handoff import Offer
from worker.pump import LOOK_SECONDS, Pump
from worker.runtime import MOST_THREADS, Runtime, utc_now
from worker.stopping import stopping
from worker.sweeper import due

log = structlog.get_logger("rescind.lanes")

TURN_SECONDS = 30.0
"""A child lets another one serve after this long."""
MARGIN_SECONDS = 50.0
"""What a task needs of its time beside its last calls: to log in, to record them."""
SHORTEST_SECONDS = 10.0
MOST_OFFERS = 64
"""Taken between two looks at what else is to be done: offers may come without end."""


@dataclass
class _Running:
    """One pump, and what its thread found at its end."""

    pump: Pump
    hand: Hand
    gave_way: bool = False
    others: list[str] = field(default_factory=list)
    """Operations that its work has made due: a lost answer to verify, say."""
    ended: bool = False


class Service:
    """One child's turn of serving a provider: ``run`` it once."""

    def __init__(
        self,
        here: Runtime,
        place: slots.Place,
        wake: Callable[[set[Work]], None],
        *,
        linger: bool = False,
    ) -> None:
        self._here = here
        self._place = place
        self._wake = wake
        self._linger = linger
        self._running: dict[Work, _Running] = {}
        self._hands: dict[str, Hand] = {}
        # Kept from one job to the next: to start one takes longer than to wake one.
        self._threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="lane")
        self._closed = False
        self._began = time.monotonic()
        self._last = last_call(here.accounts, place.provider)

    def run(self, first: Work) -> None:
        """Serve, beginning with ``first``; at the end ``wake`` whom it has not served.

        With ``linger`` it stays to the end of its turn, though there be nothing to do.
        """
        self._begin(first)
        try:
            while not self._over():
                for work in self._listen():
                    self._begin(work)
                for work in self._ended():
                    self._begin(work)
        finally:
            self._closed = True
            self._place.close_inbox()
            for hand in self._hands.values():
                hand.refuse()
            # Who has left may still be busy for long with what is under way.
            self._wake(self._place.unheard())
            self._threads.shutdown()
            self._place.close()
            self._wake(self._ended() | self._place.unheard())

    def _listen(self) -> list[Work]:
        """Wait a moment for what is rung or offered."""
        place = self._place
        heard = place.bell.wait(LOOK_SECONDS, place.inbox if self._has_room() else None)
        for _ in range(MOST_OFFERS):
            if not self._has_room() or (offered := place.offered()) is None:
                break
            self._take(offered)
        return heard

    def _has_room(self) -> bool:
        return sum(map(len, self._hands.values())) < MOST_IN_HAND

    def _take(self, offered: Offer) -> None:
        provider, account = offered.new.lane
        if provider != self._place.provider:
            log.error("an offer for another provider", lane=f"{provider}/{account}")
            offered.answer()
            return
        self._hand(account).add(offered)
        work = (account, "cancel")
        if work in self._running:
            self._running[work].pump.nudge(look=False)
        else:
            self._start(work, look=False)

    def _hand(self, account: str) -> Hand:
        if account not in self._hands:
            lane = (self._place.provider, account)
            self._hands[account] = Hand(lane, self._place.bell.ring)
        return self._hands[account]

    def _over(self) -> bool:
        """Whether this turn is over, because another child can serve, or must."""
        age = time.monotonic() - self._began
        if stopping() or age >= self._last:
            return True
        if not self._running:
            return not self._linger or age >= TURN_SECONDS
        # While others are still bringing theirs home there is no place to leave to.
        return age >= TURN_SECONDS and self._place.leave()

    def _begin(self, work: Work) -> None:
        if work in self._running:
            self._running[work].pump.nudge()
        else:
            self._start(work)

    def _start(self, work: Work, *, look: bool = True) -> None:
        account, operation = work
        lane = (self._place.provider, account)
        config = self._here.accounts.lane(lane)
        # Only cancels are offered.
        hand = self._hand(account) if operation == "cancel" else Hand(lane)
        if config.account is None:
            log.error("lane cannot be called", lane="/".join(lane), why=config.fault)
            hand.refuse()
            return
        pump = Pump(self._here, lane, operation, config, hand, look=look)
        self._running[work] = _Running(pump, hand)
        self._threads.submit(self._work, self._running[work])

    def _ended(self) -> set[Work]:
        """Forget the pumps that have ended; what is to be done next."""
        following: set[Work] = set()
        for (account, operation), running in list(self._running.items()):
            if running.ended:
                del self._running[account, operation]
                following.update((account, other) for other in running.others)
                if running.gave_way or running.pump.nudged or running.hand:
                    following.add((account, operation))
        return following

    # --- in a pump's thread ---

    def _work(self, running: _Running) -> None:
        pump = running.pump
        try:
            with slots.lane(*pump.lane, pump.operation) as mine:
                if mine:
                    running.gave_way = pump.run(lambda: not self._closed)
                else:
                    running.hand.refuse()
            if pump.left_open:
                running.others = _made_due(self._here, pump)
        except (LedgerUnreachableError, SealError) as error:
            # What was claimed is found again when its lease runs out.
            log.warning("work stopped", lane="/".join(pump.lane), why=str(error))
            running.hand.refuse()
        except Exception:
            log.exception("work failed", lane="/".join(pump.lane))
            running.hand.refuse()
        finally:
            running.ended = True
            self._place.bell.ring()


def last_call(accounts: Accounts, provider: str) -> float:
    """Seconds after which no call may begin, to be recorded in the task's time."""
    policies = [c.policy for (name, _), c in accounts.lanes.items() if name == provider]
    longest = max((longest_call(p).total_seconds() for p in policies), default=0.0)
    return max(SHORTEST_SECONDS, TASK_SECONDS - MARGIN_SECONDS - longest)


def _made_due(here: Runtime, pump: Pump) -> list[str]:
    """What this work has made due need not wait for the sweep.

    Only work that was done wakes other work, or two operations of a lane that may
    not be called would wake each other for ever.
    """
    now = utc_now()
    with reading(here.engine) as connection:
        lane = read_lane(connection, pump.lane)
        if may_call(lane, pump.config.policy, now) == 0:
            return []
        operations = due(connection, pump.lane, now)
    return [other for other in operations if other != pump.operation]
