"""Builders of cancellations that wait for others, for the ledger's tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from rescind.ledger.changes.dependencies import Waiting
from rescind.ledger.changes.new_cancellation import waiting
from rescind.ledger.changes.recording import LaneChanges, Recorded, record_many
from rescind.ledger.changes.retries import retry
from rescind.ledger.changes.waiting_insertion import insert_waiting, lock
from rescind.ledger.conditions import DEFAULT
from rescind.ledger.progress import Claimed
from rescind.ledger.states import State
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import writing
from rescind.provider.outcomes import Reason
from tests.ledger.build import BY, LANE, NOW, PLAIN, change, hold, new

ENDED: dict[str, Any] = {"reason": Reason.CONFIRMED}


def after(
    engine: Engine,
    *predecessors: str,
    order: str = "after",
    only_if: str = DEFAULT,
    now: datetime = NOW,
    **values: Any,
) -> str:
    """Insert one that waits for these; returns its id."""
    one = new(order, progress=waiting(), **values)
    with writing(engine) as connection:
        known = lock(connection, predecessors)
        depth = 1 + max(before.depth for before in known.values())
        its = Waiting(one, list(known), only_if, depth)
        insert_waiting(connection, [its], now)
    return one.id


def claimed(
    engine: Engine, one: str, lane: tuple[str, str] = LANE, now: datetime = NOW
) -> Claimed:
    """Claim this one, which must be due."""
    return next(each for each in hold(engine, lane=lane, now=now) if each.id == one)


def finish(
    engine: Engine,
    held: Claimed | Sequence[Claimed],
    state: State = State.CANCELLED,
    reason: Reason = Reason.CONFIRMED,
    now: datetime = NOW,
    lane: tuple[str, str] = LANE,
) -> Recorded:
    """Record this end of what was claimed."""
    some = [held] if isinstance(held, Claimed) else held
    changes = [change(one, state, reason=reason) for one in some]
    with writing(engine) as connection:
        return record_many(connection, [LaneChanges(lane, changes)], now)


def retried(engine: Engine, one: str, now: datetime = NOW) -> bool:
    with writing(engine) as connection:
        chosen = select(CANCELLATION).where(CANCELLATION.c.id == one)
        row = connection.execute(chosen).one()
        return retry(connection, row, now, policy=PLAIN, by=BY)
