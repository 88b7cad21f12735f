"""A plan on the dashboard: a shop's order with a parcel, a refund and a message."""

from __future__ import annotations

from sqlalchemy import Engine

from rescind.ledger.changes.plan_insertion import NewStep
from rescind.ledger.conditions import ANY, DEFAULT
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import PANEL, PARCEL, SHOP
from tests.ledger.build import add
from tests.ledger.planned import after, claimed, finish
from tests.ledger.recorded_plans import plan_of

Ids = dict[str, str]
TITLE = "Web order: parcel, refund, message"


def web_order(engine: Engine, number: str = "1001") -> tuple[str, Ids]:
    """A plan of three steps, of which two wait for the first; its id, and theirs."""
    parcel = add(engine, order=f"8621{number}", lane=PARCEL)
    refund = after(engine, parcel, order=f"2{number}", lane=SHOP)
    message = after(engine, parcel, order=f"ord_{number}", lane=PANEL, only_if=ANY)
    steps = (
        NewStep("parcel", parcel),
        NewStep("refund", refund, ["parcel"], DEFAULT),
        NewStep("message", message, ["parcel"], ANY),
    )
    plan = plan_of(engine, *steps, key=number, title=TITLE)
    return plan, {"parcel": parcel, "refund": refund, "message": message}


def end_parcel(engine: Engine, ids: Ids, state: State, reason: Reason) -> None:
    finish(engine, claimed(engine, ids["parcel"], PARCEL), state, reason, lane=PARCEL)
