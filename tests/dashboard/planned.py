"""A plan on the dashboard: a shop's order with a parcel, a refund and a message."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from rescind.ledger.changes.plan_insertion import NewStep
from rescind.ledger.changes.recording import LaneChanges, record_many
from rescind.ledger.conditions import ANY, DEFAULT
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import writing
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import PANEL, PARCEL, SHOP, take_in
from tests.ledger.build import NOW, change
from tests.ledger.planned import after, claimed
from tests.ledger.recorded_plans import plan_of

Ids = dict[str, str]
TITLE = "Web order: parcel, refund, message"


def web_order(
    engine: Engine, number: str = "1001", now: datetime = NOW
) -> tuple[str, Ids]:
    """A plan of three steps, of which two wait for the first; its id, and theirs."""
    parcel = take_in(engine, PARCEL, f"8621{number}", at=now)
    waits: dict[str, Any] = {"now": now, "opened_at": now}
    refund = after(engine, parcel, order=f"2{number}", lane=SHOP, **waits)
    waits["only_if"] = ANY
    message = after(engine, parcel, order=f"ord_{number}", lane=PANEL, **waits)
    steps = (
        NewStep("parcel", parcel),
        NewStep("refund", refund, ["parcel"], DEFAULT),
        NewStep("message", message, ["parcel"], ANY),
    )
    plan = plan_of(engine, *steps, key=number, now=now, title=TITLE)
    return plan, {"parcel": parcel, "refund": refund, "message": message}


def end_parcel(
    engine: Engine, ids: Ids, state: State, reason: Reason, now: datetime = NOW
) -> None:
    held = claimed(engine, ids["parcel"], PARCEL, now)
    ended = change(held, state, reason=reason, finished_at=now)
    with writing(engine) as connection:
        record_many(connection, [LaneChanges(PARCEL, [ended])], now)
