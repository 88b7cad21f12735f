"""Delivering webhooks: fair between receivers, whatever one of them does.

Deliveries are held and settled in one transaction, as calls to providers are. To each
target so many go at once as it has shown that it can take: the first one alone, then
twice as many after each that was taken, and one again after each that was not. So one
that hangs keeps a single thread, and nobody else waits for it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

import structlog
from sqlalchemy import Engine

from rescind.config.times import utc_now
from rescind.ledger.deliveries.delivery_queries import due_targets
from rescind.ledger.deliveries.dispatch import claim_deliveries, postpone, settle
from rescind.ledger.deliveries.retry_policy import (
    LONGEST_WAIT,
    Attempt,
    ClaimedDelivery,
    Response,
    Result,
    judge,
)
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading, writing
from rescind.webhooks.posting import WHOLE_SECONDS

log = structlog.get_logger("rescind.webhooks")

LOOK_SECONDS = 0.1
MOST_TO_ONE = 8
MOST_AT_ONCE = 64
RECORD_SECONDS = 20.0
"""How long an attempt waits for a ledger that is away, before its lease does."""
LEASE = timedelta(seconds=WHOLE_SECONDS + RECORD_SECONDS + 20.0)


@dataclass
class Pace:
    """How much one target takes at once."""

    allowed: int = 1
    under_way: int = 0
    quiet_until: datetime | None = None
    """It asked to be left alone until then."""

    def quiet(self) -> datetime | None:
        """Until when it is to be left alone, if it is."""
        until = self.quiet_until
        return until if until is not None and utc_now() < until else None

    def room(self) -> int:
        return 0 if self.quiet() else self.allowed - self.under_way

    def is_asked_for(self) -> bool:
        """Whether what is due is to be sent now, or put off."""
        return self.room() > 0 or self.quiet() is not None

    def learn(self, heard: Response) -> None:
        self.under_way -= 1
        self.allowed = min(2 * self.allowed, MOST_TO_ONE) if heard.accepted else 1
        if heard.wait is not None:
            self.quiet_until = utc_now() + min(heard.wait, LONGEST_WAIT)


class Sender:
    """Delivers what is due, for one process. ``tell`` makes an attempt, in a thread of
    its own."""

    def __init__(
        self,
        engine: Engine,
        tell: Callable[[ClaimedDelivery], Response],
        moved: Callable[[], object] = lambda: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """``moved`` is called at each step. Where ``stopping``, nothing new begins."""
        self._engine = engine
        self._tell = tell
        self._moved = moved
        self._stopping = stopping
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="webhook")
        self._paces: dict[str, Pace] = {}
        self._home: SimpleQueue[tuple[ClaimedDelivery, Response]] = SimpleQueue()
        self._under_way = 0
        self._after = ""
        """The target behind which the next look begins."""

    def run(self) -> None:
        """Deliver what is due, until nothing is and all attempts have ended.

        A receiver that hangs keeps only its own attempts: what comes due meanwhile is
        delivered beside it.
        """
        home: list[Attempt] = []
        while not self._stopping():
            self._moved()
            if not (self._step(home) or self._under_way or self._after):
                return
            home = self._come_home(LOOK_SECONDS)
        self._write(home, [])
        while self._under_way:
            self._moved()
            self._write(self._come_home(LOOK_SECONDS), [])

    def _step(self, home: list[Attempt]) -> bool:
        """Write down what has come home, and send what is next; whether there was
        any of either."""
        try:
            targets = self._targets()
        except LedgerUnreachableError:
            # What has come home, or will, is to be written down yet.
            if not home and not self._under_way:
                raise
            targets = []
        held = self._write(home, targets)
        for telling in held:
            self._under_way += 1
            self._paces[telling.target].under_way += 1
            self._threads.submit(self._attempt, telling)
        return bool(home or targets)

    def _targets(self) -> list[str]:
        """Those that something is due to, and that take it now, or want none of it."""
        if self._under_way >= MOST_AT_ONCE:
            return []
        with reading(self._engine) as connection:
            found, self._after = due_targets(connection, self._after, utc_now())
        return [one for one in found if self._pace(one).is_asked_for()]

    def _pace(self, target: str) -> Pace:
        return self._paces.setdefault(target, Pace())

    # --- in the ledger ---

    def _write(self, home: list[Attempt], targets: list[str]) -> list[ClaimedDelivery]:
        """What came home goes in, what is next comes out. Where the ledger is away for
        a moment, tries again; if it stays away, leases run out and it is sent again."""
        if not home and not targets:
            return []
        give_up = time.monotonic() + RECORD_SECONDS
        while True:
            try:
                held = self._written(home, targets)
            except LedgerUnreachableError as error:
                if not home or time.monotonic() > give_up:
                    raise
                log.warning("the ledger is away", error=str(error))
                time.sleep(0.5)
            else:
                for attempt in home:
                    _say(attempt)
                return held

    def _written(
        self, home: list[Attempt], targets: list[str]
    ) -> list[ClaimedDelivery]:
        now, held = utc_now(), list[ClaimedDelivery]()
        with writing(self._engine, queue="webhooks") as connection:
            settle(connection, home, now)
            came = {one.delivery.target for one in home}
            for target in sorted(came.union(targets)):
                # Some at a time: the next step looks whether there are more.
                if until := self._pace(target).quiet():
                    postpone(connection, target, until)
            for target in targets:
                free = MOST_AT_ONCE - self._under_way - len(held)
                room = min(free, self._pace(target).room())
                if room > 0:
                    held += claim_deliveries(connection, target, room, LEASE, now)
        return held

    # --- under way ---

    def _attempt(self, telling: ClaimedDelivery) -> None:
        self._home.put((telling, self._tell(telling)))

    def _come_home(self, seconds: float) -> list[Attempt]:
        """What has come home by now; waits so long for the first of it."""
        found: list[Attempt] = []
        try:
            found.append(self._learn(*self._home.get(timeout=seconds), utc_now()))
            while True:
                found.append(self._learn(*self._home.get_nowait(), utc_now()))
        except Empty:
            return found

    def _learn(
        self, telling: ClaimedDelivery, heard: Response, now: datetime
    ) -> Attempt:
        self._under_way -= 1
        self._pace(telling.target).learn(heard)
        return judge(telling, heard, now, random.random())  # noqa: S311  (a jitter)


def _say(attempt: Attempt) -> None:
    # The host, and no more of the address: the rest may hold a secret.
    about = {
        "webhook": attempt.delivery.webhook_id,
        "target": attempt.delivery.target,
        "attempts": attempt.delivery.attempts,
        "why": attempt.response.detail,
    }
    if attempt.result is Result.GIVEN_UP:
        log.error("given up: `rescind webhooks resend` begins anew", **about)
    elif attempt.result is Result.RETRIED:
        log.info("not told yet", **about)
