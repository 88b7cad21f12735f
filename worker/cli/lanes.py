"""Lanes shown, held and let go: behind ``rescind lanes``, ``hold`` and ``resume``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from ledger.backlogs import COUNTED, Backlog, backlogs
from ledger.database import reading, writing
from ledger.lanes import (
    LaneState,
    all_lanes,
    hold_for_operator,
    read_lane,
    write_lane,
)
from ledger.queries import stamp
from ledger.tables import to_ms
from providers.model import Policy
from worker.accounts import Accounts, Lane
from worker.cli import output, services
from worker.cli.statuses import CommandError


@dataclass(frozen=True, slots=True)
class Shown:
    """One lane, with all that is known of it."""

    lane: Lane
    fault: str | None
    policy: Policy
    state: LaneState
    backlog: Backlog

    def status(self, now: datetime) -> tuple[str, str | None]:
        """``open``, ``paused`` or ``held``, and why."""
        if self.fault is not None:
            return "held", self.fault
        if self.state.held_at is not None:
            return "held", self.state.held_reason
        if self.state.paused_until is not None and now < self.state.paused_until:
            return "paused", self.state.pause_reason
        return "open", None


def show_lanes(*, exact: bool | None, as_json: bool) -> None:
    engine, accounts = services.need_ledger(), services.need_accounts()
    now = services.utc_now()
    # A program that knows of no more than the numbers takes them as they are.
    most = None if (as_json if exact is None else exact) else COUNTED
    shown = _lanes(engine, accounts, now, most)
    if as_json:
        for one in shown:
            output.emit_json(_document(one, now))
    elif shown:
        columns = ("lane", "status", "backlog", "oldest", "rate", "why")
        output.table(columns, [_row(one, now) for one in shown])
    else:
        output.say(
            "there are no lanes: the accounts file has no account", "accounts-missing"
        )


def _lanes(
    engine: Engine, accounts: Accounts, now: datetime, most: int | None
) -> list[Shown]:
    with reading(engine) as connection:
        states = all_lanes(connection)
        open_work = backlogs(connection, now, most)
    names = {*accounts.lanes, *states, *open_work}
    return [
        Shown(
            lane=lane,
            fault=accounts.fault_of(lane),
            policy=accounts.policy(lane),
            state=states.get(lane, LaneState()),
            backlog=open_work.get(lane, Backlog()),
        )
        for lane in sorted(names)
    ]


def _document(one: Shown, now: datetime) -> dict[str, Any]:
    status, why = one.status(now)
    oldest = one.backlog.oldest
    state = one.state
    return {
        "lane": "/".join(one.lane),
        "provider": one.lane[0],
        "account": one.lane[1],
        "status": status,
        "why": why,
        "backlog": one.backlog.by_state,
        "backlog_more": sorted(one.backlog.more),
        "oldest": stamp(to_ms(oldest)),
        "oldest_seconds": None if oldest is None else _age(oldest, now),
        "rate": one.policy.rate,
        "read_rate": one.policy.read_rate,
        "failures": state.failures,
        "paused_until": stamp(to_ms(state.paused_until)),
        "held_at": stamp(to_ms(state.held_at)),
        "probe_at": stamp(to_ms(state.probe_at)),
        "fault": one.fault,
    }


def _age(since: datetime, now: datetime) -> float:
    return round(max(0.0, (now - since).total_seconds()), 3)


def _row(one: Shown, now: datetime) -> tuple[str, ...]:
    status, why = one.status(now)
    backlog = _told(one.backlog)
    oldest = "" if one.backlog.oldest is None else _span(one.backlog.oldest, now)
    until = ""
    if status == "paused" and one.state.paused_until is not None:
        until = f" for {_span(now, one.state.paused_until)}"
    rate = one.policy.rate
    lane = "/".join(one.lane)
    return (lane, f"{status}{until}", backlog or "-", oldest or "-", rate, why or "")


def _told(backlog: Backlog) -> str:
    more = dict.fromkeys(backlog.more, "more than ")
    each = backlog.by_state.items()
    return ", ".join(f"{more.get(state, '')}{n} {state}" for state, n in each)


def _span(since: datetime, until: datetime) -> str:
    """How long, as a person says it."""
    seconds = round(_age(since, until))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


# --- holding and letting go -------------------------------------------------------


def hold_lane(name: str) -> None:
    engine, accounts = services.need_ledger(), services.need_accounts()
    lane = _known(engine, accounts, name)
    with writing(engine) as connection:
        state = read_lane(connection, lane, for_update=True)
        write_lane(connection, lane, hold_for_operator(state, services.utc_now()))
    output.emit(f"{name} is held: `rescind resume {name}` lets it go")


def resume_lane(name: str) -> None:
    engine, accounts = services.need_ledger(), services.need_accounts()
    lane = _known(engine, accounts, name)
    with writing(engine) as connection:
        read_lane(connection, lane, for_update=True)
        write_lane(connection, lane, LaneState())
    fault = accounts.fault_of(lane)
    if fault is None:
        services.wake_up([lane], "cancel", "verify", "poll")
    output.emit(f"{name} goes on")
    if fault is not None:
        why = f"{name} stays held until the accounts file is mended: {fault}"
        output.say(why, "lane-held")


def _known(engine: Engine, accounts: Accounts, name: str) -> Lane:
    found = _lanes(engine, accounts, services.utc_now(), COUNTED)
    lanes = [one.lane for one in found]
    for lane in lanes:
        if "/".join(lane) == name:
            return lane
    listed = ", ".join("/".join(lane) for lane in lanes) or "none"
    raise CommandError(
        f"{name[:100]} is no lane: give provider/account; there are: {listed}",
        problem="no-such-lane",
    )
