"""The ledger's functions for many lanes, for one lane: short forms for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from rescind.ledger.changes.call_log import CallMade, append_calls
from rescind.ledger.changes.claims import Wanted, claim_many, waiting_many
from rescind.ledger.changes.recording import LaneChanges, Recorded, record_many
from rescind.ledger.progress import Change, Claimed
from rescind.ledger.states import State

Lane = tuple[str, str]


def claim(
    connection: Connection,
    lane: Lane,
    state: State,
    limit: int,
    lease: timedelta,
    now: datetime,
) -> list[Claimed]:
    return claim_many(connection, [Wanted(lane, state, limit, lease)], now)[0]


def waiting(
    connection: Connection, lane: Lane, state: State, limit: int, now: datetime
) -> int:
    return waiting_many(connection, [(lane, state, limit)], now)[0]


def record(
    connection: Connection, changes: Sequence[Change], now: datetime, lane: Lane
) -> Recorded:
    return record_many(connection, [LaneChanges(lane, changes)], now)


def record_calls(
    connection: Connection, provider: str, account: str, calls: Sequence[CallMade]
) -> None:
    append_calls(connection, [((provider, account), call) for call in calls])
