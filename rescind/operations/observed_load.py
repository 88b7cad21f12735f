"""The load of the last day, from the ledger's counters, with each lane's policy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from limits import parse
from sqlalchemy import Connection, func, select

from rescind.config.accounts import Accounts, Lane
from rescind.ledger.reading.counter_totals import Total, call_totals
from rescind.ledger.storage.counters import OUTCOME, SLOT, T, slot_of
from rescind.operations.capacity import LaneLoad
from rescind.provider.policy import Policy

ANSWER_SECONDS = 1.0
"""Assumed of a provider that was never called."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The load of the last day."""

    lanes: list[LaneLoad]
    peak: float | None
    """The busiest quarter of an hour by the average; ``None`` if nothing ended."""


@dataclass(frozen=True, slots=True)
class _Calls:
    """What was seen of all calls to one provider."""

    answer: float
    """Seconds for each call."""
    readings: float
    """Readings for each order that was sent."""


def observed(connection: Connection, accounts: Accounts, now: datetime) -> Observed:
    """The load of each account of the accounts file, and of each lane with outcomes."""
    by_slot = _outcomes(connection, now - timedelta(days=1))
    by_lane, by_time = Counter[Lane](), Counter[int]()
    for (slot, lane), number in by_slot.items():
        if lane in accounts.lanes:
            by_lane[lane] += number
            by_time[slot] += number
    calls = _calls(call_totals(connection))
    lanes = [
        lane_load(accounts.policy(lane), lane, by_lane[lane], calls.get(lane[0]))
        for lane in sorted(accounts.lanes)
    ]
    slots = timedelta(days=1) / SLOT
    total = sum(by_time.values())
    return Observed(lanes, max(by_time.values()) * slots / total if total else None)


def nothing_observed(accounts: Accounts) -> Observed:
    """The accounts of the file, before there is a ledger."""
    lanes = [lane_load(accounts.policy(lane), lane, 0) for lane in accounts.lanes]
    return Observed(sorted(lanes, key=lambda one: one.lane), None)


def _outcomes(connection: Connection, since: datetime) -> dict[tuple[int, Lane], int]:
    names = (T.slot, T.provider, T.account)
    chosen = (
        select(*names, func.sum(T.count))
        .where(T.slot > slot_of(since), T.metric == OUTCOME)
        .group_by(*names)
    )
    rows = connection.execute(chosen)
    return {(slot, (its, account)): max(0, int(n)) for slot, its, account, n in rows}


def _calls(totals: list[Total]) -> Mapping[str, _Calls]:
    count, took = Counter[str](), Counter[str]()
    sent, read = Counter[str](), Counter[str]()
    for one in totals:
        count[one.provider] += one.count
        took[one.provider] += one.took_ms
        (sent if one.first == "cancel" else read)[one.provider] += one.orders
    return {
        its: _Calls(took[its] / 1000 / count[its], read[its] / max(1, sent[its]))
        for its in count
        if count[its]
    }


def lane_load(
    policy: Policy, lane: Lane, orders: float, seen: _Calls | None = None
) -> LaneLoad:
    """The load of one lane; without calls that were ``seen``, no order is read."""
    readings = seen.readings / policy.read_batch if seen else 0.0
    return LaneLoad(
        lane,
        orders,
        _a_second(policy.rate),
        policy.batch,
        policy.concurrency,
        1 / policy.batch + readings,
        round(seen.answer, 3) if seen else ANSWER_SECONDS,
    )


def _a_second(rate: str) -> float:
    if rate == "none":
        return math.inf
    parsed = parse(rate)
    return parsed.amount / float(parsed.get_expiry())
