"""Runs a rule: reads and maps all its rows before it submits any.

Running twice changes nothing, because the ledger knows each entry by its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine

from rescind.config.accounts import Accounts, Lane
from rescind.config.actors import schedule_actor
from rescind.config.callbacks import NO_CALLBACKS, Callbacks
from rescind.intake.receipts import Receipt, Taken
from rescind.intake.references import resolved
from rescind.intake.submissions import MOST, take_in
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
"""Longer than the timeout of a source and the submission of 1,000 entries together."""
DELAYS = (timedelta(minutes=1), timedelta(minutes=5))
"""The delays after which an unreachable source is tried again."""
MOST_ATTEMPTS = 1 + len(DELAYS)
LONGEST = timedelta(seconds=180)
"""The time limit of a run in a worker, because the worker's other runs wait for it."""

log = structlog.get_logger("rescind.schedules")


@dataclass(frozen=True, slots=True)
class Harvest:
    """The entries that a rule found, to be submitted if there are not too many."""

    entries: Sequence[dict[str, Any]]
    found: int
    """The number of rows read: at most one more than ``most``."""
    most: int

    @property
    def over(self) -> bool:
        return self.found > self.most


def gather(rule: Rule, due_at: datetime, most: int | None = None) -> Harvest:
    """The entries that the rule would submit; ``SourceError`` if any row is wrong.

    ``most`` is used instead of the rule's ``max``.
    """
    most = rule.max if most is None else most
    rows = rule.source.read(most + 1)
    named = rule.named(due_at)
    entries = [rule.recipe.entry(row, named) for row in rows]
    return Harvest(entries, len(rows), most)


@dataclass(frozen=True)
class Ended:
    """The result of a run; its state is RUNNING if it goes on later."""

    state: RunState
    counts: Counts | None = None
    why: str | None = None
    passing: bool = False
    """Whether it failed because a service could not be reached."""


@dataclass(frozen=True)
class Runner:
    """Runs rules; ``notify`` notifies the lanes of new work."""

    engine: Engine
    accounts: Accounts
    seal: Seal
    clock: Callable[[], datetime]
    notify: Callable[[Iterable[Lane]], None]
    callbacks: Callbacks = NO_CALLBACKS
    stopping: Callable[[], bool] = lambda: False
    """Whether this process is shutting down; then it gives its run back."""

    def run_waiting(self, name: str, found: Schedules) -> Ended | None:
        """Run the rule's waiting run, if there is one.

        Raises ``LedgerUnreachableError`` and ``SealError``; the run's lease then
        expires.
        """
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
            return self.run(found.rules[name], run, run.most)
        except (LedgerUnreachableError, SealError):
            raise
        except Exception as error:  # noqa: BLE001  (one rule must not stop the others)
            return self._fail(run, reasons.unforeseen(error))

    def run(self, rule: Rule, run: Run, most: int | None = None) -> Ended:
        """Do one whole run and record it; submits either all entries or none."""
        begun = self.clock()
        try:
            harvest = gather(rule, run.due_at, most)
        except SourceError as error:
            ended = Ended(RunState.FAILED, why=str(error), passing=error.passing)
            return self._retry_or_end(rule, run, ended)
        if harvest.over:
            why = reasons.too_many(rule.name, harvest.most)
            return self.end(run, Ended(RunState.HELD, Counts(harvest.found), why))
        return self._submit_all(run, harvest, begun + LONGEST)

    def _submit_all(self, run: Run, harvest: Harvest, end_by: datetime) -> Ended:
        counts, entries = Counts(harvest.found), resolved(harvest.entries)
        for start in range(0, len(entries), MOST):
            # A run by hand has no time limit.
            if run.asked_by == SCHEDULED and self.clock() >= end_by:
                why = reasons.too_long(run.name, counts, LONGEST)
                return self.end(run, Ended(RunState.FAILED, counts, why))
            if not self._goes_on(run):
                return Ended(RunState.RUNNING, counts)
            chunk = entries[start : start + MOST]
            counts = _added(counts, self._submit(run, chunk))
        return self.end(run, Ended(RunState.SUBMITTED, counts))

    def _goes_on(self, run: Run) -> bool:
        """Whether this worker still has the run's lease, and is not shutting down."""
        now = self.clock()
        with writing(self.engine) as connection:
            if self.stopping() and run.asked_by == SCHEDULED:
                release_run(connection, run, now)
                return False
            return renew(connection, run, now + LEASE)

    def _submit(self, run: Run, entries: Sequence[object]) -> list[Taken]:
        known = (self.engine, self.accounts, self.seal)
        by = run.requested_by or schedule_actor(run.name)
        taken = take_in(*known, entries, self.clock(), self.callbacks, by=by)
        new = [one for one in taken if one.receipt is Receipt.ACCEPTED]
        self.notify({one.lane for one in new if one.lane is not None})
        return taken

    def _retry_or_end(self, rule: Rule, run: Run, ended: Ended) -> Ended:
        """Try an unreachable source again, unless the rule's next moment is earlier."""
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
        """Record the run's result, and log it if it is new."""
        now, counts, why = self.clock(), ended.counts, ended.why
        with writing(self.engine) as connection:
            before = last_ended(connection, run.name)
            ours = finish(connection, run, ended.state, now, counts=counts, why=why)
        # For an operator's run, the command prints the result.
        if ours and run.asked_by == SCHEDULED:
            former = before and (before.asked_by, before.state, before.why)
            _say(run, ended, same=former == (SCHEDULED, ended.state, why))
        return ended


def _say(run: Run, ended: Ended, *, same: bool) -> None:
    """Log a result; a failure that repeats in the same way is a warning only once."""
    about = {"schedule": run.name, "state": ended.state.value, "why": ended.why}
    if ended.state is not RunState.SUBMITTED:
        (log.debug if same else log.warning)("scheduled work", **about)
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
