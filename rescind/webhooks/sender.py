"""Delivers outcomes, fairly between receivers.

Deliveries are claimed and recorded in one transaction, like calls to providers. The
number of concurrent attempts to a target begins at one, doubles after each accepted
attempt, and returns to one after a failed attempt. A receiver that hangs therefore
occupies only one thread, and delays no other receiver.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

import structlog
from sqlalchemy import Engine

from rescind.config.times import utc_now
from rescind.ledger.deliveries.delivery_queries import due_targets
from rescind.ledger.deliveries.dispatch import claim_deliveries, postpone, settle
from rescind.ledger.deliveries.quiet_targets import keep_quiet, quiet_targets
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
"""How long recording waits for an unreachable ledger; shorter than the lease."""
LEASE = timedelta(seconds=WHOLE_SECONDS + RECORD_SECONDS + 20.0)


@dataclass
class Pace:
    """The number of concurrent attempts that one target gets."""

    allowed: int = 1
    in_flight: int = 0

    def room(self) -> int:
        return self.allowed - self.in_flight

    def learn(self, result: Response) -> None:
        self.in_flight -= 1
        self.allowed = min(2 * self.allowed, MOST_TO_ONE) if result.accepted else 1


class Sender:
    """Sends due deliveries, in one process. Runs each ``attempt`` in its own thread."""

    def __init__(
        self,
        engine: Engine,
        attempt: Callable[[ClaimedDelivery], Response],
        moved: Callable[[], object] = lambda: None,
        stopping: Callable[[], bool] = lambda: False,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """``moved`` is called at each step. After ``stopping``, no attempt begins."""
        self._engine = engine
        self._make_attempt = attempt
        self._moved = moved
        self._stopping = stopping
        self._now = now
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="webhook")
        self._paces: dict[str, Pace] = {}
        self._results: SimpleQueue[tuple[ClaimedDelivery, Response]] = SimpleQueue()
        self._in_flight = 0
        self._quiet: dict[str, datetime] = {}
        """Targets that asked for a wait, and when it ends."""
        self._after = ""
        """The target after which the next query begins."""

    def run(self) -> None:
        """Send due deliveries until none is due and all attempts have ended.

        A receiver that hangs blocks only its own attempts. Other deliveries that become
        due meanwhile are sent.
        """
        ended: list[Attempt] = []
        while not self._stopping():
            self._moved()
            if not (self._step(ended) or self._in_flight or self._after):
                return
            ended = self._collect(LOOK_SECONDS)
        self._write(ended, [])
        while self._in_flight:
            self._moved()
            self._write(self._collect(LOOK_SECONDS), [])

    def _step(self, ended: list[Attempt]) -> bool:
        """Record ended attempts and begin new ones; whether there was either."""
        try:
            targets = self._targets()
        except LedgerUnreachableError:
            # Attempts that have ended, or are in flight, still have to be recorded.
            if not ended and not self._in_flight:
                raise
            targets = []
        held = self._write(ended, targets)
        for delivery in held:
            self._in_flight += 1
            self._paces[delivery.target].in_flight += 1
            self._threads.submit(self._attempt, delivery)
        return bool(ended or targets)

    def _targets(self) -> list[str]:
        """Targets with due deliveries that are to be sent now, or put off."""
        if self._in_flight >= MOST_AT_ONCE:
            return []
        with reading(self._engine) as connection:
            self._quiet = quiet_targets(connection, self._now())
            found, self._after = due_targets(connection, self._after, self._now())
        # Due deliveries to a quiet target are put off.
        return [t for t in found if t in self._quiet or self._pace(t).room() > 0]

    def _pace(self, target: str) -> Pace:
        return self._paces.setdefault(target, Pace())

    # --- in the ledger ---

    def _write(self, ended: list[Attempt], targets: list[str]) -> list[ClaimedDelivery]:
        """Record ended attempts, and claim deliveries to ``targets``.

        Tries again while the ledger cannot be reached. If that lasts too long, the
        leases expire, and the deliveries are sent again.
        """
        if not ended and not targets:
            return []
        give_up = time.monotonic() + RECORD_SECONDS
        while True:
            try:
                held = self._written(ended, targets)
            except LedgerUnreachableError as error:
                if not ended or time.monotonic() > give_up:
                    raise
                log.warning("the ledger is away", error=str(error))
                time.sleep(0.5)
            else:
                for attempt in ended:
                    _say(attempt)
                return held

    def _written(
        self, ended: list[Attempt], targets: list[str]
    ) -> list[ClaimedDelivery]:
        now, held = self._now(), list[ClaimedDelivery]()
        with writing(self._engine, queue="webhooks") as connection:
            settle(connection, ended, now)
            waits = _waits(ended, now)
            keep_quiet(connection, waits, now)
            self._quiet |= waits
            answered = {one.delivery.target for one in ended}
            for target in sorted(answered.union(targets) & self._quiet.keys()):
                # Puts off some deliveries; the next step puts off further ones.
                postpone(connection, target, self._quiet[target])
            for target in targets:
                free = MOST_AT_ONCE - self._in_flight - len(held)
                room = 0 if target in self._quiet else self._pace(target).room()
                room = min(free, room)
                if room > 0:
                    held += claim_deliveries(connection, target, room, LEASE, now)
        return held

    # --- attempts in flight ---

    def _attempt(self, delivery: ClaimedDelivery) -> None:
        self._results.put((delivery, self._make_attempt(delivery)))

    def _collect(self, seconds: float) -> list[Attempt]:
        """The attempts that have ended; waits ``seconds`` for the first one."""
        found: list[Attempt] = []
        try:
            found.append(self._learn(*self._results.get(timeout=seconds), self._now()))
            while True:
                found.append(self._learn(*self._results.get_nowait(), self._now()))
        except Empty:
            return found

    def _learn(
        self, delivery: ClaimedDelivery, result: Response, now: datetime
    ) -> Attempt:
        self._in_flight -= 1
        self._pace(delivery.target).learn(result)
        return judge(delivery, result, now, random.random())  # noqa: S311  (a jitter)


def _waits(ended: Sequence[Attempt], now: datetime) -> dict[str, datetime]:
    """By target: the end of the longest wait that its responses asked for."""
    found = dict[str, datetime]()
    for one in ended:
        if one.response.wait is not None:
            until = now + min(one.response.wait, LONGEST_WAIT)
            found[one.delivery.target] = max(until, found.get(one.delivery.target, now))
    return found


def _say(attempt: Attempt) -> None:
    # Only the host of the address: the rest may hold a secret.
    about = {
        "webhook": attempt.delivery.webhook_id,
        "target": attempt.delivery.target,
        "attempts": attempt.delivery.attempts,
        "why": attempt.response.detail,
    }
    if attempt.result is Result.GIVEN_UP:
        log.error("given up: `rescind webhooks resend` sends it again", **about)
    elif attempt.result is Result.RETRIED:
        log.info("not delivered yet", **about)
