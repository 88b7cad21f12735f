"""One run of a rule: all of its rows are read and mapped before any is submitted.

Running twice changes nothing: what was submitted before is known by its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine

from rescind.config.accounts import Accounts, Lane
from rescind.config.callbacks import NO_CALLBACKS, Callbacks
from rescind.intake.submissions import MOST, Receipt, Taken, take_in
from rescind.ledger.scheduling.schedule_history import last_ended
from rescind.ledger.scheduling.schedule_runs import (
    SCHEDULED,
    Counts,
    Run,
    RunState,
    claim_run,
    finish,
    release_run,
    renew,
)
from rescind.ledger.seal import Seal, SealError
from rescind.ledger.storage.transactions import LedgerUnreachableError, writing
from rescind.schedules import reasons
from rescind.schedules.rules import Rule, Schedules
from rescind.schedules.source_rows import SourceError

LEASE = timedelta(seconds=120)
"""Longer than a source is waited for, and then a thousand are taken in."""
DELAYS = (timedelta(minutes=1), timedelta(minutes=5))
"""When a source that cannot be reached is tried again."""
MOST_ATTEMPTS = 1 + len(DELAYS)
LONGEST = timedelta(seconds=180)
"""For a run that workers do: others of the same worker wait for its end."""

log = structlog.get_logger("rescind.schedules")


@dataclass(frozen=True, slots=True)
class Harvest:
    """What a rule found: entries to submit, or more than it may."""

    entries: Sequence[dict[str, Any]]
    found: int
    """How many rows; one more than it may, if there are more."""
    most: int

    @property
    def over(self) -> bool:
        return self.found > self.most


def gather(rule: Rule, due_at: datetime, most: int | None = None) -> Harvest:
    """What the rule would submit; raises ``SourceError``, or all of it is good.

    ``most`` stands in for the rule's own ``max``.
    """
    most = rule.max if most is None else most
    rows = rule.source.read(most + 1)
    named = rule.named(due_at)
    entries = [rule.recipe.entry(row, named) for row in rows]
    return Harvest(entries, len(rows), most)


@dataclass(frozen=True)
class Ended:
    """How a run ended, or that it goes on later."""

    state: RunState
    counts: Counts | None = None
    why: str | None = None
    passing: bool = False
    """It was in vain because something was away."""


@dataclass(frozen=True)
class Runner:
    """Runs what it is given; ``wake`` tells the lanes of new work."""

    engine: Engine
    accounts: Accounts
    seal: Seal
    clock: Callable[[], datetime]
    wake: Callable[[Iterable[Lane]], None]
    callbacks: Callbacks = NO_CALLBACKS
    stopping: Callable[[], bool] = lambda: False
    """Whether this process was told to stop: a run is handed on then."""

    def run_waiting(self, name: str, found: Schedules) -> Ended | None:
        """Run what waits of this rule, if anything does. Raises
        ``LedgerUnreachableError`` and ``SealError``: its lease runs out then."""
        if name not in found.names:
            return None
        with writing(self.engine) as connection:
            run = claim_run(connection, name, self.clock(), LEASE)
        if run is None:
            return None
        if run.attempts > MOST_ATTEMPTS:
            return self._fail(run, reasons.died(name, MOST_ATTEMPTS))
        if name in found.faults:
            return self._fail(run, found.faults[name])
        try:
            return self.run(found.rules[name], run)
        except (LedgerUnreachableError, SealError):
            raise
        except Exception as error:  # noqa: BLE001  (one rule must not stop the others)
            return self._fail(run, reasons.unforeseen(error))

    def run(self, rule: Rule, run: Run, most: int | None = None) -> Ended:
        """All of one run, written down; nothing is submitted but all that was found."""
        begun = self.clock()
        try:
            harvest = gather(rule, run.due_at, most)
        except SourceError as error:
            ended = Ended(RunState.FAILED, why=str(error), passing=error.passing)
            return self._in_vain(rule, run, ended)
        if harvest.over:
            why = reasons.too_many(rule.name, harvest.most)
            return self.end(run, Ended(RunState.HELD, Counts(harvest.found), why))
        return self._submit_all(run, harvest, begun + LONGEST)

    def _submit_all(self, run: Run, harvest: Harvest, end_by: datetime) -> Ended:
        counts = Counts(harvest.found)
        for start in range(0, len(harvest.entries), MOST):
            # Whoever asked by hand waits as long as they like.
            if run.asked_by == SCHEDULED and self.clock() >= end_by:
                why = reasons.too_long(run.name, counts, LONGEST)
                return self.end(run, Ended(RunState.FAILED, counts, why))
            if not self._goes_on(run):
                return Ended(RunState.RUNNING, counts)
            chunk = harvest.entries[start : start + MOST]
            counts = _added(counts, self._submit(chunk))
        return self.end(run, Ended(RunState.SUBMITTED, counts))

    def _goes_on(self, run: Run) -> bool:
        """Whether it is still ours, and this worker stays."""
        now = self.clock()
        with writing(self.engine) as connection:
            if self.stopping() and run.asked_by == SCHEDULED:
                release_run(connection, run, now)
                return False
            return renew(connection, run, now + LEASE)

    def _submit(self, entries: Sequence[object]) -> list[Taken]:
        known = (self.engine, self.accounts, self.seal)
        taken = take_in(*known, entries, self.clock(), self.callbacks)
        new = [one for one in taken if one.receipt is Receipt.ACCEPTED]
        self.wake({one.lane for one in new if one.lane is not None})
        return taken

    def _in_vain(self, rule: Rule, run: Run, ended: Ended) -> Ended:
        """A source that is away is tried again, unless the next moment comes first."""
        now = self.clock()
        if ended.passing and run.asked_by == SCHEDULED and run.attempts <= len(DELAYS):
            again = now + DELAYS[run.attempts - 1]
            coming = rule.timing.next_after(now)
            if coming is None or coming > again:
                with writing(self.engine) as connection:
                    release_run(connection, run, again, why=ended.why)
                return replace(ended, state=RunState.RUNNING)
        return self.end(run, ended)

    def _fail(self, run: Run, why: str) -> Ended:
        return self.end(run, Ended(RunState.FAILED, why=why))

    def end(self, run: Run, ended: Ended) -> Ended:
        """Write down how it ended, and say it if it is news."""
        now, counts, why = self.clock(), ended.counts, ended.why
        with writing(self.engine) as connection:
            before = last_ended(connection, run.name)
            ours = finish(connection, run, ended.state, now, counts=counts, why=why)
        # An operator is told by the command.
        if ours and run.asked_by == SCHEDULED:
            former = before and (before.state, before.why)
            _say(run, ended, same=former == (ended.state, why))
        return ended


def _say(run: Run, ended: Ended, *, same: bool) -> None:
    """What fails each minute in the same way is said once."""
    told = {"schedule": run.name, "state": ended.state.value, "why": ended.why}
    if ended.state is not RunState.SUBMITTED:
        (log.debug if same else log.warning)("scheduled work", **told)
    elif ended.counts is not None:
        counts = ended.counts
        log.info(
            "scheduled work",
            schedule=run.name,
            found=counts.found,
            accepted=counts.accepted,
            refused=counts.refused,
        )


def _added(counts: Counts, taken: Sequence[Taken]) -> Counts:
    receipts = [one.receipt for one in taken]
    return replace(
        counts,
        accepted=counts.accepted + receipts.count(Receipt.ACCEPTED),
        duplicates=counts.duplicates + receipts.count(Receipt.DUPLICATE),
        refused=counts.refused + receipts.count(Receipt.REFUSED),
    )
