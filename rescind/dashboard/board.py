"""Reads what the overview shows: lanes, a day's outcomes, and what needs a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.plot import Plot, plot_of
from rescind.ledger.reading.backlogs import Backlog
from rescind.ledger.reading.counter_totals import flow
from rescind.ledger.reading.endings import COUNTED, ended
from rescind.ledger.reading.gauges import Run, deliveries, latest_runs
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.operations import actions
from rescind.operations.lane_view import LaneView

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One lane, as it is shown. No field changes only because time passes."""

    name: str
    provider: str
    account: str
    status: str
    """``open``, ``paused`` or ``held``."""
    why: str | None
    since: datetime | None
    until: datetime | None
    """When the lane will be tried again automatically."""
    backlog: Backlog
    rate: str
    read_rate: str
    failed: int
    by_file: bool
    """Whether a fault in the accounts file holds it, which no button can mend."""
    held_by: str | None = None
    """The actor who holds it, if an operator does."""
    stalled_since: datetime | None = None
    """Since when no call is made, though the lane is open and orders are due."""


@dataclass(frozen=True, slots=True)
class Board:
    """All data of the overview. Two equal boards look the same."""

    lanes: Sequence[LaneRow]
    plot: Plot
    failed: int
    undelivered: int
    runs: Sequence[Run]
    """The latest run of each schedule, if it is held or failed."""
    accounts_fault: str | None
    counted: int = COUNTED

    @property
    def stalled(self) -> Sequence[LaneRow]:
        return [one for one in self.lanes if one.stalled_since]

    @property
    def not_open(self) -> Sequence[LaneRow]:
        return [one for one in self.lanes if one.status != "open"]


def read_board(dashboard: Dashboard) -> Board:
    """Read the overview now, from a few rows of each index."""
    now, accounts = dashboard.now(), dashboard.accounts
    seen = actions.lanes(dashboard.engine, accounts, now)
    with reading(dashboard.engine) as connection:
        failed = ended(connection, State.FAILED)
        counts = flow(connection, now - DAY, now)
        told, runs = deliveries(connection), latest_runs(connection)
    return Board(
        lanes=[_row(one, failed.get(one.lane, 0), now) for one in seen],
        plot=plot_of(counts, now),
        failed=sum(failed.values()),
        undelivered=sum(n for (_, state), n in told.items() if state == "given_up"),
        runs=[run for run in runs if run.state in ("held", "failed")],
        accounts_fault=accounts.fault,
    )


def _row(seen: LaneView, failed: int, now: datetime) -> LaneRow:
    status, why = seen.status(now)
    held = status == "held" and seen.fault is None
    until = {"held": seen.state.probe_at, "paused": seen.state.paused_until}
    return LaneRow(
        name=seen.name,
        provider=seen.lane[0],
        account=seen.lane[1],
        status=status,
        why=why,
        since=seen.state.held_at if held else None,
        until=until.get(status) if seen.fault is None else None,
        backlog=seen.backlog,
        rate=seen.policy.rate,
        read_rate=seen.policy.read_rate,
        failed=failed,
        by_file=seen.fault is not None,
        held_by=seen.held_by,
        stalled_since=seen.stalled_since if status == "open" else None,
    )
