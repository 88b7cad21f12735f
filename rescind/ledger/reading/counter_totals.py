"""Reads the ledger's counters, summed over all shards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from rescind.ledger.storage.counters import (
    ACCEPTED,
    CALL,
    EVENTS,
    NAMES,
    OUTCOME,
    RETRY,
    SUMS,
    Lane,
    T,
    slot_of,
)
from rescind.ledger.storage.milliseconds import in_ms, moment
from rescind.ledger.storage.side_tables import TALLY

_SUMS = [func.sum(T[name]) for name in SUMS]


@dataclass(frozen=True, slots=True)
class Flow:
    """How many cancellations ended in this way within one quarter of an hour, and stand
    so: one that was retried is counted where its latest round ended."""

    slot: datetime
    state: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Total:
    """One counter, summed over all time and all shards."""

    metric: str
    provider: str
    account: str
    first: str
    second: str
    third: str
    count: int
    orders: int
    took_ms: int


@dataclass(frozen=True, slots=True)
class LaneTotal:
    """One counter of a lane, summed over all time, all shards and all reasons."""

    metric: str
    lane: Lane
    first: str
    count: int


def flow(connection: Connection, since: datetime, until: datetime) -> list[Flow]:
    """Outcomes of all lanes by quarter of an hour, the oldest first.

    The quarter that holds ``since`` is complete. Quarters are kept for ``KEPT``.
    """
    asked = (T.slot, T.first, T.second)
    chosen = (
        select(*asked, func.sum(T.count))
        .where(T.slot >= slot_of(since), T.slot <= in_ms(until), T.metric == OUTCOME)
        .group_by(*asked)
        .order_by(*asked)
    )
    return [
        Flow(moment(slot), state, reason, int(count))
        for slot, state, reason, count in connection.execute(chosen)
    ]


def totals(connection: Connection) -> list[Total]:
    """Every counter, summed over all shards."""
    names = [column for column in TALLY.columns if column.name in NAMES]
    chosen = select(*names, *_SUMS).where(T.slot == 0).group_by(*names)
    rows = connection.execute(chosen.order_by(*names))
    return [Total(*row[:6], *map(int, row[6:])) for row in rows]


def event_totals(connection: Connection) -> list[Total]:
    """Every counter but those of calls, summed over all shards and accounts of a
    provider; the account is empty."""
    names = (T.metric, T.provider, T.first, T.second)
    chosen = select(*names, *_SUMS).where(T.slot == 0, T.metric.in_(EVENTS))
    rows = connection.execute(chosen.group_by(*names))
    return [
        Total(name, its, "", first, second, "", int(count), int(orders), int(ms))
        for name, its, first, second, count, orders, ms in rows
    ]


def lane_totals(connection: Connection) -> list[LaneTotal]:
    """What was accepted, was retried and ended in each lane, summed over all shards."""
    # In the order of the primary key: SQLite sums them as it reads them.
    names = (T.metric, T.provider, T.account, T.first)
    chosen = select(*names, func.sum(T.count)).where(T.slot == 0)
    counted = chosen.where(T.metric.in_((ACCEPTED, OUTCOME, RETRY)))
    rows = connection.execute(counted.group_by(*names))
    return [
        LaneTotal(metric, (provider, account), first, int(count))
        for metric, provider, account, first, count in rows
    ]


def call_totals(connection: Connection) -> list[Total]:
    """The counters of calls, summed over all shards and accounts of a provider; the
    account is empty."""
    names = (T.provider, T.first, T.second, T.third)
    chosen = select(*names, *_SUMS).where(T.slot == 0, T.metric == CALL)
    rows = connection.execute(chosen.group_by(*names))
    return [
        Total(CALL, its, "", first, second, third, int(count), int(orders), int(ms))
        for its, first, second, third, count, orders, ms in rows
    ]


def lanes_with_outcomes(connection: Connection, since: datetime) -> set[Lane]:
    """The lanes in which a cancellation ended in the quarter that holds ``since``, or
    later. Quarters are kept for ``KEPT``."""
    lane = (T.provider, T.account)
    chosen = select(*lane).where(T.slot >= slot_of(since), T.metric == OUTCOME)
    rows = connection.execute(chosen.distinct())
    return {(row.provider, row.account) for row in rows}
