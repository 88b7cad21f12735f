"""Lanes: whether a provider's account may be called just now, and why not.

A lane is *paused* when its provider is down or throttles: by itself it goes on. It is
*held* when an operator must act; after a while one careful call probes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, update

from ledger import tallies
from ledger.inserting import insert_into
from ledger.tables import LANE, from_ms, to_ms
from providers.model import Policy

HELD_BY_OPERATOR = "held by an operator"


@dataclass(frozen=True, slots=True)
class LaneState:
    """What is known of one lane's provider."""

    failures: int = 0
    """Calls that failed in a row."""
    paused_until: datetime | None = None
    pause_reason: str | None = None
    held_at: datetime | None = None
    held_reason: str | None = None
    probe_at: datetime | None = None


def may_call(lane: LaneState, policy: Policy, now: datetime) -> int:
    """How many calls may be under way at once just now: 0, one probe, or all."""
    if lane.paused_until is not None and now < lane.paused_until:
        return 0
    if lane.held_at is not None:
        return 1 if lane.probe_at is not None and now >= lane.probe_at else 0
    if lane.failures >= policy.trip_after:
        return 1
    return policy.concurrency


def after_success(lane: LaneState) -> LaneState:
    """A call was answered sensibly: whatever was wrong is over."""
    # A throttle that another call met meanwhile stays in force, and an operator's hold.
    over = lane.failures > 0
    lane = replace(
        lane,
        failures=0,
        paused_until=None if over else lane.paused_until,
        pause_reason=None if over else lane.pause_reason,
    )
    if lane.held_reason == HELD_BY_OPERATOR:
        return lane
    return replace(lane, held_at=None, held_reason=None, probe_at=None)


def after_failure(
    lane: LaneState, why: str, policy: Policy, now: datetime
) -> LaneState:
    """A call never arrived, or its answer never came."""
    failures = lane.failures + 1
    if failures < policy.trip_after:
        return replace(lane, failures=failures)
    step = min(failures - policy.trip_after, len(policy.backoff) - 1)
    return replace(
        lane,
        failures=failures,
        paused_until=now + policy.backoff[step],
        pause_reason=f"{failures} calls failed in a row; the last: {why}",
    )


def after_throttle(
    lane: LaneState, wait: timedelta, why: str, now: datetime
) -> LaneState:
    """The provider asked the whole lane to wait."""
    until = now + wait
    if lane.paused_until is not None and lane.paused_until > until:
        return lane
    return replace(lane, paused_until=until, pause_reason=why)


def held(lane: LaneState, why: str, policy: Policy, now: datetime) -> LaneState:
    """The fault is the account's: an operator must act."""
    if lane.held_reason == HELD_BY_OPERATOR:
        return lane
    return replace(
        lane,
        held_at=lane.held_at or now,
        held_reason=why,
        probe_at=now + policy.probe_after,
    )


def hold_for_operator(lane: LaneState, now: datetime) -> LaneState:
    """Held until ``rescind resume``: no probe lets it go."""
    return replace(lane, held_at=now, held_reason=HELD_BY_OPERATOR, probe_at=None)


# --- in the ledger ----------------------------------------------------------------


def register_lanes(connection: Connection, lanes: Iterable[tuple[str, str]]) -> None:
    """Make sure that each lane has its row."""
    rows = [{"provider": p, "account": a, "failures": 0} for p, a in sorted(set(lanes))]
    if rows:
        connection.execute(insert_into(connection, LANE).on_conflict_do_nothing(), rows)


def all_lanes(connection: Connection) -> dict[tuple[str, str], LaneState]:
    """Every lane that ever had work, by provider and account."""
    rows = connection.execute(select(LANE).order_by(LANE.c.provider, LANE.c.account))
    return {(row.provider, row.account): _state(row) for row in rows}


def read_lane(
    connection: Connection, lane: tuple[str, str], *, for_update: bool = False
) -> LaneState:
    """One lane; an unknown one is as good as new."""
    its = {"its_provider": lane[0], "its_account": lane[1]}
    row = connection.execute(_one(for_update=for_update), its).one_or_none()
    return LaneState() if row is None else _state(row)


@cache  # it is read in each turn of each pump: see ``claims``
def _one(*, for_update: bool) -> Select[Any]:
    chosen = select(LANE).where(
        LANE.c.provider == bindparam("its_provider"),
        LANE.c.account == bindparam("its_account"),
    )
    return chosen.with_for_update() if for_update else chosen


def write_lane(connection: Connection, lane: tuple[str, str], state: LaneState) -> None:
    register_lanes(connection, [lane])
    _count_hold(connection, lane, state)
    connection.execute(
        update(LANE)
        .where(LANE.c.provider == lane[0], LANE.c.account == lane[1])
        .values(
            failures=state.failures,
            paused_until=to_ms(state.paused_until),
            pause_reason=state.pause_reason,
            held_at=to_ms(state.held_at),
            held_reason=state.held_reason,
            probe_at=to_ms(state.probe_at),
        )
    )


def _count_hold(
    connection: Connection, lane: tuple[str, str], state: LaneState
) -> None:
    was = read_lane(connection, lane)
    by_operator = state.held_reason == HELD_BY_OPERATOR
    anew = by_operator and was.held_reason != HELD_BY_OPERATOR
    if state.held_at is not None and (was.held_at is None or anew):
        who = "operator" if by_operator else "fault"
        tallies.count(connection, tallies.HOLD, lane, who)


def _state(row: Any) -> LaneState:
    return LaneState(
        failures=row.failures,
        paused_until=from_ms(row.paused_until),
        pause_reason=row.pause_reason,
        held_at=from_ms(row.held_at),
        held_reason=row.held_reason,
        probe_at=from_ms(row.probe_at),
    )
