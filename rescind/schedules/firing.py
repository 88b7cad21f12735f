"""Opens the runs that are due, once each, in the sweeps of any number of workers.

Each process remembers when each rule is due next. A tick therefore usually costs only
one query for waiting runs, and without rules not even that each time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine, Row

from rescind.ledger.scheduling.schedule_runs import (
    OPERATOR,
    SCHEDULED,
    RunState,
    claim_run,
    finish,
    open_run,
    ready,
)
from rescind.ledger.scheduling.schedule_starts import read_starts, write_starts
from rescind.ledger.storage.milliseconds import moment
from rescind.ledger.storage.transactions import reading, writing
from rescind.schedules.moments import latest
from rescind.schedules.rules import Schedules

RULE_GONE = timedelta(minutes=10)
"""A run whose rule no worker has is given up after this time."""
SECOND = timedelta(seconds=1)
RARELY = timedelta(minutes=1)
"""How often a process without rules looks for runs that no worker will take."""

log = structlog.get_logger("rescind.schedules")


@dataclass
class Firing:
    """Opens due runs; one process's memory of when each rule is due."""

    _schedules: Schedules = field(default_factory=Schedules)
    _since: dict[str, datetime] = field(default_factory=dict)
    _next: dict[str, datetime] = field(default_factory=dict)
    _looked_at: datetime | None = None

    def tick(self, engine: Engine, schedules: Schedules, now: datetime) -> list[str]:
        """Open a run for each rule that is due; returns the rules with waiting runs."""
        if schedules is not self._schedules:
            self._begin(engine, schedules, now)
        for name, at in list(self._next.items()):
            if at <= now:
                self._fire(engine, name, now)
        if not schedules.names and self._looked_since(now - RARELY):
            return []
        self._looked_at = now
        with reading(engine) as connection:
            waiting = ready(connection, now)
        for row in waiting:
            self._give_up(engine, row, now)
        ours = {row.name for row in waiting if row.asked_by == SCHEDULED}
        return sorted(ours & schedules.names)

    def _looked_since(self, then: datetime) -> bool:
        return self._looked_at is not None and self._looked_at > then

    def _begin(self, engine: Engine, schedules: Schedules, now: datetime) -> None:
        """Take over a new version of the schedules file."""
        timings = {name: str(rule.timing) for name, rule in schedules.rules.items()}
        with reading(engine) as connection:
            known = read_starts(connection)
        changed = {n: t for n, t in timings.items() if known.get(n, ("",))[0] != t}
        # An unreadable or missing file does not mean that its rules were removed.
        whole = schedules.fault is None and not schedules.missing
        if changed or (whole and known.keys() - schedules.names):
            with writing(engine) as connection:
                write_starts(connection, changed, schedules.names, now)
                known = read_starts(connection)
        self._schedules = schedules
        self._since = {name: known[name][1] for name in timings}
        self._next = {}
        for name in timings:
            self._plan(name, now)
        _say(schedules)

    def _plan(self, name: str, now: datetime) -> None:
        """Find the rule's first moment that was missed or is in the future."""
        self._next_after(name, self._earliest(name, now))

    def _earliest(self, name: str, now: datetime) -> datetime:
        """The time after which a missed moment is caught up."""
        return max(self._since[name], now - self._schedules.rules[name].catch_up)

    def _next_after(self, name: str, after: datetime) -> None:
        coming = self._schedules.rules[name].timing.next_after(after)
        self._next.pop(name, None)
        if coming is not None:
            self._next[name] = coming

    def _fire(self, engine: Engine, name: str, now: datetime) -> None:
        timing = self._schedules.rules[name].timing
        due_at = latest(timing, self._earliest(name, now), now)
        if due_at is not None:
            with writing(engine) as connection:
                opened = open_run(connection, name, due_at, now)
            if not opened:
                # The former run has not ended, so this moment waits for its end.
                return
        self._next_after(name, now)

    def _give_up(self, engine: Engine, row: Row[object], now: datetime) -> None:
        """End a run that no worker will take."""
        why = "the command that ran it ended before the run did: run it again"
        if row.asked_by != OPERATOR:
            waited = now - moment(row.started_at)
            if row.name in self._schedules.names or waited < RULE_GONE:
                return
            why = f"[{row.name}] is no longer in any worker's schedules file"
        with writing(engine) as connection:
            run = claim_run(connection, row.name, now, SECOND, row.asked_by)
            if run is not None:
                finish(connection, run, RunState.FAILED, now, why=why)


def _say(schedules: Schedules) -> None:
    for why in (schedules.fault, *schedules.faults.values(), *schedules.warnings):
        if why is not None:
            log.warning("schedules", why=why)
