"""Reads what the overview shows: problems, lanes, and a day's outcomes.

Each number counts one thing. "Failed" counts the cancellations that are ``failed``
now: in the tile, the groups, the lanes and the list. The chart counts those that ended
in the last 24 hours, each once, as it stands now. So one that was retried has left the
failed ones everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from providers.registry import BROKEN
from rescind.browse.failures import COUNTED, Failures, failures
from rescind.dashboard.advice import advice, headline
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.plot import Plot, minute_of, plots_of
from rescind.dashboard.system_health import SystemFault
from rescind.ledger.reading.backlogs import Backlog
from rescind.ledger.reading.counter_totals import flow
from rescind.ledger.reading.gauges import Run, deliveries, latest_runs
from rescind.ledger.reading.predecessors import waiting_for_failed
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.operations import actions
from rescind.operations.lane_view import LaneView
from rescind.provider.discovery import BrokenProvider
from rescind.schedules.rules import load_schedules

DAY = timedelta(hours=24)
NORMAL_WAIT = timedelta(seconds=30)
"""While nothing works, a lane whose queued orders wait longer stands still."""


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
    """How many are ``failed`` now; ``COUNTED`` + 1 means more."""
    by_file: bool
    """Whether a fault in the accounts file holds it, which no button can mend."""
    held_by: str | None = None
    """The actor who holds it, if an operator does."""
    held_note: str | None = None
    """Why that actor holds it, if the actor said so."""
    stalled_since: datetime | None = None
    """Since when no call is made, though the lane is open and orders are due."""

    unserved: bool = False
    """Whether queued orders wait, though it is open, because nothing works."""

    @property
    def troubled(self) -> bool:
        return self.status != "open" or self.stalled_since is not None or self.unserved

    @property
    def busy(self) -> bool:
        """Whether it has open work, or work that failed."""
        return bool(self.backlog.by_state or self.failed)


@dataclass(frozen=True, slots=True)
class Problem:
    """Cancellations of one lane that failed for one reason: one line, one advice."""

    failures: Failures

    @property
    def advice(self) -> str:
        its = self.failures
        return advice(its.lane[0], State.FAILED, its.reason, int(its.sent))

    @property
    def headline(self) -> str | None:
        return headline(self.failures.reason, int(self.failures.sent))


@dataclass(frozen=True, slots=True)
class Board:
    """All data of the overview. Two equal boards look the same."""

    lanes: Sequence[LaneRow]
    plots: Mapping[int, Plot]
    """The chart, by the minute of UTC at which the hours of a zone begin."""
    problems: Sequence[Problem]
    undelivered: int
    runs: Sequence[Run]
    """The latest run of each schedule that exists, if it is held or failed."""
    accounts_fault: str | None
    waiting: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Cancellations that failed, and those that wait for each until a person decides;
    by their ids."""
    broken: Sequence[BrokenProvider] = ()
    """Providers of installed packages that cannot be used."""
    counted: int = COUNTED
    fault: SystemFault | None = None
    """Why orders of no lane are sent in time, if it is so."""

    @property
    def failed(self) -> int:
        return sum(one.failures.count for one in self.problems)

    @property
    def troubled(self) -> Sequence[LaneRow]:
        return [one for one in self.lanes if one.troubled]

    @property
    def busy(self) -> Sequence[LaneRow]:
        return [one for one in self.lanes if one.busy and not one.troubled]

    @property
    def idle(self) -> Sequence[LaneRow]:
        return [one for one in self.lanes if not one.busy and not one.troubled]

    def plot_in(self, zone: tzinfo, now: datetime) -> Plot:
        """The chart whose hours are those of the zone's clock now."""
        return self.plots[minute_of(zone, now)]

    @property
    def quiet(self) -> bool:
        """Whether nothing needs a person."""
        found = (self.problems, self.troubled, self.undelivered, self.runs)
        return not any(found) and not (self.accounts_fault or self.broken or self.fault)


def shown_in(board: Board, zone: tzinfo, now: datetime) -> dict[str, Any]:
    """The variables of the template ``board.html`` for a reader in this zone."""
    return {"board": board, "plot": board.plot_in(zone, now), "zone": zone}


def read_board(dashboard: Dashboard, fault: SystemFault | None = None) -> Board:
    """Read the overview now, from a few rows of each index."""
    now, accounts = dashboard.now(), dashboard.accounts
    seen = actions.lanes(dashboard.engine, accounts, now)
    with reading(dashboard.engine) as connection:
        failed = failures(connection)
        counts = flow(connection, now - DAY, now)
        told, runs = deliveries(connection), latest_runs(connection)
        waiting = waiting_for_failed(connection, COUNTED)
    return Board(
        lanes=[_row(one, _failed_on(one, failed), now, fault) for one in seen],
        plots=plots_of(counts, now),
        problems=[Problem(one) for one in failed],
        undelivered=sum(n for (_, state), n in told.items() if state == "given_up"),
        runs=_troubled_runs(dashboard, runs),
        accounts_fault=accounts.fault,
        waiting=waiting,
        broken=tuple(BROKEN.values()),
        fault=fault,
    )


def _troubled_runs(dashboard: Dashboard, runs: Sequence[Run]) -> list[Run]:
    troubled = [run for run in runs if run.state in ("held", "failed")]
    if not troubled:
        return []
    found = load_schedules(dashboard.context.settings.schedules)
    if found.missing or found.fault is not None:
        # Perhaps only the workers have the file: it is not known which ones exist.
        return troubled
    return [run for run in troubled if run.name in found.names]


def _failed_on(seen: LaneView, failed: Sequence[Failures]) -> int:
    return sum(one.count for one in failed if one.lane == seen.lane)


def _row(
    seen: LaneView, failed: int, now: datetime, fault: SystemFault | None
) -> LaneRow:
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
        held_note=seen.held_note,
        stalled_since=seen.stalled_since if status == "open" else None,
        unserved=status == "open" and _is_unserved(seen, now, fault),
    )


def _is_unserved(seen: LaneView, now: datetime, fault: SystemFault | None) -> bool:
    backlog = seen.backlog
    if fault is None or not fault.stops_calls or State.QUEUED not in backlog.by_state:
        return False
    return backlog.oldest is not None and now - backlog.oldest > NORMAL_WAIT
